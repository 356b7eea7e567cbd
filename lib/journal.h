/* SPDX-License-Identifier: MIT */
/* journal: what happened to every event, and whose turn is next. One SQLite database, in WAL mode with
 * synchronous=FULL; only this module and share/sql know its tables (evt-journal(5) tells what others may read).
 *
 * Each transition of a delivery is one function, which takes many rows and answers for each. All of them run
 * inside one transaction that the caller opens with journal_begin and ends with journal_commit: nothing has
 * happened until that returns 0. When a transition or the commit fails, the transaction has been rolled back
 * and every row in it counts as not done. Errors: DIAG_TRY_AGAIN (the lock was not to be had in time), DIAG_IO (disk
 * full, I/O error), DIAG_NO_JOURNAL (missing), DIAG_DATA (damaged or not ours), DIAG_BUG.
 *
 * Writers and checkpoints of all processes take turns through one flock(2) on FILE-lock: SQLite before 3.51.3 can
 * corrupt a WAL that is checkpointed by one connection while another commits and resets it. */
#ifndef EVT_JOURNAL_H
#define EVT_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "diag.h"
#include "event.h"

struct journal;

enum journal_access {
	JOURNAL_WRITE,    /* creates the file when missing, migrates an older one */
	JOURNAL_EXISTING, /* as JOURNAL_WRITE, but a missing file is DIAG_NO_JOURNAL */
	JOURNAL_READ,     /* neither creates nor migrates nor writes */
};

/* The journal's file: `option` (-j), else $EVT_JOURNAL, else $XDG_STATE_HOME/evt/journal.db (~/.local/state), for root
 * /var/lib/evt/journal.db. New, to be freed; NULL when out of memory or there is no home. */
char *journal_path(const char *option);

struct journal *journal_open(const char *path, enum journal_access access, struct diag *d);
void journal_close(struct journal *j); /* NULL is fine; an open transaction is rolled back */

int journal_begin(struct journal *j, struct diag *d); /* waits for its turn, at most 10 s */
int journal_commit(struct journal *j, struct diag *d);
void journal_rollback(struct journal *j);

/* Idle work: moves the WAL into the database when it has grown, without waiting for readers. Call it when nothing is pending. */
void journal_idle(struct journal *j);

enum journal_status {
	JOURNAL_RECEIVED,
	JOURNAL_PROCESSING,
	JOURNAL_DELIVERED,
	JOURNAL_FAILED,
	JOURNAL_RETRYING,
	JOURNAL_SKIPPED,
};
enum { JOURNAL_STATUSES = 6 };
const char *journal_status_name(enum journal_status status);

/* ---- accept: a new event, one delivery for each destination ---- */

enum journal_answer {
	JOURNAL_ACCEPTED,
	JOURNAL_DUPLICATE, /* source and id are known, with the same data */
	JOURNAL_CONFLICT,  /* known, with other data: counted, not stored */
};

struct journal_accept {
	const struct event *event; /* borrowed; destination, attempt and claim are not looked at */
	const struct slice *destinations;
	size_t destination_count; /* 0: journaled as skipped, or as failed when `error` is set; for no destination */
	struct slice error;       /* present: journaled as failed with this text, nothing is due */
	enum journal_answer answer;
};

/* An answer of JOURNAL_ACCEPTED is due at once. Two equal rows in one call: the second is the duplicate. */
int journal_accept(struct journal *j, struct journal_accept *rows, size_t count, int64_t now, struct diag *d);

/* ---- adopt: a line that names a delivery the journal does not know ---- */

/* Accepts the event if it is unknown, adds the delivery for event->destination if that is unknown, and claims it
 * (until now + lease_ms). *claim is its claim number, or 0 when the delivery was known already. */
int journal_adopt(struct journal *j, const struct event *event, int64_t now, int64_t lease_ms, int64_t *claim,
		  struct diag *d);

/* ---- claim: what is due goes to a pipeline ---- */

enum { JOURNAL_CLAIM_ROWS = 256, JOURNAL_CLAIM_BYTES = 1024 * 1024 };
#define JOURNAL_LEASE_MS ((int64_t)15 * 60 * 1000)

/* What a claim must know of a destination's file; deliveries to others stay unclaimed. */
struct journal_route {
	const char *destination; /* borrowed */
	bool ordered;            /* by subject: an earlier open delivery holds the later ones */
	bool ambiguous_fails;    /* a start without an outcome ends the delivery as failed */
	int attempts;            /* how many, before it is failed */
};

struct journal_claimed {
	int64_t event, destination, claim; /* the delivery, by the journal's own numbers */
	size_t line_end;                   /* its line ends here in the buffer */
};

struct journal_batch {
	struct buf lines; /* ready to be written */
	struct journal_claimed rows[JOURNAL_CLAIM_ROWS];
	size_t count;
};

