/* SPDX-License-Identifier: MIT */
/* The journal as a file: where it is, how it is opened, migrated, locked and kept small. */
#include "journal_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/inotify.h>
#endif

#include "clock.h"
#include "frames.h"
#include "migrations.h"
#include "place.h"
#include "volume.h"

enum {
	APPLICATION_ID = 0x4556544a, /* "EVTJ" */
	SCHEMA_VERSION = sizeof migrations / sizeof migrations[0],
	LOCK_WAIT_MS = 10000,
	WAL_PAGES_LARGE =
	    250, /* 1 MiB: moved into the database by whoever commits many events at once, which must not wait for long */
	WAL_PAGES_LARGEST = 1000, /* 4 MiB: by whoever commits a few, which would be moving it every 30 commits */
	COMMIT_PAGES_LARGE = 48,  /* of many events; a turn of evt-deliver writes about 30 */
	WAL_PAGES_SMALL = 64,     /* not worth an idle moment */
};

static const char *const status_names[JOURNAL_STATUSES] = {"received", "processing", "delivered",
							   "failed",   "retrying",   "skipped"};

const char *journal_status_name(enum journal_status status)
{
	return status_names[status];
}

static const struct place file = {.variable = "EVT_JOURNAL",
				  .for_root = "/var/lib/evt/journal.db",
				  .xdg = "XDG_STATE_HOME",
				  .xdg_home = ".local/state",
				  .rest = "evt/journal.db"};

char *journal_path(const char *option)
{
	return place_find(&file, option);
}

/* SQLite and we keep files beside the journal, named after it. New; NULL when out of memory. */
static char *beside(const char *path, const char *suffix)
{
	char *name;
	return asprintf(&name, "%s%s", path, suffix) < 0 ? NULL : name;
}

/* ---- creating ---- */

/* Makes the folders above the file, private to their owner. Existing ones are left as they are. */
static int make_folders(const char *path, struct diag *d)
{
	char *part = strdup(path);
	if (!part)
		return diag_fail(d, DIAG_IO, "out of memory");
	int result = 0;
	for (char *slash = strchr(part + 1, '/'); slash && result == 0; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			result = diag_errno(d, DIAG_IO, errno, "folder %s of the journal", part);
		*slash = '/';
	}
	free(part);
	return result;
}

/* A folder with mode 2770 says that the journal is shared with its group; else it is the owner's alone. */
static unsigned file_mode(const char *path)
{
	char *dir = strdup(path);
	if (!dir)
		return 0600;
	char *slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	struct stat st;
	bool shared = stat(slash ? dir : ".", &st) == 0 && (st.st_mode & 02070) == 02070;
	free(dir);
	return shared ? 0660 : 0600;
}

/* SQLite would create the file by the umask; what it creates beside the file takes the file's mode. */
static int create_file(const char *path, struct diag *d)
{
	unsigned mode = file_mode(path);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0 && errno == ENOSPC)
		return diag_fail(d, DIAG_IO, "journal %s: no room for a new file: see df -h, and df -i for inodes",
				 path);
	if (fd < 0)
		return errno == EEXIST ? 0 : diag_errno(d, DIAG_IO, errno, "journal %s", path);
	fchmod(fd, mode);
	close(fd);
	return 0;
}

/* A network file system may do where one host alone opens the journal; that, only its keeper knows. Before a new one is made, its
 * folder is judged. */
static int refuse_network(const char *path, struct diag *d)
{
	char name[VOLUME_NAME];
	const char *allowed = getenv("EVT_NETWORK_FS");
	char *folder = strdup(path);
	if (!folder)
		return diag_fail(d, DIAG_IO, "out of memory");
	enum volume_kind kind = volume_of(access(path, F_OK) == 0 ? path : dirname(folder), name);
	free(folder);
	if (kind == VOLUME_LOCAL)
		return 0;
	if (kind == VOLUME_NETWORK && !(allowed && strcmp(allowed, "allow") == 0))
		return diag_fail(d, DIAG_IO,
				 "journal %s: it lies on a network file system (%s): keep it on a local disk, or see "
				 "EVT_NETWORK_FS in evt(7)",
				 path, name);
	diag_notice("journal %s: it lies on %s (%s): if another host opens it too, it will be damaged", path,
		    kind == VOLUME_NETWORK ? "a network file system" : "a file system that evt does not know", name);
	return 0;
}

