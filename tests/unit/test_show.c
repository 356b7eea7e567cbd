/* SPDX-License-Identifier: MIT */
/* What leaves for a terminal or another program, and the table that it stands in. */
#include "show.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <locale.h>

#include "clock.h"
#include "table.h"

static const struct show_style plain = {.utf8 = true, .utc = true, .now = 1000 * CLOCK_DAY};
static struct buf b;

static int clear(void **state)
{
	(void)state;
	buf_free(&b);
	return 0;
}

static const char *shown(void)
{
	return b.data ? b.data : "";
}

#define SHOWS(text, call)                                                                                              \
	do {                                                                                                           \
		buf_clear(&b);                                                                                         \
		call;                                                                                                  \
		assert_string_equal(shown(), text);                                                                    \
	} while (0)

static void control_characters_are_made_visible(void **state)
{
	(void)state;
	SHOWS("a\\x1b[31m\\n\\tb\\x7f", show_add_line(&b, SLICE("a\033[31m\n\tb\177")));
	SHOWS("a\\b", show_add_line(&b, SLICE("a\\b")));
	SHOWS("C1 \\xc2\\x9b, bytes \\xff", show_add_line(&b, SLICE("C1 \xc2\x9b, bytes \xff")));
	SHOWS("turned \\xe2\\x80\\xae round", show_add_line(&b, SLICE("turned \u202e round")));
	SHOWS("Jürgen 東京 😀", show_add_line(&b, SLICE("Jürgen 東京 😀")));
	SHOWS("nul \\x00.", show_add_line(&b, SLICE("nul \0.")));
}

static void tsv_can_be_undone(void **state)
{
	(void)state;
	SHOWS("a\\\\n\\n\\t\\x0d\\x1b", show_add_tsv(&b, SLICE("a\\n\n\t\r\033")));
}

static void lines_are_folded_between_words(void **state)
{
	const struct show_style narrow = {.utf8 = true, .columns = 16}, endless = {.columns = 0};
	(void)state;
	SHOWS("  12  one two\n    three four\n    five\nsix\n",
	      show_add_folded(&b, SLICE("  12  one two three four five\nsix\n"), 4, &narrow));
	SHOWS("  12  \033[31mone two\033[0m\n    three",
	      show_add_folded(&b, SLICE("  12  \033[31mone two\033[0m three"), 4, &narrow));
	setlocale(LC_CTYPE, "C.UTF-8");
	SHOWS("\n  東京東京東京\n    東京 a\n", show_add_folded(&b, SLICE("\n  東京東京東京 東京 a\n"), 4, &narrow));
	SHOWS("a\n    longer-than-the-window\n    b",
	      show_add_folded(&b, SLICE("a longer-than-the-window b"), 4, &narrow));
	SHOWS("  12  one two three four five",
	      show_add_folded(&b, SLICE("  12  one two three four five"), 4, &endless));
}

static void blocks_keep_their_lines(void **state)
{
	(void)state;
	SHOWS("> a\n\n> b\\x0dc\n", show_add_block(&b, SLICE("a\r\n\nb\rc"), "> "));
	SHOWS("", show_add_block(&b, SLICE(""), "> "));
}

static void json_is_safe_on_a_terminal_too(void **state)
{
	(void)state;
	SHOWS("null", show_add_json(&b, SLICE_NONE));
	SHOWS("\"\"", show_add_json(&b, SLICE("")));
	SHOWS("\"a\\u001b \\u009b \\u007f \\u202e ü\"", show_add_json(&b, SLICE("a\033 \xc2\x9b \177 \u202e ü")));
	SHOWS("\"head\":\"x\"", show_add_json_bytes(&b, "head", SLICE("x")));
	SHOWS("\"head\":null", show_add_json_bytes(&b, "head", SLICE_NONE));
	SHOWS("\"head_base64\":\"/w==\"", show_add_json_bytes(&b, "head", SLICE("\xff")));
	SHOWS("null", show_add_json_time(&b, 0));
	SHOWS("\"1970-01-01T00:00:00.001Z\"", show_add_json_time(&b, 1));
}

static void words_are_quoted_for_the_shell(void **state)
{
	(void)state;
	SHOWS("evt_1/2", show_add_shell(&b, SLICE("evt_1/2")));
	SHOWS("''", show_add_shell(&b, SLICE("")));
	SHOWS("'a b'\\''; rm -rf ~ ü'", show_add_shell(&b, SLICE("a b'; rm -rf ~ ü")));
	SHOWS("'#1'", show_add_shell(&b, SLICE("#1")));
}

