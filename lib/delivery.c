/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "clock.h"
#include "delivery_internal.h"

enum {
	HELD_LINES = 1024, /* lines in memory; beyond, reading waits */
	HELD_BYTES = 8 * 1024 * 1024,
	LINE_LIMIT = 16 * EVENT_LINE_LIMIT, /* a map may have made a line longer than it was accepted */
	BLOCKED_MS = 1000,                  /* fewer than KEPT_LINES lines in this time: reading is blocked */
	KEPT_LINES = 64,                    /* what a slow destination keeps then */
	SLOW_MS = 10 * 1000,                /* and when the others may come again */
	LOOK_MS = 1000,                     /* while lines are held; wall time may step */
	IDLE_MS = 60 * 1000,
	SET_BACK_MS = 1000, /* the clock, between two looks: by less is not noticed */
	LAST_PRINT_MS = 2000,
};

/* ---- lanes ---- */

/* The destination's lane, made when its first line comes. One whose file cannot be read is told once; its lines go back. */
static struct lane *lane_for(struct delivery *r, struct slice name)
{
	struct lane **end = &r->lanes;
	for (; *end; end = &(*end)->next)
		if (slice_is(name, (*end)->name))
			return *end;
	struct diag d;
	struct lane *l = lane_new(r->options->config, r->options->tokens, name, LANE_HTTP, &d);
	if (l && !l->usable) {
		diag_error("%s", d.text);
		r->report->broken++;
	}
	*end = l; /* behind the others: they are served in this order */
	return l;
}

static void give_back(struct delivery *r, struct queue *q, int64_t due_at)
{
	for (struct attempt *a; (a = queue_take(q));) {
		a->next_at = due_at;
		queue_add(&r->returning, a);
	}
}

static void give_lane_back(struct delivery *r, struct lane *l, int64_t due_at, const char *why)
{
	size_t count = l->ready.count + l->waiting.count;
	if (count)
		diag_notice("%s: %zu back to the journal, unsent: %s", l->name, count, why);
	give_back(r, &l->ready, due_at);
	give_back(r, &l->waiting, due_at);
}

/* ---- reading ---- */

static bool is_full(const struct delivery *r)
{
	return r->held_lines >= HELD_LINES || r->held_bytes >= HELD_BYTES;
}

static void refuse_line(struct delivery *r, const char *why)
{
	diag_error("line %llu: %s", (unsigned long long)r->lines.number, why);
	r->report->bad++;
}

static void enqueue(struct delivery *r, struct attempt *a)
{
	struct lane *l = delivery_lane(a);
	a->read_at = clock_monotonic();
	r->held_lines++;
	r->held_bytes += a->text.len;
	if (a->event.skip.ptr || a->event.error.ptr) {
		queue_add(&r->ending, a);
	} else if (l->usable && !r->stopping) {
		queue_add(&l->ready, a);
	} else {
		a->next_at = l->usable ? 0 : lane_due_again(l, clock_now());
		queue_add(&r->returning, a);
	}
}

static struct attempt *spare_attempt(struct delivery *r)
{
	struct attempt *a = queue_take(&r->spare);
	if (a || !(a = calloc(1, sizeof *a)))
		return a;
	a->made_before = r->made;
	r->made = a;
	return a;
}

static int take_line(struct delivery *r, struct slice line, struct diag *d)
{
	struct event e;
	if (event_parse(&r->parser, line, &e, d) < 0) {
		refuse_line(r, d->text);
		return 0;
	}
	if (!e.destination.ptr) {
		refuse_line(r, "attribute 'evtdestination' is missing: nobody says where to");
		return 0;
	}
	if (r->options->only.ptr && !slice_equal(e.destination, r->options->only)) {
		r->report->passed_over++;
		return 0;
	}
	struct lane *l = lane_for(r, e.destination);
	struct attempt *a = l ? spare_attempt(r) : NULL;
	if (!a || attempt_take(a, &e) < 0)
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	a->lane = l;
	enqueue(r, a);
	return 0;
}

