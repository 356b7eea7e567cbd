/* SPDX-License-Identifier: MIT */
/* escape: an LD_PRELOAD library. On SIGUSR1 the process tries what an intruder in it would: reads a file, writes one, runs a program, and says
 * in $ESCAPE_LOG, opened at its start, what came of each: "read 13" is errno, "read 0" is success. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int log_fd = -1;

static void say(const char *what, int error)
{
	char line[64];
	int len = snprintf(line, sizeof line, "%s %d\n", what, error);
	if (write(log_fd, line, (size_t)len) < 0)
		_exit(1);
}

static void try_file(const char *what, const char *file, int flags)
{
	int fd = open(file, flags, 0600);
	say(what, fd < 0 ? errno : 0);
	if (fd >= 0)
		close(fd);
}

static void try_program(void)
{
	pid_t child = fork();
	if (child == 0) {
		execl("/bin/true", "true", (char *)NULL);
		say("run", errno);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void escape(int number)
{
	int saved = errno;
	(void)number;
	try_file("read", "/etc/passwd", O_RDONLY);
	try_file("write", getenv("ESCAPE_FILE"), O_WRONLY | O_CREAT);
	try_file("journal", getenv("EVT_JOURNAL"), O_RDWR);
	try_program();
	say("end", 0);
	errno = saved;
}

__attribute__((constructor)) static void begin(void)
{
	const char *log = getenv("ESCAPE_LOG");
	struct sigaction action = {.sa_handler = escape, .sa_flags = SA_RESTART};
	if (!log)
		return;
	log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	sigemptyset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
}
