/* SPDX-License-Identifier: MIT */
/* resend: deliveries that somebody names, by id or by filter, go again, or are given up. */
#ifndef EVT_RESEND_H
#define EVT_RESEND_H

#include "feed.h"

struct resend {
	const struct journal_filter *filter; /* which */
	struct slice to;                     /* a named destination, or SLICE_NONE: see journal_reopen */
};

struct resend_result {
	int64_t matched;
	int64_t refused; /* told on standard error with the reason: the first ones by name, all of them by number */
	int64_t refused_for[JOURNAL_GONE + 1]; /* by enum journal_reopened */
	struct feed_result fed;
};

/* In how few words a number of deliveries is refused for that; `given_up`: refused to be given up. */
const char *resend_reason(enum journal_reopened answer, bool given_up);

/* Reopens, claims and writes them through `f`, the oldest first. 0, also when the reader went away; -1 with *d. */
int resend_run(const struct resend *r, const struct feed *f, struct resend_result *result, struct diag *d);

/* Ends those of them that are still open as failed, for the reason `why`, and
 * notes it with those that have failed. Nothing is written but refusals. */
int resend_give_up(const struct resend *r, struct journal *j, struct slice why, struct resend_result *result,
		   struct diag *d);

#endif
