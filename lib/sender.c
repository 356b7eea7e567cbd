/* SPDX-License-Identifier: MIT */
#include "sender.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base64.h"
#include "clock.h"

struct sender_target {
	const struct dest *dest;
	struct curl_slist *headers; /* the same for every request */
	bool own_content_type;      /* the destination's file sets it for all */
};

/* A request's place: its easy handle and buffers are used again and again. */
struct slot {
	struct slot *next; /* free ones */
	CURL *easy;
	const struct sender_target *target; /* that the handle is set up for */
	struct buf lines;                   /* the headers of this request, NUL after each */
	struct curl_slist headers[8];       /* these lines, followed by the target's list */
	struct buf head, body;
	int64_t started_at;
	int64_t ends_by; /* monotonic; 0: not under way */
	void *context;
	char detail[CURL_ERROR_SIZE];
};

struct sender {
	CURLM *multi;
	struct slot slots[SENDER_SLOTS];
	struct slot *free;
	int taken_up; /* requests begun, whose end sender_take has not told yet */
};

/* ---- targets ---- */

static int add_header(struct sender_target *t, const struct buf *line)
{
	struct curl_slist *longer = buf_ok(line) ? curl_slist_append(t->headers, line->data) : NULL;
	if (!longer)
		return -1;
	t->headers = longer;
	return 0;
}

static int add_configured(struct sender_target *t)
{
	struct buf line = BUF_INIT;
	bool own_agent = false;
	int result = 0;
	for (size_t i = 0; i < t->dest->header_count && result == 0; i++) {
		const struct dest_header *h = &t->dest->headers[i];
		own_agent |= strcasecmp(h->name, "User-Agent") == 0;
		t->own_content_type |= strcasecmp(h->name, "Content-Type") == 0;
		buf_clear(&line);
		if (*h->value)
			buf_printf(&line, "%s: %s", h->name, h->value);
		else
			buf_printf(&line, "%s;", h->name); /* libcurl's way to say: empty, but there */
		result = add_header(t, &line);
	}
	buf_clear(&line);
	buf_add_text(&line, "User-Agent: evt/" EVT_VERSION);
	if (result == 0 && !own_agent)
		result = add_header(t, &line);
	buf_clear(&line);
	buf_add_text(&line, "Expect:"); /* no 100-continue: it costs a round trip for every large body */
	if (result == 0)
		result = add_header(t, &line);
	buf_free(&line);
	return result;
}

static void wipe(struct buf *b)
{
	if (b->data)
		OPENSSL_cleanse(b->data, b->cap);
	buf_free(b);
}

static int add_secret(struct sender_target *t)
{
	const struct dest *dest = t->dest;
	struct slice secret = dest->auth == DEST_AUTH_NONE ? SLICE_NONE : dest->secret.lines[0];
	struct buf line = BUF_INIT, pair = BUF_INIT;
	/* Room for all of it at once, so that no copy is left behind by a growing buffer. */
	buf_reserve(&line, 2 * secret.len + 4096);
	buf_reserve(&pair, secret.len + 4096);
	switch (dest->auth) {
	case DEST_AUTH_NONE:
		break;
	case DEST_AUTH_BEARER:
		buf_add_text(&line, "Authorization: Bearer ");
		buf_add_slice(&line, secret);
		break;
	case DEST_AUTH_BASIC: /* RFC 7617 */
		buf_printf(&pair, "%s:", dest->auth_user);
		buf_add_slice(&pair, secret);
		buf_add_text(&line, "Authorization: Basic ");
		base64_add(&line, buf_slice(&pair));
		break;
	case DEST_AUTH_HEADER:
		buf_printf(&line, "%s: ", dest->auth_header);
		buf_add_slice(&line, secret);
		break;
	}
	int result = !buf_ok(&pair) || (line.len && add_header(t, &line) < 0) ? -1 : 0;
	wipe(&line);
	wipe(&pair);
	return result;
}

struct sender_target *sender_target_new(const struct dest *dest)
{
	struct sender_target *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->dest = dest;
	if (add_configured(t) < 0 || add_secret(t) < 0) {
		sender_target_free(t);
		return NULL;
	}
	return t;
}

