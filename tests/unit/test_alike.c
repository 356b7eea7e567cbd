/* SPDX-License-Identifier: MIT */
/* Which errors are put together, and which are not. */
#include "alike.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void becomes(const char *text, const char *expected)
{
	struct buf b = BUF_INIT;
	alike_add(&b, slice_of(text));
	assert_string_equal(buf_slice(&b).ptr, expected);
	buf_free(&b);
}

static void values_in_quotes_and_addresses_are_left_out(void **state)
{
	(void)state;
	becomes("422: email \"a@b.example\" is not valid", "422: email … is not valid");
	becomes("422: email a@b.example is not valid.", "422: email … is not valid.");
	becomes("cannot resolve 'api.example.com'", "cannot resolve …");
	becomes("see https://example.com/x?y for `this`", "see … for …");
}

static void words_with_digits_are_left_out_but_a_leading_status(void **state)
{
	(void)state;
	becomes("503: busy since 12:30:01", "503: busy since …");
	becomes("contact 501 (id=7f3a) does not exist", "contact … (id=…) does not exist");
	becomes("5031: busy", "…: busy");
	becomes("10.0.0.1:443 refused", "… refused");
}

static void plain_words_stay(void **state)
{
	(void)state;
	becomes("", "");
	becomes("connection refused", "connection refused");
	becomes("the destination's own words", "the destination's own words");
	becomes("it isn't there", "it isn't there");
	becomes("an \"open quote stays", "an \"open quote stays");
	becomes("https is not spoken", "https is not spoken");
}

static void long_texts_are_cut(void **state)
{
	(void)state;
	char text[301];
	memset(text, 'x', 300);
	text[300] = '\0';
	struct buf b = BUF_INIT;
	alike_add(&b, slice_of(text));
	assert_int_equal(b.len, 200);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_in_quotes_and_addresses_are_left_out),
	    cmocka_unit_test(words_with_digits_are_left_out_but_a_leading_status),
	    cmocka_unit_test(plain_words_stay),
	    cmocka_unit_test(long_texts_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
