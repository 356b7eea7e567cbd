/* SPDX-License-Identifier: MIT */
/* The history, newest first, a page at a time. A page begins where the fewest rows have to be passed over: the runs of an index
 * that hold what the filter asks for, each read backwards from the newest and no further than the page is long. */
#include <stdio.h>
#include <stdlib.h>

#include "journal_internal.h"

enum {
	PAGE = 512,
	RUNS = 200,     /* of an index; where more would be needed the whole is gone through */
	ENOUGH = 5000,  /* rows of a lead are counted up to this, to know the shortest */
	RUN_SHIFT = 14, /* of delivery_subject */
};

/* ---- a page ---- */

/* A page is copied out before anybody is shown it: rows are as they were, their texts one after the other in `text`. */
struct page {
	struct journal_row rows[PAGE];
	size_t count;
	struct buf text;
};

/* Keeps a text as its place in the buffer, which may still move. */
static struct slice keep(struct page *page, struct slice text)
{
	if (!text.ptr)
		return SLICE_NONE;
	size_t at = page->text.len + 1; /* never NULL, which stands for an absent text */
	buf_add_slice(&page->text, text);
	return (struct slice){(const char *)at, text.len};
}

static void resolve(const struct page *page, struct slice *text)
{
	if (text->ptr)
		text->ptr = page->text.data + ((size_t)text->ptr - 1);
}

static void read_row(struct page *page, struct db_query *q)
{
	struct journal_row *row = &page->rows[page->count++];
	*row = (struct journal_row){.key = {db_int(q, 0), db_int(q, 1)},
				    .source = keep(page, db_text(q, 2)),
				    .id = keep(page, db_text(q, 3)),
				    .type = keep(page, db_text(q, 4)),
				    .subject = keep(page, db_text(q, 5)),
				    .destination = keep(page, db_text(q, 6)),
				    .status = (enum journal_status)db_int(q, 7),
				    .received_at = db_int(q, 8),
				    .updated_at = db_int(q, 9),
				    .next_attempt_at = db_int(q, 10),
				    .claimed_at = db_int(q, 11),
				    .started_at = db_int(q, 12),
				    .attempts = db_int(q, 13),
				    .lapses = db_int(q, 14),
				    .http_status = (int)db_int(q, 15),
				    .record = keep(page, db_text(q, 16)),
				    .code = keep(page, db_text(q, 17)),
				    .error = keep(page, db_text(q, 18)),
				    .stored = db_int(q, 19),
				    .size = db_int(q, 20)};
}

static const char *const row_columns =
    "SELECT e.seq, d.destination, e.source, e.id, e.type, e.subject, n.name, d.status, e.received_at, d.updated_at, "
    "iif(d.status IN (0, 4), d.due_at, 0), iif(d.status = 1, d.claimed_at, 0), d.started_at, d.attempts, d.lapses, "
    "d.http_status, d.record, d.code, d.error, EXISTS (SELECT 1 FROM payload p WHERE p.event = e.seq), e.size";

/* ---- where to begin ---- */

enum lead { LEAD_ALL, LEAD_DELIVERY, LEAD_TYPE, LEAD_SOURCE, LEAD_SUBJECT, LEAD_IDS };

/* One run of an index: a destination and a status, a type, or a source and its subject's key. */
struct run {
	int64_t destination, status, key;
};

struct plan {
	enum lead lead;
	struct run runs[RUNS];
	struct buf types; /* the texts of LEAD_TYPE, one behind the other; run.destination is where, run.key how long */
	size_t count;
	int64_t from, to; /* events that can be meant */
};

static int64_t ask(struct db_query *q)
{
	int64_t answer = db_row(q) ? db_int(q, 0) : 0;
	db_done(q);
	return answer;
}

/* Which events the times of the filter can mean at all, by the ten minutes of their receipt: right even where the clock was set back. */
static void bound(struct journal *j, const struct journal_filter *f, struct plan *plan)
{
	plan->from = 0;
	plan->to = INT64_MAX;
	if (f->since) {
		struct db_query *q =
		    db_query(&j->db, "SELECT coalesce(min(first_event), 9223372036854775807) FROM tally "
				     "WHERE axis = 2 AND slot >= :slot");
		db_set_int(q, ":slot", f->since / TALLY_SLOT_MS);
		plan->from = ask(q);
	}
	if (f->until) {
		struct db_query *q =
		    db_query(&j->db, "SELECT coalesce(max(last_event), 0) FROM tally WHERE axis = 2 AND slot <= :slot");
		db_set_int(q, ":slot", f->until / TALLY_SLOT_MS);
		plan->to = ask(q);
	}
}

