/* SPDX-License-Identifier: MIT */
#include "sender_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "digest.h"
#include "network.h"

void sender_wipe(struct buf *b)
{
	if (b->data)
		digest_wipe(b->data, b->cap);
	buf_free(b);
}

/* ---- what comes back ---- */

static size_t take_head(char *line, size_t size, size_t count, void *context)
{
	struct slot *slot = context;
	size_t len = size * count;
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		buf_clear(&slot->head); /* one before it was not the final answer */
	if (slot->head.len + len <= SENDER_HEAD_LIMIT)
		buf_add(&slot->head, line, len);
	return buf_ok(&slot->head) ? len : 0;
}

/* Taking less than was offered ends the transfer: the rest is cut. */
static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
	struct slot *slot = context;
	size_t len = size * count, room = SENDER_BODY_LIMIT - slot->body.len;
	buf_add(&slot->body, bytes, len < room ? len : room);
	return buf_ok(&slot->body) && len <= room ? len : 0;
}

/* ---- where to ---- */

/* Called with the address that is about to be connected to. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct slot *slot = context;
	(void)purpose;
	if (slot->target->dest->public_only && !network_is_public(&address->addr)) {
		slot->private_address = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Called when the connection stands, through any proxy and with its TLS, right before the request itself is sent; also over one
 * that another destination has opened. */
static int check_connection(void *context, char *address, char *local, int port, int local_port)
{
	struct slot *slot = context;
	(void)local, (void)port, (void)local_port;
	slot->private_address = slot->target->dest->public_only && !network_text_is_public(address);
	slot->sent = !slot->private_address;
	return slot->sent ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* ---- requests ---- */

#define SET(option, value)                                                                                             \
	do {                                                                                                           \
		if (curl_easy_setopt(slot->easy, option, value) != CURLE_OK)                                           \
			return -1;                                                                                     \
	} while (0)

static int set_lasting(struct slot *slot)
{
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	/* Refused by a libcurl that was built without HTTP/2. */
	curl_easy_setopt(slot->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_HEADERFUNCTION, take_head);
	SET(CURLOPT_HEADERDATA, (void *)slot);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, (void *)slot);
	SET(CURLOPT_ERRORBUFFER, slot->detail);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, (void *)slot);
	SET(CURLOPT_PREREQFUNCTION, check_connection);
	SET(CURLOPT_PREREQDATA, (void *)slot);
	SET(CURLOPT_PRIVATE, (void *)slot);
#if LIBCURL_VERSION_NUM >= 0x075700
	SET(CURLOPT_QUICK_EXIT, 1L); /* a name server that does not answer must not hold up the others */
#endif
	return 0;
}

/* What is the same for every request a slot will make. */
int sender_set_up_slot(struct slot *slot)
{
	slot->easy = curl_easy_init();
	if (slot->easy && set_lasting(slot) == 0)
		return 0;
	curl_easy_cleanup(slot->easy);
	slot->easy = NULL;
	return -1;
}

/* CloudEvents HTTP binding 1.0.2, 3.1.3.2: blanks, quotes, percent signs and what is not ASCII are percent-encoded. */
static void add_attribute(struct buf *lines, const char *name, struct slice value)
{
	static const char hex[] = "0123456789ABCDEF";
	if (!value.ptr)
		return;
	buf_add_text(lines, "ce-");
	buf_add_text(lines, name);
	buf_add_text(lines, ": ");
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if (c > ' ' && c < 0x7f && c != '"' && c != '%')
			buf_add_char(lines, (char)c);
		else
			buf_add(lines, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
	}
	buf_add_char(lines, '\0');
}

static void add_attributes(struct buf *lines, const struct event *e)
{
	add_attribute(lines, "specversion", SLICE("1.0"));
	add_attribute(lines, "id", e->id);
	add_attribute(lines, "source", e->source);
	add_attribute(lines, "type", e->type);
	add_attribute(lines, "subject", e->subject);
	add_attribute(lines, "time", e->time);
}

static void add_line(struct buf *lines, const char *name, struct slice value)
{
	buf_add_text(lines, name);
	buf_add_text(lines, value.len ? ": " : ":");
	buf_add_slice(lines, value);
	buf_add_char(lines, '\0');
}

static int set_lines(struct slot *slot, const struct sender_request *r)
{
	const struct sender_target *t = r->target;
	const struct signing_request signed_request = {
	    .method = slice_of(r->method), .url = slice_of(r->url), .body = r->body, .id = r->key};
	buf_clear(&slot->lines);
	if (r->body.len == 0)
		add_line(&slot->lines, "Content-Type", SLICE(""));
	else if (!t->own_content_type)
		add_line(&slot->lines, "Content-Type", r->content_type);
	if (t->dest->idempotency_header)
		add_line(&slot->lines, t->dest->idempotency_header, r->key);
	if (r->event)
		add_attributes(&slot->lines, r->event);
	signing_add(&t->dest->signing, &signed_request, clock_now(), &slot->lines);
	slot->own_lines = slot->lines.len;
	return buf_ok(&slot->lines) ? 0 : -1;
}

