/* SPDX-License-Identifier: MIT */
/* peer: who is at the other end, and which proxies may speak for others. */
#ifndef EVT_PEER_H
#define EVT_PEER_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "conf.h"
#include "request.h"

enum { PEER_SIZE = 64, PEER_NETS = 32 };

/* The address as text, IPv4 mapped into IPv6 as IPv4; "unix" for a socket file; "" when it is none of these. Returns `text`. */
char *peer_name(const struct sockaddr *address, char text[PEER_SIZE]);

/* A hash to count connections of one origin by: of an IPv4 address, or of an IPv6 network of 64 bits. 0: not to be counted
 * (the machine itself and socket files, behind which stands a proxy). `seed` keeps others from choosing who shares one. */
uint32_t peer_bucket(const struct sockaddr *address, uint32_t seed);

struct peer_net {
	unsigned char bytes[16]; /* IPv4 as mapped into IPv6 */
	int bits;
};

/* Whose X-Forwarded-For is believed. */
struct peer_proxies {
	struct peer_net nets[PEER_NETS];
	size_t count;
	bool unix_sockets;
};

/* Reads the list `key`: addresses, networks such as "10.0.0.0/8", and "unix". Errors go to the conf. */
void peer_load(struct peer_proxies *proxies, struct conf_object *o, const char *key);

/* Who sent the request: r->peer, or the last one in X-Forwarded-For that is no trusted proxy, when r->peer is one. */
char *peer_sender(const struct peer_proxies *proxies, const struct request *r, char text[PEER_SIZE]);

#endif
