/* SPDX-License-Identifier: MIT */
/* history: rows of the journal as a table for people, and as TSV or JSON for programs, whose columns and keys are those of
 * the view `history`, in its order (evt-journal(5)). */
#ifndef EVT_HISTORY_H
#define EVT_HISTORY_H

#include <stdio.h>

#include "show.h"

enum history_format { HISTORY_TABLE, HISTORY_TSV, HISTORY_JSON, HISTORY_JSONL, HISTORY_EVENT };

/* Writes what `filter` lets through to `out`, newest first, and counts it; `more` says that the filter's limit hid
 * further rows. The formats but the table are written as they are read; the table is laid out whole. 0; or -1 with *d:
 * the journal's, or DIAG_IO when `out` takes no more. */
struct history {
	enum history_format format;
	struct show_style style;
	FILE *out;
	void (*missing)(struct slice id); /* is told each id of the filter that no row is of */
	int64_t count;                    /* out */
	int64_t missing_count;            /* out; 0 while there is more */
	int64_t expired;                  /* out: HISTORY_EVENT: rows without a payload, which are left out */
	bool more;                        /* out */
	struct journal_key last;          /* out: the last row shown */
};
int history_write(struct history *h, struct journal *j, const struct journal_filter *filter, struct diag *d);

/* One row as a JSON object's members, without its braces. */
void history_add_members(struct buf *b, const struct journal_row *row);

/* Writes the buffer and empties it. 0, or -1 with DIAG_IO. */
int history_flush(struct buf *b, FILE *out, struct diag *d);

#endif
