/* SPDX-License-Identifier: MIT */
#include "answer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scratch.h"

static struct conf conf;
static struct conf_object root;
static struct diag why;

static int load(struct answer_conditions *c, const char *json)
{
	scratch_put("destinations/x.json", json, 0600);
	assert_int_equal(conf_open(&conf, scratch_dir, "destinations", SLICE("x"), &root, &why), 0);
	answer_conditions_load(c, &root, "when", true);
	conf_end(&root);
	return conf_close(&conf);
}

static void conditions_are_met_by_value(void **state)
{
	(void)state;
	static const struct {
		const char *when, *body;
		bool met;
	} rows[] = {
	    {"{\"pointer\": \"/ok\", \"is\": false}", "{\"ok\":false}", true},
	    {"{\"pointer\": \"/ok\", \"is\": false}", "{\"ok\":true}", false},
	    {"{\"pointer\": \"/ok\", \"is\": false}", "{\"ok\":\"false\"}", false},
	    {"{\"pointer\": \"/ok\", \"is\": false}", "{}", false},
	    {"{\"pointer\": \"/ok\", \"is\": false}", NULL, false},
	    {"{\"pointer\": \"/ok\", \"is_not\": true}", "{\"ok\":false}", true},
	    {"{\"pointer\": \"/ok\", \"is_not\": true}", "{}", true},
	    {"{\"pointer\": \"/ok\", \"is_not\": true}", NULL, true},
	    {"{\"pointer\": \"/ok\", \"is_not\": true}", "{\"ok\":true}", false},
	    {"{\"pointer\": \"/code\", \"is\": 17}", "{\"code\":1.7e1}", true},
	    {"{\"pointer\": \"/code\", \"is\": 17}", "{\"code\":17.5}", false},
	    {"{\"pointer\": \"/a/0/b\", \"is\": \"x\\u00e4\"}", "{\"a\":[{\"b\":\"x\\u00e4\"}]}", true},
	    {"{\"pointer\": \"/a\", \"is\": null}", "{\"a\":null}", true},
	    {"{\"pointer\": \"\", \"is\": \"no\"}", "\"no\"", true},
	    {"{\"pointer\": \"/m\", \"contains\": \"exists\"}", "{\"m\":\"it exists, already\"}", true},
	    {"{\"pointer\": \"/m\", \"contains\": \"exists\"}", "{\"m\":[\"exists\"]}", false},
	    {"{\"pointer\": \"/errors\", \"not_empty\": true}", "{\"errors\":[1]}", true},
	    {"{\"pointer\": \"/errors\", \"not_empty\": true}", "{\"errors\":{\"a\":1}}", true},
	    {"{\"pointer\": \"/errors\", \"not_empty\": true}", "{\"errors\":0}", true},
	    {"{\"pointer\": \"/errors\", \"not_empty\": true}", "{\"errors\":[]}", false},
	    {"{\"pointer\": \"/errors\", \"not_empty\": true}", "{\"errors\":\"\"}", false},
	    {"{\"pointer\": \"/errors\", \"not_empty\": true}", "{\"errors\":null}", false},
	    {"{\"pointer\": \"/errors\", \"not_empty\": true}", "{}", false},
	    {"[{\"pointer\": \"/a\", \"is\": 1}, {\"pointer\": \"/b\", \"is\": 1}]", "{\"b\":1}", true},
	    {"[]", "{\"b\":1}", false},
	};
	struct jtext json = JTEXT_INIT;
	struct jtext_error error;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct answer_conditions c;
		char text[256];
		snprintf(text, sizeof text, "{\"when\": %s}", rows[i].when);
		if (load(&c, text) < 0)
			fail_msg("%s: %s", text, why.text);
		if (rows[i].body)
			assert_int_equal(jtext_parse(&json, slice_of(rows[i].body), &error), 0);
		const struct answer answer = {.json = rows[i].body ? &json : NULL};
		if ((answer_meets(&answer, &c) != NULL) != rows[i].met)
			fail_msg("%s of %s", rows[i].when, rows[i].body ? rows[i].body : "no JSON");
		answer_conditions_free(&c);
	}
	jtext_free(&json);
}

