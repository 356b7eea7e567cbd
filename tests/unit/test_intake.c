/* SPDX-License-Identifier: MIT */
#include "intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <strings.h>

#include <cmocka.h>

#include "scratch.h"

static struct sources all;
static struct intake in = INTAKE_INIT;
static const char *answer_type;

/* A request of these headers: name, value, name, value, NULL. */
static struct request with_headers(struct request r, const char **headers)
{
	static struct request_header list[16];
	for (r.headers = list; headers && headers[0]; headers += 2)
		list[r.header_count++] = (struct request_header){slice_of(headers[0]), slice_of(headers[1])};
	return r;
}

#define HEADERS(...) ((const char *[]){__VA_ARGS__, NULL})
#define JSON         HEADERS("Content-Type", "application/json")

static void use(const char *json)
{
	struct diag d;
	scratch_put("sources/x.json", json, 0600);
	sources_free(&all);
	if (sources_load(&all, scratch_dir, &d) < 0)
		fail_msg("%s", d.text);
}

static void ask(const char *method, const char *path, const char **headers, struct slice body)
{
	struct request r =
	    with_headers((struct request){.method = slice_of(method), .path = slice_of(path), .body = body}, headers);
	intake_clear(&in);
	const struct source *s = intake_open(&in, &all, &r);
	if (s)
		intake_body(&in, s, &r, INT64_C(1700000000000));
}

static void post(const char *body, const char **headers)
{
	ask("POST", "/x", headers, slice_of(body));
}

static void refused(int status, const char *why)
{
	if (in.status != status || !strstr(in.why.text, why))
		fail_msg("%d %s", in.status, in.status ? in.why.text : "");
}

static void taken(size_t count)
{
	if (in.status)
		fail_msg("%d %s", in.status, in.why.text);
	assert_int_equal(in.count, count);
}

static void is(struct slice text, const char *expected)
{
	if (!slice_is(text, expected))
		fail_msg("'%.*s', not '%s'", (int)text.len, text.ptr ? text.ptr : "(none)", expected);
}

#define NONE        "\"verify\": {\"scheme\": \"none\"}"
#define DESTINATION "\"destinations\": {\"crm\": [\"contact.*\"], \"log\": [\"*\"]}"
#define SINGLE                                                                                                         \
	"{" NONE ", " DESTINATION ", \"id\": \"/id\", \"type\": \"/type\", \"subject\": \"/s\", \"time\": \"/t\"}"
#define SPLIT "{" NONE ", " DESTINATION ", \"split\": \"/events\", \"id\": \"/id\", \"type\": \"/type\"}"

static void a_request_is_one_event(void **state)
{
	(void)state;
	use(SINGLE);
	post(
	    " {\"id\": 12345678901234567890, \"type\":\"contact.new\",\"s\":\"a\\/b\",\"t\":\"2026-11-23T06:31:39.123Z\","
	    "\"amount\": 19.90}\n",
	    HEADERS("Content-Type", "application/json; charset=utf-8"));
	taken(1);
	const struct event *e = in.rows[0].event;
	is(e->id, "12345678901234567890");
	is(e->source, "x");
	is(e->type, "contact.new");
	is(e->subject, "a/b");
	is(e->time, "2026-11-23T06:31:39.123Z");
	is(e->content_type, "application/json; charset=utf-8");
	is(e->data, "{\"id\": 12345678901234567890, \"type\":\"contact.new\",\"s\":\"a\\/b\","
		    "\"t\":\"2026-11-23T06:31:39.123Z\",\"amount\": 19.90}");
	assert_int_equal(e->body, EVENT_JSON);
	assert_int_equal(in.rows[0].destination_count, 2);
	is(in.rows[0].destinations[0], "crm");
	is(in.rows[0].destinations[1], "log");
	assert_null(in.rows[0].error.ptr);
}