/* Takes what has been read, as far as there is room. */
static int take_lines(struct delivery *r, struct diag *d)
{
	struct slice line;
	while (!r->input_ended && (r->stopping || !is_full(r))) {
		switch (lines_buffered(&r->lines, &line)) {
		case LINES_LINE:
			if (take_line(r, line, d) < 0)
				return -1;
			break;
		case LINES_TOO_LONG:
			refuse_line(r, "too long");
			break;
		case LINES_END:
			r->input_ended = true;
			break;
		default:
			r->input_ended = r->stopping;
			return 0;
		}
	}
	return 0;
}

static bool wants_input(const struct delivery *r)
{
	return !r->input_ended && !r->stopping && !is_full(r);
}

/* ---- signals ---- */

static void begin_stop(struct delivery *r)
{
	if (r->stopping) {
		r->abandoned = true;
		journal_hurry(r->journal);
		return;
	}
	r->stopping = true;
	r->stopped_at = clock_monotonic();
	diag_notice("stopping: %d under way will be waited for", r->flying);
}

static void take_signals(struct delivery *r)
{
	char wishes[16];
	ssize_t count = read(r->options->signals, wishes, sizeof wishes);
	for (ssize_t i = 0; i < count; i++)
		begin_stop(r);
}

/* ---- what is held ---- */

/* Has memory been full for a while, and hardly a line been read meanwhile? */
static bool is_blocked(struct delivery *r, int64_t clock)
{
	bool full = is_full(r) && !r->input_ended;
	if (full && r->full_since && clock - r->full_since < BLOCKED_MS)
		return false;
	bool blocked = full && r->full_since && r->lines.number - r->full_line < KEPT_LINES;
	r->full_since = full ? clock : 0;
	r->full_line = r->lines.number;
	return blocked;
}

/* Destinations that cannot go on keep some of their lines and give the others back, so that the lines of other
 * destinations are reached. */
static void make_room(struct delivery *r, int64_t now)
{
	if (!r->lanes || !r->lanes->next)
		return; /* there is no other */
	for (struct lane *l = r->lanes; l; l = l->next) {
		if (lane_may_start(l, now))
			continue;
		struct queue kept = {.count = 0};
		for (size_t keep = l->ready.count / 2; kept.count < keep && kept.count < KEPT_LINES;)
			queue_add(&kept, queue_take(&l->ready));
		give_lane_back(r, l, now + SLOW_MS, "the destination is slow, and others wait behind it");
		queue_move(&kept, &l->ready);
	}
}

/* What the journal said to wait for was an instant of the clock as it was then. */
static void mind_clock(struct delivery *r, int64_t clock, int64_t now)
{
	bool set_back = r->ahead - (now - clock) > SET_BACK_MS;
	for (struct lane *l = set_back ? r->lanes : NULL; l; l = l->next)
		lane_forget_holds(l);
	r->ahead = now - clock;
}

static void review_held(struct delivery *r, int64_t now)
{
	int64_t clock = clock_monotonic(), due_at = now;
	mind_clock(r, clock, now);
	bool quiet = r->input_ended && r->flying == 0 && !r->answered.count && !r->over;
	for (struct lane *l = r->lanes; l; l = l->next) {
		const char *why = r->stopping ? "stopping" : lane_why_give_back(l, quiet, clock, now, &due_at);
		if (why)
			give_lane_back(r, l, due_at, why);
		/* Behind the look at how long they have waited: those called back stand among the ready ones. */
		if (l->waiting.count)
			lane_recall(l, now);
	}
	if (is_blocked(r, clock))
		make_room(r, now);
}

/* ---- what is printed ---- */

static bool is_printing(const struct delivery *r)
{
	return r->printed.len && !r->report->output_failed;
}

static void fail_output(struct delivery *r, const char *why)
{
	diag_error("standard output: %s", why);
	r->report->output_failed = true;
}

