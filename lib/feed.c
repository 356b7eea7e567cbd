/* SPDX-License-Identifier: MIT */
#include "feed.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"

enum {
	HANDED_OUT = 4096,       /* claims remembered: more than a pipe and the stage behind it can hold unstarted */
	LONGEST_WAIT_MS = 60000, /* the clock may be set meanwhile */
	UNWATCHED_WAIT_MS = 1000,
	LAST_LINE_WAIT_MS = 2000,
};

/* The claims handed out last. When the reader goes away, those that nobody has started are given back. */
struct handed_out {
	struct journal_claimed rows[HANDED_OUT];
	size_t next, count;
};

/* Have we been told to stop? Once is enough: what waits then does not look again. */
static bool is_stopped(const struct feed *f, struct feed_result *result)
{
	struct pollfd p = {.fd = result->stopped ? -1 : f->signals, .events = POLLIN};
	result->stopped = result->stopped || poll(&p, 1, 0) > 0;
	return result->stopped;
}

static void remember(struct handed_out *handed, const struct journal_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		handed->rows[handed->next++ % HANDED_OUT] = batch->rows[i];
		handed->count += handed->count < HANDED_OUT;
	}
}

/* Until the reader takes some, or somebody tells us to stop. */
static bool wait_writable(const struct feed *f, struct feed_result *result)
{
	struct pollfd p[2] = {{.fd = f->out, .events = POLLOUT},
			      {.fd = result->stopped ? -1 : f->signals, .events = POLLIN}};
	poll(p, 2, result->stopped ? LAST_LINE_WAIT_MS : -1);
	result->stopped = result->stopped || p[1].revents;
	return p[0].revents;
}

/* How much to write at once: what a pipe that has room takes without blocking. Told to stop, no more than the line that has been begun: a
 * reader that is still there shall not see half of one, and one that does not read shall not keep us. */
static size_t next_part(const struct feed *f, struct slice lines, size_t done, struct feed_result *result)
{
	size_t left = lines.len - done;
	bool writable = false;
	while (left && !writable && !result->stopped)
		writable = wait_writable(f, result);
	if (result->stopped) {
		if (done == 0 || lines.ptr[done - 1] == '\n' || !(writable || wait_writable(f, result)))
			return 0;
		const char *newline = memchr(lines.ptr + done, '\n', left);
		left = (size_t)(newline - (lines.ptr + done)) + 1;
	}
	return left < PIPE_BUF ? left : PIPE_BUF;
}

/* How much could be written: all, unless the reader is gone or we are told to stop; -1 on any other failure. */
static ssize_t write_all(const struct feed *f, struct slice lines, struct feed_result *result, struct diag *d)
{
	size_t done = 0;
	for (size_t part; (part = next_part(f, lines, done, result)) > 0;) {
		ssize_t n = write(f->out, lines.ptr + done, part);
		if (n >= 0)
			done += (size_t)n;
		else if (errno == EPIPE || errno == ECONNRESET)
			break;
		else if (errno != EINTR && errno != EAGAIN)
			return diag_errno(d, DIAG_IO, errno, "standard output");
	}
	return (ssize_t)done;
}

static size_t lines_within(const struct journal_batch *batch, size_t bytes)
{
	size_t lines = 0;
	while (lines < batch->count && batch->rows[lines].line_end <= bytes)
		lines++;
	return lines;
}

int feed_write(const struct feed *f, const struct journal_batch *batch, struct feed_result *result, struct diag *d)
{
	ssize_t written = write_all(f, buf_slice(&batch->lines), result, d);
	size_t whole = written < 0 ? 0 : lines_within(batch, (size_t)written);
	result->lines += (int64_t)whole;
	if (whole == batch->count)
		return 0;
	struct diag release;
	result->reader_gone = written >= 0 && !result->stopped;
	result->released += (int64_t)(batch->count - whole);
	if (journal_release(f->journal, batch->rows + whole, batch->count - whole, clock_now(), &release) < 0 &&
	    written >= 0) {
		*d = release; /* the leases will bring them back */
		return -1;
	}
	return written < 0 ? -1 : 0;
}

