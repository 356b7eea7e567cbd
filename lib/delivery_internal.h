/* SPDX-License-Identifier: MIT */
/* What the two halves of delivery share: delivery.c reads, holds and waits; delivery_turn.c records and starts. */
#ifndef EVT_DELIVERY_INTERNAL_H
#define EVT_DELIVERY_INTERNAL_H

#include "delivery.h"
#include "lane.h"
#include "lines.h"

enum { DELIVERY_BATCH = SENDER_SLOTS }; /* rows of a kind in one transaction: it stays well under 50 ms */

struct delivery_turn {
	struct queue answered, ending, returning, starting;
	struct journal_outcome outcomes[DELIVERY_BATCH];
	struct journal_end ends[DELIVERY_BATCH];
	struct journal_start starts[DELIVERY_BATCH];
	struct attempt *of_end[DELIVERY_BATCH], *of_start[DELIVERY_BATCH]; /* whose rows they are */
	size_t outcome_count, end_count, start_count;
};

struct delivery {
	const struct delivery_options *options;
	struct delivery_report *report;
	struct journal *journal;
	struct sender *sender;
	struct lines lines;
	struct event_parser parser;
	struct jtext json; /* of answers */
	struct lane *lanes;
	struct queue answered, ending, returning; /* to be recorded; lines that carry their own end; to be given back */
	struct queue spare;                       /* ended ones, to be used again */
	struct attempt *made;                     /* all there are, by made_before */
	size_t held_lines, held_bytes;            /* read, and not ended */
	int flying;
	bool input_ended, read_failed, stopping, abandoned;
	struct diag read_failure;
	int64_t full_since;                           /* monotonic; 0: reading does not wait */
	uint64_t full_line;                           /* the line that had been read by then */
	int64_t failing_since, pause_until, pause_ms; /* while the journal is not to be had */
	bool idle;                                    /* journal_idle has been called, and nothing has happened since */
	unsigned short random[3];
	struct buf printed;
	struct delivery_turn turn;
};

static inline struct lane *delivery_lane(const struct attempt *a)
{
	return a->lane;
}

/* One is no longer under way, or will not be. */
static inline void delivery_land(struct delivery *r, struct lane *l)
{
	l->flying--;
	r->flying--;
}

/* Takes what is to be recorded, ended, given back and started, as far as one transaction goes, commits it, and sends what was
 * started. 0, also when the journal was not to be had: then all of it waits for the next turn; -1 when that has lasted too long. */
int delivery_take_turn(struct delivery *r, int64_t now, struct diag *d);

#endif