static void destinations_go_by_type(void **state)
{
	(void)state;
	use("{" NONE ", \"type\": \"/type\", \"destinations\": {\"crm\": [\"contact.*\"], \"erp\": [\"order.paid\"]}}");
	post("{\"type\":\"order.paid\"}", JSON);
	taken(1);
	assert_int_equal(in.rows[0].destination_count, 1);
	is(in.rows[0].destinations[0], "erp");
	post("{\"type\":\"ping\"}", JSON);
	taken(1);
	assert_int_equal(in.rows[0].destination_count, 0);
	assert_null(in.rows[0].error.ptr);
}

static void an_array_is_split_and_pointers_are_relative(void **state)
{
	(void)state;
	use(SPLIT);
	post("{\"id\":0,\"events\":[{\"id\":\"a\",\"type\":\"t\"}, {\"id\":\"b\",\"type\":true}]}", JSON);
	taken(2);
	is(in.rows[0].event->id, "a");
	is(in.rows[0].event->data, "{\"id\":\"a\",\"type\":\"t\"}");
	is(in.rows[1].event->id, "b");
	is(in.rows[1].event->type, "true");
	post("{\"events\":[]}", JSON);
	taken(0);
	post("{\"events\":{}}", JSON);
	refused(400, "expected an array at \"/events\"");
	post("{}", JSON);
	refused(400, "expected an array");
	use("{" NONE ", " DESTINATION ", \"split\": \"\", \"id\": \"\", \"type\": \"const:t\"}");
	post("[1,2,3]", JSON);
	taken(3);
	is(in.rows[2].event->id, "3");
}

static void a_split_request_may_hold_so_many_events(void **state)
{
	(void)state;
	struct buf body = BUF_INIT;
	use("{" NONE ", " DESTINATION ", \"split\": \"\", \"id\": \"\", \"type\": \"const:t\"}");
	buf_add_text(&body, "[0");
	for (int i = 1; i < INTAKE_EVENTS; i++)
		buf_printf(&body, ",%d", i);
	size_t full = body.len;
	buf_add_text(&body, "]");
	ask("POST", "/x", JSON, buf_slice(&body));
	taken(INTAKE_EVENTS);
	is(in.rows[INTAKE_EVENTS - 1].event->id, "4095");
	body.len = full;
	buf_add_text(&body, ",1]");
	ask("POST", "/x", JSON, buf_slice(&body));
	refused(413, "4097 events");
	buf_free(&body);
}

static void a_list_is_joined_and_a_header_id_is_numbered(void **state)
{
	(void)state;
	use("{" NONE ", " DESTINATION
	    ", \"split\": \"\", \"id\": [\"header:X-Id\", \"const:v1\"], \"type\": \"const:t\", "
	    "\"subject\": [\"const:deal\", \"/n\", \"/m\"]}");
	post("[{\"n\":1,\"m\":\"\\u00e9\"},{\"n\":2}]", HEADERS("Content-Type", "application/json", "x-id", "abc"));
	taken(2);
	is(in.rows[0].event->id, "abc/v1#1");
	is(in.rows[1].event->id, "abc/v1#2");
	is(in.rows[0].event->subject, "deal/1/\xc3\xa9");
	assert_null(in.rows[1].event->subject.ptr); /* one piece is missing, so the subject is */
	assert_null(in.rows[1].error.ptr);
	use("{" NONE ", " DESTINATION ", \"id\": \"header:X-Id\", \"type\": \"const:t\"}");
	post("{}", HEADERS("Content-Type", "application/json", "x-id", "abc"));
	taken(1);
	is(in.rows[0].event->id, "abc");
	use("{" NONE ", " DESTINATION ", \"split\": \"\", \"id\": [\"header:X-Id\", \"/n\"], \"type\": \"const:t\"}");
	post("[{\"n\":1}]", HEADERS("Content-Type", "application/json", "x-id", "abc"));
	is(in.rows[0].event->id, "abc/1");
}

static void without_an_id_each_event_gets_one_of_its_own(void **state)
{
	(void)state;
	use("{" NONE ", " DESTINATION ", \"split\": \"\", \"type\": \"const:t\"}");
	post("[{},{}]", JSON);
	taken(2);
	assert_int_equal(in.rows[0].event->id.len, 36);
	assert_false(slice_equal(in.rows[0].event->id, in.rows[1].event->id));
	assert_null(in.rows[0].error.ptr);
}

