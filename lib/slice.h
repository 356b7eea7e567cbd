/* SPDX-License-Identifier: MIT */
/* slice: a borrowed piece of text. It owns nothing, need not end in NUL, and lives as long as what it
 * points into; whoever hands one out says how long that is. An absent value is the slice with ptr NULL,
 * which is not the same as an empty one. */
#ifndef EVT_SLICE_H
#define EVT_SLICE_H

#include <stdbool.h>
#include <stddef.h>
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

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
	return slice_equal(a, slice_of(text));
}

#endif
