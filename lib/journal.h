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

/* For those who stay: is the file that was opened gone from its
 * place, or another one there? Then commits would reach nobody. */
bool journal_is_replaced(const struct journal *j);
struct journal *journal_renew(const struct journal *j, struct diag *d); /* the same path; as JOURNAL_EXISTING. New */

int journal_begin(struct journal *j, struct diag *d); /* waits for its turn, at most 10 s, or as long as told: */
void journal_patience(struct journal *j, int64_t wait_ms);
/* From another thread: who waits for its turn, now or later, does so a tenth of a second at most. */
void journal_hurry(struct journal *j);
int journal_commit(struct journal *j, struct diag *d);
void journal_rollback(struct journal *j);

/* Idle work: moves the WAL into the database when it has grown,
 * without waiting for readers. Call it when nothing is pending. */
void journal_idle(struct journal *j);

/* Before closing, for those who open it for one request: who opens it
 * next, while nobody holds it open, reads all of the WAL. */
void journal_leave(struct journal *j);

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
	bool id_unsigned;         /* who sent it could have sent it before, under another id: look whether that is so */
	enum journal_answer answer;
	bool repeat; /* JOURNAL_ACCEPTED, and its source sent that payload before, under another id: counted there */
};

/* An answer of JOURNAL_ACCEPTED is due at once. Two equal rows in one call: the second is the duplicate. */
int journal_accept(struct journal *j, struct journal_accept *rows, size_t count, int64_t now, struct diag *d);

/* ---- refuse: what was turned away, counted by source, hour and cause for 30 days at most ---- */

struct journal_refusal {
	struct slice source; /* empty: of no source that there is */
	struct slice cause;  /* a word of INTAKE_CAUSES */
	int64_t count, last_at;
	int status;          /* of the last one, as what follows: */
	struct slice peer;   /* the sender's address, or empty */
	struct slice why;    /* what it was told */
	struct slice sample; /* method, path and headers, a line each, without what could be a secret */
};
int journal_refuse(struct journal *j, const struct journal_refusal *rows, size_t count, int64_t now, struct diag *d);

/* Reading: of the hours since then, a row for each source and cause, the most frequent first. Slices live until the callback
 * returns; it returns false to stop. Needs no transaction. */
int journal_refusals(struct journal *j, int64_t since,
		     bool (*each)(const struct journal_refusal *refusal, void *context), void *context, struct diag *d);

/* ---- adopt: a line that names a delivery the journal does not know ---- */

/* Accepts the event if it is unknown, adds the delivery for event->destination if that is unknown, and claims it
 * (until now + lease_ms). *claim is its claim number, or 0 when the delivery was known already. An event that is known with
 * another payload keeps that; a conflict is counted. */
int journal_adopt(struct journal *j, const struct event *event, int64_t now, int64_t lease_ms, int64_t *claim,
		  struct diag *d);

/* ---- claim: what is due goes to a pipeline ---- */

enum { JOURNAL_CLAIM_ROWS = 256, JOURNAL_CLAIM_BYTES = 1024 * 1024 };
#define JOURNAL_LEASE_MS ((int64_t)15 * 60 * 1000)

