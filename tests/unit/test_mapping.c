/* SPDX-License-Identifier: MIT */
#include "mapping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "clock.h"
#include "scratch.h"

static struct event_parser parser = EVENT_PARSER_INIT;
static struct mapping mapping;
static struct diag diag;

static int set_up(void **state)
{
	(void)state;
	return scratch_make("maps") < 0 ? -1 : mapping_open(&mapping);
}

static int tear_down(void **state)
{
	(void)state;
	mapping_close(&mapping);
	event_parser_free(&parser);
	return scratch_remove();
}

/* Applies a map of these fields to an event with this data. */
static int apply(const char *fields, const char *data)
{
	struct buf json = BUF_INIT;
	buf_printf(&json, "{\"fields\":[%s]}", fields);
	scratch_put("maps/contacts.json", json.data, 0600);
	buf_free(&json);
	struct map *map = map_load(scratch_dir, SLICE("contacts"), &diag);
	if (!map)
		fail_msg("%s", diag.text);
	struct buf line = BUF_INIT;
	struct event e;
	buf_printf(&line,
		   "{\"specversion\":\"1.0\",\"id\":\"evt_91\",\"source\":\"hub\\\"spot\",\"type\":\"contact.created\","
		   "\"time\":\"2026-11-23T06:31:39Z\",\"recordedtime\":\"2026-11-23T06:31:40Z\"%s%s}",
		   *data ? "," : "", data);
	if (event_parse(&parser, buf_slice(&line), &e, &diag) < 0)
		fail_msg("%s", diag.text);
	int result = mapping_apply(&mapping, map, &e, &parser, &diag);
	map_free(map);
	buf_free(&line);
	return result;
}

static void gives(const char *fields, const char *data, const char *expected)
{
	char member[4096];
	snprintf(member, sizeof member, "\"data\":%s", data);
	if (apply(fields, member) < 0)
		fail_msg("%s", diag.text);
	if (!slice_is(buf_slice(&mapping.data), expected))
		fail_msg("%.*s\nis not\n%s", (int)mapping.data.len, mapping.data.data, expected);
}

static void fails(const char *fields, const char *data, const char *message)
{
	char member[4096];
	snprintf(member, sizeof member, "\"data\":%s", data);
	if (apply(fields, member) == 0)
		fail_msg("taken: %s", mapping.data.data);
	assert_int_equal(diag.code, DIAG_DATA);
	assert_string_equal(diag.text, message);
}

#define COPY(to, from) "{\"to\":\"" to "\",\"from\":\"" from "\"}"
#define RULE(rule)     "{\"to\":\"/v\",\"from\":\"/v\"," rule "}"
#define BROKEN(what)   "map contacts: /v (from /v): " what

static void values_stay_exact(void **state)
{
	(void)state;
	gives(COPY("/a", "/0") "," COPY("/b", "/1") "," COPY("/c", "/2") "," COPY("/d", "/3") "," COPY("/e", "/4"),
	      "[19.99, 12345678901234567890, 1.10, \"\\u0000\\u00e9\", {\"x\": [1,  2]}]",
	      "{\"a\":19.99,\"b\":12345678901234567890,\"c\":1.10,\"d\":\"\\u0000\\u00e9\",\"e\":{\"x\": [1,  2]}}");
	gives("{\"to\":\"/v\",\"const\":{\"n\":0.10,\"big\":12345678901234567890}}", "{}",
	      "{\"v\":{\"n\":0.10,\"big\":12345678901234567890}}");
}

static void places_nest(void **state)
{
	(void)state;
	gives(COPY("/a/b/c", "/x") "," COPY("/d", "/x") "," COPY("/a/e", "/x"), "{\"x\":1}",
	      "{\"a\":{\"b\":{\"c\":1},\"e\":1},\"d\":1}");
	gives(COPY("/l/0", "/x") "," COPY("/l/1/a", "/x") "," COPY("/l/1/b", "/x"), "{\"x\":1}",
	      "{\"l\":[1,{\"a\":1,\"b\":1}]}");
	gives(COPY("/l/1", "/x") "," COPY("/l/0", "/x"), "{\"x\":1}", "{\"l\":{\"1\":1,\"0\":1}}");
	gives(COPY("/0", "/x") "," COPY("/1", "/x"), "{\"x\":1}", "[1,1]");
	gives(COPY("", "/x"), "{\"x\":1}", "1");
	gives(COPY("", ""), "{\"x\":1}", "{\"x\":1}");
	gives(COPY("/a\\\"~1b~0/\\u00e9", "/x"), "{\"x\":1}", "{\"a\\\"/b~\":{\"\xc3\xa9\":1}}");
}

