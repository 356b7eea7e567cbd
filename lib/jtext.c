/* SPDX-License-Identifier: MIT */
#include "jtext.h"

#include <stdlib.h>

#include "utf8.h"

enum { FIRST_NODES = 64 };

void jtext_free(struct jtext *j)
{
	free(j->nodes);
	*j = JTEXT_INIT;
}

/* ---- parsing ---- */

/* One text being parsed. `at` is the next byte to look at; reason is set when the text is refused there. */
struct scan {
	struct jtext *j;
	const unsigned char *text, *at, *end;
	const char *reason;
	uint32_t open[JTEXT_DEPTH]; /* the containers that have not been closed, outermost first */
	size_t depth;
};

static bool refuse(struct scan *s, const unsigned char *at, const char *reason)
{
	s->at = at;
	s->reason = reason;
	return false;
}

static bool refuse_here(struct scan *s, const char *expected)
{
	return refuse(s, s->at, s->at == s->end ? "the text ends too early" : expected);
}

static bool grow(struct jtext *j)
{
	size_t cap = j->cap ? (size_t)j->cap * 2 : FIRST_NODES;
	if (cap > UINT32_MAX)
		cap = UINT32_MAX;
	struct jtext_node *grown = cap > j->cap ? realloc(j->nodes, cap * sizeof *grown) : NULL;
	if (!grown)
		return false;
	j->nodes = grown;
	j->cap = (uint32_t)cap;
	return true;
}

/* A value that ends at s->at and holds no other. */
static inline bool add_node(struct scan *s, const unsigned char *start, enum jtext_type type, bool escaped)
{
	struct jtext *j = s->j;
	if (j->count == j->cap && !grow(j))
		return refuse(s, start, "out of memory");
	j->nodes[j->count] = (struct jtext_node){.start = (uint32_t)(start - s->text),
						 .end = (uint32_t)(s->at - s->text),
						 .skip = j->count + 1,
						 .type = (uint8_t)type,
						 .escaped = escaped};
	j->count++;
	return true;
}

static inline void skip_blanks(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
		s->at++;
}

/* What a byte means inside a string. */
enum { PLAIN, QUOTE, BACKSLASH, CONTROL, HIGH };

#define EIGHT(class) class, class, class, class, class, class, class, class
#define HIGHS16      EIGHT(HIGH), EIGHT(HIGH)
#define PLAINS16     EIGHT(PLAIN), EIGHT(PLAIN)
static const uint8_t byte_class[256] = {
    EIGHT(CONTROL), EIGHT(CONTROL), EIGHT(CONTROL), EIGHT(CONTROL),                   /* 00 to 1f */
    PLAIN,          PLAIN,          QUOTE,          PLAIN,          PLAIN,     PLAIN, /* 20 to 25 */
    PLAIN,          PLAIN,          EIGHT(PLAIN),   PLAINS16,                         /* 26 to 3f */
    PLAINS16,       EIGHT(PLAIN),                                                     /* 40 to 57 */
    PLAIN,          PLAIN,          PLAIN,          PLAIN,          BACKSLASH, PLAIN, /* 58 to 5d */
    PLAIN,          PLAIN,          PLAINS16,       PLAINS16,                         /* 5e to 7f */
    HIGHS16,        HIGHS16,        HIGHS16,        HIGHS16,                          /* 80 to bf */
    HIGHS16,        HIGHS16,        HIGHS16,        HIGHS16,                          /* c0 to ff */
};

/* Many bytes at a time, in one vector register where the machine has them: are all of them PLAIN? As a signed byte, what is above
 * 0x7f is less than 0x20, too. */
typedef signed char bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

static inline bool sixteen_plain(const unsigned char *at)
{
	bytes16 v;
	memcpy(&v, at, sizeof v);
	words2 special = (words2)((v == '"') | (v == '\\') | (v < 0x20));
	return (special[0] | special[1]) == 0;
}