static void an_element_without_its_parts_fails_alone(void **state)
{
	(void)state;
	use(SPLIT);
	post(
	    "{\"events\":[{\"id\":\"a\"}, {\"id\":\"b\",\"type\":\"t\"}, {\"type\":\"t\"}, {\"id\":null,\"type\":{}}, 7, "
	    "{\"id\":\"\\u0000\",\"type\":\"t\"}, {\"id\":\"\\ud800\",\"type\":\"t\"}, {\"id\":\"\\udc00\",\"type\":\"t\"}]}",
	    JSON);
	taken(8);
	is(in.rows[0].error, "no type: /type is missing, empty, or neither text nor number");
	is(in.rows[0].event->id, "a");
	is(in.rows[0].event->type, "unknown");
	assert_int_equal(in.rows[0].destination_count, 0);
	assert_null(in.rows[1].error.ptr);
	is(in.rows[2].error, "no id: /id is missing, empty, or neither text nor number");
	is(in.rows[2].event->type, "t");
	assert_memory_equal(in.rows[2].event->id.ptr, "sha256:", 7);
	assert_int_equal(in.rows[2].event->id.len, 7 + 64);
	assert_non_null(in.rows[3].error.ptr);
	assert_non_null(in.rows[4].error.ptr);
	is(in.rows[4].event->data, "7");
	is(in.rows[5].error, "the id is not fit to be one: over 1024 bytes, not UTF-8, or with control characters");
	is(in.rows[6].error,
	   "no id: /id is missing, empty, or neither text nor number"); /* half a surrogate pair is no text */
	assert_false(slice_equal(in.rows[6].event->id, in.rows[7].event->id));
	char id[72];
	memcpy(id, in.rows[2].event->id.ptr, 71);
	post("{\"events\":[ {\"type\":\"t\"}]}", JSON);
	assert_memory_equal(in.rows[0].event->id.ptr, id, 71); /* the same element, known again */
}

static void a_request_without_its_parts_is_journaled_as_failed(void **state)
{
	(void)state;
	use(SINGLE);
	post("{\"type\":\"contact.new\"}", JSON);
	taken(1);
	assert_non_null(in.rows[0].error.ptr);
	is(in.rows[0].event->type, "contact.new");
	assert_int_equal(in.rows[0].destination_count, 0);
	post("{\"id\":1,\"type\":\"a\",\"s\":\"line\\nbreak\"}", JSON);
	is(in.rows[0].error,
	   "the subject is not fit to be one: over 1024 bytes, not UTF-8, or with control characters");
	use("{" NONE ", " DESTINATION ", \"id\": \"header:X-Id\", \"type\": \"const:t\"}");
	post("{}", HEADERS("Content-Type", "application/json", "X-Id", "a", "X-Id", "b"));
	taken(1);
	assert_non_null(in.rows[0].error.ptr);
}

static void times_are_made_rfc_3339(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
	    {"\"2026-11-23T06:31:39+01:00\"", "2026-11-23T06:31:39+01:00"},
	    {"1700000000", "2023-11-14T22:13:20.000Z"},
	    {"1700000000123", "2023-11-14T22:13:20.123Z"},
	    {"\"1700000000\"", "2023-11-14T22:13:20.000Z"},
	};
	char body[128];
	use(SINGLE);
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		snprintf(body, sizeof body, "{\"id\":1,\"type\":\"t\",\"t\":%s}", pairs[i][0]);
		post(body, JSON);
		is(in.rows[0].event->time, pairs[i][1]);
	}
	post("{\"id\":1,\"type\":\"t\",\"t\":\"yesterday\"}", JSON);
	taken(1);
	assert_null(in.rows[0].event->time.ptr);
	assert_null(in.rows[0].error.ptr);
}

