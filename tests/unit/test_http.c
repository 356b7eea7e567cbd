/* SPDX-License-Identifier: MIT */
#include "http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct http_head head;
static struct http_refusal refusal;

static int parse(struct slice text)
{
	assert_int_equal(http_head_end(text, 0), text.len);
	return http_head_read(&head, text, &refusal);
}

static void taken(const char *text)
{
	if (parse(slice_of(text)) < 0)
		fail_msg("%s: %d %s", text, refusal.status, refusal.why);
}

static void refused_slice(struct slice text, int status, const char *why)
{
	if (parse(text) == 0)
		fail_msg("was taken: %.*s", (int)text.len, text.ptr);
	if (refusal.status != status || !strstr(refusal.why, why))
		fail_msg("%.*s: %d %s", (int)text.len, text.ptr, refusal.status, refusal.why);
}

static void refused(const char *text, int status, const char *why)
{
	refused_slice(slice_of(text), status, why);
}

/* A header, or several, in an otherwise good head. */
static void header_refused(const char *lines, int status, const char *why)
{
	char text[4096];
	snprintf(text, sizeof text, "POST /x HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", lines);
	refused(text, status, why);
}

static void header_taken(const char *lines)
{
	char text[4096];
	snprintf(text, sizeof text, "POST /x HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", lines);
	taken(text);
}

static void is(struct slice text, const char *expected)
{
	if (!slice_is(text, expected))
		fail_msg("'%.*s', not '%s'", (int)text.len, text.ptr ? text.ptr : "(none)", expected);
}

static void a_plain_head(void **state)
{
	(void)state;
	struct slice value;
	taken(
	    "POST /crm?a=%20b HTTP/1.1\r\nHost: example.com:80\r\nX-One:\t two words \r\nEmpty:\r\nContent-Length: 12\r\n\r\n");
	is(head.request.method, "POST");
	is(head.request.path, "/crm");
	is(head.request.query, "a=%20b");
	assert_int_equal(head.request.header_count, 4);
	assert_int_equal(request_header(&head.request, "x-one", &value), 1);
	is(value, "two words");
	assert_int_equal(request_header(&head.request, "empty", &value), 1);
	is(value, "");
	assert_int_equal(head.length, 12);
	assert_false(head.chunked || head.close || head.expects || head.old);
}

static void where_a_head_ends(void **state)
{
	(void)state;
	struct slice whole = SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\nrest");
	for (size_t len = 0; len <= whole.len; len++)
		for (size_t seen = 0; seen <= (len < 27 ? len : 26); seen++)
			assert_int_equal(http_head_end((struct slice){whole.ptr, len}, seen), len < 27 ? 0 : 27);
	assert_int_equal(http_head_end(SLICE("GET / HTTP/1.1\nHost: a\n\nrest"), 0), 24);
	assert_int_equal(http_head_end(SLICE("GET / HTTP/1.1\n\r\nrest"), 0), 17);
}

