/* SPDX-License-Identifier: MIT */
/* Whose turn is next: what is due goes to a pipeline, fairly, and comes back when nobody did anything about it. */
#include <stdlib.h>

#include "clock.h"
#include "journal_internal.h"

enum {
	QUEUE = 32, /* rows looked up at once */
	FIRST_ATTEMPTS_TO_RETRY = 3,
};

#define PAUSE_FIRST_MS   CLOCK_MINUTE
#define PAUSE_LONGEST_MS (4 * CLOCK_HOUR)
#define HOLD_FAILED_MS   (5 * CLOCK_MINUTE)

/* The deliveries of one destination that are due in one lane, looked up a few at a time. */
struct queue {
	int64_t events[QUEUE];
	size_t count, next;
	bool dry;
};

struct turn {
	const struct journal_route *route;
	struct journal_destination *to; /* NULL: nothing was ever accepted for it, or its breaker is open */
	struct queue lanes[LANE_LAPSED + 1];
	unsigned taken;
	bool probe_only;
};

/* ---- one delivery ---- */

#define DELIVERY_COLUMNS                                                                                               \
	"SELECT status, due_at IS NOT NULL, claim, lapses, attempts, spent, started_at, subject_key, received_at, "    \
	"updated_at, kind, code IS NOT NULL, ordered, expired_at IS NULL, event, destination, "                        \
	"digest = zeroblob(32), subject "

static bool take_delivery(struct journal *j, struct db_query *q, struct journal_delivery *row)
{
	bool found = db_row(q);
	if (found) {
		buf_clear(&j->subject);
		buf_add_slice(&j->subject, db_text(q, 17));
		if (!buf_ok(&j->subject))
			db_note(&j->db, DIAG_IO, "out of memory");
		enum journal_status status = (enum journal_status)db_int(q, 0);
		*row = (struct journal_delivery){
		    .event = db_int(q, 14),
		    .destination = db_int(q, 15),
		    .status = status,
		    .open = db_int(q, 1),
		    .claim = db_int(q, 2),
		    .lapses = db_int(q, 3),
		    .attempts = db_int(q, 4),
		    .spent = db_int(q, 5),
		    .started_at = db_int(q, 6),
		    .subject_key = db_int(q, 7),
		    .received_at = db_int(q, 8),
		    .updated_at = db_int(q, 9),
		    .kind = db_int(q, 10),
		    .recovered = status == JOURNAL_DELIVERED && db_int(q, 4) - db_int(q, 5) > 1,
		    .troubled = (status == JOURNAL_FAILED || status == JOURNAL_RETRYING) && db_int(q, 11),
		    .has_code = db_int(q, 11),
		    .ordered = db_int(q, 12),
		    .stored = db_int(q, 13),
		    .erased = db_int(q, 16),
		    .subject = buf_slice(&j->subject)};
	}
	db_done(q);
	return found;
}

bool journal_find_delivery(struct journal *j, int64_t event, int64_t destination, struct journal_delivery *row)
{
	struct db_query *q = db_query(&j->db, DELIVERY_COLUMNS "FROM delivery JOIN event ON seq = event "
							       "WHERE event = :event AND destination = :destination");
	db_set_int(q, ":event", event);
	db_set_int(q, ":destination", destination);
	return take_delivery(j, q, row);
}

bool journal_find_named(struct journal *j, struct slice source, struct slice id, int64_t destination,
			struct journal_delivery *row)
{
	struct db_query *q = db_query(&j->db, DELIVERY_COLUMNS
				      "FROM event CROSS JOIN delivery ON event = seq AND destination = :destination "
				      "WHERE id = :id AND +source = :source"); /* not by source */
	db_set_int(q, ":destination", destination);
	db_set_text(q, ":source", source);
	db_set_text(q, ":id", id);
	if (take_delivery(j, q, row))
		return true;
	int64_t event = journal_find_event(j, source, id); /* it may have been erased */
	return event && journal_find_delivery(j, event, destination, row);
}

