/* SPDX-License-Identifier: MIT */
/* One attempt: the start that must be committed before anything is sent, its outcome, and what a destination's limits
 * and breaker make of both. */
#include <stdlib.h>

#include "clock.h"
#include "journal_internal.h"

enum {
	FAULTS_TO_OPEN = 10,
	FAULTS_TO_REOPEN = 3,          /* in a row, while it recovers */
	SCHEDULE_GRACE_MS = 15 * 1000, /* a lease outlives the attempt's timeout by this */
	RATE_SLACK_US = 50 * 1000,     /* starts may come in bunches of that much time */
	HOLD_MS = 200,                 /* where nothing tells when a place will be free */
};

#define OPEN_FIRST_MS   (5 * CLOCK_SECOND)
#define OPEN_LONGEST_MS (5 * CLOCK_MINUTE)

/* ---- finding a line's delivery ---- */

/* The row that was started under this claim is still the one its key led to: an open start is never pruned. */
static bool find_by_key(struct journal *j, const struct journal_ref *ref, struct journal_delivery *row)
{
	return ref->key.event && journal_find_delivery(j, ref->key.event, ref->key.destination, row) &&
	       row->started_at && row->claim == ref->claim;
}

/* True when the journal knows it. */
static bool find_ref(struct journal *j, const struct journal_ref *ref, struct journal_delivery *row,
		     struct journal_destination **to)
{
	*to = journal_destination_known(j, ref->destination);
	if (*to && find_by_key(j, ref, row))
		return true;
	return *to && journal_find_named(j, ref->source, ref->id, (*to)->id, row);
}

/* Whether the line's claim is the row's last, and nobody has started under it. */
static enum journal_start_answer judge_claim(const struct journal_delivery *row, int64_t claim)
{
	if (row->status != JOURNAL_PROCESSING || row->claim != claim)
		return JOURNAL_STALE;
	return row->started_at ? JOURNAL_REPEATED : JOURNAL_STARTED;
}

/* ---- rows as they were started ---- */

static struct journal_started *place_of(const struct journal *j, int64_t event, int64_t destination)
{
	return &j->started[(uint64_t)(event + 31 * destination) % JOURNAL_STARTED_ROWS];
}

static void remember_start(struct journal *j, const struct journal_delivery *row, int64_t now)
{
	if (!j->started)
		j->started = calloc(JOURNAL_STARTED_ROWS, sizeof *j->started);
	if (!j->started)
		return; /* it will be read again */
	struct journal_started *s = place_of(j, row->event, row->destination);
	buf_clear(&s->subject);
	buf_add_slice(&s->subject, row->subject);
	s->row = *row;
	s->row.attempts++;
	s->row.lapses = 0;
	s->row.started_at = s->row.updated_at = now;
	s->row.subject = buf_slice(&s->subject);
	if (!buf_ok(&s->subject))
		s->row.event = 0;
}

/* The row that was started under this claim; NULL when it is not remembered. Whoever changes it must make sure that it is still so.
 * One that was not delivered is read again: its words must not be kept if its source record has been erased meanwhile. */
static const struct journal_delivery *recall_start(const struct journal *j, const struct journal_outcome *outcome)
{
	const struct journal_ref *ref = &outcome->ref;
	if (!j->started || !ref->key.event || outcome->verdict != JOURNAL_OK)
		return NULL;
	const struct journal_delivery *row = &place_of(j, ref->key.event, ref->key.destination)->row;
	bool same = row->event == ref->key.event && row->destination == ref->key.destination &&
		    row->claim == ref->claim && row->attempts == outcome->attempt;
	return same ? row : NULL;
}

void journal_forget_starts(struct journal *j)
{
	for (size_t i = 0; j->started && i < JOURNAL_STARTED_ROWS; i++)
		buf_free(&j->started[i].subject);
	free(j->started);
	j->started = NULL;
}

/* ---- the limits of a destination ---- */

static void hold(struct journal_start *start, enum journal_hold why, int64_t again_at)
{
	start->answer = JOURNAL_HOLD;
	start->hold = why;
	start->again_at = again_at;
}

