/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

enum {
	HEAD_MS = 10 * 1000, /* from the first byte, or the opening of the connection, to the end of a head */
	IDLE_MS = 60 * 1000, /* between two requests */
	BODY_MS = 20 * 1000, /* for a body, and a second more for each BODY_RATE bytes that have come */
	BODY_RATE = 32 * 1024,
	ANSWER_MS = 10 * 1000, /* for the client to read */
	LINGER_MS = 2 * 1000,
	LINGER_MOST = 4 * 1024 * 1024,
	READ_LEAST = 4 * 1024,
	READ_MOST = 256 * 1024, /* reserved ahead of what has come */
	KEPT = 64 * 1024,       /* of a buffer, from request to request */
};

static void enter(struct connection_hall *hall, struct connection *c, enum connection_phase phase, int64_t within_ms)
{
	c->phase = phase;
	c->began = hall->now;
	c->deadline = hall->now + within_ms;
}

/* ---- exchanges ---- */

static struct exchange *take_exchange(struct connection_hall *hall)
{
	struct exchange *x = hall->pool;
	if (x)
		hall->pool = x->next;
	else
		x = calloc(1, sizeof *x);
	if (x) {
		x->source = NULL;
		x->chunks = (struct http_chunks){0};
	}
	return x;
}

static void give_back(struct connection_hall *hall, struct connection *c)
{
	if (!c->x)
		return;
	intake_clear(&c->x->in);
	c->x->next = hall->pool;
	hall->pool = c->x;
	c->x = NULL;
}

void connection_hall_free(struct connection_hall *hall)
{
	for (struct exchange *x; (x = hall->pool);) {
		hall->pool = x->next;
		intake_free(&x->in);
		free(x);
	}
	buf_free(&hall->body);
}

/* ---- answers ---- */

static const char *date(struct connection_hall *hall)
{
	int64_t second = hall->wall / 1000;
	if (second != hall->date_of) {
		struct tm tm;
		time_t t = (time_t)second;
		strftime(hall->date, sizeof hall->date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &tm));
		hall->date_of = second;
	}
	return hall->date;
}

static void add_status(struct buf *out, int status, const char *date_text)
{
	buf_add_text(out, "HTTP/1.1 ");
	buf_add_int(out, status);
	buf_add_char(out, ' ');
	buf_add_text(out, http_reason(status));
	if (date_text) {
		buf_add_text(out, "\r\nDate: ");
		buf_add_text(out, date_text);
	}
}

static void add_body(struct buf *out, const char *type, struct slice body, bool without)
{
	if (type) {
		buf_add_text(out, "\r\nContent-Type: ");
		buf_add_text(out, type);
	}
	buf_add_text(out, "\r\nContent-Length: ");
	buf_add_int(out, (int64_t)body.len);
	buf_add_text(out, "\r\n\r\n");
	if (!without)
		buf_add_slice(out, body);
}

static void add_answer(struct connection_hall *hall, struct connection *c)
{
	const struct intake *in = &c->x->in;
	const struct http_head *head = &c->x->head;
	const char *type;
	struct buf *body = &hall->body;
	buf_clear(body);
	int status = intake_answer(in, body, &type);
	add_status(&c->out, status, date(hall));
	if (c->close)
		buf_add_text(&c->out, "\r\nConnection: close");
	else if (head->old)
		buf_add_text(&c->out, "\r\nConnection: keep-alive");
	if (in->status && in->field) {
		buf_add_text(&c->out, "\r\n");
		buf_add_text(&c->out, in->field);
		buf_add_text(&c->out, ": ");
		buf_add_text(&c->out, in->field_value);
	}
	if (status == 503)
		buf_add_text(&c->out, "\r\nRetry-After: 5");
	add_body(&c->out, type, buf_slice(body), slice_is(head->request.method, "HEAD"));
	if (!buf_ok(body) || !buf_ok(&c->out))
		enter(hall, c, CONNECTION_OVER, 0);
}

