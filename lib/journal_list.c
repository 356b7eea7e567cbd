/* SPDX-License-Identifier: MIT */
/* The history, newest first, a page at a time. What a filter asks for is a number of runs of an index, each of which holds nothing
 * else: of every kind (source, type, destination) and status, of every error text. Each is read backwards from the newest, no further
 * than the page is long, and they are merged. */
#include <stdio.h>
#include <stdlib.h>

#include "journal_internal.h"

enum {
	PAGE = 512,
	ERRORS = 500, /* texts that are looked up one by one; where more hold what is looked for, they are frequent */
	SUBJECT_SHIFT = 15, /* of event_subject */
	FEW = 4000,         /* rows whose errors are looked at sooner than which texts there are */
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

static const char row_of_key[] =
    "SELECT e.seq, d.destination, e.source, e.id, e.type, e.subject, n.name, d.status, e.received_at, d.updated_at, "
    "iif(d.status IN (0, 4), d.due_at, 0), iif(d.status = 1, d.claimed_at, 0), d.started_at, d.attempts, d.lapses, "
    "d.http_status, d.record, d.code, x.text, EXISTS (SELECT 1 FROM payload p WHERE p.event = e.seq), e.size "
    "FROM event e JOIN delivery d ON d.event = e.seq LEFT JOIN destination n ON n.id = d.destination "
    "LEFT JOIN error x ON x.id = d.error WHERE e.seq = :event AND d.destination = :destination";

/* ---- where to look ---- */

enum lead {
	LEAD_ALL,     /* all deliveries, backwards */
	LEAD_KIND,    /* runs of delivery_kind */
	LEAD_ERROR,   /* of delivery_error: those of each text that holds what is looked for, and of these kinds */
	LEAD_SUBJECT, /* runs of event_subject */
	LEAD_IDS,     /* all of those ids */
};

/* One run of an index. */
struct run {
	int64_t error, kind, status;
	int64_t block; /* of LEAD_SUBJECT */
};

struct plan {
	enum lead lead;
	struct run *runs;
	size_t count, cap;
	int64_t rows;     /* in the runs of kinds */
	bool ok;          /* memory sufficed */
	int64_t from, to; /* events that can be meant */
};

static void add_run(struct plan *plan, struct run run)
{
	if (plan->count == plan->cap) {
		size_t cap = plan->cap ? 2 * plan->cap : 64;
		struct run *grown = realloc(plan->runs, cap * sizeof *grown);
		plan->ok = plan->ok && grown;
		if (!grown)
			return;
		plan->runs = grown;
		plan->cap = cap;
	}
	plan->runs[plan->count++] = run;
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
		plan->from = db_answer(q);
	}
	if (f->until) {
		struct db_query *q =
		    db_query(&j->db, "SELECT coalesce(max(last_event), 0) FROM tally WHERE axis = 2 AND slot <= :slot");
		db_set_int(q, ":slot", f->until / TALLY_SLOT_MS);
		plan->to = db_answer(q);
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

/* Kinds and statuses that the filter asks for, and that there are any deliveries of. */
static void plan_kinds(struct journal *j, const struct journal_filter *f, struct plan *plan)
{
	struct db_query *q = db_query(
	    &j->db, "SELECT id, status, n FROM tally JOIN kind ON id = of WHERE axis = 6 AND slot = 0 AND n > 0 "
		    "AND (:statuses >> status) & 1 AND (:source IS NULL OR source = :source) "
		    "AND (:type IS NULL OR type IS NULL OR type GLOB :type) AND (:destination IS NULL "
		    "OR destination = (SELECT d.id FROM destination d WHERE d.name = :destination))");
	db_set_int(q, ":statuses", statuses_of(f));
	db_set_text(q, ":source", f->source);
	db_set_text(q, ":type", f->type);
	db_set_text(q, ":destination", f->destination);
	for (; db_row(q); plan->rows += db_int(q, 2))
		add_run(plan, (struct run){.kind = db_int(q, 0), .status = db_int(q, 1)});
	db_done(q);
}

static int by_kind(const void *a, const void *b)
{
	const struct run *left = a, *right = b;
	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	return (left->status > right->status) - (left->status < right->status);
}

/* The newest first. */
static void plan_subject(struct journal *j, struct plan *plan)
{
	int64_t last = db_answer(db_query(&j->db, "SELECT max(seq) FROM event")),
		first = db_answer(db_query(&j->db, "SELECT min(seq) FROM event"));
	plan->lead = LEAD_SUBJECT;
	last = last < plan->to ? last : plan->to;
	first = first > plan->from ? first : plan->from;
	for (int64_t block = last >> SUBJECT_SHIFT; block >= first >> SUBJECT_SHIFT; block--)
		add_run(plan, (struct run){.block = block});
}

static void make_plan(struct journal *j, const struct journal_filter *f, struct plan *plan)
{
	bound(j, f, plan);
	if (f->id_count) {
		plan->lead = LEAD_IDS;
	} else if (f->subject.ptr) {
		plan_subject(j, plan);
	} else if (f->statuses || f->due_by || f->type.ptr || f->source.ptr || f->destination.ptr || f->error.ptr) {
		plan_kinds(j, f, plan);
		plan->lead = f->error.ptr && plan->rows > FEW ? LEAD_ERROR : LEAD_KIND;
		if (plan->count)
			qsort(plan->runs, plan->count, sizeof *plan->runs, by_kind);
	}
	if (plan->lead == LEAD_ALL || plan->lead == LEAD_IDS)
		add_run(plan, (struct run){.block = 0});
}

/* ---- one state of the journal for several statements ---- */

static void begin_look(struct journal *j)
{
	if (!j->in_transaction)
		db_script(&j->db, "BEGIN");
}

static int end_look(struct journal *j, bool enough_memory, struct diag *d)
{
	int result = db_failed(&j->db, d);
	if (!j->in_transaction && !sqlite3_get_autocommit(j->db.sqlite))
		db_script(&j->db, "ROLLBACK");
	return result == 0 && !enough_memory ? diag_fail(d, DIAG_IO, "out of memory") : result;
}

/* ---- the statement ---- */

/* What the run itself does not see to. */
static struct journal_filter rest_of(const struct journal_filter *f, enum lead lead)
{
	struct journal_filter rest = *f;
	if (lead == LEAD_KIND || lead == LEAD_ERROR) {
		rest.source = rest.destination = SLICE_NONE;
		rest.statuses = 0;
	}
	if (lead == LEAD_ERROR)
		rest.error = SLICE_NONE;
	return rest;
}

/* Of one run. SQLite leaves the outer joins out that nothing names; the event is joined where it is asked for. */
static void add_statement(struct buf *sql, const struct journal_filter *f, enum lead lead, const char *columns,
			  bool whole_event)
{
	static const char *const from[] = {
	    [LEAD_ALL] = "event e NOT INDEXED CROSS JOIN delivery d ON d.event = e.seq",
	    [LEAD_KIND] = "delivery d INDEXED BY delivery_kind",
	    [LEAD_ERROR] = "delivery d INDEXED BY delivery_error",
	    [LEAD_SUBJECT] = "event e INDEXED BY event_subject CROSS JOIN delivery d ON d.event = e.seq",
	    [LEAD_IDS] = "event e INDEXED BY event_id CROSS JOIN delivery d ON d.event = e.seq"};
	static const char *const run[] = {[LEAD_ALL] = "",
					  [LEAD_KIND] = " AND d.kind = :kind AND d.status = :status",
					  [LEAD_ERROR] =
					      " AND d.error = :run_error AND d.kind = :kind AND d.status = :status",
					  [LEAD_SUBJECT] = " AND e.seq >> 15 = :block",
					  [LEAD_IDS] = ""};
	bool by_delivery = lead == LEAD_KIND || lead == LEAD_ERROR;
	const char *event = by_delivery ? "d.event" : "e.seq";
	const struct journal_filter rest = rest_of(f, lead);
	buf_printf(sql, "SELECT %s FROM %s", columns, from[lead]);
	if (by_delivery && (whole_event || f->since || f->until || f->type.ptr))
		buf_add_text(sql, " CROSS JOIN event e ON e.seq = d.event");
	buf_add_text(sql, " LEFT JOIN destination n ON n.id = d.destination LEFT JOIN error x ON x.id = d.error");
	journal_add_conditions(sql, &rest);
	buf_printf(sql, "%s AND %s >= :from AND %s <= :to", run[lead], event, event);
}

/* A plan being carried out. */
struct reading {
	struct journal *j;
	const struct journal_filter *f;
	const struct plan *plan;
	struct db_query *q;
	int64_t least, most; /* events that are still asked for */
	void (*take)(struct reading *r);
	/* a page's: */
	struct journal_key behind;
	size_t rows;
	struct keys *keys;
	/* a sum's: */
	void (*add)(struct db_query *row, void *context);
	void *context;
};

static void read_run(struct reading *r, const struct run *run)
{
	enum lead lead = r->plan->lead;
	const struct journal_filter rest = rest_of(r->f, lead);
	db_done(r->q);
	journal_bind_conditions(r->q, &rest);
	if (lead == LEAD_ERROR)
		db_set_int(r->q, ":run_error", run->error);
	if (lead == LEAD_KIND || lead == LEAD_ERROR) {
		db_set_int(r->q, ":kind", run->kind);
		db_set_int(r->q, ":status", run->status);
	}
	if (lead == LEAD_SUBJECT)
		db_set_int(r->q, ":block", run->block);
	db_set_int(r->q, ":from", r->least);
	db_set_int(r->q, ":to", r->most);
	r->take(r);
}

/* The error's next kind and status behind that one. */
static bool next_run(struct journal *j, struct run *run)
{
	static const char *const next[] = {
	    "SELECT kind, status FROM delivery INDEXED BY delivery_error WHERE error = :error AND kind = :kind "
	    "AND status > :status ORDER BY status LIMIT 1",
	    "SELECT kind, status FROM delivery INDEXED BY delivery_error WHERE error = :error AND kind > :kind "
	    "ORDER BY kind, status LIMIT 1"};
	bool found = false;
	for (int i = 0; i < 2 && !found; i++) {
		struct db_query *q = db_query(&j->db, next[i]);
		db_set_int(q, ":error", run->error);
		db_set_int(q, ":kind", run->kind);
		if (i == 0)
			db_set_int(q, ":status", run->status);
		found = db_row(q);
		if (found)
			*run = (struct run){.error = run->error, .kind = db_int(q, 0), .status = db_int(q, 1)};
		db_done(q);
	}
	return found;
}

static void read_error(struct reading *r, int64_t error)
{
	struct run run = {.error = error, .kind = -1};
	while (next_run(r->j, &run))
		if (bsearch(&run, r->plan->runs, r->plan->count, sizeof run, by_kind))
			read_run(r, &run);
}

/* Texts that only older events have than are asked for stand behind those that newer ones have. */
static void read_errors(struct reading *r)
{
	struct journal_texts *found;
	int64_t ids[JOURNAL_TEXTS], count = journal_find_texts(r->j, r->f->error, &found);
	for (int64_t i = 0; i < count && found[i].until_event >= r->least; i++) {
		size_t texts = journal_read_texts(r->j, found[i].block, r->f->error, ids);
		for (size_t t = 0; t < texts; t++)
			read_error(r, ids[t]);
	}
	free(found);
}

static void read_all(struct reading *r)
{
	const struct plan *plan = r->plan;
	if (plan->lead == LEAD_ERROR && plan->count)
		read_errors(r);
	for (size_t i = 0; plan->lead != LEAD_ERROR && i < plan->count; i++) {
		if (plan->lead == LEAD_SUBJECT && plan->runs[i].block < r->least >> SUBJECT_SHIFT)
			break;
		read_run(r, &plan->runs[i]);
	}
}

/* ---- the keys of a page ---- */

struct keys {
	struct journal_key list[PAGE];
	size_t count;
};

static bool is_newer(struct journal_key a, struct journal_key b)
{
	return a.event != b.event ? a.event > b.event : a.destination < b.destination;
}

/* Both stand in the order of the list; what is no longer among the first `rows` goes. */
static void merge(struct keys *keys, const struct keys *more, size_t rows)
{
	struct keys merged;
	size_t a = 0, b = 0;
	for (merged.count = 0; merged.count < rows && (a < keys->count || b < more->count);) {
		bool ours = b == more->count || (a < keys->count && is_newer(keys->list[a], more->list[b]));
		merged.list[merged.count++] = ours ? keys->list[a++] : more->list[b++];
	}
	memcpy(keys->list, merged.list, merged.count * sizeof *merged.list);
	keys->count = merged.count;
}

/* Events older than the page's last so far need not be looked for any more. */
static void take_keys(struct reading *r)
{
	struct keys more = {.count = 0};
	db_set_int(r->q, ":row_destination", r->behind.event ? r->behind.destination : -1);
	db_set_int(r->q, ":rows", (int64_t)r->rows);
	for (; more.count < r->rows && db_row(r->q); more.count++)
		more.list[more.count] = (struct journal_key){db_int(r->q, 0), db_int(r->q, 1)};
	if (more.count == 0)
		return;
	merge(r->keys, &more, r->rows);
	if (r->keys->count == r->rows && r->keys->list[r->rows - 1].event > r->least)
		r->least = r->keys->list[r->rows - 1].event;
}

static void read_keys(struct journal *j, const struct journal_filter *f, const struct plan *plan,
		      struct journal_key behind, size_t rows, struct keys *keys, struct buf *sql)
{
	struct reading r = {.j = j,
			    .f = f,
			    .plan = plan,
			    .least = plan->from,
			    .most = plan->to,
			    .take = take_keys,
			    .rows = rows,
			    .keys = keys};
	bool by_delivery = plan->lead == LEAD_KIND || plan->lead == LEAD_ERROR;
	if (behind.event && behind.event <= plan->to) {
		r.behind = behind;
		r.most = behind.event;
	}
	add_statement(sql, f, plan->lead, "d.event, d.destination", false);
	buf_printf(
	    sql, " AND (d.event < :to OR d.destination > :row_destination) ORDER BY %s DESC, d.destination LIMIT :rows",
	    by_delivery ? "d.event" : "e.seq");
	r.q = buf_ok(sql) ? db_compose(&j->db, sql->data) : NULL;
	if (r.q)
		read_all(&r);
	db_finish(r.q);
}

static void read_rows(struct journal *j, const struct keys *keys, struct page *page)
{
	for (size_t i = 0; i < keys->count; i++) {
		struct db_query *q = db_query(&j->db, row_of_key);
		db_set_int(q, ":event", keys->list[i].event);
		db_set_int(q, ":destination", keys->list[i].destination);
		if (db_row(q))
			read_row(page, q);
		db_done(q);
	}
}

/* The next page behind that row, out of one state of the journal. */
static int read_page(struct journal *j, const struct journal_filter *f, struct journal_key behind, size_t rows,
		     struct page *page, struct diag *d)
{
	struct buf sql = BUF_INIT;
	struct plan plan = {.lead = LEAD_ALL, .ok = true};
	struct keys keys = {.count = 0};
	page->count = 0;
	buf_clear(&page->text);
	begin_look(j);
	make_plan(j, f, &plan);
	if (plan.ok)
		read_keys(j, f, &plan, behind, rows, &keys, &sql);
	read_rows(j, &keys, page);
	bool ok = plan.ok && buf_ok(&sql) && buf_ok(&page->text);
	buf_free(&sql);
	free(plan.runs);
	return end_look(j, ok, d);
}

/* ---- sums ---- */

static void take_sums(struct reading *r)
{
	while (db_row(r->q))
		r->add(r->q, r->context);
}

int journal_sum(struct journal *j, const struct journal_filter *f, const char *columns, const char *group,
		void (*add)(struct db_query *row, void *context), void *context, struct diag *d)
{
	struct buf sql = BUF_INIT;
	struct plan plan = {.lead = LEAD_ALL, .ok = true};
	begin_look(j);
	make_plan(j, f, &plan);
	struct reading r = {.j = j,
			    .f = f,
			    .plan = &plan,
			    .least = plan.from,
			    .most = plan.to,
			    .take = take_sums,
			    .add = add,
			    .context = context};
	add_statement(&sql, f, plan.lead, columns, true);
	buf_printf(&sql, " GROUP BY %s", group);
	r.q = buf_ok(&sql) ? db_compose(&j->db, sql.data) : NULL;
	if (r.q && plan.ok)
		read_all(&r);
	db_finish(r.q);
	bool ok = plan.ok && buf_ok(&sql);
	buf_free(&sql);
	free(plan.runs);
	return end_look(j, ok, d);
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
