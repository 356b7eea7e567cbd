/* SPDX-License-Identifier: MIT */
/* address: where a destination is. A strict part of RFC 3986: what two readers could take for two different hosts is no
 * address here, so that what was checked is what the sender connects to. */
#ifndef EVT_ADDRESS_H
#define EVT_ADDRESS_H

#include "diag.h"
#include "slice.h"

struct address {
	bool tls;          /* https, not http */
	struct slice host; /* a name, four decimal numbers, or an IPv6 address in brackets */
};

/* Slices of `text`. -1 with DIAG_CONFIG and what was expected. */
int address_parse(struct slice text, struct address *a, struct diag *d);

/* By its text: 127.0.0.0/8, ::1, localhost and names below it (RFC 6761). */
bool address_is_loopback(const struct address *a);

#endif
