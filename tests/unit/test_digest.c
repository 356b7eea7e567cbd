/* SPDX-License-Identifier: MIT */
#include "digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void hash_is(enum digest_algorithm algorithm, struct slice text, const char *expected)
{
	unsigned char out[DIGEST_MOST];
	char hex[2 * DIGEST_MOST + 1];
	digest_hash(algorithm, text, out);
	digest_hex(out, digest_size(algorithm), hex);
	assert_string_equal(hex, expected);
}

/* FIPS 180-4's example "abc". */
static void hashes_are_those_of_the_standard(void **state)
{
	(void)state;
	hash_is(DIGEST_SHA1, SLICE("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
	hash_is(DIGEST_SHA256, SLICE("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_is(DIGEST_SHA512, SLICE("abc"),
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

static void hmac_is(enum digest_algorithm algorithm, const char *expected)
{
	const struct slice parts[] = {SLICE("what do ya want"), SLICE(""), SLICE(" for nothing?")};
	unsigned char out[DIGEST_MOST];
	char hex[2 * DIGEST_MOST + 1];
	digest_hmac(algorithm, SLICE("Jefe"), parts, 3, out);
	digest_hex(out, digest_size(algorithm), hex);
	assert_string_equal(hex, expected);
}

/* RFC 2202 and RFC 4231, test case 2. */
static void keyed_hashes_are_those_of_the_standard(void **state)
{
	(void)state;
	hmac_is(DIGEST_SHA1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	hmac_is(DIGEST_SHA256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	hmac_is(DIGEST_SHA512, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
			       "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
}

/* RFC 8032, 7.1, test 3. */
static void signatures_are_those_of_the_standard(void **state)
{
	(void)state;
	unsigned char key[DIGEST_ED25519_KEY], signature[DIGEST_ED25519_SIGNATURE];
	const struct slice parts[] = {SLICE("\xaf"), SLICE(""), SLICE("\x82")};
	digest_unhex(SLICE("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"), key, sizeof key);
	digest_unhex(SLICE("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
			   "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
		     signature, sizeof signature);
	const struct slice public = {(const char *)key, sizeof key};
	assert_int_equal(digest_ed25519(public, signature, parts, 3), 1);
	assert_int_equal(digest_ed25519(public, signature, parts, 2), 0);
	signature[0] ^= 1;
	assert_int_equal(digest_ed25519(public, signature, parts, 3), 0);
}

/* Longer than a block of either hash: RFC 4231, test case 6. */
static void long_keys_are_hashed(void **state)
{
	(void)state;
	char key[131];
	unsigned char out[DIGEST_MOST];
	char hex[2 * DIGEST_MOST + 1];
	const struct slice text = SLICE("Test Using Larger Than Block-Size Key - Hash Key First");
	memset(key, 0xaa, sizeof key);
	digest_hmac(DIGEST_SHA256, (struct slice){key, sizeof key}, &text, 1, out);
	digest_hex(out, digest_size(DIGEST_SHA256), hex);
	assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void secrets_are_wiped(void **state)
{
	(void)state;
	char secret[] = "abcd";
	digest_wipe(secret, 3);
	assert_memory_equal(secret, "\0\0\0d", 4);
}

static void hex_is_read_in_either_case_and_at_its_length_only(void **state)
{
	(void)state;
	unsigned char bytes[2];
	assert_int_equal(digest_unhex(SLICE("0aFf"), bytes, 2), 0);
	assert_int_equal(bytes[0], 0x0a);
	assert_int_equal(bytes[1], 0xff);
	assert_int_equal(digest_unhex(SLICE("0aFf0"), bytes, 2), -1);
	assert_int_equal(digest_unhex(SLICE("0aF"), bytes, 2), -1);
	assert_int_equal(digest_unhex(SLICE("0aFg"), bytes, 2), -1);
	assert_int_equal(digest_unhex(SLICE("0a F"), bytes, 2), -1);
}

static void comparison_sees_every_byte(void **state)
{
	(void)state;
	assert_true(digest_equal("abcd", "abcd", 4));
	assert_false(digest_equal("abcd", "abce", 4));
	assert_false(digest_equal("abcd", "bbcd", 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hashes_are_those_of_the_standard),
	    cmocka_unit_test(keyed_hashes_are_those_of_the_standard),
	    cmocka_unit_test(signatures_are_those_of_the_standard),
	    cmocka_unit_test(long_keys_are_hashed),
	    cmocka_unit_test(secrets_are_wiped),
	    cmocka_unit_test(hex_is_read_in_either_case_and_at_its_length_only),
	    cmocka_unit_test(comparison_sees_every_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
