/* SPDX-License-Identifier: MIT */
/* Any text as a template: what is taken is filled with values of a document. */
#include <stdlib.h>

#include "phrase.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char document[] = "{\"a\":\"x\\u0000\\u00e9\",\"b\":1.10,\"c\":null,\"d\":[true]}";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct jtext j = JTEXT_INIT;
	struct jtext_error error;
	struct phrase p;
	const char *why = NULL;
	struct event e = {.id = SLICE("1"), .recorded_at = 1};
	struct buf decoded = BUF_INIT, made = BUF_INIT;
	const struct phrase_part *which;
	if (!j.count && jtext_parse(&j, SLICE(document), &error) < 0)
		abort();
	struct origin_view view = {&e, &j, 0, 0};
	if (phrase_parse(&p, (struct slice){(const char *)bytes, len}, len % 2, &why) == 0)
		phrase_make(&p, &view, &decoded, &made, &which);
	else if (!why)
		abort();
	phrase_free(&p);
	buf_free(&decoded);
	buf_free(&made);
	return 0;
}
