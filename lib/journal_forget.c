/* SPDX-License-Identifier: MIT */
/* One source record is forgotten, because somebody asks for it: whatever of it stands in events, deliveries, attempts and records. */
#include <stdlib.h>

#include "clock.h"
#include "journal_internal.h"

enum { STEP = 50 }; /* events in one transaction at most */

/* ---- which events ---- */

struct found {
	struct journal_forget *forget;
	int64_t *events; /* newest first */
	size_t count, cap;
	bool ambiguous, failed;
};

static void note_source(struct found *f, struct slice source)
{
	struct buf *known = &f->forget->known_source;
	if (known->len == 0)
		buf_add_slice(known, source);
	else if (!slice_equal(buf_slice(known), source))
		f->ambiguous = true;
}

/* The rows of one event come one after the other. */
static bool add_event(const struct journal_row *row, void *context)
{
	struct found *f = context;
	note_source(f, row->source);
	if (f->count && f->events[f->count - 1] == row->key.event)
		return true;
	if (f->count == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 64;
		int64_t *grown = realloc(f->events, cap * sizeof *grown);
		f->failed = !grown;
		if (!grown)
			return false;
		f->events = grown;
		f->cap = cap;
	}
	f->events[f->count++] = row->key.event;
	return true;
}

/* The records outlive the events. */
static void find_records(struct journal *j, struct found *f)
{
	struct db_query *q = db_query(&j->db, "SELECT source FROM record WHERE subject = :subject "
					      "AND (:source IS NULL OR source = :source)");
	db_set_text(q, ":subject", f->forget->subject);
	db_set_text(q, ":source", f->forget->source);
	while (db_row(q)) {
		note_source(f, db_text(q, 0));
		f->forget->records++;
	}
	db_done(q);
}

static int find(struct journal *j, struct found *f, struct diag *d)
{
	const struct journal_filter filter = {.source = f->forget->source, .subject = f->forget->subject};
	find_records(j, f);
	if (journal_list(j, &filter, add_event, f, d) < 0)
		return -1;
	if (f->failed || !buf_ok(&f->forget->known_source))
		return diag_fail(d, DIAG_IO, "out of memory");
	if (f->ambiguous)
		return diag_fail(d, DIAG_USAGE, "more than one source has a record %.*s: say which with --source",
				 (int)f->forget->subject.len, f->forget->subject.ptr);
	return 0;
}

/* ---- one event ---- */

static int64_t count(struct journal *j, const char *sql, int64_t event)
{
	struct db_query *q = db_query(&j->db, sql);
	db_set_int(q, ":event", event);
	return db_answer(q);
}

/* What is told of an event, once it is committed. */
struct told {
	struct journal_forgotten what;
	struct buf text; /* on which its slices lie */
};

/* False when the event has gone meanwhile. */
static bool describe(struct journal *j, int64_t event, int64_t now, struct told *told)
{
	struct db_query *q = db_query(&j->db, "SELECT source, id, type, received_at FROM event WHERE seq = :event");
	db_set_int(q, ":event", event);
	bool known = db_row(q);
	struct slice source = db_text(q, 0), id = db_text(q, 1), type = db_text(q, 2);
	struct journal_forgotten *what = &told->what;
	buf_clear(&told->text);
	buf_add_slice(&told->text, source);
	buf_add_slice(&told->text, id);
	buf_add_slice(&told->text, type);
	known = known && buf_ok(&told->text);
	*what = (struct journal_forgotten){.received_at = db_int(q, 3)};
	if (known) {
		what->source = (struct slice){told->text.data, source.len};
		what->id = (struct slice){what->source.ptr + source.len, id.len};
		what->type = (struct slice){what->id.ptr + id.len, type.len};
	}
	db_done(q);
	what->payload = count(j, "SELECT coalesce((SELECT length(data) FROM payload WHERE event = :event), -1)", event);
	what->sent = count(j, "SELECT count(*) FROM sent WHERE event = :event", event);
	what->answers = count(j, "SELECT count(*) FROM answer WHERE event = :event", event);
	what->errors = count(j,
			     "SELECT (SELECT count(*) FROM attempt WHERE event = :event AND error IS NOT NULL) + "
			     "(SELECT count(*) FROM delivery WHERE event = :event AND error IS NOT NULL)",
			     event);
	what->stopped = count(j, "SELECT count(*) FROM delivery WHERE event = :event AND due_at IS NOT NULL", event);
	q = db_query(&j->db,
		     "SELECT 1 FROM delivery WHERE event = :event AND started_at IS NOT NULL AND due_at > :now");
	db_set_int(q, ":event", event);
	db_set_int(q, ":now", now);
	what->in_flight = db_row(q);
	db_done(q);
	return known;
}

/* A claim that nobody has started can no longer be started; a start whose lease has ended is an attempt of unknown outcome. */
static void stop_delivery(struct journal *j, int64_t event, int64_t destination, struct slice name, int64_t now)
{
	struct journal_delivery row;
	if (!journal_find_delivery(j, event, destination, &row) || !row.open)
		return;
	struct journal_destination *to = row.started_at ? journal_destination_known(j, name) : NULL;
	if (to)
		journal_note_unknown(j, to, &row);
	journal_end_delivery(j, &row, JOURNAL_SKIPPED, "erased", SLICE(JOURNAL_ERASED), now);
}

