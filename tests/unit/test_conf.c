/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "conf.h"
#include "scratch.h"

static struct diag d;

static int set_up(void **state)
{
	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	return scratch_make("things");
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_remove();
}

/* Reads a file of one string, one number, one span and one nested object; what came of it. */
static int read_thing(const char *text)
{
	struct conf c;
	struct conf_object root, inner;
	scratch_put("things/a.json", text, 0600);
	if (conf_open(&c, scratch_dir, "things", SLICE("a"), &root, &d) < 0)
		return conf_close(&c);
	free(conf_string(&root, "name", CONF_REQUIRED, NULL));
	conf_integer(&root, "count", 1, 9, 1);
	conf_span(&root, "wait", 0, 60000, 0);
	conf_child(&root, "a/b", CONF_OPTIONAL, &inner);
	conf_bool(&inner, "on", false);
	conf_end(&inner);
	conf_end(&root);
	return conf_close(&c);
}

static void expect(const char *text, const char *words)
{
	assert_int_equal(read_thing(text), -1);
	assert_int_equal(d.code, DIAG_CONFIG);
	if (!strstr(d.text, words))
		fail_msg("'%s' does not say '%s'", d.text, words);
	assert_non_null(strstr(d.text, "things/a.json"));
}

static void a_right_file_is_read(void **state)
{
	(void)state;
	assert_int_equal(read_thing("{\"name\": \"x\", \"count\": 9, \"wait\": \"1m\", \"a/b\": {\"on\": true},"
				    "\"#\": \"a comment\", \"#name\": 7}"),
			 0);
}

static void each_error_has_its_place_and_what_was_expected(void **state)
{
	(void)state;
	expect("{}", ": \"name\" is missing");
	expect("{\"name\": 7}", "/name: expected a string, not 7");
	expect("{\"name\": \"x\", \"count\": 10}", "/count: expected a whole number from 1 to 9, not 10");
	expect("{\"name\": \"x\", \"count\": 1.5}", "/count: expected a whole number");
	expect("{\"name\": \"x\", \"wait\": \"soon\"}", "/wait: expected a duration");
	expect("{\"name\": \"x\", \"wait\": \"2m\"}", "/wait: 2m is out of range");
	expect("{\"name\": \"x\", \"a/b\": 1}", "/a~1b: expected an object, not 1");
	expect("{\"name\": \"x\", \"a/b\": {\"on\": 1}}", "/a~1b/on: expected true or false, not 1");
	expect("{\"name\": \"x\", \"a/b\": {\"of\": true}}", "/a~1b/of: unknown key");
	expect("{\"name\": \"x\", \"nmae\": \"y\"}", "/nmae: unknown key, expected one of name");
	expect("{\"name\": \"x\", \"name\": \"y\"}", "duplicate");
	expect("[]", "expected a JSON object");
	expect("{\"name\": ", ":1:");
}

static void an_optional_file_may_be_missing(void **state)
{
	(void)state;
	struct conf c;
	struct conf_object root;
	assert_int_equal(conf_open_optional(&c, scratch_dir, SLICE("may-be"), &root, &d), 0);
	assert_int_equal(conf_integer(&root, "count", 1, 9, 3), 3);
	conf_end(&root);
	assert_int_equal(conf_close(&c), 0);

	scratch_put("may-be.json", "{\"count\": 4}", 0600);
	assert_int_equal(conf_open_optional(&c, scratch_dir, SLICE("may-be"), &root, &d), 0);
	assert_int_equal(conf_integer(&root, "count", 1, 9, 3), 4);
	conf_end(&root);
	assert_int_equal(conf_close(&c), 0);
}

static void a_file_that_cannot_be_opened_says_why(void **state)
{
	(void)state;
	struct conf c;
	struct conf_object root;
	assert_int_equal(symlink("round.json", scratch_path("round.json")), 0);
	assert_int_equal(conf_open_optional(&c, scratch_dir, SLICE("round"), &root, &d), -1);
	assert_non_null(strstr(d.text, "round.json: Too many levels of symbolic links"));
	assert_int_equal(conf_close(&c), -1);
}