static void the_first_that_holds_says_what_then(void **state)
{
	(void)state;
	struct answer_conditions c;
	struct jtext json = JTEXT_INIT;
	struct jtext_error error;
	assert_int_equal(load(&c, "{\"when\": [{\"pointer\": \"/error\", \"is\": \"busy\", \"then\": \"retry\"},"
				  "{\"pointer\": \"/ok\", \"is\": false}]}"),
			 0);
	const struct answer answer = {.json = &json};
	assert_int_equal(jtext_parse(&json, SLICE("{\"ok\":false,\"error\":\"busy\"}"), &error), 0);
	assert_true(answer_meets(&answer, &c)->again);
	assert_int_equal(jtext_parse(&json, SLICE("{\"ok\":false,\"error\":\"wrong\"}"), &error), 0);
	assert_false(answer_meets(&answer, &c)->again);
	answer_conditions_free(&c);
	jtext_free(&json);
}

static void wrong_conditions_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *when, *why;
	} rows[] = {
	    {"{\"is\": 1}", "/when: \"pointer\" is missing"},
	    {"{\"pointer\": \"ok\", \"is\": 1}", "/when/pointer: expected a JSON Pointer"},
	    {"{\"pointer\": \"/ok\"}", "/when: expected one of"},
	    {"{\"pointer\": \"/ok\", \"is\": 1, \"contains\": \"x\"}", "/when: expected one of"},
	    {"{\"pointer\": \"/ok\", \"is\": 1.5}", "/when/is: expected a string, an integer"},
	    {"{\"pointer\": \"/ok\", \"is\": []}", "/when/is: expected a string, an integer"},
	    {"{\"pointer\": \"/ok\", \"not_empty\": false}", "/when/not_empty: expected true"},
	    {"{\"pointer\": \"/ok\", \"contains\": \"\"}", "/when/contains: expected a text"},
	    {"[{\"pointer\": \"/ok\", \"is\": 1}, 7]", "/when/1: expected an object"},
	    {"[{\"pointer\": \"/ok\", \"is\": 1, \"then\": \"stop\"}]", "/when/0/then"},
	    {"{\"pointer\": \"/ok\", \"is\": 1, \"iss\": 1}", "unknown key"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct answer_conditions c;
		char text[256];
		snprintf(text, sizeof text, "{\"when\": %s}", rows[i].when);
		assert_int_equal(load(&c, text), -1);
		if (!strstr(why.text, rows[i].why))
			fail_msg("%s: %s", rows[i].when, why.text);
		answer_conditions_free(&c);
	}
}

static void places_are_pointers_or_headers(void **state)
{
	(void)state;
	struct answer_place p;
	struct buf scratch = BUF_INIT;
	struct jtext json = JTEXT_INIT;
	struct jtext_error error;
	assert_int_equal(jtext_parse(&json, SLICE("{\"id\":12345678901234567890,\"n\":\"\\u0041\"}"), &error), 0);
	const struct answer answer = {.head = SLICE("HTTP/1.1 201 Created\r\nLocation: /x/7\r\n\r\n"), .json = &json};
	assert_int_equal(answer_place_set(&p, strdup("/id")), 0);
	assert_true(slice_is(answer_at(&answer, &p, &scratch), "12345678901234567890"));
	answer_place_free(&p);
	assert_null(answer_at(&answer, &p, &scratch).ptr);
	assert_int_equal(answer_place_set(&p, strdup("/n")), 0);
	assert_true(slice_is(answer_at(&answer, &p, &scratch), "A"));
	answer_place_free(&p);
	assert_int_equal(answer_place_set(&p, strdup("header:location")), 0);
	assert_true(slice_is(answer_at(&answer, &p, &scratch), "/x/7"));
	answer_place_free(&p);
	assert_int_equal(answer_place_set(&p, strdup("header:a b")), -1);
	answer_place_free(&p);
	assert_int_equal(answer_place_set(&p, strdup("id")), -1);
	answer_place_free(&p);
	buf_free(&scratch);
	jtext_free(&json);
}

static int make_folder(void **state)
{
	(void)state;
	return scratch_make("destinations");
}

static int remove_folder(void **state)
{
	(void)state;
	return scratch_remove();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(conditions_are_met_by_value),
	    cmocka_unit_test(the_first_that_holds_says_what_then),
	    cmocka_unit_test(wrong_conditions_are_refused),
	    cmocka_unit_test(places_are_pointers_or_headers),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
