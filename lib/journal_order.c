/* SPDX-License-Identifier: MIT */
/* The order of a subject's deliveries to one destination, kept for those destinations whose file asks for it. */
#include "journal_internal.h"

enum { AT_ONCE = 4096 }; /* rows that one transaction brings into the index: some 10 ms */

/* ---- beginning to keep it ---- */

static void add_to_index(struct journal *j, int64_t event, int64_t destination)
{
	struct db_query *q = db_query(&j->db, "UPDATE delivery SET ordered = 1 "
					      "WHERE event = :event AND destination = :destination");
	db_set_int(q, ":event", event);
	db_set_int(q, ":destination", destination);
	db_run(q);
}

/* The newest open ones of those that are not in it yet, up to AT_ONCE: how many there were. */
static size_t find_open(struct journal *j, const struct journal_destination *to, int64_t events[AT_ONCE])
{
	struct db_query *q = db_query(
	    &j->db, "SELECT event FROM ("
		    "SELECT * FROM (SELECT event FROM delivery WHERE destination = :destination AND status = 0 "
		    "AND event < :below ORDER BY event DESC LIMIT :limit) UNION ALL "
		    "SELECT * FROM (SELECT event FROM delivery WHERE destination = :destination AND status = 1 "
		    "AND event < :below ORDER BY event DESC LIMIT :limit) UNION ALL "
		    "SELECT * FROM (SELECT event FROM delivery WHERE destination = :destination AND status = 4 "
		    "AND event < :below ORDER BY event DESC LIMIT :limit)) ORDER BY event DESC LIMIT :limit");
	db_set_int(q, ":destination", to->id);
	db_set_int(q, ":below", to->ordered);
	db_set_int(q, ":limit", AT_ONCE);
	size_t count = 0;
	for (; count < AT_ONCE && db_row(q); count++)
		events[count] = db_int(q, 0);
	db_done(q);
	return count;
}

bool journal_order_is_kept(struct journal *j, struct journal_destination *to)
{
	int64_t events[AT_ONCE];
	if (to->ordered == 1)
		return true;
	to->ordered = to->ordered ? to->ordered : INT64_MAX;
	size_t count = find_open(j, to, events);
	for (size_t i = 0; i < count; i++)
		add_to_index(j, events[i], to->id);
	to->ordered = count < AT_ONCE ? 1 : events[count - 1];
	struct db_query *q = db_query(&j->db, "UPDATE destination SET ordered = :ordered WHERE id = :id");
	db_set_int(q, ":ordered", to->ordered);
	db_set_int(q, ":id", to->id);
	db_run(q);
	return to->ordered == 1;
}

bool journal_order_is_wanting(struct journal *j, struct slice destination)
{
	struct db_query *q = db_query(&j->db, "SELECT 1 FROM destination WHERE name = :name AND ordered <> 1");
	db_set_text(q, ":name", destination);
	bool wanting = db_row(q);
	db_done(q);
	return wanting;
}

/* ---- looking ---- */

bool journal_has_earlier(struct journal *j, const struct journal_delivery *row, bool waiting)
{
	if (!row->subject_key)
		return false;
	struct db_query *q = db_query(
	    &j->db,
	    "SELECT 1 FROM delivery WHERE destination = :destination AND subject_key = :key "
	    "AND event < :event AND due_at IS NOT NULL AND ordered = 1 AND (NOT :waiting OR status <> 1) LIMIT 1");
	db_set_int(q, ":destination", row->destination);
	db_set_int(q, ":key", row->subject_key);
	db_set_int(q, ":event", row->event);
	db_set_int(q, ":waiting", waiting);
	bool has = db_row(q);
	db_done(q);
	return has;
}

void journal_move_to_lane(struct journal *j, int64_t event, int64_t destination, enum journal_lane lane)
{
	struct db_query *q =
	    db_query(&j->db, "UPDATE delivery SET lane = :lane WHERE event = :event AND destination = :destination");
	db_set_int(q, ":lane", lane);
	db_set_int(q, ":event", event);
	db_set_int(q, ":destination", destination);
	db_run(q);
}

void journal_put_off(struct journal *j, int64_t event, int64_t destination, int64_t due_at, int64_t now)
{
	struct db_query *q = db_query(&j->db, "UPDATE delivery SET due_at = :due_at, claimed_at = :now "
					      "WHERE event = :event AND destination = :destination");
	db_set_int(q, ":due_at", due_at);
	db_set_int(q, ":now", now);
	db_set_int(q, ":event", event);
	db_set_int(q, ":destination", destination);
	db_run(q);
}

enum journal_lane journal_lane_for(int64_t attempts, int64_t due_at, int64_t now)
{
	return attempts || due_at > now + JOURNAL_CLOCK_SLACK_MS ? LANE_RETRY : LANE_FIRST;
}

int64_t journal_failed_before(struct journal *j, const struct journal_delivery *row)
{
	if (!row->subject_key)
		return 0;
	struct db_query *q =
	    db_query(&j->db, "SELECT event FROM delivery WHERE destination = :destination AND subject_key = :key "
			     "AND event < :event AND status = 3 AND code IS NOT 'given-up' ORDER BY event LIMIT 1");
	db_set_int(q, ":destination", row->destination);
	db_set_int(q, ":key", row->subject_key);
	db_set_int(q, ":event", row->event);
	return db_answer(q);
}

/* It stands in the lane of those that are held, or is due only when it is to be looked at again. */
void journal_wake_next(struct journal *j, const struct journal_delivery *row, int64_t now)
{
	if (!row->subject_key || (!row->ordered && row->status != JOURNAL_FAILED))
		return;
	struct db_query *q = db_query(
	    &j->db, "SELECT event, lane, attempts, status, due_at FROM delivery WHERE destination = :destination "
		    "AND subject_key = :key AND due_at IS NOT NULL AND ordered = 1 ORDER BY event LIMIT 1");
	db_set_int(q, ":destination", row->destination);
	db_set_int(q, ":key", row->subject_key);
	bool any = db_row(q), held = any && db_int(q, 1) == LANE_HELD;
	bool put_off = any && db_int(q, 3) == JOURNAL_RECEIVED && db_int(q, 4) > now;
	int64_t event = db_int(q, 0), attempts = held ? db_int(q, 2) : 0;
	db_done(q);
	if (held)
		journal_move_to_lane(j, event, row->destination, attempts ? LANE_RETRY : LANE_FIRST);
	if (put_off)
		journal_put_off(j, event, row->destination, now, now);
}
