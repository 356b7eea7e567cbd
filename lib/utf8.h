/* SPDX-License-Identifier: MIT */
/* utf8: characters as bytes (RFC 3629). */
#ifndef EVT_UTF8_H
#define EVT_UTF8_H

#include <stdint.h>

#include "slice.h"

static inline bool utf8_continues(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* The length of the multi-byte sequence at `at`, or 0 when it is none: nothing overlong, no surrogates, nothing over
 * U+10FFFF, nothing cut. */
static inline size_t utf8_sequence(const unsigned char *at, const unsigned char *end)
{
	size_t left = (size_t)(end - at);
	unsigned char c = at[0];
	if (c < 0xc2 || c > 0xf4 || left < 2 || !utf8_continues(at[1]))
		return 0;
	if (c < 0xe0)
		return 2;
	if (left < 3 || !utf8_continues(at[2]))
		return 0;
	if (c < 0xf0)
		return (c == 0xe0 && at[1] < 0xa0) || (c == 0xed && at[1] > 0x9f) ? 0 : 3;
	if (left < 4 || !utf8_continues(at[3]))
		return 0;
	return (c == 0xf0 && at[1] < 0x90) || (c == 0xf4 && at[1] > 0x8f) ? 0 : 4;
}

/* The character at *at, which must be well-formed; moves behind it. */
static inline uint32_t utf8_take(const char **at)
{
	const unsigned char *bytes = (const unsigned char *)*at;
	size_t more = bytes[0] < 0x80 ? 0 : bytes[0] < 0xe0 ? 1 : bytes[0] < 0xf0 ? 2 : 3;
	uint32_t c = more ? bytes[0] & (0x3fU >> more) : bytes[0];
	for (size_t i = 1; i <= more; i++)
		c = c << 6 | (bytes[i] & 0x3fU);
	*at += more + 1;
	return c;
}

/* Writes the character; how many bytes it took. */
static inline size_t utf8_put(uint32_t c, char out[4])
{
	size_t more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
	out[0] = (char)(leads[more] | c >> 6 * more);
	for (size_t i = 1; i <= more; i++)
		out[i] = (char)(0x80 | (c >> 6 * (more - i) & 0x3f));
	return more + 1;
}

/* Characters in well-formed text. */
static inline size_t utf8_length(struct slice text)
{
	size_t length = 0;
	for (size_t i = 0; i < text.len; i++)
		length += !utf8_continues((unsigned char)text.ptr[i]);
	return length;
}

#endif