void journal_end_delivery(struct journal *j, const struct journal_delivery *row, enum journal_status status,
			  const char *code, struct slice why, int64_t now)
{
	struct db_query *q = db_query(&j->db, "UPDATE delivery SET status = :status, due_at = NULL, started_at = NULL, "
					      "updated_at = :now, http_status = NULL, code = :code, error = :why "
					      "WHERE event = :event AND destination = :destination");
	db_set_int(q, ":status", status);
	db_set_int(q, ":now", now);
	db_set_text(q, ":code", slice_of(code));
	journal_set_error(j, q, ":why", why, row->event);
	db_set_int(q, ":event", row->event);
	db_set_int(q, ":destination", row->destination);
	db_run(q);
	journal_count_leave(j, row);
	journal_count_enter(j, row, status, code, now);
	journal_count_ever(j, row, status, now);
	journal_wake_next(j, row, now);
}

/* ---- handing out ---- */

struct db_query *journal_load_event(struct journal *j, int64_t event, struct event *e)
{
	struct db_query *q =
	    db_query(&j->db, "SELECT source, id, type, subject, time, received_at, content_type, extra, "
			     "body, data FROM event JOIN payload ON event = seq WHERE seq = :event");
	db_set_int(q, ":event", event);
	if (!db_row(q)) {
		db_done(q);
		return NULL;
	}
	*e = (struct event){.source = db_text(q, 0),
			    .id = db_text(q, 1),
			    .type = db_text(q, 2),
			    .subject = db_text(q, 3),
			    .time = db_text(q, 4),
			    .recorded_at = db_int(q, 5),
			    .content_type = db_text(q, 6),
			    .extra = db_text(q, 7),
			    .body = (enum event_body)db_int(q, 8),
			    .data = db_blob(q, 9)};
	return q;
}

/* Claims that nobody starts come again later and later. */
static int64_t pause_after(int64_t lapses)
{
	if (lapses == 0)
		return 0;
	int64_t pause = PAUSE_FIRST_MS << (lapses < 9 ? lapses - 1 : 8);
	return pause < PAUSE_LONGEST_MS ? pause : PAUSE_LONGEST_MS;
}

static void claim_row(struct journal *j, const struct journal_delivery *row, int64_t now)
{
	int64_t lapses = row->status == JOURNAL_PROCESSING && !row->started_at ? row->lapses + 1 : row->lapses;
	struct db_query *q = db_query(
	    &j->db, "UPDATE delivery SET status = 1, lane = 2, due_at = :due_at, claim = :claim, claimed_at = :now, "
		    "updated_at = :now, lapses = :lapses, started_at = NULL, error = iif(code IS NULL, NULL, error) "
		    "WHERE event = :event AND destination = :destination");
	db_set_int(q, ":due_at", now + JOURNAL_LEASE_MS + pause_after(lapses));
	db_set_int(q, ":claim", row->claim + 1);
	db_set_int(q, ":now", now);
	db_set_int(q, ":lapses", lapses);
	db_set_int(q, ":event", row->event);
	db_set_int(q, ":destination", row->destination);
	db_run(q);
	journal_count_leave(j, row);
	journal_count_enter(j, row, JOURNAL_PROCESSING, false, now);
}

bool journal_hand_out(struct journal *j, struct journal_destination *to, const struct journal_delivery *row,
		      int64_t now, struct journal_batch *batch)
{
	struct event e;
	struct db_query *q = journal_load_event(j, row->event, &e);
	if (!q) {
		journal_end_delivery(j, row, JOURNAL_FAILED, "expired", SLICE("its payload has expired"), now);
		return false;
	}
	e.destination = slice_of(to->name);
	e.attempt = (int)row->attempts + 1;
	e.claim = row->claim + 1;
	event_write(&batch->lines, &e);
	db_done(q);
	claim_row(j, row, now);
	journal_note_time(to, now);
	batch->rows[batch->count++] = (struct journal_claimed){.event = row->event,
							       .destination = row->destination,
							       .claim = row->claim + 1,
							       .line_end = batch->lines.len};
	return true;
}

/* A start without an outcome: whether it arrived nobody knows. True when that ends the delivery. */
static bool settle_unknown(struct journal *j, const struct turn *t, struct journal_delivery *row, int64_t now)
{
	journal_note_unknown(j, t->to, row);
	row->lapses = 0;
	if (t->route->ambiguous_fails)
		journal_end_delivery(
		    j, row, JOURNAL_FAILED, "unknown",
		    SLICE("outcome unknown: sent, but no answer was recorded; not sent again, as configured"), now);
	else if (row->attempts - row->spent >= t->route->attempts)
		journal_end_delivery(j, row, JOURNAL_FAILED, "unknown",
				     SLICE("outcome unknown: sent, but no answer was recorded; no attempt is left"),
				     now);
	else
		return false;
	return true;
}

