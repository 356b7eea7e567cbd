/* SPDX-License-Identifier: MIT */
#include "choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NOW = 1000000 };
#define STATUS(status) (1u << JOURNAL_##status)

static struct diag d;

/* The options as letters: f, n, F (--failed), D (--delivered), G (--give-up), d (-d), t (--type), s (--status), i (an id). */
static int choose(struct choice *c, const char *letters)
{
	static const struct slice id = SLICE("evt_1");
	*c = (struct choice){.mode = CHOICE_DUE};
	for (; *letters; letters++) {
		int option = *letters == 'F'   ? CHOICE_FAILED_OPTION
			     : *letters == 'D' ? CHOICE_DELIVERED_OPTION
			     : *letters == 'G' ? CHOICE_GIVE_UP_OPTION
			     : *letters == 't' ? FILTER_TYPE
			     : *letters == 's' ? FILTER_STATUS
					       : *letters;
		if (*letters == 'i') {
			c->filter.ids = &id;
			c->filter.id_count = 1;
		} else {
			assert_int_equal(choice_take(c, option, "failed", NOW, &d), 1);
		}
	}
	return choice_settle(c, &d);
}

static void options_say_which_and_what(void **state)
{
	(void)state;
	static const struct {
		const char *letters;
		enum choice_mode mode;
		unsigned statuses;
	} cases[] = {
	    {"", CHOICE_DUE, 0},
	    {"fd", CHOICE_DUE, 0},
	    {"n", CHOICE_DUE, 0},
	    {"i", CHOICE_IDS, 0},
	    {"id", CHOICE_IDS, 0},
	    {"F", CHOICE_FAILED, STATUS(FAILED)},
	    {"nFt", CHOICE_FAILED, STATUS(FAILED)},
	    {"Fs", CHOICE_FAILED, STATUS(FAILED)}, /* the filters of evt-status, taken over as they stand */
	    {"Dd", CHOICE_DELIVERED, STATUS(DELIVERED)},
	    {"Gi", CHOICE_GIVE_UP, 0},
	    {"Gt", CHOICE_GIVE_UP, STATUS(RECEIVED) | STATUS(RETRYING)},
	    {"Gd", CHOICE_GIVE_UP, STATUS(RECEIVED) | STATUS(RETRYING)},
	    {"FGt", CHOICE_GIVE_UP, STATUS(FAILED)},
	    {"GFd", CHOICE_GIVE_UP, STATUS(FAILED)},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct choice c;
		if (choose(&c, cases[i].letters) < 0)
			fail_msg("%s: %s", cases[i].letters, d.text);
		if (c.mode != cases[i].mode || c.filter.statuses != cases[i].statuses)
			fail_msg("%s: mode %d, statuses %x", cases[i].letters, c.mode, c.filter.statuses);
	}
}

static void what_means_nothing_together_is_refused(void **state)
{
	(void)state;
	static const char *const cases[] = {"iF", "iDd", "D",   "FDd", "DGd", "G", "FG",
					    "fi", "fF",  "fGd", "t",   "Dds", "s"};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct choice c;
		if (choose(&c, cases[i]) == 0)
			fail_msg("%s was taken", cases[i]);
		assert_int_equal(d.code, DIAG_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(options_say_which_and_what),
	    cmocka_unit_test(what_means_nothing_together_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