static void the_request_line(void **state)
{
	(void)state;
	taken("OPTIONS http://a.example/x?y HTTP/1.1\r\nHost: a\r\n\r\n");
	is(head.request.path, "/x");
	is(head.request.query, "y");
	refused("POST  /x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "HTTP");
	refused("POST /x  HTTP/1.1\r\nHost: a\r\n\r\n", 400, "version");
	refused("POST /x HTTP/1.1 \r\nHost: a\r\n\r\n", 400, "version");
	refused(" POST /x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "method");
	refused("PO(ST /x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "method");
	refused("POST\t/x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "method");
	refused("POST /x\r\nHost: a\r\n\r\n", 400, "version");
	refused("POST /x http/1.1\r\nHost: a\r\n\r\n", 400, "version");
	refused("POST /x HTTP/11\r\nHost: a\r\n\r\n", 400, "version");
	refused("POST /x HTTP/2.0\r\nHost: a\r\n\r\n", 505, "expected HTTP/1.1");
	refused("POST x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "no path");
	refused("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "no path");
	refused("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "no path");
	taken("POST https://[::1]:80/x HTTP/1.1\r\nHost: a\r\n\r\n");
	is(head.request.path, "/x");
	refused("POST http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "no host");
	refused("POST http://a?b/x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "no host"); /* is the path /x, or empty? */
	refused("POST http://a@b/x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "no host");
	refused("POST http://a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "no path");
	refused("POST /x#y HTTP/1.1\r\nHost: a\r\n\r\n", 400, "may not");
	refused("POST /x%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "may not");
	refused("POST /x%2 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "may not");
	refused("POST /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "may not");
	refused_slice(SLICE("POST /x\0y HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "may not");
	refused("\r\n\r\n", 400, "method");
}

static void lines_and_names(void **state)
{
	(void)state;
	refused("POST /x HTTP/1.1\nHost: a\n\n", 400, "CR LF");
	refused("POST /x HTTP/1.1\r\nHost: a\n\r\n", 400, "CR LF");
	refused("POST /x HTTP/1.1\r\nHost: a\r\n\n", 400, "CR LF");
	refused("POST /x HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400, "CR LF");
	header_refused("X: a\rb", 400, "control");
	header_refused("X: a\r\r", 400, "control");
	header_refused("X: a\r\n b", 400, "next line");
	header_refused(" X: a", 400, "next line");
	header_refused("X : a", 400, "name");
	header_refused("X Y: a", 400, "name");
	header_refused(": a", 400, "name");
	header_refused("X", 400, "name");
	header_refused("X\x01: a", 400, "name");
	header_refused("X: a\x01", 400, "control");
	header_refused("X: \x7f", 400, "control");
	refused_slice(SLICE("POST /x HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"), 400, "control");
	header_taken("X: a\tb \xc3\xa9");
	char many[4096] = "";
	for (int i = 0; i < HTTP_HEADERS - 1; i++)
		strcat(many, i ? "\r\nX: y" : "X: y");
	header_taken(many);
	strcat(many, "\r\nX: y");
	header_refused(many, 431, "headers");
}

static void where_a_body_ends(void **state)
{
	(void)state;
	static const char *const bad[] = {"Content-Length: 2\r\nContent-Length: 2",
					  "Content-Length: 2\r\nTransfer-Encoding: chunked",
					  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
					  "Content-Length: +2",
					  "Content-Length: -2",
					  "Content-Length: 0x2",
					  "Content-Length: 2, 2",
					  "Content-Length: 2 2",
					  "Content-Length:",
					  "Content-Length: 2;",
					  "Content-Length: 1234567890123456789",
					  "Transfer-Encoding: gzip, chunked",
					  "Transfer-Encoding: xchunked",
					  "Transfer-Encoding: chunked, chunked",
					  "Transfer-Encoding: identity",
					  "Transfer-Encoding: chunked;q=1",
					  "Host: b",
					  "Transfer-Encoding:",
					  NULL};
	for (size_t i = 0; bad[i]; i++)
		header_refused(bad[i], 400, "");
	header_refused("Expect: 200-ok", 417, "Expect");
	header_taken("Transfer-Encoding: Chunked");
	assert_true(head.chunked);
	header_taken("Content-Length: 007");
	assert_int_equal(head.length, 7);
	header_taken("Expect: 100-Continue\r\nContent-Length: 1");
	assert_true(head.expects);
	refused("POST /x HTTP/1.1\r\n\r\n", 400, "no Host");
	refused("POST /x HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "Host");
	refused("POST /x HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "Host");
	refused("POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "HTTP/1.1");
	taken("POST /x HTTP/1.0\r\n\r\n");
	assert_true(head.close && head.old);
	taken("POST /x HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
	assert_false(head.close);
	header_taken("Connection: x, close ,y");
	assert_true(head.close);
	header_taken("Connection: closed");
	assert_false(head.close);
}

/* Reads the chunks, cut into pieces of `step` bytes; the content, and what is left behind the body. */
static enum http_chunked unchunk(struct slice text, size_t step, struct buf *content, size_t *left)
{
	struct http_chunks c = {0};
	enum http_chunked result = HTTP_MORE;
	buf_clear(content);
	for (size_t at = 0; at < text.len && result == HTTP_MORE; at += step) {
		struct slice piece = {text.ptr + at, text.len - at < step ? text.len - at : step}, data;
		while ((result = http_chunks_read(&c, &piece, &data)) == HTTP_DATA)
			buf_add_slice(content, data);
		*left = text.len - at - (text.len - at < step ? text.len - at : step) + piece.len;
	}
	return result;
}

static void chunks_in_pieces_of_any_size(void **state)
{
	(void)state;
	struct slice text =
	    SLICE("5\r\nhello\r\n00A;name=\"v\"\r\n, 90 bytes\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\nNEXT");
	struct buf content = BUF_INIT;
	size_t left;
	for (size_t step = 1; step <= text.len; step++) {
		assert_int_equal(unchunk(text, step, &content, &left), HTTP_END);
		is(buf_slice(&content), "hello, 90 bytes!");
		assert_int_equal(left, 4);
	}
	buf_free(&content);
}

static void bad_chunks(void **state)
{
	(void)state;
	static const char *const bad[] = {"\r\n",
					  "x\r\n",
					  "+5\r\nhello\r\n",
					  "-1\r\n",
					  "0x5\r\nhello\r\n",
					  " 5\r\nhello\r\n",
					  "5 \r\nhello\r\n",
					  "5\nhello\r\n",
					  "5\r\nhello\n",
					  "5\r\nhelloX\r\n",
					  "5;a\nb\r\n",
					  "5;a\x01\r\n",
					  "1234567890abc\r\n",
					  "0\r\n: x\r\n\r\n",
					  "0\r\nA: x\n\r\n",
					  "0\r\n\r\r",
					  "5\rXhello",
					  "0\r\n x\r\n\r\n",
					  "0\r\nA\r\n\r\n",
					  "0\r\nA : x\r\n\r\n",
					  "0\r\nA: x\r\n y\r\n\r\n",
					  NULL};
	struct buf content = BUF_INIT;
	size_t left;
	for (size_t i = 0; bad[i]; i++)
		if (unchunk(slice_of(bad[i]), 1000, &content, &left) != HTTP_BAD)
			fail_msg("was taken: %s", bad[i]);
	buf_clear(&content);
	buf_add_text(&content, "5;");
	for (int i = 0; i <= HTTP_CHUNK_EXTRA; i++)
		buf_add_char(&content, 'x');
	struct buf out = BUF_INIT;
	assert_int_equal(unchunk(buf_slice(&content), 1000, &out, &left), HTTP_BAD);
	buf_free(&out);
	buf_free(&content);
}

static void fields_and_escapes(void **state)
{
	(void)state;
	struct slice rest = SLICE("&a=1&&b&=c&d=e=f"), name, value;
	struct buf b = BUF_INIT;
	static const char *const expected[][2] = {{"a", "1"}, {"b", ""}, {"", "c"}, {"d", "e=f"}};
	for (size_t i = 0; i < 4; i++) {
		assert_true(http_next_field(&rest, &name, &value));
		is(name, expected[i][0]);
		is(value, expected[i][1]);
	}
	assert_false(http_next_field(&rest, &name, &value));
	assert_int_equal(http_unescape(&b, SLICE("a+b%20%C3%a9%00"), true), 0);
	assert_int_equal(b.len, 7);
	is((struct slice){b.data, 6}, "a b \xc3\xa9");
	buf_clear(&b);
	assert_int_equal(http_unescape(&b, SLICE("a+b"), false), 0);
	is(buf_slice(&b), "a+b");
	assert_int_equal(http_unescape(&b, SLICE("%4"), false), -1);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_plain_head),      cmocka_unit_test(where_a_head_ends),
	    cmocka_unit_test(the_request_line),  cmocka_unit_test(lines_and_names),
	    cmocka_unit_test(where_a_body_ends), cmocka_unit_test(chunks_in_pieces_of_any_size),
	    cmocka_unit_test(bad_chunks),        cmocka_unit_test(fields_and_escapes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
