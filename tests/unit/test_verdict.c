/* SPDX-License-Identifier: MIT */
/* Each rule of the verdict on made facts, on both sides of each of its borders. */
#include "verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW (1000 * CLOCK_DAY)

static struct facts_destination crm;
static struct journal_trouble troubles[3];
static struct journal_arrival arrivals[2];
static struct facts facts;
static struct verdict verdict;

/* A destination that delivers, and events that come. */
static int all_well(void **state)
{
	(void)state;
	crm = (struct facts_destination){.name = SLICE("crm")};
	crm.course.delivered = crm.course.delivered_by_hour[0] = 100;
	crm.course.last_delivered_at = NOW - CLOCK_MINUTE;
	memset(troubles, 0, sizeof troubles);
	arrivals[0] = (struct journal_arrival){.source = SLICE("shop"), .last_at = NOW - CLOCK_MINUTE, .lately = 5};
	facts = (struct facts){.now = NOW,
			       .arrivals = arrivals,
			       .arrival_count = 1,
			       .destinations = &crm,
			       .destination_count = 1,
			       .troubles = troubles};
	return 0;
}

static const struct finding *judged(const char *name)
{
	verdict_judge(&facts, &verdict);
	for (size_t i = 0; i < verdict.count; i++)
		if (strcmp(verdict.findings[i].name, name) == 0)
			return &verdict.findings[i];
	return NULL;
}

static void finds(const char *name, enum verdict_severity severity)
{
	const struct finding *finding = judged(name);
	if (!finding)
		fail_msg("%s was not found", name);
	assert_int_equal(finding->severity, severity);
	assert_true(verdict.severity >= severity);
}

static void finds_no(const char *name)
{
	if (judged(name))
		fail_msg("%s was found", name);
}

/* `count` failures in a row with one error, in this hour. */
static void row_of(int64_t count, const char *code)
{
	troubles[0] = (struct journal_trouble){.destination = SLICE("crm"),
					       .code = slice_of(code),
					       .error = SLICE("it said no"),
					       .count = count,
					       .in_a_row = count,
					       .first_at = NOW - 2 * CLOCK_MINUTE,
					       .last_at = NOW - CLOCK_MINUTE,
					       .first_id = SLICE("evt_1"),
					       .last_id = SLICE("evt_9")};
	facts.trouble_count = 1;
	crm.course.troubled = crm.course.in_a_row = crm.course.troubled_by_hour[0] = count;
	crm.course.first_in_a_row_at = NOW - 2 * CLOCK_MINUTE;
	crm.course.last_troubled_at = NOW - CLOCK_MINUTE;
	crm.course.last_delivered_at = NOW - 3 * CLOCK_MINUTE;
}

static void nothing_wrong_is_ok_and_silent_about_it(void **state)
{
	(void)state;
	verdict_judge(&facts, &verdict);
	assert_int_equal(verdict.severity, VERDICT_OK);
	assert_int_equal(verdict.count, 0);
}

static void ten_in_a_row_are_all_failing(void **state)
{
	(void)state;
	row_of(10, "http-503");
	finds("all-failing", VERDICT_CRITICAL);
	finds_no("same-error");
	finds_no("spike");
	row_of(9, "http-503");
	finds_no("all-failing");
}

static void five_in_a_row_are_when_nothing_was_delivered_within_the_hour(void **state)
{
	(void)state;
	crm.course.delivered_by_hour[0] = 0;
	row_of(5, "http-503");
	finds("all-failing", VERDICT_CRITICAL);
	row_of(4, "http-503");
	finds_no("all-failing");
	crm.course.delivered_by_hour[0] = 1;
	row_of(5, "http-503");
	finds_no("all-failing");
}

static void a_row_that_ended_an_hour_ago_is_not_all_failing(void **state)
{
	(void)state;
	row_of(10, "http-503");
	crm.course.last_troubled_at = NOW - CLOCK_HOUR + 1;
	finds("all-failing", VERDICT_CRITICAL);
	crm.course.last_troubled_at = NOW - CLOCK_HOUR;
	finds_no("all-failing");
}

static void the_likely_cause_follows_the_code(void **state)
{
	(void)state;
	static const char *const causes[][2] = {
	    {"http-401", "credentials"}, {"http-403", "credentials"},    {"http-404", "address or the version"},
	    {"http-410", "address"},     {"http-429", "fewer requests"}, {"http-422", "no longer fit"},
	    {"map", "no longer fit"},    {"http-503", "out of service"}, {"connect", "out of service"},
	    {"dns", "resolved"},         {"tls", "certificate"},         {"timeout-response", "out of service"},
	};
	for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
		row_of(10, causes[i][0]);
		const struct finding *finding = judged("all-failing");
		assert_non_null(finding);
		if (!strstr(finding->advice, causes[i][1]))
			fail_msg("%s: %s", causes[i][0], finding->advice);
	}
}

