/* SPDX-License-Identifier: MIT */
/* How soon does live output follow receipt? One request at a time is posted to evt-receive over a connection that stays open. Its 202 says
 * that the event is committed; the delivery's line, claimed, comes out of the pipe. The lag is from the one to the other, less than nothing
 * where the line is the first to come; "in all" is from the sending of the request to its line.
 *   receive_lag [REQUESTS]     ($BUILD/evt-receive; journal and configuration in $TMPDIR) */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char dir[256];

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void die(const char *why)
{
	perror(why);
	exit(1);
}

static void write_file(const char *name, const char *text)
{
	char path[300];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		die(path);
}

static void make_folder(const char *name)
{
	char path[300];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	if (mkdir(path, 0700) < 0)
		die(path);
}

/* Its live output is *lines; where it listens, it says on its standard error. */
static pid_t start_receiver(int *lines, struct sockaddr_in *address)
{
	int out[2], err[2];
	char program[300], journal[300], said[512] = "";
	size_t len = 0;
	ssize_t n;
	const char *build = getenv("BUILD"), *port = NULL;
	snprintf(program, sizeof program, "%s/evt-receive", build ? build : "build");
	snprintf(journal, sizeof journal, "%s/journal.db", dir);
	if (pipe(out) < 0 || pipe(err) < 0)
		die("pipe");
	pid_t pid = fork();
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		close(out[0]);
		close(err[0]);
		execl(program, "evt-receive", "-c", dir, "-j", journal, "-l", "127.0.0.1:0", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	while (!strchr(said, '\n') && (n = read(err[0], said + len, sizeof said - 1 - len)) > 0)
		said[len += (size_t)n] = '\0';
	port = strrchr(said, ':');
	if (!strstr(said, "listening on") || !port)
		die(said);
	*lines = out[0];
	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(port + 1))};
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return pid;
}

static void post(int fd, int n)
{
	char body[64], request[256];
	int len = snprintf(body, sizeof body, "{\"id\":\"lag-%08d\",\"type\":\"contact.new\"}", n);
	len =
	    snprintf(request, sizeof request, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len, body);
	if (write(fd, request, (size_t)len) != len)
		die("request");
}

/* Reads what has come; true when the text that was waited for is in it. What is waited for comes in one piece: it is short. */
static bool has_come(int fd, const char *text)
{
	static char buffer[65536];
	ssize_t n = read(fd, buffer, sizeof buffer - 1);
	if (n <= 0)
		die("the receiver has ended");
	buffer[n] = '\0';
	return strstr(buffer, text);
}

static void measure(int fd, int lines, int n, double *lag, double *all)
{
	char id[32];
	double answered = 0, came = 0, began = now_ms();
	snprintf(id, sizeof id, "lag-%08d", n);
	post(fd, n);
	while (!answered || !came) {
		struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = lines, .events = POLLIN}};
		if (poll(fds, 2, 10000) <= 0)
			die("neither an answer nor a line");
		if (fds[0].revents && has_come(fd, " 202 "))
			answered = now_ms();
		if (fds[1].revents && has_come(lines, id))
			came = now_ms();
	}
	*lag = came - answered;
	*all = came - began;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void tell(const char *name, const char *goal, const char *words, double *values, int count, double part)
{
	qsort(values, (size_t)count, sizeof *values, compare);
	printf("RESULT %s %.3f %.3f %.3f ms %s %s\n", name, values[(int)(part * (count - 1))], values[0],
	       values[count - 1], goal, words);
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : getenv("BENCH_QUICK") ? 200 : 5000, lines;
	struct sockaddr_in address;
	char command[300];
	double *lag = calloc((size_t)count, sizeof *lag), *all = calloc((size_t)count, sizeof *all);
	snprintf(dir, sizeof dir, "%s/receive_lag.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!lag || !all || !mkdtemp(dir))
		die("receive_lag");
	make_folder("sources");
	make_folder("destinations");
	write_file("sources/x.json", "{\"verify\": {\"scheme\": \"none\"}, \"id\": \"/id\", \"type\": \"/type\", "
				     "\"destinations\": {\"crm\": [\"*\"]}}");
	write_file("destinations/crm.json", "{\"url\": \"http://127.0.0.1:9/\"}");
	pid_t receiver = start_receiver(&lines, &address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		die("connect");
	for (int n = 0; n < count; n++)
		measure(fd, lines, n, &lag[n], &all[n]);
	tell("receive-lag", "<=5", "from a commit's 202 to its line in the pipe, the median", lag, count, 0.5);
	tell("receive-lag-p99", "-", "the same, the 99th percentile", lag, count, 0.99);
	tell("receive-to-line", "-", "from sending a request to its line in the pipe, the median", all, count, 0.5);
	kill(receiver, SIGTERM);
	close(lines);
	waitpid(receiver, NULL, 0);
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	free(lag);
	free(all);
	return system(command) != 0;
}
