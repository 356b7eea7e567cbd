/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "buf.h"

static void it_grows_and_ends_in_nul(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	assert_true(slice_is(buf_slice(&b), ""));
	for (int i = 0; i < 1000; i++)
		buf_add_text(&b, "abc");
	assert_int_equal(b.len, 3000);
	assert_int_equal(b.data[3000], '\0');
	buf_clear(&b);
	buf_printf(&b, "%d-%s", 7, "x");
	buf_add_char(&b, '!');
	buf_add_int(&b, INT64_MIN);
	assert_string_equal(b.data, "7-x!-9223372036854775808");
	buf_drop_front(&b, 4);
	assert_string_equal(b.data, "-9223372036854775808");
	assert_true(buf_ok(&b));
	buf_free(&b);
	assert_null(b.data);
}

static void want_of_memory_is_kept_until_asked(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	buf_add_text(&b, "kept");
	assert_null(buf_reserve(&b, SIZE_MAX / 2 + 1));
	buf_add_text(&b, "not added");
	assert_false(buf_ok(&b));
	assert_string_equal(b.data, "kept");
	buf_clear(&b);
	assert_true(buf_ok(&b));
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_grows_and_ends_in_nul),
	    cmocka_unit_test(want_of_memory_is_kept_until_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
