/* SPDX-License-Identifier: MIT */
/* What a map's parts do on their own: dates, templates, CSV; and each of them within a map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "csv.h"
#include "mapping.h"
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

/* Applies the map to an event with this data. */
static int apply(const char *json, const char *data)
{
	scratch_put("maps/m.json", json, 0600);
	struct map *map = map_load(scratch_dir, SLICE("m"), &diag);
	if (!map)
		fail_msg("%s", diag.text);
	struct buf line = BUF_INIT;
	struct event e;
	buf_printf(&line, "{\"specversion\":\"1.0\",\"id\":\"evt_91\",\"source\":\"shop\",\"type\":\"t\",\"data\":%s}",
		   data);
	if (event_parse(&parser, buf_slice(&line), &e, &diag) < 0)
		fail_msg("%s", diag.text);
	int result = mapping_apply(&mapping, map, &e, &parser, &diag);
	map_free(map);
	buf_free(&line);
	return result;
}

static void gives(const char *json, const char *data, const char *expected)
{
	if (apply(json, data) < 0)
		fail_msg("%s", diag.text);
	if (!slice_is(buf_slice(&mapping.data), expected))
		fail_msg("%.*s\nis not\n%s", (int)mapping.data.len, mapping.data.data, expected);
}

static void fails(const char *json, const char *data, const char *message)
{
	if (apply(json, data) == 0)
		fail_msg("taken: %s", mapping.data.data);
	assert_int_equal(diag.code, DIAG_DATA);
	assert_string_equal(diag.text, message);
}

/* The message without the folder in front. */
static void refused(const char *json, const char *message)
{
	scratch_put("maps/m.json", json, 0600);
	struct map *map = map_load(scratch_dir, SLICE("m"), &diag);
	if (map)
		fail_msg("taken: %s", json);
	assert_int_equal(diag.code, DIAG_CONFIG);
	if (!strstr(diag.text, message))
		fail_msg("'%s' does not say '%s'", diag.text, message);
}

/* One field from /v to all of the output. */
#define FIELD(members) "{\"fields\":[{\"to\":\"\"," members "}]}"
#define V(members)     FIELD("\"from\":\"/v\"," members)
#define STEP(step)     V("\"apply\":" step)
#define BROKEN(what)   "map m: \"\" (from /v): " what

static void amounts_are_scaled(void **state)
{
	(void)state;
	gives(STEP("{\"scale\":-2}"), "{\"v\":1999}", "19.99");
	gives(STEP("{\"scale\":-2}"), "{\"v\":\"1999\"}", "\"19.99\"");
	gives(V("\"apply\":{\"scale\":-2},\"type\":\"string\",\"coerce\":true"), "{\"v\":1900}", "\"19.00\"");
	gives(V("\"apply\":{\"scale\":2},\"type\":\"integer\",\"coerce\":true"), "{\"v\":\"19.99\"}", "1999");
	fails(V("\"apply\":{\"scale\":2},\"type\":\"integer\""), "{\"v\":19.999}",
	      BROKEN("19.999 is not of type integer"));
	gives(STEP("{\"scale\":-2}"), "{\"v\":[1,250]}", "[0.01,2.50]");
	fails(STEP("{\"scale\":-2}"), "{\"v\":\"x\"}", BROKEN("\"x\" is not a number, which scale takes"));
	fails(STEP("{\"scale\":-2}"), "{\"v\":true}",
	      BROKEN("true is not of type number or string, which scale takes"));
}

#define DATE(members) STEP("{\"date\":{" members "}}")

