/* SPDX-License-Identifier: MIT */
/* The thread that commits. While a turn is under way, the journal and the attempts of the turn are its own; all else is the
 * loop's, and what both look at, the plans of destinations, does not change. */
#include <signal.h>

#include "delivery_internal.h"

/* ---- a turn's transaction ---- */

/* Lines without a claim are accepted first: each gets one, or is found to be a duplicate. */
static int adopt(struct delivery *r, const struct queue *q, int64_t now, struct diag *d)
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

static void write_rows(struct delivery_turn *t)
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
		    .ref = adopted_ref(a), .limits = &delivery_lane(a)->plan.limits, .record = row->record};
	}
}

static int return_rows(struct delivery *r, const struct delivery_turn *t, int64_t now, struct diag *d)
{
	for (const struct attempt *a = t->returning.first; a; a = a->next) {
		struct journal_ref ref = adopted_ref(a);
		if (a->adopted > 0 && journal_return(r->journal, &ref, 1, a->next_at, now, d) < 0)
			return -1;
	}
	return 0;
}

static int record_rows(struct delivery *r, int64_t now, struct diag *d)
{
	struct delivery_turn *t = r->commit.turn;
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
	if (return_rows(r, t, now, d) < 0)
		return -1;
	return t->start_count ? journal_start(j, t->starts, t->start_count, now, d) : 0;
}

static int commit(struct delivery *r, int64_t now, struct diag *d)
{
	if (journal_begin(r->journal, d) < 0)
		return -1;
	if (record_rows(r, now, d) == 0)
		return journal_commit(r->journal, d);
	journal_rollback(r->journal);
	return -1;
}

/* ---- the thread ---- */

static bool wait_for_turn(struct delivery_commit *c)
{
	pthread_mutex_lock(&c->mutex);
	while (c->state == COMMIT_IDLE || c->state == COMMIT_OVER)
		pthread_cond_wait(&c->changed, &c->mutex);
	bool asked = c->state == COMMIT_ASKED;
	pthread_mutex_unlock(&c->mutex);
	return asked;
}

static void set_state(struct delivery_commit *c, enum delivery_commit_state state)
{
	pthread_mutex_lock(&c->mutex);
	c->state = state;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->mutex);
}

static void *run(void *delivery)
{
	struct delivery *r = delivery;
	struct delivery_commit *c = &r->commit;
	while (wait_for_turn(c)) {
		c->result = commit(r, c->now, &c->why);
		set_state(c, COMMIT_OVER);
		sender_wake(r->sender);
	}
	return NULL;
}

/* The alarm that bounds the wait for the journal's lock must reach the thread that waits, and no other signal shall. */
static int start_thread(struct delivery_commit *c, struct delivery *r)
{
	sigset_t all, alarm, before;
	sigfillset(&all);
	sigdelset(&all, SIGALRM);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&c->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		pthread_sigmask(SIG_BLOCK, &alarm, NULL);
	return error;
}

int delivery_commit_open(struct delivery *r, struct diag *d)
{
	struct delivery_commit *c = &r->commit;
	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->changed, NULL);
	int error = start_thread(c, r);
	if (error)
		return diag_errno(d, DIAG_UNAVAILABLE, error, "a thread could not be started");
	c->runs = true;
	return 0;
}

void delivery_commit_close(struct delivery *r)
{
	struct delivery_commit *c = &r->commit;
	if (!c->runs)
		return;
	sigset_t alarm;
	set_state(c, COMMIT_END);
	pthread_join(c->thread, NULL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->mutex);
	c->runs = false;
}

void delivery_commit_begin(struct delivery *r, struct delivery_turn *turn, int64_t now)
{
	r->commit.now = now;
	r->commit.turn = turn;
	set_state(&r->commit, COMMIT_ASKED);
}

bool delivery_commit_take(struct delivery *r, bool wait, int *result, struct diag *d)
{
	struct delivery_commit *c = &r->commit;
	pthread_mutex_lock(&c->mutex);
	while (wait && c->state == COMMIT_ASKED)
		pthread_cond_wait(&c->changed, &c->mutex);
	bool over = c->state == COMMIT_OVER;
	if (over)
		c->state = COMMIT_IDLE;
	pthread_mutex_unlock(&c->mutex);
	if (!over)
		return false;
	c->turn = NULL;
	*result = c->result;
	if (c->result < 0)
		*d = c->why;
	return true;
}