static unsigned statuses_of(const struct journal_filter *f)
{
	const unsigned all = (1u << JOURNAL_STATUSES) - 1, delivered = 1u << JOURNAL_DELIVERED,
		       open = 1u << JOURNAL_RECEIVED | 1u << JOURNAL_PROCESSING | 1u << JOURNAL_RETRYING;
	unsigned statuses = f->statuses ? f->statuses : all;
	if (f->error.ptr) /* what was delivered has none */
		statuses &= ~delivered;
	return f->due_by ? statuses & open : statuses;
}

/* The capped number of rows of that lead, or -1 when it would need too many runs. */
static int64_t lead_by_delivery(struct journal *j, const struct journal_filter *f, struct plan *plan)
{
	int64_t rows = 0;
	unsigned statuses = statuses_of(f);
	struct db_query *q =
	    db_query(&j->db, "SELECT id FROM destination WHERE :name IS NULL OR name = :name ORDER BY id LIMIT 201");
	db_set_text(q, ":name", f->destination);
	for (plan->count = 0; rows >= 0 && db_row(q);)
		for (int status = 0; status < JOURNAL_STATUSES && rows >= 0; status++) {
			if (!(statuses & (1u << status)))
				continue;
			if (plan->count == RUNS) {
				rows = -1;
				break;
			}
			plan->runs[plan->count++] = (struct run){.destination = db_int(q, 0), .status = status};
			struct db_query *count = db_query(
			    &j->db, "SELECT count(*) FROM (SELECT 1 FROM delivery WHERE destination = :destination "
				    "AND status = :status LIMIT :enough)");
			db_set_int(count, ":destination", db_int(q, 0));
			db_set_int(count, ":status", status);
			db_set_int(count, ":enough", ENOUGH - rows);
			rows += ask(count);
		}
	db_done(q);
	return rows;
}

static int64_t lead_by_type(struct journal *j, const struct journal_filter *f, struct plan *plan)
{
	int64_t rows = 0;
	struct db_query *q = /* from each type straight to the next */
	    db_query(&j->db,
		     "WITH RECURSIVE t (type) AS (SELECT min(type) FROM event UNION ALL SELECT (SELECT min(type) "
		     "FROM event WHERE type > t.type) FROM t WHERE t.type IS NOT NULL) "
		     "SELECT type, (SELECT count(*) FROM (SELECT 1 FROM event e WHERE e.type = t.type LIMIT :enough)) "
		     "FROM t WHERE type GLOB :type");
	db_set_text(q, ":type", f->type);
	db_set_int(q, ":enough", ENOUGH);
	for (plan->count = 0; rows >= 0 && db_row(q);) {
		if (plan->count == RUNS) {
			rows = -1;
			break;
		}
		struct slice type = db_text(q, 0);
		plan->runs[plan->count++] =
		    (struct run){.destination = (int64_t)plan->types.len, .key = (int64_t)type.len};
		buf_add_slice(&plan->types, type);
		rows += db_int(q, 1);
	}
	db_done(q);
	return rows < ENOUGH ? rows : ENOUGH;
}

/* A subject's key holds its source too: without one given, each that there is. */
static bool lead_by_subject(struct journal *j, const struct journal_filter *f, struct plan *plan)
{
	if (f->subject.len > EVENT_NAME_LIMIT)
		return false;
	struct db_query *q =
	    db_query(&j->db, "SELECT source FROM tally WHERE axis = 4 AND (:source IS NULL OR source = "
			     ":source) LIMIT 201");
	db_set_text(q, ":source", f->source);
	for (plan->count = 0; plan->count <= RUNS && db_row(q); plan->count++)
		if (plan->count < RUNS)
			plan->runs[plan->count].key = journal_subject_key(db_text(q, 0), f->subject);
	db_done(q);
	return plan->count <= RUNS;
}

