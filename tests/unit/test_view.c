/* SPDX-License-Identifier: MIT */
/* What a page is asked for, and its address written again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "view.h"

#include "filter.h"

#define NOW ((int64_t)1795415499000)

static int take(struct view *a, const char *key, const char *value)
{
	struct diag d;
	return view_take(a, slice_of(key), slice_of(value), &d);
}

static int filter(struct view *a, struct journal_filter *f)
{
	struct diag d;
	return view_filter(a, f, NOW, &d);
}

static void check(struct buf *b, const char *expected)
{
	assert_true(buf_ok(b));
	assert_string_equal(buf_slice(b).ptr, expected);
	buf_free(b);
}

static void filters_are_read(void **state)
{
	struct view a = {.untidy = false};
	struct journal_filter f;
	(void)state;
	assert_int_equal(take(&a, "since", "2h"), 0);
	assert_int_equal(take(&a, "until", "%401795415000"), 0);
	assert_int_equal(take(&a, "type", "contact.*"), 0);
	assert_int_equal(take(&a, "error", "caf%C3%A9%20%22x%22"), 0);
	assert_int_equal(take(&a, "status", "failed"), 0);
	assert_false(a.untidy);
	assert_int_equal(take(&a, "status", "retrying"), 0);
	assert_int_equal(take(&a, "destination", ""), 0);
	assert_true(a.untidy);
	assert_int_equal(filter(&a, &f), 0);
	assert_int_equal(f.since, NOW - 7200000);
	assert_int_equal(f.until, 1795415000000);
	assert_true(slice_is(f.type, "contact.*"));
	assert_true(slice_is(f.error, "caf\xc3\xa9 \"x\""));
	assert_int_equal(f.statuses, 1u << JOURNAL_FAILED | 1u << JOURNAL_RETRYING);
	assert_null(f.destination.ptr);
	assert_int_equal(f.limit, VIEW_ROWS);
	struct buf b = BUF_INIT;
	view_add_whole(&b, &a);
	check(&b, "?since=2h&until=%401795415000&status=failed%2Cretrying&type=contact.%2A&error=caf%C3%A9%20%22x%22");
	view_free(&a);
}

static void what_is_not_right_is_refused(void **state)
{
	static const char *const cases[][2] = {
	    {"since", "yesteryear"},
	    {"status", "lost"},
	    {"limit", "501"},
	    {"limit", "0"},
	    {"after", "1"},
	    {"after", "0-3"},
	    {"after", "-2-3"},
	    {"after", "2-3x"},
	    {"refresh", "1"},
	    {"refresh", "thirty"},
	    {"event", "a%0Ab"},
	    {"error", "%C3"},
	    {"after", "99999999999999999999-1"},
	};
	struct journal_filter f;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct view a = {.untidy = false};
		assert_int_equal(take(&a, cases[i][0], cases[i][1]), 0);
		assert_int_equal(filter(&a, &f), -1);
		view_free(&a);
	}
	struct view a = {.untidy = false};
	assert_int_equal(take(&a, "bogus", "1"), -1);
	assert_int_equal(take(&a, "type", "%zz"), -1);
	assert_int_equal(take(&a, "type", "%4"), -1);
	assert_int_equal(take(&a, "type", "a%00"), -1);
	view_free(&a);
}

static void a_part_can_be_changed(void **state)
{
	struct view a = {.untidy = false};
	struct journal_filter f;
	struct buf b = BUF_INIT;
	(void)state;
	assert_int_equal(take(&a, "type", "a%26b"), 0);
	assert_int_equal(take(&a, "after", "12-3"), 0);
	assert_int_equal(filter(&a, &f), 0);
	assert_int_equal(f.before.event, 12);
	assert_int_equal(f.before.destination, 3);
	view_add(&b, &a, VIEW_STATUS, "failed");
	check(&b, "?status=failed&amp;type=a%26b");
	view_add(&b, &a, VIEW_AFTER, "2-3");
	check(&b, "?type=a%26b&amp;after=2-3");
	view_add(&b, &a, VIEW_TYPE, NULL);
	check(&b, "?");
	filter_add_after(&b, (struct journal_key){12, 3});
	check(&b, "12-3");
	view_add_event(&b, SLICE("hub&spot"), SLICE("\"><i>"));
	check(&b, "?event=%22%3E%3Ci%3E&amp;source=hub%26spot");
	view_free(&a);
}

static void an_event_is_asked_for(void **state)
{
	struct view a = {.untidy = false};
	struct journal_filter f;
	(void)state;
	assert_int_equal(take(&a, "event", "evt_1"), 0);
	assert_int_equal(take(&a, "raw", ""), 0);
	assert_false(a.untidy);
	assert_int_equal(filter(&a, &f), 0);
	assert_int_equal(f.id_count, 1);
	assert_true(slice_is(f.ids[0], "evt_1"));
	assert_non_null(a.values[VIEW_RAW]);
	assert_int_equal(view_refresh_s(&a), 0);
	view_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(filters_are_read),
	    cmocka_unit_test(what_is_not_right_is_refused),
	    cmocka_unit_test(a_part_can_be_changed),
	    cmocka_unit_test(an_event_is_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
