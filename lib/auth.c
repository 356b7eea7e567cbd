/* SPDX-License-Identifier: MIT */
#include "auth.h"

#include <stdlib.h>

#include "endpoint.h"
#include "http.h"

static void load_user(struct auth *a, struct conf_object *o)
{
	a->user = conf_string(o, "user", CONF_REQUIRED, NULL);
	if (a->user && (strchr(a->user, ':') || !http_is_field_value(slice_of(a->user))))
		conf_fail(o, "user", "a user's name holds neither ':' nor control characters (RFC 7617)");
}

static void load_header(struct auth *a, struct conf_object *o)
{
	a->header = conf_string(o, "name", CONF_REQUIRED, NULL);
	if (a->header && !http_is_token(slice_of(a->header)))
		conf_expected(o, "name", "the name of a header", NULL);
}

static void load_secret(struct auth *a, struct conf_object *o, const char *key)
{
	conf_secrets(o, key, CONF_REQUIRED, &a->secret);
	if (a->secret.count && !http_is_field_value(a->secret.lines[0]))
		conf_fail(o, key, "the secret holds control characters");
}

static void load_oauth(struct auth *a, struct conf_object *o, bool plain_http)
{
	token_config_load(&a->oauth, o);
	if (a->oauth.url)
		endpoint_check_fixed(o, "token_url", a->oauth.url, plain_http);
}

void auth_load(struct auth *a, struct conf_object *dest, bool plain_http)
{
	static const char *const schemes[] = {"none", "bearer", "basic", "header", "oauth2", NULL};
	struct conf_object o;
	*a = (struct auth){.scheme = AUTH_NONE};
	conf_child(dest, "auth", CONF_OPTIONAL, &o);
	if (o.json && !conf_has(&o, "scheme"))
		conf_fail(&o, NULL, "\"scheme\" is missing");
	a->scheme = (enum auth_scheme)conf_choice(&o, "scheme", schemes, AUTH_NONE);
	switch (a->scheme) {
	case AUTH_NONE:
		break;
	case AUTH_BEARER:
		load_secret(a, &o, "token_file");
		break;
	case AUTH_BASIC:
		load_user(a, &o);
		load_secret(a, &o, "password_file");
		break;
	case AUTH_HEADER:
		load_header(a, &o);
		load_secret(a, &o, "value_file");
		break;
	case AUTH_OAUTH2:
		load_oauth(a, &o, plain_http);
		break;
	}
	conf_end(&o);
}

void auth_free(struct auth *a)
{
	free(a->header);
	free(a->user);
	secrets_free(&a->secret);
	token_config_free(&a->oauth);
	*a = (struct auth){.scheme = AUTH_NONE};
}
