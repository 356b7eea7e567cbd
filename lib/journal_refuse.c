/* SPDX-License-Identifier: MIT */
/* What was turned away. */
#include "clock.h"
#include "journal_internal.h"

enum { KEPT_DAYS = 30 };

static void forget_old(struct journal *j, int64_t now)
{
	struct db_query *q = db_query(&j->db, "DELETE FROM refusal WHERE hour_at < :before");
	db_set_int(q, ":before", now - KEPT_DAYS * CLOCK_DAY);
	db_run(q);
}

int journal_refuse(struct journal *j, const struct journal_refusal *rows, size_t count, int64_t now, struct diag *d)
{
	for (size_t i = 0; i < count; i++) {
		const struct journal_refusal *row = &rows[i];
		struct db_query *q = db_query(
		    &j->db, "INSERT INTO refusal VALUES (:hour_at, :source, :cause, :count, :last_at, :status, :peer, "
			    ":why, :sample) ON CONFLICT DO UPDATE SET count = count + excluded.count, "
			    "last_at = excluded.last_at, status = excluded.status, peer = excluded.peer, "
			    "why = excluded.why, sample = excluded.sample");
		db_set_int(q, ":hour_at", row->last_at - row->last_at % CLOCK_HOUR);
		db_set_text(q, ":source", row->source);
		db_set_text(q, ":cause", row->cause);
		db_set_int(q, ":count", row->count);
		db_set_int(q, ":last_at", row->last_at);
		db_set_int(q, ":status", row->status);
		db_set_text(q, ":peer", row->peer);
		db_set_text(q, ":why", row->why);
		db_set_text(q, ":sample", row->sample);
		db_run(q);
	}
	forget_old(j, now);
	return journal_settle(j, d);
}

/* ---- what goes ---- */

struct cleaning {
	void (*clean)(struct journal *j, int64_t hour, const struct cleaning *how);
	int64_t before;
	struct slice source, subject;
};

static void remove_old(struct journal *j, int64_t hour, const struct cleaning *how)
{
	struct db_query *q = db_query(&j->db, "DELETE FROM refusal WHERE hour_at = :hour AND last_at < :before");
	db_set_int(q, ":hour", hour);
	db_set_int(q, ":before", how->before);
	db_run(q);
}

static void blank_old(struct journal *j, int64_t hour, const struct cleaning *how)
{
	struct db_query *q = db_query(&j->db, "UPDATE refusal SET sample = '' WHERE hour_at = :hour "
					      "AND last_at < :before AND sample <> ''");
	db_set_int(q, ":hour", hour);
	db_set_int(q, ":before", how->before);
	db_run(q);
}

static void blank_subject(struct journal *j, int64_t hour, const struct cleaning *how)
{
	struct db_query *q =
	    db_query(&j->db, "UPDATE refusal SET sample = '', why = iif(instr(why, :subject) > 0, '" JOURNAL_ERASED
			     "', why) WHERE hour_at = :hour AND source IN ('', :source) "
			     "AND (instr(sample, :subject) > 0 OR instr(why, :subject) > 0)");
	db_set_int(q, ":hour", hour);
	db_set_text(q, ":source", how->source);
	db_set_text(q, ":subject", how->subject);
	db_run(q);
}

/* 0: there is none. */
static int64_t hour_behind(struct journal *j, int64_t hour)
{
	struct db_query *q =
	    db_query(&j->db, "SELECT hour_at FROM refusal WHERE hour_at > :hour ORDER BY hour_at LIMIT 1");
	db_set_int(q, ":hour", hour);
	return db_answer(q);
}

/* Hour by hour, as many in one transaction as there is time for. */
static int clean_hours(struct journal *j, const struct cleaning *how, struct diag *d)
{
	int64_t hour = 0;
	for (bool more = true; more;) {
		if (journal_begin(j, d) < 0)
			return -1;
		int64_t began = clock_monotonic();
		do {
			hour = hour_behind(j, hour);
			more = hour && hour < how->before;
			if (more)
				how->clean(j, hour, how);
		} while (more && clock_monotonic() - began < JOURNAL_STEP_MS);
		if (journal_settle(j, d) < 0 || journal_commit(j, d) < 0)
			return -1;
		if (more && journal_let_others(j, began, d) < 0)
			return -1;
	}
	return 0;
}

int journal_prune_refusals(struct journal *j, int64_t samples_before, int64_t before, struct diag *d)
{
	const struct cleaning all = {.clean = remove_old, .before = before};
	const struct cleaning samples = {.clean = blank_old, .before = samples_before};
	return clean_hours(j, &all, d) < 0 ? -1 : clean_hours(j, &samples, d);
}

int journal_forget_refusals(struct journal *j, struct slice source, struct slice subject, struct diag *d)
{
	const struct cleaning how = {.clean = blank_subject, .before = INT64_MAX, .source = source, .subject = subject};
	return clean_hours(j, &how, d);
}

/* ---- what is read ---- */

int journal_refusals(struct journal *j, int64_t since,
		     bool (*each)(const struct journal_refusal *refusal, void *context), void *context, struct diag *d)
{
	bool more = true;
	struct db_query *q =
	    db_query(&j->db, "SELECT source, cause, sum(count), max(last_at), status, peer, why, sample FROM refusal "
			     "WHERE hour_at > :since - 3600000 GROUP BY source, cause ORDER BY 3 DESC, 1, 2");
	db_set_int(q, ":since", since);
	while (more && db_row(q)) {
		struct journal_refusal refusal = {.source = db_text(q, 0),
						  .cause = db_text(q, 1),
						  .count = db_int(q, 2),
						  .last_at = db_int(q, 3),
						  .status = (int)db_int(q, 4),
						  .peer = db_text(q, 5),
						  .why = db_text(q, 6),
						  .sample = db_text(q, 7)};
		more = each(&refusal, context);
	}
	db_done(q);
	return db_failed(&j->db, d);
}
