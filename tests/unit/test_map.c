/* SPDX-License-Identifier: MIT */
/* Maps as files: what is taken, and what each mistake is told as. */
#include "map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "scratch.h"

static int set_up(void **state)
{
	(void)state;
	return scratch_make("maps");
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_remove();
}

static struct map *load(const char *json, struct diag *d)
{
	scratch_put("maps/m.json", json, 0600);
	return map_load(scratch_dir, SLICE("m"), d);
}

static void taken(const char *json)
{
	struct diag d;
	struct map *map = load(json, &d);
	if (!map)
		fail_msg("%s", d.text);
	map_free(map);
}

/* The message without the folder's name in front, and without the keys that an unknown one could have been. */
static void refused(const char *json, const char *message)
{
	struct diag d;
	struct map *map = load(json, &d);
	if (map)
		fail_msg("taken: %s", json);
	assert_int_equal(d.code, DIAG_CONFIG);
	const char *path = scratch_path("maps/m.json");
	assert_memory_equal(d.text, path, strlen(path));
	char *known = strstr(d.text, ", expected one of ");
	if (known)
		*known = '\0';
	assert_string_equal(d.text + strlen(path), message);
}

/* One field with these members. */
static void field_refused(const char *members, const char *message)
{
	char json[1024];
	snprintf(json, sizeof json, "{\"fields\":[{\"to\":\"/ok\",\"const\":1},{%s}]}", members);
	refused(json, message);
}

static void complete_maps_are_taken(void **state)
{
	(void)state;
	taken(
	    "{\"#\":\"a comment\",\"fields\":[\n"
	    "{\"to\":\"/a\",\"from\":\"/x\",\"type\":[\"string\",\"null\"],\"required\":true,\"apply\":[\"trim\"],"
	    "\"format\":\"email\",\"pattern\":\"^[a-z]\",\"minLength\":1,\"maxLength\":10,\"#why\":1},\n"
	    "{\"to\":\"/b/c\",\"from\":\"\",\"minimum\":-1e-5,\"maximum\":12345678901234567890},\n"
	    "{\"to\":\"/b/d\",\"from\":\"event:recordedtime\",\"apply\":\"trim\"},\n"
	    "{\"to\":\"/e\",\"from\":\"/e\",\"lookup\":{\"1\":{\"deep\":[]},\"true\":null},\"default\":[]},\n"
	    "{\"to\":\"/f\",\"each\":\"/l\",\"required\":true,\"fields\":[{\"to\":\"\",\"from\":\"\",\"enum\":[1,\"a\",null]}]}]}");
	taken("{\"fields\":[{\"to\":\"\",\"const\":{\"n\":1.10}}]}");
}

static void other_files_are_refused(void **state)
{
	(void)state;
	struct diag d;
	refused("[]", ": expected a JSON object");
	refused("{\"fields\":[\n  {]}", ":2:4: expected a name in quotes");
	refused("{}", ": \"fields\" is missing");
	refused("{\"fields\":[]}", ": /fields: expected one field or more");
	refused("{\"fields\":{}}", ": /fields: expected an array, not {}");
	refused("{\"fields\":[1]}", ": /fields/0: expected an object, not 1");
	refused("{\"feilds\":[]}", ": /feilds: unknown key");
	refused("{\"fields\":[],\"fields\":[]}", ": /fields: the key stands here twice");
	assert_null(map_load(scratch_dir, SLICE("none"), &d));
	assert_int_equal(d.code, DIAG_CONFIG);
	assert_non_null(strstr(d.text, "none.json: No such file"));
	assert_null(map_load(scratch_dir, SLICE("../m"), &d));
	assert_int_equal(d.code, DIAG_CONFIG);
}

