/* SPDX-License-Identifier: MIT */
/* Is the journal what was written into it? Reads all of it, in short read transactions but for SQLite's own check. */
#include "digest.h"
#include "journal_internal.h"

enum { PAGE = 64 }; /* payloads in one read transaction */

/* ---- the database ---- */

static void check_database(struct journal *j, struct journal_verify *v)
{
	struct db_query *q = db_query(&j->db, "PRAGMA integrity_check(20)");
	while (db_row(q)) {
		struct slice said = db_text(q, 0);
		if (slice_is(said, "ok"))
			continue;
		v->found++;
		v->each(SLICE_NONE, SLICE_NONE, said, v->context);
	}
	db_done(q);
}

/* ---- payloads: each is as its digest says ---- */

static bool is_as_received(struct slice digest, struct slice data)
{
	unsigned char made[DIGEST_MOST];
	digest_hash(DIGEST_SHA256, data, made);
	return slice_equal(digest, (struct slice){(const char *)made, digest_size(DIGEST_SHA256)});
}

/* The last event that was looked at, or 0 when none is left. */
static int64_t check_page(struct journal *j, struct journal_verify *v, int64_t after)
{
	int64_t last = 0;
	struct db_query *q = db_query(&j->db, "SELECT p.event, p.data, e.digest, e.source, e.id FROM payload p "
					      "JOIN event e ON e.seq = p.event WHERE p.event > :after "
					      "ORDER BY p.event LIMIT :page");
	db_set_int(q, ":after", after);
	db_set_int(q, ":page", PAGE);
	while (db_row(q)) {
		last = db_int(q, 0);
		v->payloads++;
		if (is_as_received(db_blob(q, 2), db_blob(q, 1)))
			continue;
		v->found++;
		v->each(db_text(q, 3), db_text(q, 4), SLICE("its payload is not as it was received"), v->context);
	}
	db_done(q);
	return last;
}

int journal_verify(struct journal *j, struct journal_verify *v, struct diag *d)
{
	v->payloads = v->found = 0;
	check_database(j, v);
	for (int64_t last = 0; !j->db.failed && (last = check_page(j, v, last));)
		continue;
	return db_failed(&j->db, d);
}
