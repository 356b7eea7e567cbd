/* SPDX-License-Identifier: MIT */
#include "reception.h"

enum { CONNECTIONS = 4096, PER_ADDRESS = 256, LIMIT = 100000 };

int reception_load(struct reception *r, const char *dir, struct diag *d)
{
	struct conf c;
	struct conf_object root;
	conf_open_optional(&c, dir, SLICE("receive"), &root, d);
	*r = (struct reception){.connections = (size_t)conf_integer(&root, "connections", 1, LIMIT, CONNECTIONS),
				.connections_per_address =
				    (size_t)conf_integer(&root, "connections_per_address", 1, LIMIT, PER_ADDRESS)};
	peer_load(&r->proxies, &root, "trusted_proxies");
	conf_end(&root);
	return conf_close(&c);
}
