/* SPDX-License-Identifier: MIT */
#include "httpd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "http.h"
#include "peer.h"

enum {
	CLIENTS = 64,          /* at once; more wait in the listener's queue */
	HEAD_MS = 10 * 1000,   /* from the first byte of a request to the end of its head */
	IDLE_MS = 60 * 1000,   /* between two requests */
	ANSWER_MS = 30 * 1000, /* for the client to read some more */
	LINGER_MS = 1000,      /* for the client to read why it was refused */
	STOP_MS = 5000,
	WAIT_MOST_MS = 1000,
	READ = 4096,
};

enum phase { PHASE_REQUEST, PHASE_ANSWER, PHASE_LINGER, PHASE_OVER };

struct client {
	int fd;
	enum phase phase;
	struct buf in, out;
	size_t seen, sent;
	char peer[PEER_SIZE];
	int64_t deadline; /* monotonic */
	bool last;        /* the connection ends with the answer */
};

struct loop {
	const struct httpd *httpd;
	struct client clients[CLIENTS];
	size_t count;
	int64_t now; /* monotonic */
};

/* ---- answers ---- */

static void add_date(struct buf *b)
{
	char text[64];
	time_t seconds = (time_t)(clock_now() / 1000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm); /* the locale of times is C */
	buf_add_text(b, text);
}

static void send_answer(struct loop *l, struct client *c, const struct httpd_answer *answer, bool head_only)
{
	buf_printf(&c->out, "HTTP/1.1 %d %s\r\n", answer->status, http_reason(answer->status));
	add_date(&c->out);
	buf_add_slice(&c->out, buf_slice(&answer->fields));
	buf_printf(&c->out, "Content-Length: %zu\r\n%s\r\n", answer->body.len, c->last ? "Connection: close\r\n" : "");
	if (!head_only)
		buf_add_slice(&c->out, buf_slice(&answer->body));
	bool whole = buf_ok(&c->out) && buf_ok(&answer->fields) && buf_ok(&answer->body);
	c->phase = whole ? PHASE_ANSWER : PHASE_OVER;
	c->deadline = l->now + ANSWER_MS;
}

static void refuse(struct loop *l, struct client *c, int status, const char *why)
{
	struct httpd_answer answer = {.status = status};
	c->last = true;
	buf_add_text(&answer.fields, "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n");
	if (status == 405)
		buf_add_text(&answer.fields, "Allow: GET, HEAD\r\n");
	buf_printf(&answer.body, "%s\n", why);
	send_answer(l, c, &answer, false);
	buf_free(&answer.fields);
	buf_free(&answer.body);
}

static void answer(struct loop *l, struct client *c, const struct http_head *head)
{
	struct httpd_answer answer = {.status = 200};
	bool head_only = slice_is(head->request.method, "HEAD");
	if (!head_only && !slice_is(head->request.method, "GET")) {
		refuse(l, c, 405, "only GET and HEAD: nothing can be changed here");
	} else if (head->length || head->chunked) {
		refuse(l, c, 413, "a request to look at something has no body");
	} else {
		c->last = head->close;
		struct request request = head->request;
		request.peer = c->peer;
		l->httpd->answer(&request, &answer, l->httpd->context);
		send_answer(l, c, &answer, head_only);
	}
	buf_free(&answer.fields);
	buf_free(&answer.body);
}

/* ---- one client ---- */

/* Takes the next request out of what has come, if it is whole. */
static void take_request(struct loop *l, struct client *c)
{
	struct http_head head;
	struct http_refusal refusal;
	size_t len = http_head_end(buf_slice(&c->in), c->seen);
	c->seen = c->in.len;
	if (!len && c->in.len < HTTP_HEAD_LIMIT)
		return;
	if (!len || len > HTTP_HEAD_LIMIT)
		refuse(l, c, 431, "the head of the request is too large");
	else if (http_head_read(&head, (struct slice){c->in.data, len}, &refusal) < 0)
		refuse(l, c, refusal.status, refusal.why);
	else
		answer(l, c, &head);
	buf_drop_front(&c->in, len);
	c->seen = 0;
}

static void after_answer(struct loop *l, struct client *c)
{
	buf_free(&c->out); /* a page can be large, and the next is far off */
	c->sent = 0;
	if (c->last) {
		shutdown(c->fd, SHUT_WR);
		c->phase = PHASE_LINGER;
		c->deadline = l->now + LINGER_MS;
		return;
	}
	c->phase = PHASE_REQUEST;
	c->deadline = l->now + (c->in.len ? HEAD_MS : IDLE_MS);
}

/* Has the next request come with the one before? It waits for the next turn: others are served between. */
static bool is_ahead(const struct client *c)
{
	return c->phase == PHASE_REQUEST && c->in.len > c->seen;
}

static void write_some(struct loop *l, struct client *c)
{
	while (c->phase == PHASE_ANSWER) {
		ssize_t sent = send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0) {
			if (errno != EAGAIN && errno != EWOULDBLOCK)
				c->phase = PHASE_OVER;
			return;
		}
		c->sent += (size_t)sent;
		c->deadline = l->now + ANSWER_MS;
		if (c->sent == c->out.len)
			after_answer(l, c);
	}
}