static void the_evidence_names_what_began_and_ended_the_row(void **state)
{
	(void)state;
	row_of(10, "http-503");
	const struct finding *finding = judged("all-failing");
	assert_true(slice_is(finding->destination, "crm"));
	assert_true(slice_is(finding->error, "it said no"));
	assert_true(slice_is(finding->first_id, "evt_1"));
	assert_true(slice_is(finding->last_id, "evt_9"));
	crm.course.first_in_a_row_at -= 1; /* begun by another error */
	finding = judged("all-failing");
	assert_null(finding->first_id.ptr);
	assert_true(slice_is(finding->last_id, "evt_9"));
}

static void three_in_a_row_with_one_error_are_the_same_error(void **state)
{
	(void)state;
	row_of(3, "http-503");
	finds("same-error", VERDICT_WARNING);
	finds_no("scattered");
	row_of(2, "http-503");
	finds_no("same-error");
	finds("scattered", VERDICT_OK);
	row_of(3, "http-503");
	troubles[0].in_a_row = 2; /* the third had another error */
	finds_no("same-error");
	finds("scattered", VERDICT_OK);
}

static void spread(int64_t now, int64_t usual, int64_t delivered)
{
	all_well(NULL);
	crm.course.delivered_by_hour[0] = delivered;
	for (int i = 1; i < JOURNAL_HOURS; i++)
		crm.course.troubled_by_hour[i] = usual;
	crm.course.troubled_by_hour[0] = now;
	crm.course.troubled = now + usual;
}

static void a_spike_is_ten_and_three_times_the_usual_and_a_tenth_of_all(void **state)
{
	(void)state;
	spread(10, 3, 90);
	finds("spike", VERDICT_CRITICAL);
	spread(9, 3, 81);
	finds_no("spike");
	finds("scattered", VERDICT_OK);
	spread(10, 4, 90);
	finds_no("spike");
	spread(12, 4, 90);
	finds("spike", VERDICT_CRITICAL);
	spread(10, 3, 91);
	finds_no("spike");
}

static void a_spike_of_an_earlier_hour_is_over(void **state)
{
	(void)state;
	spread(0, 0, 90);
	crm.course.troubled = crm.course.troubled_by_hour[5] = 10;
	finds("spike", VERDICT_WARNING);
	assert_int_equal(verdict.severity, VERDICT_WARNING);
	crm.course.troubled_by_hour[0] = 10;
	finds("spike", VERDICT_CRITICAL);
}

static void an_outage_of_eleven_hours_does_not_become_the_usual(void **state)
{
	(void)state;
	spread(0, 0, 100);
	for (int i = 0; i < 11; i++)
		crm.course.troubled_by_hour[i] = 100;
	finds("spike", VERDICT_CRITICAL);
	for (int i = 11; i < 13; i++)
		crm.course.troubled_by_hour[i] = 100;
	finds_no("spike");
}

static void refused_data_need_somebody(void **state)
{
	(void)state;
	row_of(1, "http-422");
	troubles[0].failed = 1;
	finds("rejected", VERDICT_WARNING);
	finds_no("scattered");
	assert_int_equal(judged("rejected")->count, 1);
	troubles[0].failed = 0;
	finds_no("rejected");
	row_of(1, "http-503");
	troubles[0].failed = 1;
	finds_no("rejected");
	finds("scattered", VERDICT_OK);
	row_of(1, "map");
	troubles[0].failed = 1;
	finds("rejected", VERDICT_WARNING);
}

static void refusals_of_one_destination_are_counted_together(void **state)
{
	(void)state;
	row_of(1, "http-422");
	troubles[0].failed = 1;
	troubles[1] = (struct journal_trouble){.destination = SLICE("crm"),
					       .code = SLICE("map"),
					       .failed = 2,
					       .first_at = NOW - CLOCK_HOUR,
					       .last_at = NOW - CLOCK_HOUR,
					       .first_id = SLICE("evt_0")};
	troubles[2] = (struct journal_trouble){.destination = SLICE("other"), .code = SLICE("map"), .failed = 4};
	facts.trouble_count = 3;
	const struct finding *finding = judged("rejected");
	assert_int_equal(finding->count, 3);
	assert_true(slice_is(finding->first_id, "evt_0"));
	assert_true(slice_is(finding->last_id, "evt_9"));
}

