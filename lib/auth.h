/* SPDX-License-Identifier: MIT */
/* auth: a destination's "auth": how a request proves that it comes from somebody who may send it. */
#ifndef EVT_AUTH_H
#define EVT_AUTH_H

#include "conf.h"
#include "token.h"

enum auth_scheme { AUTH_NONE, AUTH_BEARER, AUTH_BASIC, AUTH_HEADER, AUTH_OAUTH2 };

struct auth {
	enum auth_scheme scheme;
	char *header;              /* AUTH_HEADER: its name */
	char *user;                /* AUTH_BASIC */
	struct secrets secret;     /* the first line is the token, password or value */
	struct token_config oauth; /* AUTH_OAUTH2 */
};

/* Absent: AUTH_NONE. `plain_http` as for endpoint_check. Errors go to the conf. */
void auth_load(struct auth *a, struct conf_object *dest, bool plain_http);
void auth_free(struct auth *a); /* and wipes the secret */

#endif
