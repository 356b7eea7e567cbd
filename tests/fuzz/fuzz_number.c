/* SPDX-License-Identifier: MIT */
/* Numbers as text, one a line: every two of them compare consistently, and scaling there and back changes no value. */
#include "decimal.h"
#include "jtext.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static int sign(int order)
{
	return (order > 0) - (order < 0);
}

static struct slice take_line(struct slice *rest)
{
	const char *end = memchr(rest->ptr, '\n', rest->len);
	struct slice line = {rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len};
	size_t taken = line.len + (end != NULL);
	*rest = (struct slice){rest->ptr + taken, rest->len - taken};
	return line;
}

static void scale(struct slice number, int power)
{
	struct buf there = BUF_INIT, back = BUF_INIT;
	if (decimal_scale(&there, number, power) == 0) {
		must(jtext_is_number(buf_slice(&there)));
		if (decimal_scale(&back, buf_slice(&there), -power) == 0)
			must(decimal_compare(buf_slice(&back), number) == 0);
	} else {
		must(there.len == 0);
	}
	buf_free(&there);
	buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct slice rest = {(const char *)bytes, len}, last = SLICE_NONE;
	int power = -(int)DECIMAL_SCALE_MOST;
	while (rest.len) {
		struct slice number = take_line(&rest);
		if (!jtext_is_number(number))
			continue;
		must(decimal_compare(number, number) == 0);
		if (last.ptr)
			must(sign(decimal_compare(number, last)) == -sign(decimal_compare(last, number)));
		scale(number, power);
		power = power < DECIMAL_SCALE_MOST ? power + 7 : -(int)DECIMAL_SCALE_MOST;
		decimal_is_integer(number);
		last = number;
	}
	return 0;
}
