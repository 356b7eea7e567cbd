/* SPDX-License-Identifier: MIT */
#include "proxy.h"

#include <stdio.h>
#include <stdlib.h>

#include "address.h"
#include "buf.h"
#include "digest.h"

static void check_address(struct conf_object *o, const char *text)
{
	static const char *const schemes[] = {"http", "https", "socks4", "socks4a", "socks5", "socks5h", NULL};
	const char *rest = strstr(text, "://");
	struct address address;
	struct diag why;
	struct buf plain = BUF_INIT;
	char scheme[8] = "";
	if (rest && (size_t)(rest - text) < sizeof scheme)
		snprintf(scheme, sizeof scheme, "%.*s", (int)(rest - text), text);
	/* What stands behind the scheme is judged like any other address. */
	buf_printf(&plain, "http%s", rest ? rest : "");
	if (!conf_is_one_of(scheme, schemes))
		conf_fail(o, "proxy", "expected an address such as \"http://proxy:3128\" or \"socks5h://proxy:1080\"");
	else if (strchr(rest, '@'))
		conf_fail(o, "proxy", "a name and password do not belong into an address: use \"proxy_auth\"");
	else if (address_parse(buf_slice(&plain), &address, &why) < 0)
		conf_fail(o, "proxy", "%s", why.text);
	buf_free(&plain);
}

static void load_auth(struct proxy *p, struct conf_object *dest)
{
	struct secrets password = {0};
	struct conf_object o;
	conf_child(dest, "proxy_auth", CONF_OPTIONAL, &o);
	if (o.json) {
		p->user = conf_string(&o, "user", CONF_REQUIRED, NULL);
		conf_secrets(&o, "password_file", CONF_REQUIRED, &password);
	}
	if (password.count) {
		p->password = strndup(password.lines[0].ptr, password.lines[0].len);
		if (!p->password)
			conf_fail(dest, "proxy_auth", "out of memory");
	}
	secrets_free(&password);
	conf_end(&o);
}

void proxy_load(struct proxy *p, struct conf_object *dest)
{
	p->address = conf_string(dest, "proxy", CONF_OPTIONAL, NULL);
	bool none = !p->address || !*p->address;
	if (!none)
		check_address(dest, p->address);
	load_auth(p, dest);
	p->ca_file = conf_file(dest, "proxy_ca_file", CONF_FILE_OPEN);
	if (none && p->user)
		conf_fail(dest, "proxy_auth", "there is no \"proxy\"");
	if (p->ca_file && (none || strncasecmp(p->address, "https:", 6) != 0))
		conf_fail(dest, "proxy_ca_file", "only a \"proxy\" of https:// shows a certificate");
}

void proxy_free(struct proxy *p)
{
	free(p->address);
	free(p->user);
	if (p->password)
		digest_wipe(p->password, strlen(p->password));
	free(p->password);
	free(p->ca_file);
	*p = (struct proxy){.address = NULL};
}
