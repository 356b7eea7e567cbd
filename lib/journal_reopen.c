/* SPDX-License-Identifier: MIT */
/* Ended deliveries go again, because somebody says so. */
#include "journal_internal.h"

static bool has_payload(struct journal *j, int64_t event)
{
	struct db_query *q = db_query(&j->db, "SELECT 1 FROM payload WHERE event = :event");
	db_set_int(q, ":event", event);
	bool has = db_row(q);
	db_done(q);
	return has;
}

/* The schedule begins anew behind the attempts there were. */
static void begin_anew(struct journal *j, struct journal_delivery *row)
{
	struct db_query *q = db_query(&j->db, "UPDATE delivery SET spent = attempts, lapses = 0, ordered = "
					      "(SELECT ordered > 0 FROM destination WHERE id = :destination) "
					      "WHERE event = :event AND destination = :destination");
	db_set_int(q, ":event", row->event);
	db_set_int(q, ":destination", row->destination);
	db_run(q);
	row->spent = row->attempts;
	row->lapses = 0;
}

/* What was skipped, or refused, for want of a destination has one now. */
static void drop_nowhere(struct journal *j, int64_t event)
{
	struct journal_delivery row;
	if (!journal_find_delivery(j, event, 0, &row))
		return;
	struct db_query *q = db_query(&j->db, "DELETE FROM delivery WHERE event = :event AND destination = 0");
	db_set_int(q, ":event", event);
	db_run(q);
	journal_count_leave(j, &row);
}

static struct journal_destination *destination_of(struct journal *j, struct journal_key key, struct slice to)
{
	if (to.ptr)
		return journal_destination(j, to);
	struct db_query *q = db_query(&j->db, "SELECT name FROM destination WHERE id = :id");
	db_set_int(q, ":id", key.destination);
	struct journal_destination *found =
	    db_row(q) && !db_is_null(q, 0) ? journal_destination_known(j, db_text(q, 0)) : NULL;
	db_done(q);
	return found;
}

static enum journal_reopened reopen_one(struct journal *j, struct journal_key key, struct slice to, int64_t now,
					struct journal_batch *batch)
{
	struct journal_destination *destination = destination_of(j, key, to);
	if (!destination)
		return JOURNAL_NOWHERE;
	if (!has_payload(j, key.event))
		return JOURNAL_EXPIRED;
	struct journal_delivery row;
	bool known = journal_find_delivery(j, key.event, destination->id, &row);
	if (!known && !(to.ptr && journal_add_delivery(j, key.event, destination->id, now) &&
			journal_find_delivery(j, key.event, destination->id, &row)))
		return JOURNAL_GONE;
	if (row.status == JOURNAL_PROCESSING)
		return JOURNAL_BUSY;
	if (!row.open && row.status != JOURNAL_FAILED && !to.ptr)
		return JOURNAL_ENDED_WELL;
	if (!row.open)
		begin_anew(j, &row);
	if (to.ptr)
		drop_nowhere(j, key.event);
	return journal_hand_out(j, destination, &row, now, batch) ? JOURNAL_REOPENED : JOURNAL_EXPIRED;
}

int journal_reopen(struct journal *j, const struct journal_key *keys, size_t count, struct slice to, int64_t now,
		   struct journal_batch *batch, enum journal_reopened *answers, size_t *done, struct diag *d)
{
	buf_clear(&batch->lines);
	batch->count = 0;
	if (journal_begin(j, d) < 0)
		return -1;
	size_t i = 0;
	while (i < count && batch->count < JOURNAL_CLAIM_ROWS && batch->lines.len < JOURNAL_CLAIM_BYTES &&
	       !j->db.failed) {
		answers[i] = reopen_one(j, keys[i], to, now, batch);
		i++;
	}
	*done = i;
	return journal_finish_batch(j, batch, d);
}

static bool was_given_up(struct journal *j, const struct journal_delivery *row)
{
	struct db_query *q =
	    db_query(&j->db, "SELECT 1 FROM delivery WHERE event = :event AND destination = :destination "
			     "AND code = 'given-up'");
	db_set_int(q, ":event", row->event);
	db_set_int(q, ":destination", row->destination);
	bool was = db_row(q);
	db_done(q);
	return was;
}

/* It has failed already; that somebody has looked at it is new. What it failed of stays to be read. */
static void give_up_failed(struct journal *j, const struct journal_delivery *row, struct slice why, int64_t now)
{
	struct buf both = BUF_INIT;
	struct db_query *q = db_query(&j->db, "SELECT :why || ifnull(' (it had failed: ' || text || ')', '') "
					      "FROM delivery LEFT JOIN error ON error.id = delivery.error "
					      "WHERE event = :event AND destination = :destination");
	db_set_text(q, ":why", why);
	db_set_int(q, ":event", row->event);
	db_set_int(q, ":destination", row->destination);
	if (db_row(q))
		buf_add_slice(&both, db_text(q, 0));
	db_done(q);
	q = db_query(&j->db, "UPDATE delivery SET code = 'given-up', updated_at = :now, error = :why "
			     "WHERE event = :event AND destination = :destination");
	db_set_int(q, ":now", now);
	journal_set_error(j, q, ":why", buf_slice(&both), row->event);
	db_set_int(q, ":event", row->event);
	db_set_int(q, ":destination", row->destination);
	db_run(q);
	buf_free(&both);
	journal_count_leave(j, row);
	journal_count_enter(j, row, JOURNAL_FAILED, true, now);
	journal_wake_next(j, row, now);
}

static enum journal_reopened give_up_one(struct journal *j, struct journal_key key, struct slice why, int64_t now)
{
	struct journal_delivery row;
	if (!journal_find_delivery(j, key.event, key.destination, &row))
		return JOURNAL_GONE;
	if (row.status == JOURNAL_PROCESSING)
		return JOURNAL_BUSY;
	if (!row.open && (row.status != JOURNAL_FAILED || was_given_up(j, &row)))
		return JOURNAL_ENDED_WELL;
	if (!row.open) {
		give_up_failed(j, &row, why, now);
		return JOURNAL_REOPENED;
	}
	journal_end_delivery(j, &row, JOURNAL_FAILED, "given-up", why, now);
	return JOURNAL_REOPENED;
}

int journal_give_up(struct journal *j, const struct journal_key *keys, size_t count, struct slice why, int64_t now,
		    enum journal_reopened *answers, struct diag *d)
{
	if (journal_begin(j, d) < 0)
		return -1;
	for (size_t i = 0; i < count && !j->db.failed; i++)
		answers[i] = give_up_one(j, keys[i], why, now);
	return journal_settle(j, d) < 0 ? -1 : journal_commit(j, d);
}
