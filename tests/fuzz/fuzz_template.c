/* SPDX-License-Identifier: MIT */
/* Any address as a template, with any values: what is taken expands to an address that has the same beginning, up to the first expression,
 * and nothing in it that a value could leave its place with. The first line is the template, the others are the values. */
#include <stdlib.h>

#include "template.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct slice take_line(struct slice *rest)
{
	const char *end = memchr(rest->ptr, '\n', rest->len);
	struct slice line = {rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len};
	size_t taken = line.len + (end ? 1 : 0);
	*rest = (struct slice){rest->ptr + taken, rest->len - taken};
	return line;
}

static size_t count(struct slice text, char c)
{
	size_t n = 0;
	for (size_t i = 0; i < text.len; i++)
		n += text.ptr[i] == c;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct slice rest = {len ? (const char *)bytes : "", len}, text = take_line(&rest);
	struct template_values values = {
	    .record = take_line(&rest), .subject = take_line(&rest), .id = take_line(&rest), .type = rest};
	struct buf url = BUF_INIT;
	struct diag d;
	if (template_check(text, &d) < 0 || template_expand(&url, text, &values, &d) < 0) {
		buf_free(&url);
		return 0;
	}
	const char *first = memchr(text.ptr, '{', text.len);
	size_t fixed = first ? (size_t)(first - text.ptr) : text.len;
	if (url.len < fixed || (fixed && memcmp(url.data, text.ptr, fixed) != 0))
		abort();
	for (const char *c = "/?#@:&\\ \r\n"; *c; c++)
		if (count(buf_slice(&url), *c) != count(text, *c))
			abort();
	buf_free(&url);
	return 0;
}
