/* SPDX-License-Identifier: MIT */
/* What evt-retry would take, counted by destination, type, status and error. Rows are counted as they come: memory grows with the groups
 * there are, not with what is due, as it would if SQLite sorted the rows first. */
#include <stdlib.h>

#include "journal_internal.h"

#define CACHE_KIB "1024" /* each page is read about once */

struct group {
	struct journal_group of; /* its slices lie in `text` */
	char *text;
	uint64_t hash;
};

struct groups {
	struct group *list;
	size_t count, cap;
	size_t *slots; /* by hash: 1 + the place in `list`; 0: empty. Twice `cap` of them */
	bool failed;
};

/* ---- the query ---- */

/* Each delivery that is meant. Where ids and a destination are named, also each event that was never for it: it would go there. */
static void add_planned(struct buf *sql, const struct journal_filter *filter)
{
	struct journal_filter anywhere = *filter;
	buf_add_text(sql, "SELECT n.name AS name, e.type AS type, x.text AS why, d.status AS status, e.seq AS event, "
			  "d.destination, d.due_at, e.received_at AS at" JOURNAL_FROM_HISTORY);
	journal_add_conditions(sql, filter);
	if (filter->id_count && filter->destination.ptr) {
		anywhere.destination = SLICE_NONE;
		buf_add_text(sql, " UNION ALL SELECT :destination, e.type, NULL, 0, e.seq, 0, 0, "
				  "e.received_at" JOURNAL_FROM_HISTORY);
		journal_add_conditions(sql, &anywhere);
		buf_add_text(sql, " GROUP BY e.seq HAVING NOT max(n.name IS :destination)");
	}
	if (filter->limit) /* those that would be taken: what is due first, or the newest of what is named */
		buf_printf(sql, " ORDER BY %s LIMIT :limit", filter->due_by ? "7, 5" : "5 DESC, 6");
}

static struct db_query *query_rows(struct journal *j, const struct journal_filter *filter, struct buf *sql)
{
	buf_add_text(sql, "SELECT name, type, why, status, "
			  "NOT EXISTS (SELECT 1 FROM payload p WHERE p.event = planned.event), at FROM (");
	add_planned(sql, filter);
	buf_add_text(sql, ") AS planned");
	struct db_query *q = buf_ok(sql) ? db_compose(&j->db, sql->data) : NULL;
	if (!q)
		return NULL;
	journal_bind_conditions(q, filter);
	if (filter->limit)
		db_set_int(q, ":limit", filter->limit);
	return q;
}

/* ---- counting ---- */

static uint64_t mix(uint64_t hash, struct slice s)
{
	hash = (hash ^ (s.ptr ? s.len + 1 : 0)) * 1099511628211u; /* FNV-1a */
	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ (unsigned char)s.ptr[i]) * 1099511628211u;
	return hash;
}

static bool same(struct slice a, struct slice b)
{
	return !a.ptr == !b.ptr && slice_equal(a, b);
}

static bool is_of(const struct group *group, const struct journal_group *row, uint64_t hash)
{
	return group->hash == hash && group->of.status == row->status &&
	       same(group->of.destination, row->destination) && same(group->of.type, row->type) &&
	       same(group->of.error, row->error);
}

/* Where the group's number stands, or is to be put. */
static size_t *slot_of(const struct groups *g, const struct journal_group *row, uint64_t hash)
{
	size_t at = hash & (2 * g->cap - 1);
	while (g->slots[at] && !is_of(&g->list[g->slots[at] - 1], row, hash))
		at = (at + 1) & (2 * g->cap - 1);
	return &g->slots[at];
}

static bool grow(struct groups *g)
{
	size_t cap = g->cap ? 2 * g->cap : 64;
	struct group *list = realloc(g->list, cap * sizeof *list);
	size_t *slots = calloc(2 * cap, sizeof *slots);
	g->list = list ? list : g->list;
	if (!list || !slots) {
		free(slots);
		return false;
	}
	free(g->slots);
	g->slots = slots;
	g->cap = cap;
	for (size_t i = 0; i < g->count; i++)
		*slot_of(g, &g->list[i].of, g->list[i].hash) = i + 1;
	return true;
}

static struct slice keep(char **end, struct slice s)
{
	if (!s.ptr)
		return s;
	struct slice kept = {*end, s.len};
	memcpy(*end, s.ptr, s.len);
	*end += s.len;
	return kept;
}

static struct group *add_group(struct groups *g, const struct journal_group *row, uint64_t hash)
{
	char *text = malloc(row->destination.len + row->type.len + row->error.len + 1), *end = text;
	if (!text || (g->count == g->cap && !grow(g))) {
		free(text);
		return NULL;
	}
	struct group *group = &g->list[g->count];
	*group = (struct group){.text = text, .hash = hash, .of = {.status = row->status, .oldest_at = INT64_MAX}};
	group->of.destination = keep(&end, row->destination);
	group->of.type = keep(&end, row->type);
	group->of.error = keep(&end, row->error);
	*slot_of(g, &group->of, hash) = ++g->count;
	return group;
}

static void count_row(struct groups *g, struct db_query *q)
{
	const struct journal_group row = {.destination = db_text(q, 0),
					  .type = db_text(q, 1),
					  .error = db_text(q, 2),
					  .status = (enum journal_status)db_int(q, 3)};
	int64_t at = db_int(q, 5);
	uint64_t hash = mix(mix(mix((uint64_t)row.status, row.destination), row.type), row.error);
	size_t known = g->cap ? *slot_of(g, &row, hash) : 0;
	struct group *group = known ? &g->list[known - 1] : add_group(g, &row, hash);
	if (!group) {
		g->failed = true;
		return;
	}
	group->of.count++;
	group->of.expired += db_int(q, 4);
	group->of.oldest_at = at < group->of.oldest_at ? at : group->of.oldest_at;
	group->of.newest_at = at > group->of.newest_at ? at : group->of.newest_at;
}

/* ---- telling ---- */

static int compare_texts(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* The most numerous first. */
static int compare(const void *left, const void *right)
{
	const struct journal_group *a = &((const struct group *)left)->of, *b = &((const struct group *)right)->of;
	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	int order = compare_texts(a->destination, b->destination);
	order = order ? order : compare_texts(a->type, b->type);
	return order ? order : compare_texts(a->error, b->error);
}

int journal_plan(struct journal *j, const struct journal_filter *filter,
		 bool (*each)(const struct journal_group *group, void *context), void *context, struct diag *d)
{
	struct groups g = {.count = 0};
	struct buf sql = BUF_INIT;
	db_script(&j->db, "PRAGMA cache_size=-" CACHE_KIB);
	struct db_query *q = query_rows(j, filter, &sql);
	while (!g.failed && db_row(q))
		count_row(&g, q);
	db_finish(q);
	bool ok = buf_ok(&sql) && !g.failed;
	int result = db_failed(&j->db, d);
	if (result == 0 && !ok)
		result = diag_fail(d, DIAG_IO, "out of memory");
	if (g.count)
		qsort(g.list, g.count, sizeof *g.list, compare);
	for (size_t i = 0; result == 0 && i < g.count && each(&g.list[i].of, context); i++)
		continue;
	for (size_t i = 0; i < g.count; i++)
		free(g.list[i].text);
	free(g.list);
	free(g.slots);
	buf_free(&sql);
	return result;
}
