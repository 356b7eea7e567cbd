/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "diag.h"

static const struct option own[] = {
    {"map", required_argument, NULL, 'm'}, {"check", no_argument, NULL, 256}, {NULL, 0, NULL, 0}};

/* What the command wrote to standard output and error. */
static char told[1024];
static struct options o;
static char seen[64]; /* the options in turn, with their arguments */
static bool ready;

static int saved[2];
static FILE *capture;

static void begin_capture(void)
{
	fflush(NULL);
	capture = tmpfile();
	for (int fd = 1; fd <= 2; fd++) {
		saved[fd - 1] = dup(fd);
		dup2(fileno(capture), fd);
	}
}

static void end_capture(void)
{
	fflush(NULL);
	for (int fd = 1; fd <= 2; fd++) {
		dup2(saved[fd - 1], fd);
		close(saved[fd - 1]);
	}
	rewind(capture);
	told[fread(told, 1, sizeof told - 1, capture)] = '\0';
	fclose(capture);
}

static void run(int most, char **argv)
{
	int argc = 0;
	while (argv[argc])
		argc++;
	seen[0] = '\0';
	begin_capture();
	options_open(&o, "evt-test", "usage: evt-test\n", "m:n", own, argc, argv);
	for (int c; (c = options_next(&o)) != OPTIONS_END;) {
		size_t len = strlen(seen);
		snprintf(seen + len, sizeof seen - len, "%c%s ", c > 255 ? '#' : c, c == 'm' ? optarg : "");
	}
	ready = options_ready(&o, most);
	end_capture();
}

#define RUN(most, ...) run(most, (char *[]){(char *)"evt-test", __VA_ARGS__, NULL})

static void own_and_common_options_mix(void **state)
{
	(void)state;
	RUN(2, (char *)"-n", (char *)"a", (char *)"--map=x", (char *)"-vj", (char *)"/j", (char *)"--check",
	    (char *)"-c/etc/x", (char *)"-my", (char *)"--", (char *)"-z");
	assert_true(ready);
	assert_string_equal(seen, "n mx # my ");
	assert_string_equal(o.journal, "/j");
	assert_string_equal(o.config, "/etc/x");
	assert_int_equal(o.operand_count, 2);
	assert_string_equal(o.operands[0], "a");
	assert_string_equal(o.operands[1], "-z");
	assert_string_equal(told, "");
	assert_int_equal(options_close(&o), 0);
}

static void help_and_version_end_well(void **state)
{
	(void)state;
	RUN(0, (char *)"-h", (char *)"--nonsense");
	assert_false(ready);
	assert_string_equal(told, "usage: evt-test\n");
	assert_int_equal(options_close(&o), 0);
	RUN(0, (char *)"--version");
	assert_false(ready);
	assert_string_equal(told, "evt-test " EVT_VERSION "\n");
	assert_int_equal(options_close(&o), 0);
}

static void wrong(const char *expected)
{
	assert_false(ready);
	assert_int_equal(options_close(&o), DIAG_USAGE);
	char line[256];
	snprintf(line, sizeof line, "evt-test: %s (evt-test --help tells the usage)\n", expected);
	assert_string_equal(told, line);
}

static void wrong_usage_is_refused(void **state)
{
	(void)state;
	RUN(0, (char *)"-x");
	wrong("no such option: '-x'");
	RUN(0, (char *)"--nonsense");
	wrong("no such option: '--nonsense'");
	RUN(0, (char *)"--check=1");
	wrong("option '--check=1' takes no argument");
	RUN(0, (char *)"-m");
	wrong("option '-m' needs an argument");
	RUN(0, (char *)"--journal");
	wrong("option '--journal' needs an argument");
	RUN(1, (char *)"a", (char *)"b");
	wrong("one argument too many: 'b'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(own_and_common_options_mix),
	    cmocka_unit_test(help_and_version_end_well),
	    cmocka_unit_test(wrong_usage_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
