/* SPDX-License-Identifier: MIT */
/* Any bytes: jtext either refuses them at a byte inside, or has read all of them, and what it then says holds together. */
#include "jtext.h"

#include "decimal.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The root's own text is the whole text but for white space around it. */
static void root_covers_text(const struct jtext *j, struct slice text)
{
	struct slice root = jtext_raw(j, 0);
	for (const char *c = text.ptr; c < root.ptr; c++)
		must(is_blank(*c));
	for (const char *c = root.ptr + root.len; c < text.ptr + text.len; c++)
		must(is_blank(*c));
	must(jtext_next(j, 0) == j->count);
}

/* A decoded string, written and read again, is the same string. */
static void string_goes_round(const struct jtext *j, uint32_t node)
{
	struct buf first = BUF_INIT, written = BUF_INIT, second = BUF_INIT;
	struct jtext again = JTEXT_INIT;
	struct jtext_error error;
	struct slice text = jtext_string(j, node, &first);
	must(text.ptr && jtext_is_utf8(text) && text.len <= jtext_raw(j, node).len);
	jtext_add_string(&written, text);
	must(jtext_parse(&again, buf_slice(&written), &error) == 0);
	must(slice_equal(jtext_string(&again, 0, &second), text));
	jtext_free(&again);
	buf_free(&first);
	buf_free(&written);
	buf_free(&second);
}

static void number_is_itself(struct slice number, struct slice other)
{
	must(jtext_is_number(number));
	must(decimal_compare(number, number) == 0);
	int order = decimal_compare(number, other), back = decimal_compare(other, number);
	must((order > 0) == (back < 0) && (order == 0) == (back == 0));
	must(order != 0 || decimal_is_integer(number) == decimal_is_integer(other));
}

static void values_hold_together(const struct jtext *j)
{
	struct slice number = SLICE("0");
	for (uint32_t n = 0; n < j->count; n++) {
		must(j->nodes[n].start < j->nodes[n].end && j->nodes[n].end <= j->text.len);
		must(j->nodes[n].skip > n && j->nodes[n].skip <= j->count);
		if (jtext_type(j, n) == JTEXT_STRING && n < 64) {
			string_goes_round(j, n);
		} else if (jtext_type(j, n) == JTEXT_NUMBER) {
			number_is_itself(jtext_raw(j, n), number);
			number = jtext_raw(j, n);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct jtext j = JTEXT_INIT;
	struct slice text = {(const char *)bytes, len};
	struct jtext_error error;
	if (jtext_parse(&j, text, &error) < 0) {
		must(error.offset <= len && error.reason);
		return 0;
	}
	must(jtext_is_utf8(text));
	root_covers_text(&j, text);
	values_hold_together(&j);
	return 0;
}
