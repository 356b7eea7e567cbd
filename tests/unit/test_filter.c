/* SPDX-License-Identifier: MIT */
#include "filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clock.h"

static const int64_t now = 1000 * CLOCK_DAY;

static int take(struct journal_filter *f, int option, const char *value)
{
	struct diag d = {DIAG_OK, ""};
	int result = filter_take(f, option, value, now, &d);
	assert_int_equal(d.code, result < 0 ? DIAG_USAGE : DIAG_OK);
	return result;
}

static void refuses(int option, const char *value, const char *word)
{
	struct journal_filter f = {0};
	struct diag d = {DIAG_OK, ""};
	assert_int_equal(filter_take(&f, option, value, now, &d), -1);
	assert_int_equal(d.code, DIAG_USAGE);
	if (!strstr(d.text, word))
		fail_msg("'%s' does not say '%s'", d.text, word);
}

static void spans_count_back_from_now(void **state)
{
	(void)state;
	struct journal_filter f = {0};
	assert_int_equal(take(&f, FILTER_SINCE, "2h"), 1);
	assert_int_equal(take(&f, FILTER_UNTIL, "1h"), 1);
	assert_int_equal(f.since, now - 2 * CLOCK_HOUR);
	assert_int_equal(f.until, now - CLOCK_HOUR);
	assert_int_equal(take(&f, FILTER_SINCE, "1970-01-02T00:00:00Z"), 1);
	assert_int_equal(f.since, CLOCK_DAY);
}

static void an_empty_span_is_refused_in_either_order(void **state)
{
	(void)state;
	struct journal_filter f = {0}, g = {0};
	assert_int_equal(take(&f, FILTER_SINCE, "1h"), 1);
	assert_int_equal(take(&f, FILTER_UNTIL, "1h"), -1);
	assert_int_equal(take(&g, FILTER_UNTIL, "2h"), 1);
	assert_int_equal(take(&g, FILTER_SINCE, "1h"), -1);
}

static void statuses_add_up(void **state)
{
	(void)state;
	struct journal_filter f = {0};
	assert_int_equal(take(&f, FILTER_STATUS, "failed,retrying"), 1);
	assert_int_equal(f.statuses, 1 << JOURNAL_FAILED | 1 << JOURNAL_RETRYING);
	assert_int_equal(take(&f, FILTER_STATUS, "received"), 1);
	assert_int_equal(f.statuses, 1 << JOURNAL_FAILED | 1 << JOURNAL_RETRYING | 1 << JOURNAL_RECEIVED);
}

static void all_of_time_can_be_asked_for(void **state)
{
	(void)state;
	struct journal_filter f = {0};
	assert_int_equal(take(&f, FILTER_SINCE, "@0"), 1);
	assert_int_equal(f.since, 1); /* asked for, and before everything */
	assert_int_equal(take(&f, FILTER_SINCE, "1815-12-10"), 1);
	assert_int_equal(f.since, 1);
}

static void texts_are_borrowed(void **state)
{
	(void)state;
	struct journal_filter f = {0};
	assert_int_equal(take(&f, FILTER_TYPE, "contact.*"), 1);
	assert_int_equal(take(&f, FILTER_SOURCE, "hubspot"), 1);
	assert_int_equal(take(&f, 'd', "crm"), 1);
	assert_int_equal(take(&f, FILTER_SUBJECT, "contact/501"), 1);
	assert_int_equal(take(&f, FILTER_ERROR, "timed out"), 1);
	assert_true(slice_is(f.type, "contact.*"));
	assert_true(slice_is(f.source, "hubspot"));
	assert_true(slice_is(f.destination, "crm"));
	assert_true(slice_is(f.subject, "contact/501"));
	assert_true(slice_is(f.error, "timed out"));
}

static void limits_are_whole_numbers_from_one(void **state)
{
	(void)state;
	struct journal_filter f = {0};
	assert_int_equal(take(&f, FILTER_LIMIT, "1"), 1);
	assert_int_equal(f.limit, 1);
	assert_int_equal(take(&f, FILTER_LIMIT, "999999999999999999"), 1);
	assert_int_equal(f.limit, 999999999999999999);
}

static void refusals_name_the_option_and_what_is_accepted(void **state)
{
	(void)state;
	refuses(FILTER_SINCE, "soon", "--since 'soon': expected a time such as");
	refuses(FILTER_STATUS, "done", "expected one or more, by commas, of received,");
	refuses(FILTER_STATUS, "", "--status ''");
	refuses(FILTER_STATUS, "failed,", "--status 'failed,'");
	refuses(FILTER_STATUS, "Failed", "received");
	refuses(FILTER_LIMIT, "0", "--limit '0': expected a number from 1");
	refuses(FILTER_LIMIT, "-1", "--limit");
	refuses(FILTER_LIMIT, "1000000000000000000", "--limit");
	refuses(FILTER_LIMIT, "", "--limit");
	refuses(FILTER_TYPE, "", "--type ''");
	refuses('d', "a\nb", "--destination 'a?b'");
	refuses(FILTER_ERROR, "\xff", "--error");
}

static void other_options_are_not_taken(void **state)
{
	(void)state;
	struct journal_filter f = {0};
	assert_int_equal(take(&f, 'x', "1"), 0);
	assert_int_equal(take(&f, FILTER_END, "1"), 0);
}

static void ids_come_from_operands(void **state)
{
	(void)state;
	struct journal_filter f = {0};
	struct diag d;
	char a[] = "evt_1", b[] = "evt_2", bad[] = "evt\t3", *both[] = {a, b, NULL}, *wrong[] = {a, bad, NULL};
	struct slice *ids = filter_take_ids(&f, both, 2, &d);
	assert_non_null(ids);
	assert_ptr_equal(f.ids, ids);
	assert_int_equal(f.id_count, 2);
	assert_true(slice_is(f.ids[1], "evt_2"));
	free(ids);
	assert_null(filter_take_ids(&f, wrong, 2, &d));
	assert_int_equal(d.code, DIAG_USAGE);
	assert_non_null(strstr(d.text, "'evt?3' cannot be the id"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(spans_count_back_from_now),
	    cmocka_unit_test(an_empty_span_is_refused_in_either_order),
	    cmocka_unit_test(statuses_add_up),
	    cmocka_unit_test(all_of_time_can_be_asked_for),
	    cmocka_unit_test(texts_are_borrowed),
	    cmocka_unit_test(limits_are_whole_numbers_from_one),
	    cmocka_unit_test(refusals_name_the_option_and_what_is_accepted),
	    cmocka_unit_test(other_options_are_not_taken),
	    cmocka_unit_test(ids_come_from_operands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
