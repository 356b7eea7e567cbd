/* SPDX-License-Identifier: MIT */
#include "reception.h"

#include <unistd.h>

enum { CONNECTIONS = 4096, PER_ADDRESS = 256, CONNECTIONS_LIMIT = 100000 };

int reception_load(struct reception *r, const char *dir, struct diag *d)
{
	char path[4096];
	struct conf c;
	struct conf_object root;
	*r = (struct reception){.connections = CONNECTIONS, .connections_per_address = PER_ADDRESS};
	if (conf_path(path, sizeof path, dir, ".", SLICE("receive"), d) < 0)
		return -1;
	if (access(path, F_OK) < 0)
		return 0;
	if (conf_open(&c, dir, ".", SLICE("receive"), &root, d) == 0) {
		peer_load(&r->proxies, &root, "trusted_proxies");
		r->connections = (size_t)conf_integer(&root, "connections", 1, CONNECTIONS_LIMIT, CONNECTIONS);
		r->connections_per_address =
		    (size_t)conf_integer(&root, "connections_per_address", 1, CONNECTIONS_LIMIT, PER_ADDRESS);
		conf_end(&root);
	}
	return conf_close(&c);
}