/* List nodes of our own in front of the target's list: no header costs an allocation. */
static int set_headers(struct slot *slot)
{
	struct curl_slist *list = slot->target->headers;
	char *end = slot->lines.data + slot->lines.len;
	int count = 0;
	for (char *line = slot->lines.data; line < end; line += strlen(line) + 1) {
		slot->headers[count] = (struct curl_slist){line, list};
		list = &slot->headers[count++];
	}
	SET(CURLOPT_HTTPHEADER, list);
	return 0;
}

/* libcurl takes a URL apart anew for each request, unless it is handed the parts: they are kept for the next one to the same
 * URL. One that cannot be taken apart is libcurl's to refuse. */
static int set_url(struct slot *slot, const char *url)
{
	if (slot->url.len && strcmp(slot->url.data, url) == 0)
		return 0;
	buf_clear(&slot->url);
	SET(CURLOPT_URL, NULL);
	SET(CURLOPT_CURLU, NULL);
	curl_url_cleanup(slot->parts);
	slot->parts = curl_url();
	if (!slot->parts)
		return -1;
	if (curl_url_set(slot->parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS) != CURLUE_OK) {
		SET(CURLOPT_URL, url);
		return 0;
	}
	SET(CURLOPT_CURLU, slot->parts);
	buf_add_text(&slot->url, url);
	return 0;
}

static int set_request(struct slot *slot, const struct sender_request *r)
{
	if (slot->target != r->target && sender_set_target(slot, r->target) < 0)
		return -1;
	if (set_url(slot, r->url) < 0)
		return -1;
	SET(CURLOPT_CUSTOMREQUEST, strcmp(r->method, "POST") == 0 ? NULL : r->method);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
	SET(CURLOPT_POSTFIELDS, r->body.len ? r->body.ptr : "");
	return set_lines(slot, r);
}

#undef SET

int sender_launch(struct sender *s, struct slot *slot)
{
	buf_clear(&slot->head);
	buf_clear(&slot->body);
	slot->detail[0] = '\0';
	slot->private_address = slot->sent = false;
	if (sender_add_token(slot) < 0 || set_headers(slot) < 0 ||
	    curl_multi_add_handle(s->multi, slot->easy) != CURLM_OK)
		return -1;
	s->taken_up++;
	return 0;
}

int sender_start(struct sender *s, const struct sender_request *request)
{
	struct slot *slot = s->free;
	if (!slot || (!slot->easy && sender_set_up_slot(slot) < 0))
		return -1;
	slot->context = request->context;
	slot->started_at = clock_now();
	slot->refused = slot->renewed = false;
	if (set_request(slot, request) < 0)
		return -1;
	bool parks = sender_must_park(slot);
	if (!parks && sender_launch(s, slot) < 0)
		return -1;
	slot->ends_by = clock_monotonic() + request->target->dest->timeout_ms;
	s->free = slot->next;
	if (parks)
		sender_park(s, slot);
	return 0;
}

/* `timeout_ms`, or less when a request's time is up before. */
static int until_next_end(const struct sender *s, int timeout_ms)
{
	enum { TOKEN_WAIT_MS = 100 }; /* another process fetches one */
	int64_t now = clock_monotonic(), wait = timeout_ms;
	for (const struct sender_target *t = s->short_of_token; t; t = t->next)
		if (!t->fetching && wait > TOKEN_WAIT_MS)
			wait = TOKEN_WAIT_MS;
	for (int i = 0; i < SENDER_SLOTS; i++) {
		const struct slot *slot = &s->slots[i];
		if (slot->ends_by && slot->refused)
			return 0;
		if (slot->ends_by && slot->ends_by - now < wait)
			wait = slot->ends_by - now;
	}
	return wait > 0 ? (int)wait : 0;
}

/* ---- waiting: libcurl says which sockets and until when, and is called for those alone that are ready ---- */

static bool poll_for(struct sender *s, int fd, short events)
{
	size_t count = s->polled_count;
	if ((size_t)fd >= count) {
		size_t wanted =
		    (size_t)fd + 1; /* no more: poll refuses more places than a process may have descriptors */
		struct pollfd *grown = realloc(s->polled, wanted * sizeof *grown);
		if (!grown)
			return false;
		for (; count < wanted; count++)
			grown[count].fd = -1;
		s->polled = grown;
		s->polled_count = wanted;
	}
	s->polled[fd] = (struct pollfd){.fd = events ? fd : -1, .events = events};
	return true;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *sender, void *unused)
{
	short events = 0;
	(void)easy, (void)unused;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= POLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= POLLOUT;
	return poll_for(sender, fd, events) ? 0 : -1;
}