static void only_the_path_of_a_source_is_known(void **state)
{
	(void)state;
	static const char *const unknown[] = {"/",    "",      "x",     "/y",   "/x/", "/x/y",    "//x",
					      "/%78", "/x%00", "/../x", "/./x", "/X",  "/x.json", "/sources/x"};
	use(SINGLE);
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
		ask("POST", unknown[i], JSON, SLICE("{}"));
		refused(404, "no such source");
	}
	struct request r = {.method = SLICE("POST"), .path = {"/x\0y", 4}, .body = SLICE("{}")};
	intake_clear(&in);
	assert_null(intake_open(&in, &all, &r));
	refused(404, "no such source");
}

static void only_post_is_taken(void **state)
{
	(void)state;
	static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post", "PATCH"};
	use(SINGLE);
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
		ask(methods[i], "/x", JSON, SLICE(""));
		refused(405, "sent with POST");
		assert_string_equal(in.field, "Allow");
		assert_string_equal(in.field_value, "POST");
	}
}

static void what_is_not_json_is_told_where(void **state)
{
	(void)state;
	use(SINGLE);
	post("{\"id\":1,}", JSON);
	refused(400, "at byte 8");
	post("", JSON);
	refused(400, "not JSON");
	post("{} {}", JSON);
	refused(400, "at byte 3");
	post("{\"id\":1", HEADERS("Content-Type", "text/plain")); /* it begins like JSON */
	refused(400, "not JSON");
}

static void json_is_taken_from_tools_that_say_little(void **state)
{
	(void)state;
	static const char *const types[] = {"text/plain",
					    "application/x-www-form-urlencoded",
					    "text/plain; charset=utf-8",
					    "application/vnd.api+json",
					    "Application/JSON ; v=1",
					    "text/json"};
	use(SINGLE);
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		post("\n {\"id\":1,\"type\":\"t\"}", HEADERS("Content-Type", types[i]));
		taken(1);
		is(in.rows[0].event->content_type, i < 3 ? "application/json" : types[i]);
		assert_int_equal(in.rows[0].event->body, EVENT_JSON);
	}
	post("{\"id\":1,\"type\":\"t\"}", HEADERS("X", "y"));
	taken(1);
}

static void other_types_are_refused_where_json_is_needed(void **state)
{
	(void)state;
	use(SINGLE);
	post("id=1&type=t", HEADERS("Content-Type", "application/x-www-form-urlencoded"));
	refused(415, "expected JSON (Content-Type: application/json), not application/x-www-form-urlencoded");
	post("{\"id\":1,\"type\":\"t\"}", HEADERS("Content-Type", "application/xml"));
	refused(415, "not application/xml");
	post("hello", HEADERS("X", "y"));
	refused(415, "expected JSON");
	post("", HEADERS("X", "y"));
	refused(400, "the body is empty");
	post("{}", HEADERS("Content-Type", "application/json", "Content-Encoding", "br"));
	refused(415, "Content-Encoding");
	post("{}", HEADERS("Content-Type", "application/json", "Content-Encoding", "gzip"));
	refused(400, "not gzip");
	post("{}", HEADERS("Content-Type", "application/json", "content-type", "text/plain"));
	refused(400, "more than once");
	post("{\"id\":1,\"type\":\"t\"}", HEADERS("Content-Type", "application/json", "Content-Encoding", "identity"));
	taken(1);
}

static void other_types_travel_as_bytes_where_it_is_not(void **state)
{
	(void)state;
	use("{" NONE ", " DESTINATION ", \"id\": \"header:X-Id\", \"type\": \"const:t\"}");
	ask("POST", "/x", HEADERS("Content-Type", "image/png", "X-Id", "1"), (struct slice){"\x89PNG\0", 5});
	taken(1);
	assert_int_equal(in.rows[0].event->body, EVENT_BYTES);
	assert_int_equal(in.rows[0].event->data.len, 5);
	is(in.rows[0].event->content_type, "image/png");
	post("[draft] hello", HEADERS("Content-Type", "text/plain", "X-Id", "1"));
	taken(1);
	assert_int_equal(in.rows[0].event->body, EVENT_BYTES);
	post("", HEADERS("X-Id", "1"));
	taken(1);
	assert_int_equal(in.rows[0].event->body, EVENT_NONE);
	post("{\"a\":1}", HEADERS("X-Id", "1"));
	assert_int_equal(in.rows[0].event->body, EVENT_JSON);
	post("{", HEADERS("Content-Type", "application/json", "X-Id", "1"));
	refused(400, "not JSON");
}

