/* SPDX-License-Identifier: MIT */
/* The history under every filter, against what plain SQL says of the same rows; and the texts that make errors be found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "scratch_journal.h"

#define NOW ((int64_t)1795000000000)

enum {
	EVENTS = 3000,
	BATCH = 50,
	STEP_MS = 60 * 1000,  /* from one event to the next */
	TRIALS = 600,         /* random filters */
	DISTINCT = 1000,      /* types of one source, and others: more than have a kind of their own */
	LONGEST = 2 * EVENTS, /* deliveries */
	SQL_MOST = 1024,
};

static int set_up(void **state)
{
	(void)state;
	return scratch_journal_open();
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_journal_close(true);
}

static sqlite3 *other(void)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	return db;
}

static int64_t number(const char *sql)
{
	sqlite3 *db = other();
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int64_t found = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return found;
}

/* ---- a history of some variety ---- */

static void accept_one(int i)
{
	static const char *const sources[] = {"hubspot", "stripe", "orders"};
	static const char *const types[] = {"contact.created", "contact.updated", "deal.won", "x"};
	char id[32], type[32], subject[32], error[64];
	snprintf(id, sizeof id, "evt_%d", i);
	snprintf(type, sizeof type, "%s", i % 97 == 0 ? "contact.merged" : types[i % 4]);
	if (i % 3 == 0 && i / 3 < DISTINCT)
		snprintf(type, sizeof type, "kind%d.made", i / 3);
	snprintf(subject, sizeof subject, "contact/%d", i * 7919 % 500);
	snprintf(error, sizeof error, i % 50 == 5 ? "Busy %d" : "value \"%d\" is not allowed", i % 50 == 5 ? 1 : i);
	struct event e = {.id = slice_of(id),
			  .source = slice_of(sources[i % 3]),
			  .type = slice_of(type),
			  .subject = i % 11 ? slice_of(subject) : SLICE_NONE,
			  .body = EVENT_JSON,
			  .data = SLICE("1")};
	struct slice to[] = {SLICE("crm"), SLICE("warehouse")};
	struct journal_accept row = {.event = &e, .destinations = to, .destination_count = (size_t)(1 + (i % 5 == 0))};
	if (i % 7 == 2)
		row.destination_count = 0;
	if (i % 7 == 2 && i % 2)
		row.error = slice_of(error);
	DONE(journal_accept(j, &row, 1, NOW + (int64_t)i * STEP_MS, &d));
}

static void make_history(void)
{
	const struct journal_route crm = {.destination = "crm", .attempts = 9};
	for (int i = 0; i < EVENTS; i += BATCH) {
		DONE(journal_begin(j, &d));
		for (int k = i; k < i + BATCH; k++)
			accept_one(k);
		DONE(journal_commit(j, &d));
		if (i % 1000 == 500)
			DONE(journal_claim(j, &crm, 1, 100, NOW + (int64_t)i * STEP_MS, &batch, &d));
	}
}

/* ---- the list and what it should be ---- */

struct listed {
	struct journal_key keys[LONGEST];
	size_t count;
};

static bool take(const struct journal_row *row, void *context)
{
	struct listed *l = context;
	assert_true(l->count < LONGEST);
	l->keys[l->count++] = row->key;
	return true;
}

static void add_where(char *sql, const char *before, struct slice value, const char *after)
{
	size_t at = strlen(sql);
	if (value.ptr)
		snprintf(sql + at, SQL_MOST - at, " AND %s'%s%.*s%s'", before, after, (int)value.len, value.ptr, after);
}

static void ask(const struct journal_filter *f, struct listed *wanted)
{
	char sql[SQL_MOST] =
	    "SELECT d.event, d.destination FROM event e JOIN delivery d ON d.event = e.seq "
	    "JOIN destination n ON n.id = d.destination LEFT JOIN error x ON x.id = d.error WHERE true";
	size_t at = strlen(sql);
	if (f->since)
		at += (size_t)snprintf(sql + at, sizeof sql - at, " AND e.received_at >= %lld", (long long)f->since);
	if (f->until)
		at += (size_t)snprintf(sql + at, sizeof sql - at, " AND e.received_at < %lld", (long long)f->until);
	if (f->statuses)
		snprintf(sql + at, sizeof sql - at, " AND (%u >> d.status) & 1", f->statuses);
	add_where(sql, "e.type GLOB ", f->type, "");
	add_where(sql, "e.source = ", f->source, "");
	add_where(sql, "n.name = ", f->destination, "");
	add_where(sql, "e.subject = ", f->subject, "");
	add_where(sql, "x.text LIKE ", f->error, "%");
	strcat(sql, " ORDER BY d.event DESC, d.destination");
	sqlite3 *db = other();
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	for (wanted->count = 0; sqlite3_step(statement) == SQLITE_ROW; wanted->count++)
		wanted->keys[wanted->count] =
		    (struct journal_key){sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1)};
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

static void same(const struct listed *got, const struct listed *wanted, size_t from, size_t count, int trial)
{
	if (got->count != count)
		fail_msg("filter %d: %zu rows behind %zu, not %zu", trial, got->count, from, count);
	for (size_t i = 0; i < count; i++)
		if (got->keys[i].event != wanted->keys[from + i].event ||
		    got->keys[i].destination != wanted->keys[from + i].destination)
			fail_msg("filter %d: row %zu is %lld-%lld", trial, from + i, (long long)got->keys[i].event,
				 (long long)got->keys[i].destination);
}

static unsigned one_of(unsigned *seed, unsigned most)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 16) % most;
}

