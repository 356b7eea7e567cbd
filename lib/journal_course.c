/* SPDX-License-Identifier: MIT */
/* How things go: outcomes, what is open, receipt. What a verdict is judged on, read by short statements. */
#include "clock.h"
#include "journal_internal.h"

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* ---- how it has gone ---- */

int64_t journal_last_delivered(struct journal *j, int64_t destination)
{
	struct db_query *q = db_query(&j->db, "SELECT max(last_at) FROM tally WHERE axis = 3 AND slot = 0 AND of IN "
					      "(SELECT id FROM kind WHERE destination = :destination) AND status = 2");
	db_set_int(q, ":destination", destination);
	return db_answer(q);
}

/* The row that has not ended: what is troubled since the last was delivered. */
static void count_row(struct journal *j, int64_t destination, int64_t since, struct journal_course *course)
{
	struct db_query *q = db_query(
	    &j->db,
	    "SELECT count(*), min(updated_at) FROM (SELECT updated_at FROM delivery INDEXED BY delivery_trouble "
	    "WHERE destination = :destination AND status IN (3, 4) AND updated_at > :after AND code IS NOT NULL "
	    "ORDER BY updated_at DESC LIMIT :most)");
	db_set_int(q, ":destination", destination);
	db_set_int(q, ":after", later(since, course->last_delivered_at));
	db_set_int(q, ":most", JOURNAL_ROW_MOST);
	if (db_row(q)) {
		course->in_a_row = db_int(q, 0);
		course->first_in_a_row_at = db_int(q, 1);
	}
	db_done(q);
}

static void add_cell(struct journal_course *course, int64_t hour, int64_t status, int64_t n, int64_t last_at)
{
	if (status == JOURNAL_DELIVERED || status == TALLY_RECOVERED) {
		course->delivered += n;
		course->delivered_by_hour[hour] += n;
		if (status == TALLY_RECOVERED) {
			course->recovered += n;
			course->last_recovered_at = later(course->last_recovered_at, last_at);
		}
	} else {
		course->troubled += n;
		course->troubled_by_hour[hour] += n;
		course->last_troubled_at = later(course->last_troubled_at, last_at);
	}
}

/* Failed attempts by the hour of the day, the days before now: the pattern is looked for in them. */
static void add_days(struct journal *j, int64_t destination, int64_t now, struct journal_course *course)
{
	struct db_query *q =
	    db_query(&j->db, "SELECT slot, n FROM tally WHERE axis = 5 AND slot > :from AND slot <= :to "
			     "AND of = :destination");
	int64_t last = now / TALLY_HOUR_MS;
	db_set_int(q, ":from", last - JOURNAL_DAYS * 24);
	db_set_int(q, ":to", last);
	db_set_int(q, ":destination", destination);
	while (db_row(q)) {
		int64_t ago = last - db_int(q, 0);
		course->failures[ago / 24][ago % 24] = db_int(q, 1);
	}
	db_done(q);
}

static bool show_course(struct journal *j, int64_t destination, int64_t now, struct journal_course *course,
			bool (*each)(const struct journal_course *course, void *context), void *context)
{
	course->last_delivered_at = journal_last_delivered(j, destination);
	count_row(j, destination, now - JOURNAL_HOURS * CLOCK_HOUR, course);
	add_days(j, destination, now, course);
	return each(course, context);
}

int journal_courses(struct journal *j, int64_t now, bool (*each)(const struct journal_course *course, void *context),
		    void *context, struct diag *d)
{
	enum { SLOTS = (int)(TALLY_HOUR_MS / TALLY_SLOT_MS) };
	struct db_query *q = db_query(&j->db, "SELECT id, name FROM destination ORDER BY id");
	for (bool more = true; more && db_row(q);) {
		struct journal_course course = {.destination = db_text(q, 1)};
		struct db_query *cells = db_query(
		    &j->db, "SELECT (:now - slot) / :slots, status, sum(n), max(last_at) FROM tally WHERE axis = 1 "
			    "AND slot > :from AND slot <= :now AND of = :destination AND n > 0 GROUP BY 1, 2");
		db_set_int(cells, ":now", now / TALLY_SLOT_MS);
		db_set_int(cells, ":slots", SLOTS);
		db_set_int(cells, ":from", now / TALLY_SLOT_MS - JOURNAL_HOURS * SLOTS);
		db_set_int(cells, ":destination", db_int(q, 0));
		bool any = false;
		for (; db_row(cells); any = true)
			add_cell(&course, db_int(cells, 0), db_int(cells, 1), db_int(cells, 2), db_int(cells, 3));
		db_done(cells);
		if (any)
			more = show_course(j, db_int(q, 0), now, &course, each, context);
	}
	db_done(q);
	return db_failed(&j->db, d);
}

struct slice journal_look_up(struct journal *j, const char *sql, int64_t number, struct buf *text)
{
	struct db_query *q = db_query(&j->db, sql);
	db_set_int(q, ":number", number);
	buf_clear(text);
	bool found = db_row(q) && !db_is_null(q, 0);
	if (found)
		buf_add_slice(text, db_text(q, 0));
	db_done(q);
	return found ? buf_slice(text) : SLICE_NONE;
}

/* ---- what is open ---- */

/* Due for long in that lane, claimed by nobody. */
static void add_late(struct journal *j, int64_t destination, enum journal_lane lane, int64_t late,
		     struct journal_backlog *backlog)
{
	struct db_query *q = db_query(
	    &j->db, "SELECT count(*), min(due_at) FROM (SELECT due_at FROM delivery INDEXED BY delivery_due "
		    "WHERE destination = :destination AND lane = :lane AND due_at < :late AND due_at IS NOT NULL "
		    "AND status <> 1 ORDER BY due_at LIMIT :most)");
	db_set_int(q, ":destination", destination);
	db_set_int(q, ":lane", lane);
	db_set_int(q, ":late", late);
	db_set_int(q, ":most", JOURNAL_LATE_MOST - backlog->late);
	if (db_row(q) && db_int(q, 0)) {
		backlog->late += db_int(q, 0);
		if (!backlog->late_since || db_int(q, 1) < backlog->late_since)
			backlog->late_since = db_int(q, 1);
	}
	db_done(q);
}

