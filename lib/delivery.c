/* SPDX-License-Identifier: MIT */
#include "delivery.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "clock.h"
#include "lane.h"
#include "lines.h"

enum {
	BATCH = SENDER_SLOTS, /* rows of a kind in one transaction: it stays well under 50 ms */
	HELD_LINES = 1024,    /* lines in memory; beyond, reading waits */
	HELD_BYTES = 8 * 1024 * 1024,
	LINE_LIMIT = 16 * EVENT_LINE_LIMIT, /* a map may have made a line longer than it was accepted */
	BLOCKED_MS = 1000,                  /* reading has waited this long: make room */
	KEPT_LINES = 64,                    /* what a slow destination keeps then */
	SLOW_MS = 10 * 1000,                /* and when the others may come again */
	PAUSE_MS = 1000,                    /* at the most, between tries while the journal is not to be had */
	GIVE_UP_MS = 60 * 1000,
	LOOK_MS = 1000, /* while lines are held; wall time may step */
	IDLE_MS = 60 * 1000,
};

struct turn {
	struct queue answered, ending, returning, starting;
	struct journal_outcome outcomes[BATCH];
	struct journal_end ends[BATCH];
	struct journal_start starts[BATCH];
	struct attempt *of_end[BATCH], *of_start[BATCH]; /* whose rows they are */
	size_t outcome_count, end_count, start_count;
};

struct run {
	const struct delivery_options *options;
	struct delivery_report *report;
	struct journal *journal;
	struct sender *sender;
	struct lines lines;
	struct event_parser parser;
	struct jtext json; /* of answers */
	struct lane *lanes;
	struct queue answered, ending, returning; /* to be recorded; lines that carry their own end; to be given back */
	struct queue spare;                       /* ended ones, to be used again */
	struct attempt *made;                     /* all there are, by made_before */
	size_t held_lines, held_bytes;            /* read, and not ended */
	int flying;
	bool input_ended, stopping, abandoned;
	int64_t full_since;                           /* monotonic; 0: reading does not wait */
	int64_t failing_since, pause_until, pause_ms; /* while the journal is not to be had */
	bool idle;                                    /* journal_idle has been called, and nothing has happened since */
	unsigned short random[3];
	struct buf printed;
	struct turn turn;
};

/* ---- one line ends ---- */

static struct lane *lane_of(const struct attempt *a)
{
	return a->lane;
}

static void dismiss(struct run *r, struct attempt *a)
{
	r->held_lines--;
	r->held_bytes -= a->text.len;
	queue_add(&r->spare, a);
}

static void tell(const struct attempt *a, const char *why)
{
	const struct event *e = &a->event;
	diag_error("%.*s: %.*s of %.*s: %s", (int)e->destination.len, e->destination.ptr, (int)e->id.len, e->id.ptr,
		   (int)e->source.len, e->source.ptr, why);
}

static void refuse_duplicate(struct run *r, struct attempt *a, const char *why)
{
	tell(a, why);
	r->report->duplicates++;
	dismiss(r, a);
}

static void refuse_stale(struct run *r, struct attempt *a)
{
	tell(a, "not sent: this claim is no longer the last one");
	r->report->stale++;
	dismiss(r, a);
}

static void print(struct run *r, const struct attempt *a, enum journal_status status)
{
	if (r->options->output >= 0)
		attempt_print(&r->printed, a, status);
}

static void flush_printed(struct run *r)
{
	struct slice left = buf_slice(&r->printed);
	while (left.len && !r->report->output_failed) {
		ssize_t wrote = write(r->options->output, left.ptr, left.len);
		if (wrote < 0 && errno != EINTR) {
			diag_error("cannot write: %s", strerror(errno));
			r->report->output_failed = true;
		}
		if (wrote > 0)
			left = (struct slice){left.ptr + wrote, left.len - (size_t)wrote};
	}
	buf_clear(&r->printed);
}

/* ---- lanes ---- */

/* The destination's lane, made when its first line comes. One whose file cannot be read is told once; its lines go back. */
static struct lane *lane_for(struct run *r, struct slice name)
{
	struct lane **end = &r->lanes;
	for (; *end; end = &(*end)->next)
		if (slice_is(name, (*end)->name))
			return *end;
	struct diag d;
	struct lane *l = lane_new(r->options->config, name, &d);
	if (l && !l->usable) {
		diag_error("%s", d.text);
		r->report->broken++;
	}
	*end = l; /* behind the others: they are served in this order */
	return l;
}

static void give_back(struct run *r, struct queue *q, int64_t due_at)
{
	for (struct attempt *a; (a = queue_take(q));) {
		a->next_at = due_at;
		queue_add(&r->returning, a);
	}
}

