/* SPDX-License-Identifier: MIT */
#include "digest.h"

#include <nettle/eddsa.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <string.h>

#include "buf.h"

static const struct nettle_hash *const algorithms[] = {
    [DIGEST_SHA1] = &nettle_sha1,
    [DIGEST_SHA256] = &nettle_sha256,
    [DIGEST_SHA512] = &nettle_sha512,
};

/* What any of them needs. */
union state {
	struct sha1_ctx sha1;
	struct sha256_ctx sha256;
	struct sha512_ctx sha512;
};

static const uint8_t *bytes_of(struct slice text)
{
	return (const uint8_t *)text.ptr;
}

size_t digest_size(enum digest_algorithm algorithm)
{
	return algorithms[algorithm]->digest_size;
}

void digest_hash(enum digest_algorithm algorithm, struct slice text, unsigned char out[DIGEST_MOST])
{
	const struct nettle_hash *hash = algorithms[algorithm];
	union state state;
	hash->init(&state);
	hash->update(&state, text.len, bytes_of(text));
	hash->digest(&state, hash->digest_size, out);
}

void digest_hmac(enum digest_algorithm algorithm, struct slice key, const struct slice *parts, size_t count,
		 unsigned char out[DIGEST_MOST])
{
	const struct nettle_hash *hash = algorithms[algorithm];
	union state outer, inner, state;
	hmac_set_key(&outer, &inner, &state, hash, key.len, bytes_of(key));
	for (size_t i = 0; i < count; i++)
		hmac_update(&state, hash, parts[i].len, bytes_of(parts[i]));
	hmac_digest(&outer, &inner, &state, hash, hash->digest_size, out);
	digest_wipe(&outer, sizeof outer);
	digest_wipe(&inner, sizeof inner);
	digest_wipe(&state, sizeof state);
}

/* The message must be in one piece: Ed25519 goes over it twice. */
int digest_ed25519(struct slice key, const unsigned char signature[DIGEST_ED25519_SIGNATURE], const struct slice *parts,
		   size_t count)
{
	struct buf message = BUF_INIT;
	int result = -1;
	for (size_t i = 0; i < count; i++)
		buf_add_slice(&message, parts[i]);
	if (buf_ok(&message))
		result = ed25519_sha512_verify(bytes_of(key), message.len, bytes_of(buf_slice(&message)), signature);
	buf_free(&message);
	return result;
}

void digest_hex(const unsigned char *bytes, size_t len, char *text)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		*text++ = digits[bytes[i] >> 4];
		*text++ = digits[bytes[i] & 15];
	}
	*text = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int digest_unhex(struct slice text, unsigned char *bytes, size_t len)
{
	if (text.len != 2 * len)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int high = hex_value(text.ptr[2 * i]), low = hex_value(text.ptr[2 * i + 1]);
		if (high < 0 || low < 0)
			return -1;
		bytes[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

bool digest_equal(const void *a, const void *b, size_t len)
{
	return memeql_sec(a, b, len);
}

void digest_wipe(void *secret, size_t len)
{
	static void *(*const volatile set)(void *, int, size_t) = memset; /* else the compiler may leave it out */
	set(secret, 0, len);
}
