/* SPDX-License-Identifier: MIT */
/* What a stranger wrote, in HTML: nothing of it may become markup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "html.h"
#include "pretty.h"

static void check(struct buf *b, const char *expected)
{
	assert_true(buf_ok(b));
	assert_string_equal(buf_slice(b).ptr, expected);
	buf_free(b);
}

static void text_is_escaped(void **state)
{
	struct buf b = BUF_INIT;
	(void)state;
	html_add_text(&b, SLICE("</script><script>\"a\"&'b'"));
	check(&b, "&lt;/script&gt;&lt;script&gt;&quot;a&quot;&amp;&#39;b&#39;");
	html_add_bdi(&b, SLICE("<b>"));
	check(&b, "<bdi>&lt;b&gt;</bdi>");
	html_add_text(&b, SLICE_NONE);
	check(&b, "");
}

static void controls_are_visible(void **state)
{
	struct buf b = BUF_INIT;
	(void)state;
	html_add_text(&b, (struct slice){"a\0b\x1b\n\t\x7f\xff", 8});
	check(&b, "a\\x00b\\x1b\\n\\t\\x7f\\xff");
	html_add_text(&b, SLICE("x\xe2\x80\xaey")); /* U+202E, right-to-left override */
	check(&b, "x\\xe2\\x80\\xaey");
	html_add_block(&b, SLICE("a\r\nb <i>\x08"));
	check(&b, "a\nb &lt;i&gt;\\x08\n");
	html_add_text(&b, SLICE("\xd7\xa9 J\xc3\xbcrgen")); /* letters stay, whichever way they run */
	check(&b, "\xd7\xa9 J\xc3\xbcrgen");
}

static void queries_hold_anything(void **state)
{
	struct buf b = BUF_INIT;
	(void)state;
	html_add_query(&b, (struct slice){"a/b?c&d=e+f \"'<\xc3\xbc\0~", 19});
	check(&b, "a%2Fb%3Fc%26d%3De%2Bf%20%22%27%3C%C3%BC%00~");
}

static void counts_are_grouped(void **state)
{
	static const struct {
		int64_t count;
		const char *text;
	} cases[] = {{0, "0"},          {999, "999"},  {1000, "1,000"}, {1234567, "1,234,567"},
		     {-1000, "-1,000"}, {-100, "-100"}};
	struct buf b = BUF_INIT;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		html_add_count(&b, cases[i].count);
		check(&b, cases[i].text);
	}
}

static void times_tell_the_instant(void **state)
{
	const struct show_style style = {.utc = true, .now = 1795415499123 + 300000};
	struct buf b = BUF_INIT;
	(void)state;
	html_add_time(&b, 1795415499123, &style);
	check(&b, "<time datetime=\"2026-11-23T06:31:39.123Z\">2026-11-23 06:31:39Z</time>");
	html_add_ago(&b, 1795415499123, &style);
	check(&b, "<time datetime=\"2026-11-23T06:31:39.123Z\" title=\"2026-11-23 06:31:39Z\">5 min ago</time>");
}

static void json_is_laid_out(void **state)
{
	struct buf b = BUF_INIT;
	(void)state;
	assert_true(pretty_add(&b, SLICE(" {\"a\":19.990,\"b\":[1 , {}, []],\"c\":\"x\\u0000\"} ")));
	check(&b, "{\n  \"a\": 19.990,\n  \"b\": [\n    1,\n    {},\n    []\n  ],\n  \"c\": \"x\\u0000\"\n}\n");
	assert_true(pretty_add(&b, SLICE("12345678901234567890")));
	check(&b, "12345678901234567890\n");
	assert_false(pretty_add(&b, SLICE("{\"a\":}")));
	assert_int_equal(b.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_is_escaped),        cmocka_unit_test(controls_are_visible),
	    cmocka_unit_test(queries_hold_anything),  cmocka_unit_test(counts_are_grouped),
	    cmocka_unit_test(times_tell_the_instant), cmocka_unit_test(json_is_laid_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
