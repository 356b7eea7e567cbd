/* SPDX-License-Identifier: MIT */
/* JSON Pointer, RFC 6901. */
#include <stdlib.h>

#include "jtext.h"

/* Decodes one reference token onto `out`; NULL when a ~ stands alone. */
static char *decode_token(const char *at, const char *end, char *out)
{
	for (; at < end; at++) {
		if (*at != '~') {
			*out++ = *at;
			continue;
		}
		if (++at == end || (*at != '0' && *at != '1'))
			return NULL;
		*out++ = *at == '0' ? '~' : '/';
	}
	return out;
}

int jtext_pointer_parse(struct jtext_pointer *p, struct slice text)
{
	*p = (struct jtext_pointer){NULL, 0, NULL};
	if (text.len == 0)
		return 0;
	if (text.ptr[0] != '/' || !jtext_is_utf8(text))
		return -1;
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		count += text.ptr[i] == '/';
	p->names = calloc(count, sizeof *p->names);
	p->storage = malloc(text.len);
	const char *at = text.ptr, *end = at + text.len;
	char *out = p->storage;
	while (p->names && out && at < end) {
		const char *slash = memchr(at + 1, '/', (size_t)(end - at - 1));
		const char *stop = slash ? slash : end;
		char *start = out;
		out = decode_token(at + 1, stop, out);
		if (out)
			p->names[p->count++] = (struct slice){start, (size_t)(out - start)};
		at = stop;
	}
	if (p->names && out)
		return 0;
	jtext_pointer_free(p);
	return -1;
}

void jtext_pointer_free(struct jtext_pointer *p)
{
	free(p->names);
	free(p->storage);
	*p = (struct jtext_pointer){NULL, 0, NULL};
}

/* RFC 6901 section 4: an index is 0, or digits that do not begin with 0. */
static uint32_t array_element(const struct jtext *j, uint32_t array, struct slice token)
{
	if (token.len == 0 || token.len > 9 || (token.ptr[0] == '0' && token.len > 1))
		return JTEXT_NOWHERE;
	uint32_t index = 0;
	for (size_t i = 0; i < token.len; i++) {
		if (token.ptr[i] < '0' || token.ptr[i] > '9')
			return JTEXT_NOWHERE;
		index = index * 10 + (uint32_t)(token.ptr[i] - '0');
	}
	for (uint32_t n = jtext_first(j, array); n < jtext_end(j, array); n = jtext_next(j, n))
		if (index-- == 0)
			return n;
	return JTEXT_NOWHERE;
}

uint32_t jtext_at(const struct jtext *j, uint32_t node, const struct jtext_pointer *p)
{
	for (size_t i = 0; i < p->count && node != JTEXT_NOWHERE; i++) {
		if (jtext_type(j, node) == JTEXT_OBJECT)
			node = jtext_member(j, node, p->names[i]);
		else if (jtext_type(j, node) == JTEXT_ARRAY)
			node = array_element(j, node, p->names[i]);
		else
			node = JTEXT_NOWHERE;
	}
	return node;
}

void jtext_pointer_add(struct buf *b, struct slice name)
{
	buf_add_char(b, '/');
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '~' || name.ptr[i] == '/')
			buf_add_text(b, name.ptr[i] == '~' ? "~0" : "~1");
		else
			buf_add_char(b, name.ptr[i]);
	}
}