/* Claims up to `limit` (at most JOURNAL_CLAIM_ROWS) due deliveries and appends their lines; round the destinations in
 * turn, three first attempts to one retry, lapsed claims last; none of a destination whose breaker is open. Runs its own transaction. */
int journal_claim(struct journal *j, const struct journal_route *routes, size_t route_count, size_t limit, int64_t now,
		  struct journal_batch *batch, struct diag *d);

/* When the next delivery of these routes will be due (may be past); INT64_MAX when none will. */
int journal_next_due(struct journal *j, const struct journal_route *routes, size_t route_count, int64_t now,
		     int64_t *at, struct diag *d);

/* Gives back those of the claims that nobody has started: due at once, under a new claim number. Runs its own transaction. */
int journal_release(struct journal *j, const struct journal_claimed *rows, size_t count, int64_t now, struct diag *d);

/* Changes with every commit of another connection: a cheap look whether something may be new. -1 on error. */
int64_t journal_version(struct journal *j);

/* ---- start, outcome: one attempt. Rows are named as in their line. ---- */

struct journal_ref {
	struct slice source, id, destination;
	int64_t claim;
};

/* A destination's limits, as its file has them. */
struct journal_limits {
	int concurrency;    /* open starts, over all processes */
	double rate_per_ms; /* starts; 0: no limit */
	int64_t timeout_ms; /* the longest an attempt can take: the lease is extended past it */
	bool ordered;
};

enum journal_start_answer {
	JOURNAL_STARTED, /* send it */
	JOURNAL_HOLD, /* not now (breaker, rate, concurrency, an earlier one of its subject): ask again at `again_at` */
	JOURNAL_STALE,    /* another claim has been made since, it was released, or it has ended: not to be sent */
	JOURNAL_REPEATED, /* this very claim has been started already */
	JOURNAL_UNKNOWN,  /* no such delivery: adopt it first */
};

enum journal_hold {
	JOURNAL_HOLD_NONE,
	JOURNAL_HOLD_BREAKER,
	JOURNAL_HOLD_RATE,
	JOURNAL_HOLD_CONCURRENCY,
	JOURNAL_HOLD_ORDER
};

struct journal_start {
	struct journal_ref ref;
	const struct journal_limits *limits;
	enum journal_start_answer answer;
	enum journal_hold hold; /* why, for JOURNAL_HOLD */
	int64_t again_at;       /* for JOURNAL_HOLD: wall time at which asking again makes sense */
	int attempt;            /* for JOURNAL_STARTED: its number over the delivery's life, from 1 */
	int step;               /* its number since the delivery was last opened, from 1: the place in the schedule */
	struct buf
	    record; /* the subject's destination record so far, or empty; cleared and filled for JOURNAL_STARTED; the caller frees it */
};
int journal_start(struct journal *j, struct journal_start *rows, size_t count, int64_t now, struct diag *d);

enum journal_verdict { JOURNAL_OK, JOURNAL_AGAIN, JOURNAL_NEVER }; /* delivered; transient; permanent */

struct journal_outcome {
	struct journal_ref ref;
	int attempt; /* as journal_start gave it */
	enum journal_verdict verdict;
	bool fault; /* counts toward the breaker */
	int64_t started_at, ended_at;
	int64_t next_at;     /* JOURNAL_AGAIN: when to try again; 0: attempts are used up, the delivery has failed */
	int http_status;     /* 0: there was no answer */
	const char *code;    /* "http-422", "timeout-response" …; NULL when delivered */
	struct slice error;  /* in plain words; SLICE_NONE when delivered */
	struct slice record; /* the destination's record id, or SLICE_NONE */
	struct slice sent;   /* the body sent; SLICE_NONE when it is the data as received */
	struct slice head, answer; /* response head and the kept part of its body */
	bool late;                 /* out: the claim was no longer this one's; recorded as evidence all the same */
};
int journal_outcome(struct journal *j, struct journal_outcome *rows, size_t count, int64_t now, struct diag *d);

/* ---- end: a line that carries its own end (evtskip, evterror), or that no stage can take further ---- */

struct journal_end {
	struct journal_ref ref;
	enum journal_status status; /* JOURNAL_SKIPPED or JOURNAL_FAILED */
	const char *code;           /* "map", "filter" …; NULL for skipped */
	struct slice reason;
	enum journal_start_answer
	    answer; /* JOURNAL_STARTED: done; JOURNAL_STALE, JOURNAL_REPEATED or JOURNAL_UNKNOWN: not */
};
int journal_end(struct journal *j, struct journal_end *rows, size_t count, int64_t now, struct diag *d);

/* Puts claimed, or started but never sent, deliveries back without an attempt used, due at `due_at`. Stale claims are passed over. */
int journal_return(struct journal *j, const struct journal_ref *refs, size_t count, int64_t due_at, int64_t now,
		   struct diag *d);

#endif
