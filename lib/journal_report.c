/* SPDX-License-Identifier: MIT */
/* Aggregates over the history: from the counts in `tally` wherever they say it, from the rows otherwise. Each is read by
 * short statements, so that no read transaction outlives one. */
#include <stdlib.h>

#include "alike.h"
#include "clock.h"
#include "journal_internal.h"

enum {
	LOOKED_AT = 500, /* troubled deliveries, the newest of each destination, whose errors are put together */
	GROUPS = 500,    /* of alike ones */
};

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

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
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
	int64_t at = db_row(q) ? db_int(q, 0) : 0;
	db_done(q);
	return at;
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
	int64_t from = hour_of(f->since + TALLY_HOUR_MS - 1), to = f->until ? hour_of(f->until) : INT32_MAX, first,
		last;
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
	sources->list[i].last_at = later(sources->list[i].last_at, db_int(row, 1));
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

/* ---- how it has gone ---- */

static int64_t last_delivered(struct journal *j, int64_t destination)
{
	struct db_query *q = db_query(&j->db, "SELECT max(last_at) FROM tally WHERE axis = 3 AND slot = 0 AND of IN "
					      "(SELECT id FROM kind WHERE destination = :destination) AND status = 2");
	db_set_int(q, ":destination", destination);
	int64_t at = db_row(q) ? db_int(q, 0) : 0;
	db_done(q);
	return at;
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
	int64_t last = hour_of(now);
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
	course->last_delivered_at = last_delivered(j, destination);
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

/* ---- what is in trouble ---- */

/* Troubled deliveries of one destination whose errors are alike. */
struct group {
	uint64_t hash;
	struct buf code, error; /* of the last */
	int64_t count, failed, in_a_row, first_at, last_at, first_event, last_event, destination;
};

struct grouping {
	struct group *groups;
	size_t count;
	struct buf kind;
};

static uint64_t hash(struct slice text) /* FNV-1a */
{
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < text.len; i++)
		h = (h ^ (unsigned char)text.ptr[i]) * 1099511628211u;
	return h;
}

static struct group *group_of(struct grouping *g, int64_t destination, struct slice code, struct slice error)
{
	buf_clear(&g->kind);
	buf_add_slice(&g->kind, code);
	buf_add_char(&g->kind, '\n');
	if (error.ptr)
		alike_add(&g->kind, error);
	uint64_t kind = hash(buf_slice(&g->kind));
	for (size_t i = 0; i < g->count; i++)
		if (g->groups[i].hash == kind && g->groups[i].destination == destination)
			return &g->groups[i];
	if (g->count == GROUPS)
		return NULL;
	struct group *made = &g->groups[g->count++];
	*made = (struct group){.hash = kind, .destination = destination};
	buf_add_slice(&made->code, code);
	if (error.ptr)
		buf_add_slice(&made->error, error);
	return made;
}

/* A delivery in trouble, and when its destination last delivered. */
struct troubled {
	struct journal_key key;
	int64_t at, delivered_at;
	struct slice code, error;
	bool failed;
};

static void add_trouble(struct grouping *g, const struct troubled *t)
{
	struct group *group = group_of(g, t->key.destination, t->code, t->error);
	if (!group)
		return;
	if (group->count == 0 || t->at > group->last_at) {
		group->last_at = t->at;
		group->last_event = t->key.event;
	}
	if (group->count++ == 0 || t->at <= group->first_at) {
		group->first_at = t->at;
		group->first_event = t->key.event;
	}
	group->failed += t->failed;
	group->in_a_row += t->at > t->delivered_at;
}

/* Of all those of a destination, by an index of their own. */
static void gather(struct journal *j, int64_t destination, int64_t changed_since, struct grouping *g)
{
	struct troubled t = {.key.destination = destination, .delivered_at = last_delivered(j, destination)};
	struct db_query *q =
	    db_query(&j->db, "SELECT d.event, d.updated_at, d.code, x.text, d.status FROM delivery d "
			     "INDEXED BY delivery_trouble LEFT JOIN error x ON x.id = d.error "
			     "WHERE d.destination = :to AND d.status IN (3, 4) AND d.updated_at >= :after "
			     "AND d.code IS NOT NULL ORDER BY d.updated_at DESC LIMIT :most");
	db_set_int(q, ":to", destination);
	db_set_int(q, ":after", changed_since);
	db_set_int(q, ":most", LOOKED_AT);
	while (db_row(q)) {
		t.key.event = db_int(q, 0);
		t.at = db_int(q, 1);
		t.code = db_text(q, 2);
		t.error = db_text(q, 3);
		t.failed = db_int(q, 4) == JOURNAL_FAILED;
		add_trouble(g, &t);
	}
	db_done(q);
}

