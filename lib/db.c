/* SPDX-License-Identifier: MIT */
#include "db.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "frames.h"

enum { NAMES = 16 };

struct db_query {
	struct db *db;
	const char *sql;
	sqlite3_stmt *statement;
	bool composed;
	bool begun;                   /* since it was last reset: it may stand on a row, or have bindings */
	int last;                     /* the number of the parameter that was looked up last */
	const char *names[NAMES + 1]; /* by number: where the names of parameters stand, as far as that is known */
};

static enum diag_code code_of(int result)
{
	switch (result & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return DIAG_TRY_AGAIN;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
		return DIAG_DATA;
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_NOMEM:
	case SQLITE_TOOBIG:
		return DIAG_IO;
	default:
		return DIAG_BUG;
	}
}

static const char *advice(const struct db *db, int result)
{
	int error = sqlite3_system_errno(db->sqlite);
	if ((result & 0xff) == SQLITE_CANTOPEN && (error == EMFILE || error == ENFILE))
		return ": raise the limit of open files, ulimit -n";
	switch (result & 0xff) {
	case SQLITE_BUSY:
		return ": another program is writing to it; try again";
	case SQLITE_CORRUPT:
		return ": it is damaged; keep the file and see \"DAMAGE\" in evt-journal(5)";
	case SQLITE_FULL:
		return ": the disk is full; nothing of this was journaled";
	case SQLITE_IOERR:
		return ": nothing of this was journaled; see what the system's log says of the disk";
	case SQLITE_CANTOPEN:
		return ": SQLite must be able to make files beside it, NAME-wal and NAME-shm; see df -i when there is space";
	case SQLITE_READONLY:
		return ": this user may not write the file, or not its folder";
	case SQLITE_NOTADB:
		return ": no SQLite database, or one whose beginning was overwritten; see \"DAMAGE\" in evt-journal(5)";
	default:
		return "";
	}
}

/* SQLite opens anew for reading what it cannot make: of a file that is not there, only that is left to be told. */
static const char *why_missing(const struct db *db)
{
	struct statvfs fs;
	if (statvfs(db->path, &fs) < 0)
		return strerror(ENOENT);
	if (fs.f_flag & ST_RDONLY)
		return strerror(EROFS);
	return fs.f_files && !fs.f_favail ? "no inode is left" : strerror(ENOENT);
}

/* " (No space left on device)": what the system said, where SQLite's own words leave it out. */
static const char *system_error(const struct db *db, int result, char text[128])
{
	int error = sqlite3_system_errno(db->sqlite);
	bool told = (result & 0xff) == SQLITE_IOERR || (result & 0xff) == SQLITE_CANTOPEN;
	text[0] = '\0';
	if (told && error)
		snprintf(text, 128, " (%s)", error == ENOENT ? why_missing(db) : strerror(error));
	return text;
}

bool db_is_busy(int result)
{
	return code_of(result) == DIAG_TRY_AGAIN;
}

int db_explain(const struct db *db, int result, struct diag *d)
{
	char system[128];
	return diag_fail(d, code_of(result), "journal %s: %s%s", db->path, sqlite3_errmsg(db->sqlite),
			 system_error(db, result, system));
}

static int last_error(sqlite3_file *file)
{
	int error = 0;
	if (file && file->pMethods)
		file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
	return error == EIO || error == ENXIO ? error : 0;
}

/* SQLite says of a page that the disk does not give that it is damaged (SQLITE_IOERR_CORRUPTFS). What is on the disk may be whole. The
 * system's error, or 0. */
static int unreadable(const struct db *db, int result)
{
	sqlite3_file *database = NULL, *wal = NULL;
	if ((result & 0xff) != SQLITE_CORRUPT)
		return 0;
	sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_FILE_POINTER, &database);
	sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
	int error = last_error(database);
	return error ? error : last_error(wal);
}

