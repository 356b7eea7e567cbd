/* SPDX-License-Identifier: MIT */
/* Aggregates over the history. Each is one statement, so that no read transaction outlives it. */
#include "clock.h"
#include "journal_internal.h"

/* ---- the rows that are aggregated ---- */

static void add_select(struct buf *sql, const struct journal_filter *f, const char *more)
{
	buf_add_text(sql, "SELECT n.id AS destination, n.name, e.source, e.id, e.received_at, d.status, d.updated_at, "
			  "d.attempts - d.spent AS tries, d.code, d.error, "
			  "d.status IN (3, 4) AND d.code IS NOT NULL AS troubled" JOURNAL_FROM_HISTORY);
	journal_add_conditions(sql, f);
	buf_add_text(sql, more);
}

/* "WITH r AS (...) ". No index leads to what changed since a time, so this looks where it can be: among what was received
 * since then, what is open, and what has failed. A delivery of an older event that was delivered since is not seen. */
static void add_rows(struct buf *sql, const struct journal_filter *f)
{
	buf_add_text(sql, "WITH r AS (");
	if (!f->changed_since) {
		add_select(sql, f, ") ");
		return;
	}
	add_select(sql, f, " AND e.received_at >= :changed_since UNION ALL ");
	add_select(sql, f, " AND e.received_at < :changed_since AND d.due_at IS NOT NULL UNION ALL ");
	add_select(sql, f, " AND e.received_at < :changed_since AND d.status = 3) ");
}

/* The statement that begins with these rows and goes on with `rest`. */
static struct db_query *over_rows(struct journal *j, const struct journal_filter *f, const char *rest, struct buf *sql)
{
	add_rows(sql, f);
	buf_add_text(sql, rest);
	if (!buf_ok(sql))
		return NULL;
	struct db_query *q = db_compose(&j->db, sql->data);
	journal_bind_conditions(q, f);
	return q;
}

static int finish(struct journal *j, struct db_query *q, struct buf *sql, struct diag *d)
{
	bool ok = buf_ok(sql);
	db_finish(q);
	buf_free(sql);
	if (db_failed(&j->db, d) < 0)
		return -1;
	return ok ? 0 : diag_fail(d, DIAG_IO, "out of memory");
}

/* ---- counts ---- */

int journal_tally(struct journal *j, const struct journal_filter *filter, struct journal_tally *tally, struct diag *d)
{
	struct buf sql = BUF_INIT;
	struct db_query *q = over_rows(
	    j, filter, "SELECT status, count(*), min(received_at), max(received_at) FROM r GROUP BY status", &sql);
	*tally = (struct journal_tally){.first_at = 0};
	while (db_row(q)) {
		tally->by_status[db_int(q, 0)] = db_int(q, 1);
		if (!tally->first_at || db_int(q, 2) < tally->first_at)
			tally->first_at = db_int(q, 2);
		if (db_int(q, 3) > tally->last_at)
			tally->last_at = db_int(q, 3);
	}
	return finish(j, q, &sql, d);
}

int journal_hours(struct journal *j, const struct journal_filter *filter, int64_t now, struct journal_hours *hours,
		  struct diag *d)
{
	struct buf sql = BUF_INIT;
	struct journal_filter day = *filter;
	if (day.since < now - JOURNAL_HOURS * CLOCK_HOUR)
		day.since = now - JOURNAL_HOURS * CLOCK_HOUR + 1;
	struct db_query *q = over_rows(j, &day,
				       "SELECT (:now - received_at) / 3600000, count(*), sum(status IN (3, 4)) "
				       "FROM r WHERE received_at <= :now GROUP BY 1",
				       &sql);
	db_set_int(q, ":now", now);
	*hours = (struct journal_hours){{0}, {0}};
	while (db_row(q)) {
		hours->deliveries[db_int(q, 0)] = db_int(q, 1);
		hours->failed[db_int(q, 0)] = db_int(q, 2);
	}
	return finish(j, q, &sql, d);
}

