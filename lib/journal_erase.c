/* SPDX-License-Identifier: MIT */
/* What was deleted is gone for good: from free pages, from the WAL, and from the pages that are still in use. */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "clock.h"
#include "journal_internal.h"
#include "scrub.h"

enum {
	ERASE_TRIES = 25, /* a reader's snapshot keeps the WAL from being emptied; most are short */
	ERASE_PAUSE_MS = 200,
};

static void pause_for(int64_t ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

int journal_let_others(struct journal *j, int64_t began, struct diag *d)
{
	pause_for(clock_monotonic() - began);
	if (lock_take(&j->lock, j->patience_ms, d) < 0)
		return -1;
	began = clock_monotonic();
	journal_checkpoint(j);
	lock_drop(&j->lock);
	pause_for(clock_monotonic() - began);
	return 0;
}

void journal_tell(const struct journal_progress *p, const char *doing, int64_t done, int64_t of)
{
	if (p->tell)
		p->tell(doing, of > 0 ? (double)done / (double)of : 1, p->context);
}

/* ---- free pages ---- */

/* One transaction's worth of free pages is moved to the end of the file and cut off. How many, or -1. */
static int64_t give_back_step(struct journal *j, struct diag *d)
{
	if (journal_begin(j, d) < 0)
		return -1;
	int64_t pages = db_answer(db_query(&j->db, "PRAGMA page_count"));
	int64_t began = clock_monotonic(), left = pages, before = INT64_MAX;
	while (left < before && clock_monotonic() - began < JOURNAL_STEP_MS && !j->db.failed) {
		before = left;
		db_script(&j->db, "PRAGMA incremental_vacuum(16)");
		left = db_answer(db_query(&j->db, "PRAGMA page_count"));
	}
	return journal_settle(j, d) < 0 || journal_commit(j, d) < 0 ? -1 : pages - left;
}

/* A VACUUM would hold everybody up. */
int journal_give_back(struct journal *j, const struct journal_progress *p, int64_t *bytes, struct diag *d)
{
	int64_t free = db_answer(db_query(&j->db, "PRAGMA freelist_count"));
	int64_t page_size = db_answer(db_query(&j->db, "PRAGMA page_size")), given = 0;
	for (int64_t step = free; step > 0;) {
		int64_t began = clock_monotonic();
		step = give_back_step(j, d);
		if (step < 0 || journal_let_others(j, began, d) < 0)
			return -1;
		given += step;
		journal_tell(p, "giving space back", given, free);
	}
	*bytes = given * page_size;
	return db_failed(&j->db, d);
}

/* ---- the WAL ---- */

/* SQLite's own wait for readers would keep the lock from everybody else: this asks, lets go, and asks again. */
static int truncate_wal(struct journal *j, bool *done, struct diag *d)
{
	sqlite3_busy_timeout(j->db.sqlite, 0);
	int result = sqlite3_wal_checkpoint_v2(j->db.sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_busy_timeout(j->db.sqlite, DB_BUSY_MS);
	*done = result == SQLITE_OK;
	return *done || db_is_busy(result) ? 0 : db_explain(&j->db, result, d);
}

/* Deleted rows stand in the WAL until it is truncated, whatever secure_delete did to the database. */
static int empty_wal(struct journal *j, bool *erased, struct diag *d)
{
	if (lock_take(&j->lock, j->patience_ms, d) < 0)
		return -1;
	int result = truncate_wal(j, erased, d);
	lock_drop(&j->lock);
	return result;
}

/* ---- pages in use ---- */

static bool wal_is_empty(struct journal *j)
{
	struct stat st;
	char wal[4096];
	snprintf(wal, sizeof wal, "%s-wal", j->db.path);
	return stat(wal, &st) == 0 && st.st_size == 0;
}

static void note_unwritten(struct journal *j, int result)
{
	char why[128];
	snprintf(why, sizeof why, "what was deleted cannot be overwritten: %s", sqlite3_errstr(result));
	db_note(&j->db, DIAG_IO, why);
}

/* Under the lock. All that has been committed is in the database, and stays as it is as long as the write lock is ours. The row
 * that is written, as it was, makes everybody read anew what they remember of the pages; so do we. */
static int scrub_dirty(struct journal *j, struct scrub *s, int64_t span, bool *erased, struct diag *d)
{
	int result = truncate_wal(j, erased, d);
	if (!*erased) {
		lock_drop(&j->lock);
		return result;
	}
	if (journal_begin(j, d) < 0)
		return -1;
	*erased = wal_is_empty(j);
	int written = *erased ? scrub_clean(s, span) : SQLITE_OK;
	if (written != SQLITE_OK)
		note_unwritten(j, written);
	sqlite3_db_release_memory(j->db.sqlite);
	db_script(&j->db, "UPDATE destination SET rate_at = rate_at WHERE id = 0");
	return journal_settle(j, d) < 0 ? -1 : journal_commit(j, d);
}

static int scrub_span(struct journal *j, struct scrub *s, int64_t span, bool *erased, struct diag *d)
{
	bool dirty;
	int64_t began = clock_monotonic();
	if (lock_take(&j->lock, j->patience_ms, d) < 0)
		return -1;
	int result = scrub_look(s, span, &dirty);
	lock_drop(&j->lock);
	if (result != SQLITE_OK)
		return diag_fail(d, DIAG_IO, "journal %s: %s", j->db.path, sqlite3_errstr(result));
	*erased = !dirty;
	if (!dirty)
		return 0;
	/* With the WAL moved before, emptying it takes no long. */
	if (journal_let_others(j, began, d) < 0 || lock_take(&j->lock, j->patience_ms, d) < 0)
		return -1;
	return scrub_dirty(j, s, span, erased, d);
}

static int scrub_all(struct journal *j, struct scrub *s, const struct journal_progress *p, bool *erased, struct diag *d)
{
	int tries = ERASE_TRIES;
	for (int64_t span = 0; span < scrub_spans(s) && tries;) {
		int64_t began = clock_monotonic();
		if (scrub_span(j, s, span, erased, d) < 0)
			return -1;
		tries = *erased ? ERASE_TRIES : tries - 1;
		if (*erased)
			journal_tell(p, "erasing", ++span, scrub_spans(s));
		pause_for(*erased ? clock_monotonic() - began : ERASE_PAUSE_MS);
	}
	return 0;
}

int journal_erase(struct journal *j, const struct journal_progress *p, bool *erased, struct diag *d)
{
	struct scrub s;
	*erased = false;
	for (int tries = ERASE_TRIES; tries && !*erased; tries--) {
		if (empty_wal(j, erased, d) < 0)
			return -1;
		if (!*erased)
			pause_for(ERASE_PAUSE_MS);
	}
	if (!*erased)
		return 0;
	int result = scrub_open(&s, j->db.sqlite), scrubbed = 0;
	if (result == SQLITE_OK)
		scrubbed = scrub_all(j, &s, p, erased, d);
	if (result == SQLITE_OK && scrubbed == 0)
		result = scrub_sync(&s);
	scrub_close(&s);
	if (result != SQLITE_OK)
		return diag_fail(d, DIAG_IO, "journal %s: what was deleted cannot be overwritten: %s", j->db.path,
				 sqlite3_errstr(result));
	return scrubbed;
}
