/* SPDX-License-Identifier: MIT */
/* The aggregates of a journal whose history was made at known times. */
#include "facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdio.h>

#include "scratch_journal.h"

#define NOW ((int64_t)1795000000000)

static struct facts facts;

static const struct journal_limits wide = {.concurrency = 100, .timeout_ms = 30000};

static int set_up(void **state)
{
	(void)state;
	return scratch_journal_open();
}

static int tear_down(void **state)
{
	(void)state;
	facts_free(&facts);
	return scratch_journal_close(true);
}

/* An event of `source`, for crm unless it has an error of its own. */
static void receive(const char *id, const char *source, const char *error, int64_t at)
{
	struct event e = {.id = slice_of(id),
			  .source = slice_of(source),
			  .type = SLICE("contact.created"),
			  .body = EVENT_JSON,
			  .data = SLICE("1")};
	struct slice to = SLICE("crm");
	struct journal_accept row = {
	    .event = &e, .destinations = &to, .destination_count = !error, .error = slice_of(error)};
	DONE(journal_begin(j, &d));
	DONE(journal_accept(j, &row, 1, at, &d));
	DONE(journal_commit(j, &d));
}

static void claim(int64_t at)
{
	struct journal_route crm = {.destination = "crm", .attempts = 9};
	DONE(journal_claim(j, &crm, 1, JOURNAL_CLAIM_ROWS, at, &batch, &d));
}

static void start(const char *id, int64_t claim_number, int64_t at)
{
	struct journal_start row = {
	    .ref = {.source = SLICE("hubspot"), .id = slice_of(id), .destination = SLICE("crm"), .claim = claim_number},
	    .limits = &wide};
	DONE(journal_begin(j, &d));
	DONE(journal_start(j, &row, 1, at, &d));
	DONE(journal_commit(j, &d));
	assert_int_equal(row.answer, JOURNAL_STARTED);
	buf_free(&row.record);
}

/* One attempt under claim `n`, ended at `at`; tried again an hour later when it was to be. */
static void attempt(const char *id, int n, enum journal_verdict verdict, const char *error, int64_t at)
{
	start(id, n, at);
	struct journal_outcome row = {
	    .ref = {.source = SLICE("hubspot"), .id = slice_of(id), .destination = SLICE("crm"), .claim = n},
	    .attempt = n,
	    .verdict = verdict,
	    .fault = verdict == JOURNAL_AGAIN,
	    .started_at = at,
	    .ended_at = at,
	    .next_at = verdict == JOURNAL_AGAIN ? at + CLOCK_HOUR : 0,
	    .code = verdict == JOURNAL_OK      ? NULL
		    : verdict == JOURNAL_AGAIN ? "http-503"
					       : "http-422",
	    .error = slice_of(error)};
	DONE(journal_begin(j, &d));
	DONE(journal_outcome(j, &row, 1, at, &d));
	DONE(journal_commit(j, &d));
}

static const struct facts_destination *gathered(const char *name)
{
	facts_free(&facts);
	DONE(facts_gather(&facts, j, NOW, &d));
	for (size_t i = 0; i < facts.destination_count; i++)
		if (slice_equal(facts.destinations[i].name, slice_of(name)))
			return &facts.destinations[i];
	fail_msg("no destination %s", name ? name : "");
	return NULL;
}

static void an_empty_journal_has_no_facts(void **state)
{
	(void)state;
	DONE(facts_gather(&facts, j, NOW, &d));
	assert_int_equal(facts.destination_count, 0);
	assert_int_equal(facts.trouble_count, 0);
	assert_int_equal(facts.arrival_count, 0);
	assert_true(facts.size.file > 0);
}

static void outcomes_are_counted_by_hour_and_in_a_row(void **state)
{
	(void)state;
	const int64_t two = NOW - 2 * CLOCK_HOUR;
	for (const char *const *id = (const char *const[]){"a", "b", "c", "d", "e", NULL}; *id; id++)
		receive(*id, "hubspot", NULL, two - CLOCK_MINUTE);
	claim(two - CLOCK_MINUTE);
	attempt("a", 1, JOURNAL_NEVER, "bad data", two);
	attempt("b", 1, JOURNAL_OK, NULL, two + 1);
	attempt("c", 1, JOURNAL_AGAIN, "busy", two + CLOCK_HOUR);
	attempt("d", 1, JOURNAL_AGAIN, "busy", NOW - 1);
	const struct journal_course *c = &gathered("crm")->course;
	assert_int_equal(c->delivered, 1);
	assert_int_equal(c->troubled, 3);
	assert_int_equal(c->recovered, 0);
	assert_int_equal(c->in_a_row, 2);
	assert_int_equal(c->first_in_a_row_at, two + CLOCK_HOUR);
	assert_int_equal(c->last_troubled_at, NOW - 1);
	assert_int_equal(c->last_delivered_at, two + 1);
	assert_int_equal(c->troubled_by_hour[0], 1);
	assert_int_equal(c->troubled_by_hour[1], 1);
	assert_int_equal(c->troubled_by_hour[2], 1);
	assert_int_equal(c->delivered_by_hour[2], 1);
	assert_int_equal(facts.tally.by_status[JOURNAL_RETRYING], 2);
	assert_int_equal(facts.tally.by_status[JOURNAL_PROCESSING], 1);
	assert_int_equal(facts.tally.first_at, two - CLOCK_MINUTE);
}

