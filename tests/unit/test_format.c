/* SPDX-License-Identifier: MIT */
#include "format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const char long_mailbox[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.com";

static const struct {
	enum format format;
	const char *fit[8], *unfit[24];
} cases[] = {
    {FORMAT_EMAIL,
     {"a@example.com", "anna.o'hara+x@mail.example.co.uk",
      "\xc3\xa4@b\xc3\xbc"
      "cher.example",
      "1@2.3"},
     {"",       "a",      "@",      "a@",       "@b.c",    "a@b",     "a@b.",    "a@.b",    "a@b..c",  "a@-b.c",
      "a@b-.c", ".a@b.c", "a.@b.c", "a..b@c.d", "a b@c.d", "a@b c.d", "a@b@c.d", "a@b.c\n", "<a@b.c>", long_mailbox}},
    {FORMAT_URI,
     {"https://example.com/a?b=c#d", "urn:isbn:1", "mailto:a@b.c", "a+b-c.d:x", "http://[::1]/%20"},
     {"", ":", "a:", "/relative", "1http://x", "http://a b", "http://a/%2", "http://a/%zz", "ht_tp://x", "x:\n",
      "x:\xc3\xa4", "x:<a>", "x:\"", "no colon"}},
    {FORMAT_DATE,
     {"2026-11-23", "2024-02-29", "1969-01-01"},
     {"", "2026-11-2", "2026-11-31", "2025-02-29", "2026-13-01", "2026/11/23", "26-11-2300", "2026-11-23T00:00:00Z"}},
    {FORMAT_DATE_TIME,
     {"2026-11-23T06:31:39Z", "2026-11-23T06:31:39.123456+02:00"},
     {"", "2026-11-23", "2026-11-23T06:31:39", "2026-11-23T25:00:00Z", "yesterday"}},
    {FORMAT_UUID,
     {"123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-42661417400F"},
     {"", "123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400",
      "g23e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-4266141740000",
      "123e4567-e89b-12d3-a456-42661417-000"}},
};

static void texts_fit_or_do_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (const char *const *text = cases[i].fit; *text; text++)
			if (!format_fits(cases[i].format, slice_of(*text)))
				fail_msg("%s: '%s' is one", format_name(cases[i].format), *text);
		for (const char *const *text = cases[i].unfit; *text; text++)
			if (format_fits(cases[i].format, slice_of(*text)))
				fail_msg("%s: '%s' is none", format_name(cases[i].format), *text);
	}
	assert_false(format_fits(FORMAT_EMAIL, SLICE("a\0@b.c")));
	assert_false(format_fits(FORMAT_URI, SLICE("x:\0")));
}

static void formats_have_names(void **state)
{
	(void)state;
	assert_int_equal(format_named(SLICE("date-time")), FORMAT_DATE_TIME);
	assert_int_equal(format_named(SLICE("")), FORMAT_NONE);
	assert_int_equal(format_named(SLICE("e-mail")), FORMAT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts_fit_or_do_not),
	    cmocka_unit_test(formats_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
