/* SPDX-License-Identifier: MIT */
/* fault.so: bad days for the process that has it in LD_PRELOAD.
 *
 *   EVT_FAULT="CALL FILE WHEN ACTION; ..."   what goes wrong
 *     CALL    open, read, write, sync, truncate, accept, statfs or poll: pwrite(2) and send(2) are writes as well, and so on
 *     FILE    a pattern (fnmatch) for the whole path, or for "socket:[1]", "pipe:[2]"; of a poll, "-"
 *     WHEN    N: the Nth such call of the process; N+: that and all behind it; N-M: up to the Mth
 *     ACTION  an error (EIO); short: half of the bytes; kill: half of them and then SIGKILL; drop: success, with nothing done; nfs;
 *             term: SIGTERM first, then all of it, as if nothing were (of writes and polls)
 *   EVT_FAULT_LOG=FILE     a line for each call on journal.db* and on sockets, as it returned: PID CALL FILE RESULT BYTES
 *   EVT_FAULT_SHADOW=DIR   journal.db and journal.db-wal as they are on disk for certain: copied there whenever a sync has returned,
 *                          which is all that a power cut is sure to leave
 *
 * Calls go to the kernel directly, so that nothing in here meets itself. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { RULES = 8, NFS_MAGIC = 0x6969 };
enum action { NOTHING, FAIL, SHORT, KILL, DROP, NFS, TERM };

struct rule {
	char call[16], file[PATH_MAX], action[16];
	long first, last;
	atomic_long seen;
};

static struct rule rules[RULES];
static int rule_count, log_fd = -1;
static const char *shadow;

__attribute__((constructor)) static void read_rules(void)
{
	const char *text = getenv("EVT_FAULT"), *log = getenv("EVT_FAULT_LOG");
	char *copy = text ? strdup(text) : NULL, *rest = copy;
	for (char *one; rest && (one = strsep(&rest, ";"));) {
		struct rule *r = &rules[rule_count];
		char when[16];
		if (rule_count == RULES ||
		    sscanf(one, "%15s %4095s %15s %15s", r->call, r->file, when, r->action) != 4) {
			fprintf(stderr, "fault.so: EVT_FAULT: not a rule: %s\n", one);
			_exit(64);
		}
		r->first = atol(when);
		const char *dash = strchr(when, '-');
		r->last = strchr(when, '+') ? LONG_MAX : dash ? atol(dash + 1) : r->first;
		rule_count++;
	}
	free(copy);
	shadow = getenv("EVT_FAULT_SHADOW");
	if (log)
		log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static const char *name_of(int fd, char name[PATH_MAX])
{
	char link[32];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, name, PATH_MAX - 1);
	name[len > 0 ? len : 0] = '\0';
	return name;
}

static const char *base_of(const char *name)
{
	const char *slash = strrchr(name, '/');
	return slash ? slash + 1 : name;
}

static bool is_journal(const char *name)
{
	return strncmp(base_of(name), "journal.db", 10) == 0;
}

static int error_of(const char *name)
{
	static const struct {
		const char *name;
		int error;
	} errors[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EINTR", EINTR},
		      {"EMFILE", EMFILE}, {"ENFILE", ENFILE}, {"EDQUOT", EDQUOT},
		      {"EROFS", EROFS},   {"EAGAIN", EAGAIN}, {"EPIPE", EPIPE}};
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].error;
	return EINVAL;
}

/* What shall happen to this call. FAIL has set errno. */
static enum action fate(const char *call, const char *name)
{
	static const char *const others[] = {
	    [SHORT] = "short", [KILL] = "kill", [DROP] = "drop", [NFS] = "nfs", [TERM] = "term"};
	for (int i = 0; i < rule_count; i++) {
		struct rule *r = &rules[i];
		if (strcmp(r->call, call) != 0 || fnmatch(r->file, name, 0) != 0)
			continue;
		long n = atomic_fetch_add(&r->seen, 1) + 1;
		if (n < r->first || n > r->last)
			continue;
		for (int action = SHORT; action <= TERM; action++)
			if (strcmp(r->action, others[action]) == 0)
				return (enum action)action;
		errno = error_of(r->action);
		return FAIL;
	}
	return NOTHING;
}

static void note(const char *call, const char *name, long result, const char *bytes, size_t len)
{
	char line[PATH_MAX + 128];
	int error = errno;
	bool on_socket = strncmp(name, "socket:", 7) == 0;
	if (log_fd < 0 || !(on_socket || is_journal(name)))
		return;
	int n = snprintf(line, sizeof line, "%d %s %s %ld %.*s\n", (int)getpid(), call,
			 on_socket ? "socket" : base_of(name), result,
			 bytes && on_socket ? (int)(len < 12 ? len : 12) : 0, bytes ? bytes : "");
	for (char *c = line; c < line + n - 1; c++)
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	syscall(SYS_write, log_fd, line, (size_t)n);
	errno = error;
}

static void die(void)
{
	syscall(SYS_kill, getpid(), SIGKILL);
}

/* ---- writes and reads: `at` is -1 for those at the file's own place ---- */

static ssize_t write_now(int fd, const void *bytes, size_t len, off_t at, int flags)
{
	if (flags >= 0)
		return syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
	return at < 0 ? syscall(SYS_write, fd, bytes, len) : syscall(SYS_pwrite64, fd, bytes, len, at);
}