static void give_lane_back(struct run *r, struct lane *l, int64_t due_at, const char *why)
{
	size_t count = l->ready.count + l->waiting.count;
	if (count)
		diag_notice("%s: %zu back to the journal, unsent: %s", l->name, count, why);
	give_back(r, &l->ready, due_at);
	give_back(r, &l->waiting, due_at);
}

/* ---- reading ---- */

static bool is_full(const struct run *r)
{
	return r->held_lines >= HELD_LINES || r->held_bytes >= HELD_BYTES;
}

static void refuse_line(struct run *r, const char *why)
{
	diag_error("line %llu: %s", (unsigned long long)r->lines.number, why);
	r->report->bad++;
}

static void enqueue(struct run *r, struct attempt *a)
{
	struct lane *l = lane_of(a);
	a->read_at = clock_monotonic();
	r->held_lines++;
	r->held_bytes += a->text.len;
	if (a->event.skip.ptr || a->event.error.ptr)
		queue_add(&r->ending, a);
	else if (!l->usable || r->stopping)
		queue_add(&r->returning, a); /* due at once: the journal hands out nothing for an unusable file */
	else
		queue_add(&l->ready, a);
}

static struct attempt *spare_attempt(struct run *r)
{
	struct attempt *a = queue_take(&r->spare);
	if (a || !(a = calloc(1, sizeof *a)))
		return a;
	a->made_before = r->made;
	r->made = a;
	return a;
}

static int take_line(struct run *r, struct slice line, struct diag *d)
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
static int take_lines(struct run *r, struct diag *d)
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

static bool wants_input(const struct run *r)
{
	return !r->input_ended && !r->stopping && !is_full(r);
}

/* ---- signals ---- */

static void begin_stop(struct run *r)
{
	if (r->stopping) {
		r->abandoned = true;
		return;
	}
	r->stopping = true;
	diag_notice("stopping: %d under way will be waited for", r->flying);
}

static void take_signals(struct run *r)
{
	char wishes[16];
	ssize_t count = read(r->options->signals, wishes, sizeof wishes);
	for (ssize_t i = 0; i < count; i++)
		begin_stop(r);
}

/* ---- what is held ---- */

/* Memory is full and nothing moves: destinations that cannot go on keep some of their lines and give the others
 * back, so that the lines of other destinations are reached. */
static void make_room(struct run *r, int64_t clock, int64_t now)
{
	bool full = is_full(r) && !r->input_ended;
	if (!full || !r->full_since)
		r->full_since = full ? clock : 0;
	if (!full || clock - r->full_since < BLOCKED_MS || !r->lanes || !r->lanes->next)
		return;
	for (struct lane *l = r->lanes; l; l = l->next) {
		if (lane_may_start(l, now))
			continue;
		struct queue kept = {.count = 0};
		for (size_t keep = l->ready.count / 2; kept.count < keep && kept.count < KEPT_LINES;)
			queue_add(&kept, queue_take(&l->ready));
		give_lane_back(r, l, now + SLOW_MS, "the destination is slow, and others wait behind it");
		queue_move(&kept, &l->ready);
	}
	r->full_since = 0;
}

static void review_held(struct run *r, int64_t now)
{
	int64_t clock = clock_monotonic(), due_at = now;
	bool quiet = r->input_ended && r->flying == 0 && !r->answered.count;
	for (struct lane *l = r->lanes; l; l = l->next) {
		if (l->waiting.count)
			lane_recall(l, now);
		const char *why = r->stopping ? "stopping" : lane_why_give_back(l, quiet, clock, now, &due_at);
		if (why)
			give_lane_back(r, l, due_at, why);
	}
	make_room(r, clock, now);
}

/* ---- a turn: what is to be recorded and started, in one transaction ---- */

static void take_some(struct queue *from, struct queue *to)
{
	while (to->count < BATCH && from->count)
		queue_add(to, queue_take(from));
}

/* One of each lane in turn, until slots or lanes are used up. */
static void choose_starts(struct run *r, int64_t now)
{
	struct turn *t = &r->turn;
	for (size_t before = SIZE_MAX; before != t->starting.count;) {
		before = t->starting.count;
		for (struct lane *l = r->lanes; l && r->flying < SENDER_SLOTS; l = l->next) {
			if (!lane_may_start(l, now))
				continue;
			queue_add(&t->starting, queue_take(&l->ready));
			l->flying++;
			r->flying++;
		}
	}
}

