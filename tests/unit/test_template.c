/* SPDX-License-Identifier: MIT */
#include "template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct template_values values = {SLICE("r/1 ä"), SLICE("contact/501"), SLICE("evt_91"), SLICE("a.b")};

static void expands(const char *text, const char *expected)
{
	struct diag d;
	struct buf url = BUF_INIT;
	assert_int_equal(template_check(slice_of(text), &d), 0);
	assert_int_equal(template_expand(&url, slice_of(text), &values, &d), 0);
	assert_string_equal(buf_slice(&url).ptr, expected);
	buf_free(&url);
}

static void expressions_become_percent_encoded_values(void **state)
{
	(void)state;
	expands("https://h/x", "https://h/x");
	expands("https://h", "https://h");
	expands("https://h:8443/c/{record}", "https://h:8443/c/r%2F1%20%C3%A4");
	expands("https://h/{subject}/{id}?t={type}", "https://h/contact%2F501/evt_91?t=a.b");
	expands("http://[::1]:80?x={id}{id}", "http://[::1]:80?x=evt_91evt_91");
}

static void refuses(const char *text, const char *why)
{
	struct diag d;
	assert_int_equal(template_check(slice_of(text), &d), -1);
	assert_int_equal(d.code, DIAG_CONFIG);
	if (!strstr(d.text, why))
		fail_msg("%s: %s", text, d.text);
}

static void wrong_templates_are_refused(void **state)
{
	(void)state;
	refuses("https://{id}/x", "host part");
	refuses("https://a.{id}", "host part");
	refuses("https://h:{id}/x", "host part");
	refuses("{id}://h/x", "host part");
	refuses("https://h/{name}", "{name} is none of");
	refuses("https://h/{}", "none of");
	refuses("https://h/{+id}", "none of");
	refuses("https://h/{id", "without its '}'");
	refuses("https://h/id}", "without its '{'");
}

static void fails(const char *text, struct template_values with, const char *why)
{
	struct diag d;
	struct buf url = BUF_INIT;
	assert_int_equal(template_expand(&url, slice_of(text), &with, &d), -1);
	assert_int_equal(d.code, DIAG_DATA);
	assert_non_null(strstr(d.text, why));
	buf_free(&url);
}

static void missing_and_climbing_values_are_errors(void **state)
{
	(void)state;
	fails("https://h/{record}", (struct template_values){.id = SLICE("1")}, "{record}");
	fails("https://h/{subject}", (struct template_values){.subject = SLICE("")}, "{subject}");
	fails("https://h/a/{id}", (struct template_values){.id = SLICE("..")}, "segment");
	fails("https://h/a/{id}/b?x", (struct template_values){.id = SLICE(".")}, "segment");
	fails("https://h/a/{id}{type}", (struct template_values){.id = SLICE("."), .type = SLICE(".")}, "segment");
}

static void uses_are_found(void **state)
{
	(void)state;
	assert_true(template_uses(SLICE("https://h/{id}/{record}"), "record"));
	assert_true(template_uses(SLICE("https://h/{id}{record}"), "record"));
	assert_false(template_uses(SLICE("https://h/record"), "record"));
	assert_false(template_uses(SLICE("https://h/{id"), "id"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(expressions_become_percent_encoded_values),
	    cmocka_unit_test(wrong_templates_are_refused),
	    cmocka_unit_test(missing_and_climbing_values_are_errors),
	    cmocka_unit_test(uses_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
