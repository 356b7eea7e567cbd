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
