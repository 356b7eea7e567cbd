/* SPDX-License-Identifier: MIT */
/* chart: pictures as inline SVG for a page, each followed by its figures as a table. Pure. Sizes are without a unit and stretch
 * with the page; what is written beside them is text of the page, legible at every width. Colours and patterns come from
 * the page's style by class, as its Content-Security-Policy allows no style in an element. */
#ifndef EVT_CHART_H
#define EVT_CHART_H

#include "journal.h"
#include "show.h"

/* The parts of a bar, from its foot up. */
enum chart_part { CHART_DELIVERED, CHART_SKIPPED, CHART_OPEN, CHART_RETRYING, CHART_FAILED };
enum { CHART_PARTS = 5 };
enum chart_part chart_part_of(enum journal_status status);

struct chart_bar {
	int64_t from_at, until_at;
	int64_t parts[CHART_PARTS];
};

/* Where what was received in a span is listed: appends a quoted attribute's text. NULL: nowhere. */
struct chart_link {
	void (*add)(struct buf *b, int64_t from_at, int64_t until_at, void *context);
	void *context;
};

/* `labels` is how many of the bars, evenly, are labelled beneath; a multiple of it is `count`. */
void chart_add_bars(struct buf *b, const struct chart_bar *bars, size_t count, size_t labels, bool days,
		    const struct chart_link *link, const struct show_style *style);

enum { CHART_DAY_HOURS = 24 };

/* A day in the time of the style; the hours are those of its clock. */
struct chart_day {
	int64_t at; /* an instant in it */
	int64_t failed[CHART_DAY_HOURS];
	int64_t hour_at[CHART_DAY_HOURS]; /* when that hour began; 0: it has not, or there was none */
};
void chart_add_heat(struct buf *b, const struct chart_day *days, size_t count, const struct chart_link *link,
		    const struct show_style *style);

#endif
