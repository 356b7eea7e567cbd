/* SPDX-License-Identifier: MIT */
/* mac: what a keyed hash over a request that goes out is made over and with, as configuration says it: a template of the
 * request's parts, and the secrets of a file. */
#ifndef EVT_MAC_H
#define EVT_MAC_H

#include "buf.h"
#include "conf.h"
#include "digest.h"

enum { MAC_PARTS = 16 }; /* of a template */

enum mac_piece { MAC_TEXT, MAC_BODY, MAC_TIMESTAMP, MAC_URL, MAC_METHOD, MAC_ID };
enum mac_encoding { MAC_HEX, MAC_BASE64 };

struct mac_part {
	enum mac_piece piece;
	char *text; /* MAC_TEXT: itself */
};

struct mac_template {
	struct mac_part parts[MAC_PARTS];
	size_t count;
};

void mac_template_load(struct mac_template *t, struct conf_object *o, const char *key, const char *text);
void mac_template_free(struct mac_template *t);
bool mac_template_holds(const struct mac_template *t, enum mac_piece piece);

/* "algorithm" and "encoding". */
enum digest_algorithm mac_load_algorithm(struct conf_object *o);
enum mac_encoding mac_load_encoding(struct conf_object *o);

/* The secrets of "secret_file", each as the hash takes it. */
struct mac_keys {
	struct slice *list;
	size_t count;
	struct secrets secrets; /* as in the file */
	struct buf decoded;
};
/* `decoded`: they are written whsec_ and base64, as Standard Webhooks has them. */
void mac_keys_load(struct mac_keys *k, struct conf_object *o, bool decoded);
void mac_keys_free(struct mac_keys *k);

#endif