static void retries_that_resolve_are_normal(void **state)
{
	(void)state;
	crm.course.recovered = 1;
	finds("recovering", VERDICT_OK);
	assert_int_equal(verdict.severity, VERDICT_OK);
	crm.course.recovered = 0;
	finds_no("recovering");
}

static void what_is_open_for_long_is_told(void **state)
{
	(void)state;
	crm.backlog.stuck = 1;
	finds("stuck", VERDICT_WARNING);
	crm.backlog.stuck = 0;
	finds_no("stuck");
	crm.backlog.lapsed = 1;
	finds("lapsed", VERDICT_WARNING);
	crm.backlog.lapsed = 0;
	finds_no("lapsed");
}

static void unclaimed_means_that_nobody_is_at_work(void **state)
{
	(void)state;
	crm.course.last_delivered_at = NOW - JOURNAL_LEASE_MS;
	crm.backlog.last_claimed_at = NOW - JOURNAL_LEASE_MS;
	crm.backlog.late = 1;
	finds("unclaimed", VERDICT_CRITICAL);
	crm.backlog.last_claimed_at++;
	finds_no("unclaimed");
	crm.backlog.last_claimed_at--;
	crm.course.last_delivered_at++;
	finds_no("unclaimed");
	crm.course.last_delivered_at--;
	crm.course.last_troubled_at = NOW - JOURNAL_LEASE_MS + 1;
	finds_no("unclaimed");
	crm.course.last_troubled_at--;
	finds("unclaimed", VERDICT_CRITICAL);
	crm.health.open_until = NOW;
	finds_no("unclaimed");
	crm.health.open_until = 0;
	crm.backlog.late = 0;
	finds_no("unclaimed");
}

static void an_open_breaker_is_critical_after_an_hour(void **state)
{
	(void)state;
	finds_no("breaker");
	crm.health.open_until = NOW + 1;
	crm.health.opened_at = NOW - CLOCK_HOUR;
	finds("breaker", VERDICT_WARNING);
	crm.health.opened_at--;
	finds("breaker", VERDICT_CRITICAL);
}

static void silence_is_measured_against_the_same_hours_of_two_weeks(void **state)
{
	(void)state;
	arrivals[0].week_ago = arrivals[0].two_weeks_ago = 5;
	arrivals[0].lately = 1;
	finds_no("silent");
	finds_no("quiet");
	arrivals[0].lately = 0;
	finds("silent", VERDICT_WARNING);
	finds_no("quiet");
	arrivals[0].week_ago--;
	finds_no("silent");
	finds("quiet", VERDICT_OK);
	arrivals[0].week_ago++;
	arrivals[0].two_weeks_ago--;
	finds_no("silent");
	finds("quiet", VERDICT_OK);
	facts.arrival_count = 0; /* a new journal */
	finds_no("quiet");
}

static void one_source_is_silent_while_another_sends(void **state)
{
	(void)state;
	arrivals[1] =
	    (struct journal_arrival){.source = SLICE("bank"), .last_at = 7, .week_ago = 9, .two_weeks_ago = 9};
	facts.arrival_count = 2;
	const struct finding *finding = judged("silent");
	assert_non_null(finding);
	assert_true(slice_is(finding->source, "bank"));
	assert_int_equal(finding->last_at, 7);
	finds_no("quiet");
	struct buf names = BUF_INIT;
	verdict_add_names(&names, &verdict);
	assert_string_equal(names.data, "silent (bank)");
	buf_free(&names);
}

static void nothing_taken_but_refused_is_no_quiet_hour(void **state)
{
	(void)state;
	facts.refused = 1;
	finds_no("silent"); /* events come */
	arrivals[0].lately = 0;
	finds("silent", VERDICT_WARNING);
	assert_int_equal(judged("silent")->count, 1);
	finds_no("quiet");
	facts.refused = 0;
	finds_no("silent");
	finds("quiet", VERDICT_OK);
	facts.arrival_count = 0; /* nothing was ever taken */
	facts.refused = 1;
	finds("silent", VERDICT_WARNING);
}

static void the_same_hour_of_three_days_is_a_pattern(void **state)
{
	(void)state;
	crm.course.failures[1][4] = crm.course.failures[2][4] = crm.course.failures[6][4] = 5;
	finds("daily-pattern", VERDICT_WARNING);
	const struct finding *finding = judged("daily-pattern");
	assert_int_equal(finding->count, 15);
	assert_int_equal(finding->last_at, NOW - 28 * CLOCK_HOUR);
	assert_int_equal(finding->first_at, NOW - (6 * 24 + 4) * CLOCK_HOUR);
	crm.course.failures[6][4] = 4;
	finds_no("daily-pattern");
	crm.course.failures[6][4] = 0;
	crm.course.failures[6][3] = 5; /* another hour */
	finds_no("daily-pattern");
}

