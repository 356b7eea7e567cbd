/* SPDX-License-Identifier: MIT */
/* A turn of delivery's loop: what goes into its transaction, and what follows from that. */
#include "clock.h"
#include "delivery_internal.h"

enum {
	PAUSE_MS = 1000, /* at the most, between tries while the journal is not to be had */
	GIVE_UP_MS = 60 * 1000,
	GIVE_UP_STOPPING_MS = 5 * 1000,
	MANY = 32,               /* under way, of whom half are enough to make a turn worth its sync */
	SPARE_BYTES = 16 * 1024, /* that an attempt may keep for its next use */
};

/* ---- a turn: what is to be recorded and started, in one transaction ---- */

static void take_some(struct queue *from, struct queue *to, size_t most)
{
	while (to->count < most && from->count)
		queue_add(to, queue_take(from));
}

/* Half of many: what has been answered is recorded while the others are under way. A turn that took them all would find nothing to do
 * for the network while it is committed, nor the next one anything to commit until they have been answered. */
static size_t most_answers(const struct delivery *r)
{
	size_t all = (size_t)r->flying + r->answered.count;
	return all < MANY ? DELIVERY_BATCH : (all + 1) / 2;
}

/* The answers that this turn leaves out keep their places. */
static void keep_places(struct delivery *r, int count)
{
	for (const struct attempt *a = r->answered.first; a; a = a->next) {
		delivery_lane(a)->flying += count;
		r->flying += count;
	}
}

/* One of each lane in turn, until slots or lanes are used up. */
static void choose_starts(struct delivery *r, struct delivery_turn *t, int64_t now)
{
	for (size_t before = SIZE_MAX; before != t->starting.count;) {
		before = t->starting.count;
		for (struct lane *l = r->lanes; l; l = l->next) {
			if (!delivery_may_start(r, l) || !lane_may_start(l, now))
				continue;
			queue_add(&t->starting, queue_take(&l->ready));
			l->flying++;
			r->flying++;
		}
	}
}

static bool gather(struct delivery *r, struct delivery_turn *t, int64_t now)
{
	take_some(&r->answered, &t->answered, most_answers(r));
	take_some(&r->ending, &t->ending, DELIVERY_BATCH);
	take_some(&r->returning, &t->returning, DELIVERY_BATCH);
	keep_places(r, 1);
	choose_starts(r, t, now);
	keep_places(r, -1);
	return t->answered.count || t->ending.count || t->returning.count || t->starting.count;
}

/* The transaction failed: everything goes back to where it came from. */
static void undo(struct delivery *r, struct delivery_turn *t)
{
	queue_move_front(&t->answered, &r->answered);
	queue_move_front(&t->ending, &r->ending);
	queue_move_front(&t->returning, &r->returning);
	struct queue backwards = {.count = 0};
	for (struct attempt *a; (a = queue_take(&t->starting));)
		queue_add_front(&backwards, a);
	for (struct attempt *a; (a = queue_take(&backwards));) {
		queue_add_front(&delivery_lane(a)->ready, a);
		delivery_land(r, delivery_lane(a));
	}
}

/* ---- after the commit ---- */

static void dismiss(struct delivery *r, struct attempt *a)
{
	r->held_lines--;
	r->held_bytes -= a->text.len;
	if (a->text.cap > SPARE_BYTES)
		buf_free(&a->text);
	queue_add(&r->spare, a);
}

static void tell(const struct attempt *a, const char *why)
{
	const struct event *e = &a->event;
	diag_error("%.*s: %.*s of %.*s: %s", (int)e->destination.len, e->destination.ptr, (int)e->id.len, e->id.ptr,
		   (int)e->source.len, e->source.ptr, why);
}

static void refuse_duplicate(struct delivery *r, struct attempt *a, const char *why)
{
	tell(a, why);
	r->report->duplicates++;
	dismiss(r, a);
}

static void refuse_stale(struct delivery *r, struct attempt *a)
{
	tell(a, "not sent: this claim is no longer the last one");
	r->report->stale++;
	dismiss(r, a);
}

static void print(struct delivery *r, const struct attempt *a, enum journal_status status)
{
	if (r->options->output >= 0)
		attempt_print(&r->printed, a, status);
}

static void count_status(struct delivery *r, enum journal_status status)
{
	struct delivery_report *report = r->report;
	uint64_t *counts[JOURNAL_STATUSES] = {[JOURNAL_DELIVERED] = &report->delivered,
					      [JOURNAL_FAILED] = &report->failed,
					      [JOURNAL_RETRYING] = &report->retrying,
					      [JOURNAL_SKIPPED] = &report->skipped};
	++*counts[status];
}

static void settle_answered(struct delivery *r, struct delivery_turn *t)
{
	for (struct attempt *a; (a = queue_take(&t->answered));) {
		enum journal_status status = attempt_status(a);
		count_status(r, status);
		print(r, a, status);
		lane_recall_after(delivery_lane(a), a);
		if (a->answer.slot)
			sender_release(r->sender, &a->answer);
		dismiss(r, a);
	}
}