/* Of eight bytes, the top bits of those that are not PLAIN; behind the first of them other bits may be set, too. */
static inline uint64_t not_plain(const unsigned char *at)
{
	const uint64_t ones = 0x0101010101010101U, tops = 0x8080808080808080U;
	uint64_t v;
	memcpy(&v, at, sizeof v);
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		v = __builtin_bswap64(v);
	uint64_t quote = v ^ (ones * '"'), backslash = v ^ (ones * '\\');
	uint64_t special = v | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((v - ones * 0x20) & ~v);
	return special & tops;
}

static inline const unsigned char *skip_plain(const unsigned char *at, const unsigned char *end)
{
	while (end - at >= 32 && sixteen_plain(at))
		at += 16;
	for (; end - at >= 8; at += 8) {
		uint64_t special = not_plain(at);
		if (special)
			return at + __builtin_ctzll(special) / 8;
	}
	while (at < end && byte_class[*at] == PLAIN)
		at++;
	return at;
}

static int hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The length of the escape whose backslash is at `at`, or 0. */
static size_t escape_length(const unsigned char *at, const unsigned char *end)
{
	if (end - at < 2)
		return 0;
	if (at[1] != 'u')
		return at[1] && strchr("\"\\/bfnrt", at[1]) ? 2 : 0;
	if (end - at < 6)
		return 0;
	for (int i = 2; i < 6; i++)
		if (hex_digit(at[i]) < 0)
			return 0;
	return 6;
}

static bool refuse_string(struct scan *s, const unsigned char *at, int class)
{
	if (class == BACKSLASH)
		return refuse(s, at, "invalid escape in a string");
	if (class == HIGH)
		return refuse(s, at, "invalid UTF-8");
	return refuse(s, at, *at ? "control character in a string" : "NUL byte");
}

/* s->at stands on the opening quote. */
static inline bool scan_string(struct scan *s)
{
	const unsigned char *start = s->at, *at = start + 1, *end = s->end;
	bool escaped = false;
	for (;;) {
		at = skip_plain(at, end);
		if (at == end)
			return refuse(s, at, "the text ends too early");
		int class = byte_class[*at];
		if (class == QUOTE)
			break;
		size_t len = 0;
		if (class == HIGH)
			len = utf8_sequence(at, end);
		else if (class == BACKSLASH)
			len = escape_length(at, end);
		if (len == 0)
			return refuse_string(s, at, class);
		escaped |= class == BACKSLASH;
		at += len;
	}
	s->at = at + 1;
	return add_node(s, start, JTEXT_STRING, escaped);
}

