/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "db.h"
#include "frames.h"

/* In place of libc's, for SQLite too: syncs are counted and can fail. One that does leaves the pages that were written since the one before
 * counted as written, as Linux does, though the disk has not got them. */
enum { PAGE = 4096, PAGES = 1024 };
static int syncs, folder_syncs;
static bool sync_fails;
static enum { ON_DISK, WRITTEN, LOST } pages[PAGES]; /* of the WAL */

static bool is_wal(int fd)
{
	char link[32], name[128];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, name, sizeof name - 1);
	name[len > 0 ? len : 0] = '\0';
	return strstr(name, "-wal") != NULL;
}

int fdatasync(int fd)
{
	struct stat st;
	folder_syncs += fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	syncs++;
	for (int i = 0; is_wal(fd) && i < PAGES; i++)
		if (pages[i] == WRITTEN)
			pages[i] = sync_fails ? LOST : ON_DISK;
	errno = EIO;
	return sync_fails ? -1 : (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
	for (off64_t i = at / PAGE; is_wal(fd) && i < PAGES && i * PAGE < at + (off64_t)len; i++)
		pages[i] = WRITTEN;
	return syscall(SYS_pwrite64, fd, bytes, len, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	return pwrite64(fd, bytes, len, at);
}

static char folder[] = "/tmp/test_frames.XXXXXX", path[64], wal[80];

static struct db open_at(const char *name)
{
	struct db db;
	struct diag d;
	assert_int_equal(db_open(&db, name, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &d), 0);
	db_script(&db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0");
	return db;
}

static struct db open_db(void)
{
	return open_at(path);
}

static void run(struct db *db, const char *sql)
{
	struct diag d;
	db_script(db, sql);
	if (db_failed(db, &d) < 0)
		fail_msg("%s", d.text);
}

static int64_t ask(struct db *db, const char *sql)
{
	struct db_query *q = db_compose(db, sql);
	int64_t value = db_row(q) ? db_int(q, 0) : -1;
	db_finish(q);
	return value;
}

static bool is_sound(struct db *db)
{
	struct db_query *q = db_compose(db, "PRAGMA integrity_check");
	bool sound = db_row(q) && slice_is(db_text(q, 0), "ok");
	db_finish(q);
	return sound;
}

static void rows(char sql[256], int from, int to, char letter)
{
	snprintf(sql, 256,
		 "WITH RECURSIVE n (i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
		 "INSERT INTO t SELECT i, replace(hex(zeroblob(400)), '0', '%c') FROM n",
		 from, to, letter);
}

static int begin(void **state)
{
	(void)state;
	strcpy(folder + sizeof folder - 7, "XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/t.db", folder);
	snprintf(wal, sizeof wal, "%s-wal", path);
	return 0;
}

static int end(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", ".cut", ".cut-wal", ".cut-shm"};
	char name[80];
	(void)state;
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
		unlink(name);
	}
	return rmdir(folder);
}

/* ---- what is committed is in the file, for SQLite's own VFS too ---- */

static void test_commit_reaches_the_file(void **state)
{
	char sql[256];
	sqlite3 *other;
	struct stat st;
	(void)state;
	struct db db = open_db();
	run(&db, "CREATE TABLE t (i INTEGER PRIMARY KEY, text TEXT)");
	rows(sql, 1, 3000, 'a'); /* some 2.6 MB: more than is gathered at once */
	run(&db, sql);
	assert_int_equal(stat(wal, &st), 0);
	assert_true(st.st_size > 2400000);
	assert_int_equal(sqlite3_open_v2(path, &other, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	sqlite3_stmt *count;
	assert_int_equal(sqlite3_prepare_v2(other, "SELECT count(*) FROM t", -1, &count, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(count), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(count, 0), 3000);
	sqlite3_finalize(count);
	sqlite3_close(other);
	db_close(&db);
}

/* ---- pages that do not fit into the cache come back from what is gathered ---- */

static void test_reads_its_own(void **state)
{
	char sql[256];
	(void)state;
	struct db db = open_db();
	run(&db, "PRAGMA cache_size=5; CREATE TABLE t (i INTEGER PRIMARY KEY, text TEXT); BEGIN");
	rows(sql, 1, 40, 'a');
	run(&db, sql);
	assert_int_equal(ask(&db, "SELECT count(*) FROM t WHERE text LIKE 'aaaa%'"), 40);
	run(&db, "UPDATE t SET text = replace(text, 'a', 'b'); COMMIT");
	assert_int_equal(ask(&db, "SELECT count(*) FROM t WHERE text LIKE 'bbbb%'"), 40);
	assert_true(is_sound(&db));
	db_close(&db);
}

/* ---- what was rolled back never comes over what another has written in its place ---- */

static void test_rolled_back_stays_away(void **state)
{
	char sql[256];
	(void)state;
	struct db one = open_db(), other = open_db();
	run(&one, "PRAGMA cache_size=5; CREATE TABLE t (i INTEGER PRIMARY KEY, text TEXT)");
	run(&one, "PRAGMA wal_checkpoint(TRUNCATE)"); /* the rollback has to read no page from the WAL */
	run(&one, "BEGIN");
	rows(sql, 1, 40, 'a');
	run(&one, sql);
	run(&one, "ROLLBACK");
	rows(sql, 1, 40, 'b');
	run(&other, sql);
	assert_int_equal(ask(&one, "SELECT count(*) FROM t WHERE text LIKE 'bbbb%'"), 40);
	db_close(&one);
	db_close(&other);
	one = open_db();
	assert_int_equal(ask(&one, "SELECT count(*) FROM t WHERE text LIKE 'bbbb%'"), 40);
	assert_true(is_sound(&one));
	db_close(&one);
}

/* ---- a WAL that is moved is empty, and begun anew ---- */

static void test_checkpoints(void **state)
{
	char sql[256];
	struct stat st;
	(void)state;
	struct db db = open_db();
	run(&db, "CREATE TABLE t (i INTEGER PRIMARY KEY, text TEXT)");
	for (int i = 0; i < 5; i++) {
		rows(sql, 100 * i, 100 * i + 99, 'c');
		run(&db, sql);
		run(&db, i % 2 ? "PRAGMA wal_checkpoint(TRUNCATE)" : "PRAGMA wal_checkpoint(PASSIVE)");
		assert_int_equal(stat(wal, &st), 0);
		assert_int_equal(st.st_size == 0, i % 2);
	}
	assert_int_equal(ask(&db, "SELECT count(*) FROM t"), 500);
	assert_true(is_sound(&db));
	db_close(&db);
}

/* ---- emptied with its blocks kept: nobody finds anything in it, and it can be cut off afterwards ---- */

static void empty(struct db *db, bool keep)
{
	frames_keep(db->sqlite, keep);
	run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
	frames_keep(db->sqlite, false);
}

static void test_keeps_its_blocks(void **state)
{
	char sql[256];
	struct stat st;
	int on = 1;
	(void)state;
	struct db db = open_db();
	run(&db, "CREATE TABLE t (i INTEGER PRIMARY KEY, text TEXT)");
	rows(sql, 1, 100, 'd');
	run(&db, sql);
	assert_int_equal(stat(wal, &st), 0);
	off_t size = st.st_size;
	empty(&db, true);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_size, size);
	sqlite3_db_config(db.sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_file_control(db.sqlite, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	db_close(&db);

	db = open_db();
	int frames = -1;
	assert_int_equal(sqlite3_wal_checkpoint_v2(db.sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, NULL),
			 SQLITE_OK);
	assert_int_equal(frames, 0);
	rows(sql, 101, 110, 'e');
	run(&db, sql);
	struct db other = open_db();
	assert_int_equal(ask(&other, "SELECT count(*) FROM t"), 110);
	assert_true(is_sound(&other));
	db_close(&other);
	empty(&db, true);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_size, size);
	empty(&db, false);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_size, 0);
	db_close(&db);
}

/* ---- the folder of a WAL that is new is synced with it, and no later one ---- */

static int folder_syncs_of_a_commit(const char *sql)
{
	int on = 1;
	struct db db = open_db();
	sqlite3_db_config(db.sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_file_control(db.sqlite, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	folder_syncs = 0;
	run(&db, sql);
	int count = folder_syncs;
	db_close(&db);
	return count;
}

static void test_syncs_the_folder_once(void **state)
{
	(void)state;
	assert_int_equal(folder_syncs_of_a_commit("CREATE TABLE t (i INTEGER PRIMARY KEY, text TEXT)"), 1);
	assert_int_equal(folder_syncs_of_a_commit("INSERT INTO t (i) VALUES (1)"), 0);
	assert_int_equal(truncate(wal, 32), 0); /* who began it was killed after its header */
	assert_int_equal(folder_syncs_of_a_commit("CREATE TABLE IF NOT EXISTS t (i INTEGER PRIMARY KEY, text TEXT);"
						  "INSERT INTO t (i) VALUES (2)"),
			 1);
	assert_int_equal(folder_syncs_of_a_commit("INSERT INTO t (i) VALUES (3)"), 0);
	assert_int_equal(unlink(wal), 0);
	assert_int_equal(folder_syncs_of_a_commit("CREATE TABLE IF NOT EXISTS t (i INTEGER PRIMARY KEY, text TEXT);"
						  "INSERT INTO t (i) VALUES (4)"),
			 1);
}

/* ---- a commit whose sync is left to another is there for all, and the next one's sync serves both ---- */

static int syncs_of(struct db *db, int row, bool defer)
{
	char sql[256];
	rows(sql, row, row, 'f');
	syncs = 0;
	frames_defer(db->sqlite, defer);
	run(db, sql);
	frames_defer(db->sqlite, false);
	return syncs;
}

static void test_leaves_a_sync_to_the_next(void **state)
{
	(void)state;
	struct db db = open_db(), other = open_db();
	run(&db, "CREATE TABLE t (i INTEGER PRIMARY KEY, text TEXT)");
	assert_int_equal(syncs_of(&db, 1, true), 0);
	assert_int_equal(ask(&other, "SELECT count(*) FROM t"), 1);
	assert_int_equal(syncs_of(&db, 2, false), 1);
	run(&db, "PRAGMA wal_checkpoint(RESTART)");
	assert_int_equal(syncs_of(&db, 3, true), 1); /* the WAL's new header */
	assert_int_equal(syncs_of(&db, 4, true), 0);
	assert_int_equal(ask(&other, "SELECT count(*) FROM t"), 4);
	assert_true(is_sound(&other));
	db_close(&other);
	db_close(&db);
}

/* ---- a sync that fails takes nothing with it that was left to it: the next one covers that ---- */

/* Makes a copy, of whose WAL there is what is on disk for certain. */
static void cut_power(const char *copy)
{
	static const char zeroes[PAGE];
	char command[512], name[96];
	struct stat st;
	snprintf(command, sizeof command, "cp %s %s && cp %s %s-wal", path, copy, wal, copy);
	assert_int_equal(system(command), 0);
	snprintf(name, sizeof name, "%s-wal", copy);
	int fd = open(name, O_WRONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	for (int i = 0; i < PAGES && (off_t)i * PAGE < st.st_size; i++)
		if (pages[i] != ON_DISK)
			assert_int_equal(syscall(SYS_pwrite64, fd, zeroes, sizeof zeroes, (off_t)i * PAGE), PAGE);
	close(fd);
}

static bool add(struct db *db, int row)
{
	char sql[256];
	struct diag d;
	rows(sql, row, row, 'g');
	db_script(db, sql);
	return db_failed(db, &d) == 0;
}

static void test_a_failed_sync_takes_nothing_along(void **state)
{
	(void)state;
	memset(pages, 0, sizeof pages);
	struct db db = open_db();
	run(&db, "CREATE TABLE t (i INTEGER PRIMARY KEY, text TEXT)");
	frames_defer(db.sqlite, true);
	for (int row = 1; row <= 8; row++)
		assert_true(add(&db, row));
	frames_defer(db.sqlite, false);
	sync_fails = true;
	assert_false(add(&db, 9));
	sync_fails = false;
	assert_true(add(&db, 10));

	char copy[80];
	snprintf(copy, sizeof copy, "%s.cut", path);
	cut_power(copy);
	struct db cut = open_at(copy);
	assert_int_equal(ask(&cut, "SELECT count(*) FROM t"), 9);
	assert_int_equal(ask(&cut, "SELECT count(*) FROM t WHERE i = 9"), 0);
	assert_true(is_sound(&cut));
	db_close(&cut);
	db_close(&db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_commit_reaches_the_file, begin, end),
	    cmocka_unit_test_setup_teardown(test_reads_its_own, begin, end),
	    cmocka_unit_test_setup_teardown(test_rolled_back_stays_away, begin, end),
	    cmocka_unit_test_setup_teardown(test_checkpoints, begin, end),
	    cmocka_unit_test_setup_teardown(test_keeps_its_blocks, begin, end),
	    cmocka_unit_test_setup_teardown(test_syncs_the_folder_once, begin, end),
	    cmocka_unit_test_setup_teardown(test_leaves_a_sync_to_the_next, begin, end),
	    cmocka_unit_test_setup_teardown(test_a_failed_sync_takes_nothing_along, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