/* Those in processing are no more than what pipelines hold. */
static void add_processing(struct journal *j, int64_t destination, int64_t late, struct journal_backlog *backlog,
			   struct buf ids[2])
{
	static const char id_of[] = "SELECT id FROM event WHERE seq = :number";
	struct db_query *q =
	    db_query(&j->db, "SELECT event, coalesce(started_at, claimed_at), lapses, claimed_at FROM delivery "
			     "INDEXED BY delivery_kind WHERE kind IN "
			     "(SELECT id FROM kind WHERE destination = :destination) AND status = 1 LIMIT 5000");
	int64_t oldest = 0, lapsed = 0;
	db_set_int(q, ":destination", destination);
	while (db_row(q)) {
		int64_t at = db_int(q, 1);
		backlog->stuck += at < late;
		backlog->last_claimed_at = later(backlog->last_claimed_at, db_int(q, 3));
		if (!backlog->processing_since || at < backlog->processing_since) {
			backlog->processing_since = at;
			oldest = db_int(q, 0);
		}
		if (db_int(q, 2)) {
			backlog->lapsed++;
			lapsed = lapsed ? lapsed : db_int(q, 0);
		}
	}
	db_done(q);
	backlog->processing_id = journal_look_up(j, id_of, oldest, &ids[0]);
	backlog->lapsed_id = journal_look_up(j, id_of, lapsed, &ids[1]);
}

int journal_backlogs(struct journal *j, int64_t now, bool (*each)(const struct journal_backlog *backlog, void *context),
		     void *context, struct diag *d)
{
	struct buf ids[2] = {BUF_INIT, BUF_INIT};
	struct db_query *q = db_query(
	    &j->db, "SELECT d.id, name, sum(n), sum(iif(status = 1, n, 0)) FROM tally JOIN kind k ON k.id = of "
		    "JOIN destination d ON d.id = k.destination "
		    "WHERE axis = 6 AND slot = 0 AND status IN (0, 1, 4) GROUP BY d.id HAVING sum(n) > 0");
	for (bool more = true; more && db_row(q);) {
		struct journal_backlog backlog = {
		    .destination = db_text(q, 1), .waiting = db_int(q, 2), .processing = db_int(q, 3)};
		for (enum journal_lane lane = LANE_FIRST; lane <= LANE_RETRY; lane++)
			add_late(j, db_int(q, 0), lane, now - JOURNAL_LEASE_MS, &backlog);
		add_processing(j, db_int(q, 0), now - JOURNAL_LEASE_MS, &backlog, ids);
		more = each(&backlog, context);
	}
	db_done(q);
	buf_free(&ids[0]);
	buf_free(&ids[1]);
	return db_failed(&j->db, d);
}

/* ---- receipt ---- */

int journal_arrivals(struct journal *j, int64_t now, int64_t span_ms,
		     bool (*each)(const struct journal_arrival *arrival, void *context), void *context, struct diag *d)
{
	enum { WEEK_SLOTS = (int)(7 * CLOCK_DAY / TALLY_SLOT_MS) };
	struct db_query *q = db_query(&j->db, "SELECT source, last_at, n, id FROM tally JOIN kind ON id = of "
					      "WHERE axis = 4 AND slot = 0 ORDER BY source");
	for (bool more = true; more && db_row(q);) {
		struct journal_arrival arrival = {
		    .source = db_text(q, 0), .last_at = db_int(q, 1), .ever = db_int(q, 2)};
		int64_t *const counts[] = {&arrival.lately, &arrival.week_ago, &arrival.two_weeks_ago};
		for (int week = 0; week < 3; week++) {
			struct db_query *sum =
			    db_query(&j->db, "SELECT sum(n) FROM tally WHERE axis = 2 AND slot > :from "
					     "AND slot <= :to AND of = :source");
			int64_t to = now / TALLY_SLOT_MS - week * WEEK_SLOTS;
			db_set_int(sum, ":from", to - span_ms / TALLY_SLOT_MS);
			db_set_int(sum, ":to", to);
			db_set_int(sum, ":source", db_int(q, 3));
			*counts[week] = db_row(sum) ? db_int(sum, 0) : 0;
			db_done(sum);
		}
		more = each(&arrival, context);
	}
	db_done(q);
	return db_failed(&j->db, d);
}

int journal_repeats(struct journal *j, int64_t since, bool (*each)(const struct journal_repeat *repeat, void *context),
		    void *context, struct diag *d)
{
	struct db_query *q =
	    db_query(&j->db, "SELECT k.source, n, at, e.id FROM (SELECT of, sum(n) AS n, max(last_at) AS at, "
			     "max(last_event) AS last FROM tally WHERE axis = 7 AND slot >= :slot GROUP BY of) "
			     "JOIN kind k ON k.id = of LEFT JOIN event e ON e.seq = last ORDER BY k.source");
	db_set_int(q, ":slot", since / TALLY_SLOT_MS);
	for (bool more = true; more && db_row(q);) {
		struct journal_repeat repeat = {
		    .source = db_text(q, 0), .count = db_int(q, 1), .last_at = db_int(q, 2), .last_id = db_text(q, 3)};
		more = each(&repeat, context);
	}
	db_done(q);
	return db_failed(&j->db, d);
}
