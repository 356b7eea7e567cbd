/* SPDX-License-Identifier: MIT */
/* reception: receive.json, what a receiver is told beside its sources (evt-config(5)). The file need not be there. */
#ifndef EVT_RECEPTION_H
#define EVT_RECEPTION_H

#include "peer.h"

struct reception {
	struct peer_proxies proxies;
	size_t connections;             /* at once */
	size_t connections_per_address; /* of them, from one address that is not this machine's */
};

/* 0, or -1 with DIAG_CONFIG. Nothing in it needs to be freed. */
int reception_load(struct reception *r, const char *dir, struct diag *d);

#endif
