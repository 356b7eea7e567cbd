/* SPDX-License-Identifier: MIT */
/* Any text as a JSON Pointer, and as what a map takes values from: what is taken leads to a value of the document, or nowhere. */
#include <stdlib.h>

#include "origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char document[] = "{\"a\":{\"b~/c\":[1,{\"\":\"x\"},[]],\"\\u00e9\":null},\"0\":[[0]],\"\":2}";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct jtext j = JTEXT_INIT;
	struct slice text = {(const char *)bytes, len};
	struct jtext_error error;
	struct jtext_pointer p;
	struct origin o;
	struct event e = {.id = SLICE("1")};
	struct rule_value v;
	struct buf decoded = BUF_INIT;
	if (!j.count && jtext_parse(&j, SLICE(document), &error) < 0)
		abort();
	if (jtext_pointer_parse(&p, text) == 0) {
		uint32_t node = jtext_at(&j, 0, &p);
		if (node != JTEXT_NOWHERE && node >= j.count)
			abort();
	}
	jtext_pointer_free(&p);
	struct origin_view view = {&e, &j, 0, 1};
	if (origin_parse(&o, text, len % 2) == 0)
		origin_fetch(&o, &view, &decoded, &v);
	origin_free(&o);
	buf_free(&decoded);
	return 0;
}