static void dates_are_converted(void **state)
{
	(void)state;
	gives(DATE("\"from\":\"epoch\""), "{\"v\":1763879499}", "\"2025-11-23T06:31:39Z\"");
	gives(DATE("\"from\":\"epoch\""), "{\"v\":\"1763879499.1239\"}", "\"2025-11-23T06:31:39.123Z\"");
	gives(DATE("\"from\":\"epoch\""), "{\"v\":-1}", "\"1969-12-31T23:59:59Z\"");
	gives(DATE("\"from\":\"epoch_ms\""), "{\"v\":1763879499123}", "\"2025-11-23T06:31:39.123Z\"");
	gives(DATE("\"to\":\"epoch\""), "{\"v\":\"2025-11-23T07:31:39+01:00\"}", "1763879499");
	gives(DATE("\"to\":\"epoch\""), "{\"v\":\"2025-11-23T06:31:39.5Z\"}", "1763879499.500");
	gives(DATE("\"to\":\"epoch_ms\""), "{\"v\":\"1969-12-31T23:59:59.999Z\"}", "-1");
	gives(DATE("\"from\":\"%d.%m.%Y %H:%M\",\"from_zone\":\"Europe/Berlin\""), "{\"v\":\"23.11.2025 07:31\"}",
	      "\"2025-11-23T06:31:00Z\"");
	gives(DATE("\"from\":\"%d.%m.%Y %H:%M\",\"from_zone\":\"Europe/Berlin\""), "{\"v\":\"23.07.2055 07:31\"}",
	      "\"2055-07-23T05:31:00Z\"");
	gives(DATE("\"to\":\"%Y-%m-%d\",\"to_zone\":\"America/New_York\""), "{\"v\":\"2025-11-23T03:00:00Z\"}",
	      "\"2025-11-22\"");
	gives(DATE("\"to_zone\":\"Asia/Kolkata\""), "{\"v\":\"2025-11-23T06:31:39Z\"}",
	      "\"2025-11-23T12:01:39+05:30\"");
	gives(DATE("\"to_zone\":\"-03:30\""), "{\"v\":\"2025-11-23T06:31:39Z\"}", "\"2025-11-23T03:01:39-03:30\"");
	gives(DATE("\"from\":\"%a, %d %b %Y %H:%M:%S %z\""), "{\"v\":\"Sun, 23 Nov 2025 06:31:39 +0100\"}",
	      "\"2025-11-23T05:31:39Z\"");
	gives(DATE("\"from\":\"%Y-%m-%d\",\"to\":\"%d %B %Y\""), "{\"v\":[\"2024-02-29\"]}", "[\"29 February 2024\"]");
}

#define READ(zone)  DATE("\"from\":\"%Y-%m-%d %H:%M\",\"from_zone\":\"" zone "\"")
#define WRITE(zone) DATE("\"to_zone\":\"" zone "\"")

static void dates_follow_the_clocks_of_their_zone(void **state)
{
	(void)state;
	gives(READ("Europe/Berlin"), "{\"v\":\"2026-03-29 01:59\"}", "\"2026-03-29T00:59:00Z\"");
	gives(READ("Europe/Berlin"), "{\"v\":\"2026-03-29 03:00\"}", "\"2026-03-29T01:00:00Z\"");
	gives(READ("Europe/Berlin"), "{\"v\":\"2026-10-25 01:59\"}", "\"2026-10-24T23:59:00Z\"");
	gives(READ("Europe/Berlin"), "{\"v\":\"2026-10-25 02:00\"}", "\"2026-10-25T00:00:00Z\"");
	gives(READ("Europe/Berlin"), "{\"v\":\"2026-10-25 03:00\"}", "\"2026-10-25T02:00:00Z\"");
	gives(READ("America/New_York"), "{\"v\":\"2026-11-01 01:30\"}", "\"2026-11-01T05:30:00Z\"");
	gives(WRITE("Europe/Berlin"), "{\"v\":\"2026-03-29T01:00:00Z\"}", "\"2026-03-29T03:00:00+02:00\"");
	gives(WRITE("Europe/Berlin"), "{\"v\":\"2026-10-25T00:59:59Z\"}", "\"2026-10-25T02:59:59+02:00\"");
	gives(WRITE("Europe/Berlin"), "{\"v\":\"2026-10-25T01:00:00Z\"}", "\"2026-10-25T02:00:00+01:00\"");
	/* Half an hour of summer time; winter time that goes back; a winter time of its own. */
	gives(READ("Australia/Lord_Howe"), "{\"v\":\"2026-10-04 02:30\"}", "\"2026-10-03T15:30:00Z\"");
	fails(READ("Australia/Lord_Howe"), "{\"v\":\"2026-10-04 02:15\"}",
	      BROKEN("\"2026-10-04 02:15\" is a time that the clocks skip there"));
	gives(READ("Europe/Dublin"), "{\"v\":\"2026-07-01 12:00\"}", "\"2026-07-01T11:00:00Z\"");
	/* Clocks that change without summer time: an hour twice, a day never. */
	gives(READ("Europe/Moscow"), "{\"v\":\"2014-10-26 01:30\"}", "\"2014-10-25T21:30:00Z\"");
	gives(READ("Pacific/Apia"), "{\"v\":\"2011-12-31 00:00\"}", "\"2011-12-30T10:00:00Z\"");
	fails(READ("Pacific/Apia"), "{\"v\":\"2011-12-30 12:00\"}",
	      BROKEN("\"2011-12-30 12:00\" is a time that the clocks skip there"));
	/* Before there were zones an offset had seconds. */
	gives(WRITE("Europe/Berlin"), "{\"v\":\"1880-01-01T00:00:00Z\"}", "\"1880-01-01T00:00:00Z\"");
}