/* Held by one that has failed: who knows when somebody will look at that. It is looked at again now and then, rather than left in a
 * lane of its own, because a change of the configuration lets it go too. */
static void hold_for_failed(struct journal *j, const struct turn *t, const struct journal_delivery *row, int64_t failed,
			    int64_t now)
{
	int64_t again_at = now + HOLD_FAILED_MS;
	journal_note_time(t->to, now);
	if (row->status == JOURNAL_PROCESSING) {
		journal_put_back(j, row, row->attempts, again_at, now);
	} else {
		journal_put_off(j, row->event, t->to->id, again_at, now);
		journal_move_to_lane(j, row->event, t->to->id, LANE_RETRY);
	}
	struct buf why = BUF_INIT;
	struct db_query *q =
	    db_query(&j->db, "SELECT 'held: ' || id || ', an earlier event of its subject, has failed' "
			     "FROM event WHERE seq = :failed");
	db_set_int(q, ":failed", failed);
	if (db_row(q))
		buf_add_slice(&why, db_text(q, 0));
	db_done(q);
	q = db_query(&j->db, "UPDATE delivery SET error = :why "
			     "WHERE event = :event AND destination = :destination AND code IS NULL");
	journal_set_error(j, q, ":why", buf_slice(&why), row->event);
	db_set_int(q, ":event", row->event);
	db_set_int(q, ":destination", t->to->id);
	db_run(q);
	buf_free(&why);
}

/* Whatever this does with the row, it is no longer due in its lane. */
static void claim_one(struct journal *j, struct turn *t, int64_t event, int64_t now, struct journal_batch *batch)
{
	struct journal_delivery row;
	if (!journal_find_delivery(j, event, t->to->id, &row))
		return;
	if (t->route->ordered && journal_has_earlier(j, &row, true)) {
		journal_move_to_lane(j, event, t->to->id, LANE_HELD);
		return;
	}
	if (row.started_at && journal_lease_holds(j, &row, now)) {
		journal_note_time(t->to, now);
		return;
	}
	if (row.started_at && settle_unknown(j, t, &row, now))
		return;
	int64_t failed = t->route->ordered && t->route->failed_hold ? journal_failed_before(j, &row) : 0;
	if (failed) {
		hold_for_failed(j, t, &row, failed, now);
		return;
	}
	if (journal_hand_out(j, t->to, &row, now, batch))
		t->taken++;
}

static void look_up(struct journal *j, const struct turn *t, enum journal_lane lane, int64_t now, struct queue *queue)
{
	struct db_query *q =
	    db_query(&j->db, "SELECT event FROM delivery WHERE destination = :destination AND lane = :lane "
			     "AND due_at <= :now ORDER BY due_at, event LIMIT :limit");
	db_set_int(q, ":destination", t->to->id);
	db_set_int(q, ":lane", lane);
	db_set_int(q, ":now", now);
	db_set_int(q, ":limit", QUEUE);
	queue->next = 0;
	for (queue->count = 0; queue->count < QUEUE && db_row(q); queue->count++)
		queue->events[queue->count] = db_int(q, 0);
	db_done(q);
	queue->dry = queue->count == 0;
}

/* The next due event of a lane, or 0. What has been looked up is claimed before the lane is looked at again. */
static int64_t next_of(struct journal *j, struct turn *t, enum journal_lane lane, int64_t now)
{
	struct queue *queue = &t->lanes[lane];
	if (queue->next == queue->count && !queue->dry)
		look_up(j, t, lane, now, queue);
	return queue->next < queue->count ? queue->events[queue->next++] : 0;
}

static bool has_room(const struct journal_batch *batch, size_t limit)
{
	return batch->count < limit && batch->lines.len < JOURNAL_CLAIM_BYTES;
}

