/* SPDX-License-Identifier: MIT */
/* evt-deliver --start: no line goes on before its start is committed. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "program_internal.h"

enum {
	HELD_LINES = 256, /* in memory; beyond, reading waits */
	LOOK_MS = 1000,   /* while lines are held */
};

struct starter {
	struct program p;
	struct journal *journal;
	struct queue waiting, turn; /* those to be started, those in this transaction */
	struct journal_start rows[PROGRAM_BATCH];
	struct journal_end ends[PROGRAM_BATCH];
	struct buf out;
	int64_t again_at; /* when the first of those held may be asked for again */
};

static struct journal_ref ref_of(const struct attempt *a)
{
	struct journal_ref ref = attempt_ref(a);
	ref.claim = a->adopted;
	return ref;
}

static bool carries_end(const struct attempt *a)
{
	return a->event.skip.ptr || a->event.error.ptr;
}

/* ---- one transaction ---- */

static int adopt(struct starter *s, struct attempt *a, int64_t now, struct diag *d)
{
	a->adopted = a->event.claim;
	if (a->adopted)
		return 0;
	return journal_adopt(s->journal, &a->event, now, JOURNAL_LEASE_MS, &a->adopted, d);
}

static int start_one(struct starter *s, struct attempt *a, size_t at, int64_t now, struct diag *d)
{
	struct lane *l = a->lane;
	struct journal_start *row = &s->rows[at];
	struct journal_end *end = &s->ends[at];
	row->answer = JOURNAL_REPEATED;
	if (adopt(s, a, now, d) < 0)
		return -1;
	if (!a->adopted)
		return 0;
	if (carries_end(a)) {
		bool failed = a->event.error.ptr;
		*end = (struct journal_end){.ref = ref_of(a),
					    .status = failed ? JOURNAL_FAILED : JOURNAL_SKIPPED,
					    .code = failed ? "filter" : NULL,
					    .reason = failed ? a->event.error : a->event.skip};
		int result = journal_end(s->journal, end, 1, now, d);
		row->answer = end->answer;
		return result;
	}
	if (!l->usable || s->p.stopping) {
		struct journal_ref ref = ref_of(a);
		row->answer = JOURNAL_HOLD;
		return journal_return(s->journal, &ref, 1, l->usable ? now : lane_due_again(l, now), now, d);
	}
	*row = (struct journal_start){.ref = ref_of(a), .limits = &l->plan.limits, .record = row->record};
	if (journal_start(s->journal, row, 1, now, d) < 0)
		return -1;
	/* Held for longer than is worth waiting: back to the journal. */
	a->again_at = row->answer == JOURNAL_HOLD ? row->again_at : 0;
	if (row->answer != JOURNAL_HOLD || (row->hold != JOURNAL_HOLD_BREAKER && row->again_at - now <= LANE_SHORT_MS &&
					    clock_monotonic() - a->read_at <= LANE_HELD_MS))
		return 0;
	struct journal_ref ref = ref_of(a);
	a->again_at = 0;
	return journal_return(s->journal, &ref, 1, row->hold == JOURNAL_HOLD_BREAKER ? now : row->again_at, now, d);
}

static int commit_turn(struct starter *s, int64_t now, struct diag *d)
{
	size_t at = 0;
	if (journal_begin(s->journal, d) < 0)
		return -1;
	for (struct attempt *a = s->turn.first; a; a = a->next) {
		if (start_one(s, a, at++, now, d) < 0) {
			journal_rollback(s->journal);
			return -1;
		}
	}
	return journal_commit(s->journal, d);
}

/* ---- after the commit ---- */

/* The line, with what the program and --record need to know. */
static void pass_on(struct starter *s, struct attempt *a, const struct journal_start *row, int64_t now)
{
	char key[ATTEMPT_KEY_SIZE];
	struct buf extra = BUF_INIT;
	struct event e = a->event;
	attempt_key(&e, key);
	if (e.extra.len) {
		buf_add_slice(&extra, e.extra);
		buf_add_char(&extra, ',');
	}
	buf_printf(&extra, "\"evtkey\":\"%s\",\"evtstep\":%d,\"evtstarted\":%lld", key, row->step, (long long)now);
	if (row->record.len) {
		buf_add_text(&extra, ",\"evtrecord\":");
		jtext_add_string(&extra, buf_slice(&row->record));
	}
	e.extra = buf_slice(&extra);
	e.claim = a->adopted;
	e.attempt = row->attempt;
	event_write(&s->out, &e);
	buf_free(&extra);
}

static void tell(const struct attempt *a, const char *why)
{
	const struct event *e = &a->event;
	diag_error("%.*s: %.*s of %.*s: %s", (int)e->destination.len, e->destination.ptr, (int)e->id.len, e->id.ptr,
		   (int)e->source.len, e->source.ptr, why);
}

