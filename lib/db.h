/* SPDX-License-Identifier: MIT */
/* db: SQLite with its failures gathered. The first failure is kept and turns every later call into a no-op that
 * answers "no row", so that a transition reads as straight SQL and looks once, with db_failed, at the end.
 * Parameters are bound by name; a name that the statement does not have is a failure, like any other. */
#ifndef EVT_DB_H
#define EVT_DB_H

#include <sqlite3.h>
#include <stdint.h>

#include "diag.h"
#include "slice.h"

enum {
	DB_STATEMENTS = 128,
	DB_BUSY_MS = 5000, /* how long a statement waits for other programs' locks */
};

struct db_query;

struct db {
	sqlite3 *sqlite;
	char *path;
	struct db_query *cache[DB_STATEMENTS];
	struct diag failure; /* valid while `failed` */
	bool failed;
};

/* `flags` as for sqlite3_open_v2. 0, or -1. A db that failed to open needs no db_close. */
int db_open(struct db *db, const char *path, int flags, struct diag *d);
void db_close(struct db *db);

/* -1 with the first failure since the last call in *d, which is thereby forgotten; 0 when there was none. */
int db_failed(struct db *db, struct diag *d);

/* For who calls SQLite itself: is it only that somebody else is at it? What went wrong just now, without advice; -1. */
bool db_is_busy(int result);
int db_explain(const struct db *db, int result, struct diag *d);

/* Notes a failure that is not SQLite's. */
void db_note(struct db *db, enum diag_code code, const char *why);

void db_script(struct db *db, const char *sql); /* one or more statements without parameters or rows */

/* The statement of a string constant: prepared once, found again by
 * the constant's address, reset and without bindings. Borrowed. */
struct db_query *db_query(struct db *db, const char *sql);

/* A statement of its own, for SQL put together at run time; ended with db_finish. */
struct db_query *db_compose(struct db *db, const char *sql);
void db_finish(struct db_query *q);

/* Bindings: texts and blobs are borrowed until db_done or the next db_query of the same statement. SLICE_NONE binds NULL. For a
 * statement from db_query the name is a string constant, and remembered by its address. */
void db_set_int(struct db_query *q, const char *name, int64_t value);
void db_set_null(struct db_query *q, const char *name);
void db_set_text(struct db_query *q, const char *name, struct slice text);
void db_set_blob(struct db_query *q, const char *name, struct slice bytes);

bool db_row(struct db_query *q);       /* the next row, if there is one */
void db_done(struct db_query *q);      /* resets: a statement left on a row would keep its read transaction open */
void db_run(struct db_query *q);       /* all of it, rows passed over, then db_done */
int64_t db_answer(struct db_query *q); /* the first column of the first row, or 0 when there is none; then db_done */
int64_t db_changes(struct db *db);     /* rows that the last db_run changed */

/* Columns, from 0; slices live until the next db_row, db_done or db_query of the statement. NULL is 0 or SLICE_NONE. */
int64_t db_int(struct db_query *q, int column);
bool db_is_null(struct db_query *q, int column);
struct slice db_text(struct db_query *q, int column);
struct slice db_blob(struct db_query *q, int column);

#endif