/* The shortest; of leads that are all long, the one that leaves out what most deliveries are. */
static void make_plan(struct journal *j, const struct journal_filter *f, struct plan *plan)
{
	bound(j, f, plan);
	plan->lead = LEAD_ALL;
	if (f->id_count) {
		plan->lead = LEAD_IDS;
		return;
	}
	if (f->subject.ptr && lead_by_subject(j, f, plan)) {
		plan->lead = LEAD_SUBJECT;
		return;
	}
	bool rare = !(statuses_of(f) & 1u << JOURNAL_DELIVERED);
	int64_t types = f->type.ptr ? lead_by_type(j, f, plan) : -1;
	if (types >= 0 && (types < ENOUGH || !rare)) {
		plan->lead = LEAD_TYPE;
		if (types < ENOUGH / 10)
			return;
	}
	struct plan *other = rare || f->destination.ptr ? calloc(1, sizeof *other) : NULL;
	int64_t deliveries = other ? lead_by_delivery(j, f, other) : -1;
	if (deliveries >= 0 && (plan->lead == LEAD_ALL || deliveries < types)) {
		plan->lead = LEAD_DELIVERY;
		plan->count = other->count;
		memcpy(plan->runs, other->runs, other->count * sizeof *other->runs);
	}
	free(other);
	if (plan->lead == LEAD_ALL && f->source.ptr)
		plan->lead = LEAD_SOURCE;
}

/* ---- the statement ---- */

static const char *const joined = " LEFT JOIN destination n ON n.id = d.destination";

/* What all runs have in common, and their end. */
static void end_run(struct buf *sql, const struct journal_filter *f)
{
	journal_add_conditions(sql, f);
	buf_add_text(sql, " AND e.seq >= :from AND e.seq <= :to AND (e.seq < :to OR d.destination > :row_destination)");
}

static void add_runs(struct buf *sql, const struct journal_filter *f, const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		buf_add_text(sql, i ? " UNION ALL SELECT * FROM (" : "SELECT * FROM (");
		if (plan->lead == LEAD_TYPE)
			buf_printf(sql,
				   "SELECT e.seq AS ev, d.destination AS de FROM event e INDEXED BY event_type "
				   "CROSS JOIN delivery d ON d.event = e.seq AND e.type = :run%zu%s",
				   i, joined);
		else
			buf_printf(
			    sql,
			    "SELECT d.event AS ev, d.destination AS de FROM delivery d INDEXED BY delivery_status "
			    "CROSS JOIN event e ON e.seq = d.event AND d.destination = %lld AND d.status = %lld "
			    "AND d.event >= :from AND d.event <= :to%s",
			    (long long)plan->runs[i].destination, (long long)plan->runs[i].status, joined);
		end_run(sql, f);
		buf_printf(sql, " ORDER BY %s DESC, d.destination LIMIT :rows)",
			   plan->lead == LEAD_TYPE ? "e.seq" : "d.event");
	}
	if (plan->count == 0)
		buf_add_text(sql, "SELECT 0 AS ev, 0 AS de WHERE false");
}

/* From one run of events to the one before it, for each key. */
static void add_subject(struct buf *sql, const struct journal_filter *f, const struct plan *plan)
{
	buf_printf(
	    sql,
	    "WITH RECURSIVE run (r) AS (SELECT min(:to, (SELECT coalesce(max(seq), 0) FROM event)) >> %d UNION ALL "
	    "SELECT r - 1 FROM run WHERE r > max(:from, (SELECT coalesce(min(seq), 0) FROM event)) >> %d) "
	    "SELECT d.event AS ev, d.destination AS de FROM run CROSS JOIN delivery d INDEXED BY delivery_subject "
	    "ON d.event >> %d = r AND d.subject_key IN (",
	    RUN_SHIFT, RUN_SHIFT, RUN_SHIFT);
	for (size_t i = 0; i < plan->count; i++)
		buf_printf(sql, "%s%lld", i ? ", " : "", (long long)plan->runs[i].key);
	buf_printf(sql, ") CROSS JOIN event e ON e.seq = d.event%s", joined);
	end_run(sql, f);
}

