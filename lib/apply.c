/* SPDX-License-Identifier: MIT */
#include "apply.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

#include "utf8.h"

static const char *const names[] = {"", "trim", "lowercase", "uppercase"};

enum apply apply_named(struct slice name)
{
	for (int i = APPLY_TRIM; i <= APPLY_UPPERCASE; i++)
		if (slice_is(name, names[i]))
			return (enum apply)i;
	return APPLY_NONE;
}

const char *apply_name(enum apply apply)
{
	return names[apply];
}

/* The Unicode property White_Space, and the byte order mark that some programs leave at the front of a text. */
static bool is_space(uint32_t c)
{
	return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
	       c == 0x3000 || c == 0xfeff;
}

static struct slice trim(struct slice text)
{
	const char *start = text.ptr, *end = text.ptr + text.len;
	for (const char *at = start; at < end && is_space(utf8_take(&at));)
		start = at;
	while (end > start) {
		const char *last = end - 1;
		while (utf8_continues((unsigned char)*last))
			last--;
		const char *at = last;
		if (!is_space(utf8_take(&at)))
			break;
		end = last;
	}
	return (struct slice){start, (size_t)(end - start)};
}

/* Case must not hang on the locale of whoever runs the command; where there is no C.UTF-8, only ASCII has case. */
static locale_t unicode;
static pthread_once_t unicode_once = PTHREAD_ONCE_INIT;

static void find_unicode(void)
{
	unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!unicode)
		unicode = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
}

/* The text as it is, or with the case of its ASCII letters changed, up to the first byte that is not ASCII: how far it came. */
static size_t change_ascii(enum apply apply, struct slice text, char *out)
{
	char first = apply == APPLY_LOWERCASE ? 'A' : 'a';
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c >= 0x80)
			return i;
		out[i] = (char)(c ^ ((unsigned char)(c - first) < 26) << 5);
	}
	return text.len;
}

static struct slice change_case(enum apply apply, struct slice text, struct buf *out)
{
	size_t from = out->len;
	char *ascii = buf_reserve(out, text.len);
	if (!ascii)
		return SLICE_NONE;
	size_t done = change_ascii(apply, text, ascii);
	out->len += done;
	if (done == text.len)
		return (struct slice){out->data + from, done};
	text = (struct slice){text.ptr + done, text.len - done};
	pthread_once(&unicode_once, find_unicode);
	for (const char *at = text.ptr, *end = at + text.len; at < end;) {
		wint_t c = (wint_t)utf8_take(&at);
		char bytes[4];
		c = apply == APPLY_LOWERCASE ? towlower_l(c, unicode) : towupper_l(c, unicode);
		buf_add(out, bytes, utf8_put((uint32_t)c, bytes));
	}
	if (!buf_ok(out))
		return SLICE_NONE;
	return (struct slice){buf_slice(out).ptr + from, out->len - from};
}

struct slice apply_to(enum apply apply, struct slice text, struct buf *out)
{
	switch (apply) {
	case APPLY_TRIM:
		return trim(text);
	case APPLY_LOWERCASE:
	case APPLY_UPPERCASE:
		return change_case(apply, text, out);
	default:
		return text;
	}
}