int journal_histogram(struct journal *j, const struct journal_filter *filter,
		      bool (*each)(const struct journal_hour *hour, void *context), void *context, struct diag *d)
{
	struct buf sql = BUF_INIT;
	struct db_query *q = over_rows(
	    j, filter, "SELECT received_at / 3600000, status, count(*) FROM r GROUP BY 1, 2 ORDER BY 1", &sql);
	struct journal_hour hour = {.from_at = -1};
	bool more = true;
	while (more && db_row(q)) {
		int64_t from_at = db_int(q, 0) * CLOCK_HOUR;
		if (from_at != hour.from_at) {
			more = hour.from_at < 0 || each(&hour, context);
			hour = (struct journal_hour){.from_at = from_at};
		}
		hour.by_status[db_int(q, 1)] = db_int(q, 2);
	}
	if (more && hour.from_at >= 0)
		each(&hour, context);
	return finish(j, q, &sql, d);
}

int journal_sources(struct journal *j, const struct journal_filter *filter,
		    bool (*each)(const struct journal_source *source, void *context), void *context, struct diag *d)
{
	struct buf sql = BUF_INIT;
	struct db_query *q =
	    over_rows(j, filter, "SELECT source, max(received_at) FROM r GROUP BY source ORDER BY source", &sql);
	for (bool more = true; more && db_row(q);) {
		struct journal_source source = {db_text(q, 0), db_int(q, 1)};
		more = each(&source, context);
	}
	return finish(j, q, &sql, d);
}

/* ---- how it has gone ---- */

#define WITH_LAST_DELIVERED                                                                                            \
	"LEFT JOIN (SELECT destination, max(updated_at) AS delivered_at FROM r WHERE status = 2 GROUP BY 1) "          \
	"USING (destination) "

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void add_hour(struct journal_course *course, struct db_query *q)
{
	int64_t hour = db_int(q, 2), first = db_int(q, 10);
	course->delivered += db_int(q, 3);
	course->recovered += db_int(q, 4);
	course->troubled += db_int(q, 5);
	course->in_a_row += db_int(q, 6);
	course->last_delivered_at = later(course->last_delivered_at, db_int(q, 7));
	course->last_troubled_at = later(course->last_troubled_at, db_int(q, 8));
	course->last_recovered_at = later(course->last_recovered_at, db_int(q, 9));
	if (first && (!course->first_in_a_row_at || first < course->first_in_a_row_at))
		course->first_in_a_row_at = first;
	if (hour >= 0 && hour < JOURNAL_HOURS) {
		course->delivered_by_hour[hour] += db_int(q, 3);
		course->troubled_by_hour[hour] += db_int(q, 5);
	}
}

static const char *const courses_by_hour =
    "SELECT destination, name, (:now - updated_at) / 3600000, sum(status = 2), sum(status = 2 AND tries > 1), "
    "sum(troubled), sum(troubled AND updated_at > coalesce(delivered_at, 0)), max(iif(status = 2, updated_at, 0)), "
    "max(iif(troubled, updated_at, 0)), max(iif(status = 2 AND tries > 1, updated_at, 0)), "
    "min(iif(troubled AND updated_at > coalesce(delivered_at, 0), updated_at, NULL)) "
    "FROM r " WITH_LAST_DELIVERED "GROUP BY destination, 3 ORDER BY destination";

int journal_courses(struct journal *j, const struct journal_filter *filter, int64_t now,
		    bool (*each)(const struct journal_course *course, void *context), void *context, struct diag *d)
{
	struct buf sql = BUF_INIT, name = BUF_INIT;
	struct db_query *q = over_rows(j, filter, courses_by_hour, &sql);
	db_set_int(q, ":now", now);
	struct journal_course course;
	int64_t destination = -1;
	bool more = true;
	while (more && db_row(q)) {
		if (db_int(q, 0) != destination) {
			more = destination < 0 || each(&course, context);
			destination = db_int(q, 0);
			buf_clear(&name);
			buf_add_slice(&name, db_text(q, 1));
			course =
			    (struct journal_course){.destination = db_is_null(q, 1) ? SLICE_NONE : buf_slice(&name)};
		}
		add_hour(&course, q);
	}
	if (more && destination >= 0)
		each(&course, context);
	sql.failed = sql.failed || name.failed;
	buf_free(&name);
	return finish(j, q, &sql, d);
}

/* The ids come out of min() and max() behind the time that they are chosen by. */
static const char *const troubles_by_error =
    "SELECT name, code, error, count(*), sum(status = 3), sum(updated_at > coalesce(delivered_at, 0)), "
    "min(updated_at), max(updated_at), substr(min(printf('%015d', updated_at) || id), 16), "
    "substr(max(printf('%015d', updated_at) || id), 16) "
    "FROM r " WITH_LAST_DELIVERED
    "WHERE troubled GROUP BY destination, code, error ORDER BY 4 DESC, 8 DESC LIMIT :limit";