static int set_timer(CURLM *multi, long timeout_ms, void *sender)
{
	struct sender *s = sender;
	(void)multi;
	s->timer_at = timeout_ms < 0 ? 0 : clock_monotonic() + timeout_ms;
	return 0;
}

/* Begins what has been added, and ends what libcurl's own timers end. */
static CURLMcode run_timers(struct sender *s)
{
	if (!s->timer_at || s->timer_at > clock_monotonic())
		return CURLM_OK;
	s->timer_at = 0;
	return curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &s->running);
}

static CURLMcode run_socket(struct sender *s, int fd, short events)
{
	int bits = (events & (POLLIN | POLLHUP) ? CURL_CSELECT_IN : 0) | (events & POLLOUT ? CURL_CSELECT_OUT : 0) |
		   (events & (POLLERR | POLLNVAL) ? CURL_CSELECT_ERR : 0);
	return curl_multi_socket_action(s->multi, fd, bits, &s->running);
}

static CURLMcode run_sockets(struct sender *s, int ready)
{
	CURLMcode code = CURLM_OK;
	for (size_t fd = 0; fd < s->polled_count && ready > 0 && code == CURLM_OK; fd++) {
		struct pollfd p = s->polled[fd];
		if (p.fd < 0 || !p.revents)
			continue;
		ready--;
		s->polled[fd].revents = 0;
		code = run_socket(s, p.fd, p.revents);
	}
	return code;
}

static int wait_for(struct sender *s, int timeout_ms)
{
	int64_t left = s->timer_at ? s->timer_at - clock_monotonic() : timeout_ms;
	if (s->running < s->taken_up) /* what has just ended makes no socket ready */
		left = 0;
	return left < 0 ? 0 : left < timeout_ms ? (int)left : timeout_ms;
}

static void drain(int fd)
{
	char bytes[64];
	while (read(fd, bytes, sizeof bytes) > 0)
		continue;
}

/* Waits for the descriptors of others as well, and takes them out again. How many sockets of libcurl's are ready? */
static int poll_all(struct sender *s, struct curl_waitfd *extra, unsigned count, int timeout_ms, struct diag *d)
{
	for (unsigned i = 0; i < count; i++)
		if (!poll_for(s, extra[i].fd,
			      (short)((extra[i].events & CURL_WAIT_POLLIN ? POLLIN : 0) |
				      (extra[i].events & CURL_WAIT_POLLOUT ? POLLOUT : 0))))
			return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	int ready = poll(s->polled, s->polled_count, timeout_ms);
	if (ready < 0 && errno != EINTR)
		return diag_errno(d, DIAG_TRY_AGAIN, errno, "cannot wait for sockets");
	ready = ready < 0 ? 0 : ready;
	for (unsigned i = 0; i < count; i++) {
		struct pollfd *p = &s->polled[extra[i].fd];
		extra[i].revents = ready ? p->revents : 0;
		ready -= extra[i].revents != 0;
		p->fd = -1;
	}
	return ready;
}

int sender_wait(struct sender *s, struct curl_waitfd *extra, unsigned count, int timeout_ms, struct diag *d)
{
	sender_review_tokens(s);
	CURLMcode code = run_timers(s);
	int ready = poll_all(s, extra, count, wait_for(s, until_next_end(s, timeout_ms)), d);
	if (ready < 0)
		return -1;
	struct pollfd *wake = &s->polled[s->wake[0]];
	if (ready && wake->revents) {
		drain(wake->fd);
		wake->revents = 0;
		ready--;
	}
	if (code == CURLM_OK)
		code = run_sockets(s, ready);
	if (code == CURLM_OK)
		code = run_timers(s);
	if (code != CURLM_OK)
		return diag_fail(d, DIAG_BUG, "libcurl: %s", curl_multi_strerror(code));
	return 0;
}

void sender_wake(struct sender *s)
{
	if (write(s->wake[1], "", 1) < 0)
		return; /* it is full of wishes already */
}

/* ---- answers ---- */