void connection_turn_away(struct buf *out, const char *why)
{
	struct buf body = BUF_INIT;
	buf_printf(&body, "{\"error\":\"%s\"}\n", why);
	add_status(out, 503, NULL);
	buf_add_text(out, "\r\nConnection: close\r\nRetry-After: 5");
	add_body(out, "application/json", buf_slice(&body), false);
	buf_free(&body);
}

/* ---- from one request to the next ---- */

/* What stands behind the request that is done is the next one. */
static void next_request(struct connection_hall *hall, struct connection *c)
{
	buf_drop_front(&c->in, c->raw);
	if (c->in.len == 0 && c->in.cap > KEPT)
		buf_free(&c->in);
	c->seen = c->head = c->body = c->raw = 0;
	c->blank = false;
	enter(hall, c, CONNECTION_HEAD, c->in.len ? HEAD_MS : IDLE_MS);
}

static void flush(struct connection_hall *hall, struct connection *c)
{
	while (c->sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (c->phase != CONNECTION_ANSWER)
				enter(hall, c, CONNECTION_ANSWER, ANSWER_MS);
			return;
		}
		if (n < 0) {
			enter(hall, c, CONNECTION_OVER, 0);
			return;
		}
		c->sent += (size_t)n;
	}
	c->sent = 0;
	buf_clear(&c->out);
}

/* The answer is in `out`. */
static void send_answer(struct connection_hall *hall, struct connection *c)
{
	flush(hall, c);
	if (c->phase == CONNECTION_OVER || c->out.len)
		return;
	bool refused = c->x && c->x->in.status;
	give_back(hall, c);
	if (!c->close) {
		next_request(hall, c);
	} else if (refused && shutdown(c->fd, SHUT_WR) == 0) {
		buf_free(&c->in);
		enter(hall, c, CONNECTION_LINGER, LINGER_MS);
	} else {
		enter(hall, c, CONNECTION_OVER, 0);
	}
}

static void answer(struct connection_hall *hall, struct connection *c)
{
	struct exchange *x = c->x;
	c->close |= x->head.close || x->in.status;
	if (x->in.status)
		hall->refused(hall->context, &x->head.request, &x->in);
	add_answer(hall, c);
	if (c->phase != CONNECTION_OVER)
		send_answer(hall, c);
}

/* Refuses before there is a head that could be read. */
static void refuse_early(struct connection_hall *hall, struct connection *c, int status, const char *why)
{
	if (!c->x && !(c->x = take_exchange(hall))) {
		enter(hall, c, CONNECTION_OVER, 0);
		return;
	}
	if (c->head == 0) /* nothing of it has been read, or nothing that holds */
		c->x->head = (struct http_head){.request = {.method = SLICE(""), .peer = c->peer}};
	intake_refuse(&c->x->in, status, "%s", why);
	answer(hall, c);
}

/* ---- the body ---- */

/* The head's slices point into the buffer, which moves as it grows. */
static void look_again(struct connection *c)
{
	struct http_refusal ignored;
	if (c->in.data == c->read_at)
		return;
	http_head_read(&c->x->head, (struct slice){c->in.data, c->head}, &ignored);
	c->x->head.request.peer = c->peer;
	c->read_at = c->in.data;
}

static void finish_request(struct connection_hall *hall, struct connection *c)
{
	struct exchange *x = c->x;
	look_again(c);
	x->head.request.body = (struct slice){c->in.data + c->head, c->body};
	intake_body(&x->in, x->source, &x->head.request, hall->wall);
	if (x->in.status || x->in.count == 0)
		answer(hall, c);
	else
		enter(hall, c, CONNECTION_READY, 0);
}

