/* SPDX-License-Identifier: MIT */
#include "reason.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static char *reason(int status, const char *type, struct slice body, const char *location)
{
	static struct buf b;
	struct jtext json = JTEXT_INIT;
	struct jtext_error error;
	bool parsed = jtext_parse(&json, body, &error) == 0;
	buf_clear(&b);
	reason_of_answer(&b, &(struct reason_answer){.status = status,
						     .content_type = slice_of(type),
						     .location = slice_of(location),
						     .body = body,
						     .json = parsed ? &json : NULL});
	jtext_free(&json);
	assert_true(buf_ok(&b));
	return b.data;
}

struct example {
	const char *type, *body, *expected;
};

static void check(int status, const struct example *examples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_string_equal(reason(status, examples[i].type, slice_of(examples[i].body), NULL),
				    examples[i].expected);
}

#define CHECK(status, examples) check(status, examples, sizeof examples / sizeof examples[0])
#define JSON                    "application/json"
#define PROBLEM                 "application/problem+json; charset=utf-8"

static void problems_say_title_and_detail(void **state)
{
	(void)state;
	static const struct example examples[] = {
	    {PROBLEM, "{\"title\":\"Invalid\",\"detail\":\"email is not valid\"}", "422: Invalid: email is not valid"},
	    {PROBLEM, "{\"title\":\"Invalid\"}", "422: Invalid"},
	    {PROBLEM, "{\"type\":\"about:blank\",\"detail\":\"no\",\"title\":\"no\"}", "422: no"},
	    {PROBLEM,
	     "{\"title\":\"Not valid.\",\"errors\":[{\"detail\":\"must be positive\",\"pointer\":\"#/age\"},"
	     "{\"detail\":\"must be green\",\"pointer\":\"#/colour\"}]}",
	     "422: Not valid.; #/age: must be positive; #/colour: must be green"},
	    {JSON, "{\"title\":\"Lord of the Rings\"}", "422: {\"title\":\"Lord of the Rings\"}"},
	};
	CHECK(422, examples);
}

static void other_json_says_its_own_words(void **state)
{
	(void)state;
	static const struct example examples[] = {
	    {JSON, "{\"error\":\"email is not valid\"}", "400: email is not valid"},
	    {JSON, "{\"error\":{\"message\":\"No such customer\",\"code\":5}}", "400: No such customer"},
	    {JSON, "{\"message\":\"Validation failed\"}", "400: Validation failed"},
	    {JSON, "{\"error\":\"Bad Request\",\"message\":[\"a is missing\",\"b is missing\"]}",
	     "400: Bad Request; a is missing; b is missing"},
	    {JSON, "{\"error\":\"invalid_client\",\"error_description\":\"Unknown client\"}",
	     "400: invalid_client: Unknown client"},
	    {JSON, "{\"errors\":[\"one\",\"two\"]}", "400: one; two"},
	    {JSON, "{\"errors\":[{\"field\":\"email\",\"message\":\"is taken\"}]}", "400: email: is taken"},
	    {JSON, "{\"errors\":[{\"title\":\"T\",\"detail\":\"too long\",\"source\":{\"pointer\":\"/data/x\"}}]}",
	     "400: /data/x: too long"},
	    {JSON, "{\"message\":\"Invalid.\",\"errors\":{\"email\":[\"is required\"],\"age\":\"too low\"}}",
	     "400: Invalid.; email: is required; age: too low"},
	    {JSON, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\"}]}", "400: field required"},
	    {JSON, "[{\"message\":\"malformed id\",\"errorCode\":\"MALFORMED_ID\"}]", "400: malformed id"},
	    {JSON, "\"plain words\"", "400: plain words"},
	    {JSON, "{\"code\":7}", "400: {\"code\":7}"},
	    {JSON, "{\"error\":null,\"message\":\"\"}", "400: {\"error\":null,\"message\":\"\"}"},
	    {"text/plain", "{\"error\":\"a\\nb\\u0007\"}", "400: a b\\x07"},
	};
	CHECK(400, examples);
}

