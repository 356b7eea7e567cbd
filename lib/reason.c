/* SPDX-License-Identifier: MIT */
#include "reason.h"

#include <stdlib.h>

/* ---- text of strangers, made fit for one line ---- */

/* The length of the well-formed UTF-8 sequence at the start of `text`, or 0. */
static size_t sequence_length(struct slice text)
{
	unsigned char c = (unsigned char)text.ptr[0];
	size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return len <= text.len && jtext_is_utf8((struct slice){text.ptr, len}) ? len : 0;
}

/* C0, DEL, C1, and the marks that turn the direction of text around (U+202A to U+202E, U+2066 to U+2069). */
static bool is_invisible(const char *at, size_t len)
{
	const unsigned char *c = (const unsigned char *)at;
	if (len == 1)
		return c[0] < 0x20 || c[0] == 0x7f;
	if (len == 2)
		return c[0] == 0xc2 && c[1] < 0xa0;
	return len == 3 && c[0] == 0xe2 &&
	       ((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) || (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void add_visible(struct buf *b, const char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(b, "\\x%02x", (unsigned char)at[i]);
}

/* Appends text until the whole reason, which began at `start`, has its full length. */
static void add_clean(struct buf *b, size_t start, struct slice text)
{
	bool blank = false, first = true;
	while (text.len && buf_ok(b)) {
		size_t len = sequence_length(text);
		if (is_blank(*text.ptr)) {
			blank = true;
		} else if (b->len - start >= REASON_LIMIT) {
			buf_add_text(b, "…");
			return;
		} else {
			if (blank && !first)
				buf_add_char(b, ' ');
			if (len == 0 || is_invisible(text.ptr, len))
				add_visible(b, text.ptr, len ? len : 1);
			else
				buf_add(b, text.ptr, len);
			blank = first = false;
		}
		text.ptr += len ? len : 1;
		text.len -= len ? len : 1;
	}
}

/* ---- JSON answers: the words under the usual names ---- */

struct words {
	struct buf *b;
	size_t start; /* of the whole reason */
	size_t first; /* of the words in it */
	const struct jtext *json;
	struct buf scratch;
};

static bool is_said(const struct words *w, struct slice text)
{
	struct slice said = {w->b->data + w->first, w->b->len - w->first};
	return memmem(said.ptr, said.len, text.ptr, text.len) != NULL;
}

static void say(struct words *w, const char *separator, struct slice text)
{
	if (text.len == 0 || w->b->len - w->start >= REASON_LIMIT || is_said(w, text))
		return;
	if (w->b->len > w->first)
		buf_add_text(w->b, separator);
	add_clean(w->b, w->start, text);
}

static uint32_t member(const struct words *w, uint32_t node, const char *name)
{
	return jtext_type(w->json, node) == JTEXT_OBJECT ? jtext_member(w->json, node, slice_of(name)) : JTEXT_NOWHERE;
}

/* The string at `node`, until the next call; SLICE_NONE when there is none. */
static struct slice string_at(struct words *w, uint32_t node)
{
	if (node == JTEXT_NOWHERE || jtext_type(w->json, node) != JTEXT_STRING)
		return SLICE_NONE;
	buf_clear(&w->scratch);
	return jtext_string(w->json, node, &w->scratch);
}

static struct slice first_string(struct words *w, uint32_t node, const char *const *names)
{
	for (; *names; names++) {
		struct slice text = string_at(w, member(w, node, *names));
		if (text.len)
			return text;
	}
	return SLICE_NONE;
}

/* One element of a list of errors: a text, or an object that names its field in one of the usual ways. */
static void say_element(struct words *w, uint32_t node)
{
	static const char *const fields[] = {"field", "pointer", "path", "param", "property", "parameter", NULL};
	static const char *const texts[] = {"message", "detail", "msg", "description", "title", "reason", NULL};
	if (jtext_type(w->json, node) == JTEXT_STRING) {
		say(w, "; ", string_at(w, node));
		return;
	}
	size_t before = w->b->len;
	uint32_t source = member(w, node, "source"); /* JSON:API */
	struct slice field = first_string(w, node, fields);
	if (field.len == 0 && source != JTEXT_NOWHERE)
		field = first_string(w, source, fields);
	if (field.len == 0) {
		say(w, "; ", first_string(w, node, texts));
		return;
	}
	struct slice all = {w->b->data + w->first, before - w->first};
	if (all.len)
		buf_add_text(w->b, "; ");
	add_clean(w->b, w->start, field);
	buf_add_text(w->b, ": ");
	add_clean(w->b, w->start, first_string(w, node, texts));
}

static bool is_full(const struct words *w)
{
	return w->b->len - w->start >= REASON_LIMIT || !buf_ok(w->b);
}

/* A list of errors, or an object of fields, each with a text or a list of texts. */
static void say_list(struct words *w, uint32_t node)
{
	const struct jtext *j = w->json;
	if (node == JTEXT_NOWHERE)
		return;
	if (jtext_type(j, node) == JTEXT_ARRAY) {
		for (uint32_t n = jtext_first(j, node); n < jtext_end(j, node) && !is_full(w); n = jtext_next(j, n))
			say_element(w, n);
	} else if (jtext_type(j, node) == JTEXT_OBJECT) {
		for (uint32_t k = jtext_first(j, node); k < jtext_end(j, node) && !is_full(w);
		     k = jtext_next(j, k + 1)) {
			bool list = jtext_type(j, k + 1) == JTEXT_ARRAY && jtext_length(j, k + 1) > 0;
			uint32_t text = list ? jtext_first(j, k + 1) : k + 1;
			if (jtext_type(j, text) != JTEXT_STRING)
				continue;
			if (w->b->len > w->first)
				buf_add_text(w->b, "; ");
			add_clean(w->b, w->start, string_at(w, k));
			buf_add_text(w->b, ": ");
			add_clean(w->b, w->start, string_at(w, text));
		}
	}
}

/* A member that holds a text, an object with a message, or a list. */
static void say_member(struct words *w, const char *name)
{
	static const char *const inner[] = {"message", "detail", "description", "title", "error_description", NULL};
	uint32_t node = member(w, 0, name);
	if (node == JTEXT_NOWHERE)
		return;
	if (jtext_type(w->json, node) == JTEXT_OBJECT) {
		say(w, ": ", first_string(w, node, inner));
		say_list(w, member(w, node, "errors"));
	} else if (jtext_type(w->json, node) == JTEXT_ARRAY) {
		say_list(w, node);
	} else {
		say(w, ": ", string_at(w, node));
	}
}

static void say_json(struct words *w, bool problem)
{
	if (jtext_type(w->json, 0) == JTEXT_STRING)
		say(w, "", string_at(w, 0));
	else if (jtext_type(w->json, 0) == JTEXT_ARRAY)
		say_list(w, 0);
	if (problem || member(w, 0, "detail") != JTEXT_NOWHERE)
		say_member(w, "title");
	say_member(w, "detail");
	say_member(w, "error");
	say_member(w, "message");
	say_member(w, "error_description");
	say_list(w, member(w, 0, "errors"));
}

/* ---- other answers ---- */

static bool holds(struct slice text, const char *part)
{
	size_t len = strlen(part);
	for (size_t i = 0; text.len >= len && i <= text.len - len; i++)
		if (strncasecmp(text.ptr + i, part, len) == 0)
			return true;
	return false;
}

/* Where `tag` ("<title", "</style") begins at or after `from`, or text.len. */
static size_t find_tag(struct slice text, size_t from, const char *tag)
{
	size_t len = strlen(tag);
	for (size_t i = from; i + len <= text.len; i++)
		if (text.ptr[i] == '<' && strncasecmp(text.ptr + i, tag, len) == 0)
			return i;
	return text.len;
}

static size_t tag_end(struct slice text, size_t from)
{
	const char *close = from < text.len ? memchr(text.ptr + from, '>', text.len - from) : NULL;
	return close ? (size_t)(close - text.ptr) + 1 : text.len;
}

/* Text between tags; what stands in script and style is none. */
static void strip_tags(struct buf *plain, struct slice text)
{
	static const char *const silent[][2] = {{"<script", "</script"}, {"<style", "</style"}};
	for (size_t i = 0; i < text.len && plain->len < 4 * REASON_LIMIT;) {
		size_t tag = find_tag(text, i, "<");
		buf_add(plain, text.ptr + i, tag - i);
		buf_add_char(plain, ' ');
		i = tag;
		for (size_t s = 0; s < 2; s++)
			if (tag < text.len && find_tag(text, tag, silent[s][0]) == tag)
				i = find_tag(text, tag, silent[s][1]);
		i = tag_end(text, i);
	}
}

static void say_markup(struct words *w, struct slice body)
{
	struct buf plain = BUF_INIT;
	size_t title = tag_end(body, find_tag(body, 0, "<title"));
	size_t end = find_tag(body, title, "</title");
	if (end < body.len)
		buf_add(&plain, body.ptr + title, end - title);
	else
		strip_tags(&plain, body);
	say(w, "", buf_slice(&plain));
	buf_free(&plain);
}

static void say_text(struct words *w, const struct reason_answer *a)
{
	struct slice start = a->body;
	while (start.len && is_blank(*start.ptr)) {
		start.ptr++;
		start.len--;
	}
	if (start.len == 0 || memchr(start.ptr, '\0', start.len < 512 ? start.len : 512))
		return; /* nothing, or no text */
	if (*start.ptr == '<' || holds(a->content_type, "html"))
		say_markup(w, start);
	else
		say(w, "", start);
}

/* RFC 9110 section 15, and the registry. */
static const struct {
	int status;
	const char *phrase;
} status_phrases[] = {
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Entity"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {507, "Insufficient Storage"},
};

static const char *status_phrase(int status)
{
	for (size_t i = 0; i < sizeof status_phrases / sizeof status_phrases[0]; i++)
		if (status_phrases[i].status == status)
			return status_phrases[i].phrase;
	return "";
}

void reason_of_answer(struct buf *b, const struct reason_answer *a)
{
	struct words w = {.b = b, .start = b->len, .json = a->json, .scratch = BUF_INIT};
	buf_printf(b, "%d: ", a->status);
	w.first = b->len;
	if (!buf_ok(b))
		return;
	if (a->own.len) {
		say(&w, "", a->own);
	} else if (a->status >= 300 && a->status < 400 && a->location.len) {
		buf_add_text(b, "redirects are not followed: ");
		add_clean(b, w.start, a->location);
	} else if (a->json) {
		say_json(&w, holds(a->content_type, "problem+json"));
	}
	if (b->len == w.first)
		say_text(&w, a);
	if (b->len == w.first) {
		const char *phrase = status_phrase(a->status);
		b->len = w.start;
		buf_printf(b, "HTTP %d%s%s", a->status, *phrase ? " " : "", phrase);
	}
	buf_free(&w.scratch);
}

/* ---- no answer ---- */

static void add_span(struct buf *b, int64_t ms)
{
	if (ms % 1000)
		buf_printf(b, "%lld ms", (long long)ms);
	else
		buf_printf(b, "%lld s", (long long)(ms / 1000));
}

/* How each code is put in words, round the host; the last one is for all others. */
static const struct phrase {
	const char *code, *before, *behind;
	bool tells_time, tells_detail;
} phrases[] = {
    {"dns", "the name of ", " could not be resolved", false, false},
    {"private", "not sent: the address of ", " is private, and \"private_addresses\" refuses such", false, false},
    {"timeout-connect", "no connection to ", " within ", true, false},
    {"timeout-response", "no answer from ", " within ", true, false},
    {"connect", "no connection to ", "", false, true},
    {"proxy", "the proxy makes no connection to ", "", false, true},
    {"tls", "no secure connection to ", "", false, true},
    {"reset", "the connection broke before an answer came from ", "", false, true},
    {"protocol", "no HTTP answer from ", "", false, true},
    {NULL, "could not be sent to ", "", false, true},
};

static const struct phrase *find_phrase(const char *code)
{
	const struct phrase *p = phrases;
	while (p->code && strcmp(p->code, code) != 0)
		p++;
	return p;
}

void reason_of_transfer(struct buf *b, const struct reason_transfer *t)
{
	size_t start = b->len;
	const struct phrase *p = find_phrase(t->code);
	bool refused = strcmp(t->code, "connect") == 0 && t->os_error;
	struct slice detail = slice_of(refused ? strerror(t->os_error) : t->detail);
	if (strcmp(t->code, "token") == 0) {
		add_clean(b, start, detail);
		return;
	}
	buf_add_text(b, p->before);
	add_clean(b, start, t->host);
	buf_add_text(b, p->behind);
	if (p->tells_time)
		add_span(b, t->timeout_ms);
	if (p->tells_detail && detail.len) {
		buf_add_text(b, ": ");
		add_clean(b, start, detail);
	}
	if (t->sent)
		buf_add_text(b, "; it may have arrived all the same");
}
