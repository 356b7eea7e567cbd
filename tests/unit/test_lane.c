/* SPDX-License-Identifier: MIT */
#include "lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clock.h"

enum { NOW = 1000000, CLOCK = 500000 };

static struct dest dest = {.concurrency = 2};

static struct lane lane(void)
{
	return (struct lane){.usable = true, .plan = {.dest = &dest}};
}

static struct attempt attempt(const char *id, const char *subject)
{
	return (struct attempt){.event = {.id = slice_of(id), .source = SLICE("s"), .subject = slice_of(subject)},
				.read_at = CLOCK};
}

/* The ids in a queue, in order, as one text. */
static const char *ids(const struct queue *q)
{
	static char text[64];
	size_t len = 0;
	for (const struct attempt *a = q->first; a; a = a->next)
		text[len++] = *a->event.id.ptr;
	text[len] = '\0';
	assert_int_equal(len, q->count);
	return text;
}

static void queues_keep_their_order(void **state)
{
	(void)state;
	struct attempt a = attempt("a", NULL), b = attempt("b", NULL), c = attempt("c", NULL), d = attempt("d", NULL);
	struct queue q = {.count = 0}, other = {.count = 0};
	assert_null(queue_take(&q));
	queue_add_front(&q, &b);
	queue_add(&q, &c);
	queue_add_front(&q, &a);
	assert_string_equal(ids(&q), "abc");
	assert_ptr_equal(queue_take(&q), &a);
	queue_add(&other, &d);
	queue_add(&other, &a);
	queue_move_front(&other, &q);
	assert_string_equal(ids(&q), "dabc");
	assert_int_equal(other.count, 0);
	queue_move_front(&other, &q);
	queue_move(&q, &other);
	assert_string_equal(ids(&other), "dabc");
	while (queue_take(&other))
		;
	queue_add(&other, &c);
	assert_string_equal(ids(&other), "c");
}

static void a_lane_starts_as_many_as_its_concurrency(void **state)
{
	(void)state;
	struct lane l = lane();
	struct attempt a = attempt("a", NULL);
	assert_false(lane_may_start(&l, NOW));
	queue_add(&l.ready, &a);
	assert_true(lane_may_start(&l, NOW));
	l.flying = 2;
	assert_false(lane_may_start(&l, NOW));
	l.flying = 1;
	l.held_until = NOW + 1;
	assert_false(lane_may_start(&l, NOW));
	assert_true(lane_may_start(&l, NOW + 1));
	l.usable = false;
	assert_false(lane_may_start(&l, NOW + 1));
}

static void a_hold_keeps_the_whole_lane_or_one_subject(void **state)
{
	(void)state;
	struct lane l = lane();
	struct attempt a = attempt("a", "x"), b = attempt("b", "y");
	struct journal_start rate = {.hold = JOURNAL_HOLD_RATE, .again_at = NOW + 50};
	struct journal_start order = {.hold = JOURNAL_HOLD_ORDER, .again_at = NOW + 200};
	queue_add(&l.ready, &b);
	lane_hold(&l, &a, &rate);
	assert_string_equal(ids(&l.ready), "ab");
	assert_int_equal(lane_wake_at(&l, NOW), NOW + 50);
	lane_hold(&l, queue_take(&l.ready), &order);
	assert_string_equal(ids(&l.waiting), "a");
	lane_recall(&l, NOW + 199);
	assert_string_equal(ids(&l.waiting), "a");
	lane_recall(&l, NOW + 200);
	assert_string_equal(ids(&l.ready), "ab");
	assert_string_equal(ids(&l.waiting), "");
	assert_int_equal(lane_wake_at(&l, NOW + 200), INT64_MAX);
}

static void the_next_of_a_subject_is_recalled_when_one_ends(void **state)
{
	(void)state;
	struct lane l = lane();
	struct attempt a = attempt("a", "x"), b = attempt("b", "y"), c = attempt("c", "y"), ended = attempt("d", "y");
	struct journal_start order = {.hold = JOURNAL_HOLD_ORDER, .again_at = NOW + 200};
	lane_hold(&l, &a, &order);
	lane_hold(&l, &b, &order);
	lane_hold(&l, &c, &order);
	l.held_until = NOW + 1000;
	lane_recall_after(&l, &ended);
	assert_int_equal(l.held_until, 0);
	assert_true(lane_wake_at(&l, NOW) <= NOW);
	lane_recall(&l, NOW);
	assert_string_equal(ids(&l.ready), "b");
	assert_string_equal(ids(&l.waiting), "ac");
}

