/* SPDX-License-Identifier: MIT */
#include "lines.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static int ends[2]; /* a pipe: ends[0] is read */
static struct lines in;

static int set_up(void **state)
{
	(void)state;
	if (pipe(ends) < 0)
		return -1;
	lines_open(&in, ends[0], 10);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lines_close(&in);
	close(ends[0]);
	if (ends[1] >= 0)
		close(ends[1]);
	return 0;
}

static void put(const char *text)
{
	assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
}

static void end(void)
{
	close(ends[1]);
	ends[1] = -1;
}

static void expect(enum lines_result expected, const char *text)
{
	struct slice line;
	struct diag d;
	assert_int_equal(lines_next(&in, &line, &d), expected);
	if (text)
		assert_true(slice_is(line, text));
	else
		assert_null(line.ptr);
}

static void lines_come_one_by_one(void **state)
{
	(void)state;
	put("one\n\r\ntwo\r\n\n \t \n\n x\nlast\n\n \n ");
	end();
	expect(LINES_LINE, "one");
	assert_int_equal(in.number, 1);
	expect(LINES_LINE, "two"); /* blank ones are passed over, and counted */
	assert_int_equal(in.number, 3);
	expect(LINES_LINE, " x");
	assert_int_equal(in.number, 7);
	expect(LINES_LINE, "last");
	assert_int_equal(in.number, 8);
	expect(LINES_END, NULL);
	expect(LINES_END, NULL);
}

static void an_empty_stream_has_no_line(void **state)
{
	(void)state;
	end();
	expect(LINES_END, NULL);
}

static void long_lines_are_passed_over(void **state)
{
	(void)state;
	put("1234567890\n1234567890\r\n12345678901\nafter\n");
	char *big = malloc(30001);
	memset(big, 'x', 30000);
	big[30000] = '\0';
	expect(LINES_LINE, "1234567890");
	expect(LINES_LINE, "1234567890");
	expect(LINES_TOO_LONG, NULL);
	expect(LINES_LINE, "after");
	for (int i = 0; i < 10; i++) {
		put(big);
		struct diag d;
		assert_int_equal(lines_fill(&in, &d), 0);
		struct slice line;
		assert_int_equal(lines_buffered(&in, &line), LINES_WAIT);
		assert_true(in.pending.len - in.taken < 40000); /* what is too long already is not kept */
	}
	put("\nnext\n12345678901");
	end();
	expect(LINES_TOO_LONG, NULL);
	assert_int_equal(in.number, 5);
	expect(LINES_LINE, "next");
	expect(LINES_TOO_LONG, NULL);
	expect(LINES_END, NULL);
	free(big);
}

static void a_non_blocking_stream_waits(void **state)
{
	(void)state;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	expect(LINES_WAIT, NULL);
	put("ha");
	expect(LINES_WAIT, NULL);
	put("lf\nwhole\n");
	expect(LINES_LINE, "half");
	struct slice line;
	assert_int_equal(lines_buffered(&in, &line), LINES_LINE);
	assert_true(slice_is(line, "whole"));
	assert_int_equal(lines_buffered(&in, &line), LINES_WAIT);
	end();
	expect(LINES_END, NULL);
}

static void a_failed_read_is_told(void **state)
{
	(void)state;
	struct lines none;
	struct slice line;
	struct diag d;
	lines_open(&none, -1, 10);
	assert_int_equal(lines_next(&none, &line, &d), LINES_ERROR);
	assert_int_equal(d.code, DIAG_IO);
	lines_close(&none);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(lines_come_one_by_one),       TEST(an_empty_stream_has_no_line), TEST(long_lines_are_passed_over),
	    TEST(a_non_blocking_stream_waits), TEST(a_failed_read_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