static bool gather(struct run *r, int64_t now)
{
	struct turn *t = &r->turn;
	take_some(&r->answered, &t->answered);
	take_some(&r->ending, &t->ending);
	take_some(&r->returning, &t->returning);
	choose_starts(r, now);
	return t->answered.count || t->ending.count || t->returning.count || t->starting.count;
}

static void unstart(struct run *r, struct lane *l)
{
	l->flying--;
	r->flying--;
}

/* The transaction failed: everything goes back to where it came from. */
static void undo(struct run *r)
{
	struct turn *t = &r->turn;
	queue_move_front(&t->answered, &r->answered);
	queue_move_front(&t->ending, &r->ending);
	queue_move_front(&t->returning, &r->returning);
	struct queue backwards = {.count = 0};
	for (struct attempt *a; (a = queue_take(&t->starting));)
		queue_add_front(&backwards, a);
	for (struct attempt *a; (a = queue_take(&backwards));) {
		queue_add_front(&lane_of(a)->ready, a);
		unstart(r, lane_of(a));
	}
}

/* Lines without a claim are accepted first: each gets one, or is found to be a duplicate. */
static int adopt(struct run *r, const struct queue *q, int64_t now, struct diag *d)
{
	for (struct attempt *a = q->first; a; a = a->next) {
		a->adopted = a->event.claim;
		if (a->event.claim)
			continue;
		if (journal_adopt(r->journal, &a->event, now, JOURNAL_LEASE_MS, &a->adopted, d) < 0)
			return -1;
		if (a->adopted == 0)
			a->adopted = -1;
	}
	return 0;
}

static struct journal_ref adopted_ref(const struct attempt *a)
{
	struct journal_ref ref = attempt_ref(a);
	ref.claim = a->adopted;
	return ref;
}

static void write_rows(struct turn *t)
{
	t->outcome_count = t->end_count = t->start_count = 0;
	for (struct attempt *a = t->answered.first; a; a = a->next)
		t->outcomes[t->outcome_count++] = attempt_outcome(a);
	for (struct attempt *a = t->ending.first; a; a = a->next) {
		if (a->adopted < 0)
			continue;
		bool failed = a->event.error.ptr;
		t->of_end[t->end_count] = a;
		t->ends[t->end_count++] = (struct journal_end){.ref = adopted_ref(a),
							       .status = failed ? JOURNAL_FAILED : JOURNAL_SKIPPED,
							       .code = failed ? "filter" : NULL,
							       .reason = failed ? a->event.error : a->event.skip};
	}
	for (struct attempt *a = t->starting.first; a; a = a->next) {
		if (a->adopted < 0)
			continue;
		struct journal_start *row = &t->starts[t->start_count];
		t->of_start[t->start_count++] = a;
		*row = (struct journal_start){
		    .ref = adopted_ref(a), .limits = &lane_of(a)->plan.limits, .record = row->record};
	}
}

static int return_rows(struct run *r, int64_t now, struct diag *d)
{
	for (const struct attempt *a = r->turn.returning.first; a; a = a->next) {
		struct journal_ref ref = adopted_ref(a);
		if (a->adopted > 0 && journal_return(r->journal, &ref, 1, a->next_at, now, d) < 0)
			return -1;
	}
	return 0;
}

static int record_rows(struct run *r, int64_t now, struct diag *d)
{
	struct turn *t = &r->turn;
	struct journal *j = r->journal;
	if (adopt(r, &t->ending, now, d) < 0 || adopt(r, &t->returning, now, d) < 0 ||
	    adopt(r, &t->starting, now, d) < 0)
		return -1;
	write_rows(t);
	/* Outcomes first: they make room for the starts. */
	if (t->outcome_count && journal_outcome(j, t->outcomes, t->outcome_count, now, d) < 0)
		return -1;
	if (t->end_count && journal_end(j, t->ends, t->end_count, now, d) < 0)
		return -1;
	if (return_rows(r, now, d) < 0)
		return -1;
	return t->start_count ? journal_start(j, t->starts, t->start_count, now, d) : 0;
}

static int commit_turn(struct run *r, int64_t now, struct diag *d)
{
	if (journal_begin(r->journal, d) < 0)
		return -1;
	if (record_rows(r, now, d) == 0)
		return journal_commit(r->journal, d);
	journal_rollback(r->journal);
	return -1;
}

/* ---- after the commit ---- */

static void count_status(struct run *r, enum journal_status status)
{
	struct delivery_report *report = r->report;
	uint64_t *counts[JOURNAL_STATUSES] = {[JOURNAL_DELIVERED] = &report->delivered,
					      [JOURNAL_FAILED] = &report->failed,
					      [JOURNAL_RETRYING] = &report->retrying,
					      [JOURNAL_SKIPPED] = &report->skipped};
	++*counts[status];
}