static void holds_are_forgotten_when_the_clock_is_set_back(void **state)
{
	(void)state;
	struct lane l = lane();
	struct attempt a = attempt("a", "x"), b = attempt("b", "y");
	struct journal_start rate = {.hold = JOURNAL_HOLD_RATE, .again_at = NOW + 50};
	struct journal_start order = {.hold = JOURNAL_HOLD_ORDER, .again_at = NOW + 200};
	lane_hold(&l, &a, &order);
	lane_hold(&l, &b, &rate);
	assert_false(lane_may_start(&l, NOW - 1000));
	lane_forget_holds(&l);
	assert_true(lane_may_start(&l, NOW - 1000));
	lane_recall(&l, NOW - 1000);
	assert_string_equal(ids(&l.ready), "ab");
}

static bool gives_back(const struct lane *l, bool quiet, int64_t clock, int64_t *due_at)
{
	return lane_why_give_back(l, quiet, clock, NOW, due_at) != NULL;
}

static void long_holds_are_given_back_short_ones_waited_for(void **state)
{
	(void)state;
	struct lane l = lane();
	struct attempt a = attempt("a", NULL);
	int64_t due_at;
	assert_false(gives_back(&l, true, CLOCK, &due_at));
	queue_add(&l.ready, &a);
	assert_false(gives_back(&l, true, CLOCK, &due_at));
	l.hold = JOURNAL_HOLD_BREAKER;
	l.held_until = NOW + 1000;
	assert_false(gives_back(&l, true, CLOCK, &due_at));
	l.held_until = NOW + 5000;
	assert_true(gives_back(&l, false, CLOCK, &due_at));
	assert_int_equal(due_at, NOW);
	l.hold = JOURNAL_HOLD_RATE;
	assert_false(gives_back(&l, false, CLOCK, &due_at));
	assert_true(gives_back(&l, true, CLOCK, &due_at));
	assert_int_equal(due_at, NOW + 5000);
	l.held_until = 0;
	assert_false(gives_back(&l, false, CLOCK + LANE_HELD_MS, &due_at));
	assert_true(gives_back(&l, false, CLOCK + LANE_HELD_MS + 1, &due_at));
}

static void one_that_waits_for_its_subject_goes_back_unless_it_is_under_way_here(void **state)
{
	(void)state;
	struct lane l = lane();
	struct attempt a = attempt("a", "x");
	struct journal_start order = {.hold = JOURNAL_HOLD_ORDER, .again_at = NOW + 200};
	int64_t due_at, since;
	lane_hold(&l, &a, &order);
	since = a.read_at = a.waits_since;
	assert_false(gives_back(&l, true, since + LANE_SHORT_MS, &due_at));
	assert_true(gives_back(&l, false, since + LANE_SHORT_MS + 1, &due_at));
	l.flying = 1;
	assert_false(gives_back(&l, false, since + LANE_SHORT_MS + 1, &due_at));
}

static void lines_of_an_unusable_lane_come_again_less_and_less_often(void **state)
{
	(void)state;
	struct lane l = lane();
	int64_t now = NOW, at = lane_due_again(&l, now);
	assert_int_equal(at, now + 1000);
	assert_int_equal(lane_due_again(&l, now + 999), at); /* all lines of the time alike */
	for (int64_t pause = 2000; pause < 60000; pause *= 2) {
		now = at;
		at = lane_due_again(&l, now);
		assert_int_equal(at, now + pause);
	}
	assert_int_equal(lane_due_again(&l, at), at + 60000);
	assert_int_equal(lane_due_again(&l, at + 60000), at + 120000);
	assert_int_equal(lane_due_again(&l, NOW - 3600000), NOW - 3600000 + 60000); /* the clock was set back */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(queues_keep_their_order),
	    cmocka_unit_test(a_lane_starts_as_many_as_its_concurrency),
	    cmocka_unit_test(a_hold_keeps_the_whole_lane_or_one_subject),
	    cmocka_unit_test(the_next_of_a_subject_is_recalled_when_one_ends),
	    cmocka_unit_test(holds_are_forgotten_when_the_clock_is_set_back),
	    cmocka_unit_test(long_holds_are_given_back_short_ones_waited_for),
	    cmocka_unit_test(one_that_waits_for_its_subject_goes_back_unless_it_is_under_way_here),
	    cmocka_unit_test(lines_of_an_unusable_lane_come_again_less_and_less_often),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
