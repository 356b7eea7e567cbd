/* SPDX-License-Identifier: MIT */
/* How events come into the journal. */
#include <inttypes.h>
#include <stdio.h>

#include "digest.h"
#include "journal_internal.h"

enum { DIGEST_SIZE = 32 };

/* The first 64 bits of SHA-256. */
static int64_t hash(struct slice text)
{
	unsigned char digest[DIGEST_MOST];
	digest_hash(DIGEST_SHA256, text, digest);
	int64_t key;
	memcpy(&key, digest, sizeof key);
	return key;
}

/* What tells an id again once it is erased: event.key. */
static int64_t event_key(struct slice id)
{
	return hash(id);
}

/* What delivery.subject_key holds: over source and subject, with a NUL between them, which neither can hold. Both are within
 * EVENT_NAME_LIMIT. */
static int64_t subject_key(struct slice source, struct slice subject)
{
	char text[2 * EVENT_NAME_LIMIT + 1];
	memcpy(text, source.ptr, source.len);
	text[source.len] = '\0';
	memcpy(text + source.len + 1, subject.ptr, subject.len);
	return hash((struct slice){text, source.len + 1 + subject.len});
}

static void set_subject_key(struct db_query *q, struct slice source, struct slice subject)
{
	if (subject.len)
		db_set_int(q, ":subject_key", subject_key(source, subject));
	else
		db_set_null(q, ":subject_key");
}

static void insert_delivery(struct journal *j, int64_t event, int64_t destination, struct slice source,
			    struct slice type, struct slice subject, int64_t received_at, int64_t now)
{
	int64_t kind = journal_kind(j, source, type, destination);
	struct db_query *q =
	    db_query(&j->db, "INSERT OR IGNORE INTO delivery (event, destination, kind, status, due_at, updated_at, "
			     "subject_key, ordered) SELECT :event, :destination, :kind, 0, :now, :now, :subject_key, "
			     "ordered > 0 FROM destination WHERE id = :destination");
	db_set_int(q, ":event", event);
	db_set_int(q, ":destination", destination);
	db_set_int(q, ":kind", kind);
	db_set_int(q, ":now", now);
	set_subject_key(q, source, subject);
	db_run(q);
	if (db_changes(&j->db) == 0) /* the event was already on its way there */
		return;
	struct journal_delivery row = {
	    .event = event, .destination = destination, .kind = kind, .received_at = received_at};
	journal_count_enter(j, &row, JOURNAL_RECEIVED, false, now);
	journal_count_ever(j, &row, JOURNAL_RECEIVED, now);
}

bool journal_add_delivery(struct journal *j, int64_t event, int64_t destination, int64_t now)
{
	struct db_query *q =
	    db_query(&j->db, "SELECT source, type, subject, received_at FROM event WHERE seq = :event");
	db_set_int(q, ":event", event);
	bool known = db_row(q);
	if (known)
		insert_delivery(j, event, destination, db_text(q, 0), db_text(q, 1), db_text(q, 2), db_int(q, 3), now);
	db_done(q);
	return known;
}

struct known {
	int64_t event;
	bool same_payload;
};

static struct known find(struct journal *j, struct slice source, struct slice id, const unsigned char *digest)
{
	struct known known = {0, false};
	char erased[32];
	snprintf(erased, sizeof erased, "erased:%016" PRIx64, (uint64_t)event_key(id));
	struct db_query *q = db_query(
	    &j->db, /* not by source; an erased one has neither its digest nor, perhaps, its id (journal_forget.c) */
	    "SELECT seq, digest IN (:digest, zeroblob(32)) FROM event WHERE id IN (:id, :erased) AND +source = :source");
	db_set_text(q, ":source", source);
	db_set_text(q, ":id", id);
	db_set_text(q, ":erased", slice_of(erased));
	if (digest)
		db_set_blob(q, ":digest", (struct slice){(const char *)digest, DIGEST_SIZE});
	if (db_row(q))
		known = (struct known){db_int(q, 0), db_int(q, 1)};
	db_done(q);
	return known;
}

