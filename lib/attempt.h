/* SPDX-License-Identifier: MIT */
/* attempt: one line on its way through evt-deliver: the event it holds, the request made of it, and what came of that.
 * Neither sends nor journals; delivery does. */
#ifndef EVT_ATTEMPT_H
#define EVT_ATTEMPT_H

#include "sender.h"

/* A destination made ready for use. */
struct attempt_plan {
	struct dest *dest; /* owned */
	struct sender_target *target;
	struct journal_limits limits;
	struct slice host, update_host;
};

/* `token_file` as for sender_target_new. Takes the dest over, also
 * when it fails. 0, or -1 with DIAG_TRY_AGAIN (out of memory). */
int attempt_plan_init(struct attempt_plan *plan, struct dest *dest, const char *token_file, struct diag *d);
void attempt_plan_free(struct attempt_plan *plan);

struct attempt {
	struct attempt *next;        /* in the one queue it stands in */
	struct attempt *made_before; /* delivery's own, as is `lane` */
	void *lane;
	struct event event;  /* its slices lie in `text` */
	struct buf text;     /* a copy of them */
	int64_t read_at;     /* monotonic */
	int64_t again_at;    /* while it waits for another of its subject: when to ask again */
	int64_t waits_since; /* monotonic; 0: it never did */
	int64_t adopted;     /* the claim an open transaction has given it; -1: it was refused as a duplicate */
	int number, step;    /* as journal_start gave them */
	struct journal_key key;
	struct buf url, known; /* known: the subject's destination record before this attempt */
	struct sender_answer answer;
	struct outcome outcome;
	struct buf error, found; /* found: the record's id in the answer, where it had to be decoded */
	struct slice record;     /* the destination record after this attempt, or SLICE_NONE */
	int64_t next_at;         /* of an outcome: the next attempt; of one given back: when it may come again */
};

void attempt_free(struct attempt *a);

/* Fills an attempt, new or used before, with a copy of the event. -1: out of memory. */
int attempt_take(struct attempt *a, const struct event *event);

/* The hash of source, id and destination that every attempt of a delivery carries: 32 hex digits and a NUL. */
enum { ATTEMPT_KEY_SIZE = 33 };
void attempt_key(const struct event *event, char key[ATTEMPT_KEY_SIZE]);

struct journal_ref attempt_ref(const struct attempt *a);

/* Makes the request and hands it to the sender. When that cannot be, the attempt is judged at once, and -1 returned. */
int attempt_send(struct attempt *a, const struct attempt_plan *plan, struct sender *sender);

/* Judges a->answer: outcome, words, record and next attempt. `json` is memory to be reused; `random` is from [0, 1). */
void attempt_judge(struct attempt *a, const struct attempt_plan *plan, struct jtext *json, double random, int64_t now);

/* The row for the journal; borrows from the attempt. */
struct journal_outcome attempt_outcome(const struct attempt *a);

/* Appends what -p prints: id, source, destination, status, attempt, http_status, destination_record, error, on one line. */
void attempt_print(struct buf *b, const struct attempt *a, enum journal_status status);
enum journal_status attempt_status(const struct attempt *a);

#endif