int journal_troubles(struct journal *j, const struct journal_filter *filter, int64_t limit,
		     bool (*each)(const struct journal_trouble *trouble, void *context), void *context, struct diag *d)
{
	struct buf sql = BUF_INIT;
	struct db_query *q = over_rows(j, filter, troubles_by_error, &sql);
	db_set_int(q, ":limit", limit);
	for (bool more = true; more && db_row(q);) {
		struct journal_trouble trouble = {.destination = db_text(q, 0),
						  .code = db_text(q, 1),
						  .error = db_text(q, 2),
						  .count = db_int(q, 3),
						  .failed = db_int(q, 4),
						  .in_a_row = db_int(q, 5),
						  .first_at = db_int(q, 6),
						  .last_at = db_int(q, 7),
						  .first_id = db_text(q, 8),
						  .last_id = db_text(q, 9)};
		more = each(&trouble, context);
	}
	return finish(j, q, &sql, d);
}

/* ---- what is open ---- */

/* The oldest in processing comes out of min() behind the time that it is chosen by. */
static const char *const open_deliveries =
    "SELECT name, waiting, processing, late, late_since, stuck, processing_since, "
    "(SELECT id FROM event WHERE seq = CAST(substr(oldest, 16) AS INTEGER)), lapsed, "
    "(SELECT id FROM event WHERE seq = lapsed_event), last_claimed_at FROM (SELECT n.name, count(*) AS waiting, "
    "sum(working) AS processing, sum(late) AS late, min(iif(late, due_at, NULL)) AS late_since, "
    "sum(working AND worked_at < :late) AS stuck, min(iif(working, worked_at, NULL)) AS processing_since, "
    "min(iif(working, printf('%015d', worked_at) || event, NULL)) AS oldest, sum(lapses > 0) AS lapsed, "
    "min(iif(lapses > 0, event, NULL)) AS lapsed_event, max(claimed_at) AS last_claimed_at "
    "FROM (SELECT *, status = 1 AS working, coalesce(started_at, claimed_at) AS worked_at, "
    "status <> 1 AND lane < 3 AND due_at < :late AS late FROM delivery WHERE due_at IS NOT NULL) "
    "JOIN destination n ON n.id = destination GROUP BY n.id)";

int journal_backlogs(struct journal *j, int64_t now, bool (*each)(const struct journal_backlog *backlog, void *context),
		     void *context, struct diag *d)
{
	struct db_query *q = db_query(&j->db, open_deliveries);
	db_set_int(q, ":late", now - JOURNAL_LEASE_MS);
	for (bool more = true; more && db_row(q);) {
		struct journal_backlog backlog = {.destination = db_text(q, 0),
						  .waiting = db_int(q, 1),
						  .processing = db_int(q, 2),
						  .late = db_int(q, 3),
						  .late_since = db_int(q, 4),
						  .stuck = db_int(q, 5),
						  .processing_since = db_int(q, 6),
						  .processing_id = db_text(q, 7),
						  .lapsed = db_int(q, 8),
						  .lapsed_id = db_text(q, 9),
						  .last_claimed_at = db_int(q, 10)};
		more = each(&backlog, context);
	}
	db_done(q);
	return db_failed(&j->db, d);
}

/* ---- receipt ---- */

int journal_received(struct journal *j, int64_t from, int64_t until, int64_t most, int64_t *count, struct diag *d)
{
	struct db_query *q =
	    db_query(&j->db, "SELECT count(*) FROM (SELECT 1 FROM event WHERE received_at >= :from AND "
			     "received_at < :until LIMIT :most)");
	db_set_int(q, ":from", from);
	db_set_int(q, ":until", until);
	db_set_int(q, ":most", most);
	*count = db_row(q) ? db_int(q, 0) : 0;
	db_done(q);
	return db_failed(&j->db, d);
}

int journal_last_received(struct journal *j, int64_t *at, struct diag *d)
{
	struct db_query *q = db_query(&j->db, "SELECT max(received_at) FROM event");
	*at = db_row(q) ? db_int(q, 0) : 0;
	db_done(q);
	return db_failed(&j->db, d);
}