/* Told to stop, with nothing else left to do: a reader that does not read is waited for no longer. */
static void bound_printing(struct delivery *r)
{
	int64_t clock = clock_monotonic();
	if (!r->stopping || r->held_lines || !is_printing(r))
		return;
	r->print_until = r->print_until ? r->print_until : clock + LAST_PRINT_MS;
	if (clock >= r->print_until)
		fail_output(r, "the reader of the outcomes does not read; they are in the journal");
}

/* As much as can be written without waiting: a reader that stalls holds up no outcome. A pipe that is ready takes PIPE_BUF bytes. */
static void flush_printed(struct delivery *r)
{
	struct pollfd out = {.fd = r->options->output, .events = POLLOUT};
	struct slice left = buf_slice(&r->printed);
	while (left.len && !r->report->output_failed && poll(&out, 1, 0) > 0) {
		ssize_t wrote = write(out.fd, left.ptr, left.len < PIPE_BUF ? left.len : PIPE_BUF);
		if (wrote < 0 && errno != EINTR && errno != EAGAIN)
			fail_output(r, strerror(errno));
		if (wrote > 0)
			left = (struct slice){left.ptr + wrote, left.len - (size_t)wrote};
	}
	buf_drop_front(&r->printed, r->report->output_failed ? r->printed.len : r->printed.len - left.len);
	bound_printing(r);
}

/* ---- the loop ---- */

/* The next turn begins before the consequences of the last are drawn: the disk and the network are busy at the same time. */
static int take_turn(struct delivery *r, struct diag *d)
{
	if (delivery_is_overdue(r))
		journal_hurry(r->journal);
	if (delivery_end_turn(r, false, d) < 0)
		return -1;
	if (!r->commit.turn && clock_monotonic() >= r->pause_until) {
		int64_t now = clock_now();
		review_held(r, now);
		if (delivery_begin_turn(r, now))
			r->idle = false;
	}
	if (r->over)
		delivery_settle(r, r->over);
	return 0;
}

static void collect_answers(struct delivery *r)
{
	struct sender_answer answer;
	while (sender_take(r->sender, &answer)) {
		struct attempt *a = answer.context;
		a->answer = answer;
		attempt_judge(a, &delivery_lane(a)->plan, &r->json, erand48(r->random), clock_now());
		delivery_land(r, delivery_lane(a));
		queue_add(&r->answered, a);
	}
}

/* Is there something for the next turn already? */
static bool has_work(const struct delivery *r, int64_t now)
{
	if (r->commit.turn)
		return false; /* its end wakes us */
	if (r->answered.count || r->ending.count || r->returning.count)
		return true;
	for (const struct lane *l = r->lanes; l; l = l->next)
		if (lane_wake_at(l, now) <= now || (delivery_may_start(r, l) && lane_may_start(l, now)))
			return true;
	return false;
}

/* How long may the loop sleep, when no answer, line or signal wakes it? */
static int64_t wait_ms(const struct delivery *r)
{
	int64_t clock = clock_monotonic(), now = clock_now();
	int64_t wait = r->held_lines || is_printing(r) ? LOOK_MS : IDLE_MS;
	if (r->pause_until > clock)
		return r->pause_until - clock;
	if (has_work(r, now))
		return 0;
	for (const struct lane *l = r->commit.turn ? NULL : r->lanes; l; l = l->next) {
		int64_t wake_at = lane_wake_at(l, now);
		if (wake_at < now + wait)
			wait = wake_at - now;
	}
	return wait;
}