static const char duplicate[] = "not sent: a duplicate of what the journal has already";
static const char repeated[] = "not sent: this very claim has been used already";

/* Those refused by adoption leave the queue; the others bear the claim they were given. */
static void settle_adopted(struct delivery *r, const struct delivery_turn *t, struct queue *q)
{
	struct queue all = {.count = 0};
	queue_move(q, &all);
	for (struct attempt *a; (a = queue_take(&all));) {
		if (a->adopted < 0) {
			if (q == &t->starting)
				delivery_land(r, delivery_lane(a));
			refuse_duplicate(r, a, duplicate);
			continue;
		}
		a->event.claim = a->adopted;
		queue_add(q, a);
	}
}

static void settle_ends(struct delivery *r, struct delivery_turn *t)
{
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
			lane_recall_after(delivery_lane(a), a);
			dismiss(r, a);
			break;
		default:
			refuse_stale(r, a);
		}
	}
}

static void settle_returned(struct delivery *r, struct delivery_turn *t)
{
	for (struct attempt *a; (a = queue_take(&t->returning));) {
		r->report->returned++;
		dismiss(r, a);
	}
}

static void launch(struct delivery *r, struct attempt *a, struct journal_start *row)
{
	struct lane *l = delivery_lane(a);
	a->number = row->attempt;
	a->step = row->step;
	a->key = row->ref.key;
	buf_add_slice(&a->known, buf_slice(&row->record));
	if (r->closing) {
		delivery_land(r, l);
		a->next_at = clock_now();
		queue_add(&r->returning, a);
		return;
	}
	if (attempt_send(a, &l->plan, r->sender) == 0)
		return;
	delivery_land(r, l);
	queue_add(&r->answered, a);
}

/* Not started, though it was asked for. */
static void settle_refused(struct delivery *r, struct attempt *a, const struct journal_start *row)
{
	struct lane *l = delivery_lane(a);
	delivery_land(r, l);
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

static void settle_starts(struct delivery *r, struct delivery_turn *t)
{
	t->starting = (struct queue){.count = 0};
	/* From the last to the first, so that those put back in front keep their order. */
	for (size_t i = t->start_count; i-- > 0;)
		if (t->starts[i].answer != JOURNAL_STARTED)
			settle_refused(r, t->of_start[i], &t->starts[i]);
	for (size_t i = 0; i < t->start_count; i++)
		if (t->starts[i].answer == JOURNAL_STARTED)
			launch(r, t->of_start[i], &t->starts[i]);
}

void delivery_settle(struct delivery *r, struct delivery_turn *t)
{
	settle_adopted(r, t, &t->ending);
	settle_adopted(r, t, &t->returning);
	settle_adopted(r, t, &t->starting);
	settle_answered(r, t);
	settle_ends(r, t);
	settle_returned(r, t);
	settle_starts(r, t);
	r->over = NULL;
}

bool delivery_is_overdue(const struct delivery *r)
{
	int waiting = r->commit.turn ? (int)r->commit.turn->starting.count : 0; /* for their start */
	int64_t since = r->trying_since > r->stopped_at ? r->trying_since : r->stopped_at;
	return r->stopping && r->flying == waiting && r->trying_since &&
	       clock_monotonic() - since >= GIVE_UP_STOPPING_MS;
}

/* Nothing was recorded: what was to be started stays, what has ended is kept until it can be recorded. Gives up after a minute, or
 * when nobody wants to wait so long. */
static int bear_failure(struct delivery *r, struct delivery_turn *t, struct diag *d)
{
	int64_t clock = clock_monotonic();
	undo(r, t);
	if (!r->pause_ms)
		diag_error("%s; trying again", d->text);
	r->pause_ms = r->pause_ms ? 2 * r->pause_ms : 50;
	if (r->pause_ms > PAUSE_MS)
		r->pause_ms = PAUSE_MS;
	r->pause_until = clock + r->pause_ms;
	bool passing = d->code == DIAG_TRY_AGAIN || d->code == DIAG_IO;
	return passing && clock - r->trying_since < GIVE_UP_MS && !delivery_is_overdue(r) ? 0 : -1;
}

bool delivery_begin_turn(struct delivery *r, int64_t now)
{
	struct delivery_turn *t = r->over == &r->turns[0] ? &r->turns[1] : &r->turns[0];
	if (!gather(r, t, now))
		return false;
	r->trying_since = r->trying_since ? r->trying_since : clock_monotonic();
	delivery_commit_begin(r, t, now);
	return true;
}

int delivery_end_turn(struct delivery *r, bool wait, struct diag *d)
{
	struct delivery_turn *t = r->commit.turn;
	int result;
	if (!t || !delivery_commit_take(r, wait, &result, d))
		return 0;
	if (result < 0)
		return bear_failure(r, t, d);
	r->trying_since = r->pause_until = r->pause_ms = 0;
	r->over = t;
	return 0;
}