static void names_cannot_leave_the_folder(void **state)
{
	(void)state;
	static const char *const bad[] = {"../things/a", "", ".a", "a/b", "a b"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct conf c;
		struct conf_object root;
		assert_int_equal(conf_open(&c, scratch_dir, "things", slice_of(bad[i]), &root, &d), -1);
		assert_int_equal(d.code, DIAG_CONFIG);
		assert_int_equal(conf_close(&c), -1);
	}
}

static int read_secret(struct secrets *s)
{
	struct conf c;
	struct conf_object root;
	scratch_put("things/a.json", "{\"secret_file\": \"the.secret\"}", 0600);
	assert_int_equal(conf_open(&c, scratch_dir, "things", SLICE("a"), &root, &d), 0);
	conf_secrets(&root, "secret_file", CONF_REQUIRED, s);
	conf_end(&root);
	return conf_close(&c);
}

static void secrets_stand_a_line_each(void **state)
{
	(void)state;
	struct secrets s;
	scratch_put("the.secret", "new one\r\n\nold one", 0640);
	assert_int_equal(read_secret(&s), 0);
	assert_int_equal(s.count, 2);
	assert_true(slice_is(s.lines[0], "new one"));
	assert_true(slice_is(s.lines[1], "old one"));
	secrets_free(&s);
}

static void a_secret_that_others_can_read_is_refused_and_not_quoted(void **state)
{
	(void)state;
	struct secrets s;
	scratch_put("the.secret", "hush", 0604);
	assert_int_equal(read_secret(&s), -1);
	assert_non_null(strstr(d.text, "/secret_file: the.secret: others can reach it"));
	assert_null(strstr(d.text, "hush"));
	secrets_free(&s);
	scratch_put("the.secret", "\n\n", 0600);
	assert_int_equal(read_secret(&s), -1);
	assert_non_null(strstr(d.text, "holds no secret"));
	secrets_free(&s);
}

static void a_secret_may_stand_with_the_service_managers_credentials(void **state)
{
	(void)state;
	struct secrets s;
	assert_int_equal(read_secret(&s), -1);
	const char *credentials = scratch_path("credentials");
	assert_int_equal(mkdir(credentials, 0700), 0);
	scratch_put("credentials/the.secret", "theirs", 0400);
	setenv("CREDENTIALS_DIRECTORY", credentials, 1);
	assert_int_equal(read_secret(&s), 0);
	assert_true(slice_is(s.lines[0], "theirs"));
	secrets_free(&s);
	scratch_put("the.secret", "ours", 0400);
	assert_int_equal(read_secret(&s), 0);
	assert_true(slice_is(s.lines[0], "ours"));
	secrets_free(&s);
}

static void the_folder_comes_from_option_environment_or_home(void **state)
{
	(void)state;
	char *folder = conf_folder("/given");
	assert_string_equal(folder, "/given");
	free(folder);
	setenv("EVT_CONFIG", "/from/environment", 1);
	folder = conf_folder(NULL);
	assert_string_equal(folder, "/from/environment");
	free(folder);
	unsetenv("EVT_CONFIG");
	setenv("XDG_CONFIG_HOME", "/xdg", 1);
	folder = conf_folder(NULL);
	assert_string_equal(folder, geteuid() == 0 ? "/etc/evt" : "/xdg/evt");
	free(folder);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(a_right_file_is_read),
	    EACH(each_error_has_its_place_and_what_was_expected),
	    EACH(an_optional_file_may_be_missing),
	    EACH(a_file_that_cannot_be_opened_says_why),
	    EACH(names_cannot_leave_the_folder),
	    EACH(secrets_stand_a_line_each),
	    EACH(a_secret_that_others_can_read_is_refused_and_not_quoted),
	    EACH(a_secret_may_stand_with_the_service_managers_credentials),
	    EACH(the_folder_comes_from_option_environment_or_home),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