static struct journal_route *collect_routes(const struct feed *f, size_t *count)
{
	struct journal_route *routes = calloc(f->dests->count + 1, sizeof *routes);
	*count = 0;
	for (size_t i = 0; routes && i < f->dests->count; i++) {
		const struct dest *dest = f->dests->list[i];
		/* A program's lines go to those alone who ask for them: in any other pipeline nobody would act on them. */
		if (f->only.ptr ? slice_is(f->only, dest->name) : !dest->program)
			routes[(*count)++] = dest_route(dest);
	}
	return routes;
}

/* Waits until something may be due, or it is time to end. */
static void wait_for_more(const struct feed *f, int64_t due_at, bool *last)
{
	struct pollfd fds[] = {{.fd = f->wake, .events = POLLIN},
			       {.fd = journal_watch(f->journal), .events = POLLIN},
			       {.fd = f->signals, .events = POLLIN}};
	int64_t longest = fds[1].fd < 0 ? UNWATCHED_WAIT_MS : LONGEST_WAIT_MS;
	int64_t wait = due_at == INT64_MAX ? longest : due_at - clock_now();
	wait = wait < 0 ? 0 : wait > longest ? longest : wait;
	journal_idle(f->journal);
	if (poll(fds, 3, (int)wait) < 0)
		return;
	if (fds[1].revents)
		journal_watched(f->journal);
	if (fds[0].revents) {
		char bytes[512];
		*last = read(f->wake, bytes, sizeof bytes) == 0;
	}
}

static size_t next_limit(const struct feed *f, const struct feed_result *result)
{
	int64_t left = f->limit ? f->limit - result->lines : JOURNAL_CLAIM_ROWS;
	return left > JOURNAL_CLAIM_ROWS ? JOURNAL_CLAIM_ROWS : left > 0 ? (size_t)left : 0;
}

struct loop {
	struct journal_batch batch;
	struct handed_out handed;
	struct journal_route *routes;
	size_t route_count;
};

static int run(const struct feed *f, struct loop *l, struct feed_result *result, struct diag *d)
{
	bool last = !f->stay;
	if (f->stay)
		journal_watch(f->journal); /* from before the first look on, or what is written meanwhile is missed */
	while (!is_stopped(f, result) && !result->reader_gone) {
		size_t limit = next_limit(f, result);
		if (limit == 0)
			return 0;
		if (journal_claim(f->journal, l->routes, l->route_count, limit, clock_now(), &l->batch, d) < 0)
			return -1;
		if (l->batch.count) {
			remember(&l->handed, &l->batch);
			if (feed_write(f, &l->batch, result, d) < 0)
				return -1;
			continue;
		}
		int64_t due_at;
		if (journal_next_due(f->journal, l->routes, l->route_count, clock_now(), &due_at, d) < 0)
			return -1;
		if (last)
			return 0;
		wait_for_more(f, due_at, &last);
	}
	return 0;
}

/* What is still in the pipe, or in the memory of stages that ended with the reader, goes back too. */
static int take_back(const struct feed *f, const struct handed_out *handed, struct diag *d)
{
	return journal_release(f->journal, handed->rows, handed->count, clock_now(), d);
}

int feed_run(const struct feed *f, struct feed_result *result, struct diag *d)
{
	*result = (struct feed_result){0};
	struct loop *l = calloc(1, sizeof *l);
	if (!l)
		return diag_fail(d, DIAG_IO, "out of memory");
	l->routes = collect_routes(f, &l->route_count);
	int status = l->routes ? run(f, l, result, d) : diag_fail(d, DIAG_IO, "out of memory");
	if (status == 0 && result->reader_gone)
		status = take_back(f, &l->handed, d);
	buf_free(&l->batch.lines);
	free(l->routes);
	free(l);
	return status;
}
