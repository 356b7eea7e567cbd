/* SPDX-License-Identifier: MIT */
/* Pictures: what stands in them, and that the figures beside them say the same. */
#include "chart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clock.h"

#define MONDAY ((int64_t)1795392000000) /* 2026-11-23 00:00 UTC */

static const struct show_style style = {.utf8 = true, .utc = true, .now = MONDAY};

static size_t count_of(const struct buf *b, const char *text)
{
	size_t count = 0;
	for (const char *at = buf_slice(b).ptr; (at = strstr(at, text)); at++)
		count++;
	return count;
}

static void add_link(struct buf *b, int64_t from_at, int64_t until_at, void *context)
{
	buf_printf(b, "?%s=%lld-%lld", (const char *)context, (long long)(from_at / 1000),
		   (long long)(until_at / 1000));
}

static void bars_stand_on_each_other(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	struct chart_bar bars[24] = {{.from_at = 0}};
	char name[] = "span";
	const struct chart_link link = {add_link, name};
	for (int i = 0; i < 24; i++)
		bars[i] =
		    (struct chart_bar){.from_at = MONDAY + i * CLOCK_HOUR, .until_at = MONDAY + (i + 1) * CLOCK_HOUR};
	bars[3].parts[CHART_DELIVERED] = 1500;
	bars[3].parts[CHART_FAILED] = 1;
	bars[5].parts[CHART_RETRYING] = 400;
	chart_add_bars(&b, bars, 24, 8, false, &link, &style);
	assert_true(buf_ok(&b));
	assert_int_equal(count_of(&b, "<span>2,000</span><span>1,000</span><span>0</span>"), 1);
	assert_int_equal(count_of(&b,
				  "<rect class=\"part-delivered\" x=\"31\" y=\"25.00\" width=\"8\" height=\"75.00\"/>"
				  "<rect class=\"part-failed\" x=\"31\" y=\"23.50\" width=\"8\" height=\"1.50\"/>"),
			 1);
	assert_int_equal(count_of(&b, "<title>Mon 23 Nov, 03:00–04:00\n1500 delivered\n1 failed</title>"), 1);
	assert_int_equal(count_of(&b, "?span=1795402800-1795406400"), 2); /* in the picture and in the figures */
	assert_int_equal(count_of(&b, "<tr><th scope=\"row\">"), 2);
	assert_int_equal(count_of(&b, "<td class=\"number\">1,500</td>"), 1);
	assert_int_equal(count_of(&b, "<span>21:00</span>"), 1);
	buf_free(&b);
}

static void nothing_is_a_picture_too(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	struct chart_bar bars[24] = {{.from_at = 0}};
	chart_add_bars(&b, bars, 24, 8, false, NULL, &style);
	assert_int_equal(count_of(&b, "<span>2</span><span>1</span><span>0</span>"), 1);
	assert_int_equal(count_of(&b, "class=\"reach\""), 0);
	assert_int_equal(count_of(&b, "<a "), 0);
	buf_free(&b);
}

static void heat_tells_few_from_none_and_many(void **state)
{
	static const struct {
		int64_t most, failed;
		const char *level;
	} cases[] = {{1, 1, "heat-1"},    {4, 1, "heat-1"},    {4, 4, "heat-4"},
		     {100, 1, "heat-1"},  {100, 25, "heat-1"}, {100, 26, "heat-2"},
		     {100, 75, "heat-3"}, {100, 76, "heat-4"}, {100, 100, "heat-4"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = BUF_INIT;
		struct chart_day day = {.at = MONDAY};
		char cell[80];
		for (int hour = 0; hour < 20; hour++)
			day.hour_at[hour] = MONDAY + hour * CLOCK_HOUR;
		day.failed[2] = cases[i].failed;
		day.failed[9] = cases[i].most;
		chart_add_heat(&b, &day, 1, NULL, &style);
		snprintf(cell, sizeof cell, "<rect class=\"%s\" x=\"20\" y=\"0\"", cases[i].level);
		assert_int_equal(count_of(&b, cell), 1);
		assert_int_equal(count_of(&b, "class=\"heat-0\""), 18); /* the hours to come are not drawn */
		assert_int_equal(count_of(&b, "<td class=\"number\"></td>"), 4);
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bars_stand_on_each_other),
	    cmocka_unit_test(nothing_is_a_picture_too),
	    cmocka_unit_test(heat_tells_few_from_none_and_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