static inline const unsigned char *skip_digits(const unsigned char *at, const unsigned char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

/* The end of the number that begins at `at`, or NULL with *wrong: RFC 8259 section 6. */
static const unsigned char *number_end(const unsigned char *at, const unsigned char *end, const unsigned char **wrong)
{
	if (at < end && *at == '-')
		at++;
	const unsigned char *digits = at;
	at = at < end && *at == '0' ? at + 1 : skip_digits(at, end);
	*wrong = at;
	if (at == digits)
		return NULL;
	if (at < end && *at == '.') {
		digits = at + 1;
		*wrong = at = skip_digits(digits, end);
		if (at == digits)
			return NULL;
	}
	if (at < end && (*at | 0x20) == 'e') {
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		digits = at;
		*wrong = at = skip_digits(digits, end);
		if (at == digits)
			return NULL;
	}
	return at;
}

static bool scan_number(struct scan *s)
{
	const unsigned char *start = s->at, *wrong;
	const unsigned char *end = number_end(start, s->end, &wrong);
	if (!end) {
		s->at = wrong;
		return refuse_here(s, "invalid number");
	}
	s->at = end;
	if (end < s->end && *end >= '0' && *end <= '9')
		return refuse(s, end, "number with a leading zero");
	return add_node(s, start, JTEXT_NUMBER, false);
}

static bool scan_word(struct scan *s, const char *word, size_t len, enum jtext_type type)
{
	const unsigned char *start = s->at;
	if ((size_t)(s->end - start) < len || memcmp(start, word, len) != 0)
		return refuse_here(s, "expected a value");
	s->at += len;
	return add_node(s, start, type, false);
}

static bool refuse_value(struct scan *s)
{
	if (s->at < s->end && *s->at == '\0')
		return refuse(s, s->at, "NUL byte");
	if (s->at == s->text && s->end - s->at >= 3 && memcmp(s->at, "\xef\xbb\xbf", 3) == 0)
		return refuse(s, s->at, "byte order mark");
	if (s->at == s->end && s->j->count == 0)
		return refuse(s, s->at, "empty text");
	return refuse_here(s, "expected a value");
}

static inline bool scan_scalar(struct scan *s)
{
	switch (s->at < s->end ? *s->at : 0) {
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true", 4, JTEXT_TRUE);
	case 'f':
		return scan_word(s, "false", 5, JTEXT_FALSE);
	case 'n':
		return scan_word(s, "null", 4, JTEXT_NULL);
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		return scan_number(s);
	default:
		return refuse_value(s);
	}
}

/* A member's name and the colon behind it, up to where its value must begin. */
static inline bool scan_name(struct scan *s)
{
	skip_blanks(s);
	if (s->at == s->end || *s->at != '"')
		return refuse_here(s, "expected a name in quotes");
	if (!scan_string(s))
		return false;
	skip_blanks(s);
	if (s->at == s->end || *s->at != ':')
		return refuse_here(s, "expected ':'");
	s->at++;
	return true;
}

static inline bool in_object(const struct scan *s)
{
	return s->j->nodes[s->open[s->depth - 1]].type == JTEXT_OBJECT;
}

static inline bool closes(const struct scan *s)
{
	return s->at < s->end && *s->at == (in_object(s) ? '}' : ']');
}

static inline void close_container(struct scan *s)
{
	struct jtext_node *node = &s->j->nodes[s->open[--s->depth]];
	s->at++;
	node->end = (uint32_t)(s->at - s->text);
	node->skip = s->j->count;
}

enum step { STEP_REFUSED, STEP_VALUE, STEP_DONE }; /* what must follow */

/* s->at stands on a bracket. */
static inline enum step open_container(struct scan *s)
{
	if (s->depth == JTEXT_DEPTH) {
		refuse(s, s->at, "nested too deep");
		return STEP_REFUSED;
	}
	const unsigned char *start = s->at++;
	uint32_t node = s->j->count;
	if (!add_node(s, start, *start == '{' ? JTEXT_OBJECT : JTEXT_ARRAY, false))
		return STEP_REFUSED;
	s->open[s->depth++] = node;
	if (s->depth > s->j->deepest)
		s->j->deepest = (uint32_t)s->depth;
	skip_blanks(s);
	if (closes(s)) {
		close_container(s);
		return STEP_DONE;
	}
	return !in_object(s) || scan_name(s) ? STEP_VALUE : STEP_REFUSED;
}

/* After a value: closes the containers that end here; STEP_VALUE when one goes on, STEP_DONE when none is left open. */
static inline enum step after_value(struct scan *s)
{
	while (s->depth) {
		skip_blanks(s);
		if (s->at < s->end && *s->at == ',') {
			s->at++;
			return !in_object(s) || scan_name(s) ? STEP_VALUE : STEP_REFUSED;
		}
		if (!closes(s)) {
			refuse_here(s, in_object(s) ? "expected ',' or '}'" : "expected ',' or ']'");
			return STEP_REFUSED;
		}
		close_container(s);
	}
	return STEP_DONE;
}

static bool scan_text(struct scan *s)
{
	enum step step;
	do {
		skip_blanks(s);
		if (s->at < s->end && (*s->at == '{' || *s->at == '['))
			step = open_container(s);
		else
			step = scan_scalar(s) ? STEP_DONE : STEP_REFUSED;
		if (step == STEP_DONE)
			step = after_value(s);
	} while (step == STEP_VALUE);
	if (step == STEP_REFUSED)
		return false;
	skip_blanks(s);
	return s->at == s->end || refuse(s, s->at, *s->at ? "more text after the value" : "NUL byte");
}

int jtext_parse(struct jtext *j, struct slice text, struct jtext_error *error)
{
	j->text = text;
	j->count = j->deepest = 0;
	if (text.len >= UINT32_MAX) {
		*error = (struct jtext_error){UINT32_MAX, "4 GiB or more of text"};
		return -1;
	}
	const unsigned char *bytes = (const unsigned char *)(text.ptr ? text.ptr : "");
	struct scan s;
	s.j = j;
	s.text = s.at = bytes;
	s.end = bytes + text.len;
	s.depth = 0;
	if (scan_text(&s))
		return 0;
	*error = (struct jtext_error){(size_t)(s.at - s.text), s.reason};
	j->count = 0;
	return -1;
}

/* ---- reading ---- */

const char *jtext_type_name(enum jtext_type type)
{
	static const char *const names[] = {"null", "boolean", "boolean", "number", "string", "array", "object"};
	return names[type];
}

uint32_t jtext_length(const struct jtext *j, uint32_t container)
{
	uint32_t step = jtext_type(j, container) == JTEXT_OBJECT ? 1 : 0, length = 0;
	for (uint32_t n = jtext_first(j, container); n < jtext_end(j, container); n = jtext_next(j, n + step))
		length++;
	return length;
}

/* Between the quotes. */
static struct slice string_body(const struct jtext *j, uint32_t node)
{
	struct slice raw = jtext_raw(j, node);
	return (struct slice){raw.ptr + 1, raw.len - 2};
}

static uint32_t hex_unit(const char *at)
{
	uint32_t unit = 0;
	for (int i = 0; i < 4; i++)
		unit = unit << 4 | (uint32_t)hex_digit((unsigned char)at[i]);
	return unit;
}

/* Decodes the valid escape at *at, moves *at behind it; the length of what it stands for. */
static size_t take_escape(const char **at, const char *end, char out[4])
{
	static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
	const char *escape = *at;
	*at += 2;
	if (escape[1] != 'u') {
		const char *letter = strchr(letters, escape[1]);
		out[0] = letter ? meanings[letter - letters] : escape[1];
		return 1;
	}
	*at += 4;
	uint32_t unit = hex_unit(escape + 2);
	if (unit < 0xd800 || unit > 0xdfff)
		return utf8_put(unit, out);
	if (unit < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
		uint32_t low = hex_unit(*at + 2);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*at += 6;
			return utf8_put(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), out);
		}
	}
	return utf8_put(0xfffd, out);
}

