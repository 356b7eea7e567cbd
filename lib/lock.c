/* SPDX-License-Identifier: MIT */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "clock.h"

int lock_open(struct lock *l, const char *path, unsigned mode, struct diag *d)
{
	l->held = false;
	l->hurried = false;
	l->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
	if (l->fd < 0 && errno == ENOSPC)
		return diag_fail(d, DIAG_IO, "journal lock %s: no room for a new file: see df -h, and df -i for inodes",
				 path);
	if (l->fd < 0)
		return diag_errno(d, DIAG_IO, errno, "journal lock %s", path);
	struct stat st;
	if (fstat(l->fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 0777) != mode)
		fchmod(l->fd, mode); /* a umask must not shut the journal's group out */
	return 0;
}

void lock_close(struct lock *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->held = false;
}

/* flock(2) alone is not fair: whoever lets go and asks again at once is served before those it has woken. So the way to it leads
 * through a queue of one, a lock on the file's first byte: who waits for the flock holds that, and who comes back stands behind. */
static int queue(const struct lock *l, int command, short type)
{
	struct flock first_byte = {.l_type = type, .l_whence = SEEK_SET, .l_len = 1};
	int result = fcntl(l->fd, command, &first_byte);
	return result < 0 && errno != EAGAIN && errno != EACCES && errno != EINTR
		   ? 0
		   : result; /* where there is no such lock */
}

bool lock_try(struct lock *l)
{
	if (l->held)
		return true;
	if (queue(l, F_OFD_SETLK, F_WRLCK) < 0)
		return false;
	l->held = flock(l->fd, LOCK_EX | LOCK_NB) == 0;
	queue(l, F_OFD_SETLK, F_UNLCK);
	return l->held;
}

static void wake(int signal_number)
{
	(void)signal_number;
}

/* flock(2) has no timeout of its own: a timer's signal interrupts it. The timer repeats, so that a signal that
 * comes just before the call begins is followed by another. */
static void start_alarm(struct sigaction *before)
{
	struct sigaction action = {.sa_handler = wake};
	struct itimerval timer = {.it_interval = {0, 100000}, .it_value = {0, 100000}};
	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, before);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void stop_alarm(const struct sigaction *before)
{
	struct itimerval off = {{0, 0}, {0, 0}};
	setitimer(ITIMER_REAL, &off, NULL);
	sigaction(SIGALRM, before, NULL);
}

static bool goes_on(const struct lock *l, int64_t until)
{
	return !l->hurried && clock_monotonic() < until;
}

/* Both waits, under the alarm. 0, or the errno of what went wrong: EINTR when the time was over. */
static int wait_for_turn(struct lock *l, int64_t until)
{
	int result;
	while ((result = queue(l, F_OFD_SETLKW, F_WRLCK)) < 0 && goes_on(l, until))
		continue;
	if (result < 0)
		return EINTR;
	while ((result = flock(l->fd, LOCK_EX)) < 0 && errno == EINTR && goes_on(l, until))
		continue;
	int error = result < 0 ? errno : 0;
	queue(l, F_OFD_SETLK, F_UNLCK);
	return error;
}

int lock_take(struct lock *l, int64_t wait_ms, struct diag *d)
{
	if (lock_try(l))
		return 0;
	struct sigaction before;
	int64_t began = clock_monotonic();
	start_alarm(&before);
	int error = wait_for_turn(l, began + wait_ms);
	stop_alarm(&before);
	l->held = error == 0;
	if (error == 0)
		return 0;
	if (error == EINTR)
		return diag_fail(d, DIAG_TRY_AGAIN, "journal: another process has held its lock for %lld s: try again",
				 (long long)((clock_monotonic() - began) / CLOCK_SECOND));
	return diag_errno(d, DIAG_IO, error, "journal lock");
}

void lock_hurry(struct lock *l)
{
	l->hurried = true;
}

void lock_drop(struct lock *l)
{
	flock(l->fd, LOCK_UN);
	l->held = false;
}
