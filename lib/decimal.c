/* SPDX-License-Identifier: MIT */
#include "decimal.h"

/* The exponent behind `e`, or 0; a far one is cut to one that is too far all the same. */
static long take_exponent(const char *at, const char *end)
{
	if (at == end)
		return 0;
	bool negative = *++at == '-';
	if (*at == '-' || *at == '+')
		at++;
	long value = 0;
	for (; at < end; at++)
		if (value < 10L * DECIMAL_DIGITS_MOST)
			value = value * 10 + (*at - '0');
	return negative ? -value : value;
}

static void add_zeros(struct buf *b, long count)
{
	for (; count > 0; count--)
		buf_add_char(b, '0');
}

int decimal_scale(struct buf *b, struct slice number, int power)
{
	char digits[DECIMAL_DIGITS_MOST];
	const char *at = number.ptr, *end = at + number.len;
	bool negative = *at == '-';
	long count = 0, point = -1; /* the point stands before digits[point] */
	for (at += negative; at < end && (*at | 0x20) != 'e'; at++) {
		if (*at == '.')
			point = count;
		else if (count == DECIMAL_DIGITS_MOST)
			return -1;
		else
			digits[count++] = *at;
	}
	point = (point < 0 ? count : point) + take_exponent(at, end) + power;
	if (point > DECIMAL_DIGITS_MOST || point < -DECIMAL_DIGITS_MOST)
		return -1;
	if (negative)
		buf_add_char(b, '-');
	long first = 0; /* zeros in front go, but for one before the point */
	while (first < count && first < point - 1 && digits[first] == '0')
		first++;
	bool nothing = first == count; /* 0e400: zeros and no more */
	if (point <= 0 || nothing)
		buf_add_char(b, '0');
	else
		buf_add(b, digits + first, (size_t)((point < count ? point : count) - first));
	add_zeros(b, point > count && !nothing ? point - count : 0);
	if (point < count) {
		buf_add_char(b, '.');
		add_zeros(b, -point);
		buf_add(b, digits + (point > 0 ? point : 0), (size_t)(count - (point > 0 ? point : 0)));
	}
	return 0;
}
