/* SPDX-License-Identifier: MIT */
/* The texts of errors, each kept once; and finding those that hold a part of a text. */
#include <stdlib.h>

#include "clock.h"
#include "journal_internal.h"

enum {
	BLOCK_SHIFT = 6,
	BITS_SIZE =
	    1024, /* of 64 texts: a few percent of the bits are set when they are alike, a third when they are not */
	GRAM = 3,
	BLOCKS_AT_ONCE = 8, /* in one transaction */
	PART_MOST = 1024,   /* of what is looked for; the rest is compared, but rules no block out */
	EVENT_STEP = 1024,
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Which bit stands for the three bytes there. */
static size_t gram_bit(const char *text)
{
	uint32_t gram = 0;
	for (int i = 0; i < GRAM; i++)
		gram = gram << 8 | (unsigned char)lower(text[i]);
	return gram * 2654435761u >> 19; /* 13 bits: 8 * BITS_SIZE */
}

/* ---- writing ---- */

static int64_t find_text(struct journal *j, struct slice text)
{
	struct db_query *q = db_query(&j->db, "SELECT id FROM error WHERE text = :text");
	db_set_text(q, ":text", text);
	return db_answer(q);
}

/* Remembers until the commit that a text of the block belongs to the event. */
static void note(struct journal *j, int64_t block, int64_t event, bool fresh)
{
	struct journal_touched *touched = NULL;
	for (size_t i = 0; i < j->touched_count && !touched; i++)
		if (j->touched[i].block == block)
			touched = &j->touched[i];
	if (!touched) {
		struct journal_touched *grown = realloc(j->touched, (j->touched_count + 1) * sizeof *grown);
		if (!grown) {
			db_note(&j->db, DIAG_IO, "out of memory");
			return;
		}
		j->touched = grown;
		touched = &grown[j->touched_count++];
		*touched = (struct journal_touched){.block = block};
	}
	touched->fresh = touched->fresh || fresh;
	touched->event = event > touched->event ? event : touched->event;
}

void journal_set_error(struct journal *j, struct db_query *q, const char *name, struct slice text, int64_t event)
{
	if (!text.ptr) {
		db_set_null(q, name);
		return;
	}
	int64_t id = find_text(j, text);
	bool fresh = !id;
	if (fresh) {
		struct db_query *insert = db_query(&j->db, "INSERT INTO error (text) VALUES (:text)");
		db_set_text(insert, ":text", text);
		db_run(insert);
		id = sqlite3_last_insert_rowid(j->db.sqlite);
	}
	note(j, id >> BLOCK_SHIFT, event, fresh);
	db_set_int(q, name, id);
}

static void write_grams(struct journal *j, int64_t block, int64_t until_event)
{
	char bits[BITS_SIZE] = {0};
	struct db_query *q =
	    db_query(&j->db, "SELECT text FROM error WHERE id >= :block << 6 AND id < (:block + 1) << 6");
	db_set_int(q, ":block", block);
	while (db_row(q)) {
		struct slice text = db_text(q, 0);
		for (size_t i = 0; i + GRAM <= text.len; i++) {
			size_t bit = gram_bit(text.ptr + i);
			bits[bit / 8] = (char)(bits[bit / 8] | 1 << bit % 8);
		}
	}
	db_done(q);
	q = db_query(&j->db, "INSERT INTO error_grams VALUES (:block, :until_event, :bits) ON CONFLICT DO UPDATE "
			     "SET bits = excluded.bits, until_event = max(until_event, excluded.until_event)");
	db_set_int(q, ":block", block);
	db_set_int(q, ":until_event", until_event);
	db_set_blob(q, ":bits", (struct slice){bits, sizeof bits});
	db_run(q);
}

static void raise_event(struct journal *j, int64_t block, int64_t event)
{
	struct db_query *q = db_query(&j->db, "UPDATE error_grams SET until_event = :until WHERE block = :block "
					      "AND until_event < :event");
	db_set_int(q, ":block", block);
	db_set_int(q, ":event", event);
	db_set_int(q, ":until", event | (EVENT_STEP - 1));
	db_run(q);
}

void journal_save_errors(struct journal *j)
{
	for (size_t i = 0; i < j->touched_count; i++) {
		const struct journal_touched *touched = &j->touched[i];
		if (touched->fresh)
			write_grams(j, touched->block, touched->event | (EVENT_STEP - 1));
		else
			raise_event(j, touched->block, touched->event);
	}
	j->touched_count = 0;
}

static int64_t ask(struct journal *j, const char *sql, int64_t block)
{
	struct db_query *q = db_query(&j->db, sql);
	db_set_int(q, ":block", block);
	return db_answer(q);
}

/* After texts have gone; or where a journal was made by other means. */
static void write_grams_anew(struct journal *j, int64_t block)
{
	static const char known[] = "SELECT until_event FROM error_grams WHERE block = :block",
			  last[] = "SELECT max(event) FROM delivery WHERE error >= :block << 6 "
				   "AND error < (:block + 1) << 6",
			  any[] = "SELECT 1 FROM error WHERE id >= :block << 6 AND id < (:block + 1) << 6";
	int64_t until_event = ask(j, known, block);
	if (ask(j, any, block)) {
		write_grams(j, block, until_event ? until_event : ask(j, last, block) | (EVENT_STEP - 1));
		return;
	}
	struct db_query *q = db_query(&j->db, "DELETE FROM error_grams WHERE block = :block");
	db_set_int(q, ":block", block);
	db_run(q);
}

/* The block, or the next there is; *block is then the one behind. False: there was none. */
static bool drop_unused(struct journal *j, int64_t *block)
{
	struct db_query *q = db_query(&j->db, "SELECT id >> 6 FROM error WHERE id >= :first ORDER BY id LIMIT 1");
	db_set_int(q, ":first", *block << BLOCK_SHIFT);
	bool more = db_row(q);
	if (more)
		*block = db_int(q, 0);
	db_done(q);
	if (!more)
		return false;
	q = db_query(&j->db, "DELETE FROM error WHERE id >= :block << 6 AND id < (:block + 1) << 6 "
			     "AND NOT EXISTS (SELECT 1 FROM delivery WHERE error = error.id)");
	db_set_int(q, ":block", *block);
	db_run(q);
	bool changed = db_changes(&j->db);
	if (changed || !ask(j, "SELECT 1 FROM error_grams WHERE block = :block", *block))
		write_grams_anew(j, *block);
	++*block;
	return true;
}

int journal_drop_errors(struct journal *j, struct diag *d)
{
	int64_t block = 0;
	for (bool more = true; more;) {
		int64_t began = clock_monotonic();
		if (journal_begin(j, d) < 0)
			return -1;
		for (int i = 0; more && i < BLOCKS_AT_ONCE; i++)
			more = drop_unused(j, &block);
		if (journal_settle(j, d) < 0 || journal_commit(j, d) < 0)
			return -1;
		if (more && journal_let_others(j, began, d) < 0)
			return -1;
	}
	return 0;
}

/* ---- searching ---- */

/* Where the part stands in the text, both in lower case. */
static bool holds(struct slice text, struct slice part, struct buf *folded)
{
	if (text.len < part.len)
		return false;
	buf_clear(folded);
	for (size_t i = 0; i < text.len; i++)
		buf_add_char(folded, lower(text.ptr[i]));
	return memmem(buf_slice(folded).ptr, folded->len, part.ptr, part.len);
}

static bool may_hold(struct slice bits, const size_t *wanted, size_t count)
{
	if (bits.len != BITS_SIZE)
		return true;
	for (size_t i = 0; i < count; i++)
		if (!(bits.ptr[wanted[i] / 8] & 1 << wanted[i] % 8))
			return false;
	return true;
}

static int newest_first(const void *a, const void *b)
{
	const struct journal_texts *left = a, *right = b;
	return (left->until_event < right->until_event) - (left->until_event > right->until_event);
}

int64_t journal_find_texts(struct journal *j, struct slice part, struct journal_texts **found)
{
	size_t wanted[PART_MOST], bits = 0, count = 0, cap = 0;
	struct journal_texts *blocks = NULL;
	for (size_t i = 0; i + GRAM <= part.len && bits < PART_MOST; i++)
		wanted[bits++] = gram_bit(part.ptr + i);
	struct db_query *q = db_query(&j->db, "SELECT block, until_event, bits FROM error_grams");
	while (db_row(q)) {
		if (!may_hold(db_blob(q, 2), wanted, bits))
			continue;
		if (count == cap) {
			cap = cap ? 2 * cap : 64;
			struct journal_texts *grown = realloc(blocks, cap * sizeof *grown);
			if (!grown) {
				db_note(&j->db, DIAG_IO, "out of memory");
				break;
			}
			blocks = grown;
		}
		blocks[count++] = (struct journal_texts){.block = db_int(q, 0), .until_event = db_int(q, 1)};
	}
	db_done(q);
	if (count)
		qsort(blocks, count, sizeof *blocks, newest_first);
	*found = blocks;
	return (int64_t)count;
}

size_t journal_read_texts(struct journal *j, int64_t block, struct slice part, int64_t ids[JOURNAL_TEXTS])
{
	struct buf lowered = BUF_INIT, folded = BUF_INIT;
	size_t count = 0;
	for (size_t i = 0; i < part.len; i++)
		buf_add_char(&lowered, lower(part.ptr[i]));
	struct db_query *q =
	    db_query(&j->db, "SELECT id, text FROM error WHERE id >= :block << 6 AND id < (:block + 1) << 6");
	db_set_int(q, ":block", block);
	while (count < JOURNAL_TEXTS && db_row(q))
		if (holds(db_text(q, 1), buf_slice(&lowered), &folded))
			ids[count++] = db_int(q, 0);
	db_done(q);
	if (!buf_ok(&lowered) || !buf_ok(&folded))
		db_note(&j->db, DIAG_IO, "out of memory");
	buf_free(&lowered);
	buf_free(&folded);
	return count;
}
