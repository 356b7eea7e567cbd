/* SPDX-License-Identifier: MIT */
#include "resend.h"

#include <inttypes.h>
#include <stdlib.h>

#include "clock.h"

/* Those that match, newest first as the history lists them; names for messages stand one after the other in `text`. */
struct selection {
	struct journal_key *keys;
	size_t *names; /* where each name begins */
	size_t count, cap;
	struct buf text;
	bool failed;
};

static bool grow(struct selection *s)
{
	size_t cap = s->cap ? 2 * s->cap : 256;
	struct journal_key *keys = realloc(s->keys, cap * sizeof *keys);
	s->keys = keys ? keys : s->keys;
	size_t *names = keys ? realloc(s->names, cap * sizeof *names) : NULL;
	s->names = names ? names : s->names;
	s->cap = names ? cap : s->cap;
	return names;
}

static bool is_same_event(const struct selection *s, const struct journal_row *row)
{
	return s->count && s->keys[s->count - 1].event == row->key.event;
}

static bool select_row(const struct journal_row *row, void *context)
{
	struct selection *s = context;
	if (s->count == s->cap && !grow(s)) {
		s->failed = true;
		return false;
	}
	s->names[s->count] = s->text.len;
	s->keys[s->count++] = row->key;
	buf_add_slice(&s->text, row->id);
	if (row->destination.ptr)
		buf_printf(&s->text, " (%.*s)", (int)row->destination.len, row->destination.ptr);
	buf_add_char(&s->text, '\0');
	return true;
}

/* Towards a named destination an event goes once, however many deliveries it has. */
static bool select_event(const struct journal_row *row, void *context)
{
	return is_same_event(context, row) || select_row(row, context);
}

static void turn_round(struct selection *s)
{
	for (size_t i = 0, k = s->count; i + 1 < k; i++) {
		k--;
		struct journal_key key = s->keys[i];
		size_t name = s->names[i];
		s->keys[i] = s->keys[k];
		s->names[i] = s->names[k];
		s->keys[k] = key;
		s->names[k] = name;
	}
}

static int select_all(const struct resend *r, struct journal *j, struct selection *s, struct diag *d)
{
	if (journal_list(j, r->filter, r->to.ptr ? select_event : select_row, s, d) < 0)
		return -1;
	if (s->failed || !buf_ok(&s->text))
		return diag_fail(d, DIAG_IO, "out of memory");
	turn_round(s);
	return 0;
}

/* Why one was refused, and in how few words a number of them. */
static const struct {
	const char *one, *many;
} reasons[] = {
    [JOURNAL_BUSY] = {"is in processing: a pipeline has it until its lease ends", "in processing"},
    [JOURNAL_ENDED_WELL] = {"is not failed: name a destination with -d to send it again", "not failed"},
    [JOURNAL_NOWHERE] = {"has no destination: name one with -d to send it there", "without a destination"},
    [JOURNAL_EXPIRED] = {"its payload has expired", "payload expired"},
    [JOURNAL_GONE] = {"has been pruned meanwhile", "pruned meanwhile"},
};
enum {
	REASONS = sizeof reasons / sizeof reasons[0],
	NAMED_MOST = 20 /* for each reason; beyond, they are counted alone */
};

static const char ended_already[] = "has ended already";

const char *resend_reason(enum journal_reopened answer, bool given_up)
{
	return given_up && answer == JOURNAL_ENDED_WELL ? ended_already : reasons[answer].many;
}

/* `ended`: what is said of one that has ended, where that is not JOURNAL_ENDED_WELL's own words. */
static void tell_refusals(const struct selection *s, size_t first, const enum journal_reopened *answers, size_t count,
			  const char *ended, struct resend_result *result)
{
	for (size_t i = 0; i < count; i++) {
		enum journal_reopened answer = answers[i];
		if (answer == JOURNAL_REOPENED)
			continue;
		result->refused++;
		if (result->refused_for[answer]++ >= NAMED_MOST)
			continue;
		bool own = answer == JOURNAL_ENDED_WELL && ended;
		diag_error("%s: %s", s->text.data + s->names[first + i], own ? ended : reasons[answer].one);
	}
}

static void tell_counts(const struct selection *s, bool given_up, const struct resend_result *result)
{
	for (int i = 0; s->count > 1 && i < (int)REASONS; i++)
		if (result->refused_for[i])
			diag_error("%" PRId64 " of %zu refused: %s", result->refused_for[i], s->count,
				   resend_reason((enum journal_reopened)i, given_up));
}

static int send_all(const struct resend *r, const struct feed *f, const struct selection *s,
		    struct resend_result *result, struct journal_batch *batch, struct diag *d)
{
	enum journal_reopened answers[JOURNAL_CLAIM_ROWS];
	for (size_t next = 0, done; next < s->count && !result->fed.reader_gone && !result->fed.stopped; next += done) {
		size_t count = s->count - next < JOURNAL_CLAIM_ROWS ? s->count - next : JOURNAL_CLAIM_ROWS;
		if (journal_reopen(f->journal, s->keys + next, count, r->to, clock_now(), batch, answers, &done, d) < 0)
			return -1;
		tell_refusals(s, next, answers, done, NULL, result);
		if (feed_write(f, batch, &result->fed, d) < 0)
			return -1;
	}
	return 0;
}

static void free_selection(struct selection *s)
{
	free(s->keys);
	free(s->names);
	buf_free(&s->text);
}

int resend_give_up(const struct resend *r, struct journal *j, struct slice why, struct resend_result *result,
		   struct diag *d)
{
	*result = (struct resend_result){0};
	struct selection s = {.text = BUF_INIT};
	enum journal_reopened answers[JOURNAL_CLAIM_ROWS];
	int status = select_all(r, j, &s, d);
	result->matched = (int64_t)s.count;
	for (size_t next = 0; status == 0 && next < s.count; next += JOURNAL_CLAIM_ROWS) {
		size_t count = s.count - next < JOURNAL_CLAIM_ROWS ? s.count - next : JOURNAL_CLAIM_ROWS;
		status = journal_give_up(j, s.keys + next, count, why, clock_now(), answers, d);
		if (status == 0)
			tell_refusals(&s, next, answers, count, ended_already, result);
	}
	tell_counts(&s, true, result);
	free_selection(&s);
	return status;
}

int resend_run(const struct resend *r, const struct feed *f, struct resend_result *result, struct diag *d)
{
	*result = (struct resend_result){0};
	struct selection s = {.text = BUF_INIT};
	struct journal_batch *batch = calloc(1, sizeof *batch);
	int status = batch ? select_all(r, f->journal, &s, d) : diag_fail(d, DIAG_IO, "out of memory");
	result->matched = (int64_t)s.count;
	if (status == 0)
		status = send_all(r, f, &s, result, batch, d);
	tell_counts(&s, false, result);
	if (batch)
		buf_free(&batch->lines);
	free(batch);
	free_selection(&s);
	return status;
}