/* One delivery of this destination: three first attempts to one retry, whichever there is. False when nothing is due. */
static bool take_turn(struct journal *j, struct turn *t, int64_t now, struct journal_batch *batch)
{
	if (!t->to || (t->probe_only && t->taken))
		return false;
	bool retry = t->taken % (FIRST_ATTEMPTS_TO_RETRY + 1) == FIRST_ATTEMPTS_TO_RETRY;
	int64_t event = next_of(j, t, retry ? LANE_RETRY : LANE_FIRST, now);
	if (!event)
		event = next_of(j, t, retry ? LANE_FIRST : LANE_RETRY, now);
	if (event)
		claim_one(j, t, event, now, batch);
	return event;
}

static bool take_lapsed(struct journal *j, struct turn *t, int64_t now, struct journal_batch *batch)
{
	int64_t event = !t->to || (t->probe_only && t->taken) ? 0 : next_of(j, t, LANE_LAPSED, now);
	if (event)
		claim_one(j, t, event, now, batch);
	return event;
}

/* Round the destinations, beginning behind where the last claim ended, until nobody has anything due or there is no room. */
static void go_round(struct journal *j, struct turn *turns, size_t count, size_t limit, int64_t now,
		     struct journal_batch *batch,
		     bool (*take)(struct journal *, struct turn *, int64_t, struct journal_batch *))
{
	for (size_t idle = 0; count && idle < count && has_room(batch, limit) && !j->db.failed;) {
		struct turn *t = &turns[j->turn++ % count];
		idle = take(j, t, now, batch) ? 0 : idle + 1;
	}
}

static void open_turn(struct journal *j, struct turn *t, const struct journal_route *route, int64_t now)
{
	t->route = route;
	t->to = journal_destination_known(j, slice_of(route->destination));
	if (t->to && t->to->open_until) {
		t->probe_only = true;
		if (t->to->open_until > now)
			t->to = NULL;
	}
}

int journal_finish_batch(struct journal *j, struct journal_batch *batch, struct diag *d)
{
	if (!buf_ok(&batch->lines)) {
		journal_rollback(j);
		buf_clear(&batch->lines);
		batch->count = 0;
		return diag_fail(d, DIAG_IO, "out of memory");
	}
	if (journal_settle(j, d) == 0 && journal_commit(j, d) == 0)
		return 0;
	buf_clear(&batch->lines);
	batch->count = 0;
	return -1;
}

/* So many rows at once, until the order of those that ask for it is kept. */
static int keep_orders(struct journal *j, const struct journal_route *routes, size_t count, struct diag *d)
{
	bool kept = true;
	for (size_t i = 0; i < count; i += kept) {
		kept = true;
		if (!routes[i].ordered || !journal_order_is_wanting(j, slice_of(routes[i].destination)))
			continue;
		if (journal_begin(j, d) < 0)
			return -1;
		struct journal_destination *to = journal_destination_known(j, slice_of(routes[i].destination));
		kept = !to || journal_order_is_kept(j, to);
		if (journal_settle(j, d) < 0 || journal_commit(j, d) < 0)
			return -1;
	}
	return 0;
}

static int mind_waits(struct journal *j, const struct journal_route *routes, size_t count, int64_t now, struct diag *d)
{
	for (size_t i = 0; i < count; i++)
		if (journal_mind_waits(j, slice_of(routes[i].destination), now, d) < 0)
			return -1;
	return 0;
}

int journal_claim(struct journal *j, const struct journal_route *routes, size_t route_count, size_t limit, int64_t now,
		  struct journal_batch *batch, struct diag *d)
{
	buf_clear(&batch->lines);
	batch->count = 0;
	int64_t due_at;
	if (journal_next_due(j, routes, route_count, now, &due_at, d) < 0)
		return -1;
	if (due_at > now) /* a look without the write lock */
		return 0;
	if (mind_waits(j, routes, route_count, now, d) < 0 || keep_orders(j, routes, route_count, d) < 0)
		return -1;
	struct turn *turns = calloc(route_count, sizeof *turns);
	if (!turns)
		return diag_fail(d, DIAG_IO, "out of memory");
	int result = journal_begin(j, d);
	if (result == 0) {
		if (limit > JOURNAL_CLAIM_ROWS)
			limit = JOURNAL_CLAIM_ROWS;
		for (size_t i = 0; i < route_count; i++)
			open_turn(j, &turns[i], &routes[i], now);
		go_round(j, turns, route_count, limit, now, batch, take_turn);
		go_round(j, turns, route_count, limit, now, batch, take_lapsed);
		/* Nothing is sent upon a claim before its start is durable, and the claim with it; should a power cut undo the claim, then
		 * the rows are due at once, and not after a lease. */
		j->undoable = true;
		result = journal_finish_batch(j, batch, d);
	}
	free(turns);
	return result;
}

