/* SPDX-License-Identifier: MIT */
#include "backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clock.h"

#define STEPS                                                                                                          \
	{                                                                                                              \
		5 * CLOCK_SECOND, 5 * CLOCK_MINUTE, CLOCK_DAY                                                          \
	}
static const struct backoff even = {STEPS, 3, 0}, spread = {STEPS, 3, 0.1}, wide = {STEPS, 3, 1}, none = {.count = 0};

enum { NOW = 1000000 };

static void steps_follow_the_schedule_and_end(void **state)
{
	(void)state;
	assert_int_equal(backoff_next_at(&even, 1, 0, 0.5, NOW), NOW + 5000);
	assert_int_equal(backoff_next_at(&even, 2, 0, 0.5, NOW), NOW + 300000);
	assert_int_equal(backoff_next_at(&even, 3, 0, 0.5, NOW), NOW + CLOCK_DAY);
	assert_int_equal(backoff_next_at(&even, 4, 0, 0.5, NOW), 0);
	assert_int_equal(backoff_next_at(&even, 4, 60000, 0.5, NOW), 0);
	assert_int_equal(backoff_next_at(&even, 0, 0, 0.5, NOW), 0);
	assert_int_equal(backoff_next_at(&none, 1, 0, 0.5, NOW), 0);
}

static void jitter_spreads_both_ways(void **state)
{
	(void)state;
	assert_int_equal(backoff_next_at(&spread, 1, 0, 0, NOW), NOW + 4500);
	assert_int_equal(backoff_next_at(&spread, 1, 0, 0.5, NOW), NOW + 5000);
	assert_int_equal(backoff_next_at(&spread, 1, 0, 0.75, NOW), NOW + 5250);
	assert_true(backoff_next_at(&spread, 1, 0, 0.999999, NOW) < NOW + 5501);
	assert_int_equal(backoff_next_at(&wide, 1, 0, 0, NOW), NOW);
	assert_int_equal(backoff_next_at(&spread, 3, 0, 0.99, NOW), NOW + CLOCK_DAY);
}

static void the_longer_of_step_and_hint_counts(void **state)
{
	(void)state;
	assert_int_equal(backoff_next_at(&even, 1, 1000, 0.5, NOW), NOW + 5000);
	assert_int_equal(backoff_next_at(&even, 1, 60000, 0.5, NOW), NOW + 60000);
	assert_int_equal(backoff_next_at(&even, 1, 2 * CLOCK_DAY, 0.5, NOW), NOW + CLOCK_DAY);
}

static int64_t hint(const char *text)
{
	int64_t now;
	assert_int_equal(clock_parse(SLICE("1994-11-06T08:49:30Z"), &now), 0);
	return backoff_hint(slice_of(text), now);
}

static void hints_are_seconds_or_dates(void **state)
{
	(void)state;
	assert_int_equal(hint("120"), 120000);
	assert_int_equal(hint("0"), 0);
	assert_int_equal(hint("007"), 7000);
	assert_int_equal(hint("Sun, 06 Nov 1994 08:49:37 GMT"), 7000);
	assert_int_equal(hint("Sunday, 06-Nov-94 08:49:37 GMT"), 7000);
	assert_int_equal(hint("Sun Nov  6 08:49:37 1994"), 7000);
}

static void strange_hints_are_bounded_or_ignored(void **state)
{
	(void)state;
	static const char *const ignored[] = {"",
					      "-5",
					      "+5",
					      "1.5",
					      "5 ",
					      "5s",
					      "soon",
					      "Sun, 06 Nov 1994 08:49:37",
					      "Sun, 06 Nov 1994 08:49:37 CET",
					      "Sun, 6 Nov 1994 08:49:37 GMT",
					      "Sun, 31 Feb 2001 08:49:37 GMT",
					      "Sun, 00 Dec 1994 08:49:37 GMT",
					      "Sun, 06 Nov 1994 24:49:37 GMT",
					      "Sun, 06 Nov 1994 08:49:29 GMT",
					      "Thu, 01 Jan 1970 00:00:00 GMT",
					      "Sun, 06 Nov 0000 08:49:37 GMT"};
	for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
		if (hint(ignored[i]) != 0)
			fail_msg("'%s' was taken", ignored[i]);
	assert_int_equal(backoff_hint(SLICE_NONE, NOW), 0);
	assert_int_equal(hint("86401"), CLOCK_DAY);
	assert_int_equal(hint("99999999999999999999999999999999"), CLOCK_DAY);
	assert_int_equal(hint("Fri, 31 Dec 9999 23:59:59 GMT"), CLOCK_DAY);
	assert_int_equal(hint("Sun, 06 Nov 1994 08:49:60 GMT"), 30000);
}

static void a_short_year_is_the_nearest(void **state)
{
	(void)state;
	int64_t now, at;
	char text[CLOCK_TEXT_SIZE];
	assert_int_equal(clock_parse(SLICE("2026-11-23T00:00:00Z"), &now), 0);
	assert_int_equal(backoff_parse_date(SLICE("Sunday, 06-Nov-94 08:49:37 GMT"), now, &at), 0);
	assert_string_equal(clock_format(at, text), "1994-11-06T08:49:37.000Z");
	assert_int_equal(backoff_parse_date(SLICE("Friday, 06-Nov-76 08:49:37 GMT"), now, &at), 0);
	assert_string_equal(clock_format(at, text), "2076-11-06T08:49:37.000Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(steps_follow_the_schedule_and_end),    cmocka_unit_test(jitter_spreads_both_ways),
	    cmocka_unit_test(the_longer_of_step_and_hint_counts),   cmocka_unit_test(hints_are_seconds_or_dates),
	    cmocka_unit_test(strange_hints_are_bounded_or_ignored), cmocka_unit_test(a_short_year_is_the_nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