/* Moves the content of the chunks that have come together, right behind the head. HTTP_DATA: there is more of it than the source takes. */
static enum http_chunked join_chunks(struct connection *c)
{
	struct slice text = {c->in.data + c->raw, c->in.len - c->raw}, data;
	size_t limit = c->x->source->body_limit;
	enum http_chunked result;
	while ((result = http_chunks_read(&c->x->chunks, &text, &data)) == HTTP_DATA && c->body + data.len <= limit) {
		memmove(c->in.data + c->head + c->body, data.ptr, data.len);
		c->body += data.len;
	}
	c->raw = c->in.len - text.len;
	if (result == HTTP_MORE && c->body + c->x->chunks.left > limit)
		return HTTP_DATA; /* a size that says it will be too much */
	if (result == HTTP_MORE)
		c->in.len = c->raw = c->head + c->body;
	return result;
}

static void take_chunks(struct connection_hall *hall, struct connection *c)
{
	switch (join_chunks(c)) {
	case HTTP_MORE:
		break;
	case HTTP_END:
		finish_request(hall, c);
		break;
	case HTTP_DATA:
		look_again(c);
		intake_refuse(&c->x->in, 413, "a body of more than %zu bytes", c->x->source->body_limit);
		answer(hall, c);
		break;
	case HTTP_BAD:
		look_again(c);
		intake_refuse(&c->x->in, 400, "a chunk that is none");
		answer(hall, c);
		break;
	}
}

static void take_body(struct connection_hall *hall, struct connection *c)
{
	size_t before = c->body;
	if (c->x->head.chunked) {
		take_chunks(hall, c);
	} else {
		size_t whole = (size_t)c->x->head.length, there = c->in.len - c->head;
		c->body = there < whole ? there : whole;
		c->raw = c->head + c->body;
		if (c->body == whole)
			finish_request(hall, c);
	}
	if (c->phase == CONNECTION_BODY && c->body > before)
		c->deadline = c->began + BODY_MS + (int64_t)(c->body / BODY_RATE) * 1000;
}

/* ---- the head ---- */