static void gather_all(struct journal *j, const struct journal_filter *f, struct grouping *g)
{
	struct db_query *q = db_query(&j->db, "SELECT id FROM destination WHERE :name IS NULL OR name = :name");
	db_set_text(q, ":name", f->destination);
	while (db_row(q))
		gather(j, db_int(q, 0), f->changed_since, g);
	db_done(q);
}

struct listing {
	struct journal *j;
	struct grouping *g;
	int64_t destination, delivered_at; /* of the row before */
};

static bool take_trouble(const struct journal_row *row, void *context)
{
	struct listing *l = context;
	if (row->key.destination != l->destination)
		l->delivered_at = last_delivered(l->j, row->key.destination);
	l->destination = row->key.destination;
	struct troubled t = {.key = row->key,
			     .at = row->updated_at,
			     .delivered_at = l->delivered_at,
			     .code = row->code,
			     .error = row->error,
			     .failed = row->status == JOURNAL_FAILED};
	if (row->code.ptr)
		add_trouble(l->g, &t);
	return true;
}

/* Of those of a filter. */
static int gather_listed(struct journal *j, const struct journal_filter *f, struct grouping *g, struct diag *d)
{
	const unsigned troubled = 1u << JOURNAL_FAILED | 1u << JOURNAL_RETRYING;
	struct listing l = {.j = j, .g = g, .destination = -1};
	struct journal_filter failing = *f;
	failing.statuses = f->statuses ? f->statuses & troubled : troubled;
	failing.limit = LOOKED_AT;
	return failing.statuses ? journal_list(j, &failing, take_trouble, &l, d) : 0;
}

/* Does the filter ask for all that have come into trouble since some time? */
static bool asks_for_all(const struct journal_filter *f)
{
	return !f->type.ptr && !f->source.ptr && !f->subject.ptr && !f->error.ptr && !f->due_by && !f->id_count &&
	       !f->since && !f->until && !f->statuses;
}

static int most_first(const void *a, const void *b)
{
	const struct group *left = a, *right = b;
	if (left->count != right->count)
		return (left->count < right->count) - (left->count > right->count);
	return (left->last_at < right->last_at) - (left->last_at > right->last_at);
}

static struct slice look_up(struct journal *j, const char *sql, int64_t number, struct buf *text)
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

static void show_groups(struct journal *j, const struct grouping *g, int64_t limit,
			bool (*each)(const struct journal_trouble *trouble, void *context), void *context)
{
	static const char name_of[] = "SELECT name FROM destination WHERE id = :number",
			  id_of[] = "SELECT id FROM event WHERE seq = :number";
	struct buf name = BUF_INIT, first = BUF_INIT, last = BUF_INIT;
	bool more = true;
	for (size_t i = 0; more && i < g->count && (int64_t)i < limit; i++) {
		const struct group *group = &g->groups[i];
		struct journal_trouble trouble = {.destination = look_up(j, name_of, group->destination, &name),
						  .code = buf_slice(&group->code),
						  .error = group->error.data ? buf_slice(&group->error) : SLICE_NONE,
						  .count = group->count,
						  .failed = group->failed,
						  .in_a_row = group->in_a_row,
						  .first_at = group->first_at,
						  .last_at = group->last_at,
						  .first_id = look_up(j, id_of, group->first_event, &first),
						  .last_id = look_up(j, id_of, group->last_event, &last)};
		more = each(&trouble, context);
	}
	buf_free(&name);
	buf_free(&first);
	buf_free(&last);
}

int journal_troubles(struct journal *j, const struct journal_filter *filter, int64_t limit,
		     bool (*each)(const struct journal_trouble *trouble, void *context), void *context, struct diag *d)
{
	struct grouping g = {.groups = calloc(GROUPS, sizeof *g.groups)};
	if (!g.groups)
		return diag_fail(d, DIAG_IO, "out of memory");
	int result = 0;
	if (asks_for_all(filter))
		gather_all(j, filter, &g);
	else
		result = gather_listed(j, filter, &g, d);
	qsort(g.groups, g.count, sizeof *g.groups, most_first);
	if (result == 0)
		show_groups(j, &g, limit, each, context);
	for (size_t i = 0; i < g.count; i++) {
		buf_free(&g.groups[i].code);
		buf_free(&g.groups[i].error);
	}
	free(g.groups);
	buf_free(&g.kind);
	return result < 0 ? -1 : db_failed(&j->db, d);
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
	backlog->processing_id = look_up(j, id_of, oldest, &ids[0]);
	backlog->lapsed_id = look_up(j, id_of, lapsed, &ids[1]);
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
