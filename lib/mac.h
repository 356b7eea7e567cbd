/* SPDX-License-Identifier: MIT */
/* mac: what a signature over a request is made over and with, as configuration says it, both for those that come in (verify)
 * and for those that go out (signing): a template of the request's parts, a hash, and the secrets of a file. */
#ifndef EVT_MAC_H
#define EVT_MAC_H

#include "buf.h"
#include "conf.h"
#include "digest.h"

enum { MAC_PARTS = 16 }; /* of a template */

enum mac_piece { MAC_TEXT, MAC_BODY, MAC_TIMESTAMP, MAC_URL, MAC_METHOD, MAC_ID, MAC_FORM, MAC_HEADER };
enum { MAC_PIECES = MAC_HEADER + 1 };
enum mac_encoding { MAC_HEX, MAC_BASE64 };

struct mac_part {
	enum mac_piece piece;
	char *text; /* MAC_TEXT: itself; MAC_HEADER: the header's name */
};

struct mac_template {
	struct mac_part parts[MAC_PARTS];
	size_t count;
};

/* Reads "{timestamp}.{body}", which stands at `key` (for messages). `allowed`:
 * a bit (1 << enum mac_piece) for each piece that may stand in it. */
void mac_template_load(struct mac_template *t, struct conf_object *o, const char *key, const char *text,
		       unsigned allowed);
void mac_template_free(struct mac_template *t);
bool mac_template_holds(const struct mac_template *t, enum mac_piece piece);

/* "algorithm" and "encoding". */
enum digest_algorithm mac_load_algorithm(struct conf_object *o);
enum mac_encoding mac_load_encoding(struct conf_object *o);

/* The secrets of "secret_file", each as the hash takes it. */
struct mac_key {
	struct slice bytes;
	bool is_public; /* of Ed25519 */
};
struct mac_keys {
	struct mac_key *list;
	size_t count;
	struct secrets secrets; /* as in the file */
	struct buf decoded;
};
enum mac_key_form {
	MAC_KEYS_PLAIN,
	MAC_KEYS_SHARED,           /* whsec_ and base64, as Standard Webhooks has them */
	MAC_KEYS_SHARED_OR_PUBLIC, /* those, or whpk_ and base64 of an Ed25519 key */
};
void mac_keys_load(struct mac_keys *k, struct conf_object *o, enum mac_key_form form);
void mac_keys_free(struct mac_keys *k); /* and wipes them */

#endif
