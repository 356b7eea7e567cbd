/* SPDX-License-Identifier: MIT */
/* digest: hashes and keyed hashes (FIPS 180-4, RFC 2104), their hexadecimal text, and comparison without a clue to time. */
#ifndef EVT_DIGEST_H
#define EVT_DIGEST_H

#include "slice.h"

enum digest_algorithm { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512 };
enum { DIGEST_MOST = 64 }; /* bytes of the longest */

size_t digest_size(enum digest_algorithm algorithm);

/* Each fills the first digest_size bytes of `out`. */
void digest_hash(enum digest_algorithm algorithm, struct slice text, unsigned char out[DIGEST_MOST]);
/* Of the parts, one after the other. */
void digest_hmac(enum digest_algorithm algorithm, struct slice key, const struct slice *parts, size_t count,
		 unsigned char out[DIGEST_MOST]);

/* Ed25519 (RFC 8032): has the holder of this public key of 32 bytes signed
 * the parts, one after the other? 1, 0, or -1 without memory to join them. */
enum { DIGEST_ED25519_KEY = 32, DIGEST_ED25519_SIGNATURE = 64 };
int digest_ed25519(struct slice key, const unsigned char signature[DIGEST_ED25519_SIGNATURE], const struct slice *parts,
		   size_t count);

void digest_hex(const unsigned char *bytes, size_t len, char *text);   /* lower case, 2 * len + 1 bytes */
int digest_unhex(struct slice text, unsigned char *bytes, size_t len); /* exactly `len` bytes, either case; or -1 */

/* Takes as long whatever stands where. */
bool digest_equal(const void *a, const void *b, size_t len);

/* Overwrites a secret that nobody will read any more. */
void digest_wipe(void *secret, size_t len);

#endif