/* ---- when ---- */

static int64_t lane_due(struct journal *j, int64_t destination, enum journal_lane lane)
{
	struct db_query *q =
	    db_query(&j->db, "SELECT min(due_at) FROM delivery WHERE destination = :destination AND lane = :lane "
			     "AND due_at IS NOT NULL");
	db_set_int(q, ":destination", destination);
	db_set_int(q, ":lane", lane);
	int64_t due_at = db_row(q) && !db_is_null(q, 0) ? db_int(q, 0) : INT64_MAX;
	db_done(q);
	return due_at;
}

/* No destination row is cached here: this reads outside a transaction. */
static int64_t route_due(struct journal *j, const char *name, int64_t now)
{
	struct db_query *q =
	    db_query(&j->db, "SELECT id, open_until, " JOURNAL_IS_SET_BACK " FROM destination WHERE name = :name");
	db_set_text(q, ":name", slice_of(name));
	db_set_int(q, ":latest", now + JOURNAL_CLOCK_SLACK_MS);
	bool known = db_row(q), set_back = db_int(q, 2);
	int64_t id = db_int(q, 0), open_until = known ? db_int(q, 1) : 0;
	db_done(q);
	if (!known)
		return INT64_MAX;
	if (set_back)
		return now; /* its waits are to be looked at */
	int64_t due_at = INT64_MAX;
	for (enum journal_lane lane = LANE_FIRST; lane <= LANE_LAPSED; lane++) {
		int64_t at = lane_due(j, id, lane);
		due_at = at < due_at ? at : due_at;
	}
	return open_until > now && due_at < open_until ? open_until : due_at;
}

int journal_next_due(struct journal *j, const struct journal_route *routes, size_t route_count, int64_t now,
		     int64_t *at, struct diag *d)
{
	*at = INT64_MAX;
	for (size_t i = 0; i < route_count; i++) {
		int64_t due_at = route_due(j, routes[i].destination, now);
		*at = due_at < *at ? due_at : *at;
	}
	return db_failed(&j->db, d);
}

/* ---- giving back ---- */

/* True for a claim that is still the row's last, and that nobody has started. */
static bool is_unstarted(const struct journal_delivery *row, int64_t claim)
{
	return row->status == JOURNAL_PROCESSING && row->claim == claim && !row->started_at;
}

void journal_put_back(struct journal *j, const struct journal_delivery *row, int64_t attempts, int64_t due_at,
		      int64_t now)
{
	struct db_query *q = db_query(
	    &j->db, "UPDATE delivery SET attempts = :attempts, status = iif(:attempts > 0, 4, 0), lane = :lane, "
		    "due_at = :due_at, claim = claim + 1, claimed_at = :now, started_at = NULL, updated_at = :now "
		    "WHERE event = :event AND destination = :destination");
	db_set_int(q, ":attempts", attempts);
	db_set_int(q, ":lane", journal_lane_for(attempts, due_at, now));
	db_set_int(q, ":due_at", due_at);
	db_set_int(q, ":now", now);
	db_set_int(q, ":event", row->event);
	db_set_int(q, ":destination", row->destination);
	db_run(q);
	journal_count_leave(j, row);
	journal_count_enter(j, row, attempts ? JOURNAL_RETRYING : JOURNAL_RECEIVED, attempts && row->has_code, now);
}

int journal_release(struct journal *j, const struct journal_claimed *rows, size_t count, int64_t now, struct diag *d)
{
	if (journal_begin(j, d) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct journal_delivery row;
		if (journal_find_delivery(j, rows[i].event, rows[i].destination, &row) &&
		    is_unstarted(&row, rows[i].claim))
			journal_put_back(j, &row, row.attempts, now, now);
	}
	return journal_settle(j, d) < 0 ? -1 : journal_commit(j, d);
}
