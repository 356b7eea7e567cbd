/* SPDX-License-Identifier: MIT */
/* listen: sockets that wait for connections. */
#ifndef EVT_LISTEN_H
#define EVT_LISTEN_H

#include <stddef.h>

#include "diag.h"

enum { LISTEN_NAME_SIZE = 160 };

/* Opens "[HOST:]PORT" or "unix:PATH". Without HOST it listens on every address, IPv6 and IPv4; an IPv6 HOST stands in
 * brackets; port 0 takes a free one. A socket file that nobody listens on any more is replaced. A descriptor, or -1:
 * DIAG_USAGE for an address that is none, DIAG_UNAVAILABLE for one that is not to be had. */
int listen_open(const char *address, struct diag *d);

/* Where it listens really: "127.0.0.1:8080", "[::]:8080", "unix:/run/x". Returns `text`. */
char *listen_name(int fd, char text[LISTEN_NAME_SIZE]);

#endif