bool jtext_is_whole(const struct jtext *j, uint32_t node)
{
	static const char replacement[3] = "\xef\xbf\xbd";
	struct slice body = string_body(j, node);
	const char *end = body.ptr + body.len;
	for (const char *at = body.ptr; at < end && (at = memchr(at, '\\', (size_t)(end - at)));) {
		char decoded[4];
		const char *escape = at;
		if (take_escape(&at, end, decoded) == sizeof replacement &&
		    memcmp(decoded, replacement, sizeof replacement) == 0 && hex_unit(escape + 2) != 0xfffd)
			return false;
	}
	return true;
}

struct slice jtext_decode(const struct jtext *j, uint32_t node, struct buf *scratch)
{
	struct slice body = string_body(j, node);
	char *out = buf_reserve(scratch, body.len); /* no escape is shorter than what it stands for */
	if (!out)
		return SLICE_NONE;
	size_t len = 0;
	for (const char *at = body.ptr, *end = at + body.len; at < end;) {
		const char *escape = memchr(at, '\\', (size_t)(end - at));
		size_t plain = (size_t)((escape ? escape : end) - at);
		memcpy(out + len, at, plain);
		len += plain;
		at += plain;
		if (escape) {
			char decoded[4];
			size_t size = take_escape(&at, end, decoded);
			memcpy(out + len, decoded, size);
			len += size;
		}
	}
	out[len] = '\0';
	scratch->len += len;
	return (struct slice){out, len};
}

