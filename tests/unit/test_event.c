/* SPDX-License-Identifier: MIT */
#include "event.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEAD "{\"specversion\":\"1.0\",\"id\":\"evt_91\",\"source\":\"hubspot\",\"type\":\"contact.created\""

static struct event_parser parser = EVENT_PARSER_INIT;
static struct event event;
static struct diag diag;

static void assert_slice(struct slice met, const char *expected)
{
	if (!slice_is(met, expected) || !met.ptr != !expected)
		fail_msg("'%.*s' is not '%s'", (int)met.len, met.ptr ? met.ptr : "", expected ? expected : "(none)");
}

static void parse(const char *line)
{
	if (event_parse(&parser, slice_of(line), &event, &diag) < 0)
		fail_msg("%s: %s", line, diag.text);
}

static void refused(const char *line, const char *reason)
{
	if (event_parse(&parser, slice_of(line), &event, &diag) == 0)
		fail_msg("taken: %s", line);
	assert_int_equal(diag.code, DIAG_DATA);
	if (!strstr(diag.text, reason))
		fail_msg("'%s' does not say '%s'", diag.text, reason);
}

static void written(const char *expected)
{
	struct buf b = BUF_INIT;
	event_write(&b, &event);
	assert_true(buf_ok(&b));
	assert_slice(buf_slice(&b), expected);
	if (event_line_size(&event, event.destination.len) < b.len)
		fail_msg("line size %zu, but %zu were written", event_line_size(&event, event.destination.len), b.len);
	buf_free(&b);
}

static const char whole[] = HEAD
    ",\"subject\":\"contact/501\",\"time\":\"2026-11-23T06:31:39.123Z\",\"recordedtime\":\"2026-11-23T06:31:40.000Z\","
    "\"datacontenttype\":\"application/json\",\"evtdestination\":\"crm\",\"evtattempt\":1,\"evtclaim\":7,"
    "\"evtmap\":\"contacts\",\"evtmode\":\"binary\",\"evtskip\":\"no\",\"evterror\":\"bad\",\"evtraw\":{\"b\": 1.0},"
    "\"traceparent\":\"00-ab\",\"evtfuture\":{\"a\":[1.10]},\"data\":{\"a\": 19.99,\"b\":\"\\u0000\"}}\n";

static void a_whole_line_goes_round(void **state)
{
	(void)state;
	char line[sizeof whole];
	memcpy(line, whole, sizeof whole);
	line[sizeof whole - 2] = '\0';
	parse(line);
	assert_slice(event.id, "evt_91");
	assert_slice(event.source, "hubspot");
	assert_slice(event.type, "contact.created");
	assert_slice(event.subject, "contact/501");
	assert_slice(event.time, "2026-11-23T06:31:39.123Z");
	assert_true(event.recorded_at == 1795415500000);
	assert_slice(event.content_type, "application/json");
	assert_slice(event.destination, "crm");
	assert_int_equal(event.attempt, 1);
	assert_int_equal(event.claim, 7);
	assert_slice(event.map, "contacts");
	assert_slice(event.skip, "no");
	assert_slice(event.error, "bad");
	assert_slice(event.extra, "\"traceparent\":\"00-ab\",\"evtfuture\":{\"a\":[1.10]}");
	assert_int_equal(event.body, EVENT_JSON);
	assert_slice(event.data, "{\"a\": 19.99,\"b\":\"\\u0000\"}");
	assert_slice(jtext_raw(&parser.json, event_data_node(&parser)), "{\"a\": 19.99,\"b\":\"\\u0000\"}");
	written(whole);
}

static void absent_attributes_are_left_out(void **state)
{
	(void)state;
	parse(HEAD "}");
	assert_null(event.subject.ptr);
	assert_null(event.destination.ptr);
	assert_int_equal(event.body, EVENT_NONE);
	assert_int_equal(event.recorded_at, 0);
	assert_int_equal(event.extra.len, 0);
	assert_int_equal(event_data_node(&parser), JTEXT_NOWHERE);
	written(HEAD "}\n");
	parse(HEAD ",\"subject\":null,\"evtclaim\":null,\"data_base64\":null,\"data\":null}");
	assert_int_equal(event.body, EVENT_JSON);
	written(HEAD ",\"data\":null}\n");
}

