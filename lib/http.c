/* SPDX-License-Identifier: MIT */
#include "http.h"

/* ---- characters ---- */

enum { TOKEN = 1, URI = 2, HOST = 4, FIELD = 8, HEX = 16, DIGIT = 32 };

/* tchar of RFC 9110 section 5.6.2; what RFC 3986 lets stand in a path or query; what may stand in a host; field-vchar, obs-text, blank and tab. */
static const char token_marks[] = "!#$%&'*+-.^_`|~", uri_marks[] = "-._~%!$&'()*+,;=:@/?[]",
		  host_marks[] = "-._~%!$&'()*+,;=:[]";
static unsigned char classes[256];

static void mark(const char *chars, unsigned class)
{
	for (; *chars; chars++)
		classes[(unsigned char)*chars] |= (unsigned char)class;
}

static void prepare(void)
{
	if (classes['0'])
		return;
	for (unsigned c = 0; c < 256; c++)
		if (c == '\t' || (c >= ' ' && c != 0x7f))
			classes[c] |= FIELD;
	mark("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", TOKEN | URI | HOST);
	mark("0123456789abcdefABCDEF", HEX);
	mark("0123456789", DIGIT);
	mark(token_marks, TOKEN);
	mark(uri_marks, URI);
	mark(host_marks, HOST);
}

static size_t span(struct slice text, unsigned class)
{
	size_t len = 0;
	while (len < text.len && classes[(unsigned char)text.ptr[len]] & class)
		len++;
	return len;
}

static bool all(struct slice text, unsigned class)
{
	return span(text, class) == text.len;
}

bool http_is_token(struct slice text)
{
	prepare();
	return text.len && all(text, TOKEN);
}

bool http_is_field_value(struct slice text)
{
	prepare();
	return all(text, FIELD);
}

static bool same_word(struct slice text, struct slice word)
{
	return text.len == word.len && strncasecmp(text.ptr, word.ptr, word.len) == 0;
}

static void skip(struct slice *text, size_t len)
{
	text->ptr += len;
	text->len -= len;
}

