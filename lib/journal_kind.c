/* SPDX-License-Identifier: MIT */
/* The table `kind`: source, type and destination as one number. */
#include <stdlib.h>

#include "journal_internal.h"

enum { KINDS_MOST = 1000 }; /* with a type; senders name those, and must not make every report long */

struct journal_kind {
	uint64_t hash;
	int64_t id, destination;
	struct slice source, type; /* the texts behind this, in the same piece of memory */
};

static uint64_t hash(struct slice text, uint64_t h) /* FNV-1a */
{
	for (size_t i = 0; i < text.len; i++)
		h = (h ^ (unsigned char)text.ptr[i]) * 1099511628211u;
	return h;
}

static bool same_text(struct slice a, struct slice b)
{
	return !a.ptr == !b.ptr && slice_equal(a, b);
}

static const struct journal_kind *known(const struct journal *j, const struct journal_kind *kind)
{
	for (size_t i = j->kind_count; i-- > 0;) {
		const struct journal_kind *k = j->kinds[i];
		if (k->hash == kind->hash && k->destination == kind->destination && same_text(k->type, kind->type) &&
		    slice_equal(k->source, kind->source))
			return k;
	}
	return NULL;
}

static struct slice put(char *to, struct slice text)
{
	if (!text.ptr)
		return SLICE_NONE;
	memcpy(to, text.ptr, text.len);
	return (struct slice){to, text.len};
}

static void remember(struct journal *j, const struct journal_kind *kind)
{
	struct journal_kind **grown = realloc(j->kinds, (j->kind_count + 1) * sizeof(struct journal_kind *));
	struct journal_kind *copy = malloc(sizeof *copy + kind->source.len + kind->type.len + 1);
	if (grown)
		j->kinds = grown;
	if (!grown || !copy) {
		free(copy);
		db_note(&j->db, DIAG_IO, "out of memory");
		return;
	}
	char *texts = (char *)(copy + 1);
	*copy = *kind;
	copy->source = put(texts, kind->source);
	copy->type = put(texts + kind->source.len, kind->type);
	j->kinds[j->kind_count++] = copy;
}

static void set_names(struct db_query *q, const struct journal_kind *kind)
{
	db_set_text(q, ":source", kind->source);
	db_set_text(q, ":type", kind->type);
	if (kind->destination == JOURNAL_OF_SOURCE)
		db_set_null(q, ":destination");
	else
		db_set_int(q, ":destination", kind->destination);
}

static int64_t find(struct journal *j, const struct journal_kind *kind)
{
	struct db_query *q = db_query(&j->db, "SELECT id FROM kind WHERE source = :source AND type IS :type "
					      "AND destination IS :destination");
	set_names(q, kind);
	return db_answer(q);
}

static bool has_room(struct journal *j)
{
	struct db_query *q = db_query(&j->db, "SELECT count(type) FROM kind");
	bool room = db_row(q) && db_int(q, 0) < KINDS_MOST;
	db_done(q);
	return room;
}

static int64_t make(struct journal *j, const struct journal_kind *kind)
{
	struct db_query *q =
	    db_query(&j->db, "INSERT INTO kind (source, type, destination) VALUES (:source, :type, :destination)");
	set_names(q, kind);
	db_run(q);
	return sqlite3_last_insert_rowid(j->db.sqlite);
}

int64_t journal_kind(struct journal *j, struct slice source, struct slice type, int64_t destination)
{
	struct journal_kind kind = {.destination = destination, .source = source, .type = type};
	kind.hash = hash(type, hash(source, 14695981039346656037u));
	const struct journal_kind *found = known(j, &kind);
	if (found)
		return found->id;
	kind.id = find(j, &kind);
	if (!kind.id && type.ptr && !has_room(j))
		return journal_kind(j, source, SLICE_NONE, destination);
	if (!kind.id)
		kind.id = make(j, &kind);
	if (!j->db.failed)
		remember(j, &kind);
	return kind.id;
}

void journal_forget_kinds(struct journal *j)
{
	for (size_t i = 0; i < j->kind_count; i++)
		free(j->kinds[i]);
	j->kind_count = 0;
}
