/* SPDX-License-Identifier: MIT */
/* Clocks that are set.
 *
 * Back: what waits until an instant of the wall clock would wait for so much longer. So each destination knows the latest time at which
 * anything was noted for it; once that lies ahead, its waits begin anew from the time it is now. Whoever makes a delivery due later notes
 * the time; accepting notes none, but what it accepts is due at once, so that one due ahead in its lane tells as much.
 *
 * Forward: waits end early, which harms nobody, but a request that is under way would be sent a second time. Its lease is measured on the
 * clock that nobody sets. */
#include "clock.h"
#include "journal_internal.h"

enum { AT_ONCE = 2048 }; /* rows that one transaction changes: some 20 ms */

/* An open delivery that is not due yet: it waits for so long. `claimed_at` of one that is not in processing any more is when that began. */
struct wait {
	int64_t event, due_at, span;
};

static void set_back(struct journal_destination *to, int64_t now)
{
	int64_t by = to->seen_at - now; /* or more: nothing may have happened for a while before */
	if (to->open_until) {
		to->open_until -= by;
		to->opened_at -= by;
	}
	to->rate_at -= by * 1000;
	to->mending = INT64_MAX;
	to->seen_at = now;
	to->changed = true;
}

static void mind_clock(struct journal_destination *to, int64_t now)
{
	if (to->seen_at > now + JOURNAL_CLOCK_SLACK_MS)
		set_back(to, now);
}

void journal_note_time(struct journal_destination *to, int64_t now)
{
	mind_clock(to, now);
	if (to->seen_at < now) {
		to->seen_at = now;
		to->changed = true;
	}
}

/* Has a clock been set back since its waits were looked at? *until is where that has got to; 0: it is not noted yet. */
static bool is_wanting(struct journal *j, struct slice destination, int64_t now, int64_t *id, int64_t *until)
{
	struct db_query *q =
	    db_query(&j->db, "SELECT id, mending FROM destination WHERE name = :name AND " JOURNAL_IS_SET_BACK);
	db_set_text(q, ":name", destination);
	db_set_int(q, ":latest", now + JOURNAL_CLOCK_SLACK_MS);
	bool wanting = db_row(q);
	*id = db_int(q, 0);
	*until = db_int(q, 1);
	db_done(q);
	return wanting;
}

/* Those whose wait began at a time that is still to come, the ones due last first. New events, and what was never claimed, wait for nothing.
 * No lock is held meanwhile: there may be many others among them. */
static size_t find_waits(struct journal *j, int64_t destination, int64_t until, int64_t now, struct wait waits[AT_ONCE])
{
#define OF_LANE(lane, began_at)                                                                                        \
	"SELECT * FROM (SELECT event, due_at, coalesce(due_at - " began_at ", 0) FROM delivery "                       \
	"WHERE destination = :destination AND lane = " lane " AND due_at > :now AND due_at <= :until "                 \
	"AND coalesce(" began_at " > :latest, TRUE) ORDER BY due_at DESC LIMIT :limit)"
#define OF_LATER_LANE(lane) " UNION ALL " OF_LANE(lane, "claimed_at")
	struct db_query *q = db_query(&j->db, "SELECT * FROM (" OF_LANE("0", "NULL") OF_LATER_LANE("1") OF_LATER_LANE(
						  "2") OF_LATER_LANE("3") ") ORDER BY due_at DESC LIMIT :limit");
#undef OF_LATER_LANE
#undef OF_LANE
	db_set_int(q, ":destination", destination);
	db_set_int(q, ":now", now);
	db_set_int(q, ":until", until);
	db_set_int(q, ":latest", now + JOURNAL_CLOCK_SLACK_MS);
	db_set_int(q, ":limit", AT_ONCE);
	size_t count = 0;
	for (; count < AT_ONCE && db_row(q); count++)
		waits[count] = (struct wait){db_int(q, 0), db_int(q, 1), db_int(q, 2)};
	db_done(q);
	return count;
}

/* As if its wait, or its lease, had begun now; unless others have changed it meanwhile. */
static void begin_wait(struct journal *j, int64_t destination, const struct wait *wait, int64_t now)
{
	struct db_query *q =
	    db_query(&j->db, "UPDATE delivery SET due_at = :due_at, claimed_at = iif(claimed_at IS NULL, NULL, :now) "
			     "WHERE event = :event AND destination = :destination "
			     "AND due_at = :was_due_at");
	db_set_int(q, ":due_at", now + wait->span);
	db_set_int(q, ":now", now);
	db_set_int(q, ":event", wait->event);
	db_set_int(q, ":destination", destination);
	db_set_int(q, ":was_due_at", wait->due_at);
	db_run(q);
}

static void begin_waits(struct journal *j, struct journal_destination *to, int64_t until, const struct wait *waits,
			size_t count, int64_t now)
{
	mind_clock(to, now);
	if (!until)
		to->mending = INT64_MAX;
	for (size_t i = 0; i < count; i++)
		begin_wait(j, to->id, &waits[i], now);
	if (until && to->mending == until)
		to->mending = count < AT_ONCE ? 0 : waits[count - 1].due_at;
	to->changed = true;
}

int journal_mind_waits(struct journal *j, struct slice destination, int64_t now, struct diag *d)
{
	struct wait waits[AT_ONCE];
	for (int64_t id, until; is_wanting(j, destination, now, &id, &until);) {
		size_t count = until ? find_waits(j, id, until, now, waits) : 0;
		if (journal_begin(j, d) < 0)
			return -1;
		struct journal_destination *to = journal_destination_known(j, destination);
		if (to)
			begin_waits(j, to, until, waits, count, now);
		if (journal_settle(j, d) < 0 || journal_commit(j, d) < 0)
			return -1;
	}
	return 0;
}

/* Another boot's ticks are mostly ahead of ours; where they are not, one lease more is waited for at most. */
static int64_t lease_left(struct journal *j, const struct journal_delivery *row)
{
	struct db_query *q =
	    db_query(&j->db, "SELECT due_at - started_at - (:tick - started_tick) FROM delivery "
			     "WHERE event = :event AND destination = :destination AND started_tick <= :tick");
	db_set_int(q, ":tick", clock_monotonic());
	db_set_int(q, ":event", row->event);
	db_set_int(q, ":destination", row->destination);
	int64_t left = db_row(q) ? db_int(q, 0) : 0;
	db_done(q);
	return left;
}

bool journal_lease_holds(struct journal *j, const struct journal_delivery *row, int64_t now)
{
	int64_t left = lease_left(j, row);
	if (left <= 0)
		return false;
	struct db_query *q =
	    db_query(&j->db, "UPDATE delivery SET due_at = :due_at, claimed_at = :now, "
			     "started_tick = NULL WHERE event = :event AND destination = :destination");
	db_set_int(q, ":due_at", now + left);
	db_set_int(q, ":now", now);
	db_set_int(q, ":event", row->event);
	db_set_int(q, ":destination", row->destination);
	db_run(q);
	return true;
}