void sender_target_free(struct sender_target *t)
{
	if (!t)
		return;
	for (struct curl_slist *h = t->headers; h; h = h->next)
		OPENSSL_cleanse(h->data, strlen(h->data));
	curl_slist_free_all(t->headers);
	free(t);
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

/* ---- requests ---- */

#define SET(option, value)                                                                                             \
	do {                                                                                                           \
		if (curl_easy_setopt(slot->easy, option, value) != CURLE_OK)                                           \
			return -1;                                                                                     \
	} while (0)

/* What is the same for every request a slot will make. */
static int set_up_slot(struct slot *slot)
{
	slot->easy = curl_easy_init();
	if (!slot->easy)
		return -1;
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_HEADERFUNCTION, take_head);
	SET(CURLOPT_HEADERDATA, (void *)slot);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, (void *)slot);
	SET(CURLOPT_ERRORBUFFER, slot->detail);
	SET(CURLOPT_PRIVATE, (void *)slot);
#if LIBCURL_VERSION_NUM >= 0x075700
	SET(CURLOPT_QUICK_EXIT, 1L); /* a name server that does not answer must not hold up the others */
#endif
	return 0;
}

static int set_target(struct slot *slot, const struct sender_target *target)
{
	const struct dest *dest = target->dest;
	int64_t connect_ms = dest->timeout_ms < SENDER_CONNECT_MS ? dest->timeout_ms : SENDER_CONNECT_MS;
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	/* libcurl sends once more by itself when a kept connection turns out to be closed. Where the file says that an
	 * unanswered request must not be repeated, no connection is used twice. */
	SET(CURLOPT_FRESH_CONNECT, dest->ambiguous_fails ? 1L : 0L);
	SET(CURLOPT_FORBID_REUSE, dest->ambiguous_fails ? 1L : 0L);
	slot->target = target;
	return 0;
}

