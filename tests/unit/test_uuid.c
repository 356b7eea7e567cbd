/* SPDX-License-Identifier: MIT */
#include "uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* RFC 9562 appendix A.6: that example's time, version and variant; the rest is chance. */
static void time_version_and_variant_stand_where_the_standard_has_them(void **state)
{
	(void)state;
	char text[UUID_TEXT_SIZE];
	assert_int_equal(uuid_v7(INT64_C(0x017F22E279B0), text), 0);
	assert_int_equal(strlen(text), 36);
	assert_memory_equal(text, "017f22e2-79b0-7", 15);
	assert_true(text[18] == '-' && text[23] == '-');
	assert_non_null(strchr("89ab", text[19]));
}

static void no_two_are_alike_and_later_ones_sort_behind(void **state)
{
	(void)state;
	char a[UUID_TEXT_SIZE], b[UUID_TEXT_SIZE], later[UUID_TEXT_SIZE];
	uuid_v7(1000000, a);
	uuid_v7(1000000, b);
	uuid_v7(1000001, later);
	assert_string_not_equal(a, b);
	assert_true(strcmp(a, later) < 0 && strcmp(b, later) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(time_version_and_variant_stand_where_the_standard_has_them),
	    cmocka_unit_test(no_two_are_alike_and_later_ones_sort_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