static struct slice trim(struct slice text)
{
	while (text.len && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
		skip(&text, 1);
	while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
		text.len--;
	return text;
}

static int hex_value(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* ---- the head ---- */

size_t http_head_end(struct slice text, size_t seen)
{
	size_t at = seen > 2 ? seen - 2 : 0;
	for (const char *end; (end = memchr(text.ptr + at, '\n', text.len - at));) {
		at = (size_t)(end - text.ptr) + 1;
		if (at < text.len && text.ptr[at] == '\n')
			return at + 1;
		if (at + 1 < text.len && text.ptr[at] == '\r' && text.ptr[at + 1] == '\n')
			return at + 2;
	}
	return 0;
}

static int refuse(struct http_refusal *refusal, int status, const char *why)
{
	*refusal = (struct http_refusal){status, why};
	return -1;
}

/* The next line, without its CR LF. A line feed alone ends no line (RFC 9112 section 2.2 would allow it; others read on). */
static int next_line(struct slice *text, struct slice *line, struct http_refusal *refusal)
{
	const char *end = text->len ? memchr(text->ptr, '\n', text->len) : NULL;
	if (!end || end == text->ptr || end[-1] != '\r')
		return refuse(refusal, 400, "a line of the head does not end in CR LF");
	*line = (struct slice){text->ptr, (size_t)(end - text->ptr) - 1};
	skip(text, line->len + 2);
	return 0;
}

static bool escapes_are_whole(struct slice text)
{
	const char *at = text.ptr, *end = text.ptr + text.len;
	for (; at < end && (at = memchr(at, '%', (size_t)(end - at))); at++)
		if (end - at < 3 || !(classes[(unsigned char)at[1]] & HEX) || !(classes[(unsigned char)at[2]] & HEX))
			return false;
	return true;
}

/* origin-form, or absolute-form, whose authority is as good as the Host: which one it is does not matter here (RFC 9112 section 3.2), only
 * that all readers see where it ends. */
static int read_target(struct request *r, struct slice target, struct http_refusal *refusal)
{
	static const struct slice schemes[] = {{"http://", 7}, {"https://", 8}};
	if (!all(target, URI) || !escapes_are_whole(target))
		return refuse(refusal, 400, "the request's target holds what an address may not");
	for (size_t i = 0; i < 2; i++) {
		if (target.len < schemes[i].len || strncasecmp(target.ptr, schemes[i].ptr, schemes[i].len) != 0)
			continue;
		skip(&target, schemes[i].len);
		struct slice host = target;
		while (target.len && target.ptr[0] != '/')
			skip(&target, 1);
		host.len -= target.len;
		if (host.len == 0 || !all(host, HOST))
			return refuse(refusal, 400, "the request's target names no host");
	}
	if (target.len == 0 || target.ptr[0] != '/')
		return refuse(refusal, 400, "the request's target is no path");
	const char *query = memchr(target.ptr, '?', target.len);
	r->path = target;
	r->query = SLICE_NONE;
	if (query) {
		r->path.len = (size_t)(query - target.ptr);
		r->query = (struct slice){query + 1, target.len - r->path.len - 1};
	}
	return 0;
}

static int read_version(struct http_head *head, struct slice version, struct http_refusal *refusal)
{
	static const struct slice name = {"HTTP/", 5};
	if (version.len != 8 || memcmp(version.ptr, name.ptr, name.len) != 0 || version.ptr[6] != '.' ||
	    !(classes[(unsigned char)version.ptr[5]] & DIGIT) || !(classes[(unsigned char)version.ptr[7]] & DIGIT))
		return refuse(refusal, 400, "the request line does not end in a version of HTTP");
	if (version.ptr[5] != '1')
		return refuse(refusal, 505, "expected HTTP/1.1");
	head->old = version.ptr[7] == '0';
	return 0;
}

/* method SP target SP version, single blanks (RFC 9112 section 3). */
static int read_request_line(struct http_head *head, struct slice line, struct http_refusal *refusal)
{
	struct request *r = &head->request;
	const char *first = line.len ? memchr(line.ptr, ' ', line.len) : NULL;
	size_t method = first ? (size_t)(first - line.ptr) : 0;
	r->method = (struct slice){line.ptr, method};
	if (method == 0 || !all(r->method, TOKEN))
		return refuse(refusal, 400, "the request line does not begin with a method");
	skip(&line, method + 1);
	const char *second = line.len ? memchr(line.ptr, ' ', line.len) : NULL;
	if (!second)
		return refuse(refusal, 400, "the request line does not end in a version of HTTP");
	struct slice target = {line.ptr, (size_t)(second - line.ptr)};
	skip(&line, target.len + 1);
	return read_version(head, line, refusal) < 0 ? -1 : read_target(r, target, refusal);
}

static int read_field(struct slice line, struct request_header *field, struct http_refusal *refusal)
{
	size_t name = span(line, TOKEN);
	if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
		return refuse(refusal, 400, "a header that goes on in the next line");
	if (name == 0 || name == line.len || line.ptr[name] != ':')
		return refuse(refusal, 400, "a header whose name is none");
	field->name = (struct slice){line.ptr, name};
	skip(&line, name + 1);
	field->value = trim(line);
	return all(line, FIELD) ? 0 : refuse(refusal, 400, "a header with a control character in it");
}

static int read_fields(struct http_head *head, struct slice text, struct http_refusal *refusal)
{
	struct slice line;
	struct request *r = &head->request;
	r->headers = head->headers;
	r->header_count = 0;
	for (;;) {
		if (next_line(&text, &line, refusal) < 0)
			return -1;
		if (line.len == 0)
			return text.len == 0 ? 0 : refuse(refusal, 400, "a line of the head does not end in CR LF");
		if (r->header_count == HTTP_HEADERS)
			return refuse(refusal, 431, "more than 100 headers");
		if (read_field(line, &head->headers[r->header_count], refusal) < 0)
			return -1;
		r->header_count++;
	}
}

/* A list of words; does it hold this one? */
static bool lists(struct slice value, struct slice word)
{
	while (value.len) {
		const char *comma = memchr(value.ptr, ',', value.len);
		struct slice item = {value.ptr, comma ? (size_t)(comma - value.ptr) : value.len};
		if (same_word(trim(item), word))
			return true;
		skip(&value, item.len + (comma != NULL));
	}
	return false;
}

struct framing {
	int lengths, codings, hosts, expectations;
	struct slice length, coding, host, expectation;
	bool close, keep;
};

static void note_field(struct framing *f, const struct request_header *h)
{
	switch (h->name.len) {
	case 4:
		if (same_word(h->name, SLICE("Host"))) {
			f->hosts++;
			f->host = h->value;
		}
		break;
	case 6:
		if (same_word(h->name, SLICE("Expect"))) {
			f->expectations++;
			f->expectation = h->value;
		}
		break;
	case 10:
		if (same_word(h->name, SLICE("Connection"))) {
			f->close |= lists(h->value, SLICE("close"));
			f->keep |= lists(h->value, SLICE("keep-alive"));
		}
		break;
	case 14:
		if (same_word(h->name, SLICE("Content-Length"))) {
			f->lengths++;
			f->length = h->value;
		}
		break;
	case 17:
		if (same_word(h->name, SLICE("Transfer-Encoding"))) {
			f->codings++;
			f->coding = h->value;
		}
		break;
	default:
		break;
	}
}

static uint64_t decimal(struct slice digits)
{
	uint64_t value = 0;
	for (size_t i = 0; i < digits.len; i++)
		value = value * 10 + (uint64_t)(digits.ptr[i] - '0');
	return value;
}

/* RFC 9112 sections 3.2 and 6: where a body ends must not be open to two readings. */
static int read_framing(struct http_head *head, struct http_refusal *refusal)
{
	struct framing f = {0};
	bool old = head->old;
	for (size_t i = 0; i < head->request.header_count; i++)
		note_field(&f, &head->headers[i]);
	if (f.hosts > 1 || (f.hosts == 0 && !old))
		return refuse(refusal, 400, f.hosts ? "more than one Host" : "no Host");
	if (!all(f.host, HOST))
		return refuse(refusal, 400, "a Host that is none");
	if (f.lengths + f.codings > 1)
		return refuse(refusal, 400, "the length of the body is told twice");
	if (f.lengths && (f.length.len == 0 || f.length.len > 18 || !all(f.length, DIGIT)))
		return refuse(refusal, 400, "Content-Length: expected digits, at most 18");
	if (f.codings && (old || !same_word(f.coding, SLICE("chunked"))))
		return refuse(refusal, 400, "Transfer-Encoding: expected chunked, in HTTP/1.1");
	if (f.expectations > 1 || (f.expectations && !same_word(f.expectation, SLICE("100-continue"))))
		return refuse(refusal, 417, "Expect: expected 100-continue");
	head->length = f.lengths ? decimal(f.length) : 0;
	head->chunked = f.codings;
	head->expects = f.expectations && !old;
	head->close = f.close || (old && !f.keep);
	return 0;
}

int http_head_read(struct http_head *head, struct slice text, struct http_refusal *refusal)
{
	struct slice line;
	prepare();
	head->request.body = SLICE_NONE;
	head->request.peer = "";
	if (next_line(&text, &line, refusal) < 0 || read_request_line(head, line, refusal) < 0 ||
	    read_fields(head, text, refusal) < 0)
		return -1;
	return read_framing(head, refusal);
}

/* ---- chunks: RFC 9112 section 7.1. One byte at a time, but for content. ---- */

enum {
	SIZE,
	EXTENSION,
	SIZE_LF,
	CONTENT,
	CONTENT_CR,
	CONTENT_LF,
	TRAILER,
	TRAILER_NAME,
	TRAILER_LINE,
	TRAILER_LF,
	LAST_LF
};

static enum http_chunked take_size(struct http_chunks *c, char byte)
{
	if (classes[(unsigned char)byte] & HEX) {
		if (++c->digits > 12)
			return HTTP_BAD;
		c->left = c->left << 4 | (uint64_t)hex_value(byte);
	} else if (c->digits && (byte == '\r' || byte == ';')) {
		c->state = byte == ';' ? EXTENSION : SIZE_LF;
	} else {
		return HTTP_BAD;
	}
	return HTTP_MORE;
}

/* A line of which nothing is wanted: of extensions, or a trailer. */
static enum http_chunked take_extra(struct http_chunks *c, char byte, int after)
{
	if (byte == '\r')
		c->state = after;
	else if (!(classes[(unsigned char)byte] & FIELD) || ++c->extra > HTTP_CHUNK_EXTRA)
		return HTTP_BAD;
	return HTTP_MORE;
}

/* Of a trailer; nothing is wanted of it, but it must be one (RFC 9112 section 5). */
static enum http_chunked take_name(struct http_chunks *c, char byte)
{
	if (byte == ':')
		c->state = TRAILER_LINE;
	else if (!(classes[(unsigned char)byte] & TOKEN))
		return HTTP_BAD;
	return ++c->extra > HTTP_CHUNK_EXTRA ? HTTP_BAD : HTTP_MORE;
}

static enum http_chunked take_byte(struct http_chunks *c, char byte)
{
	switch (c->state) {
	case SIZE:
		return take_size(c, byte);
	case EXTENSION:
		return take_extra(c, byte, SIZE_LF);
	case SIZE_LF:
		c->state = c->left ? CONTENT : TRAILER;
		c->digits = 0;
		return byte == '\n' ? HTTP_MORE : HTTP_BAD;
	case CONTENT_CR:
		c->state = CONTENT_LF;
		return byte == '\r' ? HTTP_MORE : HTTP_BAD;
	case CONTENT_LF:
		c->state = SIZE;
		return byte == '\n' ? HTTP_MORE : HTTP_BAD;
	case TRAILER:
		c->state = byte == '\r' ? LAST_LF : TRAILER_NAME;
		return byte == '\r' || classes[(unsigned char)byte] & TOKEN ? HTTP_MORE : HTTP_BAD;
	case TRAILER_NAME:
		return take_name(c, byte);
	case TRAILER_LINE:
		return take_extra(c, byte, TRAILER_LF);
	case TRAILER_LF:
		c->state = TRAILER;
		return byte == '\n' ? HTTP_MORE : HTTP_BAD;
	default:
		return byte == '\n' ? HTTP_END : HTTP_BAD;
	}
}

enum http_chunked http_chunks_read(struct http_chunks *c, struct slice *text, struct slice *data)
{
	enum http_chunked result = HTTP_MORE;
	prepare();
	while (text->len && result == HTTP_MORE) {
		if (c->state == CONTENT) {
			*data = *text;
			if (data->len > c->left)
				data->len = (size_t)c->left;
			c->left -= data->len;
			if (c->left == 0)
				c->state = CONTENT_CR;
			skip(text, data->len);
			return HTTP_DATA;
		}
		result = take_byte(c, text->ptr[0]);
		skip(text, 1);
	}
	return result;
}

/* ---- answers ---- */

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {{200, "OK"},
		       {202, "Accepted"},
		       {204, "No Content"},
		       {303, "See Other"},
		       {400, "Bad Request"},
		       {401, "Unauthorized"},
		       {403, "Forbidden"},
		       {404, "Not Found"},
		       {405, "Method Not Allowed"},
		       {408, "Request Timeout"},
		       {413, "Content Too Large"},
		       {414, "URI Too Long"},
		       {415, "Unsupported Media Type"},
		       {417, "Expectation Failed"},
		       {421, "Misdirected Request"},
		       {429, "Too Many Requests"},
		       {431, "Request Header Fields Too Large"},
		       {500, "Internal Server Error"},
		       {503, "Service Unavailable"},
		       {505, "HTTP Version Not Supported"}};
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

/* ---- queries and forms ---- */

int http_unescape(struct buf *b, struct slice text, bool form)
{
	prepare();
	if (!escapes_are_whole(text))
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '%') {
			buf_add_char(b, (char)(hex_value(text.ptr[i + 1]) << 4 | hex_value(text.ptr[i + 2])));
			i += 2;
		} else {
			buf_add_char(b, form && text.ptr[i] == '+' ? ' ' : text.ptr[i]);
		}
	}
	return 0;
}

bool http_next_field(struct slice *rest, struct slice *name, struct slice *value)
{
	while (rest->len && rest->ptr[0] == '&')
		skip(rest, 1);
	if (rest->len == 0)
		return false;
	const char *end = memchr(rest->ptr, '&', rest->len);
	struct slice field = {rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len};
	skip(rest, field.len);
	const char *equals = memchr(field.ptr, '=', field.len);
	*name = *value = field;
	name->len = equals ? (size_t)(equals - field.ptr) : field.len;
	skip(value, name->len + (equals != NULL));
	return true;
}
