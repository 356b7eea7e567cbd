/* SPDX-License-Identifier: MIT */
/* The journal's transitions: what each answers, what the row looks like afterwards, and who is fenced off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "scratch_journal.h"

#define NOW   ((int64_t)1795000000000)
#define LEASE JOURNAL_LEASE_MS

static bool rows_were_altered; /* by the test itself */

static const struct journal_route crm = {.destination = "crm", .attempts = 3};
static const struct journal_route ordered = {.destination = "crm", .attempts = 3, .ordered = true};
static const struct journal_route held_up = {.destination = "crm", .attempts = 3, .ordered = true, .failed_hold = true};
static const struct journal_limits wide = {.concurrency = 100, .timeout_ms = 30000};
static const struct journal_limits in_order = {.concurrency = 100, .timeout_ms = 30000, .ordered = true};

static const struct journal_limits in_held_order = {
    .concurrency = 100, .timeout_ms = 30000, .ordered = true, .failed_hold = true};

static int set_up(void **state)
{
	(void)state;
	rows_were_altered = false;
	return scratch_journal_open();
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_journal_close(!rows_were_altered);
}

/* The first row of a query by another connection, columns joined with blanks. */
static const char *look(const char *sql)
{
	static char text[512];
	sqlite3 *db;
	sqlite3_stmt *statement;
	text[0] = '\0';
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	if (sqlite3_step(statement) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(statement); i++) {
			const char *column = (const char *)sqlite3_column_text(statement, i);
			size_t len = strlen(text);
			snprintf(text + len, sizeof text - len, "%s%s", i ? " " : "", column ? column : "-");
		}
	}
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return text;
}

static struct event event_of(const char *id, const char *subject, const char *data)
{
	return (struct event){.id = slice_of(id),
			      .source = SLICE("hubspot"),
			      .type = SLICE("contact.created"),
			      .subject = slice_of(subject),
			      .body = EVENT_JSON,
			      .data = slice_of(data)};
}

static enum journal_answer accept_at(const char *id, const char *subject, const char *data, int64_t now)
{
	struct event e = event_of(id, subject, data);
	struct slice to = SLICE("crm");
	struct journal_accept row = {.event = &e, .destinations = &to, .destination_count = 1};
	assert_int_equal(journal_begin(j, &d), 0);
	assert_int_equal(journal_accept(j, &row, 1, now, &d), 0);
	assert_int_equal(journal_commit(j, &d), 0);
	return row.answer;
}

static size_t claim_at(const struct journal_route *route, int64_t now)
{
	if (journal_claim(j, route, 1, JOURNAL_CLAIM_ROWS, now, &batch, &d) < 0)
		fail_msg("%s", d.text);
	return batch.count;
}

static struct journal_ref ref(const char *id, int64_t claim)
{
	return (struct journal_ref){
	    .source = SLICE("hubspot"), .id = slice_of(id), .destination = SLICE("crm"), .claim = claim};
}

