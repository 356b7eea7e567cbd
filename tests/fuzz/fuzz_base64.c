/* SPDX-License-Identifier: MIT */
/* Any text as base64, as senders' signatures and the page's passwords come: what is taken is the one way to write its bytes. */
#include "base64.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct slice text = {(const char *)bytes, len};
	struct buf decoded = BUF_INIT, encoded = BUF_INIT, again = BUF_INIT;
	if (base64_add_decoded(&decoded, text) == 0) {
		base64_add(&encoded, buf_slice(&decoded));
		must(slice_equal(buf_slice(&encoded), text));
	} else {
		must(decoded.len == 0);
	}
	buf_clear(&encoded);
	base64_add(&encoded, text);
	must(base64_add_decoded(&again, buf_slice(&encoded)) == 0 && slice_equal(buf_slice(&again), text));
	buf_free(&decoded);
	buf_free(&encoded);
	buf_free(&again);
	return 0;
}
