/* SPDX-License-Identifier: MIT */
#include "frames.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	GATHERED_MOST = 64 * 1024,
	HEADER_SIZE = 32,
	FRAME_HEADER_SIZE = 24,
	WRITE_LOCK = 0, /* among the locks of the WAL index: https://sqlite.org/walformat.html, 2.3 */
};

/* Behind SQLite's own part of a file, in the same piece of memory. */
struct frames {
	const sqlite3_io_methods *sqlite;
	sqlite3_io_methods methods; /* the same, but for what stands below */
	struct frames *database;    /* of a WAL */
	struct frames *wal;         /* of a database, while it is open */
	bool keeps;                 /* of a WAL: its blocks, when it is emptied */
	bool defers;                /* of a WAL: the sync of its commits */
	bool doubtful;              /* of a WAL: a sync has failed, and what was there could not be written again */
	char *bytes;                /* of a WAL: gathered, to be written at `at`; NULL until something is */
	size_t len;
	sqlite3_int64 at;
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *sqlite;
	size_t offset; /* of struct frames in a file */
	const char *name;
} self;

static struct frames *frames_of(sqlite3_file *file)
{
	return (struct frames *)((char *)file + self.offset);
}

/* ---- the WAL: all but a write that goes on where the last one ended finds everything in the file ---- */

static int put(sqlite3_file *file)
{
	struct frames *f = frames_of(file);
	size_t len = f->len;
	f->len = 0; /* whatever becomes of it: when it fails SQLite rolls back */
	return len ? f->sqlite->xWrite(file, f->bytes, (int)len, f->at) : SQLITE_OK;
}

static int wal_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 at)
{
	struct frames *f = frames_of(file);
	size_t len = (size_t)count;
	int result = SQLITE_OK;
	if (f->len + len > GATHERED_MOST || f->at + (sqlite3_int64)f->len != at)
		result = put(file);
	if (result != SQLITE_OK)
		return result;
	if (!f->bytes)
		f->bytes = malloc(GATHERED_MOST);
	if (!f->bytes || len > GATHERED_MOST)
		return f->sqlite->xWrite(file, bytes, count, at);
	if (f->len == 0)
		f->at = at;
	memcpy(f->bytes + f->len, bytes, len);
	f->len += len;
	return SQLITE_OK;
}

static int wal_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 at)
{
	int result = put(file);
	return result == SQLITE_OK ? frames_of(file)->sqlite->xRead(file, bytes, count, at) : result;
}

/* A header of zeroes is none: whoever reads it finds an empty WAL. Should it not reach the disk, then what was there is moved again. */
static int blank(sqlite3_file *file)
{
	static const char zeroes[HEADER_SIZE];
	return frames_of(file)->sqlite->xWrite(file, zeroes, HEADER_SIZE, 0);
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	const struct frames *f = frames_of(file);
	int result = put(file);
	if (result != SQLITE_OK)
		return result;
	return f->keeps && size == 0 ? blank(file) : f->sqlite->xTruncate(file, size);
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *size)
{
	int result = put(file);
	return result == SQLITE_OK ? frames_of(file)->sqlite->xFileSize(file, size) : result;
}

/* Frames that could not be synced, and whose commit is thereby refused: who reads the WAL through shall not find them, and tell of what may
 * never come to the disk. */
static void revoke(sqlite3_file *file, sqlite3_int64 at)
{
	static const char zeroes[FRAME_HEADER_SIZE];
	frames_of(file)->sqlite->xWrite(file, zeroes, FRAME_HEADER_SIZE, at);
}

/* Linux says only once of a page that it could not be written, and counts it as written then (fsync(2), EIO): the next sync would succeed
 * without the commits that were left to this one, and a power cut take all that follows them in the WAL. Writing it again asks for it again. */
static int write_again(sqlite3_file *file)
{
	const sqlite3_io_methods *sqlite = frames_of(file)->sqlite;
	char piece[4096];
	sqlite3_int64 size = 0;
	int result = sqlite->xFileSize(file, &size);
	for (sqlite3_int64 at = 0; at < size && result == SQLITE_OK; at += (sqlite3_int64)sizeof piece) {
		int len = (int)(size - at < (sqlite3_int64)sizeof piece ? size - at : (sqlite3_int64)sizeof piece);
		result = sqlite->xRead(file, piece, len, at);
		if (result == SQLITE_OK)
			result = sqlite->xWrite(file, piece, len, at);
	}
	frames_of(file)->doubtful = result != SQLITE_OK;
	return result;
}