static bool breaker_allows(struct journal_destination *to, struct journal_start *start,
			   const struct journal_delivery *row, int64_t now)
{
	if (!to->open_until)
		return true;
	if (to->open_until > now) {
		hold(start, JOURNAL_HOLD_BREAKER, to->open_until);
		return false;
	}
	to->probe = row->event;
	to->open_until = now + start->limits->timeout_ms + SCHEDULE_GRACE_MS; /* one probe at a time */
	return true;
}

static bool place_is_free(const struct journal_destination *to, struct journal_start *start, int64_t now)
{
	int64_t places = start->limits->concurrency;
	if (to->ramp && to->ramp < places)
		places = to->ramp;
	if (to->in_flight < places)
		return true;
	hold(start, JOURNAL_HOLD_CONCURRENCY, now + HOLD_MS);
	return false;
}

/* The generic cell rate algorithm: rate_at is when the next start is due at an even pace; a little ahead of it is allowed. */
static bool rate_allows(struct journal_destination *to, struct journal_start *start, int64_t now)
{
	if (start->limits->rate_per_ms <= 0)
		return true;
	int64_t interval_us = (int64_t)(1000.0 / start->limits->rate_per_ms);
	int64_t slack_us = interval_us > RATE_SLACK_US ? interval_us : RATE_SLACK_US;
	int64_t now_us = now * 1000;
	if (to->rate_at < now_us ||
	    to->rate_at > now_us + 2 * slack_us) /* idle since; or the clock was set back, by less than is noticed */
		to->rate_at = now_us;
	if (to->rate_at + interval_us > now_us + slack_us) {
		hold(start, JOURNAL_HOLD_RATE, (to->rate_at + interval_us - slack_us) / 1000 + 1);
		return false;
	}
	to->rate_at += interval_us;
	return true;
}

/* ---- start ---- */

static void load_record(struct journal *j, struct journal_start *start, int64_t destination, int64_t event)
{
	buf_clear(&start->record);
	struct db_query *q = db_query(&j->db, "SELECT record FROM record JOIN event USING (source, subject) "
					      "WHERE destination = :destination AND seq = :event");
	db_set_int(q, ":destination", destination);
	db_set_int(q, ":event", event);
	if (db_row(q))
		buf_add_slice(&start->record, db_text(q, 0));
	db_done(q);
}

static void start_row(struct journal *j, const struct journal_delivery *row, int64_t lease_ends_at, int64_t now)
{
	struct db_query *q = db_query(
	    &j->db,
	    "UPDATE delivery SET lane = 1, due_at = :due_at, started_at = :now, started_tick = :tick, "
	    "updated_at = :now, attempts = attempts + 1, lapses = 0 WHERE event = :event AND destination = :destination");
	db_set_int(q, ":due_at", lease_ends_at);
	db_set_int(q, ":now", now);
	db_set_int(q, ":tick", clock_monotonic());
	db_set_int(q, ":event", row->event);
	db_set_int(q, ":destination", row->destination);
	db_run(q);
}

static void start_one(struct journal *j, struct journal_start *start, int64_t now)
{
	struct journal_delivery row;
	struct journal_destination *to;
	start->hold = JOURNAL_HOLD_NONE;
	if (!find_ref(j, &start->ref, &row, &to)) {
		start->answer = JOURNAL_UNKNOWN;
		return;
	}
	start->answer = judge_claim(&row, start->ref.claim);
	if (start->answer != JOURNAL_STARTED)
		return;
	journal_note_time(to, now);
	if (start->limits->ordered && !journal_order_is_kept(j, to)) {
		hold(start, JOURNAL_HOLD_ORDER, now);
		return;
	}
	if (start->limits->ordered &&
	    (journal_has_earlier(j, &row, false) || (start->limits->failed_hold && journal_failed_before(j, &row)))) {
		hold(start, JOURNAL_HOLD_ORDER, now + HOLD_MS);
		return;
	}
	if (!place_is_free(to, start, now) || !breaker_allows(to, start, &row, now) || !rate_allows(to, start, now))
		return;
	to->in_flight++;
	to->changed = true;
	start_row(j, &row, now + start->limits->timeout_ms + SCHEDULE_GRACE_MS, now);
	remember_start(j, &row, now);
	start->ref.key = (struct journal_key){row.event, row.destination};
	buf_clear(&start->record);
	if (start->limits->ordered) /* an update, which alone needs it, implies order */
		load_record(j, start, row.destination, row.event);
	start->attempt = (int)row.attempts + 1;
	start->step = (int)(row.attempts - row.spent) + 1;
}

