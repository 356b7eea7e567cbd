/* SPDX-License-Identifier: MIT */
/* Reading the journal: filters as SQL, one event whole, and what destinations look like. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "journal_internal.h"

/* ---- the filter as SQL ---- */

static void condition(struct buf *sql, bool wanted, const char *text)
{
	if (wanted)
		buf_printf(sql, " AND %s", text);
}

static void add_list(struct buf *sql, const char *column, const char *prefix, size_t count)
{
	buf_printf(sql, " AND %s IN (", column);
	for (size_t i = 0; i < count; i++)
		buf_printf(sql, "%s:%s%zu", i ? ", " : "", prefix, i);
	buf_add_char(sql, ')');
}

/* What leads to a partial index is said outright: one status with "=", and that what is open is due. */
static void add_statuses(struct buf *sql, unsigned statuses)
{
	const unsigned open = 1u << JOURNAL_RECEIVED | 1u << JOURNAL_PROCESSING | 1u << JOURNAL_RETRYING;
	if (!statuses)
		return;
	const char *before = statuses & (statuses - 1) ? " AND d.status IN (" : " AND (d.status = ";
	for (int status = 0; status < JOURNAL_STATUSES; status++)
		if (statuses & (1u << status)) {
			buf_printf(sql, "%s%d", before, status);
			before = ", ";
		}
	buf_add_char(sql, ')');
	condition(sql, true, "d.kind IN (SELECT id FROM kind)"); /* leads to the index on both */
	condition(sql, !(statuses & ~open), "d.due_at IS NOT NULL");
}

void journal_add_conditions(struct buf *sql, const struct journal_filter *f)
{
	buf_add_text(sql, " WHERE true");
	condition(sql, f->since, "e.received_at >= :since");
	condition(sql, f->until, "e.received_at < :until");
	condition(sql, f->type.ptr, "e.type GLOB :type");
	condition(sql, f->source.ptr, "e.source = :source");
	condition(sql, f->subject.ptr, "e.subject = :subject");
	condition(sql, f->destination.ptr, "n.name = :destination");
	condition(sql, f->error.ptr, "instr(lower(x.text), lower(:error)) > 0");
	condition(sql, f->due_by, "d.due_at <= :due_by");
	add_statuses(sql, f->statuses);
	if (f->id_count)
		add_list(sql, "e.id", "id", f->id_count);
}

void journal_bind_conditions(struct db_query *q, const struct journal_filter *f)
{
	char name[32];
	if (f->since)
		db_set_int(q, ":since", f->since);
	if (f->until)
		db_set_int(q, ":until", f->until);
	if (f->type.ptr)
		db_set_text(q, ":type", f->type);
	if (f->source.ptr)
		db_set_text(q, ":source", f->source);
	if (f->subject.ptr)
		db_set_text(q, ":subject", f->subject);
	if (f->destination.ptr)
		db_set_text(q, ":destination", f->destination);
	if (f->error.ptr)
		db_set_text(q, ":error", f->error);
	if (f->due_by)
		db_set_int(q, ":due_by", f->due_by);
	for (size_t i = 0; i < f->id_count; i++) {
		snprintf(name, sizeof name, ":id%zu", i);
		db_set_text(q, name, f->ids[i]);
	}
}

/* ---- one event ---- */

static int finish(struct journal *j, struct db_query *q, bool ok, struct diag *d)
{
	db_done(q);
	if (db_failed(&j->db, d) < 0)
		return -1;
	return ok ? 0 : diag_fail(d, DIAG_IO, "out of memory");
}

int journal_payload(struct journal *j, int64_t event, bool *stored, enum event_body *body, struct buf *content_type,
		    struct buf *data, struct diag *d)
{
	buf_clear(content_type);
	buf_clear(data);
	struct db_query *q = db_query(
	    &j->db, "SELECT body, content_type, data FROM event JOIN payload ON event = seq WHERE seq = :event");
	db_set_int(q, ":event", event);
	*stored = db_row(q);
	if (*stored) {
		*body = (enum event_body)db_int(q, 0);
		buf_add_slice(content_type, db_text(q, 1));
		buf_add_slice(data, db_blob(q, 2));
	}
	return finish(j, q, buf_ok(content_type) && buf_ok(data), d);
}

int journal_line(struct journal *j, struct journal_key key, struct slice destination, bool *stored, struct buf *line,
		 struct diag *d)
{
	struct event e;
	struct db_query *q = journal_load_event(j, key.event, &e);
	*stored = q != NULL;
	if (!q)
		return db_failed(&j->db, d);
	e.destination = destination;
	event_write(line, &e);
	return finish(j, q, buf_ok(line), d);
}

