/* SPDX-License-Identifier: MIT */
/* The texts of errors, each kept once; and finding those that hold a part of a text. */
#include "clock.h"
#include "journal_internal.h"

enum {
	BLOCK_SHIFT = 6,
	BITS_SIZE =
	    1024, /* of 64 texts: a few percent of the bits are set when they are alike, a third when they are not */
	GRAM = 3,
	BLOCKS_AT_ONCE = 8, /* in one transaction */
	PART_MOST = 1024,   /* of what is looked for; the rest is compared, but rules no block out */
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
	int64_t id = db_row(q) ? db_int(q, 0) : 0;
	db_done(q);
	return id;
}

void journal_set_error(struct journal *j, struct db_query *q, const char *name, struct slice text)
{
	if (!text.ptr) {
		db_set_null(q, name);
		return;
	}
	int64_t id = find_text(j, text);
	if (!id) {
		struct db_query *insert = db_query(&j->db, "INSERT INTO error (text) VALUES (:text)");
		db_set_text(insert, ":text", text);
		db_run(insert);
		id = sqlite3_last_insert_rowid(j->db.sqlite);
		j->first_new_error = j->first_new_error ? j->first_new_error : id;
		j->last_new_error = id;
	}
	db_set_int(q, name, id);
}

static void write_grams(struct journal *j, int64_t block)
{
	char bits[BITS_SIZE] = {0};
	bool any = false;
	struct db_query *q =
	    db_query(&j->db, "SELECT text FROM error WHERE id >= :block << 6 AND id < (:block + 1) << 6");
	db_set_int(q, ":block", block);
	for (; db_row(q); any = true) {
		struct slice text = db_text(q, 0);
		for (size_t i = 0; i + GRAM <= text.len; i++) {
			size_t bit = gram_bit(text.ptr + i);
			bits[bit / 8] = (char)(bits[bit / 8] | 1 << bit % 8);
		}
	}
	db_done(q);
	q = any ? db_query(&j->db, "INSERT OR REPLACE INTO error_grams VALUES (:block, :bits)")
		: db_query(&j->db, "DELETE FROM error_grams WHERE block = :block");
	db_set_int(q, ":block", block);
	if (any)
		db_set_blob(q, ":bits", (struct slice){bits, sizeof bits});
	db_run(q);
}

void journal_save_errors(struct journal *j)
{
	if (!j->first_new_error)
		return;
	for (int64_t block = j->first_new_error >> BLOCK_SHIFT; block <= j->last_new_error >> BLOCK_SHIFT; block++)
		write_grams(j, block);
	j->first_new_error = 0;
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
	q = db_query(&j->db, "SELECT 1 FROM error_grams WHERE block = :block");
	db_set_int(q, ":block", *block);
	changed = !db_row(q) || changed;
	db_done(q);
	if (changed)
		write_grams(j, *block);
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

/* Adds those of the block; true when there are more than `most` by now. */
static bool search_block(struct journal *j, int64_t block, struct slice part, int64_t *ids, size_t *count, size_t most)
{
	struct buf folded = BUF_INIT;
	struct db_query *q =
	    db_query(&j->db, "SELECT id, text FROM error WHERE id >= :block << 6 AND id < (:block + 1) << 6");
	bool over = false;
	db_set_int(q, ":block", block);
	while (!over && db_row(q)) {
		if (!holds(db_text(q, 1), part, &folded))
			continue;
		over = *count == most;
		if (!over)
			ids[(*count)++] = db_int(q, 0);
	}
	db_done(q);
	buf_free(&folded);
	return over;
}

bool journal_find_errors(struct journal *j, struct slice part, int64_t *ids, size_t *count, size_t most)
{
	size_t wanted[PART_MOST], bits = 0;
	struct buf folded = BUF_INIT;
	for (size_t i = 0; i < part.len; i++)
		buf_add_char(&folded, lower(part.ptr[i]));
	for (size_t i = 0; i + GRAM <= part.len && bits < PART_MOST; i++)
		wanted[bits++] = gram_bit(folded.data + i);
	*count = 0;
	bool over = false;
	struct db_query *q = db_query(&j->db, "SELECT block, bits FROM error_grams ORDER BY block DESC");
	while (!over && db_row(q))
		if (may_hold(db_blob(q, 1), wanted, bits))
			over = search_block(j, db_int(q, 0), buf_slice(&folded), ids, count, most);
	db_done(q);
	if (!buf_ok(&folded))
		db_note(&j->db, DIAG_IO, "out of memory");
	buf_free(&folded);
	return !over;
}
