/* SPDX-License-Identifier: MIT */
/* What the files of the page module share. Nobody else includes it. */
#ifndef EVT_PAGE_INTERNAL_H
#define EVT_PAGE_INTERNAL_H

#include "facts.h"
#include "page.h"

/* A page while it is made. */
struct page_draft {
	struct buf *b;
	struct page *page;
	struct diag *d;
	int64_t rows;               /* of the section being made */
	struct journal_filter over; /* what the overview is of: the page's filter, or a day of it */
	bool counted;               /* the journal has counts for it */
	bool failed;
};

/* The class that stands for a status or a severity: its colour. Words and glyphs always stand beside it. */
const char *page_status_class(enum journal_status status);

void page_add_status(struct buf *b, enum journal_status status);
void page_add_event_link(struct page_draft *p, struct slice source, struct slice id); /* plain text in a file */

/* A command with a button that copies it, which the script shows. `name` makes its id. */
void page_add_command(struct page_draft *p, const struct journal_row *row);

/* The parts above the history. */
int page_add_verdict(struct page_draft *p, const struct facts *facts, bool short_form);
int page_add_overview(struct page_draft *p, const struct facts *facts);

int page_add_event_list(struct page_draft *p); /* the events of the page's filter, whole */

#endif