static void settle(struct starter *s, struct attempt *a, size_t at, int64_t now)
{
	struct delivery_report *report = s->p.report;
	const struct journal_start *row = &s->rows[at];
	if (a->adopted)
		a->event.claim = a->adopted; /* known from now on */
	switch (row->answer) {
	case JOURNAL_STARTED:
		if (carries_end(a))
			a->event.error.ptr ? report->failed++ : report->skipped++;
		else
			pass_on(s, a, row, now);
		break;
	case JOURNAL_HOLD:
		if (a->again_at) {
			s->again_at = a->again_at < s->again_at ? a->again_at : s->again_at;
			queue_add(&s->waiting, a);
			return;
		}
		report->returned++;
		break;
	case JOURNAL_UNKNOWN: /* a claim of another journal: accepted here, in the next turn */
		a->event.claim = 0;
		s->again_at = 0;
		queue_add(&s->waiting, a);
		return;
	case JOURNAL_REPEATED:
		tell(a, "not passed on: a duplicate of what the journal has already");
		report->duplicates++;
		break;
	default:
		tell(a, "not passed on: this claim is no longer the last one");
		report->stale++;
	}
	attempt_free(a);
}

static int write_out(struct starter *s, struct diag *d)
{
	struct slice left = buf_slice(&s->out);
	while (left.len) {
		ssize_t wrote = write(s->p.options->output, left.ptr, left.len);
		if (wrote < 0 && errno != EINTR)
			return diag_errno(d, DIAG_IO, errno,
					  "standard output: the lines it did not take are due again "
					  "when their leases end");
		if (wrote > 0)
			left = (struct slice){left.ptr + wrote, left.len - (size_t)wrote};
	}
	buf_clear(&s->out);
	return 0;
}

static int take_turn(struct starter *s, struct diag *d)
{
	int64_t now = clock_now();
	while (s->turn.count < PROGRAM_BATCH && s->waiting.count)
		queue_add(&s->turn, queue_take(&s->waiting));
	if (!s->turn.count)
		return 0;
	if (commit_turn(s, now, d) < 0) {
		queue_move_front(&s->turn, &s->waiting);
		return -1;
	}
	struct queue done = {.count = 0};
	queue_move(&s->turn, &done);
	for (size_t at = 0; done.count; at++)
		settle(s, queue_take(&done), at, now);
	return write_out(s, d);
}

/* ---- the loop ---- */

static int take_line(struct starter *s, const struct event *e, struct diag *d)
{
	struct attempt *a = calloc(1, sizeof *a);
	if (!a || !(a->lane = program_lane(&s->p, e->destination)) || attempt_take(a, e) < 0) {
		attempt_free(a);
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	}
	a->read_at = clock_monotonic();
	queue_add(&s->waiting, a);
	return 0;
}

static int take_lines(struct starter *s, struct diag *d)
{
	struct event e;
	while (s->waiting.count < HELD_LINES && program_next(&s->p, &e))
		if (take_line(s, &e, d) < 0)
			return -1;
	return 0;
}

/* Every line that waits is asked for once. */
static int take_turns(struct starter *s, struct diag *d)
{
	s->again_at = INT64_MAX;
	for (size_t left = s->waiting.count; left;) {
		size_t batch = left < PROGRAM_BATCH ? left : PROGRAM_BATCH;
		if (take_turn(s, d) < 0)
			return -1;
		left -= batch;
	}
	return 0;
}

static int wait_ms(const struct starter *s)
{
	int64_t wait = s->again_at == INT64_MAX ? LOOK_MS : s->again_at - clock_now();
	return wait < 0 ? 0 : wait > LOOK_MS ? LOOK_MS : (int)wait;
}

static int loop(struct starter *s, struct diag *d)
{
	journal_watch(s->journal); /* from before the first look on, or what others free meanwhile is missed */
	for (;;) {
		if (take_lines(s, d) < 0 || take_turns(s, d) < 0)
			return -1;
		if ((s->p.input_ended || s->p.stopping) && !s->waiting.count)
			return 0;
		bool held = s->waiting.count;
		if (!held)
			journal_idle(s->journal);
		if (program_wait(&s->p, s->waiting.count >= HELD_LINES, held ? journal_watch(s->journal) : -1,
				 held ? wait_ms(s) : -1, d) < 0)
			return -1;
	}
}

int program_start(const struct delivery_options *options, struct delivery_report *report, struct diag *d)
{
	struct starter *s = calloc(1, sizeof *s);
	if (!s)
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	s->journal = options->journal;
	program_open(&s->p, options, report);
	int result = options->only.ptr && !program_lane(&s->p, options->only)
			 ? diag_fail(d, DIAG_TRY_AGAIN, "out of memory")
			 : loop(s, d);
	for (struct attempt *a; (a = queue_take(&s->waiting));)
		attempt_free(a);
	for (size_t i = 0; i < PROGRAM_BATCH; i++)
		buf_free(&s->rows[i].record);
	buf_free(&s->out);
	program_close(&s->p);
	free(s);
	return result;
}
