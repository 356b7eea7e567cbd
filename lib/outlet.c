/* SPDX-License-Identifier: MIT */
#include "outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "feed.h"
#include "journal.h"
#include "stop.h"

static bool same_file(const struct stat *a, int fd)
{
	struct stat b;
	return fd >= 0 && fstat(fd, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

/* systemd.exec(5): standard output that goes to the log is a socket, and this tells which. */
static bool is_log(const struct stat *st)
{
	unsigned long long dev, ino;
	const char *stream = getenv("JOURNAL_STREAM");
	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && dev == st->st_dev && ino == st->st_ino;
}

bool outlet_wanted(int input)
{
	struct stat st;
	if (fstat(STDOUT_FILENO, &st) < 0)
		return false;
	if (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode))
		return true;
	return S_ISSOCK(st.st_mode) && !same_file(&st, input) && !is_log(&st);
}

/* ---- the child ---- */

/* A parent that fails before it is ready never wakes us, and nothing is claimed. */
static bool first_wake(int wake, int signals)
{
	struct pollfd fds[] = {{.fd = wake, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	char byte;
	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		continue;
	return !fds[1].revents && read(wake, &byte, 1) == 1;
}

static int run(const char *journal, const char *config, int wake)
{
	struct diag d;
	struct dests dests;
	struct feed_result result;
	struct feed feed = {.dests = &dests, .out = STDOUT_FILENO, .stay = true, .wake = wake};
	signal(SIGPIPE, SIG_IGN);
	feed.signals = stop_pipe();
	if (feed.signals < 0) {
		diag_error("live output: cannot catch signals");
		return DIAG_UNAVAILABLE;
	}
	if (!first_wake(wake, feed.signals))
		return DIAG_OK;
	if (dests_load(&dests, config, &d) < 0)
		return diag_report(&d);
	confine_files(journal, NULL);
	feed.journal = journal_open(journal, JOURNAL_EXISTING, &d);
	int code = feed.journal && feed_run(&feed, &result, &d) == 0 ? DIAG_OK : diag_report(&d);
	journal_close(feed.journal);
	dests_free(&dests);
	return code;
}

/* ---- the parent ---- */

static void replace(int fd, int flags)
{
	int null = open("/dev/null", flags | O_CLOEXEC);
	if (null >= 0)
		dup2(null, fd);
	if (null >= 0 && null != fd)
		close(null);
}

static void be_child(const char *journal, const char *config, int unwanted, int wake)
{
	replace(STDIN_FILENO, O_RDONLY);
	if (unwanted > STDERR_FILENO)
		close(unwanted);
	_exit(run(journal, config, wake));
}

int outlet_start(struct outlet *o, const char *journal, const char *config, int unwanted, struct diag *d)
{
	int wake[2], gone[2];
	*o = OUTLET_NONE;
	if (pipe2(wake, O_CLOEXEC) < 0)
		return diag_errno(d, DIAG_IO, errno, "live output: pipe");
	if (pipe2(gone, O_CLOEXEC) < 0) {
		close(wake[0]);
		close(wake[1]);
		return diag_errno(d, DIAG_IO, errno, "live output: pipe");
	}
	o->pid = fork();
	if (o->pid == 0) {
		close(wake[1]);
		close(gone[0]); /* gone[1] stays open for as long as the child lives */
		be_child(journal, config, unwanted, wake[0]);
	}
	int error = errno;
	close(wake[0]);
	close(gone[1]);
	o->wake = wake[1];
	o->gone = gone[0];
	if (o->pid > 0) {
		fcntl(o->wake, F_SETFL, O_NONBLOCK);
		replace(STDOUT_FILENO, O_WRONLY);
		return 0;
	}
	close(o->wake);
	close(o->gone);
	*o = OUTLET_NONE;
	return diag_errno(d, DIAG_IO, error, "live output: fork");
}

void outlet_wake(struct outlet *o)
{
	if (o->pid && write(o->wake, "", 1) < 0)
		return; /* full: it has been told often enough; broken: `gone` says so */
}

static int reap(struct outlet *o)
{
	int status = 0;
	close(o->wake);
	while (waitpid(o->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	close(o->gone);
	*o = OUTLET_NONE;
	return status;
}

void outlet_reaped(struct outlet *o)
{
	if (!o->pid)
		return;
	reap(o);
	diag_error("live output has ended; events are journaled all the same, and evt-retry brings them");
}

static void wait_until_gone(const struct outlet *o, int64_t wait_ms)
{
	struct pollfd fd = {.fd = o->gone};
	while (poll(&fd, 1, (int)wait_ms) < 0 && errno == EINTR)
		continue;
}

void outlet_stop(struct outlet *o, int64_t wait_ms)
{
	if (!o->pid)
		return;
	close(o->wake);
	o->wake = open("/dev/null", O_WRONLY | O_CLOEXEC);
	wait_until_gone(o, wait_ms);
	if (wait_ms >= 0)
		kill(o->pid,
		     SIGTERM); /* in case it is still there; nobody else can have its number before it is waited for */
	reap(o);
}