int journal_sent(struct journal *j, struct journal_key key, bool *stored, struct buf *body, struct diag *d)
{
	buf_clear(body);
	struct db_query *q =
	    db_query(&j->db, "SELECT body FROM sent WHERE event = :event AND destination = :destination");
	db_set_int(q, ":event", key.event);
	db_set_int(q, ":destination", key.destination);
	*stored = db_row(q);
	if (*stored)
		buf_add_slice(body, db_blob(q, 0));
	return finish(j, q, buf_ok(body), d);
}

int journal_about(struct journal *j, int64_t event, bool (*each)(const struct journal_about *about, void *context),
		  void *context, struct diag *d)
{
	struct db_query *q = db_query(
	    &j->db,
	    "SELECT time, nullif(digest, zeroblob(32)), conflicts, expired_at, repeats, (SELECT f.id FROM event f "
	    "WHERE f.body_key = e.body_key AND f.digest = e.digest AND f.source = e.source "
	    "AND f.seq < e.seq ORDER BY f.seq LIMIT 1) FROM event e WHERE seq = :event");
	db_set_int(q, ":event", event);
	if (db_row(q)) {
		struct journal_about about = {db_text(q, 0), db_blob(q, 1), db_int(q, 2),
					      db_int(q, 3),  db_int(q, 4),  db_text(q, 5)};
		each(&about, context);
	}
	return finish(j, q, true, d);
}

int journal_attempts(struct journal *j, struct journal_key key,
		     bool (*each)(const struct journal_attempt *attempt, void *context), void *context, struct diag *d)
{
	struct db_query *q = db_query(&j->db, "SELECT n, started_at, ended_at, http_status, code, error, head, body, "
					      "ifnull(sent_bytes, -1), ifnull(received_bytes, -1) "
					      "FROM attempt LEFT JOIN answer USING (event, destination, n) "
					      "WHERE event = :event AND destination = :destination ORDER BY n");
	db_set_int(q, ":event", key.event);
	db_set_int(q, ":destination", key.destination);
	for (bool more = true; more && db_row(q);) {
		struct journal_attempt attempt = {.n = db_int(q, 0),
						  .started_at = db_int(q, 1),
						  .ended_at = db_int(q, 2),
						  .http_status = (int)db_int(q, 3),
						  .code = db_text(q, 4),
						  .error = db_text(q, 5),
						  .head = db_text(q, 6),
						  .answer = db_blob(q, 7),
						  .sent_bytes = db_int(q, 8),
						  .received_bytes = db_int(q, 9)};
		more = each(&attempt, context);
	}
	return finish(j, q, true, d);
}

/* ---- destinations, size ---- */

int journal_destinations(struct journal *j, bool (*each)(const struct journal_health *health, void *context),
			 void *context, struct diag *d)
{
	struct db_query *q = db_query(
	    &j->db,
	    "WITH w AS (SELECT destination, sum(n) AS waiting FROM tally JOIN kind ON id = of "
	    "WHERE axis = 6 AND slot = 0 AND status IN (0, 1, 4) GROUP BY destination) SELECT name, coalesce(waiting, 0), in_flight, "
	    "faults, open_until, opened_at FROM destination n LEFT JOIN w ON w.destination = n.id "
	    "WHERE id > 0 ORDER BY name");
	for (bool more = true; more && db_row(q);) {
		struct journal_health health = {.name = db_text(q, 0),
						.waiting = db_int(q, 1),
						.in_flight = db_int(q, 2),
						.faults = db_int(q, 3),
						.open_until = db_int(q, 4),
						.opened_at = db_int(q, 5)};
		more = each(&health, context);
	}
	return finish(j, q, true, d);
}

int journal_size(struct journal *j, struct journal_size *size, struct diag *d)
{
	struct db_query *q = db_query(&j->db, "SELECT page_count * page_size, freelist_count * page_size FROM "
					      "pragma_page_count, pragma_page_size, pragma_freelist_count");
	*size = (struct journal_size){0};
	if (db_row(q)) {
		size->file = db_int(q, 0);
		size->free = db_int(q, 1);
	}
	char path[4096];
	struct stat st;
	snprintf(path, sizeof path, "%s-wal", j->db.path);
	size->wal = stat(path, &st) == 0 ? st.st_size : 0;
	return finish(j, q, true, d);
}
