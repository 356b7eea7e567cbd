/* SPDX-License-Identifier: MIT */
/* refusals: what a receiver turns away, counted in memory and written to the journal now and then: per source, hour and cause,
 * with the headers of the last one. Bounded whatever is sent: a row for each known source and cause, and one for
 * each cause of all the rest. Nothing of a body, and nothing that could be a secret, is kept. */
#ifndef EVT_REFUSALS_H
#define EVT_REFUSALS_H

#include "intake.h"
#include "peer.h"

enum { REFUSALS_ROWS = 256, REFUSALS_SAMPLE = 2048 };

struct refusals {
	const struct peer_proxies *proxies; /* borrowed */
	struct refusals_row *rows;
	size_t count; /* rows that wait to be written */
};

/* Never fails: without memory it is not counted. */
void refusals_note(struct refusals *all, const struct request *r, const struct intake *in, int64_t now);

/* In a transaction of its own, if there is anything. 0 and empty again; or -1, and it may be tried again. */
int refusals_write(struct refusals *all, struct journal *j, int64_t now, struct diag *d);
void refusals_free(struct refusals *all);

#endif
