/* SPDX-License-Identifier: MIT */
#include "decimal.h"

/* ---- by value ---- */

/* A number taken apart: the digits from the first to the last that is not 0 (a point may stand between them), which
 * mean 0.digits times ten to the power (point + exponent). The exponent stays text: it may have any length. */
struct parts {
	const char *digits, *digits_end; /* equal when the number is 0 */
	int64_t point;
	int64_t last; /* the power of ten of the last digit, without the exponent */
	bool negative, exponent_negative;
	struct slice exponent; /* its digits without leading zeros; empty for 0 */
};

static void part_exponent(struct parts *d, const char *at, const char *end)
{
	d->exponent = SLICE("");
	if (at == end)
		return;
	at++;
	d->exponent_negative = *at == '-';
	if (*at == '-' || *at == '+')
		at++;
	while (at < end && *at == '0')
		at++;
	d->exponent = (struct slice){at, (size_t)(end - at)};
}

static struct parts take_apart(struct slice number)
{
	struct parts d = {.digits = NULL};
	const char *at = number.ptr, *end = at + number.len;
	d.negative = *at == '-';
	if (d.negative)
		at++;
	const char *first = NULL, *last = at, *point = NULL, *stop = at;
	for (; stop < end && (*stop | 0x20) != 'e'; stop++) {
		if (*stop == '.') {
			point = stop;
		} else if (*stop != '0') {
			first = first ? first : stop;
			last = stop;
		}
	}
	part_exponent(&d, stop, end);
	if (!point)
		point = stop;
	d.digits = first ? first : at;
	d.digits_end = first ? last + 1 : at;
	d.negative = d.negative && first;
	d.point = d.digits < point ? point - d.digits : point + 1 - d.digits;
	d.last = last < point ? point - 1 - last : point - last;
	return d;
}

static int digit_at(struct slice exponent, size_t places, size_t i)
{
	size_t absent = places - exponent.len;
	return i < absent ? 0 : exponent.ptr[i - absent] - '0';
}

/* a's exponent minus b's, exact up to +-1e17 and no nearer to 0 beyond, which is further than any text is long. */
static int64_t exponent_difference(const struct parts *a, const struct parts *b)
{
	const int64_t far = 100000000000000000;
	size_t places = a->exponent.len > b->exponent.len ? a->exponent.len : b->exponent.len;
	int64_t difference = 0;
	for (size_t i = 0; i < places && difference < far && difference > -far; i++) {
		int from_a = digit_at(a->exponent, places, i), from_b = digit_at(b->exponent, places, i);
		difference = difference * 10 + (a->exponent_negative ? -from_a : from_a) -
			     (b->exponent_negative ? -from_b : from_b);
	}
	return difference;
}

static int compare_digits(const struct parts *a, const struct parts *b)
{
	const char *x = a->digits, *y = b->digits;
	while (x < a->digits_end || y < b->digits_end) {
		if (x < a->digits_end && *x == '.')
			x++;
		if (y < b->digits_end && *y == '.')
			y++;
		int digit_x = x < a->digits_end ? *x++ : '0', digit_y = y < b->digits_end ? *y++ : '0';
		if (digit_x != digit_y)
			return digit_x < digit_y ? -1 : 1;
	}
	return 0;
}

static int compare_magnitudes(const struct parts *a, const struct parts *b)
{
	bool a_zero = a->digits == a->digits_end, b_zero = b->digits == b->digits_end;
	if (a_zero || b_zero)
		return (int)b_zero - (int)a_zero;
	int64_t difference = exponent_difference(a, b) + a->point - b->point;
	if (difference)
		return difference < 0 ? -1 : 1;
	return compare_digits(a, b);
}

int decimal_compare(struct slice a, struct slice b)
{
	struct parts x = take_apart(a), y = take_apart(b);
	if (x.negative != y.negative)
		return x.negative ? -1 : 1;
	int order = compare_magnitudes(&x, &y);
	return x.negative ? -order : order;
}

bool decimal_is_integer(struct slice number)
{
	size_t digits = number.ptr[0] == '-';
	while (digits < number.len && number.ptr[digits] >= '0' && number.ptr[digits] <= '9')
		digits++;
	if (digits == number.len)
		return true;
	struct parts d = take_apart(number), zero = {.exponent = SLICE("")};
	return d.digits == d.digits_end || exponent_difference(&d, &zero) + d.last >= 0;
}

/* ---- times a power of ten ---- */

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
