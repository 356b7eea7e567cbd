/* SPDX-License-Identifier: MIT */
/* What the files of the journal module share. Nobody else includes it. */
#ifndef EVT_JOURNAL_INTERNAL_H
#define EVT_JOURNAL_INTERNAL_H

#include <sys/types.h>

#include "db.h"
#include "journal.h"
#include "lock.h"

enum journal_lane { LANE_FIRST, LANE_RETRY, LANE_LAPSED, LANE_HELD };

/* One row of `destination`. Loaded at its first use in a transaction, written back before the commit. */
struct journal_destination {
	int64_t id;
	char *name;
	bool loaded, changed;
	int64_t in_flight, rate_at, faults, open_until, open_ms, opened_at, probe, ramp;
	int64_t ordered;          /* journal_order_is_kept writes it */
	int64_t seen_at, mending; /* share/sql/0008-clock.sql */
};

/* ---- counts: what the table `tally` holds, see share/sql/0003-tally.sql ---- */

enum tally_axis {
	TALLY_STATE,
	TALLY_OUTCOME,
	TALLY_RECEIPT,
	TALLY_EVER,
	TALLY_EVENTS,
	TALLY_FAILURES,
	TALLY_NOW,
	TALLY_REPEATS,
};
enum { TALLY_RECOVERED = 6 }; /* beside the statuses: delivered after more than one attempt */
#define TALLY_HOUR_MS ((int64_t)60 * 60 * 1000)
#define TALLY_SLOT_MS ((int64_t)10 * 60 * 1000)

struct journal_cell {
	enum tally_axis axis;
	int64_t slot, of; /* a kind or a destination */
	int status;
	int64_t n, last_at, first_event, last_event; /* what is to be added; the least; the most */
};

/* What the open transaction has counted so far. */
struct journal_tallies {
	struct journal_cell *cells;
	size_t count, cap;
};

/* Texts of errors that the open transaction has used, 64 of them together. */
struct journal_touched {
	int64_t block, event; /* the last that has one of them */
	bool fresh;           /* some are new */
};

struct journal {
	struct db db;
	struct lock lock;
	bool writes, in_transaction, checkpoint_failed;
	bool answers;  /* the open transaction: it tells of what is there already, which must be durable then */
	bool undoable; /* the open transaction: a power cut may undo it, until another commit is durable */
	dev_t device;  /* of the file that was opened */
	ino_t inode;
	int64_t patience_ms;                       /* how long journal_begin waits for its turn */
	int watch;                                 /* inotify on the WAL, or -1 */
	int wal_pages;                             /* after our last commit */
	struct journal_destination **destinations; /* all that this process has met */
	size_t destination_count;
	size_t turn; /* which route the next claim begins with */
	struct journal_tallies tallies;
	struct journal_kind **kinds; /* all that this process has met */
	size_t kind_count;
	struct journal_touched *touched; /* texts of errors, by the open transaction */
	size_t touched_count;
	struct buf subject;              /* of the row looked up last */
	struct journal_started *started; /* JOURNAL_STARTED_ROWS; NULL: nothing has been started yet */
};

/* Ends a transition: 0, or -1 after rolling the transaction back. */
int journal_settle(struct journal *j, struct diag *d);

/* The destination of that name; the first makes it when there is
 * none. Borrowed until the transaction ends; NULL after a failure. */
struct journal_destination *journal_destination(struct journal *j, struct slice name);
struct journal_destination *journal_destination_known(struct journal *j,
						      struct slice name); /* NULL also when there is none */

/* A delivery's row, as the transitions look at it. */
struct journal_delivery {
	int64_t event, destination, kind;
	enum journal_status status;
	bool open;
	int64_t claim, lapses, attempts, spent, started_at, subject_key;
	int64_t received_at, updated_at;
	bool recovered;          /* delivered after more than one attempt */
	bool ordered;            /* its subject's order is kept */
	bool stored;             /* the event's payload has not expired */
	bool erased;             /* evt-prune --subject was here: nothing of the source record comes back into it */
	bool has_code, troubled; /* has an error; the same while it is failed or retrying */
	struct slice subject;    /* of its event; borrowed until the next row is looked up */
};

/* Rows as journal_start left them, so that outcomes need not read them again; where two meet, the later one is kept. */
enum { JOURNAL_STARTED_ROWS = 512 };
struct journal_started {
	struct journal_delivery row;
	struct buf subject;
};
void journal_forget_starts(struct journal *j);

/* The number of that source, type and destination (share/sql/0001-journal.sql),
 * given to it when it has none yet; 0 after a failure. */
int64_t journal_kind(struct journal *j, struct slice source, struct slice type, int64_t destination);
enum { JOURNAL_OF_SOURCE = -1 }; /* in place of a destination, with type SLICE_NONE: the source itself */
void journal_forget_kinds(struct journal *j);