static void errors_are_put_together_with_their_first_and_last_event(void **state)
{
	(void)state;
	const int64_t at = NOW - CLOCK_MINUTE;
	for (const char *const *id = (const char *const[]){"a", "b", "c", "d", NULL}; *id; id++)
		receive(*id, "hubspot", NULL, at);
	claim(at);
	attempt("d", 1, JOURNAL_AGAIN, "busy", at);
	attempt("b", 1, JOURNAL_OK, NULL, at + 1);
	attempt("a", 1, JOURNAL_AGAIN, "busy", at + 2);
	attempt("c", 1, JOURNAL_NEVER, "bad data", at + 3);
	receive("e", "hubspot", "no type", at + 4);
	gathered("crm");
	assert_int_equal(facts.trouble_count, 3);
	const struct journal_trouble *busy = &facts.troubles[0];
	assert_true(slice_is(busy->error, "busy"));
	assert_true(slice_is(busy->code, "http-503"));
	assert_true(slice_is(busy->first_id, "d"));
	assert_true(slice_is(busy->last_id, "a"));
	assert_int_equal(busy->count, 2);
	assert_int_equal(busy->in_a_row, 1);
	assert_int_equal(busy->failed, 0);
	assert_int_equal(busy->last_at, at + 2);
	assert_int_equal(gathered(NULL)->course.troubled, 1);
	assert_null(facts.troubles[1].destination.ptr);
	assert_true(slice_is(facts.troubles[1].error, "no type"));
	assert_int_equal(facts.troubles[2].failed, 1);
}

static void a_delivery_after_two_attempts_has_recovered(void **state)
{
	(void)state;
	receive("a", "hubspot", NULL, NOW - 3 * CLOCK_HOUR);
	claim(NOW - 3 * CLOCK_HOUR);
	attempt("a", 1, JOURNAL_AGAIN, "busy", NOW - 3 * CLOCK_HOUR);
	claim(NOW - CLOCK_HOUR);
	attempt("a", 2, JOURNAL_OK, NULL, NOW - CLOCK_HOUR);
	const struct journal_course *c = &gathered("crm")->course;
	assert_int_equal(c->recovered, 1);
	assert_int_equal(c->last_recovered_at, NOW - CLOCK_HOUR);
	assert_int_equal(c->troubled, 0);
}

static void old_events_count_while_they_are_open_or_failed_lately(void **state)
{
	(void)state;
	const int64_t old = NOW - 2 * CLOCK_DAY;
	for (const char *const *id = (const char *const[]){"a", "b", "c", NULL}; *id; id++)
		receive(*id, "hubspot", NULL, old);
	claim(old);
	attempt("a", 1, JOURNAL_AGAIN, "busy", NOW - FACTS_SPAN_MS + 20 * CLOCK_MINUTE);
	attempt("b", 1, JOURNAL_NEVER, "bad data", NOW - CLOCK_HOUR);
	attempt("c", 1, JOURNAL_NEVER, "bad data", NOW - FACTS_SPAN_MS - 20 * CLOCK_MINUTE);
	assert_int_equal(gathered("crm")->course.troubled, 2);
}

static void what_is_open_is_counted_with_the_oldest(void **state)
{
	(void)state;
	const int64_t late = NOW - JOURNAL_LEASE_MS;
	receive("a", "hubspot", NULL, late - 2);
	receive("b", "hubspot", NULL, late - 2);
	claim(late - 1);
	start("b", 1, late); /* b has been at work for just 15 minutes, a for longer */
	receive("c", "hubspot", NULL, late - 1);
	receive("d", "hubspot", NULL, late);
	const struct journal_backlog *b = &gathered("crm")->backlog;
	assert_int_equal(b->waiting, 4);
	assert_int_equal(b->processing, 2);
	assert_int_equal(b->stuck, 1);
	assert_int_equal(b->processing_since, late - 1);
	assert_true(slice_is(b->processing_id, "a"));
	assert_int_equal(b->late, 1);
	assert_int_equal(b->late_since, late - 1);
	assert_int_equal(b->lapsed, 0);
	assert_int_equal(b->last_claimed_at, late - 1);
}