static void what_is_missing_is_left_out(void **state)
{
	(void)state;
	gives(COPY("/a/b", "/no") "," COPY("/c", "/x"), "{\"x\":1}", "{\"c\":1}");
	gives(COPY("/a/b", "/no"), "{\"x\":1}", "{}");
	gives(COPY("/l/0", "/no") "," COPY("/l/1", "/x") "," COPY("/l/2", "/no"), "{\"x\":1}", "{\"l\":[null,1]}");
	gives(COPY("/l/0", "/x") "," COPY("/l/1", "/no") "," COPY("/l/2", "/x"), "{\"x\":1}", "{\"l\":[1,null,1]}");
	gives("{\"to\":\"/v\",\"from\":\"/v\",\"default\":1.0}", "{}", "{\"v\":1.0}");
	gives("{\"to\":\"/v\",\"from\":\"/v\",\"default\":1,\"required\":true}", "{\"v\":null}", "{\"v\":null}");
	fails(RULE("\"required\":true"), "{}", BROKEN("required, but missing"));
	gives(RULE("\"required\":true"), "{\"v\":null}", "{\"v\":null}");
}

static void types_are_strict(void **state)
{
	(void)state;
	fails(RULE("\"type\":\"number\""), "{\"v\":\"abc\"}", BROKEN("\"abc\" is not of type number"));
	fails(RULE("\"type\":\"string\""), "{\"v\":1}", BROKEN("1 is not of type string"));
	fails(RULE("\"type\":[\"string\",\"null\"]"), "{\"v\":[]}", BROKEN("[] is not of type null or string"));
	fails(RULE("\"type\":\"integer\""), "{\"v\":1.5}", BROKEN("1.5 is not of type integer"));
	fails(RULE("\"type\":\"boolean\""), "{\"v\":\"true\"}", BROKEN("\"true\" is not of type boolean"));
	fails(RULE("\"type\":\"object\""), "{\"v\":null}", BROKEN("null is not of type object"));
	gives(RULE("\"type\":\"integer\""), "{\"v\":1e2}", "{\"v\":1e2}");
	gives(RULE("\"type\":[\"string\",\"null\"]"), "{\"v\":null}", "{\"v\":null}");
	fails(RULE("\"pattern\":\"a\""), "{\"v\":1}", BROKEN("1 is not of type string"));
	fails(RULE("\"minimum\":1"), "{\"v\":\"2\"}", BROKEN("\"2\" is not of type number"));
	gives(RULE("\"type\":[\"integer\",\"string\"],\"pattern\":\"a\""), "{\"v\":1}", "{\"v\":1}");
}