static struct slice maybe(unsigned *seed, const char *const *texts, unsigned count)
{
	return one_of(seed, 3) ? SLICE_NONE : slice_of(texts[one_of(seed, count)]);
}

static struct journal_filter random_filter(unsigned *seed)
{
	static const char *const
	    types[] = {"contact.*", "contact.merged", "kind999.made", "kind99*", "nobody"},
	    *const sources[] = {"hubspot", "stripe", "nobody"}, *const destinations[] = {"crm", "warehouse", "nobody"},
	    *const subjects[] = {"contact/7", "contact/0", "nobody"}, *const errors[] = {"busy",   "ALLOWED",
											 "\"51\"", "nowhere",
											 "y",      "no destination"};
	struct journal_filter f = {.statuses = one_of(seed, 2) ? 0 : 1u << one_of(seed, 6) | 1u << one_of(seed, 6),
				   .type = maybe(seed, types, 5),
				   .source = maybe(seed, sources, 3),
				   .destination = maybe(seed, destinations, 3),
				   .error = maybe(seed, errors, 6)};
	if (one_of(seed, 8) == 0)
		f.subject = slice_of(subjects[one_of(seed, 3)]);
	if (one_of(seed, 4) == 0)
		f.since = NOW + (int64_t)one_of(seed, EVENTS) * STEP_MS;
	if (one_of(seed, 4) == 0)
		f.until = NOW + (int64_t)one_of(seed, EVENTS) * STEP_MS + 1;
	return f;
}

static void every_filter_lists_what_it_says(void **state)
{
	(void)state;
	static struct listed got, wanted;
	unsigned seed = 7, some = 0;
	make_history();
	for (int trial = 0; trial < TRIALS; trial++) {
		struct journal_filter f = random_filter(&seed);
		ask(&f, &wanted);
		got.count = 0;
		DONE(journal_list(j, &f, take, &got, &d));
		same(&got, &wanted, 0, wanted.count, trial);
		some += wanted.count > 0;
		if (wanted.count < 2)
			continue;
		size_t from = 1 + one_of(&seed, (unsigned)wanted.count - 1), left = wanted.count - from;
		f.before = wanted.keys[from - 1];
		f.limit = 1 + one_of(&seed, 60);
		got.count = 0;
		DONE(journal_list(j, &f, take, &got, &d));
		same(&got, &wanted, from, left < (size_t)f.limit ? left : (size_t)f.limit, trial);
	}
	assert_true(some > TRIALS / 4); /* of them find anything */
}

/* ---- kinds, error texts ---- */

static void types_without_end_share_a_kind(void **state)
{
	(void)state;
	make_history();
	assert_int_equal(number("SELECT count(type) FROM kind"), 1000);
	assert_true(number("SELECT count(*) FROM kind WHERE type IS NULL AND destination IS NOT NULL") > 0);
	struct journal_filter one = {.type = SLICE("kind999.made")};
	struct journal_tally tally;
	DONE(journal_tally(j, &one, &tally, &d));
	assert_int_equal(tally.by_status[JOURNAL_RECEIVED] + tally.by_status[JOURNAL_PROCESSING], 1);
}

static void a_text_that_no_delivery_has_any_more_is_pruned(void **state)
{
	(void)state;
	make_history();
	int64_t texts = number("SELECT count(*) FROM error"), half = NOW + EVENTS / 2 * (int64_t)STEP_MS;
	assert_int_equal(texts, number("SELECT count(DISTINCT error) FROM delivery WHERE error IS NOT NULL"));
	assert_int_equal(number("SELECT count(*) FROM error_grams"), texts / 64 + 1);
	struct journal_prune prune = {.payloads_before = NOW + EVENTS * (int64_t)STEP_MS, .events_before = half};
	DONE(journal_prune(j, &prune, &d));
	assert_true(number("SELECT count(*) FROM error") < texts);
	assert_int_equal(number("SELECT count(*) FROM error"),
			 number("SELECT count(DISTINCT error) FROM delivery WHERE error IS NOT NULL"));
	static struct listed got;
	struct journal_filter gone = {.error = SLICE("value \"9\"")}, stays = {.error = SLICE("VALUE \"2991\"")};
	DONE(journal_list(j, &gone, take, &got, &d));
	assert_int_equal(got.count, 0);
	DONE(journal_list(j, &stays, take, &got, &d));
	assert_int_equal(got.count, 1);
}

static void a_text_that_was_rolled_back_is_not_there(void **state)
{
	(void)state;
	struct event e = {.id = SLICE("evt"), .source = SLICE("s"), .type = SLICE("t"), .data = SLICE("1")};
	struct journal_accept row = {.event = &e, .error = SLICE("no good")};
	for (int commit = 0; commit < 2; commit++) {
		DONE(journal_begin(j, &d));
		DONE(journal_accept(j, &row, 1, NOW, &d));
		if (commit)
			DONE(journal_commit(j, &d));
		else
			journal_rollback(j);
		assert_int_equal(number("SELECT count(*) FROM error"), commit);
		assert_int_equal(number("SELECT count(*) FROM kind"), 2 * commit);
	}
	static struct listed got;
	struct journal_filter f = {.error = SLICE("GOOD")};
	DONE(journal_list(j, &f, take, &got, &d));
	assert_int_equal(got.count, 1);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {EACH(every_filter_lists_what_it_says), EACH(types_without_end_share_a_kind),
					   EACH(a_text_that_no_delivery_has_any_more_is_pruned),
					   EACH(a_text_that_was_rolled_back_is_not_there)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