static void settle_answered(struct run *r)
{
	for (struct attempt *a; (a = queue_take(&r->turn.answered));) {
		enum journal_status status = attempt_status(a);
		count_status(r, status);
		print(r, a, status);
		lane_recall_after(lane_of(a), a);
		if (a->answer.slot)
			sender_release(r->sender, &a->answer);
		dismiss(r, a);
	}
}

static const char duplicate[] = "not sent: a duplicate of what the journal has already";
static const char repeated[] = "not sent: this very claim has been used already";

/* Those refused by adoption leave the queue; the others bear the claim they were given. */
static void settle_adopted(struct run *r, struct queue *q)
{
	struct queue all = {.count = 0};
	queue_move(q, &all);
	for (struct attempt *a; (a = queue_take(&all));) {
		if (a->adopted < 0) {
			if (q == &r->turn.starting)
				unstart(r, lane_of(a));
			refuse_duplicate(r, a, duplicate);
			continue;
		}
		a->event.claim = a->adopted;
		queue_add(q, a);
	}
}

static void settle_ends(struct run *r)
{
	struct turn *t = &r->turn;
	t->ending = (struct queue){.count = 0};
	for (size_t i = 0; i < t->end_count; i++) {
		struct attempt *a = t->of_end[i];
		switch (t->ends[i].answer) {
		case JOURNAL_UNKNOWN: /* a claim of another journal: accepted here, in the next turn */
			a->event.claim = 0;
			queue_add(&r->ending, a);
			break;
		case JOURNAL_REPEATED:
			refuse_duplicate(r, a, repeated);
			break;
		case JOURNAL_STARTED:
			count_status(r, t->ends[i].status);
			print(r, a, t->ends[i].status);
			lane_recall_after(lane_of(a), a);
			dismiss(r, a);
			break;
		default:
			refuse_stale(r, a);
		}
	}
}

static void settle_returned(struct run *r)
{
	for (struct attempt *a; (a = queue_take(&r->turn.returning));) {
		r->report->returned++;
		dismiss(r, a);
	}
}

static void launch(struct run *r, struct attempt *a, struct journal_start *row)
{
	struct lane *l = lane_of(a);
	a->number = row->attempt;
	a->step = row->step;
	buf_add_slice(&a->known, buf_slice(&row->record));
	if (attempt_send(a, &l->plan, r->sender) == 0)
		return;
	unstart(r, l);
	queue_add(&r->answered, a);
}

/* Not started, though it was asked for. */
static void settle_refused(struct run *r, struct attempt *a, const struct journal_start *row)
{
	struct lane *l = lane_of(a);
	unstart(r, l);
	switch (row->answer) {
	case JOURNAL_HOLD:
		lane_hold(l, a, row);
		break;
	case JOURNAL_UNKNOWN: /* a claim of another journal: accepted here, in the next turn */
		a->event.claim = 0;
		queue_add_front(&l->ready, a);
		break;
	case JOURNAL_REPEATED:
		refuse_duplicate(r, a, repeated);
		break;
	default:
		refuse_stale(r, a);
	}
}

static void settle_starts(struct run *r)
{
	struct turn *t = &r->turn;
	t->starting = (struct queue){.count = 0};
	/* From the last to the first, so that those put back in front keep their order. */
	for (size_t i = t->start_count; i-- > 0;)
		if (t->starts[i].answer != JOURNAL_STARTED)
			settle_refused(r, t->of_start[i], &t->starts[i]);
	for (size_t i = 0; i < t->start_count; i++)
		if (t->starts[i].answer == JOURNAL_STARTED)
			launch(r, t->of_start[i], &t->starts[i]);
}

static void settle(struct run *r)
{
	settle_adopted(r, &r->turn.ending);
	settle_adopted(r, &r->turn.returning);
	settle_adopted(r, &r->turn.starting);
	settle_answered(r);
	settle_ends(r);
	settle_returned(r);
	settle_starts(r);
	flush_printed(r);
	r->failing_since = r->pause_until = r->pause_ms = 0;
	r->idle = false;
}

/* Nothing was recorded: what was to be started stays, what has ended is kept until it can be recorded. Gives up after a minute. */
static int bear_failure(struct run *r, struct diag *d)
{
	int64_t clock = clock_monotonic();
	undo(r);
	if (!r->failing_since) {
		r->failing_since = clock;
		diag_error("%s; trying again", d->text);
	}
	r->pause_ms = r->pause_ms ? 2 * r->pause_ms : 50;
	if (r->pause_ms > PAUSE_MS)
		r->pause_ms = PAUSE_MS;
	r->pause_until = clock + r->pause_ms;
	bool passing = d->code == DIAG_TRY_AGAIN || d->code == DIAG_IO;
	return passing && clock - r->failing_since < GIVE_UP_MS ? 0 : -1;
}