static void bytes_travel_as_base64(void **state)
{
	(void)state;
	parse(HEAD ",\"data_base64\":\"AP8K\"}");
	assert_int_equal(event.body, EVENT_BYTES);
	assert_int_equal(event.data.len, 3);
	assert_memory_equal(event.data.ptr, "\0\xff\n", 3);
	written(HEAD ",\"data_base64\":\"AP8K\"}\n");
	parse(HEAD ",\"data_base64\":\"\"}");
	assert_int_equal(event.data.len, 0);
	written(HEAD ",\"data_base64\":\"\"}\n");
	parse(HEAD ",\"data_base64\":\"\\/\\/\\/\\/\"}");
	assert_memory_equal(event.data.ptr, "\xff\xff\xff", 3);
}

static void text_is_decoded_and_stays(void **state)
{
	(void)state;
	/* Escapes everywhere, so that everything is decoded into the parser's one buffer. */
	parse(
	    "{\"spec\\u0076ersion\":\"1.0\",\"\\u0069d\":\"\\u0061\\\"\",\"source\":\"\\ud83d\\ude00\",\"type\":\"\\/\","
	    "\"\\u0078\":\"\\u0079\",\"evterror\":\"a\\u0000b\\nc\\u0085d\\u007f\",\"data\":1}");
	assert_slice(event.id, "a\"");
	assert_slice(event.source, "\xf0\x9f\x98\x80");
	assert_slice(event.type, "/");
	assert_slice(event.error, "a b c  d ");
	assert_slice(event.extra, "\"\\u0078\":\"\\u0079\"");
	written("{\"specversion\":\"1.0\",\"id\":\"a\\\"\",\"source\":\"\xf0\x9f\x98\x80\",\"type\":\"/\","
		"\"evterror\":\"a b c  d \",\"\\u0078\":\"\\u0079\",\"data\":1}\n");
}

static void line_breaks_become_blanks(void **state)
{
	(void)state;
	parse(HEAD ",\"x\":[\n1],\"data\":{\r\n\"a\":\"\\n\"}}");
	written(HEAD ",\"x\":[ 1],\"data\":{  \"a\":\"\\n\"}}\n");
}

static void bad_lines_are_refused(void **state)
{
	(void)state;
	refused("", "not JSON: empty text at byte 1");
	refused("{\"a\":}", "not JSON: expected a value at byte 6");
	refused("[]", "expected a JSON object, not array");
	refused("{}", "'specversion' is missing");
	refused("{\"specversion\":\"0.3\"}", "'specversion': expected \"1.0\"");
	refused("{\"specversion\":1.0}", "'specversion': expected \"1.0\"");
	refused("{\"specversion\":null}", "'specversion': expected \"1.0\"");
	refused("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"id\":\"2\"}",
		"'id' stands twice");
	refused("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"data\":1,\"\\u0064ata\":2}",
		"'data' stands twice");
	refused("{\"specversion\":\"1.0\",\"source\":\"s\",\"type\":\"t\"}", "'id' is missing");
	refused("{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\"}", "'source' is missing");
	refused("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":null}", "'type' is missing");
	refused("{\"specversion\":\"1.0\",\"id\":7,\"source\":\"s\",\"type\":\"t\"}", "'id': expected a string");
	refused("{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"s\",\"type\":\"t\"}", "'id': expected 1 to 1024");
	refused(HEAD ",\"subject\":\"a\\u0000\"}", "'subject': expected no control");
	refused(HEAD ",\"subject\":\"a\\u0085\"}", "'subject': expected no control");
	refused(HEAD ",\"subject\":\"a\\ud800\"}", "'subject': expected whole surrogate pairs");
	refused(HEAD ",\"evtdestination\":\"a\\n\"}", "'evtdestination': expected no control");
	refused(HEAD ",\"datacontenttype\":\"a\\n\"}", "'datacontenttype': expected no control");
	refused(HEAD ",\"time\":\"yesterday\"}", "'time': expected an RFC 3339");
	refused(HEAD ",\"recordedtime\":\"\"}", "'recordedtime': expected an RFC 3339");
	refused(HEAD ",\"recordedtime\":\"0226-11-23T06:31:40Z\"}", "'recordedtime': expected an RFC 3339");
	refused(HEAD ",\"recordedtime\":\"9999-12-31T23:59:59-23:59\"}", "'recordedtime': expected an RFC 3339");
	refused(HEAD ",\"evtclaim\":\"7\"}", "'evtclaim': expected an integer");
	refused(HEAD ",\"evtclaim\":-1}", "'evtclaim': expected an integer");
	refused(HEAD ",\"evtclaim\":9223372036854775808}", "'evtclaim': expected an integer");
	refused(HEAD ",\"evtattempt\":2147483648}", "'evtattempt': expected an integer");
	refused(HEAD ",\"evtattempt\":1.5}", "'evtattempt': expected an integer");
	refused(HEAD ",\"data\":1,\"data_base64\":\"\"}", "both data and data_base64");
	refused(HEAD ",\"data_base64\":\"abc\"}", "'data_base64': expected base64");
	refused(HEAD ",\"data_base64\":{}}", "'data_base64': expected a string");
}

