/* SPDX-License-Identifier: MIT */
/* facts: what the journal says at one instant, in figures: all that a verdict is judged on. */
#ifndef EVT_FACTS_H
#define EVT_FACTS_H

#include "clock.h"
#include "journal.h"

#define FACTS_SPAN_MS  (24 * CLOCK_HOUR) /* what counts as recent: changed since then */
#define FACTS_QUIET_MS (2 * CLOCK_HOUR)  /* how long nothing must have come to be called silent */

struct facts_destination {
	struct slice name; /* SLICE_NONE: events that have no destination */
	struct journal_course course;
	struct journal_backlog backlog;
	struct journal_health health;
};

struct facts {
	int64_t now;
	struct journal_tally tally; /* received in this hour of the clock and the 23 before */
	/* Requests turned away at the door, in the hours of the clock that FACTS_QUIET_MS reaches into. */
	int64_t refused;
	/* By source: of the last FACTS_QUIET_MS, and of the same hours of earlier weeks. */
	struct journal_arrival *arrivals;
	size_t arrival_count;
	struct facts_destination *destinations;
	size_t destination_count;
	struct journal_trouble *troubles; /* of the last FACTS_SPAN_MS, the most frequent first */
	size_t trouble_count;
	struct journal_size size;
	char **texts; /* what the slices point into */
	size_t text_count;
	bool failed; /* memory ran out */
};

/* Reads them, in short read transactions one after the other. 0, or -1 with *d. facts_free in either case. */
int facts_gather(struct facts *f, struct journal *j, int64_t now, struct diag *d);
void facts_free(struct facts *f);

#endif
