/* SPDX-License-Identifier: MIT */
/* Counts of what a filter lets through: from those in `tally` wherever they say it, from the rows otherwise. Each is read by short
 * statements, so that no read transaction outlives one. */
#include <stdlib.h>

#include "clock.h"
#include "journal_internal.h"

static int finish(struct journal *j, struct db_query *q, struct buf *sql, struct diag *d)
{
	bool ok = buf_ok(sql);
	db_finish(q);
	buf_free(sql);
	if (db_failed(&j->db, d) < 0)
		return -1;
	return ok ? 0 : diag_fail(d, DIAG_IO, "out of memory");
}

static int64_t hour_of(int64_t at)
{
	return at / TALLY_HOUR_MS;
}

/* Have types become so many that some share a kind? */
static bool types_share_kinds(struct journal *j)
{
	struct db_query *q = db_query(&j->db, "SELECT 1 FROM kind WHERE type IS NULL AND destination IS NOT NULL");
	bool shared = db_row(q);
	db_done(q);
	return shared;
}

/* Is this filter about what the cells of deliveries know? */
static bool cells_know(struct journal *j, const struct journal_filter *f)
{
	return !f->subject.ptr && !f->error.ptr && !f->due_by && !f->changed_since && !f->id_count &&
	       !(f->type.ptr && types_share_kinds(j));
}

/* The filter as conditions on the cells of deliveries, whole hours from :from and before :to. */
static void add_cells(struct buf *sql, enum tally_axis axis, const char *columns, const struct journal_filter *f)
{
	buf_printf(sql, "SELECT %s FROM tally WHERE axis = %d AND slot >= :from AND slot < :to AND n > 0", columns,
		   axis);
	if (f->destination.ptr || f->source.ptr || f->type.ptr)
		buf_add_text(sql, " AND of IN (SELECT id FROM kind WHERE destination IS NOT NULL");
	if (f->destination.ptr)
		buf_add_text(sql, " AND destination = (SELECT d.id FROM destination d WHERE d.name = :destination)");
	if (f->source.ptr)
		buf_add_text(sql, " AND source = :source");
	if (f->type.ptr)
		buf_add_text(sql, " AND type GLOB :type");
	if (f->destination.ptr || f->source.ptr || f->type.ptr)
		buf_add_char(sql, ')');
	if (f->statuses)
		buf_printf(sql, " AND (%u >> status) & 1", f->statuses);
}

static void bind_cells(struct db_query *q, const struct journal_filter *f, int64_t from, int64_t to)
{
	if (f->destination.ptr)
		db_set_text(q, ":destination", f->destination);
	if (f->source.ptr)
		db_set_text(q, ":source", f->source);
	if (f->type.ptr)
		db_set_text(q, ":type", f->type);
	db_set_int(q, ":from", from);
	db_set_int(q, ":to", to);
}

static struct db_query *compose(struct journal *j, struct buf *sql)
{
	return buf_ok(sql) ? db_compose(&j->db, sql->data) : NULL;
}

/* ---- counts ---- */

static void widen(struct journal_tally *tally, int64_t first_at, int64_t last_at)
{
	if (first_at && (!tally->first_at || first_at < tally->first_at))
		tally->first_at = first_at;
	if (last_at > tally->last_at)
		tally->last_at = last_at;
}

static void add_tally(struct db_query *row, void *context)
{
	struct journal_tally *tally = context;
	tally->by_status[db_int(row, 0)] += db_int(row, 1);
	widen(tally, db_int(row, 2), db_int(row, 3));
}

static int tally_rows(struct journal *j, const struct journal_filter *f, struct journal_tally *tally, struct diag *d)
{
	return journal_sum(j, f, "d.status, count(*), min(e.received_at), max(e.received_at)", "d.status", add_tally,
			   tally, d);
}

/* What was received in whole hours. */
static int tally_cells(struct journal *j, const struct journal_filter *f, int64_t from, int64_t to,
		       struct journal_tally *tally, int64_t *first, int64_t *last, struct diag *d)
{
	struct buf sql = BUF_INIT;
	add_cells(&sql, TALLY_STATE, "status, sum(n), min(slot), max(slot)", f);
	buf_add_text(&sql, " GROUP BY status");
	struct db_query *q = compose(j, &sql);
	bind_cells(q, f, from, to);
	*first = *last = 0;
	while (db_row(q)) {
		tally->by_status[db_int(q, 0)] += db_int(q, 1);
		if (!*first || db_int(q, 2) < *first)
			*first = db_int(q, 2);
		if (db_int(q, 3) > *last)
			*last = db_int(q, 3);
	}
	return finish(j, q, &sql, d);
}

/* The first and the last event received in that span. */
static int64_t received(struct journal *j, const char *sql, int64_t from, int64_t to)
{
	struct db_query *q = db_query(&j->db, sql);
	db_set_int(q, ":from", from);
	db_set_int(q, ":to", to);
	return db_answer(q);
}