static void too_much_is_refused(void **state)
{
	(void)state;
	struct buf body = BUF_INIT;
	use("{" NONE ", " DESTINATION ", \"id\": \"/id\", \"type\": \"/type\", \"body_limit\": 2000000}");
	buf_add_text(&body, "{\"id\":1,\"type\":\"t\",\"x\":\"");
	while (body.len < EVENT_LINE_LIMIT - 300)
		buf_add_char(&body, 'x');
	size_t fits = body.len;
	buf_add_text(&body, "\"}");
	ask("POST", "/x", JSON, buf_slice(&body));
	taken(1);
	body.len = fits;
	while (body.len < EVENT_LINE_LIMIT)
		buf_add_char(&body, 'x');
	buf_add_text(&body, "\"}");
	ask("POST", "/x", JSON, buf_slice(&body));
	refused(413, "the limit is 1048576");
	while (body.len < 2000001)
		buf_add_char(&body, ' ');
	ask("POST", "/x", JSON, buf_slice(&body));
	refused(413, "a body of more than 2000000 bytes");
	buf_free(&body);
}

static void the_signature_comes_before_everything_in_the_body(void **state)
{
	(void)state;
	scratch_put("s", "t0ken", 0600);
	use("{\"verify\": {\"scheme\": \"bearer\", \"secret_file\": \"s\"}, \"type\": \"/type\", " DESTINATION "}");
	post("{", HEADERS("Content-Type", "application/json", "Authorization", "Bearer wrong"));
	refused(401, "does not match");
	assert_string_equal(in.field, "WWW-Authenticate");
	post("{\"type\":\"t\"}", HEADERS("Content-Type", "application/json", "Authorization", "Bearer t0ken"));
	taken(1);
	assert_null(in.field);
}

/* X-Sign: HMAC-SHA256 of the body, with the secret "k". */
static void rows_tell_that_no_signature_covers_their_id(void **state)
{
	(void)state;
#define SIGNED  "\"verify\": {\"scheme\": \"hmac\", \"header\": \"X-Sign\", \"secret_file\": \"k\"}, " DESTINATION
#define LIST    "afc32e89ac3e8126ad0e51b1fa11ae3dbbc1991178d0783bba7a5a9c006e7605"
#define CE_SIGN "e9fa4c0be89c2ef970857c529caac14f49d6a27aa09a8256d0a6750071dbdc57"
	static const char list[] = "[{\"type\":\"t\"},{\"type\":\"u\"}]",
			  cloudevent[] = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}";
	scratch_put("k", "k", 0600);
	use("{" SIGNED ", \"split\": \"\", \"id\": \"header:X-Id\", \"type\": \"/type\"}");
	post(list, HEADERS("Content-Type", "application/json", "X-Sign", LIST, "X-Id", "1"));
	taken(2);
	assert_true(in.rows[0].id_unsigned && in.rows[1].id_unsigned);
	use("{" SIGNED ", \"split\": \"\", \"id\": \"/type\", \"type\": \"/type\"}");
	post(list, HEADERS("Content-Type", "application/json", "X-Sign", LIST, "X-Id", "1"));
	taken(2);
	assert_false(in.rows[0].id_unsigned || in.rows[1].id_unsigned);
	use("{" SIGNED ", \"format\": \"cloudevents\"}");
	post(cloudevent, HEADERS("Content-Type", "application/cloudevents+json", "X-Sign", CE_SIGN));
	taken(1);
	assert_false(in.rows[0].id_unsigned); /* it is in the body */
	post(cloudevent, HEADERS("Content-Type", "application/json", "X-Sign", CE_SIGN, "ce-specversion", "1.0",
				 "ce-id", "1", "ce-source", "s", "ce-type", "t"));
	taken(1);
	assert_true(in.rows[0].id_unsigned);
	use("{" SIGNED ", \"type\": \"/type\"}");
	intake_clear(&in);
	intake_record(&in, all.list[0], SLICE("{\"type\":\"t\"}"), 0); /* comes from us, unsigned */
	taken(1);
	assert_false(in.rows[0].id_unsigned);
}

