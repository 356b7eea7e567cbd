/* SPDX-License-Identifier: MIT */
#include "lines.h"

#include <errno.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024 };

void lines_open(struct lines *l, int fd, size_t limit)
{
	*l = (struct lines){.fd = fd, .limit = limit, .pending = BUF_INIT};
}

void lines_close(struct lines *l)
{
	buf_free(&l->pending);
}

static enum lines_result hand_out(struct lines *l, size_t len, struct slice *line)
{
	const char *start = l->pending.data + l->taken;
	if (len && start[len - 1] == '\r')
		len--;
	bool too_long = l->skipping || len > l->limit;
	l->number++;
	l->skipping = false;
	*line = too_long ? SLICE_NONE : (struct slice){start, len};
	return too_long ? LINES_TOO_LONG : LINES_LINE;
}

/* No newline has come yet. What is over the limit already need not be kept until one does. */
static enum lines_result wait_for_more(struct lines *l)
{
	l->searched = l->pending.len;
	if (l->skipping || l->pending.len - l->taken > l->limit + 1) {
		l->skipping = true;
		l->taken = l->pending.len;
	}
	return LINES_WAIT;
}

static enum lines_result take_line(struct lines *l, struct slice *line)
{
	*line = SLICE_NONE;
	size_t unsearched = l->pending.len - l->searched;
	const char *newline = unsearched ? memchr(l->pending.data + l->searched, '\n', unsearched) : NULL;
	if (newline) {
		size_t at = (size_t)(newline - l->pending.data);
		enum lines_result result = hand_out(l, at - l->taken, line);
		l->taken = l->searched = at + 1;
		return result;
	}
	if (!l->ended)
		return wait_for_more(l);
	if (l->taken == l->pending.len && !l->skipping)
		return LINES_END;
	enum lines_result result = hand_out(l, l->pending.len - l->taken, line);
	l->taken = l->searched = l->pending.len;
	return result;
}

static bool is_blank(struct slice line)
{
	size_t at = 0;
	while (at < line.len && (line.ptr[at] == ' ' || line.ptr[at] == '\t'))
		at++;
	return at == line.len;
}

enum lines_result lines_buffered(struct lines *l, struct slice *line)
{
	enum lines_result result;
	do
		result = take_line(l, line);
	while (result == LINES_LINE && is_blank(*line));
	return result;
}

static bool would_block(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK;
}

int lines_fill(struct lines *l, struct diag *d)
{
	buf_drop_front(&l->pending, l->taken);
	l->searched -= l->taken;
	l->taken = 0;
	char *room = buf_reserve(&l->pending, CHUNK);
	if (!room)
		return diag_fail(d, DIAG_IO, "line %llu: out of memory", (unsigned long long)l->number + 1);
	ssize_t got;
	do
		got = read(l->fd, room, CHUNK);
	while (got < 0 && errno == EINTR);
	if (got < 0 && !would_block(errno))
		return diag_errno(d, DIAG_IO, errno, "cannot read");
	if (got > 0)
		l->pending.len += (size_t)got;
	l->pending.data[l->pending.len] = '\0';
	l->ended = l->ended || got == 0;
	return 0;
}

enum lines_result lines_next(struct lines *l, struct slice *line, struct diag *d)
{
	for (;;) {
		enum lines_result result = lines_buffered(l, line);
		if (result != LINES_WAIT)
			return result;
		if (lines_fill(l, d) < 0)
			return LINES_ERROR;
		if (!l->ended && l->searched == l->pending.len)
			return LINES_WAIT;
	}
}