int64_t journal_find_event(struct journal *j, struct slice source, struct slice id)
{
	return find(j, source, id, NULL).event;
}

/* What a repeat is found by, so that the index is small; the digest itself decides. */
static int64_t body_key(const unsigned char *digest)
{
	int64_t key;
	memcpy(&key, digest, sizeof key);
	return key;
}

/* Counts it with the first one. False: there is none. */
static bool count_repeat(struct journal *j, struct slice source, const unsigned char *digest)
{
	struct db_query *q =
	    db_query(&j->db, "UPDATE event SET repeats = repeats + 1 WHERE seq = (SELECT seq FROM event "
			     "WHERE body_key = :key AND digest = :digest AND source = :source ORDER BY seq LIMIT 1)");
	db_set_int(q, ":key", body_key(digest));
	db_set_blob(q, ":digest", (struct slice){(const char *)digest, DIGEST_SIZE});
	db_set_text(q, ":source", source);
	db_run(q);
	return db_changes(&j->db) > 0;
}

static int64_t insert_event(struct journal *j, const struct event *e, const unsigned char *digest, bool id_unsigned,
			    int64_t now)
{
	struct db_query *q = db_query(
	    &j->db, "INSERT INTO event (key, source, id, type, subject, time, received_at, content_type, extra, "
		    "body, size, digest, body_key) VALUES (:key, :source, :id, :type, :subject, :time, :now, "
		    ":content_type, nullif(:extra, ''), :body, :size, :digest, :body_key)");
	db_set_int(q, ":key", event_key(e->id));
	db_set_text(q, ":source", e->source);
	db_set_text(q, ":id", e->id);
	db_set_text(q, ":type", e->type);
	db_set_text(q, ":subject", e->subject);
	db_set_text(q, ":time", e->time);
	db_set_int(q, ":now", now);
	db_set_text(q, ":content_type", e->content_type);
	db_set_text(q, ":extra", e->extra);
	db_set_int(q, ":body", e->body);
	db_set_int(q, ":size", (int64_t)e->data.len);
	db_set_blob(q, ":digest", (struct slice){(const char *)digest, DIGEST_SIZE});
	if (id_unsigned)
		db_set_int(q, ":body_key", body_key(digest));
	else
		db_set_null(q, ":body_key");
	db_run(q);
	int64_t event = sqlite3_last_insert_rowid(j->db.sqlite);
	q = db_query(&j->db, "INSERT INTO payload VALUES (:event, :data)");
	db_set_int(q, ":event", event);
	db_set_blob(q, ":data", e->data.ptr ? e->data : SLICE(""));
	db_run(q);
	journal_count_event(j, event, e->source, now);
	return event;
}

/* For an event that goes nowhere: one delivery to no destination, ended at once. */
static void insert_ended(struct journal *j, int64_t event, const struct journal_accept *row, int64_t now)
{
	bool failed = row->error.ptr;
	int64_t kind = journal_kind(j, row->event->source, row->event->type, 0);
	struct db_query *q = db_query(
	    &j->db, "INSERT INTO delivery (event, destination, kind, status, updated_at, subject_key, code, error) "
		    "VALUES (:event, 0, :kind, :status, :now, :subject_key, :code, :error)");
	enum journal_status status = failed ? JOURNAL_FAILED : JOURNAL_SKIPPED;
	db_set_int(q, ":event", event);
	db_set_int(q, ":kind", kind);
	db_set_int(q, ":status", status);
	set_subject_key(q, row->event->source, row->event->subject);
	db_set_int(q, ":now", now);
	db_set_text(q, ":code", failed ? SLICE("source") : SLICE_NONE);
	journal_set_error(j, q, ":error", failed ? row->error : SLICE("no destination of its source takes this type"),
			  event);
	db_run(q);
	struct journal_delivery ended = {.event = event, .kind = kind, .received_at = now};
	journal_count_enter(j, &ended, status, failed, now);
	journal_count_ever(j, &ended, status, now);
}