static void describe(struct slot *slot, CURLcode code, struct sender_answer *a)
{
	long status = 0, proxy_status = 0, os_error = 0;
	curl_off_t took_us = 0, sent_bytes = 0, received_bytes = 0;
	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(slot->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
	curl_easy_getinfo(slot->easy, CURLINFO_OS_ERRNO, &os_error);
	curl_easy_getinfo(slot->easy, CURLINFO_TOTAL_TIME_T, &took_us);
	curl_easy_getinfo(slot->easy, CURLINFO_SIZE_UPLOAD_T, &sent_bytes);
	curl_easy_getinfo(slot->easy, CURLINFO_SIZE_DOWNLOAD_T, &received_bytes);
	*a = (struct sender_answer){.context = slot->context,
				    .facts = {.curl = code,
					      .http_status = status >= 200 ? (int)status : 0,
					      .proxy_status = (int)proxy_status,
					      .sent = slot->sent,
					      .private_address = slot->private_address},
				    .started_at = slot->started_at,
				    .ended_at = slot->started_at + took_us / 1000,
				    .sent_bytes = sent_bytes,
				    .received_bytes = received_bytes,
				    .head = buf_slice(&slot->head),
				    .body = buf_slice(&slot->body),
				    .detail = slot->detail,
				    .os_error = (int)os_error,
				    .slot = slot};
}

static void detach(struct sender *s, struct slot *slot)
{
	curl_multi_remove_handle(s->multi, slot->easy);
	s->taken_up--;
}

static void end(struct slot *slot, CURLcode code, struct sender_answer *answer)
{
	slot->ends_by = 0;
	describe(slot, code, answer);
}

/* It never left: there was no access token for it. */
static void end_parked(struct slot *slot, struct sender_answer *answer)
{
	if (slot->parked)
		sender_unpark(slot);
	slot->ends_by = 0;
	*answer = (struct sender_answer){.context = slot->context,
					 .facts = {.curl = CURLE_LOGIN_DENIED, .no_token = true},
					 .started_at = slot->started_at,
					 .ended_at = clock_now(),
					 .head = SLICE(""),
					 .body = SLICE(""),
					 .detail = slot->refused ? slot->detail : "no access token in time",
					 .slot = slot};
}

/* Timeouts are ours, not libcurl's, which looks at the clock before it looks at the socket: an answer that came while the
 * caller was busy elsewhere would be taken for none. Here all that has come has been read. */
static bool take_overdue(struct sender *s, struct sender_answer *answer)
{
	int64_t now = clock_monotonic();
	for (int i = 0; i < SENDER_SLOTS; i++) {
		struct slot *slot = &s->slots[i];
		if (!slot->ends_by || (slot->ends_by > now && !slot->refused))
			continue;
		if (slot->parked || slot->refused) {
			end_parked(slot, answer);
		} else {
			detach(s, slot);
			end(slot, CURLE_OPERATION_TIMEDOUT, answer);
		}
		return true;
	}
	return false;
}

bool sender_take(struct sender *s, struct sender_answer *answer)
{
	int left;
	for (CURLMsg *m; (m = curl_multi_info_read(s->multi, &left));) {
		if (m->msg != CURLMSG_DONE)
			continue;
		CURLcode code = m->data.result; /* gone with the handle's removal */
		struct slot *slot = NULL;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
		long status = 0;
		curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
		detach(s, slot);
		if (slot->fetches_for) {
			sender_token_taken(s, slot, code);
		} else if (!sender_renew(s, slot, status)) {
			end(slot, code, answer);
			return true;
		}
	}
	return take_overdue(s, answer);
}

void sender_release(struct sender *s, struct sender_answer *answer)
{
	struct slot *slot = answer->slot;
	slot->next = s->free;
	s->free = slot;
	answer->slot = NULL;
}

/* ---- open, close ---- */

static bool set_up_multi(struct sender *s)
{
	s->multi = curl_multi_init();
	if (!s->multi || pipe2(s->wake, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)SENDER_SLOTS);
	curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, (void *)s);
	curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, (void *)s);
	return poll_for(s, s->wake[0], POLLIN);
}

struct sender *sender_open(struct diag *d)
{
	struct sender *s = calloc(1, sizeof *s);
	if (s)
		s->wake[0] = s->wake[1] = -1;
	if (!s || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !set_up_multi(s)) {
		sender_close(s);
		diag_fail(d, DIAG_UNAVAILABLE, "libcurl could not be started");
		return NULL;
	}
	for (int i = SENDER_SLOTS - 1; i >= 0; i--) {
		s->slots[i].next = s->free;
		s->free = &s->slots[i];
	}
	return s;
}

void sender_close(struct sender *s)
{
	if (!s)
		return;
	for (struct sender_target *t = s->short_of_token; t; t = t->next)
		if (t->fetching)
			curl_multi_remove_handle(s->multi, t->fetch->easy);
	for (int i = 0; i < SENDER_SLOTS; i++) {
		struct slot *slot = &s->slots[i];
		if (!slot->easy)
			continue;
		curl_multi_remove_handle(s->multi, slot->easy);
		curl_easy_cleanup(slot->easy);
		curl_url_cleanup(slot->parts);
		buf_free(&slot->url);
		sender_wipe(&slot->lines);
		buf_free(&slot->head);
		buf_free(&slot->body);
	}
	curl_multi_cleanup(s->multi);
	curl_global_cleanup();
	if (s->wake[0] >= 0) {
		close(s->wake[0]);
		close(s->wake[1]);
	}
	free(s->polled);
	free(s);
}
