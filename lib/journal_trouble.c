/* SPDX-License-Identifier: MIT */
/* Which errors there are, alike ones put together. */
#include <stdlib.h>

#include "alike.h"
#include "journal_internal.h"

enum {
	LOOKED_AT = 500, /* troubled deliveries, the newest of each destination, whose errors are put together */
	GROUPS = 500,    /* of alike ones */
};

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
	struct troubled t = {.key.destination = destination, .delivered_at = journal_last_delivered(j, destination)};
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
		l->delivered_at = journal_last_delivered(l->j, row->key.destination);
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

static void show_groups(struct journal *j, const struct grouping *g, int64_t limit,
			bool (*each)(const struct journal_trouble *trouble, void *context), void *context)
{
	static const char name_of[] = "SELECT name FROM destination WHERE id = :number",
			  id_of[] = "SELECT id FROM event WHERE seq = :number";
	struct buf name = BUF_INIT, first = BUF_INIT, last = BUF_INIT;
	bool more = true;
	for (size_t i = 0; more && i < g->count && (int64_t)i < limit; i++) {
		const struct group *group = &g->groups[i];
		struct journal_trouble trouble = {.destination = journal_look_up(j, name_of, group->destination, &name),
						  .code = buf_slice(&group->code),
						  .error = group->error.data ? buf_slice(&group->error) : SLICE_NONE,
						  .count = group->count,
						  .failed = group->failed,
						  .in_a_row = group->in_a_row,
						  .first_at = group->first_at,
						  .last_at = group->last_at,
						  .first_id = journal_look_up(j, id_of, group->first_event, &first),
						  .last_id = journal_look_up(j, id_of, group->last_event, &last)};
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