/* The zone of who runs it, and the zone of the value before, have no part in it. */
static void no_zone_leaks_into_another_date(void **state)
{
	(void)state;
	setenv("TZ", "America/New_York", 1);
	gives(DATE("\"from\":\"%Y-%m-%d\""), "{\"v\":\"2026-07-01\"}", "\"2026-07-01T00:00:00Z\"");
	gives(DATE("\"from\":\"%Y-%m-%d %H:%M\",\"from_zone\":\"Asia/Tokyo\",\"to\":\"%Y-%m-%d %H:%M\",\"to_zone\":"
		   "\"Europe/Berlin\""),
	      "{\"v\":[\"2026-07-01 09:00\",\"2026-01-01 09:00\"]}", "[\"2026-07-01 02:00\",\"2026-01-01 01:00\"]");
	gives(DATE("\"from\":\"%Y-%m-%d\",\"to\":\"%d.%m.%Y %H:%M %z\""), "{\"v\":\"2026-07-01\"}",
	      "\"01.07.2026 00:00 +0000\"");
	gives(DATE("\"from\":\"%Y-%m-%d\",\"from_zone\":\"-03:30\",\"to\":\"%H:%M %z\",\"to_zone\":\"+05:45\""),
	      "{\"v\":\"2026-07-01\"}", "\"09:15 +0545\"");
	unsetenv("TZ");
}

static void dates_that_are_none_are_refused(void **state)
{
	(void)state;
	const char *berlin = DATE("\"from\":\"%Y-%m-%d %H:%M\",\"from_zone\":\"Europe/Berlin\"");
	fails(DATE("\"from\":\"%Y-%m-%d\""), "{\"v\":\"2025-02-30\"}", BROKEN("\"2025-02-30\" is no such date"));
	fails(DATE("\"from\":\"%Y-%m-%d\""), "{\"v\":\"2025-02-03 x\"}", BROKEN("\"2025-02-03 x\" is no such date"));
	fails(DATE("\"from\":\"epoch\""), "{\"v\":1e30}", BROKEN("1e30 is no such date"));
	fails(DATE("\"from\":\"epoch_ms\""), "{\"v\":\"soon\"}", BROKEN("\"soon\" is no such date"));
	fails(DATE("\"to\":\"epoch\""), "{\"v\":\"yesterday\"}", BROKEN("\"yesterday\" is no such date"));
	fails(berlin, "{\"v\":\"2025-03-30 02:30\"}",
	      BROKEN("\"2025-03-30 02:30\" is a time that the clocks skip there"));
	gives(berlin, "{\"v\":\"2025-10-26 02:30\"}", "\"2025-10-26T00:30:00Z\""); /* comes twice: the first */
	refused(DATE("\"to_zone\":\"Europe/Atlantis\""), "/apply/date/to_zone: expected a time zone of this machine");
	refused(DATE("\"from\":\"%Q\""), "/apply/date/from: %Q is none of ");
	refused(DATE("\"from\":\"tomorrow\""), "/apply/date/from: expected epoch, epoch_ms, rfc3339 or a pattern");
	refused(DATE("\"from_zone\":\"UTC\""), "/apply/date/from_zone: rfc3339 says itself how far it is from UTC");
	refused(DATE("\"from\":\"epoch\",\"from_zone\":\"UTC\""), "an epoch has no time zone");
}