/* Binds what stands for the text in delivery.error of that event; NULL for SLICE_NONE. */
void journal_set_error(struct journal *j, struct db_query *q, const char *name, struct slice text, int64_t event);
void journal_save_errors(struct journal *j); /* what finds them; part of the commit */
/* Texts that no delivery has any more go. Runs its own transactions. */
int journal_drop_errors(struct journal *j, struct diag *d);
/* Searching texts, case of ASCII letters ignored: pieces of the table that may
 * hold `part`, those first that newer events may have. How many; *found is new. */
struct journal_texts {
	int64_t block, until_event; /* no event behind this has one of them */
};
int64_t journal_find_texts(struct journal *j, struct slice part, struct journal_texts **found);
/* The numbers of those texts in such a piece that do hold it. */
enum { JOURNAL_TEXTS = 64 };
size_t journal_read_texts(struct journal *j, int64_t block, struct slice part, int64_t ids[JOURNAL_TEXTS]);

/* Every change of a delivery's status is told here: it leaves what it was when it was found, and enters another
 * (`troubled`: failed or retrying, with an error). `row` is as journal_find_delivery gave it, but for attempts and
 * spent, which are the new ones. */
void journal_count_leave(struct journal *j, const struct journal_delivery *row);
void journal_count_enter(struct journal *j, const struct journal_delivery *row, enum journal_status status,
			 bool troubled, int64_t now);
void journal_count_event(struct journal *j, int64_t event, struct slice source, int64_t now);
void journal_count_repeat(struct journal *j, int64_t event, struct slice source, int64_t now);
void journal_count_ever(struct journal *j, const struct journal_delivery *row, enum journal_status status, int64_t now);
void journal_count_failure(struct journal *j, const struct journal_delivery *row, int64_t now); /* of an attempt */
void journal_save_tallies(struct journal *j); /* writes what was counted; part of the commit */
/* Empty cells before the one time go, and the receipt of events and failed attempts before the other. */
void journal_sweep_tallies(struct journal *j, int64_t before, int64_t long_before);
void journal_free_tallies(struct journal *j);

/* Refused requests, last seen before then: the headers of the last one, and all of it. Run their own transactions, and so does the next. */
int journal_prune_refusals(struct journal *j, int64_t samples_before, int64_t before, struct diag *d);
/* The subject in what is kept of them: of that source, and of those of no source. */
int journal_forget_refusals(struct journal *j, struct slice source, struct slice subject, struct diag *d);

/* In place of the texts of an erased event. Its digest is zeroes, which is what tells that it was erased. */
#define JOURNAL_ERASED "erased on request"

/* The event's number, or 0. */
int64_t journal_find_event(struct journal *j, struct slice source, struct slice id);

/* A new delivery of a known event, due at once. False when the event is not known. */
bool journal_add_delivery(struct journal *j, int64_t event, int64_t destination, int64_t now);

bool journal_find_delivery(struct journal *j, int64_t event, int64_t destination, struct journal_delivery *row);
bool journal_find_named(struct journal *j, struct slice source, struct slice id, int64_t destination,
			struct journal_delivery *row);

/* Is the order of the destination's subjects kept? It is not until somebody asks; each call brings some more open
 * deliveries into the index, and new ones come into it from the first call on. The other one only looks, and needs no
 * transaction. */
bool journal_order_is_kept(struct journal *j, struct journal_destination *to);
bool journal_order_is_wanting(struct journal *j, struct slice destination);

/* ---- a clock that was set ---- */

#define JOURNAL_CLOCK_SLACK_MS ((int64_t)60 * 1000) /* by less is not noticed, and delays nothing by more */
/* Of a destination's row: has it been, or is not all mended since? */
#define JOURNAL_IS_SET_BACK                                                                                            \
	"(mending > 0 OR seen_at > :latest OR EXISTS (SELECT 1 FROM delivery d "                                       \
	"WHERE d.destination = destination.id AND d.lane = 0 AND d.due_at > :latest))"
/* Something is noted for the destination now, with a time that lies ahead. Has the clock been set back since anything
 * was last noted for it, then its breaker and rate begin anew from now, and its waits are to. */
void journal_note_time(struct journal_destination *to, int64_t now);
/* Where it has been, its waits begin anew from now. Runs its own transactions. */
int journal_mind_waits(struct journal *j, struct slice destination, int64_t now, struct diag *d);
/* Of a started one that is due: is that only because the clock was set forward?
 * Then its lease goes on for the rest of its time, once. */
bool journal_lease_holds(struct journal *j, const struct journal_delivery *row, int64_t now);

