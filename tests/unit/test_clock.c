/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"

static void text_of_an_instant(void **state)
{
	(void)state;
	char text[CLOCK_TEXT_SIZE];
	assert_string_equal(clock_format(0, text), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_format(1795415499123, text), "2026-11-23T06:31:39.123Z");
	assert_string_equal(clock_format(-1, text), "1969-12-31T23:59:59.999Z");
	assert_string_equal(clock_format(951782400000, text), "2000-02-29T00:00:00.000Z");
}

static void rfc_3339(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t at;
	} good[] = {
	    {"2026-11-23T06:31:39.123Z", 1795415499123},     {"2026-11-23t06:31:39z", 1795415499000},
	    {"2026-11-23T08:31:39+02:00", 1795415499000},    {"2026-11-22T23:01:39-07:30", 1795415499000},
	    {"2026-11-23T06:31:39.1239999Z", 1795415499123}, {"2026-11-23 06:31:39.5Z", 1795415499500},
	    {"2024-02-29T00:00:00Z", 1709164800000},         {"1969-12-31T23:59:60Z", 0},
	};
	static const char *const bad[] = {"",
					  "2026-11-23",
					  "2026-11-23T06:31:39",
					  "2026-11-23T06:31Z",
					  "2025-02-29T00:00:00Z",
					  "2026-13-01T00:00:00Z",
					  "2026-04-31T00:00:00Z",
					  "2026-11-23T24:00:00Z",
					  "2026-11-23T06:60:00Z",
					  "2026-11-23T06:31:39.Z",
					  "2026-11-23T06:31:39+2:00",
					  "2026-11-23T06:31:39Z ",
					  "+026-11-23T06:31:39Z"};
	int64_t at;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(clock_parse(slice_of(good[i].text), &at), 0);
		assert_int_equal(at, good[i].at);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(clock_parse(slice_of(bad[i]), &at), -1);
}

static void spans(void **state)
{
	(void)state;
	int64_t ms;
	assert_int_equal(clock_parse_span(SLICE("250ms"), &ms), 0);
	assert_int_equal(ms, 250);
	assert_int_equal(clock_parse_span(SLICE("90s"), &ms), 0);
	assert_int_equal(ms, 90000);
	assert_int_equal(clock_parse_span(SLICE("15m"), &ms), 0);
	assert_int_equal(ms, 15 * CLOCK_MINUTE);
	assert_int_equal(clock_parse_span(SLICE("2h"), &ms), 0);
	assert_int_equal(ms, 2 * CLOCK_HOUR);
	assert_int_equal(clock_parse_span(SLICE("7d"), &ms), 0);
	assert_int_equal(ms, 7 * CLOCK_DAY);
	static const char *const bad[] = {"", "7", "d", "-1s", "1.5h", "7 d", "7D", "40000d", "99999999999999s", "1w"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(clock_parse_span(slice_of(bad[i]), &ms), -1);
}

static void what_a_person_types(void **state)
{
	(void)state;
	const int64_t now = 1795415499123; /* 2026-11-23T06:31:39.123Z, a night's hour in New York: still the 23rd */
	int64_t at;
	setenv("TZ", "America/New_York", 1);
	tzset();
	assert_int_equal(clock_parse_when(SLICE("now"), now, &at), 0);
	assert_int_equal(at, now);
	assert_int_equal(clock_parse_when(SLICE("2h"), now, &at), 0);
	assert_int_equal(at, now - 2 * CLOCK_HOUR);
	assert_int_equal(clock_parse_when(SLICE("@1795415499"), now, &at), 0);
	assert_int_equal(at, 1795415499000);
	assert_int_equal(clock_parse_when(SLICE("today"), now, &at), 0);
	assert_int_equal(at, 1795410000000); /* 2026-11-23T05:00Z */
	assert_int_equal(clock_parse_when(SLICE("yesterday"), now, &at), 0);
	assert_int_equal(at, 1795410000000 - CLOCK_DAY);
	assert_int_equal(clock_parse_when(SLICE("2026-11-01"), now, &at), 0);
	assert_int_equal(at, 1793505600000); /* still daylight saving time: 04:00Z */
	assert_int_equal(clock_parse_when(SLICE("2026-11-23T06:31:39.123Z"), now, &at), 0);
	assert_int_equal(at, now);
	static const char *const bad[] = {"", "tomorrow", "@", "@12x", "2026-11-31", "11/23/2026"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(clock_parse_when(slice_of(bad[i]), now, &at), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_of_an_instant),
	    cmocka_unit_test(rfc_3339),
	    cmocka_unit_test(spans),
	    cmocka_unit_test(what_a_person_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