/* ---- refusing what would lose or damage something, before SQLite has a chance to ---- */

/* SQLite takes the -wal beside an empty database for a leftover and deletes it; here it holds what was acknowledged. */
static int refuse_orphan(const char *path, struct diag *d)
{
	struct stat st;
	if (stat(path, &st) == 0 && st.st_size > 0)
		return 0;
	char *wal = beside(path, "-wal");
	bool orphan = wal && stat(wal, &st) == 0 && st.st_size > 0;
	free(wal);
	if (!orphan)
		return 0;
	return diag_fail(
	    d, DIAG_DATA,
	    "journal %s: it is missing or empty, but its %s-wal holds events: put it back, or take both away; "
	    "see \"DAMAGE\" in evt-journal(5)",
	    path, path);
}

/* Of a folder or a device SQLite would say that the disk is bad. */
static int refuse_other(const char *path, struct diag *d)
{
	struct stat st;
	if (stat(path, &st) < 0 || S_ISREG(st.st_mode))
		return 0;
	return diag_fail(d, DIAG_DATA, "journal %s: it is %s: name %s (-j, EVT_JOURNAL)", path,
			 S_ISDIR(st.st_mode) ? "a folder" : "no regular file",
			 S_ISDIR(st.st_mode) ? "a file in it" : "another");
}

/* Every user of the journal is its owner, or a member of its group. */
static int refuse_stranger(const char *path, bool writes, struct diag *d)
{
	struct stat st;
	if (faccessat(AT_FDCWD, path, writes ? R_OK | W_OK : R_OK, AT_EACCESS) == 0 || errno != EACCES ||
	    stat(path, &st) < 0)
		return 0; /* opening it will say more */
	const struct passwd *owner = getpwuid(st.st_uid);
	return diag_fail(
	    d, DIAG_IO,
	    "journal %s: this user may not %s it; it belongs to %s (user %lu), mode %04o: run as its owner, or "
	    "share it with a group, see \"Files\" in evt-journal(5)",
	    path, writes ? "write" : "read", owner ? owner->pw_name : "nobody known", (unsigned long)st.st_uid,
	    (unsigned)st.st_mode & 07777);
}

/* ---- opening ---- */

/* In this order: somebody may be making the journal just now, and tables are never there without their application_id. */
static bool is_strange(struct journal *j)
{
	int64_t tables = db_answer(db_query(&j->db, "SELECT count(*) FROM sqlite_schema"));
	return tables && db_answer(db_query(&j->db, "PRAGMA application_id")) != APPLICATION_ID;
}

static int check_version(struct journal *j, int64_t *version, struct diag *d)
{
	int64_t application = db_answer(db_query(&j->db, "PRAGMA application_id"));
	*version = db_answer(db_query(&j->db, "PRAGMA user_version"));
	bool strange = application != APPLICATION_ID && is_strange(j);
	if (db_failed(&j->db, d) < 0)
		return -1;
	if (strange)
		return diag_fail(
		    d, DIAG_DATA,
		    "journal %s: this is a database, but not a journal of evt: name another file (-j, EVT_JOURNAL)",
		    j->db.path);
	if (*version > SCHEMA_VERSION)
		return diag_fail(d, DIAG_DATA,
				 "journal %s: made by a newer evt (version %lld, this one knows %d): upgrade evt",
				 j->db.path, (long long)*version, SCHEMA_VERSION);
	return 0;
}

