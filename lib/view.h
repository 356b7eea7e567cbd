/* SPDX-License-Identifier: MIT */
/* view: what a page is asked for, as the query of its address says it: the filters of filter.h under the same names, and
 * which event, where the page begins. A view holds what was asked, in words, so that it can be written again with
 * a part of it changed: each has an address that can be shared. */
#ifndef EVT_VIEW_H
#define EVT_VIEW_H

#include "buf.h"
#include "journal.h"

enum view_key {
	VIEW_SINCE,
	VIEW_UNTIL,
	VIEW_STATUS, /* several, by commas or repeated */
	VIEW_TYPE,
	VIEW_SOURCE,
	VIEW_DESTINATION,
	VIEW_SUBJECT,
	VIEW_ERROR,
	VIEW_LIMIT,   /* up to VIEW_ROWS_MOST */
	VIEW_AFTER,   /* the row behind which the page begins, as filter_add_after writes it */
	VIEW_EVENT,   /* this event whole */
	VIEW_RAW,     /* its payload, byte for byte */
	VIEW_REFRESH, /* seconds after which to ask again, from 5 */
	VIEW_KEYS,
};

enum { VIEW_ROWS = 50, VIEW_ROWS_MOST = 500 };

struct view {
	char *values[VIEW_KEYS]; /* owned; NULL: not asked for */
	bool untidy;             /* something was empty, as forms leave it: the same can be said shorter */
	struct slice event;      /* what the filter's ids point to */
};
void view_free(struct view *a);

/* Takes one parameter as the query of an address has it, still encoded. 0, or -1 with DIAG_USAGE. */
int view_take(struct view *a, struct slice key, struct slice value, struct diag *d);

/* The filter that it means at `now`; it borrows from `a`. 0, or -1 with DIAG_USAGE. */
int view_filter(struct view *a, struct journal_filter *filter, int64_t now, struct diag *d);

const char *view_name(enum view_key key);
int64_t view_refresh_s(const struct view *a); /* 0: never; -1: no number that is taken */

/* Appends "?since=2h&amp;status=failed": the address of the page that follows when `key` becomes `value` (NULL: is left
 * out), fit for a quoted attribute. The place in the list is forgotten unless it is what changes. */
void view_add(struct buf *b, const struct view *a, enum view_key key, const char *value);
void view_add_event(struct buf *b, struct slice source, struct slice id); /* "?event=...&amp;source=..." */
void view_add_whole(struct buf *b, const struct view *a);                 /* for a header: no HTML */

#endif
