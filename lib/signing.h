/* SPDX-License-Identifier: MIT */
/* signing: a destination's "sign": headers with a keyed hash over the request, so that the destination can tell who sent it.
 * Standard Webhooks (every secret of the file signs, so that secrets can be rotated), or a hash of any other shape. */
#ifndef EVT_SIGNING_H
#define EVT_SIGNING_H

#include "mac.h"

struct signing {
	struct mac_keys keys; /* none: nothing is signed */
	struct mac_template text, prefix;
	enum digest_algorithm algorithm;
	enum mac_encoding encoding;
	bool every_key;    /* signs, the signatures parted by blanks; else the first one */
	char *header;      /* of the signature */
	char *id_header;   /* NULL: none */
	char *time_header; /* NULL: none */
	int64_t time_unit_ms;
};

/* Reads the object "sign" of a destination; absent: nothing is signed. Errors go to the conf. */
void signing_load(struct signing *s, struct conf_object *dest);
void signing_free(struct signing *s);

/* What is signed, besides the time. */
struct signing_request {
	struct slice method, url, body, id;
};

/* Appends its headers, "NAME: value" with a NUL behind each. */
void signing_add(const struct signing *s, const struct signing_request *r, int64_t now, struct buf *lines);

#endif