static void make(const char *file, const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* What was started last; its outcome finds it by that. */
static struct {
	char id[32];
	struct journal_key key;
} started;

static struct journal_start start_with(const char *id, int64_t claim, const struct journal_limits *limits, int64_t now)
{
	struct journal_start row = {.ref = ref(id, claim), .limits = limits};
	assert_int_equal(journal_begin(j, &d), 0);
	assert_int_equal(journal_start(j, &row, 1, now, &d), 0);
	assert_int_equal(journal_commit(j, &d), 0);
	make(path, "UPDATE delivery SET started_tick = NULL"); /* the times of these tests are of no clock */
	if (row.answer == JOURNAL_STARTED) {
		snprintf(started.id, sizeof started.id, "%s", id);
		started.key = row.ref.key;
	}
	return row;
}

static enum journal_start_answer start_at(const char *id, int64_t claim, int64_t now)
{
	struct journal_start row = start_with(id, claim, &wide, now);
	buf_free(&row.record);
	return row.answer;
}

static bool outcome_at(const char *id, int64_t claim, int attempt, enum journal_verdict verdict, int64_t next_at,
		       int64_t now)
{
	struct journal_outcome row = {.ref = ref(id, claim),
				      .attempt = attempt,
				      .verdict = verdict,
				      .fault = verdict == JOURNAL_AGAIN,
				      .started_at = now - 5,
				      .ended_at = now,
				      .next_at = next_at,
				      .http_status = verdict == JOURNAL_OK      ? 201
						     : verdict == JOURNAL_AGAIN ? 503
										: 422,
				      .code = verdict == JOURNAL_OK ? NULL : "http",
				      .error = verdict == JOURNAL_OK ? SLICE_NONE : SLICE("no"),
				      .record = verdict == JOURNAL_OK ? SLICE("rec_1") : SLICE_NONE};
	if (strcmp(id, started.id) == 0)
		row.ref.key = started.key;
	assert_int_equal(journal_begin(j, &d), 0);
	assert_int_equal(journal_outcome(j, &row, 1, now, &d), 0);
	assert_int_equal(journal_commit(j, &d), 0);
	return row.late;
}

/* ---- the file ---- */

static void the_file_is_private(void **state)
{
	(void)state;
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_string_equal(look("PRAGMA journal_mode"), "wal");
	assert_string_equal(look("PRAGMA application_id"), "1163285578");
	assert_string_equal(look("PRAGMA auto_vacuum"), "2");
}

static void a_folder_of_2770_shares_it_with_the_group(void **state)
{
	(void)state;
	char shared[128], file[160];
	snprintf(shared, sizeof shared, "%s/shared", scratch_dir);
	snprintf(file, sizeof file, "%s/journal.db", shared);
	assert_int_equal(mkdir(shared, 0700), 0);
	assert_int_equal(chmod(shared, 02770), 0);
	struct journal *other = journal_open(file, JOURNAL_WRITE, &d);
	assert_non_null(other);
	struct stat st;
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	journal_close(other);
}

static void a_missing_journal_is_said(void **state)
{
	(void)state;
	assert_null(journal_open("/tmp/no-such-folder/journal.db", JOURNAL_READ, &d));
	assert_int_equal(d.code, DIAG_NO_JOURNAL);
	assert_null(journal_open("/tmp/no-such-folder/journal.db", JOURNAL_EXISTING, &d));
	assert_int_equal(d.code, DIAG_NO_JOURNAL);
}

static void foreign_newer_and_damaged_files_are_refused(void **state)
{
	(void)state;
	char file[128];
	snprintf(file, sizeof file, "%s/foreign.db", scratch_dir);
	make(file, "CREATE TABLE t (x)");
	assert_null(journal_open(file, JOURNAL_WRITE, &d));
	assert_int_equal(d.code, DIAG_DATA);
	assert_non_null(strstr(d.text, "not a journal"));

	make(path, "PRAGMA user_version = 99");
	assert_null(journal_open(path, JOURNAL_WRITE, &d));
	assert_int_equal(d.code, DIAG_DATA);
	assert_non_null(strstr(d.text, "newer"));

	snprintf(file, sizeof file, "%s/rubbish.db", scratch_dir);
	FILE *f = fopen(file, "w");
	for (int i = 0; i < 2000; i++)
		fputs("rubbish ", f);
	fclose(f);
	assert_null(journal_open(file, JOURNAL_WRITE, &d));
	assert_int_equal(d.code, DIAG_DATA);
}

static void a_failed_transaction_leaves_nothing(void **state)
{
	(void)state;
	struct event e = event_of("evt_1", NULL, "{}");
	struct slice to = SLICE("crm");
	struct journal_accept row = {.event = &e, .destinations = &to, .destination_count = 1};
	assert_int_equal(journal_begin(j, &d), 0);
	assert_int_equal(journal_accept(j, &row, 1, NOW, &d), 0);
	journal_rollback(j);
	assert_string_equal(look("SELECT count(*) FROM event"), "0");
	assert_int_equal(accept_at("evt_1", NULL, "{}", NOW), JOURNAL_ACCEPTED);
	assert_string_equal(look("SELECT destination FROM history"), "crm");
}

/* ---- accept, adopt ---- */

static void a_known_id_is_a_duplicate_or_a_conflict(void **state)
{
	(void)state;
	assert_int_equal(accept_at("evt_1", NULL, "{\"a\":1}", NOW), JOURNAL_ACCEPTED);
	assert_int_equal(accept_at("evt_1", NULL, "{\"a\":1}", NOW), JOURNAL_DUPLICATE);
	assert_int_equal(accept_at("evt_1", NULL, "{\"a\":2}", NOW), JOURNAL_CONFLICT);
	assert_string_equal(look("SELECT count(*), max(conflicts) FROM event"), "1 1");
	assert_string_equal(look("SELECT CAST(data AS TEXT) FROM payload"), "{\"a\":1}");
}

/* Of `source`, whose signature does not cover the id: was it a repeat? */
static bool repeats(const char *source, const char *id, const char *data, int64_t now)
{
	struct event e = event_of(id, NULL, data);
	struct slice to = SLICE("crm");
	struct journal_accept row = {.event = &e, .destinations = &to, .destination_count = 1, .id_unsigned = true};
	e.source = slice_of(source);
	assert_int_equal(journal_begin(j, &d), 0);
	assert_int_equal(journal_accept(j, &row, 1, now, &d), 0);
	assert_int_equal(journal_commit(j, &d), 0);
	return row.repeat;
}

static bool note_about(const struct journal_about *about, void *context)
{
	snprintf(context, 64, "%" PRId64 " of %.*s", about->repeats, (int)about->repeat_of.len,
		 about->repeat_of.ptr ? about->repeat_of.ptr : "");
	return true;
}

static const char *about(int64_t event)
{
	static char text[64];
	assert_int_equal(journal_about(j, event, note_about, text, &d), 0);
	return text;
}

static bool note_repeat(const struct journal_repeat *repeat, void *context)
{
	size_t len = strlen(context);
	snprintf((char *)context + len, 128 - len, "%.*s: %" PRId64 ", the last %.*s; ", (int)repeat->source.len,
		 repeat->source.ptr, repeat->count, (int)repeat->last_id.len, repeat->last_id.ptr);
	return true;
}

static const char *all_repeats(int64_t since)
{
	static char text[128];
	text[0] = '\0';
	assert_int_equal(journal_repeats(j, since, note_repeat, text, &d), 0);
	return text;
}

static void a_payload_under_another_id_is_taken_and_told_of(void **state)
{
	(void)state;
	assert_false(repeats("github", "a", "{\"n\":1}", NOW - CLOCK_DAY));
	assert_false(repeats("github", "b", "{\"n\":2}", NOW));
	assert_false(repeats("shopify", "a", "{\"n\":1}", NOW)); /* another sender's */
	assert_true(repeats("github", "c", "{\"n\":1}", NOW));
	assert_true(repeats("github", "d", "{\"n\":1}", NOW));
	assert_false(repeats("github", "d", "{\"n\":1}", NOW)); /* nothing but a duplicate */
	assert_string_equal(look("SELECT count(*) FROM history WHERE status = 'received'"), "5");
	assert_string_equal(about(1), "2 of ");
	assert_string_equal(about(2), "0 of ");
	assert_string_equal(about(5), "0 of a");
	assert_string_equal(all_repeats(NOW - CLOCK_HOUR), "github: 2, the last d; ");
	assert_string_equal(all_repeats(NOW + CLOCK_HOUR), "");
}

static void a_payload_under_another_id_is_nothing_where_the_id_is_signed(void **state)
{
	(void)state;
	accept_at("a", NULL, "{}", NOW);
	accept_at("b", NULL, "{}", NOW);
	assert_string_equal(look("SELECT sum(repeats), count(body_key) FROM event"), "0 0");
	assert_string_equal(all_repeats(0), "");
	/* A search for a repeat goes by the index alone, and so does not grow with those. */
	assert_string_equal(look("EXPLAIN QUERY PLAN SELECT seq FROM event WHERE body_key = 1 ORDER BY seq LIMIT 1"),
			    "4 0 0 SEARCH event USING COVERING INDEX event_body (body_key=?)");
}

static void the_first_of_repeats_may_be_pruned(void **state)
{
	(void)state;
	repeats("github", "a", "{}", NOW - 40 * CLOCK_DAY);
	repeats("github", "b", "{}", NOW);
	rows_were_altered = true;
	make(
	    path,
	    "DELETE FROM delivery WHERE event = 1; DELETE FROM payload WHERE event = 1; DELETE FROM event WHERE seq = 1");
	assert_string_equal(about(2), "0 of ");
	assert_true(repeats("github", "c", "{}", NOW));
	assert_string_equal(about(2), "1 of ");
	assert_string_equal(about(3), "0 of b");
}

/* What came when, and came again, is judged by weeks: sixty days longer than the events are there. */
static void counts_of_repeats_are_pruned_long_after_their_events(void **state)
{
	static const char cells[] =
	    "SELECT sum(axis = 2), sum(axis = 7), sum(axis = 4), sum(iif(axis = 4, n, 0)) FROM tally";
	const int64_t old = NOW - 95 * CLOCK_DAY, young = NOW - 85 * CLOCK_DAY;
	(void)state;
	repeats("github", "a", "{}", old);
	assert_true(repeats("github", "b", "{}", old));
	assert_true(repeats("github", "c", "{}", young));
	make(path, "UPDATE delivery SET due_at = NULL"); /* none is open any more */
	assert_string_equal(look(cells), "2 2 1 3");
	struct journal_prune prune = {.payloads_before = NOW - 30 * CLOCK_DAY, .events_before = NOW - 30 * CLOCK_DAY};
	DONE(journal_prune(j, &prune, &d));
	assert_int_equal(prune.events, 3);
	assert_string_equal(look(cells), "1 1 1 3");
	prune.events_before = NOW;
	DONE(journal_prune(j, &prune, &d));
	assert_string_equal(look(cells), "0 0 1 3");
}

static void equal_rows_of_one_call_are_duplicates(void **state)
{
	(void)state;
	struct event e = event_of("evt_1", NULL, "{}");
	struct slice to = SLICE("crm");
	struct journal_accept rows[2] = {{.event = &e, .destinations = &to, .destination_count = 1},
					 {.event = &e, .destinations = &to, .destination_count = 1}};
	assert_int_equal(journal_begin(j, &d), 0);
	assert_int_equal(journal_accept(j, rows, 2, NOW, &d), 0);
	assert_int_equal(journal_commit(j, &d), 0);
	assert_int_equal(rows[0].answer, JOURNAL_ACCEPTED);
	assert_int_equal(rows[1].answer, JOURNAL_DUPLICATE);
}

static void an_event_without_destination_is_skipped_or_failed(void **state)
{
	(void)state;
	struct event skipped = event_of("evt_1", NULL, "{}"), failed = event_of("evt_2", NULL, "{}");
	struct journal_accept rows[2] = {{.event = &skipped}, {.event = &failed, .error = SLICE("no type at /type")}};
	assert_int_equal(journal_begin(j, &d), 0);
	assert_int_equal(journal_accept(j, rows, 2, NOW, &d), 0);
	assert_int_equal(journal_commit(j, &d), 0);
	assert_string_equal(look("SELECT status, destination, error FROM history WHERE id = 'evt_1'"),
			    "skipped - no destination of its source takes this type");
	assert_string_equal(look("SELECT status, error FROM history WHERE id = 'evt_2'"), "failed no type at /type");
	assert_int_equal(claim_at(&crm, NOW), 0);
}

static void a_line_the_journal_does_not_know_is_adopted_once(void **state)
{
	(void)state;
	struct event e = event_of("evt_1/1", NULL, "{}");
	e.destination = SLICE("crm");
	int64_t claim;
	for (int64_t expected = 1; expected >= 0; expected--) {
		assert_int_equal(journal_begin(j, &d), 0);
		assert_int_equal(journal_adopt(j, &e, NOW, LEASE, &claim, &d), 0);
		assert_int_equal(journal_commit(j, &d), 0);
		assert_int_equal(claim, expected);
	}
	assert_int_equal(start_at("evt_1/1", 1, NOW), JOURNAL_STARTED);
}

static void a_second_payload_under_a_known_id_is_counted_as_a_conflict(void **state)
{
	(void)state;
	const struct {
		const char *destination, *data, *conflicts;
	} lines[] = {{"crm", "{\"n\":1}", "0"}, {"warehouse", "{\"n\":1}", "0"}, {"ledger", "{\"n\":2}", "1"}};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct event e = event_of("evt_1/1", NULL, lines[i].data);
		e.destination = slice_of(lines[i].destination);
		int64_t claim;
		assert_int_equal(journal_begin(j, &d), 0);
		assert_int_equal(journal_adopt(j, &e, NOW, LEASE, &claim, &d), 0);
		assert_int_equal(journal_commit(j, &d), 0);
		assert_int_equal(claim, 1);
		assert_string_equal(look("SELECT conflicts FROM event"), lines[i].conflicts);
	}
	assert_string_equal(look("SELECT CAST(data AS TEXT) FROM payload"), "{\"n\":1}");
}

