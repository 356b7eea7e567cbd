/* SPDX-License-Identifier: MIT */
#include "template.h"

#include <stdlib.h>

static const char *const names[] = {"record", "subject", "id", "type"};

enum { NAMES = sizeof names / sizeof names[0] };

static int name_index(struct slice name)
{
	for (int i = 0; i < NAMES; i++)
		if (slice_is(name, names[i]))
			return i;
	return -1;
}

/* Where the path, query or fragment begins: the end of scheme and authority. */
static size_t authority_end(struct slice url)
{
	size_t i = 0;
	while (i < url.len && url.ptr[i] != ':')
		i++;
	for (i += 3; i < url.len; i++)
		if (strchr("/?#", url.ptr[i]))
			return i;
	return url.len;
}

/* The expression's name, at the brace *at, which moves past its end. SLICE_NONE when it is not closed. */
static struct slice take_name(struct slice url, size_t *at)
{
	const char *start = url.ptr + *at + 1;
	const char *close = memchr(start, '}', url.len - *at - 1);
	if (!close)
		return SLICE_NONE;
	*at = (size_t)(close - url.ptr) + 1;
	return (struct slice){start, (size_t)(close - start)};
}

int template_check(struct slice url, struct diag *d)
{
	size_t fixed = authority_end(url);
	for (size_t i = 0; i < url.len;) {
		if (url.ptr[i] == '}')
			return diag_fail(d, DIAG_CONFIG, "a '}' without its '{'");
		if (url.ptr[i] != '{') {
			i++;
			continue;
		}
		if (i < fixed)
			return diag_fail(d, DIAG_CONFIG, "a {...} cannot stand in the scheme or the host part");
		struct slice name = take_name(url, &i);
		if (!name.ptr)
			return diag_fail(d, DIAG_CONFIG, "a '{' without its '}'");
		if (name_index(name) < 0)
			return diag_fail(d, DIAG_CONFIG, "{%.*s} is none of {record}, {subject}, {id}, {type}",
					 (int)(name.len < 64 ? name.len : 64), name.ptr);
	}
	return 0;
}

bool template_uses(struct slice url, const char *name)
{
	for (size_t i = 0; i < url.len; i++) {
		if (url.ptr[i] != '{')
			continue;
		struct slice found = take_name(url, &i);
		if (!found.ptr)
			return false;
		if (slice_is(found, name))
			return true;
		i--;
	}
	return false;
}

static bool is_unreserved(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

static void add_encoded(struct buf *url, struct slice value)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if (is_unreserved(c)) {
			buf_add_char(url, (char)c);
		} else {
			char encoded[3] = {'%', hex[c >> 4], hex[c & 15]};
			buf_add(url, encoded, sizeof encoded);
		}
	}
}

static bool has_dot_segment(struct slice url)
{
	size_t i = authority_end(url);
	while (i < url.len && url.ptr[i] == '/') {
		size_t start = ++i;
		while (i < url.len && !strchr("/?#", url.ptr[i]))
			i++;
		struct slice segment = {url.ptr + start, i - start};
		if (slice_is(segment, ".") || slice_is(segment, ".."))
			return true;
	}
	return false;
}

int template_expand(struct buf *url, struct slice text, const struct template_values *values, struct diag *d)
{
	const struct slice known[NAMES] = {values->record, values->subject, values->id, values->type};
	size_t start = url->len;
	bool replaced = false;
	for (size_t i = 0; i < text.len;) {
		const char *brace = memchr(text.ptr + i, '{', text.len - i);
		size_t fixed = brace ? (size_t)(brace - text.ptr) : text.len;
		buf_add(url, text.ptr + i, fixed - i);
		i = fixed;
		if (!brace)
			break;
		struct slice name = take_name(text, &i);
		int which = name_index(name);
		if (which < 0)
			return diag_fail(d, DIAG_BUG, "an unchecked URL template");
		if (known[which].len == 0)
			return diag_fail(d, DIAG_DATA, "the URL needs {%s}, which the event does not have",
					 names[which]);
		add_encoded(url, known[which]);
		replaced = true;
	}
	if (!buf_ok(url))
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	if (replaced && has_dot_segment((struct slice){url->data + start, url->len - start}))
		return diag_fail(d, DIAG_DATA, "a value in the URL makes a path segment '.' or '..'");
	return 0;
}
