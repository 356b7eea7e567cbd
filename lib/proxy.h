/* SPDX-License-Identifier: MIT */
/* proxy: a destination's "proxy", "proxy_auth" and "proxy_ca_file": who passes its requests on. */
#ifndef EVT_PROXY_H
#define EVT_PROXY_H

#include "conf.h"

struct proxy {
	char *address;         /* NULL: as the environment has it; "": none */
	char *user, *password; /* NULL: it asks for none */
	char *ca_file;         /* authorities for one that is spoken to by https; NULL: the system's */
};

/* Errors go to the conf. */
void proxy_load(struct proxy *p, struct conf_object *dest);
void proxy_free(struct proxy *p); /* and wipes the password */

#endif
