/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch.h"

#define REST "\"verify\": {\"scheme\": \"none\"}, \"destinations\": {\"crm\": [\"*\"]}"

static struct source *load(const char *json)
{
	struct diag d;
	scratch_put("sources/x.json", json, 0600);
	struct source *s = source_load(scratch_dir, SLICE("x"), &d);
	if (!s)
		fail_msg("%s: %s", json, d.text);
	return s;
}

static void refuse(const char *json, const char *why)
{
	struct diag d;
	scratch_put("sources/x.json", json, 0600);
	struct source *s = source_load(scratch_dir, SLICE("x"), &d);
	if (s)
		fail_msg("%s: was taken", json);
	assert_int_equal(d.code, DIAG_CONFIG);
	if (!strstr(d.text, why))
		fail_msg("%s: %s", json, d.text);
}

static void every_key_is_read(void **state)
{
	(void)state;
	struct source *s = load(
	    "{\"#\": \"a comment\", \"verify\": {\"scheme\": \"none\"}, \"split\": \"/events\", "
	    "\"id\": [\"/id\", \"header:X-Part\", \"const:v1\"], \"type\": \"/kind\", \"subject\": \"/object\", "
	    "\"time\": \"/at\", \"public_url\": \"https://x.example/y\", \"body_limit\": 4096, "
	    "\"destinations\": {\"#\": \"more\", \"warehouse\": [\"deal.*\", \"contact.new\"], \"archive\": [\"*\"]}}");
	assert_string_equal(s->name, "x");
	assert_string_equal(s->split, "/events");
	assert_int_equal(s->body_limit, 4096);
	assert_int_equal(s->id.count, 3);
	assert_int_equal(s->id.pieces[0].kind, SOURCE_POINTER);
	assert_int_equal(s->id.pieces[1].kind, SOURCE_HEADER);
	assert_string_equal(s->id.pieces[1].rest, "X-Part");
	assert_int_equal(s->id.pieces[2].kind, SOURCE_CONST);
	assert_string_equal(s->id.pieces[2].rest, "v1");
	assert_int_equal(s->time.count, 1);
	assert_int_equal(s->route_count, 2);
	assert_string_equal(s->routes[0].destination, "warehouse"); /* in the order of the file */
	assert_true(source_route_takes(&s->routes[0], "deal.won"));
	assert_true(source_route_takes(&s->routes[0], "contact.new"));
	assert_false(source_route_takes(&s->routes[0], "contact.newer"));
	assert_true(source_route_takes(&s->routes[1], "anything"));
	source_free(s);
}

static void the_least_is_a_scheme_a_type_and_destinations(void **state)
{
	(void)state;
	struct source *s = load("{" REST ", \"type\": \"const:order\"}");
	assert_null(s->split);
	assert_int_equal(s->id.count, 0);
	assert_int_equal(s->body_limit, SOURCE_BODY_LIMIT);
	assert_false(source_reads_json(s));
	source_free(s);
	s = load("{" REST ", \"type\": \"const:order\", \"subject\": \"/id\"}");
	assert_true(source_reads_json(s));
	source_free(s);
	s = load(
	    "{\"verify\": {\"scheme\": \"none\"}, \"destinations\": {}, \"type\": \"header:X-Type\", \"split\": \"\"}");
	assert_int_equal(s->route_count, 0);
	assert_true(source_reads_json(s));
	source_free(s);
}

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	refuse("{" REST "}", "\"type\" is missing");
	refuse("{\"verify\": {\"scheme\": \"none\"}, \"type\": \"/t\"}", "\"destinations\" is missing");
	refuse("{\"type\": \"/t\", \"destinations\": {}}", "\"verify\" is missing");
	refuse("{" REST ", \"type\": \"/t\", \"idd\": \"/x\"}", "/idd: unknown key");
	refuse("{" REST ", \"type\": \"t\"}", "/type: expected a JSON Pointer");
	refuse("{" REST ", \"type\": \"header:\"}", "/type: expected a JSON Pointer");
	refuse("{" REST ", \"type\": 7}", "/type: expected a JSON Pointer");
	refuse("{" REST ", \"type\": []}", "/type: expected a JSON Pointer");
	refuse("{" REST ", \"type\": [\"/a\", 1]}", "/type: expected a JSON Pointer");
	refuse("{" REST ", \"type\": [\"/1\",\"/2\",\"/3\",\"/4\",\"/5\",\"/6\",\"/7\",\"/8\",\"/9\"]}", "up to 8");
	refuse("{" REST ", \"type\": \"/t\", \"split\": \"events\"}", "/split: expected a JSON Pointer");
	refuse("{" REST ", \"type\": \"/t\", \"split\": 1}", "/split: expected a string");
	refuse("{" REST ", \"type\": \"/t\", \"body_limit\": 1}", "/body_limit: expected a whole number");
	refuse("{\"verify\": {\"scheme\": \"none\"}, \"type\": \"/t\", \"destinations\": {\"a/b\": [\"*\"]}}",
	       "not a name");
	refuse("{\"verify\": {\"scheme\": \"none\"}, \"type\": \"/t\", \"destinations\": {\"crm\": \"*\"}}",
	       "/destinations/crm: expected a list");
	refuse("{\"verify\": {\"scheme\": \"none\"}, \"type\": \"/t\", \"destinations\": {\"crm\": []}}",
	       "/destinations/crm: expected a list");
	refuse("{\"verify\": {\"scheme\": \"none\"}, \"type\": \"/t\", \"destinations\": {\"crm\": [\"*\", 1]}}",
	       "/destinations/crm: expected a list");
}

