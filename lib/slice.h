/* SPDX-License-Identifier: MIT */
/* slice: a borrowed piece of text. It owns nothing, need not end in NUL, and lives as long as what it
 * points into; whoever hands one out says how long that is. An absent value is the slice with ptr NULL,
 * which is not the same as an empty one. */
#ifndef EVT_SLICE_H
#define EVT_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *ptr;
	size_t len;
};

#define SLICE_NONE ((struct slice){NULL, 0})

/* A slice over a string constant, its length known when compiled. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_of(const char *text)
{
	return text ? (struct slice){text, strlen(text)} : SLICE_NONE;
}

/* Names are compared all the time and have mostly 4 to 16 bytes: two words that may overlap, without a call. */
static inline bool slice_same_bytes(const char *a, const char *b, size_t len)
{
	uint64_t x, y, x_end, y_end;
	uint32_t s, t, s_end, t_end;
	if (len > 16)
		return memcmp(a, b, len) == 0;
	if (len >= 8) {
		memcpy(&x, a, 8), memcpy(&x_end, a + len - 8, 8);
		memcpy(&y, b, 8), memcpy(&y_end, b + len - 8, 8);
		return ((x ^ y) | (x_end ^ y_end)) == 0;
	}
	if (len >= 4) {
		memcpy(&s, a, 4), memcpy(&s_end, a + len - 4, 4);
		memcpy(&t, b, 4), memcpy(&t_end, b + len - 4, 4);
		return ((s ^ t) | (s_end ^ t_end)) == 0;
	}
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && slice_same_bytes(a.ptr, b.ptr, a.len);
}

static inline bool slice_is(struct slice a, const char *text)
{
	return slice_equal(a, slice_of(text));
}

#endif