static void fail(struct db *db, int result, const char *sql)
{
	char system[128];
	if (db->failed)
		return;
	db->failed = true;
	int error = unreadable(db, result);
	if (error) {
		diag_fail(&db->failure, DIAG_IO, "journal %s: disk I/O error (%s)%s", db->path, strerror(error),
			  advice(db, SQLITE_IOERR));
		return;
	}
	enum diag_code code = code_of(result);
	bool ours = code == DIAG_BUG;
	diag_fail(&db->failure, code, "journal %s: %s%s%s%s%.300s", db->path, sqlite3_errmsg(db->sqlite),
		  system_error(db, result, system), advice(db, result), ours ? " in: " : "", ours ? sql : "");
}

void db_note(struct db *db, enum diag_code code, const char *why)
{
	if (db->failed)
		return;
	db->failed = true;
	diag_fail(&db->failure, code, "journal %s: %s", db->path, why);
}

/* SQLite counts the memory it has, under a mutex for all threads, at each of some hundred allocations per event. Nobody asks. */
static void stop_counting_memory(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int db_open(struct db *db, const char *path, int flags, struct diag *d)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	*db = (struct db){.path = strdup(path)};
	if (!db->path)
		return diag_fail(d, DIAG_IO, "out of memory");
	pthread_once(&once, stop_counting_memory);
	const char *vfs = flags & SQLITE_OPEN_READWRITE ? frames_vfs() : NULL;
	int result = sqlite3_open_v2(path, &db->sqlite, flags | SQLITE_OPEN_NOMUTEX, vfs);
	if (result == SQLITE_OK) {
		sqlite3_extended_result_codes(db->sqlite, 1);
		sqlite3_busy_timeout(db->sqlite, DB_BUSY_MS);
		return 0;
	}
	fail(db, result, "open");
	db_failed(db, d);
	db_close(db);
	return -1;
}

void db_close(struct db *db)
{
	for (size_t i = 0; i < DB_STATEMENTS; i++)
		db_finish(db->cache[i]);
	sqlite3_close(db->sqlite);
	free(db->path);
	*db = (struct db){0};
}

int db_failed(struct db *db, struct diag *d)
{
	if (!db->failed)
		return 0;
	*d = db->failure;
	db->failed = false;
	return -1;
}

void db_script(struct db *db, const char *sql)
{
	if (db->failed)
		return;
	int result = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
	if (result != SQLITE_OK)
		fail(db, result, sql);
}

static struct db_query *prepare(struct db *db, const char *sql, unsigned flags)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v3(db->sqlite, sql, -1, flags, &statement, NULL);
	if (result != SQLITE_OK) {
		fail(db, result, sql);
		return NULL;
	}
	struct db_query *q = malloc(sizeof *q);
	if (!q) {
		sqlite3_finalize(statement);
		fail(db, SQLITE_NOMEM, sql);
		return NULL;
	}
	*q = (struct db_query){.db = db, .sql = sql, .statement = statement};
	return q;
}

struct db_query *db_query(struct db *db, const char *sql)
{
	size_t at = ((uintptr_t)sql >> 3) % DB_STATEMENTS;
	for (size_t i = 0; i < DB_STATEMENTS; i++, at = (at + 1) % DB_STATEMENTS) {
		struct db_query *q = db->cache[at];
		if (!q && !db->failed)
			q = db->cache[at] = prepare(db, sql, SQLITE_PREPARE_PERSISTENT);
		if (!q)
			return NULL;
		if (q->sql != sql)
			continue;
		db_done(q);
		return q;
	}
	fail(db, SQLITE_NOMEM, sql);
	return NULL;
}

struct db_query *db_compose(struct db *db, const char *sql)
{
	struct db_query *q = db->failed ? NULL : prepare(db, sql, 0);
	if (q)
		q->composed = true;
	return q;
}

void db_finish(struct db_query *q)
{
	if (!q)
		return;
	sqlite3_finalize(q->statement);
	free(q);
}