static void add_keys(struct buf *sql, const struct journal_filter *f, const struct plan *plan)
{
	static const char *const whole[] = {
	    [LEAD_ALL] = "NOT INDEXED", [LEAD_SOURCE] = "INDEXED BY event_source", [LEAD_IDS] = "INDEXED BY event_key"};
	if (plan->lead == LEAD_DELIVERY || plan->lead == LEAD_TYPE) {
		add_runs(sql, f, plan);
	} else if (plan->lead == LEAD_SUBJECT) {
		add_subject(sql, f, plan);
	} else {
		buf_printf(
		    sql,
		    "SELECT e.seq AS ev, d.destination AS de FROM event e %s CROSS JOIN delivery d ON d.event = e.seq%s",
		    whole[plan->lead], joined);
		end_run(sql, f);
		buf_add_text(sql, " ORDER BY e.seq DESC, d.destination LIMIT :rows");
	}
}

static void bind_runs(struct db_query *q, const struct plan *plan)
{
	char name[32];
	for (size_t i = 0; plan->lead == LEAD_TYPE && i < plan->count; i++) {
		snprintf(name, sizeof name, ":run%zu", i);
		db_set_text(q, name,
			    (struct slice){plan->types.data + plan->runs[i].destination, (size_t)plan->runs[i].key});
	}
}

/* The next page behind that row. */
static int read_page(struct journal *j, const struct journal_filter *f, struct journal_key behind, size_t rows,
		     struct page *page, struct diag *d)
{
	struct buf sql = BUF_INIT;
	struct plan *plan = calloc(1, sizeof *plan);
	if (!plan)
		return diag_fail(d, DIAG_IO, "out of memory");
	make_plan(j, f, plan);
	buf_printf(&sql, "%s FROM (", row_columns);
	add_keys(&sql, f, plan);
	buf_add_text(&sql, ") JOIN event e ON e.seq = ev JOIN delivery d ON d.event = ev AND d.destination = de "
			   "LEFT JOIN destination n ON n.id = de ORDER BY e.seq DESC, d.destination LIMIT :rows");
	bool ok = buf_ok(&sql) && buf_ok(&plan->types);
	struct db_query *q = ok ? db_compose(&j->db, sql.data) : NULL;
	if (!(plan->lead <= LEAD_TYPE && plan->lead != LEAD_ALL && plan->count == 0)) {
		bool paged = behind.event && behind.event <= plan->to;
		journal_bind_conditions(q, f);
		bind_runs(q, plan);
		db_set_int(q, ":from", plan->from);
		db_set_int(q, ":to", paged ? behind.event : plan->to);
		db_set_int(q, ":row_destination", paged ? behind.destination : -1);
	}
	db_set_int(q, ":rows", (int64_t)rows);
	page->count = 0;
	buf_clear(&page->text);
	while (db_row(q))
		read_row(page, q);
	db_finish(q);
	ok = ok && buf_ok(&page->text);
	buf_free(&sql);
	buf_free(&plan->types);
	free(plan);
	if (db_failed(&j->db, d) < 0)
		return -1;
	return ok ? 0 : diag_fail(d, DIAG_IO, "out of memory");
}

/* ---- the list ---- */

static bool show_page(struct page *page, bool (*each)(const struct journal_row *, void *), void *context)
{
	for (size_t i = 0; i < page->count; i++) {
		struct journal_row *row = &page->rows[i];
		struct slice *texts[] = {&row->source,      &row->id,     &row->type, &row->subject,
					 &row->destination, &row->record, &row->code, &row->error};
		for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++)
			resolve(page, texts[t]);
		if (!each(row, context))
			return false;
	}
	return true;
}

int journal_list(struct journal *j, const struct journal_filter *filter,
		 bool (*each)(const struct journal_row *row, void *context), void *context, struct diag *d)
{
	struct page *page = calloc(1, sizeof *page);
	if (!page)
		return diag_fail(d, DIAG_IO, "out of memory");
	struct journal_key behind = filter->before;
	int64_t left = filter->limit ? filter->limit : INT64_MAX;
	int result = 0;
	for (bool more = true; more && left > 0; left -= PAGE) {
		size_t rows = left < PAGE ? (size_t)left : PAGE;
		result = read_page(j, filter, behind, rows, page, d);
		if (result < 0)
			break;
		more = page->count == rows;
		if (page->count)
			behind = page->rows[page->count - 1].key;
		more = show_page(page, each, context) && more;
	}
	buf_free(&page->text);
	free(page);
	return result;
}