static void count_conflict(struct journal *j, int64_t event)
{
	struct db_query *q = db_query(&j->db, "UPDATE event SET conflicts = conflicts + 1 WHERE seq = :event");
	db_set_int(q, ":event", event);
	db_run(q);
}

static void digest_payload(const struct event *e, unsigned char digest[DIGEST_MOST])
{
	digest_hash(DIGEST_SHA256, e->data.ptr ? e->data : SLICE(""), digest);
}

static void accept_one(struct journal *j, struct journal_accept *row, int64_t now)
{
	const struct event *e = row->event;
	unsigned char digest[DIGEST_MOST];
	digest_payload(e, digest);
	struct known known = find(j, e->source, e->id, digest);
	if (known.event) {
		row->answer = known.same_payload ? JOURNAL_DUPLICATE : JOURNAL_CONFLICT;
		j->answers = true;
		if (!known.same_payload)
			count_conflict(j, known.event);
		return;
	}
	row->answer = JOURNAL_ACCEPTED;
	row->repeat = row->id_unsigned && count_repeat(j, e->source, digest);
	int64_t event = insert_event(j, e, digest, row->id_unsigned, now);
	if (row->repeat)
		journal_count_repeat(j, event, e->source, now);
	if (row->destination_count == 0 || row->error.ptr)
		insert_ended(j, event, row, now);
	else
		for (size_t i = 0; i < row->destination_count; i++) {
			struct journal_destination *to = journal_destination(j, row->destinations[i]);
			if (to)
				insert_delivery(j, event, to->id, e->source, e->type, e->subject, now, now);
		}
}

int journal_accept(struct journal *j, struct journal_accept *rows, size_t count, int64_t now, struct diag *d)
{
	for (size_t i = 0; i < count && !j->db.failed; i++)
		accept_one(j, &rows[i], now);
	return journal_settle(j, d);
}

static void claim_adopted(struct journal *j, int64_t event, int64_t destination, int64_t now, int64_t lease_ms)
{
	struct journal_delivery row;
	if (!journal_find_delivery(j, event, destination, &row))
		return;
	struct db_query *q = db_query(
	    &j->db, "UPDATE delivery SET status = 1, lane = 2, due_at = :due_at, claim = 1, claimed_at = :now, "
		    "updated_at = :now WHERE event = :event AND destination = :destination");
	db_set_int(q, ":due_at", now + lease_ms);
	db_set_int(q, ":now", now);
	db_set_int(q, ":event", event);
	db_set_int(q, ":destination", destination);
	db_run(q);
	journal_count_leave(j, &row);
	journal_count_enter(j, &row, JOURNAL_PROCESSING, false, now);
}

int journal_adopt(struct journal *j, const struct event *e, int64_t now, int64_t lease_ms, int64_t *claim,
		  struct diag *d)
{
	*claim = 0;
	unsigned char digest[DIGEST_MOST];
	struct event received = *e;
	if (e->raw.ptr) { /* mapped on its way: what is stored is what is mapped again at a retry */
		received.body = EVENT_JSON;
		received.data = e->raw;
		received.content_type = SLICE_NONE;
	}
	digest_payload(&received, digest);
	struct journal_destination *to = journal_destination(j, e->destination);
	struct known known = find(j, e->source, e->id, digest);
	int64_t event = known.event;
	struct journal_delivery delivery;
	j->answers = j->answers || event;
	if (to && !(event && journal_find_delivery(j, event, to->id, &delivery))) {
		if (!event)
			event = insert_event(j, &received, digest, false, now);
		else if (!known.same_payload)
			count_conflict(
			    j, event); /* two destinations made another payload under one id: a retry has the first */
		journal_add_delivery(j, event, to->id, now);
		claim_adopted(j, event, to->id, now, lease_ms);
		journal_note_time(to, now);
		*claim = 1;
	}
	return journal_settle(j, d);
}