/* ---- claim ---- */

static void a_claim_hands_out_the_line_once(void **state)
{
	(void)state;
	accept_at("evt_1", "contact/1", "{\"n\":19.99,\"big\":12345678901234567890}", NOW);
	assert_int_equal(claim_at(&crm, NOW), 1);
	assert_non_null(strstr(batch.lines.data, "\"evtdestination\":\"crm\",\"evtattempt\":1,\"evtclaim\":1"));
	assert_non_null(strstr(batch.lines.data, "{\"n\":19.99,\"big\":12345678901234567890}"));
	assert_int_equal(batch.rows[0].line_end, batch.lines.len);
	assert_int_equal(claim_at(&crm, NOW), 0);
	assert_string_equal(look("SELECT status, attempts FROM history"), "processing 0");
}

static void only_routes_that_are_named_are_claimed(void **state)
{
	(void)state;
	struct journal_route other = {.destination = "warehouse", .attempts = 3};
	accept_at("evt_1", NULL, "{}", NOW);
	assert_int_equal(claim_at(&other, NOW), 0);
	assert_int_equal(claim_at(&crm, NOW), 1);
}

static void a_lapsed_claim_comes_again_later_and_later(void **state)
{
	(void)state;
	accept_at("evt_1", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	assert_int_equal(claim_at(&crm, NOW + LEASE - 1), 0);
	assert_int_equal(claim_at(&crm, NOW + LEASE), 1);
	assert_string_equal(look("SELECT claim, lapses, attempts FROM delivery"), "2 1 0");
	int64_t again = NOW + LEASE + LEASE + CLOCK_MINUTE;
	assert_int_equal(claim_at(&crm, again - 1), 0);
	assert_int_equal(claim_at(&crm, again), 1);
	assert_int_equal(start_at("evt_1", 3, again), JOURNAL_STARTED);
	assert_string_equal(look("SELECT lapses FROM delivery"), "0");
}

static void lapsed_claims_stand_behind_all_others(void **state)
{
	(void)state;
	accept_at("old", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	accept_at("new", NULL, "{}", NOW + LEASE + 1);
	assert_int_equal(journal_claim(j, &crm, 1, 1, NOW + LEASE + 2, &batch, &d), 0);
	assert_non_null(strstr(batch.lines.data, "\"id\":\"new\""));
}

static void a_release_is_due_at_once_under_a_new_claim(void **state)
{
	(void)state;
	accept_at("evt_1", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	assert_int_equal(journal_release(j, batch.rows, batch.count, NOW, &d), 0);
	assert_string_equal(look("SELECT status FROM history"), "received");
	assert_int_equal(start_at("evt_1", 1, NOW), JOURNAL_STALE);
	assert_int_equal(claim_at(&crm, NOW), 1);
	assert_int_equal(batch.rows[0].claim, 3);
}

static void a_release_leaves_what_was_started(void **state)
{
	(void)state;
	accept_at("evt_1", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	start_at("evt_1", 1, NOW);
	assert_int_equal(journal_release(j, batch.rows, batch.count, NOW, &d), 0);
	assert_int_equal(claim_at(&crm, NOW), 0);
}

static void destinations_take_turns_and_retries_have_their_share(void **state)
{
	(void)state;
	struct journal_route routes[] = {{.destination = "a", .attempts = 9}, {.destination = "b", .attempts = 9}};
	struct slice names[] = {SLICE("a"), SLICE("b")};
	assert_int_equal(journal_begin(j, &d), 0);
	for (int i = 0; i < 200; i++) {
		char id[16];
		snprintf(id, sizeof id, "evt_%d", i);
		struct event e = event_of(id, NULL, "{}");
		struct journal_accept row = {.event = &e, .destinations = &names[i >= 180], .destination_count = 1};
		assert_int_equal(journal_accept(j, &row, 1, NOW, &d), 0);
	}
	assert_int_equal(journal_commit(j, &d), 0);
	make(path, "UPDATE delivery SET status = 4, lane = 1, attempts = 1 WHERE event > 90 AND event <= 180");
	rows_were_altered = true;
	assert_int_equal(journal_claim(j, routes, 2, 40, NOW, &batch, &d), 0);
	assert_int_equal(batch.count, 40);
	assert_string_equal(look("SELECT count(*) FROM history WHERE destination = 'b' AND status = 'processing'"),
			    "20");
	assert_string_equal(look("SELECT count(*) FROM delivery WHERE destination = 1 AND status = 1 AND attempts = 1"),
			    "5");
}

static void a_due_time_no_wait_can_explain_counts_as_due(void **state)
{
	(void)state;
	accept_at("evt_1", NULL, "{}", NOW + 26 * CLOCK_HOUR);
	int64_t at;
	assert_int_equal(journal_next_due(j, &crm, 1, NOW, &at, &d), 0);
	assert_true(at <= NOW);
	assert_int_equal(claim_at(&crm, NOW), 1);
	/* A retry may lie a day ahead, a new event not at all. */
	accept_at("evt_2", NULL, "{}", NOW + CLOCK_HOUR);
	assert_int_equal(claim_at(&crm, NOW), 1);
	assert_int_equal(start_at("evt_2", 1, NOW), JOURNAL_STARTED);
	outcome_at("evt_2", 1, 1, JOURNAL_AGAIN, NOW + 24 * CLOCK_HOUR, NOW);
	assert_int_equal(claim_at(&crm, NOW), 0);
}

/* ---- a clock that is set back ---- */

static void a_retry_waits_no_longer_when_the_clock_is_set_back(void **state)
{
	(void)state;
	accept_at("evt_1", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	start_at("evt_1", 1, NOW);
	outcome_at("evt_1", 1, 1, JOURNAL_AGAIN, NOW + 10 * CLOCK_MINUTE, NOW);
	int64_t now = NOW - 3 * CLOCK_HOUR, at;
	assert_int_equal(claim_at(&crm, now), 0);
	assert_int_equal(journal_next_due(j, &crm, 1, now, &at, &d), 0);
	assert_int_equal(at, now + 10 * CLOCK_MINUTE);
	/* Once is enough: time that passes is not added. */
	assert_int_equal(claim_at(&crm, now + 9 * CLOCK_MINUTE), 0);
	assert_int_equal(claim_at(&crm, now + 10 * CLOCK_MINUTE), 1);
}

static void a_wait_that_began_after_its_claim_is_no_longer_either(void **state)
{
	(void)state;
	int64_t back_at = NOW + 20 * CLOCK_MINUTE, now = NOW + 5 * CLOCK_MINUTE, at;
	accept_at("evt_1", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	struct journal_ref ref = {
	    .source = SLICE("hubspot"), .id = SLICE("evt_1"), .destination = SLICE("crm"), .claim = 1};
	assert_int_equal(journal_begin(j, &d), 0);
	assert_int_equal(journal_return(j, &ref, 1, back_at + CLOCK_HOUR, back_at, &d), 0);
	assert_int_equal(journal_commit(j, &d), 0);
	assert_int_equal(claim_at(&crm, now), 0);
	assert_int_equal(journal_next_due(j, &crm, 1, now, &at, &d), 0);
	assert_int_equal(at, now + CLOCK_HOUR);
}

static void a_lease_is_neither_lost_nor_longer_when_the_clock_is_set_back(void **state)
{
	(void)state;
	static const int64_t steps[] = {10 * CLOCK_MINUTE, 3 * CLOCK_HOUR, 30 * CLOCK_DAY};
	for (size_t i = 0; i < 3; i++) {
		char id[2][8] = {{'a', (char)('0' + i)}, {'b', (char)('0' + i)}};
		int64_t before = NOW + 400 * CLOCK_DAY * (int64_t)i, now = before - steps[i];
		accept_at(id[0], NULL, "{}", before);
		accept_at(id[1], NULL, "{}", before);
		assert_int_equal(claim_at(&crm, before), 2);
		assert_int_equal(start_at(id[1], 1, before), JOURNAL_STARTED);
		assert_int_equal(claim_at(&crm, now), 0);
		assert_int_equal(claim_at(&crm, now + wide.timeout_ms), 0); /* it may still be answered */
		assert_int_equal(claim_at(&crm, now + LEASE - 1), 1);
		assert_int_equal(start_at(id[1], 2, now + LEASE), JOURNAL_STARTED);
		outcome_at(id[1], 2, 2, JOURNAL_OK, 0, now + LEASE);
		assert_int_equal(claim_at(&crm, now + LEASE), 1);
		assert_int_equal(start_at(id[0], 2, now + LEASE), JOURNAL_STARTED);
		outcome_at(id[0], 2, 1, JOURNAL_OK, 0, now + LEASE);
	}
}

static void a_lease_does_not_end_early_when_the_clock_is_set_forward(void **state)
{
	(void)state;
	struct journal_start row = {.ref = ref("evt_1", 1), .limits = &wide};
	int64_t now = NOW + 3 * CLOCK_HOUR, at;
	accept_at("evt_1", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	assert_int_equal(journal_begin(j, &d), 0);
	assert_int_equal(journal_start(j, &row, 1, NOW, &d), 0);
	assert_int_equal(journal_commit(j, &d), 0);
	buf_free(&row.record);
	assert_int_equal(claim_at(&crm, now), 0);
	assert_int_equal(journal_next_due(j, &crm, 1, now, &at, &d), 0);
	assert_in_range(at, now + 1, now + wide.timeout_ms + 15 * CLOCK_SECOND);
	assert_string_equal(look("SELECT count(*) FROM attempt"), "0");
	assert_int_equal(claim_at(&crm, at - 1), 0);
	assert_int_equal(claim_at(&crm, at), 1);
}

static void a_breaker_and_a_rate_hold_no_longer_when_the_clock_is_set_back(void **state)
{
	(void)state;
	struct journal_limits paced = {.concurrency = 100, .timeout_ms = 30000, .rate_per_ms = 1.0 / CLOCK_MINUTE};
	for (int i = 0; i < 12; i++) {
		char id[16];
		snprintf(id, sizeof id, "evt_%d", i);
		accept_at(id, NULL, "{}", NOW);
	}
	assert_int_equal(claim_at(&crm, NOW), 12);
	for (int i = 0; i < 10; i++) {
		char id[16];
		snprintf(id, sizeof id, "evt_%d", i);
		start_at(id, 1, NOW);
		outcome_at(id, 1, 1, JOURNAL_AGAIN, NOW + CLOCK_HOUR, NOW);
	}
	assert_int_equal(start_with("evt_10", 1, &wide, NOW).hold, JOURNAL_HOLD_BREAKER);
	int64_t now = NOW - 3 * CLOCK_HOUR;
	struct journal_start held = start_with("evt_10", 1, &paced, now);
	assert_int_equal(held.hold, JOURNAL_HOLD_BREAKER);
	assert_int_equal(held.again_at, now + 5 * CLOCK_SECOND);
	assert_int_equal(start_with("evt_10", 1, &paced, held.again_at).answer, JOURNAL_STARTED);
	outcome_at("evt_10", 1, 1, JOURNAL_OK, 0, held.again_at);
	now = held.again_at - 3 * CLOCK_HOUR;
	assert_int_equal(start_with("evt_11", 1, &paced, now).hold, JOURNAL_HOLD_RATE);
	assert_int_equal(start_with("evt_11", 1, &paced, now + CLOCK_MINUTE).answer, JOURNAL_STARTED);
}

static void however_many_wait_all_do_so_from_the_new_time(void **state)
{
	(void)state;
	enum { MANY = 5000 };
	int64_t now = NOW - 3 * CLOCK_HOUR, at;
	assert_int_equal(journal_begin(j, &d), 0);
	for (int i = 0; i < MANY; i++) {
		char id[16];
		snprintf(id, sizeof id, "evt_%d", i);
		struct event e = event_of(id, NULL, "{}");
		struct slice to = SLICE("crm");
		struct journal_accept row = {.event = &e, .destinations = &to, .destination_count = 1};
		assert_int_equal(journal_accept(j, &row, 1, NOW, &d), 0);
	}
	assert_int_equal(journal_commit(j, &d), 0);
	char sql[512];
	/* Of all that are due at one time, half have waited since long before the clock was set back: theirs is right. */
	snprintf(sql, sizeof sql,
		 "UPDATE delivery SET status = 4, lane = 1, attempts = 1, due_at = %lld, "
		 "claimed_at = iif(event %% 2, %lld, %lld); UPDATE destination SET seen_at = %lld",
		 (long long)NOW, (long long)(NOW - CLOCK_HOUR), (long long)(NOW - 23 * CLOCK_HOUR),
		 (long long)(NOW - CLOCK_HOUR));
	make(path, sql);
	rows_were_altered = true;
	assert_int_equal(claim_at(&crm, now), 0);
	snprintf(
	    sql, sizeof sql,
	    "SELECT sum(due_at = %lld), sum(due_at = %lld), (SELECT mending FROM destination WHERE id = 1) FROM delivery",
	    (long long)(now + CLOCK_HOUR), (long long)NOW);
	assert_string_equal(look(sql), "2500 2500 0");
	assert_int_equal(journal_next_due(j, &crm, 1, now, &at, &d), 0);
	assert_int_equal(at, now + CLOCK_HOUR);
}

/* ---- start ---- */

static void a_start_is_fenced_by_the_claim(void **state)
{
	(void)state;
	accept_at("evt_1", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	assert_int_equal(start_at("evt_2", 1, NOW), JOURNAL_UNKNOWN);
	assert_int_equal(start_at("evt_1", 7, NOW), JOURNAL_STALE);
	assert_int_equal(start_at("evt_1", 1, NOW), JOURNAL_STARTED);
	assert_int_equal(start_at("evt_1", 1, NOW), JOURNAL_REPEATED);
	assert_string_equal(look("SELECT attempts FROM delivery"), "1");
	assert_false(outcome_at("evt_1", 1, 1, JOURNAL_OK, 0, NOW + 9));
	assert_int_equal(start_at("evt_1", 1, NOW), JOURNAL_STALE);
}

static void concurrency_counts_open_starts(void **state)
{
	(void)state;
	struct journal_limits one = {.concurrency = 1, .timeout_ms = 30000};
	accept_at("evt_1", NULL, "{}", NOW);
	accept_at("evt_2", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	assert_int_equal(start_with("evt_1", 1, &one, NOW).answer, JOURNAL_STARTED);
	struct journal_start held = start_with("evt_2", 1, &one, NOW);
	assert_int_equal(held.answer, JOURNAL_HOLD);
	assert_int_equal(held.hold, JOURNAL_HOLD_CONCURRENCY);
	outcome_at("evt_1", 1, 1, JOURNAL_OK, 0, NOW);
	assert_int_equal(start_with("evt_2", 1, &one, NOW).answer, JOURNAL_STARTED);
}

static void a_rate_spaces_starts(void **state)
{
	(void)state;
	struct journal_limits slow = {.concurrency = 9, .timeout_ms = 30000, .rate_per_ms = 0.001};
	accept_at("evt_1", NULL, "{}", NOW);
	accept_at("evt_2", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	assert_int_equal(start_with("evt_1", 1, &slow, NOW).answer, JOURNAL_STARTED);
	struct journal_start held = start_with("evt_2", 1, &slow, NOW + 10);
	assert_int_equal(held.hold, JOURNAL_HOLD_RATE);
	assert_in_range(held.again_at, NOW + 990, NOW + 1010);
	assert_int_equal(start_with("evt_2", 1, &slow, held.again_at).answer, JOURNAL_STARTED);
}

/* ---- outcome ---- */

static void a_delivery_keeps_its_record_for_the_subject(void **state)
{
	(void)state;
	accept_at("evt_1", "contact/1", "{}", NOW);
	claim_at(&crm, NOW);
	start_at("evt_1", 1, NOW);
	outcome_at("evt_1", 1, 1, JOURNAL_OK, 0, NOW);
	assert_string_equal(look("SELECT status, destination_record, http_status, attempts, error FROM history"),
			    "delivered rec_1 201 1 -");
	accept_at("evt_2", "contact/1", "{}", NOW);
	claim_at(&crm, NOW);
	struct journal_start second = start_with("evt_2", 1, &in_order, NOW);
	assert_string_equal(second.record.data, "rec_1");
	buf_free(&second.record);
}

static void a_transient_failure_is_due_again(void **state)
{
	(void)state;
	accept_at("evt_1", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	start_at("evt_1", 1, NOW);
	outcome_at("evt_1", 1, 1, JOURNAL_AGAIN, NOW + 5000, NOW);
	assert_string_equal(look("SELECT status, error, http_status, next_attempt_at FROM history"),
			    "retrying no 503 2026-11-18T11:06:45.000Z");
	assert_int_equal(claim_at(&crm, NOW + 4999), 0);
	assert_int_equal(claim_at(&crm, NOW + 5000), 1);
	assert_non_null(strstr(batch.lines.data, "\"evtattempt\":2,\"evtclaim\":2"));
}

static void used_up_attempts_and_refusals_fail(void **state)
{
	(void)state;
	accept_at("evt_1", NULL, "{}", NOW);
	accept_at("evt_2", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	start_at("evt_1", 1, NOW);
	start_at("evt_2", 1, NOW);
	outcome_at("evt_1", 1, 1, JOURNAL_AGAIN, 0, NOW);
	outcome_at("evt_2", 1, 1, JOURNAL_NEVER, 0, NOW);
	assert_string_equal(look("SELECT count(*) FROM history WHERE status = 'failed'"), "2");
	assert_int_equal(claim_at(&crm, NOW + CLOCK_DAY), 0);
}

static void late_evidence_is_never_fenced(void **state)
{
	(void)state;
	accept_at("evt_1", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	start_at("evt_1", 1, NOW);
	int64_t later = NOW + CLOCK_MINUTE;
	assert_int_equal(claim_at(&crm, later), 1); /* the start's lease has ended */
	assert_string_equal(look("SELECT n, code FROM attempt"), "1 unknown");
	assert_true(outcome_at("evt_1", 1, 1, JOURNAL_NEVER, 0, later));
	assert_string_equal(look("SELECT status FROM history"), "processing");
	assert_string_equal(look("SELECT n, http_status FROM attempt"), "1 422");
	assert_true(outcome_at("evt_1", 1, 1, JOURNAL_OK, 0, later));
	assert_string_equal(look("SELECT status FROM history"), "delivered");
	assert_int_equal(start_at("evt_1", 2, later), JOURNAL_STALE);
	assert_string_equal(look("SELECT in_flight FROM destination WHERE name = 'crm'"), "0");
}

static void a_start_without_outcome_may_end_the_delivery(void **state)
{
	(void)state;
	struct journal_route careful = {.destination = "crm", .attempts = 3, .ambiguous_fails = true};
	accept_at("evt_1", NULL, "{}", NOW);
	claim_at(&careful, NOW);
	start_at("evt_1", 1, NOW);
	assert_int_equal(claim_at(&careful, NOW + CLOCK_HOUR), 0);
	assert_string_equal(look("SELECT status, error LIKE 'outcome unknown%' FROM history"), "failed 1");
}

static void starts_without_outcome_use_attempts_up(void **state)
{
	(void)state;
	int64_t now = NOW;
	accept_at("evt_1", NULL, "{}", now);
	for (int attempt = 1; attempt <= 3; attempt++, now += CLOCK_HOUR) {
		assert_int_equal(claim_at(&crm, now), 1);
		assert_int_equal(start_at("evt_1", attempt, now), JOURNAL_STARTED);
	}
	assert_int_equal(claim_at(&crm, now), 0);
	assert_string_equal(look("SELECT status, attempts FROM history"), "failed 3");
	assert_string_equal(look("SELECT count(*) FROM attempt WHERE code = 'unknown'"), "3");
}

/* ---- breaker ---- */

static void ten_faults_in_a_row_open_the_breaker(void **state)
{
	(void)state;
	char id[16];
	for (int i = 0; i < 12; i++) {
		snprintf(id, sizeof id, "evt_%d", i);
		accept_at(id, NULL, "{}", NOW);
	}
	assert_int_equal(claim_at(&crm, NOW), 12);
	for (int i = 0; i < 10; i++) {
		snprintf(id, sizeof id, "evt_%d", i);
		assert_int_equal(start_at(id, 1, NOW), JOURNAL_STARTED);
		outcome_at(id, 1, 1, JOURNAL_AGAIN, NOW + 100, NOW);
	}
	struct journal_start held = start_with("evt_10", 1, &wide, NOW + 1);
	assert_int_equal(held.hold, JOURNAL_HOLD_BREAKER);
	assert_int_equal(held.again_at, NOW + 5000);
	assert_int_equal(claim_at(&crm, NOW + 4999), 0);
	/* one probe, then nobody until it is answered */
	assert_int_equal(claim_at(&crm, NOW + 5000), 1);
	assert_int_equal(start_at("evt_10", 1, NOW + 5000), JOURNAL_STARTED);
	assert_int_equal(start_at("evt_11", 1, NOW + 5000), JOURNAL_HOLD);
	outcome_at("evt_10", 1, 1, JOURNAL_AGAIN, NOW + 6000, NOW + 5001);
	assert_int_equal(start_with("evt_11", 1, &wide, NOW + 15000).again_at, NOW + 5001 + 10000);
	/* it answers again, and recovers from a concurrency of one */
	assert_int_equal(start_at("evt_11", 1, NOW + 15001), JOURNAL_STARTED);
	outcome_at("evt_11", 1, 1, JOURNAL_OK, 0, NOW + 15002);
	assert_string_equal(look("SELECT open_until, faults, ramp FROM destination WHERE name = 'crm'"), "0 0 1");
	assert_true(claim_at(&crm, NOW + 15003) > 1);
}

static void refusals_do_not_open_it(void **state)
{
	(void)state;
	char id[16];
	for (int i = 0; i < 12; i++) {
		snprintf(id, sizeof id, "evt_%d", i);
		accept_at(id, NULL, "{}", NOW);
		claim_at(&crm, NOW);
		assert_int_equal(start_at(id, 1, NOW), JOURNAL_STARTED);
		outcome_at(id, 1, 1, JOURNAL_NEVER, 0, NOW);
	}
	assert_string_equal(look("SELECT open_until, faults FROM destination WHERE name = 'crm'"), "0 0");
}

/* ---- order ---- */

static void a_subject_keeps_its_order(void **state)
{
	(void)state;
	accept_at("evt_1", "contact/1", "{}", NOW);
	accept_at("evt_2", "contact/1", "{}", NOW);
	accept_at("evt_3", "contact/2", "{}", NOW);
	accept_at("evt_4", NULL, "{}", NOW);
	assert_int_equal(claim_at(&ordered, NOW), 4); /* one pipe keeps the order of its lines */
	assert_int_equal(start_with("evt_2", 1, &in_order, NOW).hold, JOURNAL_HOLD_ORDER);
	assert_int_equal(start_with("evt_3", 1, &in_order, NOW).answer, JOURNAL_STARTED);
	assert_int_equal(start_with("evt_4", 1, &in_order, NOW).answer, JOURNAL_STARTED);
	assert_int_equal(start_with("evt_1", 1, &in_order, NOW).answer, JOURNAL_STARTED);
	outcome_at("evt_1", 1, 1, JOURNAL_AGAIN, NOW + 20000, NOW);
	assert_int_equal(start_with("evt_2", 1, &in_order, NOW).hold, JOURNAL_HOLD_ORDER);
	struct journal_ref back = ref("evt_2", 1);
	assert_int_equal(journal_begin(j, &d), 0);
	assert_int_equal(journal_return(j, &back, 1, NOW, NOW, &d), 0);
	assert_int_equal(journal_commit(j, &d), 0);
	assert_int_equal(claim_at(&ordered, NOW + 1), 0); /* held while the first is to be retried */
	int64_t later = NOW + 20000;
	assert_int_equal(claim_at(&ordered, later), 1);
	assert_int_equal(start_with("evt_1", 2, &in_order, later).answer, JOURNAL_STARTED);
	outcome_at("evt_1", 2, 2, JOURNAL_NEVER, 0, later); /* failed does not hold */
	assert_int_equal(claim_at(&ordered, later), 1);
	assert_non_null(strstr(batch.lines.data, "\"id\":\"evt_2\""));
	assert_int_equal(start_with("evt_2", 3, &in_order, later).answer, JOURNAL_STARTED);
}

static void put_back(const char *id, int64_t claim, int64_t now)
{
	struct journal_ref back = ref(id, claim);
	assert_int_equal(journal_begin(j, &d), 0);
	assert_int_equal(journal_return(j, &back, 1, now, now, &d), 0);
	assert_int_equal(journal_commit(j, &d), 0);
}

/* Two of a subject, the first of which has failed, the second of which is held for it. */
static void fail_the_first(void)
{
	accept_at("evt_1", "contact/1", "{}", NOW);
	accept_at("evt_2", "contact/1", "{}", NOW);
	accept_at("evt_3", "contact/1", "{}", NOW);
	accept_at("evt_4", "contact/2", "{}", NOW);
	assert_int_equal(claim_at(&held_up, NOW), 4);
	assert_int_equal(start_with("evt_1", 1, &in_held_order, NOW).answer, JOURNAL_STARTED);
	outcome_at("evt_1", 1, 1, JOURNAL_NEVER, 0, NOW);
	assert_int_equal(start_with("evt_2", 1, &in_held_order, NOW).hold, JOURNAL_HOLD_ORDER);
	assert_int_equal(start_with("evt_4", 1, &in_held_order, NOW).answer, JOURNAL_STARTED);
	outcome_at("evt_4", 1, 1, JOURNAL_OK, 0, NOW);
	put_back("evt_3", 1, NOW);
	put_back("evt_2", 1, NOW);
	assert_int_equal(claim_at(&held_up, NOW), 0);
	assert_string_equal(look("SELECT status, error, attempts FROM history WHERE id = 'evt_2'"),
			    "received held: evt_1, an earlier event of its subject, has failed 0");
	assert_int_equal(claim_at(&held_up, NOW + 5 * CLOCK_MINUTE), 0); /* looked at again, and held */
}

static void a_failed_one_holds_its_subject_until_it_is_given_up(void **state)
{
	(void)state;
	fail_the_first();
	int64_t later = NOW + 6 * CLOCK_MINUTE;
	struct journal_key first = {1, 1};
	enum journal_reopened answer;
	assert_int_equal(journal_give_up(j, &first, 1, SLICE("a bad one"), later, &answer, &d), 0);
	assert_int_equal(answer, JOURNAL_REOPENED);
	assert_string_equal(look("SELECT status, error FROM history WHERE id = 'evt_1'"),
			    "failed a bad one (it had failed: no)");
	assert_int_equal(claim_at(&held_up, later), 1); /* at once; the third follows the second */
	assert_non_null(strstr(batch.lines.data, "\"id\":\"evt_2\""));
	assert_string_equal(look("SELECT status, error FROM history WHERE id = 'evt_2'"), "processing -");
	assert_int_equal(start_with("evt_2", 3, &in_held_order, later).answer, JOURNAL_STARTED);
	outcome_at("evt_2", 3, 1, JOURNAL_OK, 0, later);
	assert_int_equal(claim_at(&held_up, later), 1);
	assert_int_equal(journal_give_up(j, &first, 1, SLICE("again"), later, &answer, &d), 0);
	assert_int_equal(answer, JOURNAL_ENDED_WELL);
}

static void a_failed_one_that_is_sent_again_lets_the_next_go(void **state)
{
	(void)state;
	fail_the_first();
	int64_t later = NOW + 6 * CLOCK_MINUTE;
	struct journal_key first = {1, 1};
	enum journal_reopened answer;
	size_t done;
	assert_int_equal(journal_reopen(j, &first, 1, SLICE_NONE, later, &batch, &answer, &done, &d), 0);
	assert_int_equal(answer, JOURNAL_REOPENED);
	assert_int_equal(start_with("evt_1", batch.rows[0].claim, &in_held_order, later).answer, JOURNAL_STARTED);
	assert_int_equal(claim_at(&held_up, later), 0);
	outcome_at("evt_1", batch.rows[0].claim, 2, JOURNAL_OK, 0, later);
	assert_int_equal(claim_at(&held_up, later), 1);
	assert_non_null(strstr(batch.lines.data, "\"id\":\"evt_2\""));
}

static void a_held_subject_goes_on_when_the_option_or_the_failed_one_is_gone(void **state)
{
	(void)state;
	fail_the_first();
	int64_t later = NOW + 11 * CLOCK_MINUTE;
	assert_int_equal(claim_at(&ordered, later), 1); /* the third follows the second */
	assert_non_null(strstr(batch.lines.data, "\"id\":\"evt_2\""));
	put_back("evt_2", batch.rows[0].claim, later);
	assert_int_equal(claim_at(&held_up, later), 0);
	make(path, "DELETE FROM delivery WHERE event = 1"); /* as evt-prune does */
	rows_were_altered = true;
	assert_int_equal(claim_at(&held_up, later + 5 * CLOCK_MINUTE), 1);
	assert_non_null(strstr(batch.lines.data, "\"id\":\"evt_2\""));
}

/* ---- end, return ---- */

static void a_line_can_carry_its_own_end(void **state)
{
	(void)state;
	accept_at("evt_1", NULL, "{}", NOW);
	accept_at("evt_2", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	struct journal_end rows[] = {
	    {.ref = ref("evt_1", 1), .status = JOURNAL_SKIPPED, .reason = SLICE("a test contact")},
	    {.ref = ref("evt_2", 1), .status = JOURNAL_FAILED, .code = "map", .reason = SLICE("no email")},
	    {.ref = ref("evt_1", 1), .status = JOURNAL_FAILED, .reason = SLICE("again")},
	    {.ref = ref("evt_9", 1), .status = JOURNAL_FAILED, .reason = SLICE("who")},
	};
	assert_int_equal(journal_begin(j, &d), 0);
	assert_int_equal(journal_end(j, rows, 4, NOW, &d), 0);
	assert_int_equal(journal_commit(j, &d), 0);
	assert_int_equal(rows[0].answer, JOURNAL_STARTED);
	assert_int_equal(rows[1].answer, JOURNAL_STARTED);
	assert_int_equal(rows[2].answer, JOURNAL_STALE);
	assert_int_equal(rows[3].answer, JOURNAL_UNKNOWN);
	assert_string_equal(look("SELECT status, error FROM history WHERE id = 'evt_1'"), "skipped a test contact");
	assert_string_equal(look("SELECT status, error FROM history WHERE id = 'evt_2'"), "failed no email");
}

static void what_was_not_sent_uses_no_attempt(void **state)
{
	(void)state;
	accept_at("evt_1", NULL, "{}", NOW);
	claim_at(&crm, NOW);
	start_at("evt_1", 1, NOW);
	struct journal_ref back = ref("evt_1", 1);
	assert_int_equal(journal_begin(j, &d), 0);
	assert_int_equal(journal_return(j, &back, 1, NOW, NOW, &d), 0);
	assert_int_equal(journal_commit(j, &d), 0);
	assert_string_equal(look("SELECT status, attempts FROM history"), "received 0");
	assert_string_equal(look("SELECT in_flight FROM destination WHERE name = 'crm'"), "0");
	assert_int_equal(claim_at(&crm, NOW), 1);
	assert_int_equal(batch.rows[0].claim, 3);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(the_file_is_private),
	    EACH(a_folder_of_2770_shares_it_with_the_group),
	    EACH(a_missing_journal_is_said),
	    EACH(foreign_newer_and_damaged_files_are_refused),
	    EACH(a_failed_transaction_leaves_nothing),
	    EACH(a_known_id_is_a_duplicate_or_a_conflict),
	    EACH(a_payload_under_another_id_is_taken_and_told_of),
	    EACH(a_payload_under_another_id_is_nothing_where_the_id_is_signed),
	    EACH(the_first_of_repeats_may_be_pruned),
	    EACH(counts_of_repeats_are_pruned_long_after_their_events),
	    EACH(equal_rows_of_one_call_are_duplicates),
	    EACH(an_event_without_destination_is_skipped_or_failed),
	    EACH(a_line_the_journal_does_not_know_is_adopted_once),
	    EACH(a_second_payload_under_a_known_id_is_counted_as_a_conflict),
	    EACH(a_claim_hands_out_the_line_once),
	    EACH(only_routes_that_are_named_are_claimed),
	    EACH(a_lapsed_claim_comes_again_later_and_later),
	    EACH(lapsed_claims_stand_behind_all_others),
	    EACH(a_release_is_due_at_once_under_a_new_claim),
	    EACH(a_release_leaves_what_was_started),
	    EACH(destinations_take_turns_and_retries_have_their_share),
	    EACH(a_due_time_no_wait_can_explain_counts_as_due),
	    EACH(a_retry_waits_no_longer_when_the_clock_is_set_back),
	    EACH(a_wait_that_began_after_its_claim_is_no_longer_either),
	    EACH(a_lease_is_neither_lost_nor_longer_when_the_clock_is_set_back),
	    EACH(a_lease_does_not_end_early_when_the_clock_is_set_forward),
	    EACH(a_breaker_and_a_rate_hold_no_longer_when_the_clock_is_set_back),
	    EACH(however_many_wait_all_do_so_from_the_new_time),
	    EACH(a_start_is_fenced_by_the_claim),
	    EACH(concurrency_counts_open_starts),
	    EACH(a_rate_spaces_starts),
	    EACH(a_delivery_keeps_its_record_for_the_subject),
	    EACH(a_transient_failure_is_due_again),
	    EACH(used_up_attempts_and_refusals_fail),
	    EACH(late_evidence_is_never_fenced),
	    EACH(a_start_without_outcome_may_end_the_delivery),
	    EACH(starts_without_outcome_use_attempts_up),
	    EACH(ten_faults_in_a_row_open_the_breaker),
	    EACH(refusals_do_not_open_it),
	    EACH(a_subject_keeps_its_order),
	    EACH(a_failed_one_holds_its_subject_until_it_is_given_up),
	    EACH(a_failed_one_that_is_sent_again_lets_the_next_go),
	    EACH(a_held_subject_goes_on_when_the_option_or_the_failed_one_is_gone),
	    EACH(a_line_can_carry_its_own_end),
	    EACH(what_was_not_sent_uses_no_attempt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
