/* SPDX-License-Identifier: MIT */
#include "jtext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct jtext json = JTEXT_INIT;

static void parse(const char *text)
{
	struct jtext_error error;
	if (jtext_parse(&json, slice_of(text), &error) < 0)
		fail_msg("%s: %s at %zu", text, error.reason, error.offset);
}

static void refused_bytes(struct slice text, size_t offset, const char *reason)
{
	struct jtext_error error;
	/* A copy of exactly this size, so that a sanitizer sees a read past it. */
	char *copy = malloc(text.len + 1);
	memcpy(copy, text.ptr, text.len);
	copy = realloc(copy, text.len ? text.len : 1);
	if (jtext_parse(&json, (struct slice){copy, text.len}, &error) == 0)
		fail_msg("taken: %.*s", (int)text.len, text.ptr);
	assert_string_equal(error.reason, reason);
	assert_int_equal(error.offset, offset);
	free(copy);
}

static void refused(const char *text, size_t offset, const char *reason)
{
	refused_bytes(slice_of(text), offset, reason);
}

static void assert_slice(struct slice met, const char *expected)
{
	if (!slice_is(met, expected))
		fail_msg("'%.*s' is not '%s'", (int)met.len, met.ptr, expected);
}

static struct slice at(const char *pointer)
{
	struct jtext_pointer p;
	assert_int_equal(jtext_pointer_parse(&p, slice_of(pointer)), 0);
	uint32_t node = jtext_at(&json, 0, &p);
	jtext_pointer_free(&p);
	return node == JTEXT_NOWHERE ? SLICE_NONE : jtext_raw(&json, node);
}

static void values_keep_their_text(void **state)
{
	(void)state;
	parse(" {\"price\": 19.99, \"big\":12345678901234567890,\"kept\":1.10, \"nul\":\"a\\u0000b\",\n"
	      "\"neg\":-0,\"huge\":1e400,\"list\":[true,false,null,{}, []],\"\":\"\\ud800\"} ");
	assert_slice(at("/price"), "19.99");
	assert_slice(at("/big"), "12345678901234567890");
	assert_slice(at("/kept"), "1.10");
	assert_slice(at("/nul"), "\"a\\u0000b\"");
	assert_slice(at("/neg"), "-0");
	assert_slice(at("/huge"), "1e400");
	assert_slice(at("/list"), "[true,false,null,{}, []]");
	assert_slice(at("/list/3"), "{}");
	assert_slice(at("/"), "\"\\ud800\"");
	assert_null(at("/list/5").ptr);
	assert_null(at("/list/-").ptr);
	assert_null(at("/list/00").ptr);
	assert_null(at("/price/0").ptr);
	assert_null(at("/absent").ptr);
}

static void nodes_can_be_walked(void **state)
{
	(void)state;
	parse("[[1,[2]],{\"a\":{\"b\":[]},\"c\":3},\"x\"]");
	assert_int_equal(json.count, 13);
	assert_int_equal(jtext_length(&json, 0), 3);
	const enum jtext_type expected[] = {JTEXT_ARRAY, JTEXT_OBJECT, JTEXT_STRING};
	int i = 0;
	for (uint32_t n = jtext_first(&json, 0); n < jtext_end(&json, 0); n = jtext_next(&json, n))
		assert_int_equal(jtext_type(&json, n), expected[i++]);
	assert_int_equal(i, 3);
	uint32_t object = jtext_next(&json, 1);
	assert_int_equal(jtext_length(&json, object), 2);
	assert_slice(jtext_raw(&json, jtext_member(&json, object, SLICE("c"))), "3");
	parse("{}");
	assert_int_equal(jtext_length(&json, 0), 0);
}

