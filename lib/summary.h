/* SPDX-License-Identifier: MIT */
/* summary: the whole at a glance: how many of each status, how they come and fail by the hour, the errors that stand
 * most often, what each source sent last, how each destination does, how large the journal is. */
#ifndef EVT_SUMMARY_H
#define EVT_SUMMARY_H

#include <stdio.h>

#include "show.h"

struct summary {
	bool json; /* one object, else text */
	struct show_style style;
	FILE *out;
	struct journal_tally tally; /* out */
};

/* Counts, hours, errors and sources are of what `filter` lets through;
 * destinations and the journal's size are not. 0, or -1 with *d. */
int summary_write(struct summary *s, struct journal *j, const struct journal_filter *filter, struct diag *d);

#endif
