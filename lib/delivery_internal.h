/* SPDX-License-Identifier: MIT */
/* What the parts of delivery share: delivery.c reads, holds and waits; delivery_turn.c puts turns together and draws the
 * consequences; delivery_commit.c commits them, in a thread of its own. */
#ifndef EVT_DELIVERY_INTERNAL_H
#define EVT_DELIVERY_INTERNAL_H

#include <pthread.h>

#include "delivery.h"
#include "lane.h"
#include "lines.h"

enum {
	DELIVERY_BATCH = SENDER_SLOTS,  /* rows of a kind in one transaction: it stays well under 50 ms */
	DELIVERY_PRINTED = 1024 * 1024, /* bytes that wait to be printed; beyond, nothing is started */
	DELIVERY_SHARE = 7,             /* a lane may have so many under way for each slot that is free */
};

struct delivery_turn {
	struct queue answered, ending, returning, starting;
	struct journal_outcome outcomes[DELIVERY_BATCH];
	struct journal_end ends[DELIVERY_BATCH];
	struct journal_start starts[DELIVERY_BATCH];
	struct attempt *of_end[DELIVERY_BATCH], *of_start[DELIVERY_BATCH]; /* whose rows they are */
	size_t outcome_count, end_count, start_count;
};

enum delivery_commit_state { COMMIT_IDLE, COMMIT_ASKED, COMMIT_OVER, COMMIT_END };

struct delivery_commit {
	pthread_t thread;
	pthread_mutex_t mutex; /* for `state`; who changes it hands the turn and the journal over */
	pthread_cond_t changed;
	enum delivery_commit_state state;
	int64_t now; /* of the turn */
	int result;
	struct diag why;
	/* The loop's own: */
	struct delivery_turn *turn; /* under way; NULL: none is */
	bool runs;
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
	bool closing; /* the loop is over: nothing is sent any more */
	struct diag read_failure;
	int64_t full_since;            /* monotonic; 0: reading does not wait */
	uint64_t full_line;            /* the line that had been read by then */
	int64_t trying_since;          /* monotonic: when the first of the turns that nothing came of began; 0: none */
	int64_t pause_until, pause_ms; /* while the journal is not to be had */
	int64_t stopped_at;            /* monotonic */
	int64_t ahead;                 /* wall time, of monotonic time, when last looked at */
	bool idle;                     /* journal_idle has been called, and nothing has happened since */
	unsigned short random[3];
	struct buf printed;            /* what -p has still to write */
	int64_t print_until;           /* monotonic; 0: no bound */
	struct delivery_turn turns[2]; /* one is committed while the other is settled */
	struct delivery_turn *over;    /* has been committed, and is to be settled */
	struct delivery_commit commit;
};

static inline struct lane *delivery_lane(const struct attempt *a)
{
	return a->lane;
}

/* However many requests of slow destinations are under way, there is
 * a slot for the next destination: one alone leaves an eighth. */
static inline bool delivery_may_start(const struct delivery *r, const struct lane *l)
{
	return !r->closing && l->flying < DELIVERY_SHARE * (SENDER_SLOTS - r->flying) &&
	       r->printed.len < DELIVERY_PRINTED;
}

/* One is no longer under way, or will not be. */
static inline void delivery_land(struct delivery *r, struct lane *l)
{
	l->flying--;
	r->flying--;
}

/* Told to stop, with no request under way, and the journal not to be had for a while: it is waited for no longer. */
bool delivery_is_overdue(const struct delivery *r);

/* Takes what is to be recorded, ended, given back and started, as far as one transaction goes, and has it committed.
 * False when there is nothing of that. Until delivery_end_turn has seen it end, no other turn begins, and nobody else
 * touches the journal. */
bool delivery_begin_turn(struct delivery *r, int64_t now);

/* Looks whether the turn has ended, or, with `wait`, waits for it: it is r->over then. 0, also when it goes on, or when
 * the journal was not to be had: then all of it waits for another turn; -1 when that has lasted too long. */
int delivery_end_turn(struct delivery *r, bool wait, struct diag *d);
/* Sends what was started, and lets go of what has ended. */
void delivery_settle(struct delivery *r, struct delivery_turn *t);

/* The thread. */
int delivery_commit_open(struct delivery *r, struct diag *d); /* DIAG_UNAVAILABLE */
void delivery_commit_close(struct delivery *r);               /* no turn may be under way */
void delivery_commit_begin(struct delivery *r, struct delivery_turn *turn, int64_t now);
bool delivery_commit_take(struct delivery *r, bool wait, int *result, struct diag *d); /* false: it goes on */

#endif