static void claims_that_lapsed_are_named(void **state)
{
	(void)state;
	receive("a", "hubspot", NULL, NOW - 3 * CLOCK_HOUR);
	claim(NOW - 3 * CLOCK_HOUR);
	claim(NOW - CLOCK_HOUR);
	const struct journal_backlog *b = &gathered("crm")->backlog;
	assert_int_equal(b->lapsed, 1);
	assert_true(slice_is(b->lapsed_id, "a"));
}

static void receipt_is_compared_with_the_weeks_before(void **state)
{
	(void)state;
	const int64_t week = 7 * CLOCK_DAY;
	char id[8] = "x0";
	for (int i = 0; i < 6; i++, id[1]++)
		receive(id, "hubspot", NULL, NOW - 2 * week - 1 - i);
	receive("w1", "stripe", NULL, NOW - week - FACTS_QUIET_MS + 10 * CLOCK_MINUTE);
	receive("w2", "stripe", NULL, NOW - week - FACTS_QUIET_MS - 10 * CLOCK_MINUTE);
	receive("n1", "stripe", NULL, NOW - 1);
	gathered("crm");
	assert_int_equal(facts.arrival_count, 2);
	const struct journal_arrival *hubspot = &facts.arrivals[0], *stripe = &facts.arrivals[1];
	assert_true(slice_is(hubspot->source, "hubspot"));
	assert_int_equal(hubspot->two_weeks_ago, 6);
	assert_int_equal(hubspot->week_ago, 0);
	assert_int_equal(hubspot->lately, 0);
	assert_int_equal(stripe->week_ago, 1);
	assert_int_equal(stripe->lately, 1);
	assert_int_equal(stripe->ever, 3);
	assert_int_equal(stripe->last_at, NOW - 1);
}

static bool note_source(const struct journal_source *source, void *context)
{
	struct buf *b = context;
	buf_printf(b, "%.*s %d;", (int)source->name.len, source->name.ptr, (int)(NOW - source->last_at));
	return true;
}

static void summaries_keep_to_the_filter(void **state)
{
	(void)state;
	struct journal_tally tally;
	struct journal_hours hours;
	struct buf b = BUF_INIT;
	receive("a", "hubspot", NULL, NOW - 10);
	receive("b", "hubspot", NULL, NOW - CLOCK_HOUR);
	receive("c", "stripe", NULL, NOW - 23 * CLOCK_HOUR);
	receive("d", "stripe", NULL, NOW - 24 * CLOCK_HOUR);
	struct journal_filter all = {.since = 0}, stripe = {.source = SLICE("stripe")};
	DONE(journal_tally(j, &all, &tally, &d));
	assert_int_equal(tally.by_status[JOURNAL_RECEIVED], 4);
	assert_int_equal(tally.last_at, NOW - 10);
	DONE(journal_hours(j, &all, NOW, &hours, &d));
	assert_int_equal(hours.deliveries[0], 1);
	assert_int_equal(hours.deliveries[1], 1);
	assert_int_equal(hours.deliveries[23], 1);
	DONE(journal_hours(j, &stripe, NOW, &hours, &d));
	assert_int_equal(hours.deliveries[0], 0);
	assert_int_equal(hours.deliveries[23], 1);
	DONE(journal_tally(j, &stripe, &tally, &d));
	assert_int_equal(tally.by_status[JOURNAL_RECEIVED], 2);
	DONE(journal_sources(j, &all, note_source, &b, &d));
	assert_string_equal(b.data, "hubspot 10;stripe 82800000;");
	buf_free(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_empty_journal_has_no_facts),
	    TEST(outcomes_are_counted_by_hour_and_in_a_row),
	    TEST(errors_are_put_together_with_their_first_and_last_event),
	    TEST(a_delivery_after_two_attempts_has_recovered),
	    TEST(old_events_count_while_they_are_open_or_failed_lately),
	    TEST(what_is_open_is_counted_with_the_oldest),
	    TEST(claims_that_lapsed_are_named),
	    TEST(receipt_is_compared_with_the_weeks_before),
	    TEST(summaries_keep_to_the_filter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
