/* SPDX-License-Identifier: MIT */
/* network: is an IP address one of the public Internet? Loopback, private, link-local, shared, documentation, multicast and
 * reserved ones are not (IANA's special-purpose registries, RFC 6890), nor what embeds one of them in IPv6. Pure. */
#ifndef EVT_NETWORK_H
#define EVT_NETWORK_H

#include <stdbool.h>
#include <sys/socket.h>

bool network_is_public(const struct sockaddr *address); /* of another family than IPv4 and IPv6: no */
bool network_text_is_public(const char *text);          /* "192.0.2.1", "2001:db8::1"; no such thing: no */

#endif