/* An hour that the filter's times begin or end in is counted by its rows. */
static int tally_edge(struct journal *j, const struct journal_filter *f, int64_t since, int64_t until,
		      struct journal_tally *tally, struct diag *d)
{
	struct journal_filter edge = *f;
	edge.since = since;
	edge.until = until;
	return since < until ? tally_rows(j, &edge, tally, d) : 0;
}

/* All that there is, whenever it was received. */
static int tally_all(struct journal *j, struct journal_tally *tally, struct diag *d)
{
	struct db_query *q =
	    db_query(&j->db, "SELECT status, sum(n) FROM tally WHERE axis = 6 AND slot = 0 GROUP BY status");
	while (db_row(q))
		tally->by_status[db_int(q, 0)] = db_int(q, 1);
	db_done(q);
	widen(tally,
	      received(j, "SELECT min(received_at) FROM event WHERE received_at >= :from AND received_at < :to", 0,
		       INT64_MAX),
	      received(j, "SELECT max(received_at) FROM event WHERE received_at >= :from AND received_at < :to", 0,
		       INT64_MAX));
	return db_failed(&j->db, d);
}

int journal_tally(struct journal *j, const struct journal_filter *f, struct journal_tally *tally, struct diag *d)
{
	*tally = (struct journal_tally){.first_at = 0};
	if (!cells_know(j, f))
		return tally_rows(j, f, tally, d);
	bool every = !f->statuses && !f->source.ptr && !f->destination.ptr && !f->type.ptr;
	if (!f->since && !f->until && every)
		return tally_all(j, tally, d);
	int64_t from = hour_of(f->since + TALLY_HOUR_MS - 1), to = f->until ? hour_of(f->until) : INT32_MAX;
	int64_t first, last;
	if (from >= to)
		return tally_rows(j, f, tally, d);
	if (tally_edge(j, f, f->since, from * TALLY_HOUR_MS, tally, d) < 0 ||
	    (f->until && tally_edge(j, f, to * TALLY_HOUR_MS, f->until, tally, d) < 0) ||
	    tally_cells(j, f, from, to, tally, &first, &last, d) < 0)
		return -1;
	if (first) /* to the event where all events are meant; else to the hour */
		widen(tally,
		      !every
			  ? first * TALLY_HOUR_MS
			  : received(
				j,
				"SELECT min(received_at) FROM event WHERE received_at >= :from AND received_at < :to",
				first * TALLY_HOUR_MS, (first + 1) * TALLY_HOUR_MS),
		      received(j, "SELECT max(received_at) FROM event WHERE received_at >= :from AND received_at < :to",
			       last * TALLY_HOUR_MS, (last + 1) * TALLY_HOUR_MS));
	return db_failed(&j->db, d);
}

struct day {
	struct journal_hours *hours;
	int64_t last;
};

static void add_hour(struct db_query *row, void *context)
{
	const struct day *day = context;
	int64_t hour = day->last - db_int(row, 0);
	if (hour < 0 || hour >= JOURNAL_HOURS)
		return;
	day->hours->deliveries[hour] += db_int(row, 1);
	day->hours->failed[hour] += db_int(row, 2);
}

int journal_hours(struct journal *j, const struct journal_filter *filter, int64_t now, struct journal_hours *hours,
		  struct diag *d)
{
	struct day day = {hours, hour_of(now)};
	struct journal_filter part = *filter;
	int64_t from = day.last - JOURNAL_HOURS + 1;
	*hours = (struct journal_hours){{0}, {0}};
	if (part.since < from * TALLY_HOUR_MS)
		part.since = from * TALLY_HOUR_MS;
	if (!cells_know(j, filter) || part.until || part.since % TALLY_HOUR_MS)
		return journal_sum(j, &part, "e.received_at / 3600000, count(*), sum(d.status IN (3, 4))", "1",
				   add_hour, &day, d);
	struct buf sql = BUF_INIT;
	add_cells(&sql, TALLY_STATE, "slot, sum(n), sum(iif(status IN (3, 4), n, 0))", filter);
	buf_add_text(&sql, " GROUP BY slot");
	struct db_query *q = compose(j, &sql);
	bind_cells(q, filter, hour_of(part.since), INT32_MAX);
	while (db_row(q))
		add_hour(q, &day);
	return finish(j, q, &sql, d);
}

struct histogram {
	bool (*each)(const struct journal_hour *hour, void *context);
	void *context;
	bool more;
};

/* Hour, status and count. */
static void add_to_histogram(struct db_query *row, void *context)
{
	struct histogram *h = context;
	struct journal_hour hour = {.from_at = db_int(row, 0) * CLOCK_HOUR};
	hour.by_status[db_int(row, 1)] = db_int(row, 2);
	h->more = h->more && h->each(&hour, h->context);
}