/* One transaction, if there is anything for it. */
static int take_turn(struct run *r, struct diag *d)
{
	int64_t now = clock_now();
	if (clock_monotonic() < r->pause_until)
		return 0;
	review_held(r, now);
	if (!gather(r, now))
		return 0;
	if (commit_turn(r, now, d) < 0)
		return bear_failure(r, d);
	settle(r);
	return 0;
}

/* ---- the loop ---- */

static void collect_answers(struct run *r)
{
	struct sender_answer answer;
	while (sender_take(r->sender, &answer)) {
		struct attempt *a = answer.context;
		a->answer = answer;
		attempt_judge(a, &lane_of(a)->plan, &r->json, erand48(r->random), clock_now());
		unstart(r, lane_of(a));
		queue_add(&r->answered, a);
	}
}

/* Is there something for the next turn already? */
static bool has_work(const struct run *r, int64_t now)
{
	if (r->answered.count || r->ending.count || r->returning.count)
		return true;
	for (const struct lane *l = r->lanes; l; l = l->next)
		if (lane_wake_at(l, now) <= now || (r->flying < SENDER_SLOTS && lane_may_start(l, now)))
			return true;
	return false;
}

/* How long may the loop sleep, when no answer, line or signal wakes it? */
static int64_t wait_ms(const struct run *r)
{
	int64_t clock = clock_monotonic(), now = clock_now();
	int64_t wait = r->held_lines ? LOOK_MS : IDLE_MS;
	if (r->pause_until > clock)
		return r->pause_until - clock;
	if (has_work(r, now))
		return 0;
	for (const struct lane *l = r->lanes; l; l = l->next) {
		int64_t wake_at = lane_wake_at(l, now);
		if (wake_at < now + wait)
			wait = wake_at - now;
	}
	return wait;
}

static int wait_for_events(struct run *r, struct diag *d)
{
	struct curl_waitfd extra[2];
	unsigned count = 0, input = 2, signals = 2;
	if (wants_input(r)) {
		input = count++;
		extra[input] = (struct curl_waitfd){.fd = r->lines.fd, .events = CURL_WAIT_POLLIN};
	}
	if (r->options->signals >= 0) {
		signals = count++;
		extra[signals] = (struct curl_waitfd){.fd = r->options->signals, .events = CURL_WAIT_POLLIN};
	}
	if (r->held_lines == 0 && !r->idle) {
		journal_idle(r->journal);
		r->idle = true;
	}
	if (sender_wait(r->sender, extra, count, (int)wait_ms(r), d) < 0)
		return -1;
	if (signals < count && extra[signals].revents)
		take_signals(r);
	if (input < count && extra[input].revents)
		return lines_fill(&r->lines, d);
	return 0;
}

static bool is_done(const struct run *r)
{
	return (r->input_ended && r->held_lines == 0) || r->abandoned;
}

static int loop(struct run *r, struct diag *d)
{
	for (;;) {
		if (take_lines(r, d) < 0)
			return -1;
		collect_answers(r);
		if (take_turn(r, d) < 0)
			return -1;
		if (is_done(r))
			return 0;
		if (wait_for_events(r, d) < 0)
			return -1;
	}
}

/* ---- open, close ---- */

static int open_run(struct run *r, struct diag *d)
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
	return 0;
}

static void close_run(struct run *r)
{
	sender_close(r->sender);
	for (struct lane *l; (l = r->lanes);) {
		r->lanes = l->next;
		lane_free(l);
	}
	for (size_t i = 0; i < BATCH; i++)
		buf_free(&r->turn.starts[i].record);
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

static int report_end(const struct run *r, int result, struct diag *d)
{
	r->report->lost = r->answered.count + (size_t)r->flying;
	if (r->abandoned)
		return diag_fail(d, DIAG_TRY_AGAIN, "stopped at once: %llu under way left without an outcome",
				 (unsigned long long)r->report->lost);
	return result;
}

int delivery_run(const struct delivery_options *options, struct delivery_report *report, struct diag *d)
{
	struct run *r = calloc(1, sizeof *r);
	*report = (struct delivery_report){.delivered = 0};
	if (!r)
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	r->options = options;
	r->report = report;
	r->journal = options->journal;
	int result = open_run(r, d);
	if (result == 0)
		result = report_end(r, loop(r, d), d);
	close_run(r);
	return result;
}
