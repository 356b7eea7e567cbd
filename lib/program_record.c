/* SPDX-License-Identifier: MIT */
/* evt-deliver --record: what a program says has come of its lines. */
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "clock.h"
#include "program_internal.h"

enum { TRIES = 60, PAUSE_US = 1000 * 1000 }; /* while the journal is not to be had */

/* What a line says besides the event. */
struct said {
	enum journal_verdict verdict;
	int64_t step, started_at, wait_ms;
	struct slice record;
};

struct recorder {
	struct program p;
	struct attempt *rows[PROGRAM_BATCH];
	struct journal_outcome outcomes[PROGRAM_BATCH];
	size_t count;
	struct buf text; /* decoded strings of the line */
	unsigned short random[3];
};

static struct slice member(struct recorder *r, const char *name, enum jtext_type type)
{
	const struct jtext *j = &r->p.parser.json;
	uint32_t node = jtext_member(j, 0, slice_of(name));
	if (node == JTEXT_NOWHERE || jtext_type(j, node) != type)
		return SLICE_NONE;
	return type == JTEXT_STRING ? jtext_string(j, node, &r->text) : jtext_raw(j, node);
}

static int64_t number(struct recorder *r, const char *name)
{
	struct slice text = member(r, name, JTEXT_NUMBER);
	int64_t value = 0;
	for (size_t i = 0; i < text.len && i < 15; i++)
		value = text.ptr[i] >= '0' && text.ptr[i] <= '9' ? value * 10 + (text.ptr[i] - '0') : 0;
	return value;
}

/* NULL, or what is wrong with the line. */
static const char *understand(struct recorder *r, const struct event *e, struct said *said)
{
	static const char *const names[] = {
	    [JOURNAL_OK] = "delivered", [JOURNAL_AGAIN] = "retry", [JOURNAL_NEVER] = "failed"};
	buf_clear(&r->text);
	if (!buf_reserve(&r->text, r->p.parser.json.text.len)) /* every string of the line fits, so that none moves */
		return "out of memory";
	struct slice outcome = member(r, "evtoutcome", JTEXT_STRING);
	if (!outcome.ptr && e->error.ptr)
		outcome = slice_of(names[JOURNAL_NEVER]);
	int verdict = 0;
	while (verdict < 3 && !slice_is(outcome, names[verdict]))
		verdict++;
	if (verdict == 3)
		return "attribute 'evtoutcome' is missing, or none of delivered, retry, failed";
	said->verdict = (enum journal_verdict)verdict;
	said->record = member(r, "evtrecord", JTEXT_STRING);
	if (!said->record.ptr)
		said->record = member(r, "evtrecord", JTEXT_NUMBER);
	said->step = number(r, "evtstep");
	said->started_at = number(r, "evtstarted");
	said->wait_ms = number(r, "evtretryafter") * CLOCK_SECOND;
	if (!e->claim || !e->attempt || !said->step || !said->started_at)
		return "it was not started: 'evtclaim', 'evtattempt', 'evtstep' and 'evtstarted' must stay as --start wrote them";
	if (said->record.ptr && !event_is_name(said->record))
		return "attribute 'evtrecord' is no name";
	return NULL;
}

static int add_row(struct recorder *r, const struct event *e, const struct said *said, struct diag *d)
{
	struct lane *l = program_lane(&r->p, e->destination);
	struct attempt *a = calloc(1, sizeof *a);
	if (!l || !a || attempt_take(a, e) < 0) {
		attempt_free(a);
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	}
	int64_t now = clock_now();
	bool delivered = said->verdict == JOURNAL_OK;
	a->number = e->attempt;
	buf_clear(&a->found);
	buf_add_slice(&a->found, said->record);
	a->record = said->record.len ? buf_slice(&a->found) : SLICE_NONE;
	a->outcome = (struct outcome){.verdict = said->verdict, .fault = said->verdict == JOURNAL_AGAIN};
	if (!delivered) {
		memcpy(a->outcome.code, "program", sizeof "program");
		buf_add_slice(&a->error, e->error.len ? e->error : SLICE("the program gave no reason"));
	}
	if (said->verdict == JOURNAL_AGAIN && l->usable) {
		a->next_at =
		    backoff_next_at(&l->plan.dest->backoff, (int)said->step, said->wait_ms, erand48(r->random), now);
	} else if (said->verdict == JOURNAL_AGAIN) {
		a->next_at = now; /* nothing tells the schedule; it is claimed once the file is mended */
	}
	a->answer = (struct sender_answer){.started_at = said->started_at,
					   .ended_at = now,
					   .sent_bytes = -1,
					   .received_bytes = -1,
					   .head = SLICE(""),
					   .body = SLICE("")};
	r->rows[r->count] = a;
	r->outcomes[r->count] = attempt_outcome(a);
	if (!a->event.data.ptr) /* a program need not send it back */
		r->outcomes[r->count].sent = SLICE_NONE;
	r->count++;
	return 0;
}

static int commit(struct recorder *r, struct diag *d)
{
	if (journal_begin(r->p.options->journal, d) < 0)
		return -1;
	if (journal_outcome(r->p.options->journal, r->outcomes, r->count, clock_now(), d) == 0)
		return journal_commit(r->p.options->journal, d);
	journal_rollback(r->p.options->journal);
	return -1;
}

static void settle(struct recorder *r)
{
	struct delivery_report *report = r->p.report;
	for (size_t i = 0; i < r->count; i++) {
		switch (attempt_status(r->rows[i])) {
		case JOURNAL_DELIVERED:
			report->delivered++;
			break;
		case JOURNAL_RETRYING:
			report->retrying++;
			break;
		default:
			report->failed++;
		}
		attempt_free(r->rows[i]);
	}
	r->count = 0;
}

/* The act is done: its outcome is worth waiting for the journal. */
static int record(struct recorder *r, struct diag *d)
{
	for (int tries = 0; r->count && commit(r, d) < 0; tries++) {
		if (tries == 0)
			diag_error("%s; trying again", d->text);
		if (tries == TRIES || (d->code != DIAG_TRY_AGAIN && d->code != DIAG_IO)) {
			r->p.report->lost += r->count;
			return -1;
		}
		usleep(PAUSE_US);
	}
	settle(r);
	return 0;
}

static int take_lines(struct recorder *r, struct diag *d)
{
	struct event e;
	while (r->count < PROGRAM_BATCH && program_next(&r->p, &e)) {
		struct said said;
		const char *wrong = understand(r, &e, &said);
		if (wrong)
			program_refuse(&r->p, wrong);
		else if (add_row(r, &e, &said, d) < 0)
			return -1;
	}
	return 0;
}

static int loop(struct recorder *r, struct diag *d)
{
	for (;;) {
		if (take_lines(r, d) < 0)
			return -1;
		if (r->count) {
			if (record(r, d) < 0)
				return -1;
			continue; /* there may be more that has been read */
		}
		if (r->p.input_ended || r->p.stopping)
			return 0;
		journal_idle(r->p.options->journal);
		if (program_wait(&r->p, false, -1, -1, d) < 0)
			return -1;
	}
}

int program_record(const struct delivery_options *options, struct delivery_report *report, struct diag *d)
{
	struct recorder r = {.count = 0};
	program_open(&r.p, options, report);
	int result = getrandom(r.random, sizeof r.random, 0) < 0 ? diag_fail(d, DIAG_UNAVAILABLE, "no random numbers")
								 : loop(&r, d);
	for (size_t i = 0; i < r.count; i++)
		attempt_free(r.rows[i]);
	buf_free(&r.text);
	program_close(&r.p);
	return result;
}
