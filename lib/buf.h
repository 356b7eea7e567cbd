/* SPDX-License-Identifier: MIT */
/* buf: a byte string that grows. An append that finds no memory sets `failed` and leaves the buffer as it
 * was, so that a writer may append a whole document and look once, with buf_ok, at the end. The bytes are
 * always followed by a NUL that does not count, except while the buffer is still empty and data NULL. */
#ifndef EVT_BUF_H
#define EVT_BUF_H

#include <stdint.h>

#include "slice.h"

struct buf {
	char *data;
	size_t len, cap;
	bool failed;
};

#define BUF_INIT ((struct buf){NULL, 0, 0, false})

void buf_free(struct buf *b);               /* and makes it BUF_INIT again */
static inline void buf_clear(struct buf *b) /* keeps the memory for the next use */
{
	b->len = 0;
	b->failed = false;
	if (b->data)
		b->data[0] = '\0';
}
static inline bool buf_ok(const struct buf *b)
{
	return !b->failed;
}
static inline struct slice buf_slice(const struct buf *b) /* valid until the next append */
{
	return (struct slice){b->data ? b->data : "", b->len};
}

char *buf_reserve(struct buf *b, size_t extra); /* room for `extra` more bytes; where they go, or NULL */

/* Appends are mostly short and mostly find room: that case is worth having in line. */
static inline void buf_add(struct buf *b, const void *bytes, size_t len)
{
	bool fits = !b->failed && len < b->cap - b->len;
	char *end = fits ? b->data + b->len : buf_reserve(b, len);
	if (!end)
		return;
	if (len)
		memcpy(end, bytes, len);
	end[len] = '\0';
	b->len += len;
}
static inline void buf_add_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.ptr, s.len);
}
static inline void buf_add_text(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}
static inline void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}
void buf_add_int(struct buf *b, int64_t value);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_drop_front(struct buf *b, size_t len); /* forgets the first `len` bytes */

#endif
