/* SPDX-License-Identifier: MIT */
#include "inherited.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diag.h"

enum { SYSTEMD_FIRST = 3 };

/* sd_listen_fds(3). A unit's "sh -c 'evt-receive | ...'" names the shell, our parent. */
static bool is_from_systemd(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	long named = pid ? strtol(pid, NULL, 10) : 0;
	return count && strtol(count, NULL, 10) == 1 && (named == getpid() || named == getppid());
}

static enum inherited_kind kind_of(int fd)
{
	int listening = 0;
	socklen_t len = sizeof listening;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0)
		return INHERITED_NONE;
	return listening ? INHERITED_LISTENER : INHERITED_CONNECTION;
}

/* inetd puts the socket on 0, 1 and 2. */
static void leave_standard_streams(int fd)
{
	struct stat socket, st;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || fstat(fd, &socket) < 0)
		return;
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
		if (fstat(i, &st) < 0 || st.st_dev != socket.st_dev || st.st_ino != socket.st_ino)
			continue;
		dup2(null, i);
		if (i == STDERR_FILENO)
			diag_to_syslog();
	}
	close(null);
}

enum inherited_kind inherited_take(int *fd)
{
	int found = is_from_systemd() ? SYSTEMD_FIRST : STDIN_FILENO;
	enum inherited_kind kind = kind_of(found);
	if (kind == INHERITED_NONE && found != STDIN_FILENO)
		kind = kind_of(found = STDIN_FILENO);
	*fd = kind == INHERITED_NONE ? -1 : fcntl(found, F_DUPFD_CLOEXEC, SYSTEMD_FIRST);
	if (*fd < 0)
		return INHERITED_NONE;
	leave_standard_streams(*fd);
	if (found > STDERR_FILENO)
		close(found);
	return kind;
}