static ssize_t do_write(int fd, const void *bytes, size_t len, off_t at, int flags)
{
	char name[PATH_MAX];
	ssize_t result = -1;
	switch (fate("write", name_of(fd, name))) {
	case FAIL:
		break;
	case DROP:
		result = (ssize_t)len;
		break;
	case SHORT:
		result = write_now(fd, bytes, (len + 1) / 2, at, flags);
		break;
	case KILL:
		write_now(fd, bytes, len / 2, at, flags);
		die();
		break;
	case TERM:
		raise(SIGTERM);
		/* fall through */
	default:
		result = write_now(fd, bytes, len, at, flags);
	}
	note("write", name, result, bytes, len);
	return result;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	return do_write(fd, bytes, len, -1, -1);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	return do_write(fd, bytes, len, at, -1);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
	return do_write(fd, bytes, len, at, -1);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	return do_write(fd, bytes, len, -1, flags);
}

static ssize_t read_now(int fd, void *bytes, size_t len, off_t at, int flags)
{
	if (flags >= 0)
		return syscall(SYS_recvfrom, fd, bytes, len, flags, NULL, NULL);
	return at < 0 ? syscall(SYS_read, fd, bytes, len) : syscall(SYS_pread64, fd, bytes, len, at);
}

static ssize_t do_read(int fd, void *bytes, size_t len, off_t at, int flags)
{
	char name[PATH_MAX];
	ssize_t result = -1;
	switch (fate("read", name_of(fd, name))) {
	case FAIL:
		break;
	case KILL:
		die();
		break;
	case SHORT:
		result = read_now(fd, bytes, (len + 1) / 2, at, flags);
		break;
	default:
		result = read_now(fd, bytes, len, at, flags);
	}
	if (at < 0)
		note("read", name, result, bytes, result > 0 ? (size_t)result : 0);
	return result;
}

ssize_t read(int fd, void *bytes, size_t len)
{
	return do_read(fd, bytes, len, -1, -1);
}

ssize_t pread(int fd, void *bytes, size_t len, off_t at)
{
	return do_read(fd, bytes, len, at, -1);
}

ssize_t pread64(int fd, void *bytes, size_t len, off64_t at)
{
	return do_read(fd, bytes, len, at, -1);
}

ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
	return do_read(fd, bytes, len, -1, flags);
}

/* ---- syncs ---- */

/* Under a name of its own first: a process killed meanwhile leaves the copy before. */
static void copy_to_shadow(const char *name)
{
	char begun[PATH_MAX + 320], done[PATH_MAX + 300], bytes[65536];
	snprintf(done, sizeof done, "%s/%s", shadow, base_of(name));
	snprintf(begun, sizeof begun, "%s.%d", done, (int)getpid());
	int from = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
	int to = (int)syscall(SYS_openat, AT_FDCWD, begun, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	for (ssize_t n; (n = syscall(SYS_read, from, bytes, sizeof bytes)) > 0;)
		syscall(SYS_write, to, bytes, (size_t)n);
	syscall(SYS_close, from);
	syscall(SYS_close, to);
	rename(begun, done);
}

static int do_sync(int fd, long number)
{
	char name[PATH_MAX];
	int result = -1;
	switch (fate("sync", name_of(fd, name))) {
	case FAIL:
		break;
	case DROP:
		return 0; /* nobody hears of it: the log too tells what reached the disk */
	case KILL:
		die();
		break;
	default:
		result = (int)syscall(number, fd);
		if (result == 0 && shadow && is_journal(name))
			copy_to_shadow(name);
	}
	note("sync", name, result, NULL, 0);
	return result;
}

int fsync(int fd)
{
	return do_sync(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return do_sync(fd, SYS_fdatasync);
}

/* ---- the rest ---- */

static int do_open(int folder, const char *path, int flags, unsigned mode)
{
	switch (fate("open", path)) {
	case FAIL:
		return -1;
	case KILL:
		die();
		return -1;
	default:
		return (int)syscall(SYS_openat, folder, path, flags, mode);
	}
}

#define MODE_BEHIND(last)                                                                                              \
	({                                                                                                             \
		va_list args;                                                                                          \
		va_start(args, last);                                                                                  \
		unsigned mode = (last) & (O_CREAT | __O_TMPFILE) ? va_arg(args, unsigned) : 0;                         \
		va_end(args);                                                                                          \
		mode;                                                                                                  \
	})

int open(const char *path, int flags, ...)
{
	return do_open(AT_FDCWD, path, flags, MODE_BEHIND(flags));
}

int open64(const char *path, int flags, ...)
{
	return do_open(AT_FDCWD, path, flags, MODE_BEHIND(flags));
}

int openat(int folder, const char *path, int flags, ...)
{
	return do_open(folder, path, flags, MODE_BEHIND(flags));
}

static int do_truncate(int fd, off_t size)
{
	char name[PATH_MAX];
	enum action action = fate("truncate", name_of(fd, name));
	if (action == KILL)
		die();
	return action == FAIL ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate(int fd, off_t size)
{
	return do_truncate(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
	return do_truncate(fd, size);
}

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	char name[PATH_MAX];
	return fate("accept", name_of(fd, name)) == FAIL ? -1 : (int)syscall(SYS_accept4, fd, address, len, flags);
}

int poll(struct pollfd *fds, nfds_t count, int wait_ms)
{
	struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000L};
	enum action action = fate("poll", "-");
	if (action == TERM)
		raise(SIGTERM);
	return action == FAIL ? -1 : (int)syscall(SYS_ppoll, fds, count, wait_ms < 0 ? NULL : &wait, NULL, 0);
}

int statfs(const char *path, struct statfs *fs)
{
	enum action action = fate("statfs", path);
	int result = action == FAIL ? -1 : (int)syscall(SYS_statfs, path, fs);
	if (action == NFS)
		fs->f_type = NFS_MAGIC;
	return result;
}