static int histogram_rows(struct journal *j, const struct journal_filter *f, int64_t since, int64_t until,
			  struct histogram *h, struct diag *d)
{
	struct journal_filter part = *f;
	if (until && since >= until)
		return 0;
	part.since = since;
	part.until = until;
	return journal_sum(j, &part, "e.received_at / 3600000, d.status, count(*)", "1, 2", add_to_histogram, h, d);
}

static int histogram_cells(struct journal *j, const struct journal_filter *f, int64_t from, int64_t to,
			   struct histogram *h, struct diag *d)
{
	struct buf sql = BUF_INIT;
	add_cells(&sql, TALLY_STATE, "slot, status, sum(n)", f);
	buf_add_text(&sql, " GROUP BY 1, 2");
	struct db_query *q = compose(j, &sql);
	bind_cells(q, f, from, to);
	while (db_row(q))
		add_to_histogram(q, h);
	return finish(j, q, &sql, d);
}

int journal_histogram(struct journal *j, const struct journal_filter *f,
		      bool (*each)(const struct journal_hour *hour, void *context), void *context, struct diag *d)
{
	struct histogram h = {each, context, true};
	int64_t from = hour_of(f->since + TALLY_HOUR_MS - 1), to = f->until ? hour_of(f->until) : INT32_MAX;
	if (!cells_know(j, f) || from >= to)
		return histogram_rows(j, f, f->since, f->until, &h, d);
	/* hours that the times begin or end in are counted by their rows */
	if ((f->since && histogram_rows(j, f, f->since, from * TALLY_HOUR_MS, &h, d) < 0) ||
	    histogram_cells(j, f, from, to, &h, d) < 0)
		return -1;
	return f->until ? histogram_rows(j, f, to * TALLY_HOUR_MS, f->until, &h, d) : 0;
}

/* Names and when something last came from them; few. */
struct sources {
	struct named {
		struct buf name;
		int64_t last_at;
	} * list;
	size_t count;
	bool failed;
};

static void add_source(struct db_query *row, void *context)
{
	struct sources *sources = context;
	struct slice name = db_text(row, 0);
	size_t i = 0;
	while (i < sources->count && !slice_equal(name, buf_slice(&sources->list[i].name)))
		i++;
	if (i == sources->count) {
		struct named *grown = realloc(sources->list, (i + 1) * sizeof *grown);
		sources->failed = sources->failed || !grown;
		if (!grown)
			return;
		sources->list = grown;
		grown[i] = (struct named){.name = BUF_INIT};
		buf_add_slice(&grown[i].name, name);
		sources->count++;
	}
	if (db_int(row, 1) > sources->list[i].last_at)
		sources->list[i].last_at = db_int(row, 1);
}

static int by_name(const void *a, const void *b)
{
	const struct named *left = a, *right = b;
	return strcmp(buf_slice(&left->name).ptr, buf_slice(&right->name).ptr);
}

int journal_sources(struct journal *j, const struct journal_filter *filter,
		    bool (*each)(const struct journal_source *source, void *context), void *context, struct diag *d)
{
	struct sources sources = {.count = 0};
	bool ever = cells_know(j, filter) && !filter->until && !filter->since && !filter->statuses &&
		    !filter->destination.ptr && !filter->source.ptr && !filter->type.ptr;
	int result;
	if (ever) {
		struct db_query *q = db_query(
		    &j->db, "SELECT source, last_at FROM tally JOIN kind ON id = of WHERE axis = 4 AND slot = 0");
		while (db_row(q))
			add_source(q, &sources);
		db_done(q);
		result = db_failed(&j->db, d);
	} else {
		result = journal_sum(j, filter, "e.source, max(e.received_at)", "e.source", add_source, &sources, d);
	}
	if (sources.count)
		qsort(sources.list, sources.count, sizeof *sources.list, by_name);
	bool more = result == 0;
	for (size_t i = 0; i < sources.count; i++) {
		struct journal_source source = {buf_slice(&sources.list[i].name), sources.list[i].last_at};
		more = more && each(&source, context);
		buf_free(&sources.list[i].name);
	}
	free(sources.list);
	return result == 0 && sources.failed ? diag_fail(d, DIAG_IO, "out of memory") : result;
}

/* ---- for ever ---- */

int journal_evers(struct journal *j, bool (*each)(const struct journal_ever *ever, void *context), void *context,
		  struct diag *d)
{
	struct db_query *q = db_query(&j->db, "SELECT name, source, status, sum(n) FROM tally JOIN kind k ON k.id = of "
					      "JOIN destination d ON d.id = k.destination WHERE axis = 3 AND slot = 0 "
					      "GROUP BY d.id, source, status ORDER BY d.id, source, status");
	for (bool more = true; more && db_row(q);) {
		struct journal_ever ever = {db_text(q, 0), db_text(q, 1), (enum journal_status)db_int(q, 2),
					    db_int(q, 3)};
		more = each(&ever, context);
	}
	db_done(q);
	return db_failed(&j->db, d);
}
