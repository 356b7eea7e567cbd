/* SPDX-License-Identifier: MIT */
/* verify: is a request from whom it says? The schemes of evt-config(5). All but basic, bearer and none are one thing, a keyed
 * hash over a template, and differ in a row of a table: which header, how it is written, what is signed. Every
 * secret of the file verifies. Comparisons are of decoded values of one length, in constant time.
 *
 * Where a header is named, a JSON Pointer ("/signature/token") stands for that text or number of the body. */
#ifndef EVT_VERIFY_H
#define EVT_VERIFY_H

#include "mac.h"
#include "request.h"

enum { VERIFY_SIGNATURES = 16 }; /* tried in one request */

enum verify_kind { VERIFY_NONE, VERIFY_BASIC, VERIFY_BEARER, VERIFY_HMAC };

struct verify {
	enum verify_kind kind;
	char *user; /* VERIFY_BASIC */
	struct mac_keys keys;
	/* VERIFY_HMAC */
	char *header;
	char *prefix;        /* in front of the signature; "" for none */
	char *prefix_public; /* in front of one of Ed25519; NULL: the scheme has none */
	char separator;      /* the header is a list of signatures, parted by this; '\0': it is one */
	enum digest_algorithm algorithm;
	enum mac_encoding encoding;
	struct mac_template text;
	char *timestamp_header; /* NULL: no timestamp, or one inside the signature header */
	char *timestamp_prefix; /* of the timestamp inside the signature header's list; else NULL */
	int64_t timestamp_unit_ms;
	int64_t tolerance_ms; /* how far a timestamp may be off, either way; 0: there is no timestamp */
	char *url;            /* what MAC_URL stands for: the address senders sign, from configuration alone */
};

/* Reads the object "verify" of a source. `public_url` may be NULL unless the scheme signs an address. Errors go to the conf. */
void verify_load(struct verify *v, struct conf_object *source, const char *public_url);
void verify_free(struct verify *v);

/* *d has the reason in plain words, fit for the sender: it holds nothing secret. */
enum verify_result {
	VERIFY_GOOD = 0,
	VERIFY_BAD = -1,   /* missing, malformed, or it does not match */
	VERIFY_LATE = -2,  /* the timestamp is too far from now */
	VERIFY_ERROR = -3, /* no memory */
};
enum verify_result verify_check(const struct verify *v, const struct request *r, int64_t now, struct diag *d);

/* Does a signature of this scheme hold for the value of that header, too? */
bool verify_covers(const struct verify *v, const char *header);

/* What WWW-Authenticate of a refusal says (RFC 9110 section 11.6.1); NULL when the scheme has no name for it. */
const char *verify_challenge(const struct verify *v);

#endif
