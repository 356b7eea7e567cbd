/* SPDX-License-Identifier: MIT */
#include "base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* The vectors of RFC 4648 section 10. */
static void rfc_vectors(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {{"", ""},
					       {"f", "Zg=="},
					       {"fo", "Zm8="},
					       {"foo", "Zm9v"},
					       {"foob", "Zm9vYg=="},
					       {"fooba", "Zm9vYmE="},
					       {"foobar", "Zm9vYmFy"}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct buf b = BUF_INIT;
		base64_add(&b, slice_of(pairs[i][0]));
		assert_true(slice_is(buf_slice(&b), pairs[i][1]));
		buf_clear(&b);
		assert_int_equal(base64_add_decoded(&b, slice_of(pairs[i][1])), 0);
		assert_true(slice_is(buf_slice(&b), pairs[i][0]));
		buf_free(&b);
	}
}

static void every_byte_goes_round(void **state)
{
	(void)state;
	char bytes[256];
	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	struct buf text = BUF_INIT, back = BUF_INIT;
	base64_add(&text, (struct slice){bytes, sizeof bytes});
	buf_add_text(&back, "before");
	assert_int_equal(base64_add_decoded(&back, buf_slice(&text)), 0);
	assert_int_equal(back.len, 6 + 256);
	assert_memory_equal(back.data + 6, bytes, 256);
	buf_free(&text);
	buf_free(&back);
}

static void other_spellings_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"Z",        "Zg",     "Zg=",  "Zh==",  "Zm9=", "Z===",       "====",
					  "Zg==Zg==", "Zm9v\n", "Zm-v", "Zm9v ", "=m9v", "Zm9vYg==\n", "Zm=v"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct buf b = BUF_INIT;
		if (base64_add_decoded(&b, slice_of(bad[i])) != -1)
			fail_msg("%s was taken", bad[i]);
		assert_int_equal(b.len, 0);
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rfc_vectors),
	    cmocka_unit_test(every_byte_goes_round),
	    cmocka_unit_test(other_spellings_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