/* CloudEvents HTTP binding 1.0.2, 3.1.3.2: blanks, quotes, percent signs and what is not ASCII are percent-encoded. */
static void add_attribute(struct buf *lines, const char *name, struct slice value)
{
	static const char hex[] = "0123456789ABCDEF";
	if (!value.ptr)
		return;
	buf_printf(lines, "ce-%s: ", name);
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

static void add_lines(struct buf *lines, const struct sender_request *r)
{
	const struct sender_target *t = r->target;
	if (r->body.len == 0) {
		buf_add(lines, "Content-Type:", sizeof "Content-Type:");
	} else if (!t->own_content_type) {
		buf_add_text(lines, "Content-Type: ");
		buf_add_slice(lines, r->content_type);
		buf_add_char(lines, '\0');
	}
	if (t->dest->idempotency_header) {
		buf_printf(lines, "%s: ", t->dest->idempotency_header);
		buf_add_slice(lines, r->key);
		buf_add_char(lines, '\0');
	}
	if (r->event)
		add_attributes(lines, r->event);
}

/* List nodes of our own in front of the target's list: no header costs an allocation. */
static int set_headers(struct slot *slot, const struct sender_request *r)
{
	struct curl_slist *list = r->target->headers;
	buf_clear(&slot->lines);
	add_lines(&slot->lines, r);
	if (!buf_ok(&slot->lines))
		return -1;
	size_t count = 0;
	for (size_t at = 0; at < slot->lines.len; at += strlen(slot->lines.data + at) + 1) {
		slot->headers[count] = (struct curl_slist){slot->lines.data + at, list};
		list = &slot->headers[count++];
	}
	SET(CURLOPT_HTTPHEADER, list);
	return 0;
}

static int set_request(struct slot *slot, const struct sender_request *r)
{
	if (slot->target != r->target && set_target(slot, r->target) < 0)
		return -1;
	SET(CURLOPT_URL, r->url);
	SET(CURLOPT_CUSTOMREQUEST, strcmp(r->method, "POST") == 0 ? NULL : r->method);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
	SET(CURLOPT_POSTFIELDS, r->body.len ? r->body.ptr : "");
	return set_headers(slot, r);
}

#undef SET

int sender_start(struct sender *s, const struct sender_request *request)
{
	struct slot *slot = s->free;
	if (!slot || (!slot->easy && set_up_slot(slot) < 0))
		return -1;
	buf_clear(&slot->head);
	buf_clear(&slot->body);
	slot->detail[0] = '\0';
	slot->context = request->context;
	slot->started_at = clock_now();
	if (set_request(slot, request) < 0 || curl_multi_add_handle(s->multi, slot->easy) != CURLM_OK)
		return -1;
	slot->ends_by = clock_monotonic() + request->target->dest->timeout_ms;
	s->free = slot->next;
	s->taken_up++;
	return 0;
}

/* `timeout_ms`, or less when a request's time is up before. */
static int until_next_end(const struct sender *s, int timeout_ms)
{
	int64_t now = clock_monotonic(), wait = timeout_ms;
	for (int i = 0; i < SENDER_SLOTS; i++)
		if (s->slots[i].ends_by && s->slots[i].ends_by - now < wait)
			wait = s->slots[i].ends_by - now;
	return wait > 0 ? (int)wait : 0;
}

int sender_wait(struct sender *s, struct curl_waitfd *extra, unsigned count, int timeout_ms, struct diag *d)
{
	int running;
	CURLMcode code = curl_multi_perform(s->multi, &running);
	/* What has just ended makes no descriptor ready. */
	if (code == CURLM_OK)
		code = curl_multi_poll(s->multi, extra, count,
				       running < s->taken_up ? 0 : until_next_end(s, timeout_ms), NULL);
	if (code == CURLM_OK)
		code = curl_multi_perform(s->multi, &running);
	if (code != CURLM_OK)
		return diag_fail(d, DIAG_BUG, "libcurl: %s", curl_multi_strerror(code));
	return 0;
}

/* ---- answers ---- */

static void describe(struct slot *slot, CURLcode code, struct sender_answer *a)
{
	long status = 0, request_bytes = 0, os_error = 0;
	curl_off_t took_us = 0;
	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(slot->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
	curl_easy_getinfo(slot->easy, CURLINFO_OS_ERRNO, &os_error);
	curl_easy_getinfo(slot->easy, CURLINFO_TOTAL_TIME_T, &took_us);
	*a = (struct sender_answer){
	    .context = slot->context,
	    .facts = {.curl = code, .http_status = status >= 200 ? (int)status : 0, .sent = request_bytes > 0},
	    .started_at = slot->started_at,
	    .ended_at = slot->started_at + took_us / 1000,
	    .head = buf_slice(&slot->head),
	    .body = buf_slice(&slot->body),
	    .detail = slot->detail,
	    .os_error = (int)os_error,
	    .slot = slot};
}

static void end(struct sender *s, struct slot *slot, CURLcode code, struct sender_answer *answer)
{
	curl_multi_remove_handle(s->multi, slot->easy);
	slot->ends_by = 0;
	s->taken_up--;
	describe(slot, code, answer);
}

/* Timeouts are ours, not libcurl's, which looks at the clock before it looks at the socket: an answer that came while the
 * caller was busy elsewhere would be taken for none. Here all that has come has been read. */
static bool take_overdue(struct sender *s, struct sender_answer *answer)
{
	int64_t now = clock_monotonic();
	for (int i = 0; i < SENDER_SLOTS; i++) {
		if (s->slots[i].ends_by && s->slots[i].ends_by <= now) {
			end(s, &s->slots[i], CURLE_OPERATION_TIMEDOUT, answer);
			return true;
		}
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
		end(s, slot, code, answer);
		return true;
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

struct sender *sender_open(struct diag *d)
{
	struct sender *s = calloc(1, sizeof *s);
	if (!s || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(s->multi = curl_multi_init())) {
		free(s);
		diag_fail(d, DIAG_UNAVAILABLE, "libcurl could not be started");
		return NULL;
	}
	curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)SENDER_SLOTS);
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
	for (int i = 0; i < SENDER_SLOTS; i++) {
		struct slot *slot = &s->slots[i];
		if (!slot->easy)
			continue;
		curl_multi_remove_handle(s->multi, slot->easy);
		curl_easy_cleanup(slot->easy);
		buf_free(&slot->lines);
		buf_free(&slot->head);
		buf_free(&slot->body);
	}
	curl_multi_cleanup(s->multi);
	curl_global_cleanup();
	free(s);
}