static void stop_deliveries(struct journal *j, int64_t event, int64_t now)
{
	struct db_query *q = db_query(&j->db, "SELECT d.destination, n.name FROM delivery d "
					      "JOIN destination n ON n.id = d.destination "
					      "WHERE d.event = :event AND d.due_at IS NOT NULL");
	db_set_int(q, ":event", event);
	while (db_row(q))
		stop_delivery(j, event, db_int(q, 0), db_text(q, 1), now);
	db_done(q);
}

static void run(struct journal *j, const char *sql, int64_t event)
{
	struct db_query *q = db_query(&j->db, sql);
	db_set_int(q, ":event", event);
	db_run(q);
}

/* An id that names the record is replaced by what still tells a duplicate, see find() in journal_accept.c. So is the digest: a
 * short payload could be guessed from it. */
static void blank_event(struct journal *j, int64_t event, struct slice subject)
{
	struct db_query *q =
	    db_query(&j->db, "UPDATE event SET id = iif(instr(id, :subject) > 0, printf('erased:%016x', key), id), "
			     "subject = NULL, extra = NULL, digest = zeroblob(32), body_key = NULL WHERE seq = :event");
	db_set_text(q, ":subject", subject);
	db_set_int(q, ":event", event);
	db_run(q);
	q = db_query(&j->db,
		     "UPDATE delivery SET subject_key = NULL, record = NULL, error = iif(error IS NULL, NULL, :why) "
		     "WHERE event = :event");
	journal_set_error(j, q, ":why", SLICE(JOURNAL_ERASED), event);
	db_set_int(q, ":event", event);
	db_run(q);
	run(j, "UPDATE attempt SET error = '" JOURNAL_ERASED "' WHERE event = :event AND error IS NOT NULL", event);
}

/* True when there is something to be told. */
static bool forget_one(struct journal *j, struct journal_forget *f, int64_t event, struct told *told)
{
	int64_t now = clock_now();
	if (!describe(j, event, now, told))
		return false;
	f->in_flight += told->what.in_flight;
	f->events += !told->what.in_flight;
	if (!told->what.in_flight && !f->dry_run) {
		stop_deliveries(j, event, now);
		journal_remove_payload(j, event, now);
		blank_event(j, event, f->subject);
	}
	return true;
}

/* ---- all of them ---- */

/* The oldest of those that are left, up to STEP; then *left is how many there still are. */
static int forget_step(struct journal *j, struct journal_forget *f, const int64_t *events, size_t *left,
		       struct told told[STEP], struct diag *d)
{
	size_t count = 0;
	if (!f->dry_run && journal_begin(j, d) < 0)
		return -1;
	int64_t began = clock_monotonic();
	for (int i = 0; i < STEP && *left && !j->db.failed && (i == 0 || clock_monotonic() - began < JOURNAL_STEP_MS);
	     i++)
		count += forget_one(j, f, events[--*left], &told[count]);
	if (journal_settle(j, d) < 0 || (!f->dry_run && journal_commit(j, d) < 0))
		return -1;
	for (size_t i = 0; i < count; i++)
		f->each(&told[i].what, f->context);
	return 0;
}

static int forget_events(struct journal *j, struct journal_forget *f, const struct found *found, struct diag *d)
{
	struct told told[STEP] = {{.text = BUF_INIT}};
	int result = 0;
	for (size_t left = found->count; left && result == 0;) {
		int64_t began = clock_monotonic();
		result = forget_step(j, f, found->events, &left, told, d);
		journal_tell(&f->progress, "events", (int64_t)(found->count - left), (int64_t)found->count);
		if (result == 0 && !f->dry_run && left)
			result = journal_let_others(j, began, d);
	}
	for (size_t i = 0; i < STEP; i++)
		buf_free(&told[i].text);
	return result;
}

static int forget_records(struct journal *j, const struct journal_forget *f, struct diag *d)
{
	if (journal_begin(j, d) < 0)
		return -1;
	struct db_query *q = db_query(&j->db, "DELETE FROM record WHERE destination IN (SELECT id FROM destination) "
					      "AND source = :source AND subject = :subject");
	db_set_text(q, ":source", buf_slice(&f->known_source));
	db_set_text(q, ":subject", f->subject);
	db_run(q);
	return journal_settle(j, d) < 0 ? -1 : journal_commit(j, d);
}

int journal_forget(struct journal *j, struct journal_forget *f, struct diag *d)
{
	struct found found = {.forget = f};
	f->events = f->in_flight = f->records = f->bytes = 0;
	f->erased = false;
	f->known_source = BUF_INIT;
	int result = find(j, &found, d);
	if (result == 0)
		result = forget_events(j, f, &found, d);
	if (result == 0 && f->records && !f->dry_run)
		result = forget_records(j, f, d);
	if (result == 0 && (found.count || f->records) && !f->dry_run)
		result = journal_forget_refusals(j, buf_slice(&f->known_source), f->subject, d);
	free(found.events);
	if (result < 0 || f->dry_run)
		return result;
	if (journal_drop_errors(j, d) < 0)
		return -1;
	if (journal_give_back(j, &f->progress, &f->bytes, d) < 0)
		return -1;
	return journal_erase(j, &f->progress, &f->erased, d);
}