/* What a claim must know of a destination's file; deliveries to others stay unclaimed. */
struct journal_route {
	const char *destination; /* borrowed */
	bool ordered;            /* by subject: an earlier open delivery holds the later ones */
	bool failed_hold;        /* and so does one that has failed, until it is delivered or given up */
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
 * turn, three first attempts to one retry, lapsed claims last; none of a destination whose breaker is open. Runs its
 * own transaction. */
int journal_claim(struct journal *j, const struct journal_route *routes, size_t route_count, size_t limit, int64_t now,
		  struct journal_batch *batch, struct diag *d);

/* When the next delivery of these routes will be due (may be past); INT64_MAX when none will. */
int journal_next_due(struct journal *j, const struct journal_route *routes, size_t route_count, int64_t now,
		     int64_t *at, struct diag *d);

/* Gives back those of the claims that nobody has started: due at once, under a new claim number. Runs its own transaction. */
int journal_release(struct journal *j, const struct journal_claimed *rows, size_t count, int64_t now, struct diag *d);

/* ---- start, outcome: one attempt. Rows are named as in their line. ---- */

/* A delivery, by the journal's own numbers; destination 0 is "none" (skipped or refused when it came). */
struct journal_key {
	int64_t event, destination;
};

struct journal_ref {
	struct slice source, id, destination;
	int64_t claim;
	struct journal_key key; /* as journal_start filled it, which spares the next look-up; event 0: not known */
};

/* A destination's limits, as its file has them. */
struct journal_limits {
	int concurrency;           /* open starts, over all processes */
	double rate_per_ms;        /* starts; 0: no limit */
	int64_t timeout_ms;        /* the longest an attempt can take: the lease is extended past it */
	bool ordered, failed_hold; /* as in journal_route */
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
	/* The subject's destination record so far, or empty; cleared and filled for JOURNAL_STARTED; the caller frees it. */
	struct buf record;
};
int journal_start(struct journal *j, struct journal_start *rows, size_t count, int64_t now, struct diag *d);

enum journal_verdict { JOURNAL_OK, JOURNAL_AGAIN, JOURNAL_NEVER }; /* delivered; transient; permanent */

struct journal_outcome {
	struct journal_ref ref;
	int attempt; /* as journal_start gave it */
	enum journal_verdict verdict;
	bool fault; /* counts toward the breaker */
	int64_t started_at, ended_at;
	int64_t sent_bytes, received_bytes; /* of the bodies; -1: not known */
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
	/* JOURNAL_STARTED: done; JOURNAL_STALE, JOURNAL_REPEATED or JOURNAL_UNKNOWN: not. */
	enum journal_start_answer answer;
};
int journal_end(struct journal *j, struct journal_end *rows, size_t count, int64_t now, struct diag *d);

/* Puts claimed, or started but never sent, deliveries back without an
 * attempt used, due at `due_at`. Stale claims are passed over. */
int journal_return(struct journal *j, const struct journal_ref *refs, size_t count, int64_t due_at, int64_t now,
		   struct diag *d);

/* ---- reopen: ended deliveries go again, by hand ---- */

enum journal_reopened {
	JOURNAL_REOPENED,   /* claimed, its line is in the batch */
	JOURNAL_BUSY,       /* in processing: refused */
	JOURNAL_ENDED_WELL, /* delivered or skipped: goes again only when a destination is named */
	JOURNAL_NOWHERE,    /* skipped or failed when it came, without a destination: one has to be named */
	JOURNAL_EXPIRED,    /* its payload is gone */
	JOURNAL_GONE,       /* no such delivery any more */
};

/* Reopens, with a schedule begun anew, and claims each of `keys`; answers[i] says what came of keys[i]. *done is how
 * many it got to: at most JOURNAL_CLAIM_ROWS, fewer when JOURNAL_CLAIM_BYTES of lines are full. A failed, received or
 * retrying one always goes; a delivered or skipped one only `to` a named destination (SLICE_NONE: none is named), which
 * takes the place of "none", and which the event need not have had before. Runs its own transaction. */
int journal_reopen(struct journal *j, const struct journal_key *keys, size_t count, struct slice to, int64_t now,
		   struct journal_batch *batch, enum journal_reopened *answers, size_t *done, struct diag *d);

/* Ends open deliveries as failed, with `why`: nobody wants to wait for them any longer; notes the same of failed ones,
 * which then hold nothing any more. answers[i]: JOURNAL_REOPENED for one that has been given up now, JOURNAL_BUSY,
 * JOURNAL_ENDED_WELL for one that was delivered, skipped or given up before, JOURNAL_GONE. Runs its own transaction. */
int journal_give_up(struct journal *j, const struct journal_key *keys, size_t count, struct slice why, int64_t now,
		    enum journal_reopened *answers, struct diag *d);

/* ---- history: reading; all of these need no transaction and hold none when they return ---- */

/* Which deliveries. Zero or SLICE_NONE in a member: not asked for. */
struct journal_filter {
	int64_t since, until;  /* received: since <= received_at < until */
	int64_t changed_since; /* journal_troubles alone, with destination at most: updated_at is not before it */
	unsigned statuses;     /* bit (1 << enum journal_status) for each that is wanted */
	struct slice type;     /* GLOB pattern */
	struct slice source, destination, subject;
	struct slice error;      /* a part of the error text, ASCII case ignored */
	int64_t due_by;          /* open, and due no later than this */
	const struct slice *ids; /* event ids */
	size_t id_count;
	int64_t limit; /* rows at most */
	/* Only rows behind this one, in the order of journal_list (paging); event 0: from the start. */
	struct journal_key before;
};

/* One row of the history. Slices live until the callback returns. */
struct journal_row {
	struct journal_key key;
	struct slice source, id, type, subject, destination;
	enum journal_status status;
	int64_t received_at, updated_at;
	int64_t next_attempt_at; /* received and retrying only, else 0 */
	int64_t claimed_at;      /* processing only, else 0 */
	int64_t started_at;      /* of a start without an outcome, else 0 */
	int64_t attempts, lapses;
	int http_status; /* 0: none */
	struct slice record, code, error;
	bool stored; /* the payload has not expired */
	int64_t size;
};

/* Newest first. The callback returns false to stop. 0, or -1 with *d. The rows are read before the first call, so that
 * a slow reader of the caller's output never holds a read transaction open (a page of at most 512 rows at a time). */
int journal_list(struct journal *j, const struct journal_filter *filter,
		 bool (*each)(const struct journal_row *row, void *context), void *context, struct diag *d);

/* The deliveries that evt-retry would reopen or claim, as a plan: one row for each destination, type, status and error. */
struct journal_group {
	struct slice destination, type, error;
	enum journal_status status;
	int64_t count, expired;       /* of them, without payload */
	int64_t oldest_at, newest_at; /* received */
};
int journal_plan(struct journal *j, const struct journal_filter *filter,
		 bool (*each)(const struct journal_group *group, void *context), void *context, struct diag *d);

/* The payload as received. 0 with *stored false when it has expired; -1 on failure. The buffers are cleared first. */
int journal_payload(struct journal *j, int64_t event, bool *stored, enum event_body *body, struct buf *content_type,
		    struct buf *data, struct diag *d);
/* Appends the delivery's line as it would be handed out, but without a claim:
 * to be looked at. 0 with *stored false when the payload has expired. */
int journal_line(struct journal *j, struct journal_key key, struct slice destination, bool *stored, struct buf *line,
		 struct diag *d);
/* The payload as last sent to that destination; false in *stored when
 * nothing was sent, or it is as received, or it has expired. */
int journal_sent(struct journal *j, struct journal_key key, bool *stored, struct buf *body, struct diag *d);

/* What does not change with a delivery. */
struct journal_about {
	struct slice time;   /* as the sender wrote it */
	struct slice digest; /* SHA-256 of the payload, 32 bytes; SLICE_NONE: it was erased on request */
	int64_t conflicts;   /* times the id came again with another payload */
	int64_t expired_at;  /* when the payload was removed; 0: it is stored, or that was before this was noted */
	/* Where the sender's signature does not cover the id: */
	int64_t repeats;        /* times the payload came again under another id, since this, the first, came */
	struct slice repeat_of; /* the first's id; SLICE_NONE: there is none before this, or it was pruned */
};
int journal_about(struct journal *j, int64_t event, bool (*each)(const struct journal_about *about, void *context),
		  void *context, struct diag *d);

struct journal_attempt {
	int64_t n, started_at, ended_at;    /* ended_at 0: no outcome was recorded */
	int64_t sent_bytes, received_bytes; /* of the bodies; -1: not known */
	int http_status;
	struct slice code, error;  /* code SLICE_NONE: delivered */
	struct slice head, answer; /* SLICE_NONE when none was kept, or expired */
};
int journal_attempts(struct journal *j, struct journal_key key,
		     bool (*each)(const struct journal_attempt *attempt, void *context), void *context, struct diag *d);

/* Destinations as the journal sees them. */
struct journal_health {
	struct slice name;
	int64_t waiting;    /* open deliveries: received, processing or retrying */
	int64_t in_flight;  /* started, no outcome yet */
	int64_t faults;     /* in a row */
	int64_t open_until; /* breaker; 0: closed */
	int64_t opened_at;
};
int journal_destinations(struct journal *j, bool (*each)(const struct journal_health *health, void *context),
			 void *context, struct diag *d);

/* Bytes: of the database file, of free pages in it, of the WAL. */
struct journal_size {
	int64_t file, free, wal;
};
int journal_size(struct journal *j, struct journal_size *size, struct diag *d);

/* Reads all of the journal: SQLite's own check, and each payload
 * against the digest of what was received. Needs no transaction. */
struct journal_verify {
	/* Source and id are SLICE_NONE where it is about the database. Slices live until it returns. */
	void (*each)(struct slice source, struct slice id, struct slice what, void *context);
	void *context;
	int64_t payloads, found; /* read; findings */
};
int journal_verify(struct journal *j, struct journal_verify *v, struct diag *d);

/* ---- aggregates: what a summary and a verdict are made of ---- */

/* Deliveries by status, and the span in which they were received. */
struct journal_tally {
	int64_t by_status[JOURNAL_STATUSES];
	int64_t first_at, last_at; /* 0: there are none */
};
int journal_tally(struct journal *j, const struct journal_filter *filter, struct journal_tally *tally, struct diag *d);

/* Deliveries by the hour of the clock (UTC) in which they were
 * received: [0] is the hour that runs now, [1] the one before ... */
enum {
	JOURNAL_HOURS = 24,
	JOURNAL_DAYS = 7,
	JOURNAL_ROW_MOST = 10000, /* rows of failures are counted up to this */
	JOURNAL_LATE_MOST = 1000, /* and what is late up to this */
};
struct journal_hours {
	int64_t deliveries[JOURNAL_HOURS];
	int64_t failed[JOURNAL_HOURS]; /* of them, failed or retrying */
};
int journal_hours(struct journal *j, const struct journal_filter *filter, int64_t now, struct journal_hours *hours,
		  struct diag *d);

/* Deliveries by the whole hour (UTC) in which they were received, and by status: in parts, an hour may come more than once. */
struct journal_hour {
	int64_t from_at;
	int64_t by_status[JOURNAL_STATUSES];
};
int journal_histogram(struct journal *j, const struct journal_filter *filter,
		      bool (*each)(const struct journal_hour *hour, void *context), void *context, struct diag *d);

struct journal_source {
	struct slice name;
	int64_t last_at; /* received */
};
int journal_sources(struct journal *j, const struct journal_filter *filter,
		    bool (*each)(const struct journal_source *source, void *context), void *context, struct diag *d);

/* How deliveries to one destination have gone. Troubled: failed or retrying, with an error. */
struct journal_course {
	struct slice destination; /* SLICE_NONE: of events that have none */
	int64_t delivered, troubled;
	int64_t recovered; /* of the delivered: after more than one attempt */
	int64_t in_a_row;  /* troubled since the last one was delivered */
	int64_t first_in_a_row_at;
	int64_t last_delivered_at, last_troubled_at; /* 0: none */
	int64_t last_recovered_at;
	/* By the last outcome; [0] is the hour that ends with the ten minutes (of the clock) that now lies in. All
	 * above are of the last JOURNAL_HOURS, but last_delivered_at, which is ever. */
	int64_t delivered_by_hour[JOURNAL_HOURS];
	int64_t troubled_by_hour[JOURNAL_HOURS];
	/* Attempts that failed, by the hour of the clock: [0][0] is the one that runs now, [1][0] the same a day ago ... */
	int64_t failures[JOURNAL_DAYS][24];
};
int journal_courses(struct journal *j, int64_t now, bool (*each)(const struct journal_course *course, void *context),
		    void *context, struct diag *d);

/* Troubled deliveries with the same destination, the same code and errors that are alike (alike.h), the most frequent
 * first; of the 500 of each destination that came into trouble last, or of the 500 newest of a filter. `error` is the
 * last one's. */
struct journal_trouble {
	struct slice destination, code, error;
	int64_t count, failed;     /* of `count`, for good */
	int64_t in_a_row;          /* since the destination last delivered */
	int64_t first_at, last_at; /* updated_at */
	struct slice first_id, last_id;
};
int journal_troubles(struct journal *j, const struct journal_filter *filter, int64_t limit,
		     bool (*each)(const struct journal_trouble *trouble, void *context), void *context, struct diag *d);

/* What is open, for one destination. Late: by more than JOURNAL_LEASE_MS. */
struct journal_backlog {
	struct slice destination;
	int64_t waiting, processing;
	/* Due for long, but nobody claims them (those held by an earlier one not counted); up to JOURNAL_LATE_MOST. */
	int64_t late, late_since;
	int64_t stuck;            /* in processing, neither claimed nor started for long */
	int64_t processing_since; /* of the oldest in processing; 0: none */
	struct slice processing_id;
	int64_t lapsed; /* in processing, and the claim before ended without a start */
	struct slice lapsed_id;
	int64_t last_claimed_at; /* of those in processing */
};
int journal_backlogs(struct journal *j, int64_t now, bool (*each)(const struct journal_backlog *backlog, void *context),
		     void *context, struct diag *d);

/* Events of a source, received since then (to ten minutes), whose payload
 * had come before under another id. Sources without any are left out. */
struct journal_repeat {
	struct slice source, last_id; /* last_id: of the last of them; SLICE_NONE when it was pruned */
	int64_t count, last_at;
};
int journal_repeats(struct journal *j, int64_t since, bool (*each)(const struct journal_repeat *repeat, void *context),
		    void *context, struct diag *d);

/* What came from a source: in the last `span_ms`, in the same span of one and two weeks ago (to ten minutes), and ever. */
struct journal_arrival {
	struct slice source;
	int64_t last_at;
	int64_t lately, week_ago, two_weeks_ago, ever;
};
int journal_arrivals(struct journal *j, int64_t now, int64_t span_ms,
		     bool (*each)(const struct journal_arrival *arrival, void *context), void *context, struct diag *d);

/* How often deliveries came into a status, since the journal was made: pruning takes nothing away. JOURNAL_RECEIVED:
 * accepted; JOURNAL_RETRYING: an attempt failed and another will follow. Destination SLICE_NONE: none. */
struct journal_ever {
	struct slice destination, source;
	enum journal_status status;
	int64_t count;
};
int journal_evers(struct journal *j, bool (*each)(const struct journal_ever *ever, void *context), void *context,
		  struct diag *d);

/* ---- watching ---- */

/* A descriptor that poll(2) finds readable after any process has written to the journal; -1 where the system has none
 * (then look now and then). Owned by the journal. */
int journal_watch(struct journal *j);
/* Takes note of what the descriptor said; returns when the writer that was seen has finished. */
void journal_watched(struct journal *j);

/* ---- removing ---- */

/* Told now and then what is being done, and which share of that is behind us (0 to 1). */
struct journal_progress {
	void (*tell)(const char *doing, double share, void *context); /* may be NULL */
	void *context;
};

struct journal_prune {
	/* Received before: payloads go, then all of it; never while a delivery is open. So do the headers of refused
	 * requests, then their counts. */
	int64_t payloads_before, events_before;
	bool dry_run; /* count only */
	struct journal_progress progress;
	/* what came of it */
	int64_t payloads, events, kept_open; /* gone (or to go); payloads kept because a delivery is still open */
	int64_t bytes;                       /* given back to the file system */
	bool erased;                         /* the files hold nothing of it any more */
};
/* In small steps, pausing after each as long as it took. Runs its own transactions; may simply be run again. */
int journal_prune(struct journal *j, struct journal_prune *prune, struct diag *d);

/* What there was of one event. Slices live until the callback returns. */
struct journal_forgotten {
	struct slice source, id, type;
	int64_t received_at;
	int64_t payload;               /* bytes of it, -1 when there was none */
	int64_t sent, answers, errors; /* how many */
	int64_t stopped;               /* deliveries that were still open, and have ended thereby */
	bool in_flight;                /* being sent at this moment: left as it is */
};

/* All that the journal holds of one source record, for who asks to be forgotten (evt-prune(1) says what that is). */
struct journal_forget {
	struct slice source; /* SLICE_NONE: there must be one alone that has the subject */
	struct slice subject;
	bool dry_run;
	void (*each)(const struct journal_forgotten *event, void *context); /* oldest first */
	void *context;
	struct journal_progress progress;
	/* what came of it */
	int64_t events, in_flight; /* forgotten; left */
	int64_t records;           /* destinations whose record of it is forgotten */
	int64_t bytes;
	bool erased;
	struct buf known_source; /* the source that it is; the caller frees it */
};
/* In small steps, like journal_prune; may simply be run again. Errors
 * also: DIAG_USAGE when several sources have that subject. */
int journal_forget(struct journal *j, struct journal_forget *forget, struct diag *d);

#endif
