/* SPDX-License-Identifier: MIT */
/* What is too old goes: payloads first, later all of it; never what is still to be delivered. */
#include "clock.h"
#include "journal_internal.h"

enum {
	STEP = 200, /* events in one transaction at most */
};

#define OPEN_DELIVERY "EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.seq AND d.due_at IS NOT NULL)"

static void forget(struct journal *j, const char *sql, int64_t event)
{
	struct db_query *q = db_query(&j->db, sql);
	db_set_int(q, ":event", event);
	db_run(q);
}

void journal_remove_payload(struct journal *j, int64_t event, int64_t now)
{
	forget(j, "DELETE FROM payload WHERE event = :event", event);
	forget(j, "DELETE FROM sent WHERE event = :event", event);
	forget(j, "DELETE FROM answer WHERE event = :event", event);
	struct db_query *q =
	    db_query(&j->db, "UPDATE event SET expired_at = :now WHERE seq = :event AND expired_at IS NULL");
	db_set_int(q, ":now", now);
	db_set_int(q, ":event", event);
	db_run(q);
}

static void expire_payload(struct journal *j, int64_t event)
{
	journal_remove_payload(j, event, clock_now());
}

/* Its deliveries no longer count among those that there are. */
static void count_out(struct journal *j, int64_t event)
{
	struct db_query *q = db_query(&j->db, "SELECT destination FROM delivery WHERE event = :event");
	struct journal_delivery row;
	db_set_int(q, ":event", event);
	while (db_row(q))
		if (journal_find_delivery(j, event, db_int(q, 0), &row))
			journal_count_leave(j, &row);
	db_done(q);
}

static void forget_event(struct journal *j, int64_t event)
{
	forget(j, "DELETE FROM payload WHERE event = :event", event);
	forget(j, "DELETE FROM sent WHERE event = :event", event);
	forget(j, "DELETE FROM answer WHERE event = :event", event);
	count_out(j, event);
	forget(j, "DELETE FROM attempt WHERE event = :event", event);
	forget(j, "DELETE FROM delivery WHERE event = :event", event);
	forget(j, "DELETE FROM event WHERE seq = :event", event);
}

/* The last event that is old enough; later ones are not looked at. */
static int64_t last_before(struct journal *j, int64_t before)
{
	struct db_query *q = db_query(
	    &j->db, "SELECT seq FROM event WHERE received_at < :before ORDER BY received_at DESC, seq DESC LIMIT 1");
	db_set_int(q, ":before", before);
	return db_answer(q);
}

struct sweep {
	const char *doing, *select; /* up to STEP events behind :after, up to :last, received before :before */
	void (*forget)(struct journal *, int64_t);
	int64_t before, *count;
};

static size_t select_step(struct journal *j, const struct sweep *sweep, int64_t after, int64_t last,
			  int64_t events[STEP])
{
	struct db_query *q = db_query(&j->db, sweep->select);
	db_set_int(q, ":after", after);
	db_set_int(q, ":last", last);
	db_set_int(q, ":before", sweep->before);
	db_set_int(q, ":step", STEP);
	size_t count = 0;
	while (count < STEP && db_row(q))
		events[count++] = db_int(q, 0);
	db_done(q);
	return count;
}

/* Removes the first of the events, as many as there is time for, at least one. How many that were. */
static size_t forget_step(struct journal *j, const struct sweep *sweep, const int64_t *events, size_t count)
{
	int64_t began = clock_monotonic();
	size_t done = 0;
	while (done < count && (done == 0 || clock_monotonic() - began < JOURNAL_STEP_MS))
		sweep->forget(j, events[done++]);
	return done;
}

static int sweep_all(struct journal *j, const struct sweep *sweep, struct journal_prune *prune, struct diag *d)
{
	int64_t events[STEP], after = 0, first = 0, last = last_before(j, sweep->before);
	for (bool more = true; more;) {
		if (!prune->dry_run && journal_begin(j, d) < 0)
			return -1;
		int64_t began = clock_monotonic();
		size_t count = select_step(j, sweep, after, last, events);
		size_t done = prune->dry_run ? count : forget_step(j, sweep, events, count);
		if (journal_settle(j, d) < 0 || (!prune->dry_run && journal_commit(j, d) < 0))
			return -1;
		more = count == STEP || done < count;
		after = done ? events[done - 1] : after;
		first = first ? first : after;
		*sweep->count += (int64_t)done;
		journal_tell(&prune->progress, sweep->doing, more ? after - first : 1, more ? last - first : 1);
		if (!prune->dry_run && more && journal_let_others(j, began, d) < 0)
			return -1;
	}
	return 0;
}

/* By way of what is open, which is little: a long look would keep the WAL from being moved meanwhile. */
static void count_kept(struct journal *j, struct journal_prune *prune)
{
	struct db_query *q = db_query(&j->db, "SELECT count(DISTINCT d.event) FROM delivery d "
					      "CROSS JOIN event e ON e.seq = d.event "
					      "CROSS JOIN payload p ON p.event = d.event "
					      "WHERE d.due_at IS NOT NULL AND e.received_at < :before");
	db_set_int(q, ":before", prune->payloads_before);
	prune->kept_open = db_answer(q);
}

/* What came when is remembered for longer than the events: silence is judged by weeks. */
static int sweep_tallies(struct journal *j, const struct journal_prune *prune, struct diag *d)
{
	if (journal_begin(j, d) < 0)
		return -1;
	journal_sweep_tallies(j, prune->events_before, prune->events_before - 60 * CLOCK_DAY);
	return journal_settle(j, d) < 0 ? -1 : journal_commit(j, d);
}

int journal_prune(struct journal *j, struct journal_prune *prune, struct diag *d)
{
	const struct sweep payloads = {"payloads",
				       "SELECT p.event FROM payload p JOIN event e ON e.seq = p.event "
				       "WHERE p.event > :after AND p.event <= :last AND e.received_at < :before "
				       "AND NOT " OPEN_DELIVERY " ORDER BY p.event LIMIT :step",
				       expire_payload, prune->payloads_before, &prune->payloads};
	const struct sweep events = {"events",
				     "SELECT e.seq FROM event e WHERE e.seq > :after AND e.seq <= :last "
				     "AND e.received_at < :before AND NOT " OPEN_DELIVERY " ORDER BY e.seq LIMIT :step",
				     forget_event, prune->events_before, &prune->events};
	prune->payloads = prune->events = prune->bytes = 0;
	prune->erased = false;
	if (sweep_all(j, &payloads, prune, d) < 0 || sweep_all(j, &events, prune, d) < 0)
		return -1;
	if (!prune->dry_run && (journal_prune_refusals(j, prune->payloads_before, prune->events_before, d) < 0 ||
				sweep_tallies(j, prune, d) < 0 || journal_drop_errors(j, d) < 0))
		return -1;
	count_kept(j, prune);
	if (db_failed(&j->db, d) < 0)
		return -1;
	if (prune->dry_run)
		return 0;
	if (journal_give_back(j, &prune->progress, &prune->bytes, d) < 0)
		return -1;
	return journal_erase(j, &prune->progress, &prune->erased, d);
}