static void mistakes_are_told_with_their_place(void **state)
{
	(void)state;
	field_refused("\"from\":\"/a\"", ": /fields/1: \"to\" is missing");
	field_refused("\"to\":\"/a\"", ": /fields/1: one of \"from\", \"template\", \"const\" and \"each\" is missing");
	field_refused("\"to\":\"a\",\"from\":\"\"",
		      ": /fields/1/to: expected a JSON Pointer, such as \"/a/b\", not \"a\"");
	field_refused("\"to\":\"/a\",\"from\":\"a\"",
		      ": /fields/1/from: expected a JSON Pointer, such as \"/a/b\", or \"event:id\", not \"a\"");
	field_refused("\"to\":\"/a\",\"from\":\"event:data\"",
		      ": /fields/1/from: expected event: with id, source, type, "
		      "subject, time or recordedtime, not \"event:data\"");
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"colour\":1", ": /fields/1/colour: unknown key");
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"a/b~\":1", ": /fields/1/a~1b~0: unknown key");
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"required\":1",
		      ": /fields/1/required: expected true or false, not 1");
	field_refused(
	    "\"to\":\"/a\",\"from\":\"/a\",\"type\":\"text\"",
	    ": /fields/1/type: expected string, number, integer, boolean, object, array or null, not \"text\"");
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"type\":[\"string\",1]",
		      ": /fields/1/type/1: expected string, number, integer, boolean, object, array or null, not 1");
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"minimum\":\"0\"",
		      ": /fields/1/minimum: expected a number, not \"0\"");
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"minLength\":-1",
		      ": /fields/1/minLength: expected an integer, 0 or more, not -1");
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"format\":\"phone\"",
		      ": /fields/1/format: expected email, uri, date, date-time or uuid, not \"phone\"");
	field_refused(
	    "\"to\":\"/a\",\"from\":\"/a\",\"pattern\":\"a(b\"",
	    ": /fields/1/pattern: expected a regular expression; at character 4: missing closing parenthesis");
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"enum\":[1,[]]",
		      ": /fields/1/enum/1: expected a string, a number, true, false or null, not []");
	field_refused(
	    "\"to\":\"/a\",\"from\":\"/a\",\"apply\":[\"trim\",\"shout\"]",
	    ": /fields/1/apply/1: expected trim, lowercase, uppercase, first, last, flatten, or an object with one of replace, substring, hash, split, join, scale and date, not \"shout\"");
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"lookup\":[]",
		      ": /fields/1/lookup: expected an object, or the name of a file, not []");
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"lookup\":{\"a\":1,\"\\u0061\":2}",
		      ": /fields/1/lookup: \"a\" stands here twice");
	field_refused("\"to\":\"/a\",\"each\":\"/a\"", ": /fields/1: \"fields\" is missing");
	field_refused("\"to\":\"/a\",\"each\":\"/a\",\"fields\":[{\"to\":\"/b\",\"from\":\"/b\",\"x\":1}]",
		      ": /fields/1/fields/0/x: unknown key");
}

static void what_has_no_meaning_is_refused(void **state)
{
	(void)state;
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"const\":1",
		      ": /fields/1/from: \"from\" has no meaning beside \"const\"");
	field_refused("\"to\":\"/a\",\"const\":1,\"required\":true",
		      ": /fields/1/required: \"required\" has no meaning beside \"const\"");
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"fields\":[]",
		      ": /fields/1/fields: \"fields\" has no meaning beside \"from\"");
	field_refused("\"to\":\"/a\",\"each\":\"/a\",\"type\":\"array\",\"fields\":[]",
		      ": /fields/1/type: \"type\" has no meaning beside \"each\"");
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"type\":\"number\",\"pattern\":\"a\"",
		      ": /fields/1/pattern: \"pattern\" has no meaning for this \"type\"");
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"type\":\"string\",\"minimum\":1",
		      ": /fields/1/minimum: \"minimum\" has no meaning for this \"type\"");
}

static void constants_keep_the_rules(void **state)
{
	(void)state;
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"type\":\"string\",\"default\":1",
		      ": /fields/1/default: 1 is not of type string");
	field_refused("\"to\":\"/a\",\"const\":-1,\"minimum\":0", ": /fields/1/const: -1 is less than minimum 0");
	field_refused("\"to\":\"/a\",\"from\":\"/a\",\"lookup\":{\"x\":\"y\"},\"enum\":[\"z\"]",
		      ": /fields/1/lookup/x: \"y\" is not one of [\"z\"]");
}

static void targets_do_not_collide(void **state)
{
	(void)state;
	refused("{\"fields\":[{\"to\":\"/a\",\"const\":1},{\"to\":\"/a\",\"const\":2}]}",
		": /fields/1/to: collides with the field to \"/a\"");
	refused("{\"fields\":[{\"to\":\"/a\",\"const\":1},{\"to\":\"/a/b\",\"const\":2}]}",
		": /fields/1/to: collides with the field to \"/a\"");
	refused("{\"fields\":[{\"to\":\"/a/b\",\"const\":1},{\"to\":\"/a\",\"const\":2}]}",
		": /fields/1/to: collides with a field to a place inside it");
	refused("{\"fields\":[{\"to\":\"\",\"const\":1},{\"to\":\"/a\",\"const\":2}]}",
		": /fields/1/to: collides with the field to \"\"");
	taken(
	    "{\"fields\":[{\"to\":\"/a/b\",\"const\":1},{\"to\":\"/a/c\",\"const\":2},{\"to\":\"/ab\",\"const\":3}]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(complete_maps_are_taken),
	    cmocka_unit_test(other_files_are_refused),
	    cmocka_unit_test(mistakes_are_told_with_their_place),
	    cmocka_unit_test(what_has_no_meaning_is_refused),
	    cmocka_unit_test(constants_keep_the_rules),
	    cmocka_unit_test(targets_do_not_collide),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