/* A header alone, which stands at 0, is synced always: frames that reach the disk before it would be taken for those of the WAL before. */
static int wal_sync(sqlite3_file *file, int flags)
{
	const struct frames *f = frames_of(file);
	bool frames = f->len && f->at;
	sqlite3_int64 at = f->at;
	int result = put(file);
	if (result != SQLITE_OK || (frames && f->defers))
		return result;
	if (f->doubtful)
		result = write_again(file);
	if (result == SQLITE_OK)
		result = f->sqlite->xSync(file, flags);
	if (result != SQLITE_OK && frames)
		revoke(file, at);
	if (result != SQLITE_OK)
		write_again(file);
	return result;
}

static int wal_close(sqlite3_file *file)
{
	struct frames *f = frames_of(file);
	f->database->wal = NULL;
	free(f->bytes);
	return f->sqlite->xClose(file);
}

/* ---- the database: where its locks are ---- */

static int database_lock(sqlite3_file *file, int first, int count, int flags)
{
	struct frames *f = frames_of(file);
	if (f->wal && first == WRITE_LOCK && (flags & SQLITE_SHM_UNLOCK))
		f->wal->len = 0;
	return f->sqlite->xShmLock(file, first, count, flags);
}

/* ---- opening ---- */

static struct frames *take_over(sqlite3_file *file)
{
	struct frames *f = frames_of(file);
	*f = (struct frames){.sqlite = file->pMethods, .methods = *file->pMethods};
	file->pMethods = &f->methods;
	return f;
}

static void take_wal(sqlite3_file *file, const char *name)
{
	struct frames *f = take_over(file);
	f->database = frames_of(sqlite3_database_file_object(name));
	f->database->wal = f;
	f->methods.xWrite = wal_write;
	f->methods.xRead = wal_read;
	f->methods.xTruncate = wal_truncate;
	f->methods.xFileSize = wal_size;
	f->methods.xSync = wal_sync;
	f->methods.xClose = wal_close;
}

/* The first sync of a WAL that SQLite may have created takes its folder along, so that the name is on disk too, and that takes as long as
 * the frames do. Whoever did create it did so before the first frame: to one that has frames, it has been done. */
static int without_folder(const char *name, int flags)
{
	struct stat st;
	bool has_frames = (flags & SQLITE_OPEN_WAL) && stat(name, &st) == 0 && st.st_size > HEADER_SIZE;
	return has_frames ? flags & ~SQLITE_OPEN_CREATE : flags;
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *got)
{
	(void)vfs;
	int first = without_folder(name, flags), result = self.sqlite->xOpen(self.sqlite, name, file, first, got);
	if (result != SQLITE_OK && first != flags && without_folder(name, flags) == flags) /* it has gone meanwhile */
		result = self.sqlite->xOpen(self.sqlite, name, file, flags, got);
	if (result == SQLITE_OK && (flags & SQLITE_OPEN_WAL))
		take_wal(file, name);
	else if (result == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB))
		take_over(file)->methods.xShmLock = database_lock;
	return result;
}

static void enrol(void)
{
	sqlite3_vfs *sqlite = sqlite3_vfs_find(NULL);
	if (!sqlite)
		return;
	self.sqlite = sqlite;
	self.offset = ((size_t)sqlite->szOsFile + 7) & ~(size_t)7;
	self.vfs = *sqlite;
	self.vfs.zName = "evt";
	self.vfs.szOsFile = (int)(self.offset + sizeof(struct frames));
	self.vfs.xOpen = open_file;
	if (sqlite3_vfs_register(&self.vfs, 0) == SQLITE_OK)
		self.name = self.vfs.zName;
}

const char *frames_vfs(void)
{
	static pthread_once_t enrolled = PTHREAD_ONCE_INIT;
	pthread_once(&enrolled, enrol);
	return self.name;
}

static struct frames *wal_of(sqlite3 *db)
{
	sqlite3_file *file = NULL;
	int result = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
	bool ours = result == SQLITE_OK && file && file->pMethods && file->pMethods->xShmLock == database_lock;
	return ours ? frames_of(file)->wal : NULL;
}

void frames_keep(sqlite3 *db, bool keep)
{
	struct frames *wal = wal_of(db);
	if (wal)
		wal->keeps = keep;
}

void frames_defer(sqlite3 *db, bool defer)
{
	struct frames *wal = wal_of(db);
	if (wal)
		wal->defers = defer;
}