static void cells_fill_and_are_cut_by_columns(void **state)
{
	(void)state;
	setlocale(LC_CTYPE, "C.UTF-8");
	SHOWS("ab  ", show_add_cell(&b, SLICE("ab"), 4, true, &plain));
	SHOWS("abcd", show_add_cell(&b, SLICE("abcd"), 4, true, &plain));
	SHOWS("abc…", show_add_cell(&b, SLICE("abcde"), 4, true, &plain));
	SHOWS("東… ", show_add_cell(&b, SLICE("東京都"), 4, true, &plain));
	assert_int_equal(show_width(SLICE("東京")), 4);
	assert_int_equal(show_width(SLICE("e\u0301")), 1);
}

static void spans_and_sizes_are_short(void **state)
{
	(void)state;
	SHOWS("999 ms", show_add_span(&b, 999));
	SHOWS("119 s", show_add_span(&b, 119999));
	SHOWS("2 min", show_add_span(&b, 120000));
	SHOWS("119 min", show_add_span(&b, 2 * CLOCK_HOUR - 1));
	SHOWS("2 h", show_add_span(&b, 2 * CLOCK_HOUR));
	SHOWS("2 days", show_add_span(&b, 2 * CLOCK_DAY));
	SHOWS("5 s ago", show_add_ago(&b, plain.now - 5000, &plain));
	SHOWS("in 5 s", show_add_ago(&b, plain.now + 5000, &plain));
	SHOWS("now", show_add_ago(&b, plain.now + 999, &plain));
	SHOWS("1023 bytes", show_add_bytes(&b, 1023));
	SHOWS("1.0 KiB", show_add_bytes(&b, 1024));
	SHOWS("1.5 GiB", show_add_bytes(&b, 1536 * 1024 * 1024LL));
}

static void times_say_what_is_not_obvious(void **state)
{
	(void)state;
	SHOWS("00:00:00", show_add_short_time(&b, plain.now, &plain));
	SHOWS("Sep 26 23:59", show_add_short_time(&b, plain.now - 1, &plain));
	SHOWS("1970-01-01", show_add_short_time(&b, 0, &plain));
	SHOWS("1972-09-27 00:00:00Z", show_add_time(&b, plain.now, &plain));
}

/* ---- the table ---- */

static const struct table_column columns[] = {
    {"NAME", "NAME", .least = 4},
    {"EMPTY", "EMPTY", .least = 0},
    {"NUMBER", "#", .right = true},
    {"REMARK", "REMARK", .least = 20, .below = true},
};

static const char *table_at(int width, const char *remark)
{
	struct show_style style = plain;
	struct table t;
	style.columns = width;
	table_open(&t, columns, 4);
	const char *cells[] = {"a-long-name", "", "7", "", "b", "", "12", remark};
	for (size_t i = 0; i < 8; i++) {
		buf_add_text(&t.text, cells[i]);
		table_end_cell(&t, SHOW_PLAIN);
	}
	buf_clear(&b);
	assert_true(table_write(&t, &b, &style));
	table_close(&t);
	return shown();
}

static void a_table_without_a_window_is_not_cut(void **state)
{
	(void)state;
	assert_string_equal(table_at(0, "short"), "NAME         NUMBER  REMARK\n"
						  "a-long-name       7\n"
						  "b                12  short\n");
}

static void columns_shrink_widest_first(void **state)
{
	(void)state;
	assert_string_equal(table_at(40, "twenty-five wide, exactly"), "NAME         # REMARK\n"
								       "a-long-name  7\n"
								       "b           12 twenty-five wide, exactly\n");
	assert_string_equal(table_at(32, "twenty-five wide, exactly"), "NAME      # REMARK\n"
								       "a-long-…  7\n"
								       "b        12 twenty-five wide, e…\n");
}

static void what_has_no_room_goes_below(void **state)
{
	(void)state;
	assert_string_equal(table_at(24, "twenty-five wide, exactly"), "NAME        NUMBER\n"
								       "a-long-name      7\n"
								       "b               12\n"
								       "    twenty-five wide, e…\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(control_characters_are_made_visible, clear),
	    cmocka_unit_test_teardown(tsv_can_be_undone, clear),
	    cmocka_unit_test_teardown(lines_are_folded_between_words, clear),
	    cmocka_unit_test_teardown(blocks_keep_their_lines, clear),
	    cmocka_unit_test_teardown(json_is_safe_on_a_terminal_too, clear),
	    cmocka_unit_test_teardown(words_are_quoted_for_the_shell, clear),
	    cmocka_unit_test_teardown(cells_fill_and_are_cut_by_columns, clear),
	    cmocka_unit_test_teardown(spans_and_sizes_are_short, clear),
	    cmocka_unit_test_teardown(times_say_what_is_not_obvious, clear),
	    cmocka_unit_test_teardown(a_table_without_a_window_is_not_cut, clear),
	    cmocka_unit_test_teardown(columns_shrink_widest_first, clear),
	    cmocka_unit_test_teardown(what_has_no_room_goes_below, clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
