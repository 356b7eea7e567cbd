/* SPDX-License-Identifier: MIT */
#include "apply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void gives(enum apply apply, const char *text, const char *expected)
{
	struct buf out = BUF_INIT;
	struct slice met = apply_to(apply, slice_of(text), &out);
	if (!slice_is(met, expected))
		fail_msg("%s of '%s' is '%.*s', not '%s'", apply_name(apply), text, (int)met.len, met.ptr, expected);
	buf_free(&out);
}

static void white_space_goes(void **state)
{
	(void)state;
	gives(APPLY_TRIM, " \t\r\n a b \xc2\xa0\xe2\x80\x83", "a b");
	gives(APPLY_TRIM,
	      "\xef\xbb\xbf"
	      "a",
	      "a");
	gives(APPLY_TRIM, "a", "a");
	gives(APPLY_TRIM, "\xc3\xa9", "\xc3\xa9");
	gives(APPLY_TRIM, "", "");
	gives(APPLY_TRIM, " \xe3\x80\x80 ", "");
}

static void case_changes(void **state)
{
	(void)state;
	gives(APPLY_LOWERCASE, "ANNA@Example.COM 1", "anna@example.com 1");
	gives(APPLY_UPPERCASE, "anna", "ANNA");
	gives(APPLY_LOWERCASE, "", "");
	gives(APPLY_LOWERCASE, "\xc3\x89\xd0\x96\xce\xa3", "\xc3\xa9\xd0\xb6\xcf\x83");
	gives(APPLY_UPPERCASE, "\xc3\xa9\xd0\xb6\xf0\x9f\x98\x80\xc3\x9f", "\xc3\x89\xd0\x96\xf0\x9f\x98\x80\xc3\x9f");
}

static void steps_have_names(void **state)
{
	(void)state;
	assert_int_equal(apply_named(SLICE("trim")), APPLY_TRIM);
	assert_int_equal(apply_named(SLICE("uppercase")), APPLY_UPPERCASE);
	assert_int_equal(apply_named(SLICE("")), APPLY_NONE);
	assert_int_equal(apply_named(SLICE("Trim")), APPLY_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(white_space_goes),
	    cmocka_unit_test(case_changes),
	    cmocka_unit_test(steps_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