static void names_have_a_limit(void **state)
{
	(void)state;
	char name[EVENT_NAME_LIMIT + 2], line[EVENT_NAME_LIMIT + 200];
	memset(name, 'n', sizeof name);
	assert_true(event_is_name((struct slice){name, EVENT_NAME_LIMIT}));
	assert_false(event_is_name((struct slice){name, EVENT_NAME_LIMIT + 1}));
	assert_false(event_is_name(SLICE("")));
	assert_false(event_is_name(SLICE("a\n")));
	assert_false(event_is_name(SLICE("a\x7f")));
	assert_false(event_is_name(SLICE("\xc2\x9f")));
	assert_false(event_is_name(SLICE("\xff")));
	assert_true(event_is_name(SLICE("a \xc3\xa9")));
	snprintf(line, sizeof line, HEAD ",\"subject\":\"%.*s\"}", EVENT_NAME_LIMIT + 1, name);
	refused(line, "'subject': expected 1 to 1024 bytes, not 1025");
	snprintf(line, sizeof line, HEAD ",\"subject\":\"%.*s\"}", EVENT_NAME_LIMIT, name);
	parse(line);
}

static void the_largest_counters_fit(void **state)
{
	(void)state;
	parse(HEAD
	      ",\"evtdestination\":\"crm\",\"evtattempt\":2147483647,\"evtclaim\":9223372036854775807,\"data\":1}");
	assert_int_equal(event.attempt, 2147483647);
	assert_true(event.claim == INT64_MAX);
	struct buf b = BUF_INIT;
	event.recorded_at = 1795415500000;
	event_write(&b, &event);
	size_t size = event_line_size(&event, 3);
	assert_true(b.len <= size && size < b.len + 16);
	event.attempt = 0;
	event.claim = 0;
	assert_int_equal(event_line_size(&event, 3), size);
	buf_free(&b);
}

static void rewritten(const char *line, unsigned changed, const char *expected)
{
	struct buf b = BUF_INIT;
	parse(line);
	event.data = SLICE("{\"n\":1}");
	event.map = SLICE("m");
	event.claim = 0;
	event_rewrite(&b, &parser, &event, changed);
	assert_slice(buf_slice(&b), expected);
	buf_free(&b);
}

static void a_line_is_rewritten_in_place(void **state)
{
	(void)state;
	const unsigned mapped = EVENT_BIT(EVENT_EVTMAP) | EVENT_BIT(EVENT_DATA);
	rewritten(HEAD ", \"x\" : 1.10,\"evtclaim\":7,\"data\":2}", mapped,
		  HEAD ", \"x\" : 1.10,\"evtclaim\":7,\"evtmap\":\"m\",\"data\":{\"n\":1}}\n");
	rewritten(HEAD ",\"data\":2,\"evtclaim\":7 , \"x\":[ 1 ] }", mapped | EVENT_BIT(EVENT_EVTCLAIM),
		  HEAD ",\"x\":[ 1 ],\"evtmap\":\"m\",\"data\":{\"n\":1}}\n");
	rewritten(
	    "{\"d\\u0061ta\":1,\"type\":\"t\",\"id\":\"i\",\"source\":\"s\",\"specversion\":\"1.0\"}", mapped,
	    "{\"type\":\"t\",\"id\":\"i\",\"source\":\"s\",\"specversion\":\"1.0\",\"evtmap\":\"m\",\"data\":{\"n\":1}}\n");
	rewritten(HEAD "}", 0, HEAD "}\n");
}

static int done(void **state)
{
	(void)state;
	event_parser_free(&parser);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_whole_line_goes_round),      cmocka_unit_test(absent_attributes_are_left_out),
	    cmocka_unit_test(bytes_travel_as_base64),       cmocka_unit_test(text_is_decoded_and_stays),
	    cmocka_unit_test(line_breaks_become_blanks),    cmocka_unit_test(bad_lines_are_refused),
	    cmocka_unit_test(a_line_is_rewritten_in_place), cmocka_unit_test(names_have_a_limit),
	    cmocka_unit_test(the_largest_counters_fit),
	};
	return cmocka_run_group_tests(tests, NULL, done);
}