static void serve(struct loop *l, struct client *c)
{
	take_request(l, c);
	write_some(l, c);
}

static void read_some(struct loop *l, struct client *c)
{
	static char nowhere[READ];
	bool kept = c->phase == PHASE_REQUEST;
	char *to = kept ? buf_reserve(&c->in, READ) : nowhere;
	ssize_t got = to ? recv(c->fd, to, READ, 0) : 0;
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (got <= 0) {
		c->phase = PHASE_OVER;
		return;
	}
	if (!kept)
		return;
	if (c->in.len == 0)
		c->deadline = l->now + HEAD_MS;
	c->in.len += (size_t)got;
	serve(l, c);
}

static void expire(struct loop *l, struct client *c)
{
	if (c->phase == PHASE_REQUEST && c->in.len) {
		refuse(l, c, 408, "the request did not come to its end in time");
		write_some(l, c);
	} else {
		c->phase = PHASE_OVER;
	}
}

/* ---- all of them ---- */

static void enter(struct loop *l, int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	struct client *c = &l->clients[l->count++];
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof address;
	*c = (struct client){.fd = fd, .deadline = l->now + HEAD_MS};
	if (getpeername(fd, (struct sockaddr *)&address, &len) == 0)
		peer_name((const struct sockaddr *)&address, c->peer);
}

static void leave(struct loop *l, size_t place)
{
	struct client *c = &l->clients[place];
	close(c->fd);
	buf_free(&c->in);
	buf_free(&c->out);
	*c = l->clients[--l->count];
}

/* One between two requests goes for one who wants to make one. */
static bool make_room(struct loop *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->clients[i].phase == PHASE_LINGER ||
		    (l->clients[i].phase == PHASE_REQUEST && !l->clients[i].in.len)) {
			leave(l, i);
			return true;
		}
	return false;
}

static void take_in(struct loop *l)
{
	if (l->count == CLIENTS && !make_room(l))
		return;
	int fd = accept4(l->httpd->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		enter(l, fd);
}

static bool is_full(const struct loop *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->clients[i].phase == PHASE_LINGER ||
		    (l->clients[i].phase == PHASE_REQUEST && !l->clients[i].in.len))
			return false;
	return l->count == CLIENTS;
}

/* Waits for sockets or a signal. fds[i] is that of clients[i], the last one the listener's. */
static int wait_for_work(struct loop *l, struct pollfd *fds, bool listening)
{
	struct timespec wait = {WAIT_MOST_MS / 1000, WAIT_MOST_MS % 1000 * 1000000};
	sigset_t none;
	sigemptyset(&none);
	for (size_t i = 0; i < l->count; i++) {
		if (is_ahead(&l->clients[i]))
			wait = (struct timespec){0, 0};
		fds[i] = (struct pollfd){.fd = l->clients[i].fd,
					 .events = l->clients[i].phase == PHASE_ANSWER ? POLLOUT : POLLIN};
	}
	fds[l->count] = (struct pollfd){.fd = listening && !is_full(l) ? l->httpd->listener : -1, .events = POLLIN};
	int ready = ppoll(fds, l->count + 1, &wait, &none);
	l->now = clock_monotonic();
	return ready;
}

static void turn(struct loop *l, bool listening)
{
	struct pollfd fds[CLIENTS + 1];
	bool ready = wait_for_work(l, fds, listening) > 0, comes = ready && fds[l->count].revents;
	for (size_t i = l->count; i-- > 0;) {
		struct client *c = &l->clients[i];
		if (is_ahead(c))
			serve(l, c);
		else if (ready && fds[i].revents && c->phase == PHASE_ANSWER)
			write_some(l, c);
		else if (ready && fds[i].revents)
			read_some(l, c);
		else if (l->now >= c->deadline)
			expire(l, c);
		if (c->phase == PHASE_OVER)
			leave(l, i);
	}
	if (comes)
		take_in(l);
}

static bool is_answering(const struct loop *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->clients[i].phase == PHASE_ANSWER || l->clients[i].in.len)
			return true;
	return false;
}

int httpd_run(const struct httpd *h, struct diag *d)
{
	struct loop *l = calloc(1, sizeof *l);
	if (!l)
		return diag_fail(d, DIAG_UNAVAILABLE, "out of memory");
	l->httpd = h;
	l->now = clock_monotonic();
	if (h->listener < 0)
		enter(l, h->connection);
	else
		fcntl(h->listener, F_SETFL, fcntl(h->listener, F_GETFL) | O_NONBLOCK);
	while (!*h->stop && (h->listener >= 0 || l->count))
		turn(l, h->listener >= 0);
	for (int64_t until = l->now + STOP_MS; is_answering(l) && l->now < until;)
		turn(l, false);
	while (l->count)
		leave(l, 0);
	if (h->listener >= 0)
		close(h->listener);
	free(l);
	return 0;
}
