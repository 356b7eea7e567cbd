/* SPDX-License-Identifier: MIT */
#include "digest.h"

/* Plain hashes are made with the functions below the EVP interface: that one would first set libcrypto up, a millisecond that a process
 * for a single request has no use for. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>

#include "buf.h"

static const struct {
	const char *name;
	size_t size;
} algorithms[] = {
    [DIGEST_SHA1] = {"SHA1", 20},
    [DIGEST_SHA256] = {"SHA256", 32},
    [DIGEST_SHA512] = {"SHA512", 64},
};

size_t digest_size(enum digest_algorithm algorithm)
{
	return algorithms[algorithm].size;
}

int digest_hash(enum digest_algorithm algorithm, struct slice text, unsigned char out[DIGEST_MOST])
{
	union {
		SHA_CTX sha1;
		SHA256_CTX sha256;
		SHA512_CTX sha512;
	} c;
	bool good = false;
	switch (algorithm) {
	case DIGEST_SHA1:
		good = SHA1_Init(&c.sha1) && SHA1_Update(&c.sha1, text.ptr, text.len) && SHA1_Final(out, &c.sha1);
		break;
	case DIGEST_SHA256:
		good = SHA256_Init(&c.sha256) && SHA256_Update(&c.sha256, text.ptr, text.len) &&
		       SHA256_Final(out, &c.sha256);
		break;
	case DIGEST_SHA512:
		good = SHA512_Init(&c.sha512) && SHA512_Update(&c.sha512, text.ptr, text.len) &&
		       SHA512_Final(out, &c.sha512);
		break;
	}
	return good ? 0 : -1;
}

/* Fetched once: finding it costs more than hashing a kilobyte. */
static EVP_MAC *hmac;

static void fetch(void)
{
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
}

void digest_prepare(void)
{
	static pthread_once_t fetched = PTHREAD_ONCE_INIT;
	pthread_once(&fetched, fetch);
}

int digest_hmac(enum digest_algorithm algorithm, struct slice key, const struct slice *parts, size_t count,
		unsigned char out[DIGEST_MOST])
{
	OSSL_PARAM parameters[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)algorithms[algorithm].name, 0),
	    OSSL_PARAM_construct_end(),
	};
	digest_prepare();
	EVP_MAC_CTX *context = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	bool good = context && EVP_MAC_init(context, (const unsigned char *)key.ptr, key.len, parameters) == 1;
	for (size_t i = 0; good && i < count; i++)
		good = EVP_MAC_update(context, (const unsigned char *)parts[i].ptr, parts[i].len) == 1;
	size_t len;
	good = good && EVP_MAC_final(context, out, &len, DIGEST_MOST) == 1;
	EVP_MAC_CTX_free(context);
	return good ? 0 : -1;
}

/* The message must be in one piece: Ed25519 goes over it twice. */
int digest_ed25519(struct slice key, const unsigned char signature[DIGEST_ED25519_SIGNATURE], const struct slice *parts,
		   size_t count)
{
	struct buf message = BUF_INIT;
	int result = -1;
	for (size_t i = 0; i < count; i++)
		buf_add_slice(&message, parts[i]);
	EVP_PKEY *public = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)key.ptr, key.len);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (buf_ok(&message) && public && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, public) == 1)
		result = EVP_DigestVerify(context, signature, DIGEST_ED25519_SIGNATURE,
					  (const unsigned char *)buf_slice(&message).ptr, message.len) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(public);
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
	return CRYPTO_memcmp(a, b, len) == 0;
}