int journal_start(struct journal *j, struct journal_start *rows, size_t count, int64_t now, struct diag *d)
{
	for (size_t i = 0; i < count && !j->db.failed; i++)
		start_one(j, &rows[i], now);
	return journal_settle(j, d);
}

/* ---- what an outcome does to the breaker ---- */

static void open_breaker(struct journal_destination *to, int64_t now)
{
	int64_t longer = to->open_ms ? 2 * to->open_ms : OPEN_FIRST_MS;
	to->open_ms = longer < OPEN_LONGEST_MS ? longer : OPEN_LONGEST_MS;
	to->open_until = now + to->open_ms;
	to->opened_at = to->opened_at ? to->opened_at : now;
	to->probe = 0;
	to->ramp = 0;
}

static void close_breaker(struct journal_destination *to)
{
	to->open_until = to->opened_at = to->probe = to->faults = 0;
	to->ramp = 1;
}

/* Past the widest concurrency there is, recovery is complete and the next trouble begins with a short pause again. */
static void widen(struct journal_destination *to)
{
	enum { WIDEST = 64 };
	if (to->ramp == 0)
		return;
	to->ramp++;
	if (to->ramp > WIDEST)
		to->ramp = to->open_ms = 0;
}

static void judge_destination(struct journal_destination *to, const struct journal_outcome *outcome, int64_t event,
			      int64_t now)
{
	bool probing = to->probe == event;
	to->changed = true;
	if (outcome->fault) {
		to->faults++;
		if (probing || (!to->open_until && to->faults >= (to->ramp ? FAULTS_TO_REOPEN : FAULTS_TO_OPEN)))
			open_breaker(to, now);
		else if (to->ramp > 1)
			to->ramp /= 2;
		return;
	}
	if (outcome->verdict == JOURNAL_OK)
		to->faults = 0;
	if (to->open_until && (probing || outcome->verdict == JOURNAL_OK))
		close_breaker(to); /* whatever it answered, it is there again */
	else if (outcome->verdict == JOURNAL_OK)
		widen(to);
}

/* ---- outcome ---- */

static void set_bytes(struct db_query *q, const char *name, int64_t bytes)
{
	if (bytes < 0)
		db_set_null(q, name);
	else
		db_set_int(q, name, bytes);
}

/* Notes an attempt's result (without head and answer). A late one takes the place of "unknown". */
static void note_attempt(struct journal *j, const struct journal_delivery *row, const struct journal_attempt *attempt)
{
	struct db_query *q = db_query(
	    &j->db, "INSERT OR REPLACE INTO attempt (event, destination, n, started_at, ended_at, "
		    "http_status, code, error, sent_bytes, received_bytes) VALUES (:event, :destination, :n, "
		    ":started_at, nullif(:ended_at, 0), nullif(:http_status, 0), :code, :error, :sent, :received)");
	db_set_int(q, ":event", row->event);
	db_set_int(q, ":destination", row->destination);
	db_set_int(q, ":n", attempt->n);
	db_set_int(q, ":started_at", attempt->started_at);
	db_set_int(q, ":ended_at", attempt->ended_at);
	db_set_int(q, ":http_status", attempt->http_status);
	db_set_text(q, ":code", attempt->code);
	db_set_text(q, ":error", attempt->error);
	set_bytes(q, ":sent", attempt->sent_bytes);
	set_bytes(q, ":received", attempt->received_bytes);
	db_run(q);
}

void journal_note_unknown(struct journal *j, struct journal_destination *to, const struct journal_delivery *row)
{
	const struct journal_attempt unknown = {.n = row->attempts,
						.started_at = row->started_at,
						.sent_bytes = -1,
						.received_bytes = -1,
						.code = SLICE("unknown"),
						.error = SLICE("outcome unknown: sent, but no answer was recorded")};
	note_attempt(j, row, &unknown);
	to->in_flight--;
	to->changed = true;
	if (to->probe == row->event)
		to->probe = 0;
}

