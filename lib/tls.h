/* SPDX-License-Identifier: MIT */
/* tls: a destination's "tls": whom we trust, and what proves who we are. */
#ifndef EVT_TLS_H
#define EVT_TLS_H

#include "conf.h"

struct tls {
	char *ca_file;              /* NULL: the system's authorities */
	char *cert_file, *key_file; /* NULL: we prove nothing */
	bool only_13;               /* TLS 1.3 at least, else 1.2 */
};

/* Errors go to the conf. */
void tls_load(struct tls *t, struct conf_object *dest);
void tls_free(struct tls *t);

#endif