static bool escaped_equals(struct slice body, struct slice text)
{
	size_t matched = 0;
	for (const char *at = body.ptr, *end = at + body.len; at < end;) {
		char decoded[4] = {*at};
		size_t size = 1;
		if (*at == '\\')
			size = take_escape(&at, end, decoded);
		else
			at++;
		if (text.len - matched < size || memcmp(text.ptr + matched, decoded, size) != 0)
			return false;
		matched += size;
	}
	return matched == text.len;
}

/* Most names differ in length already. */
static inline bool string_equals(const struct jtext *j, uint32_t node, struct slice text)
{
	const struct jtext_node *n = &j->nodes[node];
	if (n->escaped)
		return escaped_equals(string_body(j, node), text);
	return n->end - n->start - 2 == text.len && slice_same_bytes(j->text.ptr + n->start + 1, text.ptr, text.len);
}

uint32_t jtext_member(const struct jtext *j, uint32_t object, struct slice name)
{
	uint32_t found = JTEXT_NOWHERE;
	for (uint32_t k = jtext_first(j, object); k < jtext_end(j, object); k = jtext_next(j, k + 1))
		if (string_equals(j, k, name))
			found = k + 1;
	return found;
}

/* ---- writing ---- */

static void add_escape(struct buf *b, unsigned char c)
{
	static const char letters[] = "\"\\\b\f\n\r\t", escapes[] = "\"\\bfnrt";
	const char *letter = c ? strchr(letters, c) : NULL;
	if (letter)
		buf_add(b, (char[]){'\\', escapes[letter - letters]}, 2);
	else
		buf_printf(b, "\\u%04x", c);
}

void jtext_add_string(struct buf *b, struct slice text)
{
	const unsigned char *at = (const unsigned char *)text.ptr, *end = at + text.len, *kept = at;
	buf_add_char(b, '"');
	while (at < end) {
		at = skip_plain(at, end);
		size_t sequence = at < end && byte_class[*at] == HIGH ? utf8_sequence(at, end) : 0;
		if (sequence || at == end) {
			at += sequence;
			continue;
		}
		buf_add(b, kept, (size_t)(at - kept));
		if (byte_class[*at] == HIGH)
			buf_add_text(b, "\xef\xbf\xbd");
		else
			add_escape(b, *at);
		kept = ++at;
	}
	buf_add(b, kept, (size_t)(end - kept));
	buf_add_char(b, '"');
}

void jtext_add_one_line(struct buf *b, struct slice raw)
{
	size_t from = b->len;
	buf_add_slice(b, raw);
	if (!buf_ok(b) || raw.len == 0)
		return;
	char *end = b->data + b->len;
	for (char *at = b->data + from; (at = memchr(at, '\n', (size_t)(end - at))) != NULL;)
		*at = ' ';
	for (char *at = b->data + from; (at = memchr(at, '\r', (size_t)(end - at))) != NULL;)
		*at = ' ';
}

/* ---- is it one? ---- */

bool jtext_is_number(struct slice text)
{
	const unsigned char *at = (const unsigned char *)text.ptr, *wrong;
	return text.len && number_end(at, at + text.len, &wrong) == at + text.len;
}

bool jtext_is_utf8(struct slice text)
{
	const unsigned char *at = (const unsigned char *)text.ptr, *end = at + text.len;
	while (at < end) {
		size_t len = *at < 0x80 ? 1 : utf8_sequence(at, end);
		if (len == 0)
			return false;
		at += len;
	}
	return true;
}
