/* SPDX-License-Identifier: MIT */
/* page: the history as HTML, whole in itself: it asks for nothing more, is read without a script, and says nothing by
 * colour alone. Live, it has addresses (view.h) for its filters, its places and its events; as a file, it has none, but
 * a filter of its own over the rows it holds. */
#ifndef EVT_PAGE_H
#define EVT_PAGE_H

#include "show.h"
#include "view.h"

enum { PAGE_FILE_ROWS = 500 }; /* of a file, unless told otherwise */

struct page {
	struct journal *journal;
	struct journal_filter filter;               /* which deliveries; with ids: which events */
	const struct view *view;                    /* what it is shown at; NULL: it is a file */
	const char *journal_path;                   /* told at its foot, or NULL */
	const char *journal_option, *config_option; /* what the commands to retry must be told too, or NULL */
	struct show_style style;
	int64_t count; /* out: deliveries shown */
};

/* Each appends a whole page; the journal's reads are over when it returns. 0, or -1 with *d. */
int page_add_history(struct buf *b, struct page *page, struct diag *d);
int page_add_events(struct buf *b, struct page *page, struct diag *d); /* those of filter.ids */
void page_add_refusal(struct buf *b, struct page *page, int status, const char *why);

/* The Content-Security-Policy under which a page works. */
void page_add_policy(struct buf *b, bool live);

#endif