static void strings_are_changed(void **state)
{
	(void)state;
	gives(STEP("{\"replace\":[\"[^0-9+]\",\"\"]}"), "{\"v\":\"+49 (30) 12-34\"}", "\"+49301234\"");
	gives(STEP("{\"replace\":[\"^(\\\\w+), (\\\\w+)$\",\"$2 $1\"]}"), "{\"v\":\"Doe, Ann\"}", "\"Ann Doe\"");
	gives(STEP("{\"replace\":[\"(a)|b\",\"<$1$$>\"]}"), "{\"v\":\"ab\"}", "\"<a$><$>\"");
	refused(STEP("{\"replace\":[\"(a)\",\"$2\"]}"), "/apply/replace/1: expected behind '$' the number of a group");
	refused(STEP("{\"replace\":[\"(a)\",\"$\"]}"), "/apply/replace/1: expected behind '$'");
	gives(STEP("{\"substring\":[0,2]}"), "{\"v\":\"\xc3\xa9t\xc3\xa9\"}", "\"\xc3\xa9t\"");
	gives(STEP("{\"substring\":[-2]}"), "{\"v\":\"abc\"}", "\"bc\"");
	gives(STEP("{\"substring\":[5]}"), "{\"v\":\"abc\"}", "\"\"");
	gives(STEP("{\"substring\":[-9,2]}"), "{\"v\":\"abc\"}", "\"ab\"");
	gives(STEP("{\"hash\":\"sha256\"}"), "{\"v\":\"abc\"}",
	      "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"");
	gives(STEP("[{\"split\":\", \"}]"), "{\"v\":\"a, b, \"}", "[\"a\",\"b\",\"\"]");
	gives(STEP("[{\"split\":\",\"},\"trim\",\"uppercase\",{\"join\":\"|\"}]"), "{\"v\":\"a, b\"}", "\"A|B\"");
	fails(STEP("\"trim\""), "{\"v\":[\"a\",1]}", BROKEN("[\"a\",1] is not of type string, which trim takes"));
	refused(STEP("{\"replace\":[\"(\",\"\"]}"), "/apply/replace/0: expected a regular expression");
	refused(STEP("{\"split\":\"\"}"), "/apply/split: expected one character or more");
	refused(STEP("{\"hash\":\"md5\"}"), "/apply/hash: expected sha1, sha256 or sha512");
	refused(STEP("{\"scale\":65}"), "/apply/scale: expected a small integer");
	refused(STEP("{\"trim\":1}"), "/apply: expected trim, lowercase");
}

static void arrays_are_taken_apart(void **state)
{
	(void)state;
	gives(STEP("\"first\""), "{\"v\":[\"\\u0061\",2]}", "\"\\u0061\"");
	gives(STEP("\"last\""), "{\"v\":[\"a\",{\"n\":1.10}]}", "{\"n\":1.10}");
	gives(V("\"apply\":\"first\",\"default\":0"), "{\"v\":[]}", "0");
	gives(STEP("{\"join\":\"-\"}"), "{\"v\":[\"a\",1.10,null,true]}", "\"a-1.10-true\"");
	gives(STEP("\"flatten\""), "{\"v\":[[1,2],[],3,[[4]]]}", "[1,2,3,[4]]");
	gives(STEP("[\"flatten\",\"first\"]"), "{\"v\":[[],[\"x\"]]}", "\"x\"");
	gives(STEP("\"first\""), "{\"v\":null}", "null");
	fails(STEP("\"first\""), "{\"v\":\"a\"}", BROKEN("\"a\" is not of type array, which first takes"));
	fails(STEP("{\"join\":\",\"}"), "{\"v\":[[]]}",
	      BROKEN("[[]] has an array or object in it, which join does not take"));
	gives(FIELD("\"from\":[\"/mobile\",\"/phone\"],\"apply\":\"first\""), "{\"phone\":\"1\"}", "\"1\"");
	gives(FIELD("\"from\":[\"/a\",\"/b\",\"event:id\"]"), "{\"a\":1.0}", "[1.0,\"evt_91\"]");
}

static void templates_are_filled(void **state)
{
	(void)state;
	gives(FIELD("\"template\":\"{/first} {/last}\""), "{\"first\":\"Ann\",\"last\":\"\\u00c9l\"}",
	      "\"Ann \xc3\x89l\"");
	gives(FIELD("\"template\":\"{event:source}/{/n}{{}}\""), "{\"n\":1.10}", "\"shop/1.10{}\"");
	gives(FIELD("\"template\":\"{/a}{/b}\",\"default\":\"none\""), "{\"a\":1,\"b\":null}", "\"none\"");
	gives(FIELD("\"template\":\"{/a}\",\"apply\":\"uppercase\""), "{\"a\":\"x\"}", "\"X\"");
	fails(FIELD("\"template\":\"{/a}\""), "{\"a\":[1]}", "map m: \"\" (from {/a}): [1] cannot stand in a template");
	fails(FIELD("\"template\":\"{/a}\",\"required\":true"), "{}", "map m: \"\" (from {/a}): required, but missing");
	refused(FIELD("\"template\":\"{/a\""), "/template: a '{' without its '}'");
	refused(FIELD("\"template\":\"a}\""), "/template: a '}' without its '{'");
	refused(FIELD("\"template\":\"{a}\""), "/template: between braces: expected a JSON Pointer");
}

static void values_are_coerced(void **state)
{
	(void)state;
#define COERCE(type) V("\"type\":" type ",\"coerce\":true")
	gives(COERCE("\"number\""), "{\"v\":\" 19.90 \"}", "19.90");
	gives(COERCE("\"number\""), "{\"v\":5}", "5");
	fails(COERCE("\"number\""), "{\"v\":\"1,5\"}", BROKEN("\"1,5\" is not of type number"));
	fails(COERCE("\"integer\""), "{\"v\":\"1.5\"}", BROKEN("\"1.5\" is not of type integer"));
	gives(COERCE("\"string\""), "{\"v\":12345678901234567890}", "\"12345678901234567890\"");
	gives(COERCE("\"string\""), "{\"v\":true}", "\"true\"");
	gives(COERCE("\"boolean\""), "{\"v\":\"Yes\"}", "true");
	gives(COERCE("\"boolean\""), "{\"v\":0}", "false");
	fails(COERCE("\"boolean\""), "{\"v\":2}", BROKEN("2 is not of type boolean"));
	gives(COERCE("[\"number\",\"null\"]"), "{\"v\":null}", "null");
	fails(COERCE("\"string\""), "{\"v\":[]}", BROKEN("[] is not of type string"));
	refused(V("\"coerce\":true"), "/coerce: goes with a \"type\"");
	refused(COERCE("[\"string\",\"number\"]"), "/coerce: goes with a \"type\"");
}

static void missing_is_what_the_map_says(void **state)
{
	(void)state;
	gives(V("\"missing\":\"null\",\"default\":1"), "{\"v\":null}", "1");
	gives(V("\"missing\":\"empty\",\"default\":1"), "{\"v\":null}", "null");
	gives(V("\"missing\":[\"null\",\"empty\"],\"apply\":\"trim\",\"default\":1"), "{\"v\":\"  \"}", "1");
	gives(V("\"missing\":\"empty\",\"default\":1"), "{\"v\":[ ]}", "1");
	gives(
	    "{\"missing\":\"null\",\"fields\":[{\"to\":\"/a\",\"from\":\"/a\"},{\"to\":\"/b\",\"from\":\"/a\",\"missing\":[]}]}",
	    "{\"a\":null}", "{\"b\":null}");
	fails(V("\"missing\":\"empty\",\"required\":true"), "{\"v\":\"\"}", BROKEN("required, but missing"));
}

static void tables_stand_beside_the_map(void **state)
{
	(void)state;
	scratch_put("maps/c.csv",
		    "\xef\xbb\xbf"
		    "code,name,eu\r\nDE,\"Germany, Federal \"\"Republic\"\"\",1\r\nCH,Schweiz,0\r\n",
		    0600);
	gives(V("\"lookup\":\"c.csv\""), "{\"v\":\"DE\"}", "\"Germany, Federal \\\"Republic\\\"\"");
	gives(V("\"lookup\":\"c.csv\",\"column\":\"eu\",\"type\":\"boolean\",\"coerce\":true"), "{\"v\":\"CH\"}",
	      "false");
	fails(V("\"lookup\":\"c.csv\""), "{\"v\":\"XX\"}", BROKEN("\"XX\" is not in the lookup, which has no default"));
	refused(V("\"lookup\":\"c.csv\",\"column\":\"no\""), "the first line names no such column");
	refused(V("\"lookup\":\"c.csv\",\"enum\":[\"Schweiz\"]"), "is not one of [\"Schweiz\"]");
	refused(V("\"lookup\":\"none.csv\""), "none.csv: no such lookup file");
	refused(V("\"lookup\":\"c.txt\""), "expected an object, or a file beside the map");
	refused(V("\"lookup\":\"../c.csv\""), "expected an object, or a file beside the map");
	scratch_put("maps/c.csv", "code,name\nDE,a\nDE,b\n", 0600);
	refused(V("\"lookup\":\"c.csv\""), "\"DE\" stands here twice");
	scratch_put("maps/c.csv", "code,name\n\nDE\n", 0600);
	refused(V("\"lookup\":\"c.csv\""), "line 3 of the file: another number of fields");
	scratch_put("maps/c.csv", "code,name\nDE,\"x\n", 0600);
	refused(V("\"lookup\":\"c.csv\""), "line 2 of the file: quotes that do not end");
	scratch_put("maps/t.lookup.json", "{\"a\": {\"deep\": 1.10}}", 0600);
	gives(V("\"lookup\":\"t.lookup.json\""), "{\"v\":\"a\"}", "{\"deep\": 1.10}");
	refused(V("\"lookup\":\"none.lookup.json\""), "none.lookup.json: No such file");
}

static void conditions_choose_fields(void **state)
{
	(void)state;
#define WHEN(condition) "{\"fields\":[{\"to\":\"/v\",\"const\":1,\"when\":" condition "}]}"
	gives(WHEN("{\"from\":\"/a\",\"enum\":[\"x\"]}"), "{\"a\":\"x\"}", "{\"v\":1}");
	gives(WHEN("{\"from\":\"/a\",\"enum\":[\"x\"]}"), "{\"a\":\"y\"}", "{}");
	gives(WHEN("{\"from\":\"/a\"}"), "{\"a\":null}", "{\"v\":1}");
	gives(WHEN("{\"not\":{\"from\":\"/a\"}}"), "{}", "{\"v\":1}");
	gives(WHEN("[{\"from\":\"/a\",\"minimum\":1},{\"from\":\"/b\"}]"), "{\"a\":1}", "{}");
	gives(WHEN("{\"any\":[{\"from\":\"/a\",\"minimum\":1},{\"from\":\"event:type\",\"pattern\":\"^t\"}]}"), "{}",
	      "{\"v\":1}");
	mapping.explaining = true;
	gives(WHEN("{\"not\":{\"any\":[{\"from\":\"/a\"},{\"from\":\"/b\"}]}}"), "{\"b\":1}", "{}");
	assert_non_null(strstr(mapping.explain.data, "/a or /b: is what it must not be"));
	mapping.explaining = false;
	refused(WHEN("{}"), "/when: expected a condition");
	refused(WHEN("[]"), "/when: expected one condition or more");
	refused(WHEN("{\"from\":\"/a\",\"is\":1}"), "/when/is: unknown key");
	refused(WHEN("{\"not\":{\"from\":\"/a\"},\"type\":\"null\"}"), "/when/type: a rule goes with \"from\"");
}

static void the_rest_passes_through(void **state)
{
	(void)state;
	gives("{\"rest\":true}", "{\"a\": 1.10}", "{\"a\":1.10}");
	gives(
	    "{\"rest\":true,\"remove\":[\"/secret\",\"/o/x\"],\"fields\":[{\"to\":\"/a\",\"from\":\"/a\",\"apply\":\"trim\"},"
	    "{\"to\":\"/o/n\",\"const\":1},{\"to\":\"/z\",\"const\":2},{\"to\":\"/b\",\"from\":\"/no\"}]}",
	    "{\"k\":1.0,\"a\":\" x \",\"secret\":1,\"o\":{\"x\":1,\"y\":2},\"b\":9}",
	    "{\"k\":1.0,\"a\":\"x\",\"o\":{\"y\":2,\"n\":1},\"z\":2}");
	gives(
	    "{\"fields\":[{\"to\":\"/l\",\"each\":\"/l\",\"rest\":true,\"fields\":[{\"to\":\"/order\",\"from\":\"data:/no\"}]}]}",
	    "{\"no\":7,\"l\":[{\"a\":1},{\"order\":0}]}", "{\"l\":[{\"a\":1,\"order\":7},{\"order\":7}]}");
	refused("{\"fields\":[{\"to\":\"/a\",\"const\":1}],\"remove\":[\"/b\"]}",
		"/remove: \"remove\" has no meaning without \"rest\"");
	refused("{\"rest\":true,\"fields\":[{\"to\":\"\",\"const\":1}]}",
		"/rest: has no meaning beside a field to \"\"");
	refused("{\"rest\":true,\"remove\":[\"/a\"],\"fields\":[{\"to\":\"/a/b\",\"const\":1}]}",
		"/remove/0: collides with");
	refused("{\"fields\":[{\"to\":\"/a\",\"from\":\"data:/a\"}]}", "/fields/0/from: expected a JSON Pointer");
}

static void what_comes_in_is_checked_too(void **state)
{
	(void)state;
	const char *map =
	    "{\"input\":[{\"from\":\"/currency\",\"enum\":[\"EUR\"],\"required\":true},{\"from\":\"/n\",\"minimum\":1}],"
	    "\"fields\":[{\"to\":\"/v\",\"from\":\"/v\",\"type\":\"number\"}]}";
	gives(map, "{\"currency\":\"EUR\",\"v\":1}", "{\"v\":1}");
	fails(map, "{\"n\":0,\"v\":\"x\"}",
	      "map m: input /currency: required, but missing; map m: input /n: 0 is less than minimum 1; "
	      "map m: /v (from /v): \"x\" is not of type number");
}

static void maps_that_cannot_work_are_refused(void **state)
{
	(void)state;
	refused(FIELD("\"template\":\"{/a}\",\"type\":\"number\""),
		"/type: no such value can come out of where it comes from, without \"coerce\"");
	refused(FIELD("\"from\":\"event:id\",\"type\":\"object\""), "/type: no such value can come out");
	refused(V("\"apply\":{\"split\":\",\"},\"type\":\"string\""), "/type: no such value can come out");
	refused(V("\"apply\":{\"date\":{\"to\":\"epoch\"}},\"format\":\"date\""), "/to: no such value can come out");
	refused(V("\"apply\":[{\"join\":\",\"},\"first\"]"), "/apply/1: first cannot take what comes to it");
	refused(V("\"minimum\":2,\"maximum\":1"), "/maximum: less than \"minimum\"");
	refused(V("\"minLength\":2,\"maxLength\":1"), "/maxLength: less than \"minLength\"");
	refused(V("\"type\":\"string\",\"enum\":[\"a\",1]"), "/enum/1: cannot come out: it is not of type string");
	refused("{\"body\":\"form\",\"fields\":[{\"to\":\"/a/b\",\"const\":1}]}",
		"/body: a form has no place for \"/a/...\"");
	refused("{\"body\":\"text\",\"fields\":[{\"to\":\"/a\",\"const\":1}]}", "/body: goes with one field, to \"\"");
	refused("{\"body\":\"xml\",\"fields\":[{\"to\":\"/a\",\"const\":1}]}", "/body: expected json, form, text");
	refused(V("\"column\":\"a\""), "\"column\" goes with \"lookup\"");
}

static void rows_are_read(void **state)
{
	(void)state;
	struct csv csv;
	struct buf row = BUF_INIT;
	const char *why;
	csv_open(&csv, SLICE("a,\"b\nc\",\r\n\n\"\"\"\",\nx\"y,z"));
	assert_int_equal(csv_row(&csv, &row, &why), 3);
	assert_memory_equal(row.data, "a\0b\nc\0", 7);
	buf_clear(&row);
	assert_int_equal(csv_row(&csv, &row, &why), 2);
	assert_memory_equal(row.data, "\"\0", 3);
	assert_int_equal(csv.line, 4);
	buf_clear(&row);
	assert_int_equal(csv_row(&csv, &row, &why), 2);
	assert_memory_equal(row.data, "x\"y\0z", 6);
	assert_int_equal(csv_row(&csv, &row, &why), 0);
	csv_open(&csv, SLICE("\"a\"b"));
	assert_int_equal(csv_row(&csv, &row, &why), -1);
	buf_free(&row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(amounts_are_scaled),
	    cmocka_unit_test(dates_are_converted),
	    cmocka_unit_test(dates_follow_the_clocks_of_their_zone),
	    cmocka_unit_test(no_zone_leaks_into_another_date),
	    cmocka_unit_test(dates_that_are_none_are_refused),
	    cmocka_unit_test(strings_are_changed),
	    cmocka_unit_test(arrays_are_taken_apart),
	    cmocka_unit_test(templates_are_filled),
	    cmocka_unit_test(values_are_coerced),
	    cmocka_unit_test(missing_is_what_the_map_says),
	    cmocka_unit_test(tables_stand_beside_the_map),
	    cmocka_unit_test(conditions_choose_fields),
	    cmocka_unit_test(the_rest_passes_through),
	    cmocka_unit_test(what_comes_in_is_checked_too),
	    cmocka_unit_test(maps_that_cannot_work_are_refused),
	    cmocka_unit_test(rows_are_read),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