static void an_id_that_never_changes_is_refused(void **state)
{
	(void)state;
	refuse("{" REST ", \"type\": \"/t\", \"id\": \"const:1\"}", "/id: every event would have this id");
	refuse("{" REST ", \"type\": \"/t\", \"id\": [\"const:1\", \"const:2\"]}",
	       "/id: every event would have this id");
	source_free(load("{" REST ", \"type\": \"/t\", \"id\": [\"const:1\", \"header:X\"]}"));
}

static void an_id_that_no_signature_covers_is_known(void **state)
{
	(void)state;
	static const struct {
		const char *verify, *id;
		bool is_unsigned;
	} cases[] = {
	    {"\"scheme\": \"github\"", "\"id\": \"header:X-GitHub-Delivery\"", true},
	    {"\"scheme\": \"shopify\"", "\"id\": \"header:X-Shopify-Webhook-Id\"", true},
	    {"\"scheme\": \"github\"", "\"id\": [\"/id\", \"header:X-GitHub-Delivery\"]", true},
	    {"\"scheme\": \"github\"", "\"subject\": \"/s\"", true}, /* an id of ours for each request */
	    {"\"scheme\": \"github\"", "\"id\": \"/id\"", false},
	    {"\"scheme\": \"standard-webhooks\"", "\"id\": \"header:Webhook-ID\"", false},
	    {"\"scheme\": \"slack\"", "\"id\": \"header:x-slack-request-timestamp\"", false},
	    {"\"scheme\": \"hmac\", \"header\": \"X-Sign\", \"signed\": \"{header:X-Id}.{body}\"",
	     "\"id\": \"header:x-id\"", false},
	    {"\"scheme\": \"hmac\", \"header\": \"X-Sign\"", "\"id\": \"header:X-Id\"", true},
	    {"\"scheme\": \"bearer\"", "\"id\": \"header:X-Id\"", false}, /* who has the token needs no repeats */
	};
	scratch_put("s", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0600);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char json[512];
		snprintf(json, sizeof json,
			 "{\"verify\": {%s, \"secret_file\": \"s\"}, %s, \"type\": \"const:t\", \"destinations\": {}}",
			 cases[i].verify, cases[i].id);
		struct source *s = load(json);
		if (s->id_unsigned != cases[i].is_unsigned)
			fail_msg("%s", json);
		source_free(s);
	}
	struct source *s = load("{" REST ", \"type\": \"const:t\", \"id\": \"header:X-Id\"}");
	assert_false(s->id_unsigned);
	source_free(s);
}

static void all_files_are_read_and_a_broken_one_fails_them(void **state)
{
	(void)state;
	struct sources all;
	struct diag d;
	scratch_put("sources/x.json", "{" REST ", \"type\": \"/t\"}", 0600);
	scratch_put("sources/a.b-c.json", "{" REST ", \"type\": \"/t\"}", 0600);
	scratch_put("sources/.x.json", "hidden", 0600);
	scratch_put("sources/x.json.bak", "old", 0600);
	assert_int_equal(sources_load(&all, scratch_dir, &d), 0);
	assert_int_equal(all.count, 2);
	assert_non_null(sources_find(&all, SLICE("x")));
	assert_non_null(sources_find(&all, SLICE("a.b-c")));
	assert_null(sources_find(&all, SLICE("X")));
	assert_null(sources_find(&all, SLICE("")));
	sources_free(&all);
	scratch_put("sources/broken.json", "{", 0600);
	assert_int_equal(sources_load(&all, scratch_dir, &d), -1);
	assert_int_equal(d.code, DIAG_CONFIG);
	assert_non_null(strstr(d.text, "broken.json"));
	remove(scratch_path("sources/broken.json"));
	remove(scratch_path("sources/x.json"));
	remove(scratch_path("sources/a.b-c.json"));
	assert_int_equal(sources_load(&all, scratch_dir, &d), -1);
	assert_non_null(strstr(d.text, "no source"));
	assert_int_equal(sources_load(&all, "/nowhere", &d), -1);
	assert_int_equal(d.code, DIAG_CONFIG);
}

static int make_folder(void **state)
{
	(void)state;
	return scratch_make("sources");
}

static int remove_folder(void **state)
{
	(void)state;
	return scratch_remove();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_key_is_read),
	    cmocka_unit_test(the_least_is_a_scheme_a_type_and_destinations),
	    cmocka_unit_test(what_is_wrong_is_named),
	    cmocka_unit_test(an_id_that_never_changes_is_refused),
	    cmocka_unit_test(an_id_that_no_signature_covers_is_known),
	    cmocka_unit_test(all_files_are_read_and_a_broken_one_fails_them),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
