/* SPDX-License-Identifier: MIT */
/* What the files of the journal module share. Nobody else includes it. */
#ifndef EVT_JOURNAL_INTERNAL_H
#define EVT_JOURNAL_INTERNAL_H

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
};

struct journal {
	struct db db;
	struct lock lock;
	bool writes, in_transaction;
	int64_t patience_ms;                       /* how long journal_begin waits for its turn */
	int watch;                                 /* inotify on the WAL, or -1 */
	int wal_pages;                             /* after our last commit */
	struct journal_destination **destinations; /* all that this process has met */
	size_t destination_count;
	size_t turn; /* which route the next claim begins with */
};

/* Ends a transition: 0, or -1 after rolling the transaction back. */
int journal_settle(struct journal *j, struct diag *d);

/* The destination of that name; the first makes it when there is none. Borrowed until the transaction ends; NULL after a failure. */
struct journal_destination *journal_destination(struct journal *j, struct slice name);
struct journal_destination *journal_destination_known(struct journal *j,
						      struct slice name); /* NULL also when there is none */

/* A delivery's row, as the transitions look at it. */
struct journal_delivery {
	int64_t event, destination;
	enum journal_status status;
	bool open;
	int64_t claim, lapses, attempts, spent, started_at, subject_key;
};

/* What the index event_key holds for an id, of any source. */
int64_t journal_event_key(struct slice id);

/* The event's number, or 0. */
int64_t journal_find_event(struct journal *j, struct slice source, struct slice id);

/* A new delivery of a known event, due at once. False when the event is not known. */
bool journal_add_delivery(struct journal *j, int64_t event, int64_t destination, int64_t now);

bool journal_find_delivery(struct journal *j, int64_t event, int64_t destination, struct journal_delivery *row);

/* Is there an open delivery of the same subject before this one? With `waiting`, one that no pipeline is working on? */
bool journal_has_earlier(struct journal *j, const struct journal_delivery *row, bool waiting);

/* Ends a delivery without a start, and lets the next of its subject go. */
void journal_end_delivery(struct journal *j, const struct journal_delivery *row, enum journal_status status,
			  const char *code, struct slice why, int64_t now);

/* After one of a subject has ended: the next that was held for it may be claimed. */
void journal_wake_next(struct journal *j, int64_t destination, int64_t subject_key);

/* Notes an attempt's result. A late one takes the place of "unknown". */
void journal_note_attempt(struct journal *j, const struct journal_delivery *row, int64_t n, int64_t started_at,
			  int64_t ended_at, int http_status, const char *code, struct slice error);

/* A start whose lease has ended becomes an attempt of its own, "outcome unknown", and its place is free again. */
void journal_note_unknown(struct journal *j, struct journal_destination *to, const struct journal_delivery *row);

/* Claims the row until the lease ends and appends its line to the batch. False, the row ended as failed, when its payload is gone. */
bool journal_hand_out(struct journal *j, const struct journal_destination *to, const struct journal_delivery *row,
		      int64_t now, struct journal_batch *batch);

/* Commits what was claimed, or rolls back and empties the batch. */
int journal_finish_batch(struct journal *j, struct journal_batch *batch, struct diag *d);

/* A history filter as SQL: " WHERE ..." over the aliases of JOURNAL_FROM_HISTORY, and its parameters. Every delivery has a
 * destination's row; the join says LEFT so that the planner does not begin with it, but with what orders or filters. */
#define JOURNAL_FROM_HISTORY                                                                                           \
	" FROM event e JOIN delivery d ON d.event = e.seq"                                                             \
	" LEFT JOIN destination n ON n.id = d.destination"
void journal_add_conditions(struct buf *sql, const struct journal_filter *f);
void journal_bind_conditions(struct db_query *q, const struct journal_filter *f);

#endif