static void scalars_stand_alone(void **state)
{
	(void)state;
	const char *const texts[] = {"0",    "-0", "1e400", "\"\"", "true",     "false",
				     "null", "{}", "[]",    " 1 ",  "\t\r\n[ ]"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		parse(texts[i]);
}

static void the_last_of_equal_names_counts(void **state)
{
	(void)state;
	parse("{\"a\":1,\"b\":2,\"a\":3,\"\\u0061\":4}");
	assert_slice(at("/a"), "4");
	assert_int_equal(jtext_length(&json, 0), 4);
}

static void escaped_names_are_found(void **state)
{
	(void)state;
	parse("{\"\\u00e9\\n\":1,\"a/b\":2,\"m~n\":3,\"\\ud83d\\ude00\":4}");
	assert_slice(at("/\xc3\xa9\n"), "1");
	assert_slice(at("/a~1b"), "2");
	assert_slice(at("/m~0n"), "3");
	assert_slice(at("/\xf0\x9f\x98\x80"), "4");
	assert_null(at("/\xc3\xa9").ptr);
	assert_null(at("/\xc3\xa9\nx").ptr);
}

static void half_a_surrogate_pair_is_seen(void **state)
{
	(void)state;
	static const char *const whole[] = {"\"\"", "\"a\\n\\u00e9\"", "\"\\ud83d\\ude00\"", "\"\\ufffd\"",
					    "\"\\\\ud800\""};
	static const char *const half[] = {"\"\\ud800\"", "\"\\uDC00\"", "\"\\ud83d\\ud83d\\ude00\"",
					   "\"\\ud83dx\\ude00\""};
	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
		parse(whole[i]);
		assert_true(jtext_is_whole(&json, 0));
	}
	for (size_t i = 0; i < sizeof half / sizeof *half; i++) {
		parse(half[i]);
		assert_false(jtext_is_whole(&json, 0));
	}
}

static void bad_texts_are_refused(void **state)
{
	(void)state;
	refused("", 0, "empty text");
	refused("  ", 2, "empty text");
	refused("{} x", 3, "more text after the value");
	refused("1 2", 2, "more text after the value");
	refused("[1,]", 3, "expected a value");
	refused("[1 2]", 3, "expected ',' or ']'");
	refused("{\"a\" 1}", 5, "expected ':'");
	refused("{\"a\":1,}", 7, "expected a name in quotes");
	refused("{a:1}", 1, "expected a name in quotes");
	refused("{\"a\":1]", 6, "expected ',' or '}'");
	refused("]", 0, "expected a value");
	refused("nul", 0, "expected a value");
	refused("NaN", 0, "expected a value");
	refused("+1", 0, "expected a value");
	refused("01", 1, "number with a leading zero");
	refused("-", 1, "the text ends too early");
	refused("-x", 1, "invalid number");
	refused("1.", 2, "the text ends too early");
	refused("1.e1", 2, "invalid number");
	refused(".5", 0, "expected a value");
	refused("1e", 2, "the text ends too early");
	refused("[1e+]", 4, "invalid number");
	refused("\"abc", 4, "the text ends too early");
	refused("\"abcdefghijk\\", 12, "invalid escape in a string");
	refused("\"\\x41\"", 1, "invalid escape in a string");
	refused("\"\\u12g4\"", 1, "invalid escape in a string");
	refused("\"\\u123\"", 1, "invalid escape in a string");
	refused("\"a\nb\"", 2, "control character in a string");
	refused("[", 1, "the text ends too early");
	refused("{\"a\":", 5, "the text ends too early");
	refused("\xef\xbb\xbf{}", 0, "byte order mark");
	refused_bytes(SLICE("\0{}"), 0, "NUL byte");
	refused_bytes(SLICE("{}\0"), 2, "NUL byte");
	refused_bytes(SLICE("\"a\0\""), 2, "NUL byte");
}

static void utf8_is_checked(void **state)
{
	(void)state;
	parse("\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf \xed\x9f\xbf \xee\x80\x80\"");
	const char *const bad[] = {
	    "\x80",             /* a continuation alone */
	    "\xc0\x80",         /* overlong */
	    "\xc1\xbf",         /* overlong */
	    "\xe0\x9f\xbf",     /* overlong */
	    "\xf0\x8f\xbf\xbf", /* overlong */
	    "\xed\xa0\x80",     /* a surrogate */
	    "\xf4\x90\x80\x80", /* over U+10FFFF */
	    "\xf5\x80\x80\x80",
	    "\xff",
	    "\xe2\x82",     /* cut */
	    "\xf0\x9f\x98", /* cut */
	    "\xc3",         /* cut */
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[64];
		snprintf(text, sizeof text, "\"abcdefghi%s\"", bad[i]);
		refused(text, 10, "invalid UTF-8");
		snprintf(text, sizeof text, "\"%s", bad[i]);
		refused(text, 1, "invalid UTF-8");
		assert_false(jtext_is_utf8(slice_of(bad[i])));
	}
	assert_true(jtext_is_utf8(SLICE("")));
	assert_true(jtext_is_utf8(SLICE("a\0\xe2\x82\xac")));
}

static void nest(char *text, size_t depth)
{
	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	text[2 * depth] = '\0';
}