static void note_outcome(struct journal *j, const struct journal_delivery *row, const struct journal_outcome *outcome)
{
	const struct journal_attempt attempt = {.n = outcome->attempt,
						.started_at = outcome->started_at,
						.ended_at = outcome->ended_at,
						.sent_bytes = outcome->sent_bytes,
						.received_bytes = outcome->received_bytes,
						.http_status = outcome->http_status,
						.code = slice_of(outcome->code),
						.error = outcome->error};
	note_attempt(j, row, &attempt);
}

static void keep_exchange(struct journal *j, const struct journal_delivery *row, const struct journal_outcome *outcome)
{
	if (!row->stored)
		return;
	if (outcome->sent.ptr) {
		struct db_query *q =
		    db_query(&j->db, "INSERT OR REPLACE INTO sent VALUES (:event, :destination, :body)");
		db_set_int(q, ":event", row->event);
		db_set_int(q, ":destination", row->destination);
		db_set_blob(q, ":body", outcome->sent);
		db_run(q);
	}
	if (outcome->head.len || outcome->answer.len) {
		struct db_query *q = db_query(&j->db, "INSERT OR REPLACE INTO answer "
						      "VALUES (:event, :destination, :n, :head, :body)");
		db_set_int(q, ":event", row->event);
		db_set_int(q, ":destination", row->destination);
		db_set_int(q, ":n", outcome->attempt);
		db_set_text(q, ":head", outcome->head.ptr ? outcome->head : SLICE(""));
		db_set_blob(q, ":body", outcome->answer.ptr ? outcome->answer : SLICE(""));
		db_run(q);
	}
}

static void keep_record(struct journal *j, const struct journal_delivery *row, const struct journal_outcome *outcome)
{
	if (!outcome->record.len || !row->subject_key)
		return;
	struct db_query *q =
	    db_query(&j->db, "INSERT INTO record VALUES (:destination, :source, :subject, :record) "
			     "ON CONFLICT DO UPDATE SET record = excluded.record WHERE record <> excluded.record");
	db_set_int(q, ":destination", row->destination);
	db_set_text(q, ":source", outcome->ref.source);
	db_set_text(q, ":subject", row->subject);
	db_set_text(q, ":record", outcome->record);
	db_run(q);
}

static enum journal_status status_after(const struct journal_outcome *outcome)
{
	if (outcome->verdict == JOURNAL_OK)
		return JOURNAL_DELIVERED;
	return outcome->verdict == JOURNAL_AGAIN && outcome->next_at ? JOURNAL_RETRYING : JOURNAL_FAILED;
}

/* The delivery as it stands after this attempt. A claim number of its own fences off whoever else holds it. False when the row is no
 * longer what it is remembered as: another process has claimed or ended it, forgotten its source record, or begun to keep its order. */
static bool settle_row(struct journal *j, const struct journal_delivery *row, const struct journal_outcome *outcome,
		       int64_t now)
{
	enum journal_status status = status_after(outcome);
	struct db_query *q = db_query(
	    &j->db,
	    "UPDATE delivery SET status = :status, lane = 1, due_at = :due_at, claim = :claim, "
	    "claimed_at = :now, started_at = NULL, updated_at = :now, http_status = nullif(:http_status, 0), code = :code, "
	    "error = :error, record = coalesce(:record, record) "
	    "WHERE event = :event AND destination = :destination AND claim = :known "
	    "AND coalesce(started_at, 0) = :started_at AND coalesce(ordered, 0) = :ordered");
	db_set_int(q, ":status", status);
	if (status == JOURNAL_RETRYING)
		db_set_int(q, ":due_at", outcome->next_at);
	else
		db_set_null(q, ":due_at");
	db_set_int(q, ":claim", row->claim + outcome->late);
	db_set_int(q, ":now", now);
	db_set_int(q, ":http_status", outcome->http_status);
	db_set_text(q, ":code", slice_of(outcome->code));
	journal_set_error(j, q, ":error", outcome->error, row->event);
	db_set_text(q, ":record", outcome->record.len ? outcome->record : SLICE_NONE);
	db_set_int(q, ":event", row->event);
	db_set_int(q, ":destination", row->destination);
	db_set_int(q, ":known", row->claim);
	db_set_int(q, ":started_at", row->started_at);
	db_set_int(q, ":ordered", row->ordered);
	db_run(q);
	if (!db_changes(&j->db))
		return false;
	journal_count_leave(j, row);
	journal_count_enter(j, row, status, status != JOURNAL_DELIVERED && outcome->code, now);
	journal_count_ever(j, row, status, now);
	return true;
}

