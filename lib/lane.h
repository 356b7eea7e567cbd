/* SPDX-License-Identifier: MIT */
/* lane: one destination's lines inside evt-deliver: those to be started, those that wait for an earlier one of their subject,
 * and until when all of it is held. Decides nothing about other lanes, and journals nothing. */
#ifndef EVT_LANE_H
#define EVT_LANE_H

#include "queue.h"

enum {
	LANE_SHORT_MS = 2000,         /* a hold no longer than this is waited for */
	LANE_HELD_MS = 5 * 60 * 1000, /* longer than this a line does not wait in memory: its lease would end */
};

struct lane {
	struct lane *next;
	char *name;
	struct attempt_plan plan;
	bool usable;          /* has a plan: its file could be read */
	struct queue ready;   /* to be started, in the order they came */
	struct queue waiting; /* for an earlier one of their subject */
	int flying;           /* started, and not ended */
	enum journal_hold hold;
	int64_t held_until;             /* nothing of it is asked for before; 0: not held */
	int64_t pause_ms, paused_until; /* of one that is not usable */
};

/* Reads the destination's file. Its access token, if it needs one, is kept in the file "TOKENS-token-NAME" (NULL: in
 * memory). NULL: out of memory. A lane whose file is missing or broken is not usable; *d says why. */
enum lane_use { LANE_HTTP, LANE_PROGRAM }; /* who acts: we, or a program of the user's own */
struct lane *lane_new(const char *config, const char *tokens, struct slice name, enum lane_use use, struct diag *d);
void lane_free(struct lane *l); /* the attempts are not its own */

bool lane_may_start(const struct lane *l, int64_t now); /* has one that may be asked for */

/* The journal said "not now" to one that was taken from `ready`. */
void lane_hold(struct lane *l, struct attempt *a, const struct journal_start *row);
/* Waiting ones whose time has come stand in front again. */
void lane_recall(struct lane *l, int64_t now);
/* One has ended: the lane may have room again, and the next one of its subject may go. */
void lane_recall_after(struct lane *l, const struct attempt *ended);

/* The clock was set back: whatever holds its lines is asked for again at once. */
void lane_forget_holds(struct lane *l);

/* When lines of a lane that is not usable may come again: soon, for the file may be mended at once, and then less and
 * less often, for whoever hands them out may not see what is wrong with it. */
int64_t lane_due_again(struct lane *l, int64_t now);

/* When to look again, at the latest, though nothing has happened; INT64_MAX: no need. */
int64_t lane_wake_at(const struct lane *l, int64_t now);

/* Is it held for so long that its lines are better off in the journal? Says why, or NULL; *due_at is when they may come again.
 * `quiet`: no line will come any more, and nothing is under way. `clock` is monotonic, `now` wall time. */
const char *lane_why_give_back(const struct lane *l, bool quiet, int64_t clock, int64_t now, int64_t *due_at);

#endif
