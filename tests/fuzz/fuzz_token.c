/* SPDX-License-Identifier: MIT */
/* What a token endpoint may answer: a token fit for a header is taken, or a reason in one line says why not. */
#include "must.h"
#include "token.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_text(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		must((unsigned char)text.ptr[i] >= ' ' ? text.ptr[i] != 0x7f : text.ptr[i] == '\t');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const int statuses[] = {200, 400, 503};
	static struct slice secret = SLICE("secret");
	static const struct token_config config = {.client_id = (char *)(uintptr_t) "me",
						   .client_secret = {.lines = &secret, .count = 1}};
	const int64_t now = INT64_C(1795415499123);
	for (int i = 0; i < 3; i++) {
		struct token t;
		struct diag why = {.code = DIAG_OK};
		must(token_init(&t, &config, NULL) == 0 && token_begin(&t, now) == TOKEN_FETCH);
		if (token_take(&t, statuses[i], (struct slice){(const char *)bytes, len}, now, &why) == 0) {
			must(statuses[i] == 200 && t.access.len);
			check_text(buf_slice(&t.access));
		} else {
			must(why.text[0]);
			check_text(slice_of(why.text));
		}
		token_free(&t);
	}
	return 0;
}