/* The write lock is taken before user_version is read: two that come at once must not both migrate. */
static int migrate(struct journal *j, struct diag *d)
{
	int64_t version;
	if (lock_take(&j->lock, LOCK_WAIT_MS, d) < 0)
		return -1;
	/* What must be said before the first table, and outside a transaction: */
	db_script(&j->db, "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL");
	int result = journal_begin(j, d);
	if (result == 0)
		result = check_version(j, &version, d);
	if (result == 0) {
		for (int64_t next = version; next < SCHEMA_VERSION; next++)
			db_script(&j->db, migrations[next]);
		char sql[128];
		snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID,
			 SCHEMA_VERSION);
		db_script(&j->db, sql);
		result = journal_commit(j, d);
	}
	journal_rollback(j);
	return result;
}

static int count_pages(void *journal, sqlite3 *sqlite, const char *name, int pages)
{
	(void)sqlite;
	(void)name;
	((struct journal *)journal)->wal_pages = pages;
	return SQLITE_OK;
}

static void configure(struct journal *j)
{
	int on = 1;
	sqlite3_int64 mapped = 0;
	sqlite3_db_config(j->db.sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(j->db.sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_file_control(j->db.sqlite, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	sqlite3_file_control(j->db.sqlite, "main", SQLITE_FCNTL_MMAP_SIZE, &mapped);
	sqlite3_wal_hook(j->db.sqlite, count_pages, j); /* in place of the one that makes checkpoints by itself */
	db_script(&j->db, "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA cache_size=-65536;"
			  "PRAGMA temp_store=MEMORY");
}

/* What root creates beside somebody's journal shall not shut that one out. SQLite does the same with its files. */
static void give_to_owner(const struct lock *lock, const char *path)
{
	struct stat st, mine;
	if (geteuid() != 0 || stat(path, &st) < 0 || fstat(lock->fd, &mine) < 0 ||
	    (st.st_uid == mine.st_uid && st.st_gid == mine.st_gid))
		return;
	if (fchown(lock->fd, st.st_uid, st.st_gid) < 0)
		diag_notice("journal lock of %s: its owner cannot be set: %s", path, strerror(errno));
}

/* A copy that VACUUM INTO has made, put in the journal's place, is not in WAL mode. */
static int set_wal(struct journal *j, struct diag *d)
{
	struct db_query *q = db_query(&j->db, "PRAGMA journal_mode");
	bool wal = db_row(q) && slice_is(db_text(q, 0), "wal");
	db_done(q);
	if (db_failed(&j->db, d) < 0)
		return -1;
	if (wal)
		return 0;
	if (lock_take(&j->lock, LOCK_WAIT_MS, d) < 0)
		return -1;
	db_script(&j->db, "PRAGMA journal_mode=WAL");
	lock_drop(&j->lock);
	return db_failed(&j->db, d);
}

static int open_writer(struct journal *j, const char *path, struct diag *d)
{
	char *lock_path = beside(path, "-lock");
	if (!lock_path)
		return diag_fail(d, DIAG_IO, "out of memory");
	int result = lock_open(&j->lock, lock_path, file_mode(path), d);
	free(lock_path);
	if (result < 0)
		return -1;
	give_to_owner(&j->lock, path);
	if (db_open(&j->db, path, SQLITE_OPEN_READWRITE, d) < 0)
		return -1;
	j->writes = true;
	configure(j);
	int64_t version;
	if (db_failed(&j->db, d) < 0 || check_version(j, &version, d) < 0)
		return -1;
	if (version < SCHEMA_VERSION && migrate(j, d) < 0)
		return -1;
	return set_wal(j, d);
}

static int open_reader(struct journal *j, const char *path, struct diag *d)
{
	if (db_open(&j->db, path, SQLITE_OPEN_READONLY, d) < 0)
		return -1;
	db_script(&j->db,
		  "PRAGMA mmap_size=0; PRAGMA cache_size=-65536; PRAGMA query_only=ON; PRAGMA trusted_schema=OFF");
	int64_t version;
	if (db_failed(&j->db, d) < 0 || check_version(j, &version, d) < 0)
		return -1;
	if (version < SCHEMA_VERSION)
		return diag_fail(d, DIAG_NO_JOURNAL, "journal %s: %s", path,
				 version ? "of an older evt: any command that writes, such as evt-prune, migrates it"
					 : "empty so far");
	return 0;
}

static void note_file(struct journal *j)
{
	struct stat st;
	if (stat(j->db.path, &st) < 0)
		return;
	j->device = st.st_dev;
	j->inode = st.st_ino;
}

bool journal_is_replaced(const struct journal *j)
{
	struct stat st;
	return stat(j->db.path, &st) < 0 || st.st_dev != j->device || st.st_ino != j->inode;
}

struct journal *journal_renew(const struct journal *j, struct diag *d)
{
	return journal_open(j->db.path, JOURNAL_EXISTING, d);
}

struct journal *journal_open(const char *path, enum journal_access access, struct diag *d)
{
	bool exists = faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0;
	int error = errno;
	if (refuse_orphan(path, d) < 0)
		return NULL;
	if (!exists && (access != JOURNAL_WRITE || error != ENOENT)) {
		if (error == ENOENT)
			diag_fail(d, DIAG_NO_JOURNAL, "journal %s: %s: -j or EVT_JOURNAL name another", path,
				  strerror(error));
		else
			diag_errno(d, DIAG_IO, error, "journal %s", path);
		return NULL;
	}
	if (!exists && make_folders(path, d) < 0)
		return NULL;
	if (refuse_other(path, d) < 0 || refuse_network(path, d) < 0 || (!exists && create_file(path, d) < 0) ||
	    refuse_stranger(path, access != JOURNAL_READ, d) < 0)
		return NULL;
	struct journal *j = calloc(1, sizeof *j);
	if (!j) {
		diag_fail(d, DIAG_IO, "out of memory");
		return NULL;
	}
	j->lock.fd = j->watch = -1;
	j->patience_ms = LOCK_WAIT_MS;
	if ((access == JOURNAL_READ ? open_reader(j, path, d) : open_writer(j, path, d)) == 0) {
		note_file(j);
		return j;
	}
	journal_close(j);
	return NULL;
}

static void forget_destinations(struct journal *j)
{
	for (size_t i = 0; i < j->destination_count; i++) {
		free(j->destinations[i]->name);
		free(j->destinations[i]);
	}
	j->destination_count = 0;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	journal_rollback(j);
	db_close(&j->db);
	lock_close(&j->lock);
	if (j->watch >= 0)
		close(j->watch);
	forget_destinations(j);
	journal_forget_kinds(j);
	free(j->kinds);
	free(j->touched);
	buf_free(&j->subject);
	journal_forget_starts(j);
	journal_free_tallies(j);
	free(j->destinations);
	free(j);
}

/* ---- transactions ---- */

void journal_patience(struct journal *j, int64_t wait_ms)
{
	j->patience_ms = wait_ms;
}

void journal_hurry(struct journal *j)
{
	lock_hurry(&j->lock);
}

int journal_begin(struct journal *j, struct diag *d)
{
	if (lock_take(&j->lock, j->patience_ms, d) < 0)
		return -1;
	db_run(db_query(&j->db, "BEGIN IMMEDIATE"));
	if (db_failed(&j->db, d) < 0) {
		lock_drop(&j->lock);
		return -1;
	}
	j->in_transaction = true;
	j->undoable = j->answers = false;
	j->tallies.count = 0;
	j->touched_count = 0;
	for (size_t i = 0; i < j->destination_count; i++)
		j->destinations[i]->loaded = j->destinations[i]->changed = false;
	return 0;
}

void journal_rollback(struct journal *j)
{
	struct diag ignored;
	if (!j->in_transaction)
		return;
	db_failed(&j->db, &ignored);
	if (!sqlite3_get_autocommit(j->db.sqlite)) /* some failures have rolled back by themselves */
		db_script(&j->db, "ROLLBACK");
	db_failed(&j->db, &ignored);
	forget_destinations(j); /* numbers given to new ones are void */
	journal_forget_kinds(j);
	j->in_transaction = false;
	lock_drop(&j->lock);
}

int journal_settle(struct journal *j, struct diag *d)
{
	if (db_failed(&j->db, d) == 0)
		return 0;
	journal_rollback(j);
	return -1;
}

static void save_destinations(struct journal *j)
{
	for (size_t i = 0; i < j->destination_count; i++) {
		const struct journal_destination *to = j->destinations[i];
		if (!to->changed)
			continue;
		struct db_query *q = db_query(
		    &j->db, "UPDATE destination SET in_flight = :in_flight, rate_at = :rate_at, faults = :faults, "
			    "open_until = :open_until, open_ms = :open_ms, opened_at = :opened_at, "
			    "probe = nullif(:probe, 0), ramp = :ramp, seen_at = :seen_at, mending = :mending "
			    "WHERE id = :id");
		db_set_int(q, ":in_flight", to->in_flight);
		db_set_int(q, ":rate_at", to->rate_at);
		db_set_int(q, ":faults", to->faults);
		db_set_int(q, ":open_until", to->open_until);
		db_set_int(q, ":open_ms", to->open_ms);
		db_set_int(q, ":opened_at", to->opened_at);
		db_set_int(q, ":probe", to->probe);
		db_set_int(q, ":ramp", to->ramp);
		db_set_int(q, ":seen_at", to->seen_at);
		db_set_int(q, ":mending", to->mending);
		db_set_int(q, ":id", to->id);
		db_run(q);
	}
}

/* What is committed stays so, whatever becomes of this: there is nothing to be undone, but somebody must hear of it. */
static void note_checkpoint(struct journal *j, int result)
{
	bool failed = result != SQLITE_OK && !db_is_busy(result);
	struct diag why;
	if (failed && !j->checkpoint_failed) {
		db_explain(&j->db, result, &why);
		diag_error("%s: its -wal cannot be moved into it, and grows until it can; nothing is lost", why.text);
	} else if (result == SQLITE_OK && j->checkpoint_failed) {
		diag_notice("journal %s: its -wal is moved into it again", j->db.path);
	}
	j->checkpoint_failed = failed;
}

/* A passive checkpoint never waits for readers; what they hold back is moved next time. */
void journal_checkpoint(struct journal *j)
{
	int left = 0, moved = 0;
	int result = sqlite3_wal_checkpoint_v2(j->db.sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, &left, &moved);
	note_checkpoint(j, result);
	if (result == SQLITE_OK)
		j->wal_pages = left - moved;
}

/* A process that was killed before its sync leaves a commit that others read, and a power cut takes. */
static void sync_wal(struct journal *j)
{
	sqlite3_file *wal = NULL;
	sqlite3_file_control(j->db.sqlite, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
	if (wal && wal->pMethods && wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL) != SQLITE_OK)
		db_note(&j->db, DIAG_IO, "disk I/O error: what it holds is not on disk for certain");
}

int journal_commit(struct journal *j, struct diag *d)
{
	int before = j->wal_pages;
	save_destinations(j);
	journal_save_tallies(j);
	journal_save_errors(j);
	frames_defer(j->db.sqlite, j->undoable);
	db_run(db_query(&j->db, "COMMIT"));
	frames_defer(j->db.sqlite, false);
	if (journal_settle(j, d) < 0)
		return -1;
	j->in_transaction = false;
	bool large = j->wal_pages - before >= COMMIT_PAGES_LARGE;
	if (j->wal_pages >= (large ? WAL_PAGES_LARGE : WAL_PAGES_LARGEST))
		journal_checkpoint(j);
	lock_drop(&j->lock);
	if (j->answers && j->wal_pages == before) /* a commit that wrote has synced all */
		sync_wal(j);
	return journal_settle(j, d);
}

void journal_idle(struct journal *j)
{
	if (j->wal_pages < WAL_PAGES_SMALL || j->in_transaction || !lock_try(&j->lock))
		return;
	journal_checkpoint(j);
	lock_drop(&j->lock);
}

/* A WAL that has been moved is begun anew only by whoever moved it, or when it is empty: emptied it is here. Readers are not waited for.
 * The file keeps its size: giving blocks back, and taking them anew, takes the disk longer than all the rest. */
void journal_leave(struct journal *j)
{
	if (j->wal_pages < WAL_PAGES_SMALL || j->in_transaction || !lock_try(&j->lock))
		return;
	sqlite3_busy_timeout(j->db.sqlite, 0);
	frames_keep(j->db.sqlite, true);
	if (sqlite3_wal_checkpoint_v2(j->db.sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK)
		j->wal_pages = 0;
	frames_keep(j->db.sqlite, false);
	sqlite3_busy_timeout(j->db.sqlite, DB_BUSY_MS);
	lock_drop(&j->lock);
}

/* ---- watching ---- */

int journal_watch(struct journal *j)
{
#ifdef __linux__
	char *wal = j->watch < 0 ? beside(j->db.path, "-wal") : NULL;
	if (wal) {
		j->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		if (j->watch >= 0 && inotify_add_watch(j->watch, wal, IN_MODIFY) < 0) {
			close(j->watch);
			j->watch = -1;
		}
		free(wal);
	}
#endif
	return j->watch;
}

/* The WAL is written before the commit it belongs to can be seen. Whoever writes holds the lock until it can: once that
 * has been ours, there is nothing to be missed. */
void journal_watched(struct journal *j)
{
	char events[4096];
	struct diag ignored;
	while (j->watch >= 0 && read(j->watch, events, sizeof events) > 0)
		continue;
	if (j->writes && lock_take(&j->lock, LOCK_WAIT_MS, &ignored) == 0)
		lock_drop(&j->lock);
}

/* ---- what several transitions look up ---- */

static void load_destination(struct journal *j, struct journal_destination *to)
{
	struct db_query *q =
	    db_query(&j->db, "SELECT in_flight, rate_at, faults, open_until, open_ms, opened_at, probe, ramp, ordered, "
			     "seen_at, mending "
			     "FROM destination WHERE id = :id");
	db_set_int(q, ":id", to->id);
	if (db_row(q)) {
		to->in_flight = db_int(q, 0);
		to->rate_at = db_int(q, 1);
		to->faults = db_int(q, 2);
		to->open_until = db_int(q, 3);
		to->open_ms = db_int(q, 4);
		to->opened_at = db_int(q, 5);
		to->probe = db_int(q, 6);
		to->ramp = db_int(q, 7);
		to->ordered = db_int(q, 8);
		to->seen_at = db_int(q, 9);
		to->mending = db_int(q, 10);
		to->loaded = true;
	}
	db_done(q);
}

static int64_t destination_id(struct journal *j, struct slice name)
{
	struct db_query *q = db_query(&j->db, "SELECT id FROM destination WHERE name = :name");
	db_set_text(q, ":name", name);
	return db_answer(q);
}

static struct journal_destination *remember(struct journal *j, struct slice name, int64_t id)
{
	struct journal_destination **grown =
	    realloc(j->destinations, (j->destination_count + 1) * sizeof(struct journal_destination *));
	struct journal_destination *to = malloc(sizeof *to);
	char *copy = strndup(name.ptr, name.len);
	if (grown)
		j->destinations = grown;
	if (!grown || !to || !copy) {
		free(to);
		free(copy);
		return NULL;
	}
	*to = (struct journal_destination){.id = id, .name = copy};
	grown[j->destination_count++] = to;
	return to;
}

struct journal_destination *journal_destination_known(struct journal *j, struct slice name)
{
	struct journal_destination *to = NULL;
	for (size_t i = 0; i < j->destination_count && !to; i++)
		if (slice_is(name, j->destinations[i]->name))
			to = j->destinations[i];
	if (!to) {
		int64_t id = destination_id(j, name);
		to = id ? remember(j, name, id) : NULL;
	}
	if (to && !to->loaded)
		load_destination(j, to);
	return to && to->loaded ? to : NULL;
}

struct journal_destination *journal_destination(struct journal *j, struct slice name)
{
	struct journal_destination *to = journal_destination_known(j, name);
	if (to || j->db.failed)
		return to;
	struct db_query *q = db_query(&j->db, "INSERT INTO destination (name) VALUES (:name)");
	db_set_text(q, ":name", name);
	db_run(q);
	return journal_destination_known(j, name);
}