static void text_is_cut_and_tags_are_not_shown(void **state)
{
	(void)state;
	static const struct example examples[] = {
	    {"text/plain", "  upstream\r\n  is down \n", "502: upstream is down"},
	    {"text/html",
	     "<html><head><title>502 Bad\n Gateway</title><style>b{}</style></head><body><h1>x</h1></body></html>",
	     "502: 502 Bad Gateway"},
	    {"text/html", "<p>Sorry,<br/>we <b>broke</b></p><script>alert(1)</script>", "502: Sorry, we broke"},
	    {"application/xml", "<Error><Code>E1</Code><Message>gone</Message></Error>", "502: E1 gone"},
	    {"text/html", "<script>alert(1)", "HTTP 502 Bad Gateway"},
	    {"text/html", "<p", "HTTP 502 Bad Gateway"},
	    {NULL, "", "HTTP 502 Bad Gateway"},
	    {NULL, "   \n", "HTTP 502 Bad Gateway"},
	    {"text/plain", "a\x1b[31mred\x7f", "502: a\\x1b[31mred\\x7f"},
	    {"text/plain", "bad \xff\xc3 utf", "502: bad \\xff\\xc3 utf"},
	    {"text/plain", "c1 \xc2\x9b turn \xe2\x80\xae", "502: c1 \\xc2\\x9b turn \\xe2\\x80\\xae"},
	    {"text/plain", "Grüße", "502: Grüße"},
	};
	CHECK(502, examples);
}

static void every_status_is_said(void **state)
{
	(void)state;
	assert_string_equal(reason(422, NULL, SLICE_NONE, NULL), "HTTP 422 Unprocessable Entity");
	assert_string_equal(reason(599, NULL, SLICE_NONE, NULL), "HTTP 599");
	assert_string_equal(reason(500, NULL, (struct slice){"a\0b", 3}, NULL), "HTTP 500 Internal Server Error");
	assert_string_equal(reason(302, "text/html", SLICE("<p>moved</p>"), "https://else.example/\x01"),
			    "302: redirects are not followed: https://else.example/\\x01");
}

static void length_is_bounded(void **state)
{
	(void)state;
	char body[8000];
	memset(body, 'a', sizeof body);
	char *got = reason(500, "text/plain", (struct slice){body, sizeof body}, NULL);
	assert_in_range(strlen(got), REASON_LIMIT, REASON_LIMIT + 8);
	assert_string_equal(got + strlen(got) - 3, "…");

	struct buf many = BUF_INIT;
	buf_add_text(&many, "{\"errors\":[\"0\"");
	for (int i = 1; i < 1000; i++)
		buf_printf(&many, ",{\"field\":\"f%d\",\"message\":\"m%d\"}", i, i);
	buf_add_text(&many, "]}");
	got = reason(500, JSON, buf_slice(&many), NULL);
	assert_in_range(strlen(got), REASON_LIMIT - 40, REASON_LIMIT + 40);
	buf_free(&many);
}

static void transfers_say_what_happened(void **state)
{
	(void)state;
	static const struct {
		struct reason_transfer transfer;
		const char *expected;
	} examples[] = {
	    {{.code = "dns", .detail = "x"}, "the name of h:81 could not be resolved"},
	    {{.code = "connect", .detail = "Failed after 3 ms", .os_error = ECONNREFUSED},
	     "no connection to h:81: Connection refused"},
	    {{.code = "connect", .detail = "Failed"}, "no connection to h:81: Failed"},
	    {{.code = "tls", .detail = "certificate has expired"},
	     "no secure connection to h:81: certificate has expired"},
	    {{.code = "timeout-connect", .timeout_ms = 10000}, "no connection to h:81 within 10 s"},
	    {{.code = "timeout-response", .timeout_ms = 1500, .sent = true},
	     "no answer from h:81 within 1500 ms; it may have arrived all the same"},
	    {{.code = "proxy", .detail = "CONNECT tunnel failed, response 407"},
	     "the proxy makes no connection to h:81: CONNECT tunnel failed, response 407"},
	    {{.code = "private", .detail = "x"},
	     "not sent: the address of h:81 is private, and \"private_addresses\" refuses such"},
	    {{.code = "token", .detail = "no access token: 400"}, "no access token: 400"},
	    {{.code = "local", .detail = "Out of memory"}, "could not be sent to h:81: Out of memory"},
	    {{.code = "reset", .detail = "Empty reply", .sent = true},
	     "the connection broke before an answer came from h:81: Empty reply; it may have arrived all the same"},
	    {{.code = "reset", .detail = ""}, "the connection broke before an answer came from h:81"},
	    {{.code = "protocol", .detail = "a\nb"}, "no HTTP answer from h:81: a b"},
	};
	for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
		struct buf b = BUF_INIT;
		struct reason_transfer t = examples[i].transfer;
		t.host = SLICE("h:81");
		reason_of_transfer(&b, &t);
		assert_string_equal(b.data, examples[i].expected);
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(problems_say_title_and_detail),
	    cmocka_unit_test(other_json_says_its_own_words),
	    cmocka_unit_test(text_is_cut_and_tags_are_not_shown),
	    cmocka_unit_test(every_status_is_said),
	    cmocka_unit_test(length_is_bounded),
	    cmocka_unit_test(transfers_say_what_happened),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