/* Is there an open delivery of the same subject before this one? With `waiting`, one that no pipeline is working on? */
bool journal_has_earlier(struct journal *j, const struct journal_delivery *row, bool waiting);

/* Ends a delivery without a start, and lets the next of its subject go. */
void journal_end_delivery(struct journal *j, const struct journal_delivery *row, enum journal_status status,
			  const char *code, struct slice why, int64_t now);

/* Puts a claimed one back without an outcome, with as many attempts as are said, under a new claim number. */
void journal_put_back(struct journal *j, const struct journal_delivery *row, int64_t attempts, int64_t due_at,
		      int64_t now);

/* The first delivery of the same subject before this one that has failed, and that nobody has given up: its event, or 0. */
int64_t journal_failed_before(struct journal *j, const struct journal_delivery *row);

/* After one of a subject has ended: the next that was held for it may be claimed. */
void journal_wake_next(struct journal *j, const struct journal_delivery *row, int64_t now);

void journal_move_to_lane(struct journal *j, int64_t event, int64_t destination, enum journal_lane lane);
/* It is not looked at before. */
void journal_put_off(struct journal *j, int64_t event, int64_t destination, int64_t due_at, int64_t now);
/* Where one that is put back waits. First attempts are never due ahead:
 * what lies ahead in their lane tells that a clock was set back. */
enum journal_lane journal_lane_for(int64_t attempts, int64_t due_at, int64_t now);

/* A start whose lease has ended becomes an attempt of its own, "outcome unknown", and its place is free again. */
void journal_note_unknown(struct journal *j, struct journal_destination *to, const struct journal_delivery *row);

/* The event's row as an event; its slices live until the row is left with db_done. NULL when its payload is gone. */
struct db_query *journal_load_event(struct journal *j, int64_t event, struct event *e);

/* Claims the row until the lease ends and appends its line to the
 * batch. False, the row ended as failed, when its payload is gone. */
bool journal_hand_out(struct journal *j, struct journal_destination *to, const struct journal_delivery *row,
		      int64_t now, struct journal_batch *batch);

/* Commits what was claimed, or rolls back and empties the batch. */
int journal_finish_batch(struct journal *j, struct journal_batch *batch, struct diag *d);

/* Moves the WAL into the database, without waiting for readers. Precondition: the lock is ours. */
void journal_checkpoint(struct journal *j);

/* ---- removing: what journal_prune and journal_forget share ---- */

/* A long work is done in steps, each a transaction that changes things for about so long: receipt waits behind each. */
enum { JOURNAL_STEP_MS = 4 };
/* After a step that began then (clock_monotonic): the others get as much time as it took, and what it wrote is moved
 * from the WAL, lest it grow until moving it takes long; then they get their time again. */
int journal_let_others(struct journal *j, int64_t began, struct diag *d);
/* The event's payload, what was sent of it, and what was answered. */
void journal_remove_payload(struct journal *j, int64_t event, int64_t now);
void journal_tell(const struct journal_progress *p, const char *doing, int64_t done, int64_t of);
/* Gives free pages back to the file system; *bytes is how many. */
int journal_give_back(struct journal *j, const struct journal_progress *p, int64_t *bytes, struct diag *d);
/* What was deleted before stands neither in the WAL any more nor in pages that are in use. *erased is false when
 * somebody reads an old state for too long; then nothing is lost by asking again. */
int journal_erase(struct journal *j, const struct journal_progress *p, bool *erased, struct diag *d);

/* Sums over the deliveries of a filter, those of each part of it apart: `add` is given the
 * rows of all, which are to be added up. Columns and group are of the aliases below. */
int journal_sum(struct journal *j, const struct journal_filter *f, const char *columns, const char *group,
		void (*add)(struct db_query *row, void *context), void *context, struct diag *d);

/* When the destination last delivered; 0: never. */
int64_t journal_last_delivered(struct journal *j, int64_t destination);
/* The text that a statement finds for :number, kept in `text`; SLICE_NONE when there is none. */
struct slice journal_look_up(struct journal *j, const char *sql, int64_t number, struct buf *text);

/* A history filter as SQL: " WHERE ..." over the aliases of JOURNAL_FROM_HISTORY, and its parameters. Every delivery has a
 * destination's row; the join says LEFT so that the planner does not begin with it, but with what orders or filters. */
#define JOURNAL_FROM_HISTORY                                                                                           \
	" FROM event e JOIN delivery d ON d.event = e.seq"                                                             \
	" LEFT JOIN destination n ON n.id = d.destination LEFT JOIN error x ON x.id = d.error"
void journal_add_conditions(struct buf *sql, const struct journal_filter *f);
void journal_bind_conditions(struct db_query *q, const struct journal_filter *f);

#endif