static void rules_are_kept(void **state)
{
	(void)state;
	fails(RULE("\"minimum\":0"), "{\"v\":-0.01}", BROKEN("-0.01 is less than minimum 0"));
	fails(RULE("\"maximum\":12345678901234567890"), "{\"v\":12345678901234567891}",
	      BROKEN("12345678901234567891 is more than maximum 12345678901234567890"));
	gives(RULE("\"maximum\":19.99"), "{\"v\":19.990}", "{\"v\":19.990}");
	fails(RULE("\"minLength\":2"), "{\"v\":\"\\u00e9\"}",
	      BROKEN("\"\\u00e9\" has 1 characters, fewer than minLength 2"));
	fails(RULE("\"maxLength\":2"), "{\"v\":\"abc\"}", BROKEN("\"abc\" has 3 characters, more than maxLength 2"));
	gives(RULE("\"maxLength\":2"), "{\"v\":\"\xc3\xa9\xe2\x82\xac\"}", "{\"v\":\"\xc3\xa9\xe2\x82\xac\"}");
	fails(RULE("\"format\":\"email\""), "{\"v\":\"anna@\"}", BROKEN("\"anna@\" is not of format email"));
	fails(RULE("\"enum\":[\"a\",1]"), "{\"v\":\"b\"}", BROKEN("\"b\" is not one of [\"a\",1]"));
	gives(RULE("\"enum\":[\"a\",1]"), "{\"v\":\"\\u0061\"}", "{\"v\":\"\\u0061\"}");
	gives(RULE("\"enum\":[\"a\",1]"), "{\"v\":1.0}", "{\"v\":1.0}");
	fails(RULE("\"pattern\":\"^[A-Z]+$\""), "{\"v\":\"A1\"}", BROKEN("\"A1\" does not match the pattern ^[A-Z]+$"));
	fails(RULE("\"pattern\":\"^[A-Z]+$\""), "{\"v\":\"A\\n\"}",
	      BROKEN("\"A\\n\" does not match the pattern ^[A-Z]+$"));
	gives(RULE("\"pattern\":\"^\\\\w\\\\p{Lu}$\""), "{\"v\":\"\xc3\xa9\xc3\x89\"}", "{\"v\":\"\xc3\xa9\xc3\x89\"}");
}

