/* SPDX-License-Identifier: MIT */
#include "lane.h"

#include <stdlib.h>

#include "clock.h"

enum { PAUSE_FIRST_MS = 1000, PAUSE_LONGEST_MS = 60 * 1000 };

static bool make_plan(struct lane *l, const char *config, const char *tokens, enum lane_use use, struct diag *d)
{
	struct buf file = BUF_INIT;
	struct dest *dest = dest_load(config, slice_of(l->name), d);
	if (dest && dest->program && use == LANE_HTTP) {
		diag_fail(d, DIAG_CONFIG, "%s: it is served by a program: evt-deliver --start passes its lines on",
			  l->name);
		dest_free(dest);
		return false;
	}
	if (tokens)
		buf_printf(&file, "%s-token-%s", tokens, l->name);
	bool made = dest && attempt_plan_init(&l->plan, dest, file.data, d) == 0;
	buf_free(&file);
	return made;
}

struct lane *lane_new(const char *config, const char *tokens, struct slice name, enum lane_use use, struct diag *d)
{
	struct lane *l = calloc(1, sizeof *l);
	if (!l || !(l->name = strndup(name.ptr, name.len))) {
		free(l);
		return NULL;
	}
	l->usable = make_plan(l, config, tokens, use, d);
	return l;
}

void lane_free(struct lane *l)
{
	if (l->usable)
		attempt_plan_free(&l->plan);
	free(l->name);
	free(l);
}

bool lane_may_start(const struct lane *l, int64_t now)
{
	return l->usable && l->ready.count && l->held_until <= now && l->flying < l->plan.dest->concurrency;
}

void lane_hold(struct lane *l, struct attempt *a, const struct journal_start *row)
{
	if (row->hold == JOURNAL_HOLD_ORDER) {
		a->again_at = row->again_at;
		a->waits_since = a->waits_since ? a->waits_since : clock_monotonic();
		queue_add(&l->waiting, a);
		return;
	}
	l->hold = row->hold;
	l->held_until = row->again_at;
	queue_add_front(&l->ready, a);
}

void lane_recall(struct lane *l, int64_t now)
{
	struct queue all = {.count = 0}, due = {.count = 0};
	queue_move(&l->waiting, &all);
	for (struct attempt *a; (a = queue_take(&all));)
		queue_add(a->again_at <= now ? &due : &l->waiting, a);
	queue_move_front(&due, &l->ready);
}

static bool same_subject(const struct attempt *a, const struct attempt *b)
{
	return slice_equal(a->event.subject, b->event.subject) && slice_equal(a->event.source, b->event.source);
}

void lane_recall_after(struct lane *l, const struct attempt *ended)
{
	l->held_until = 0;
	for (struct attempt *a = l->waiting.first; a; a = a->next) {
		if (same_subject(a, ended)) {
			a->again_at = 0;
			return;
		}
	}
}

void lane_forget_holds(struct lane *l)
{
	l->held_until = 0;
	for (struct attempt *a = l->waiting.first; a; a = a->next)
		a->again_at = 0;
}

int64_t lane_due_again(struct lane *l, int64_t now)
{
	if (l->paused_until <= now || l->paused_until > now + PAUSE_LONGEST_MS) {
		l->pause_ms = l->pause_ms ? 2 * l->pause_ms : PAUSE_FIRST_MS;
		if (l->pause_ms > PAUSE_LONGEST_MS)
			l->pause_ms = PAUSE_LONGEST_MS;
		l->paused_until = now + l->pause_ms;
	}
	return l->paused_until;
}

int64_t lane_wake_at(const struct lane *l, int64_t now)
{
	int64_t at = l->ready.count && l->held_until > now ? l->held_until : INT64_MAX;
	for (const struct attempt *a = l->waiting.first; a; a = a->next)
		at = a->again_at < at ? a->again_at : at;
	return at;
}

const char *lane_why_give_back(const struct lane *l, bool quiet, int64_t clock, int64_t now, int64_t *due_at)
{
	const struct attempt *oldest = l->ready.first ? l->ready.first : l->waiting.first;
	bool long_hold = l->ready.count && l->held_until - now > LANE_SHORT_MS;
	*due_at = now;
	if (!oldest)
		return NULL;
	if (long_hold && l->hold == JOURNAL_HOLD_BREAKER)
		return "the destination is failing, and held until it recovers";
	if (long_hold && quiet) {
		*due_at = l->held_until;
		return "its rate holds them for longer than is worth waiting";
	}
	if (!l->ready.count && l->flying == 0 && clock - oldest->waits_since > LANE_SHORT_MS)
		return "an earlier one of the subject is in front of them";
	if (clock - oldest->read_at > LANE_HELD_MS)
		return "their turn did not come in time";
	return NULL;
}