static void a_record_is_a_body_without_a_sender(void **state)
{
	(void)state;
	use(SINGLE);
	intake_clear(&in);
	intake_record(&in, all.list[0], SLICE("{\"id\":1,\"type\":\"t\"}"), 0);
	taken(1);
	is(in.rows[0].event->content_type, "application/json");
	intake_clear(&in);
	intake_record(&in, all.list[0], SLICE("{\"id\":1,"), 0);
	refused(400, "at byte 8");
	use("{" NONE ", " DESTINATION ", \"id\": \"header:X-Id\", \"type\": \"const:t\"}");
	intake_clear(&in);
	intake_record(&in, all.list[0], SLICE("{}"), 0);
	taken(1);
	is(in.rows[0].error, "no id: header:X-Id is missing, empty, or neither text nor number");
}

static void answer_is(int status, const char *text)
{
	struct buf body = BUF_INIT;
	assert_int_equal(intake_answer(&in, &body, &answer_type), status);
	assert_string_equal(body.data, text);
	buf_free(&body);
}

static void the_answer_counts_what_became_of_them(void **state)
{
	(void)state;
	use(SPLIT);
	post("{\"events\":[{\"id\":1,\"type\":\"t\"},{\"id\":2,\"type\":\"t\"},{\"id\":3}]}", JSON);
	taken(3);
	in.rows[1].answer = JOURNAL_DUPLICATE;
	answer_is(202, "{\"accepted\":2,\"duplicates\":1,\"failed\":1}\n");
	in.rows[0].answer = in.rows[1].answer = JOURNAL_DUPLICATE;
	in.rows[2].answer = JOURNAL_CONFLICT;
	answer_is(200, "{\"accepted\":0,\"duplicates\":2,\"conflicts\":1}\n");
	in.rows[2].answer = JOURNAL_ACCEPTED;
	in.rows[2].repeat = true;
	answer_is(202, "{\"accepted\":1,\"duplicates\":2,\"repeats\":1,\"failed\":1}\n");
	post("{", JSON);
	answer_is(400, "{\"error\":\"not JSON: the text ends too early at byte 1 of the body\"}\n");
}

static int make_folder(void **state)
{
	(void)state;
	return scratch_make("sources");
}

static int remove_folder(void **state)
{
	(void)state;
	intake_free(&in);
	sources_free(&all);
	return scratch_remove();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_request_is_one_event),
	    cmocka_unit_test(destinations_go_by_type),
	    cmocka_unit_test(an_array_is_split_and_pointers_are_relative),
	    cmocka_unit_test(a_split_request_may_hold_so_many_events),
	    cmocka_unit_test(a_list_is_joined_and_a_header_id_is_numbered),
	    cmocka_unit_test(without_an_id_each_event_gets_one_of_its_own),
	    cmocka_unit_test(an_element_without_its_parts_fails_alone),
	    cmocka_unit_test(a_request_without_its_parts_is_journaled_as_failed),
	    cmocka_unit_test(times_are_made_rfc_3339),
	    cmocka_unit_test(only_the_path_of_a_source_is_known),
	    cmocka_unit_test(only_post_is_taken),
	    cmocka_unit_test(what_is_not_json_is_told_where),
	    cmocka_unit_test(json_is_taken_from_tools_that_say_little),
	    cmocka_unit_test(other_types_are_refused_where_json_is_needed),
	    cmocka_unit_test(other_types_travel_as_bytes_where_it_is_not),
	    cmocka_unit_test(too_much_is_refused),
	    cmocka_unit_test(the_signature_comes_before_everything_in_the_body),
	    cmocka_unit_test(rows_tell_that_no_signature_covers_their_id),
	    cmocka_unit_test(a_record_is_a_body_without_a_sender),
	    cmocka_unit_test(the_answer_counts_what_became_of_them),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