static void no_value_can_hold_up_a_pattern(void **state)
{
	(void)state;
	char data[256];
	snprintf(data, sizeof data, "{\"v\":\"%.60s!\"}",
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	int64_t started = clock_monotonic();
	fails(RULE("\"pattern\":\"^(a+)+$\""), data,
	      BROKEN("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\" takes too long to match (limit "
		     "reached) against the pattern ^(a+)+$"));
	assert_true(clock_monotonic() - started < 10 * CLOCK_SECOND);
}

static void lookups_replace(void **state)
{
	(void)state;
	const char *fields = RULE("\"lookup\":{\"won\":\"Closed Won\",\"1\":{\"a\":1.10},\"true\":null}");
	gives(fields, "{\"v\":\"won\"}", "{\"v\":\"Closed Won\"}");
	gives(fields, "{\"v\":\"wo\\u006e\"}", "{\"v\":\"Closed Won\"}");
	gives(fields, "{\"v\":1}", "{\"v\":{\"a\":1.10}}");
	gives(fields, "{\"v\":true}", "{\"v\":null}");
	gives(fields, "{}", "{}");
	fails(fields, "{\"v\":\"lost\"}", BROKEN("\"lost\" is not in the lookup, which has no default"));
	fails(fields, "{\"v\":1.0}", BROKEN("1.0 is not in the lookup, which has no default"));
	fails(fields, "{\"v\":[]}", BROKEN("[] is not in the lookup, which has no default"));
	gives(RULE("\"lookup\":{\"a\":1},\"default\":0"), "{\"v\":null}", "{\"v\":0}");
	gives(RULE("\"lookup\":{\"a\":1},\"default\":0"), "{}", "{\"v\":0}");
	gives(RULE("\"apply\":[\"trim\",\"lowercase\"],\"lookup\":{\"a\":1}"), "{\"v\":\" A \"}", "{\"v\":1}");
}

static void steps_are_applied(void **state)
{
	(void)state;
	gives(RULE("\"apply\":[\"trim\",\"lowercase\"]"), "{\"v\":\" ANNA\\u0001@x \"}", "{\"v\":\"anna\\u0001@x\"}");
	gives(RULE("\"apply\":[\"lowercase\",\"uppercase\",\"lowercase\"]"), "{\"v\":\"aB\"}", "{\"v\":\"ab\"}");
	gives(RULE("\"apply\":\"trim\""), "{\"v\":\"\\u0061\"}", "{\"v\":\"\\u0061\"}");
	fails(RULE("\"apply\":\"trim\""), "{\"v\":7}", BROKEN("7 is not of type string, which trim takes"));
	gives(RULE("\"apply\":\"trim\""), "{\"v\":null}", "{\"v\":null}");
	fails(RULE("\"apply\":\"trim\",\"minLength\":1"), "{\"v\":\"  \"}",
	      BROKEN("\"  \" has 0 characters, fewer than minLength 1"));
}

static void attributes_are_values(void **state)
{
	(void)state;
	gives(COPY("/id", "event:id") "," COPY("/s", "event:source") "," COPY("/t", "event:type") "," COPY(
		  "/sub", "event:subject") "," COPY("/time", "event:time") "," COPY("/r", "event:recordedtime"),
	      "{}",
	      "{\"id\":\"evt_91\",\"s\":\"hub\\\"spot\",\"t\":\"contact.created\",\"time\":\"2026-11-23T06:31:39Z\","
	      "\"r\":\"2026-11-23T06:31:40.000Z\"}");
	fails("{\"to\":\"/v\",\"from\":\"event:source\",\"pattern\":\"^a\"}", "{}",
	      "map contacts: /v (from event:source): \"hub\\\"spot\" does not match the pattern ^a");
}

static void arrays_are_mapped_by_element(void **state)
{
	(void)state;
	const char *fields =
	    "{\"to\":\"/lines\",\"each\":\"/items\",\"fields\":["
	    "{\"to\":\"/sku\",\"from\":\"/sku\",\"pattern\":\"^[A-Z0-9-]+$\"},"
	    "{\"to\":\"/tags\",\"each\":\"/tags\",\"fields\":[{\"to\":\"\",\"from\":\"\",\"type\":\"string\"}]},"
	    "{\"to\":\"/event\",\"from\":\"event:id\"}]}";
	gives(
	    fields, "{\"items\":[{\"sku\":\"A-1\",\"tags\":[\"x\",\"y\"]},{\"sku\":\"B\"},7]}",
	    "{\"lines\":[{\"sku\":\"A-1\",\"tags\":[\"x\",\"y\"],\"event\":\"evt_91\"},{\"sku\":\"B\",\"event\":\"evt_91\"},"
	    "{\"event\":\"evt_91\"}]}");
	gives(fields, "{\"items\":[]}", "{\"lines\":[]}");
	gives(fields, "{}", "{}");
	gives("{\"to\":\"/l\",\"each\":\"/l\",\"fields\":[" COPY("/a", "/a") "]}", "{\"l\":[{},{\"a\":1}]}",
	      "{\"l\":[{},{\"a\":1}]}");
	gives("{\"to\":\"\",\"each\":\"\",\"fields\":[" COPY("", "/a") "]}", "[{\"a\":1},{},{\"a\":3}]", "[1,null,3]");
	fails(fields, "{\"items\":{}}", "map contacts: /lines (from /items): {} is not of type array");
	fails(fields, "{\"items\":[{},{\"sku\":\"A\",\"tags\":[\"x\",5]},{\"sku\":\"a\"}]}",
	      "map contacts: /lines/1/tags/1 (from /items/1/tags/1): 5 is not of type string; "
	      "map contacts: /lines/2/sku (from /items/2/sku): \"a\" does not match the pattern ^[A-Z0-9-]+$");
	fails("{\"to\":\"/l\",\"each\":\"/l\",\"required\":true,\"fields\":[" COPY("/a", "/a") "]}", "{}",
	      "map contacts: /l (from /l): required, but missing");
}

static void all_problems_are_told(void **state)
{
	(void)state;
	fails(
	    RULE("\"type\":\"number\"") ",{\"to\":\"/email\",\"from\":\"/properties/email\",\"required\":true}",
	    "{\"v\":\"abc\"}",
	    BROKEN(
		"\"abc\" is not of type number") "; map contacts: /email (from /properties/email): required, but missing");
	struct buf data = BUF_INIT;
	buf_add_text(&data, "\"data\":[");
	for (int i = 0; i < 100; i++)
		buf_printf(&data, "%s\"%d\"", i ? "," : "", i);
	buf_add_char(&data, ']');
	assert_int_equal(
	    apply("{\"to\":\"\",\"each\":\"\",\"fields\":[{\"to\":\"\",\"from\":\"\",\"type\":\"number\"}]}",
		  data.data),
	    -1);
	assert_true(strlen(diag.text) < 1000);
	assert_non_null(
	    strstr(diag.text, "map contacts: /0 (from /0): \"0\" is not of type number; map contacts: /1 "));
	assert_non_null(strstr(diag.text, " more"));
	buf_free(&data);
}

static void a_map_cannot_blow_an_event_up(void **state)
{
	(void)state;
	struct buf fields = BUF_INIT;
	buf_add_text(&fields, "{\"to\":\"/l\",\"each\":\"/l\",\"fields\":[{\"to\":\"/v\",\"const\":\"");
	for (int i = 0; i < 10000; i++)
		buf_add_text(&fields,
			     "a hundred bytes of a constant: 3456789012345678901234567890123456789012345678901234567890"
			     "123456789012");
	buf_add_text(&fields, "\"}]}");
	fails(fields.data, "{\"l\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27]}",
	      "map contacts: /l (from /l): makes the event longer than 16 MiB");
	assert_true(mapping.data.len < 18 * 1024 * 1024);
	buf_free(&fields);
}

static void values_are_shown_safely(void **state)
{
	(void)state;
	fails(RULE("\"type\":\"number\""), "{\"v\":[\n\"\x7f\xc2\x85\"]}",
	      BROKEN("[\\u000a\"\\u007f\\u0085\"] is not of type number"));
	fails(
	    RULE("\"type\":\"number\""),
	    "{\"v\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xe2\x82\xac\"}",
	    BROKEN("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... is not of type "
		   "number"));
}

static void data_must_be_json(void **state)
{
	(void)state;
	assert_int_equal(apply(COPY("/a", "/a"), ""), -1);
	assert_string_equal(diag.text, "map contacts: the event has no data, but a map needs JSON in data");
	assert_int_equal(apply(COPY("/a", "/a"), "\"data_base64\":\"AAAA\""), -1);
	assert_string_equal(diag.text, "map contacts: the event has data_base64, but a map needs JSON in data");
}

static void every_field_is_explained(void **state)
{
	(void)state;
	mapping.explaining = true;
	gives(
	    COPY("/a", "/x") ",{\"to\":\"/b\",\"const\":2}," COPY(
		"/c",
		"/no") ",{\"to\":\"/d\",\"from\":\"/s\",\"apply\":"
		       "\"trim\"},{\"to\":\"/e\",\"from\":\"/x\",\"lookup\":{\"1\":\"one\"}},{\"to\":\"/f\",\"from\":\"/no\",\"default\":0}",
	    "{\"x\":1,\"s\":\" s\"}", "{\"a\":1,\"b\":2,\"d\":\"s\",\"e\":\"one\",\"f\":0}");
	assert_string_equal(mapping.explain.data, "\t/a\t/x\tcopied\t1\n"
						  "\t/b\tconst\tconst\t2\n"
						  "\t/c\t/no\tleft out\t\n"
						  "\t/d\t/s\tapplied\t\"s\"\n"
						  "\t/e\t/x\tlookup\t\"one\"\n"
						  "\t/f\t/no\tdefault\t0\n");
	fails(RULE("\"type\":\"null\""), "{\"v\":1}", BROKEN("1 is not of type null"));
	assert_string_equal(mapping.explain.data, "\t/v\t/v\terror\t1 is not of type null\n");
	mapping.explaining = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_stay_exact),
	    cmocka_unit_test(places_nest),
	    cmocka_unit_test(what_is_missing_is_left_out),
	    cmocka_unit_test(types_are_strict),
	    cmocka_unit_test(rules_are_kept),
	    cmocka_unit_test(no_value_can_hold_up_a_pattern),
	    cmocka_unit_test(lookups_replace),
	    cmocka_unit_test(steps_are_applied),
	    cmocka_unit_test(attributes_are_values),
	    cmocka_unit_test(arrays_are_mapped_by_element),
	    cmocka_unit_test(all_problems_are_told),
	    cmocka_unit_test(a_map_cannot_blow_an_event_up),
	    cmocka_unit_test(values_are_shown_safely),
	    cmocka_unit_test(data_must_be_json),
	    cmocka_unit_test(every_field_is_explained),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
