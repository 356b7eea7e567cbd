/* SPDX-License-Identifier: MIT */
/* detail: one event whole: what came, where it went, every attempt, and how to send it again. */
#ifndef EVT_DETAIL_H
#define EVT_DETAIL_H

#include <stdio.h>

#include "show.h"

enum detail_format { DETAIL_TEXT, DETAIL_JSON, DETAIL_JSONL }; /* JSON: an array of events; JSONL: a line each */

struct detail {
	enum detail_format format;
	struct show_style style;
	FILE *out;
	const char *journal_option, *config_option; /* what the commands to retry must be told too, or NULL */
	void (*missing)(struct slice id);           /* is told each id of the filter that there is no event of */
	int64_t count, missing_count;               /* out: events shown, ids not found */
};

/* Writes the events of filter->ids with those of their deliveries that the filter lets through. 0; or -1 with *d. */
int detail_write(struct detail *detail, struct journal *j, const struct journal_filter *filter, struct diag *d);

/* Which event the filter means: 0 when there is none; the last that was looked at when there are several. */
int detail_find(struct journal *j, const struct journal_filter *filter, int64_t *event, bool *several, struct diag *d);

/* Writes nothing but the payload, byte for byte as received, of the one event of the filter. -1 with *d also when there is none
 * or more than one (DIAG_NO), or it has expired (DIAG_NO). */
int detail_write_raw(FILE *out, struct journal *j, const struct journal_filter *filter, struct diag *d);

/* The pipeline that sends this delivery again, as a line for sh(1). False, nothing added, when none will: it is in
 * processing, its payload has expired, or it has no destination. */
bool detail_add_retry(struct buf *b, const struct journal_row *row, const char *config_option,
		      const char *journal_option);

#endif