static int wait_for_events(struct delivery *r, struct diag *d)
{
	struct curl_waitfd extra[3];
	unsigned count = 0, input = 3, signals = 3;
	if (wants_input(r)) {
		input = count++;
		extra[input] = (struct curl_waitfd){.fd = r->lines.fd, .events = CURL_WAIT_POLLIN};
	}
	if (r->options->signals >= 0) {
		signals = count++;
		extra[signals] = (struct curl_waitfd){.fd = r->options->signals, .events = CURL_WAIT_POLLIN};
	}
	if (is_printing(r))
		extra[count++] = (struct curl_waitfd){.fd = r->options->output, .events = CURL_WAIT_POLLOUT};
	if (r->held_lines == 0 && !r->idle) {
		journal_idle(r->journal);
		r->idle = true;
	}
	if (sender_wait(r->sender, extra, count, (int)wait_ms(r), d) < 0)
		return -1;
	if (signals < count && extra[signals].revents)
		take_signals(r);
	if (input < count && extra[input].revents && lines_fill(&r->lines, &r->read_failure) < 0)
		r->input_ended = r->read_failed = true; /* what has been read is still delivered */
	return 0;
}

static bool is_done(const struct delivery *r)
{
	return (r->input_ended && r->held_lines == 0 && !is_printing(r)) || r->abandoned;
}

static int loop(struct delivery *r, struct diag *d)
{
	for (;;) {
		collect_answers(r);
		if (take_turn(r, d) < 0)
			return -1;
		flush_printed(r);
		/* Last, so that no whole line is left in the buffer when more is read into it. */
		if (take_lines(r, d) < 0)
			return -1;
		if (is_done(r))
			return 0;
		if (wait_for_events(r, d) < 0)
			return -1;
	}
}

/* ---- open, close ---- */

static int open_run(struct delivery *r, struct diag *d)
{
	r->sender = sender_open(d);
	if (!r->sender)
		return -1;
	if (getrandom(r->random, sizeof r->random, 0) < 0)
		return diag_errno(d, DIAG_UNAVAILABLE, errno, "no random numbers");
	lines_open(&r->lines, r->options->input, LINE_LIMIT);
	/* Named by hand: whether its file is right is told even if no line comes. */
	if (r->options->only.ptr && !lane_for(r, r->options->only))
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	return delivery_commit_open(r, d);
}

/* When the loop has ended before its time, a turn may still be under way. Nothing of it is sent any more: what it has started goes
 * back, and the answers that have come are recorded. */
static void end_turns(struct delivery *r)
{
	struct diag ignored;
	r->closing = true;
	while (r->commit.turn) {
		if (delivery_end_turn(r, true, &ignored) < 0 || !r->over)
			return;
		delivery_settle(r, r->over);
		delivery_begin_turn(r, clock_now());
	}
}

static void close_run(struct delivery *r)
{
	delivery_commit_close(r);
	sender_close(r->sender);
	for (struct lane *l; (l = r->lanes);) {
		r->lanes = l->next;
		lane_free(l);
	}
	for (size_t i = 0; i < 2 * DELIVERY_BATCH; i++)
		buf_free(&r->turns[i / DELIVERY_BATCH].starts[i % DELIVERY_BATCH].record);
	for (struct attempt *a; (a = r->made);) {
		r->made = a->made_before;
		attempt_free(a);
	}
	lines_close(&r->lines);
	event_parser_free(&r->parser);
	jtext_free(&r->json);
	buf_free(&r->printed);
	free(r);
}

static int report_end(const struct delivery *r, int result, struct diag *d)
{
	r->report->lost = r->answered.count + (size_t)r->flying;
	if (result == 0 && r->read_failed) {
		*d = r->read_failure;
		return -1;
	}
	if (r->abandoned)
		return diag_fail(d, DIAG_TRY_AGAIN, "stopped at once: %llu under way left without an outcome",
				 (unsigned long long)r->report->lost);
	return result;
}

int delivery_run(const struct delivery_options *options, struct delivery_report *report, struct diag *d)
{
	struct delivery *r = calloc(1, sizeof *r);
	*report = (struct delivery_report){.delivered = 0};
	if (!r)
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	r->options = options;
	r->report = report;
	r->journal = options->journal;
	int result = open_run(r, d);
	if (result == 0) {
		result = loop(r, d);
		end_turns(r);
		result = report_end(r, result, d);
	}
	close_run(r);
	return result;
}
