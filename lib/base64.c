/* SPDX-License-Identifier: MIT */
#include "base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t put_group(char *out, const unsigned char *in, size_t len)
{
	unsigned bits = (unsigned)in[0] << 16 | (len > 1 ? (unsigned)in[1] << 8 : 0) | (len > 2 ? in[2] : 0);
	out[0] = alphabet[bits >> 18];
	out[1] = alphabet[bits >> 12 & 63];
	out[2] = alphabet[bits >> 6 & 63];
	out[3] = alphabet[bits & 63];
	for (size_t i = len + 1; i < 4; i++)
		out[i] = '=';
	return 4;
}

void base64_add(struct buf *b, struct slice bytes)
{
	char *start = buf_reserve(b, (bytes.len + 2) / 3 * 4), *out = start;
	if (!out)
		return;
	const unsigned char *in = (const unsigned char *)bytes.ptr;
	for (size_t left = bytes.len; left;) {
		size_t len = left < 3 ? left : 3;
		out += put_group(out, in, len);
		in += len;
		left -= len;
	}
	*out = '\0';
	b->len += (size_t)(out - start);
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static size_t padding_of(struct slice text)
{
	if (text.len == 0 || text.ptr[text.len - 1] != '=')
		return 0;
	return text.ptr[text.len - 2] == '=' ? 2 : 1;
}

int base64_add_decoded(struct buf *b, struct slice text)
{
	if (text.len % 4)
		return -1;
	size_t padding = padding_of(text), digits = text.len - padding;
	char *start = buf_reserve(b, text.len / 4 * 3), *out = start;
	if (!out)
		return -1;
	unsigned bits = 0, have = 0;
	for (size_t i = 0; i < digits; i++) {
		int value = value_of(text.ptr[i]);
		if (value < 0)
			return -1;
		bits = (bits << 6 | (unsigned)value) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*out++ = (char)(bits >> have & 0xff);
		}
	}
	if (bits &
	    ((1U << have) - 1)) /* bits that stand for nothing must be 0, or one text would have several spellings */
		return -1;
	*out = '\0';
	b->len += (size_t)(out - start);
	return 0;
}
