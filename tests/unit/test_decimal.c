/* SPDX-License-Identifier: MIT */
#include "decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void compares(const char *a, const char *b, int expected)
{
	int met = decimal_compare(slice_of(a), slice_of(b));
	int back = decimal_compare(slice_of(b), slice_of(a));
	if ((met > 0) - (met < 0) != expected || (back > 0) - (back < 0) != -expected)
		fail_msg("%s and %s: %d, %d", a, b, met, back);
}

static void numbers_compare_by_value(void **state)
{
	(void)state;
	compares("1.10", "1.1", 0);
	compares("1.1", "11e-1", 0);
	compares("100", "1e2", 0);
	compares("0.001", "1e-3", 0);
	compares("-0", "0.00e99", 0);
	compares("0", "1e-999999999999999999999", -1);
	compares("0e99999999999999999999999", "1", -1);
	compares("12345678901234567890", "12345678901234567891", -1);
	compares("0.1", "0.10000000000000000000000000000000001", -1);
	compares("19.99", "19.989999999999998", 1);
	compares("-2", "1", -1);
	compares("-2", "-1", -1);
	compares("-2e10", "-1e11", 1);
	compares("9", "10", -1);
	compares("9.5", "10.5", -1);
	compares("1e999999999", "1e1000000000", -1);
	compares("1e-999999999", "1e-1000000000", 1);
	compares("1e99999999999999999999999999", "1e99999999999999999999999998", 1);
	compares("10e99999999999999999999999998", "1e99999999999999999999999999", 0);
	compares("0.001e100000000000000000000000000", "1e99999999999999999999999997", 0);
	compares("1e+0000000000000000000000000001", "10", 0);
	compares("1e-99999999999999999999", "1e99999999999999999999", -1);
	compares("123.456", "123.4560", 0);
	compares("123.456", "123.4561", -1);
	compares("101", "1.01e2", 0);
}

static void integers_are_told_by_value(void **state)
{
	(void)state;
	const char *const yes[] = {"0",
				   "-0",
				   "1.0",
				   "1e2",
				   "1.5e1",
				   "12345678901234567890",
				   "1e999999999",
				   "100e-2",
				   "0e-5",
				   "0.000",
				   "1.50e99999999999999999999"};
	const char *const no[] = {"1.5", "1e-1", "0.1", "100e-3", "1.05e1", "1e-99999999999999999999"};
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (!decimal_is_integer(slice_of(yes[i])))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (decimal_is_integer(slice_of(no[i])))
			fail_msg("%s", no[i]);
}

static void scaled(const char *number, int power, const char *expected)
{
	struct buf b = BUF_INIT;
	int result = decimal_scale(&b, slice_of(number), power);
	if (result < 0 ? expected != NULL : !expected || !slice_is(buf_slice(&b), expected))
		fail_msg("%s times 10^%d: %s", number, power, result < 0 ? "refused" : b.data);
	buf_free(&b);
}

static void decimals_are_exact(void **state)
{
	(void)state;
	scaled("1999", -2, "19.99");
	scaled("1900", -2, "19.00");
	scaled("5", -2, "0.05");
	scaled("0", -2, "0.00");
	scaled("-5", -2, "-0.05");
	scaled("19.99", 2, "1999");
	scaled("19.9", 2, "1990");
	scaled("19.999", 2, "1999.9");
	scaled("0.1", 1, "1");
	scaled("0.001", 2, "0.1");
	scaled("12345678901234567890", -2, "123456789012345678.90");
	scaled("1.5e3", 0, "1500");
	scaled("1.5E-3", 0, "0.0015");
	scaled("-0.0", 0, "-0.0");
	scaled(
	    "1e400", -2,
	    "10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000");
	scaled("0e409", 2, "0");
	scaled("1e99999999999999999999", 0, NULL);
	scaled("1e-99999999999999999999", 0, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_compare_by_value),
	    cmocka_unit_test(integers_are_told_by_value),
	    cmocka_unit_test(decimals_are_exact),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