static void begin_body(struct connection_hall *hall, struct connection *c)
{
	static const char proceed[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct exchange *x = c->x;
	enter(hall, c, CONNECTION_BODY, BODY_MS);
	if (x->head.expects && (x->head.chunked || x->head.length) && c->in.len == c->head) {
		buf_add_text(&c->out, proceed);
		flush(hall, c);
		if (c->phase == CONNECTION_ANSWER) { /* a client that does not read so much as that */
			enter(hall, c, CONNECTION_OVER, 0);
			return;
		}
	}
	if (c->phase == CONNECTION_BODY)
		take_body(hall, c);
}

static void take_head(struct connection_hall *hall, struct connection *c, size_t len)
{
	struct http_refusal refusal;
	struct exchange *x = c->x = take_exchange(hall);
	if (!x) {
		enter(hall, c, CONNECTION_OVER, 0);
		return;
	}
	if (http_head_read(&x->head, (struct slice){c->in.data, len}, &refusal) < 0) {
		refuse_early(hall, c, refusal.status, refusal.why);
		return;
	}
	c->head = c->raw = len;
	c->read_at = c->in.data;
	x->head.request.peer = c->peer;
	x->source = intake_open(&x->in, hall->sources, &x->head.request);
	if (x->source && x->head.length > x->source->body_limit)
		intake_refuse(&x->in, 413, "a body of more than %zu bytes", x->source->body_limit);
	if (x->source && x->in.status == 0)
		begin_body(hall, c);
	else
		answer(hall, c);
}

/* RFC 9112 section 2.2: an empty line in front of a request is passed over; one. */
static void pass_blank(struct connection *c)
{
	if (c->blank || c->in.len < 2 || memcmp(c->in.data, "\r\n", 2) != 0)
		return;
	buf_drop_front(&c->in, 2);
	c->seen = 0;
	c->blank = true;
}

static void refuse_head(struct connection_hall *hall, struct connection *c)
{
	if (memchr(c->in.data, '\n', HTTP_HEAD_LIMIT))
		refuse_early(hall, c, 431, "a head of more than 16384 bytes");
	else
		refuse_early(hall, c, 414, "a request line of more than 16384 bytes");
}

static void advance(struct connection_hall *hall, struct connection *c)
{
	if (c->phase == CONNECTION_BODY) {
		take_body(hall, c);
		return;
	}
	if (c->seen == 0)
		pass_blank(c);
	size_t len = http_head_end(buf_slice(&c->in), c->seen);
	if (len > HTTP_HEAD_LIMIT || (len == 0 && c->in.len > HTTP_HEAD_LIMIT))
		refuse_head(hall, c);
	else if (len)
		take_head(hall, c, len);
	else
		c->seen = c->in.len;
}

/* As far as what is there reaches: a refused request, or one without events, may be followed by the next. */
static void go_on(struct connection_hall *hall, struct connection *c)
{
	do
		advance(hall, c);
	while (c->phase == CONNECTION_HEAD && c->in.len && c->seen == 0);
}

void connection_answer(struct connection_hall *hall, struct connection *c)
{
	answer(hall, c);
	if (c->phase == CONNECTION_HEAD && c->in.len)
		go_on(hall, c);
}

void connection_write(struct connection_hall *hall, struct connection *c)
{
	send_answer(hall, c);
	if (c->phase == CONNECTION_HEAD && c->in.len)
		go_on(hall, c);
}

/* ---- the socket ---- */

static size_t room_wanted(const struct connection *c)
{
	if (c->phase != CONNECTION_BODY)
		return READ_LEAST;
	size_t left = c->x->head.chunked ? c->body : (size_t)c->x->head.length - c->body;
	return left < READ_LEAST ? READ_LEAST : left > READ_MOST ? READ_MOST : left;
}

static ssize_t receive(int fd, void *room, size_t size)
{
	ssize_t n;
	do
		n = recv(fd, room, size, 0);
	while (n < 0 && errno == EINTR);
	return n;
}

static void drop(struct connection_hall *hall, struct connection *c)
{
	static char nowhere[64 * 1024];
	ssize_t n = receive(c->fd, nowhere, sizeof nowhere);
	c->dropped += n > 0 ? (size_t)n : 0;
	if (n == 0 || (n < 0 && errno != EAGAIN) || c->dropped > LINGER_MOST)
		enter(hall, c, CONNECTION_OVER, 0);
}

void connection_read(struct connection_hall *hall, struct connection *c)
{
	if (c->phase == CONNECTION_LINGER) {
		drop(hall, c);
		return;
	}
	if (c->phase != CONNECTION_HEAD && c->phase != CONNECTION_BODY)
		return;
	char *room = buf_reserve(&c->in, room_wanted(c));
	ssize_t n = room ? receive(c->fd, room, c->in.cap - c->in.len - 1) : 0;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (n <= 0) {
		enter(hall, c, CONNECTION_OVER, 0);
		return;
	}
	if (c->phase == CONNECTION_HEAD && c->in.len == 0 && c->deadline > hall->now + HEAD_MS)
		c->deadline = hall->now + HEAD_MS;
	c->in.len += (size_t)n;
	c->in.data[c->in.len] = '\0';
	go_on(hall, c);
}

void connection_expire(struct connection_hall *hall, struct connection *c)
{
	if (c->phase == CONNECTION_BODY)
		look_again(c);
	if (c->phase == CONNECTION_BODY || (c->phase == CONNECTION_HEAD && c->in.len))
		refuse_early(hall, c, 408, "the request did not come to its end in time");
	else
		enter(hall, c, CONNECTION_OVER, 0);
}

struct connection *connection_open(struct connection_hall *hall, int fd, const char *peer)
{
	struct connection *c = calloc(1, sizeof *c);
	if (!c) {
		close(fd);
		return NULL;
	}
	c->fd = fd;
	strncpy(c->peer, peer, sizeof c->peer - 1);
	enter(hall, c, CONNECTION_HEAD, HEAD_MS);
	return c;
}

void connection_close(struct connection_hall *hall, struct connection *c)
{
	give_back(hall, c);
	close(c->fd);
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}
