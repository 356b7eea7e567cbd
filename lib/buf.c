/* SPDX-License-Identifier: MIT */
#include "buf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SMALLEST = 256 };

void buf_free(struct buf *b)
{
	free(b->data);
	*b = BUF_INIT;
}

char *buf_reserve(struct buf *b, size_t extra)
{
	if (b->failed)
		return NULL;
	if (b->data && extra < b->cap - b->len)
		return b->data + b->len;
	size_t cap = b->cap ? b->cap : SMALLEST;
	while (extra >= cap - b->len) {
		if (cap > SIZE_MAX / 2) {
			b->failed = true;
			return NULL;
		}
		cap *= 2;
	}
	char *grown = realloc(b->data, cap);
	if (!grown) {
		b->failed = true;
		return NULL;
	}
	b->data = grown;
	b->cap = cap;
	return grown + b->len;
}

void buf_add_int(struct buf *b, int64_t value)
{
	buf_printf(b, "%" PRId64, value);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	char *end = len < 0 ? NULL : buf_reserve(b, (size_t)len);
	if (end) {
		vsnprintf(end, (size_t)len + 1, format, again);
		b->len += (size_t)len;
	} else {
		b->failed = true;
	}
	va_end(again);
	va_end(args);
}

void buf_drop_front(struct buf *b, size_t len)
{
	if (len == 0)
		return;
	memmove(b->data, b->data + len, b->len - len + 1);
	b->len -= len;
}