/* One that came late still tells that the event is there, unless that is known. */
static bool settles(const struct journal_delivery *row, const struct journal_outcome *outcome)
{
	return !outcome->late || (outcome->verdict == JOURNAL_OK && row->status != JOURNAL_DELIVERED);
}

/* False, with nothing changed, when the row is no longer what it is remembered as. */
static bool take_outcome(struct journal *j, struct journal_destination *to, const struct journal_delivery *row,
			 const struct journal_outcome *outcome, int64_t now)
{
	bool settled = settles(row, outcome);
	if (settled && !settle_row(j, row, outcome, now))
		return false;
	note_outcome(j, row, outcome);
	keep_exchange(j, row, outcome);
	keep_record(j, row, outcome);
	if (outcome->verdict != JOURNAL_OK)
		journal_count_failure(j, row, now);
	journal_note_time(to, now);
	judge_destination(to, outcome, row->event, now);
	if (settled && row->started_at)
		to->in_flight--;
	if (settled && status_after(outcome) != JOURNAL_RETRYING)
		journal_wake_next(j, row, now);
	return true;
}

/* Of an attempt whose source record has been erased since, that it was made is all that is kept: the words and the record of the
 * destination may name the person. */
static void blank_outcome(struct journal_outcome *outcome)
{
	outcome->record = outcome->sent = outcome->head = outcome->answer = SLICE_NONE;
	if (outcome->error.ptr)
		outcome->error = SLICE(JOURNAL_ERASED);
}

static void outcome_one(struct journal *j, struct journal_outcome *outcome, int64_t now)
{
	struct journal_delivery row;
	struct journal_destination *to = journal_destination_known(j, outcome->ref.destination);
	const struct journal_delivery *started = recall_start(j, outcome);
	outcome->late = false;
	if (to && started && take_outcome(j, to, started, outcome, now))
		return;
	outcome->late = true;
	if (!find_ref(j, &outcome->ref, &row, &to))
		return; /* pruned since: nothing is left to say it of */
	if (row.erased)
		blank_outcome(outcome);
	outcome->late = row.claim != outcome->ref.claim || row.attempts != outcome->attempt || !row.started_at;
	take_outcome(j, to, &row, outcome, now);
}

int journal_outcome(struct journal *j, struct journal_outcome *rows, size_t count, int64_t now, struct diag *d)
{
	for (size_t i = 0; i < count && !j->db.failed; i++)
		outcome_one(j, &rows[i], now);
	return journal_settle(j, d);
}

/* ---- end, return ---- */

static void end_one(struct journal *j, struct journal_end *end, int64_t now)
{
	struct journal_delivery row;
	struct journal_destination *to;
	if (!find_ref(j, &end->ref, &row, &to)) {
		end->answer = JOURNAL_UNKNOWN;
		return;
	}
	end->answer = judge_claim(&row, end->ref.claim);
	if (end->answer == JOURNAL_STARTED)
		journal_end_delivery(j, &row, end->status, end->code, end->reason, now);
}

int journal_end(struct journal *j, struct journal_end *rows, size_t count, int64_t now, struct diag *d)
{
	for (size_t i = 0; i < count && !j->db.failed; i++)
		end_one(j, &rows[i], now);
	return journal_settle(j, d);
}

static void return_one(struct journal *j, const struct journal_ref *ref, int64_t due_at, int64_t now)
{
	struct journal_delivery row;
	struct journal_destination *to;
	if (!find_ref(j, ref, &row, &to) || judge_claim(&row, ref->claim) == JOURNAL_STALE)
		return;
	bool started = row.started_at;
	journal_note_time(to, now);
	if (started) {
		to->in_flight--;
		to->changed = true;
		if (to->probe == row.event) {
			to->probe = 0;
			to->open_until = now;
		}
	}
	journal_put_back(j, &row, row.attempts - started, due_at, now);
}

int journal_return(struct journal *j, const struct journal_ref *refs, size_t count, int64_t due_at, int64_t now,
		   struct diag *d)
{
	for (size_t i = 0; i < count && !j->db.failed; i++)
		return_one(j, &refs[i], due_at, now);
	return journal_settle(j, d);
}