static bool usable(struct db_query *q)
{
	return q && !q->db->failed; /* NULL stands for one that could not be prepared */
}

/* Names are string constants, bound in the same order each time: one that stands where it did is the one it was. 0: look it up. */
static int known_parameter(const struct db_query *q, const char *name)
{
	for (int i = 1; i <= NAMES + 1; i++) {
		int number = (q->last + i) % (NAMES + 1);
		if (q->names[number] == name)
			return number;
	}
	return 0;
}

/* The parameter's number, or 0 after noting that there is none by that name. */
static int parameter(struct db_query *q, const char *name)
{
	if (!usable(q))
		return 0;
	q->begun = true;
	int number = known_parameter(q, name);
	if (number)
		return q->last = number;
	number = sqlite3_bind_parameter_index(q->statement, name);
	if (number == 0) {
		q->db->failed = true;
		diag_fail(&q->db->failure, DIAG_BUG, "journal: no parameter %s in: %.300s", name, q->sql);
	} else if (number <= NAMES && !q->composed) {
		q->names[number] = name;
		q->last = number;
	}
	return number;
}

static void check(struct db_query *q, int result)
{
	if (result != SQLITE_OK)
		fail(q->db, result, q->sql);
}

void db_set_int(struct db_query *q, const char *name, int64_t value)
{
	int number = parameter(q, name);
	if (number)
		check(q, sqlite3_bind_int64(q->statement, number, value));
}

void db_set_null(struct db_query *q, const char *name)
{
	int number = parameter(q, name);
	if (number)
		check(q, sqlite3_bind_null(q->statement, number));
}

void db_set_text(struct db_query *q, const char *name, struct slice text)
{
	int number = parameter(q, name);
	if (number)
		check(q, sqlite3_bind_text64(q->statement, number, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8));
}

void db_set_blob(struct db_query *q, const char *name, struct slice bytes)
{
	int number = parameter(q, name);
	if (number && bytes.ptr && bytes.len == 0)
		check(q, sqlite3_bind_zeroblob(q->statement, number, 0));
	else if (number)
		check(q, sqlite3_bind_blob64(q->statement, number, bytes.ptr, bytes.len, SQLITE_STATIC));
}

bool db_row(struct db_query *q)
{
	if (!usable(q))
		return false;
	q->begun = true;
	int result = sqlite3_step(q->statement);
	if (result == SQLITE_ROW)
		return true;
	if (result != SQLITE_DONE)
		fail(q->db, result, q->sql);
	return false;
}

void db_done(struct db_query *q)
{
	if (!q || !q->begun)
		return;
	sqlite3_reset(q->statement);
	sqlite3_clear_bindings(q->statement);
	q->begun = false;
}

void db_run(struct db_query *q)
{
	while (db_row(q))
		continue;
	db_done(q);
}

int64_t db_answer(struct db_query *q)
{
	int64_t answer = db_row(q) ? db_int(q, 0) : 0;
	db_done(q);
	return answer;
}

int64_t db_changes(struct db *db)
{
	return db->failed ? 0 : sqlite3_changes64(db->sqlite);
}

int64_t db_int(struct db_query *q, int column)
{
	return usable(q) ? sqlite3_column_int64(q->statement, column) : 0;
}

bool db_is_null(struct db_query *q, int column)
{
	return !usable(q) || sqlite3_column_type(q->statement, column) == SQLITE_NULL;
}

struct slice db_text(struct db_query *q, int column)
{
	if (db_is_null(q, column))
		return SLICE_NONE;
	const char *text = (const char *)sqlite3_column_text(q->statement, column);
	return (struct slice){text, (size_t)sqlite3_column_bytes(q->statement, column)};
}

struct slice db_blob(struct db_query *q, int column)
{
	if (db_is_null(q, column))
		return SLICE_NONE;
	const char *bytes = sqlite3_column_blob(q->statement, column);
	return (struct slice){bytes ? bytes : "", (size_t)sqlite3_column_bytes(q->statement, column)};
}