static void depth_is_bounded(void **state)
{
	(void)state;
	enum { DEEP = 200000 };
	char *text = malloc(2 * DEEP + 1);
	nest(text, DEEP);
	refused(text, JTEXT_DEPTH, "nested too deep");
	nest(text, JTEXT_DEPTH);
	parse(text);
	nest(text, JTEXT_DEPTH + 1);
	refused(text, JTEXT_DEPTH, "nested too deep");
	free(text);
}

static void strings_are_decoded(void **state)
{
	(void)state;
	struct buf scratch = BUF_INIT;
	parse("[\"plain\",\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u0000\",\"\\ud83d\\ude00\",\"\\ud83dx\",\"\\ude00\","
	      "\"\\ud83d\\u0041\",\"\\u00e9\\u20AC\"]");
	static const struct slice expected[] = {
	    {"plain", 5},
	    {"\"\\/\b\f\n\r\t", 8},
	    {"\0", 1},
	    {"\xf0\x9f\x98\x80", 4},
	    {"\xef\xbf\xbdx", 4},
	    {"\xef\xbf\xbd", 3},
	    {"\xef\xbf\xbd"
	     "A",
	     4},
	    {"\xc3\xa9\xe2\x82\xac", 5},
	};
	int i = 0;
	for (uint32_t n = jtext_first(&json, 0); n < jtext_end(&json, 0); n = jtext_next(&json, n), i++) {
		struct slice met = jtext_string(&json, n, &scratch);
		if (!slice_equal(met, expected[i]))
			fail_msg("string %d", i);
	}
	assert_int_equal(i, 8);
	buf_free(&scratch);
}

static void pointers_are_checked(void **state)
{
	(void)state;
	struct jtext_pointer p;
	const char *const bad[] = {"a", "/~", "/a~2", "/~/b", "/\xff", "#/a"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(jtext_pointer_parse(&p, slice_of(bad[i])), -1);
	assert_int_equal(jtext_pointer_parse(&p, SLICE("")), 0);
	assert_int_equal(p.count, 0);
	assert_int_equal(jtext_pointer_parse(&p, SLICE("/a//~01")), 0);
	assert_int_equal(p.count, 3);
	assert_slice(p.names[0], "a");
	assert_slice(p.names[1], "");
	assert_slice(p.names[2], "~1");
	jtext_pointer_free(&p);
}

static void strings_are_written(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	jtext_add_string(&b, SLICE("a\"\\\n\x01\x7f\0\xc3\xa9\xffz\xe2\x82"));
	assert_slice(buf_slice(&b), "\"a\\\"\\\\\\n\\u0001\x7f\\u0000\xc3\xa9\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\"");
	buf_clear(&b);
	jtext_add_one_line(&b, SLICE("{\n \"a\":\r\n1}"));
	assert_slice(buf_slice(&b), "{  \"a\":  1}");
	buf_free(&b);
}

static void numbers_are_told(void **state)
{
	(void)state;
	assert_true(jtext_is_number(SLICE("-1.5E+3")));
	assert_false(jtext_is_number(SLICE("")));
	assert_false(jtext_is_number(SLICE(" 1")));
	assert_false(jtext_is_number(SLICE("01")));
	assert_false(jtext_is_number(SLICE("1x")));
	assert_false(jtext_is_number(SLICE("-")));
}

static void names_are_written_into_pointers(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	jtext_pointer_add(&b, SLICE("a/b"));
	jtext_pointer_add(&b, SLICE(""));
	jtext_pointer_add(&b, SLICE("~1"));
	assert_slice(buf_slice(&b), "/a~1b//~01");
	buf_free(&b);
}

static int done(void **state)
{
	(void)state;
	jtext_free(&json);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_keep_their_text),
	    cmocka_unit_test(nodes_can_be_walked),
	    cmocka_unit_test(scalars_stand_alone),
	    cmocka_unit_test(half_a_surrogate_pair_is_seen),
	    cmocka_unit_test(the_last_of_equal_names_counts),
	    cmocka_unit_test(escaped_names_are_found),
	    cmocka_unit_test(bad_texts_are_refused),
	    cmocka_unit_test(utf8_is_checked),
	    cmocka_unit_test(depth_is_bounded),
	    cmocka_unit_test(strings_are_decoded),
	    cmocka_unit_test(pointers_are_checked),
	    cmocka_unit_test(strings_are_written),
	    cmocka_unit_test(names_are_written_into_pointers),
	    cmocka_unit_test(numbers_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, done);
}