static void a_day_of_failures_in_every_hour_is_no_pattern(void **state)
{
	(void)state;
	for (int day = 0; day < JOURNAL_DAYS; day++)
		for (int hour = 0; hour < 24; hour++)
			crm.course.failures[day][hour] = 4;
	for (int day = 0; day < 3; day++)
		crm.course.failures[day][9] = 11;
	finds_no("daily-pattern");
	for (int day = 0; day < 3; day++)
		crm.course.failures[day][9] = 12;
	finds("daily-pattern", VERDICT_WARNING);
}

/* ---- in words ---- */

static void a_monitor_gets_one_line_and_performance_data(void **state)
{
	(void)state;
	struct show_style style = {.utc = true, .now = NOW};
	struct buf b = BUF_INIT;
	row_of(1, "http-422");
	troubles[0].failed = 1;
	troubles[0].error = SLICE("no | a=1\033\nb");
	facts.tally.by_status[JOURNAL_DELIVERED] = 100;
	verdict_judge(&facts, &verdict);
	verdict_write(&b, &verdict, &facts, &style);
	assert_string_equal(
	    b.data,
	    "EVT WARNING - rejected (crm) | received=0 processing=0 delivered=100 failed=0 retrying=0 "
	    "skipped=0 waiting=0 breakers_open=0 journal=0B\n"
	    "rejected WARNING to crm: 1 failed because their data were refused, first 1972-09-26 23:58:00Z (evt_1), "
	    "last 1972-09-26 23:59:00Z (evt_9), error: no / a=1\\x1b\\nb. Correct the record at its source, or "
	    "the map; then evt-retry ID sends it again.\n");
	buf_clear(&b);
	all_well(NULL);
	verdict_judge(&facts, &verdict);
	verdict_write(&b, &verdict, &facts, &style);
	assert_non_null(strstr(b.data, "EVT OK - 0 delivered, 0 failed, 0 retrying in the last 24 h | received=0 "));
	buf_clear(&b);
	verdict_write_json(&b, &verdict);
	assert_string_equal(b.data, "{\"severity\":\"OK\",\"findings\":[]}");
	buf_free(&b);
}

static void the_worst_comes_first(void **state)
{
	(void)state;
	crm.course.recovered = 1;
	crm.backlog.stuck = 1;
	crm.health.open_until = NOW;
	crm.health.opened_at = NOW - CLOCK_DAY;
	verdict_judge(&facts, &verdict);
	assert_int_equal(verdict.severity, VERDICT_CRITICAL);
	assert_int_equal(verdict.count, 3);
	assert_string_equal(verdict.findings[0].name, "breaker");
	assert_string_equal(verdict.findings[1].name, "stuck");
	assert_string_equal(verdict.findings[2].name, "recovering");
}

#define TEST(name) cmocka_unit_test_setup(name, all_well)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(nothing_wrong_is_ok_and_silent_about_it),
	    TEST(ten_in_a_row_are_all_failing),
	    TEST(five_in_a_row_are_when_nothing_was_delivered_within_the_hour),
	    TEST(a_row_that_ended_an_hour_ago_is_not_all_failing),
	    TEST(the_likely_cause_follows_the_code),
	    TEST(the_evidence_names_what_began_and_ended_the_row),
	    TEST(three_in_a_row_with_one_error_are_the_same_error),
	    TEST(a_spike_is_ten_and_three_times_the_usual_and_a_tenth_of_all),
	    TEST(a_spike_of_an_earlier_hour_is_over),
	    TEST(an_outage_of_eleven_hours_does_not_become_the_usual),
	    TEST(refused_data_need_somebody),
	    TEST(refusals_of_one_destination_are_counted_together),
	    TEST(retries_that_resolve_are_normal),
	    TEST(what_is_open_for_long_is_told),
	    TEST(unclaimed_means_that_nobody_is_at_work),
	    TEST(an_open_breaker_is_critical_after_an_hour),
	    TEST(silence_is_measured_against_the_same_hours_of_two_weeks),
	    TEST(one_source_is_silent_while_another_sends),
	    TEST(nothing_taken_but_refused_is_no_quiet_hour),
	    TEST(the_same_hour_of_three_days_is_a_pattern),
	    TEST(a_day_of_failures_in_every_hour_is_no_pattern),
	    TEST(a_monitor_gets_one_line_and_performance_data),
	    TEST(the_worst_comes_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
