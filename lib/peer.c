/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

/* Every address in 16 bytes. */
static bool spread(const struct sockaddr *address, unsigned char bytes[16])
{
	if (address->sa_family == AF_INET6) {
		memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
		return true;
	}
	if (address->sa_family != AF_INET)
		return false;
	memcpy(bytes, mapped, sizeof mapped);
	memcpy(bytes + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
	return true;
}

static bool is_v4(const unsigned char bytes[16])
{
	return memcmp(bytes, mapped, sizeof mapped) == 0;
}

char *peer_name(const struct sockaddr *address, char text[PEER_SIZE])
{
	unsigned char bytes[16];
	text[0] = '\0';
	if (address->sa_family == AF_UNIX)
		snprintf(text, PEER_SIZE, "unix");
	else if (spread(address, bytes))
		inet_ntop(is_v4(bytes) ? AF_INET : AF_INET6, is_v4(bytes) ? bytes + 12 : bytes, text, PEER_SIZE);
	return text;
}

uint32_t peer_bucket(const struct sockaddr *address, uint32_t seed)
{
	static const unsigned char local[16] = {[15] = 1};
	unsigned char bytes[16];
	if (!spread(address, bytes) || memcmp(bytes, local, 16) == 0 || (is_v4(bytes) && bytes[12] == 127))
		return 0;
	uint32_t hash = seed;
	for (size_t i = 0; i < (is_v4(bytes) ? 16U : 8U); i++) {
		hash = (hash ^ bytes[i]) * 0x9e3779b1U;
		hash ^= hash >> 15;
	}
	return hash | 1U << 31;
}

static bool read_address(const char *text, unsigned char bytes[16])
{
	memcpy(bytes, mapped, sizeof mapped);
	return inet_pton(AF_INET, text, bytes + 12) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* "ADDRESS" or "ADDRESS/BITS". */
static bool read_net(const char *text, struct peer_net *net)
{
	char address[PEER_SIZE];
	size_t len = strcspn(text, "/");
	if (len >= sizeof address)
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (!read_address(address, net->bytes))
		return false;
	int most = strchr(address, ':') ? 128 : 32;
	net->bits = 128;
	if (text[len] == '\0')
		return true;
	const char *digits = text + len + 1;
	size_t count = strspn(digits, "0123456789");
	if (count == 0 || count > 3 || digits[count] || atoi(digits) > most)
		return false;
	net->bits = 128 - most + atoi(digits);
	return true;
}

void peer_load(struct peer_proxies *proxies, struct conf_object *o, const char *key)
{
	json_t *list = conf_any(o, key), *item;
	size_t i;
	if (list && !json_is_array(list))
		conf_expected(o, key, "a list of addresses, networks and \"unix\"", list);
	json_array_foreach (list, i, item) {
		const char *text = json_string_value(item);
		if (text && strcmp(text, "unix") == 0)
			proxies->unix_sockets = true;
		else if (!text || proxies->count == PEER_NETS || !read_net(text, &proxies->nets[proxies->count++]))
			conf_expected(o, key, "at most 32 addresses, networks such as \"10.0.0.0/8\", or \"unix\"",
				      item);
	}
}

static bool is_within(const struct peer_net *net, const unsigned char bytes[16])
{
	int whole = net->bits / 8, rest = net->bits % 8;
	return memcmp(net->bytes, bytes, (size_t)whole) == 0 &&
	       (rest == 0 || (net->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0);
}

static bool is_trusted(const struct peer_proxies *proxies, const char *peer)
{
	unsigned char bytes[16];
	if (strcmp(peer, "unix") == 0)
		return proxies->unix_sockets;
	if (!read_address(peer, bytes))
		return false;
	for (size_t i = 0; i < proxies->count; i++)
		if (is_within(&proxies->nets[i], bytes))
			return true;
	return false;
}

/* Some proxies write "ADDRESS:PORT", or "[ADDRESS]:PORT". */
static void drop_port(char *text)
{
	char *close = text[0] == '[' ? strchr(text, ']') : NULL, *colon = strchr(text, ':');
	if (close) {
		*close = '\0';
		memmove(text, text + 1, (size_t)(close - text));
	} else if (colon && !strchr(colon + 1, ':')) {
		*colon = '\0';
	}
}

/* The last item of a list, which *list loses; false when there is none. "" is one that is no address. */
static bool last_item(struct slice *list, char text[PEER_SIZE])
{
	unsigned char bytes[16];
	char item[PEER_SIZE];
	size_t end = list->len, start;
	while (end && strchr(" \t,", list->ptr[end - 1]))
		end--;
	for (start = end; start && !strchr(" \t,", list->ptr[start - 1]); start--)
		continue;
	text[0] = '\0';
	if (start == end)
		return false;
	snprintf(item, sizeof item, "%.*s", (int)(end - start), list->ptr + start);
	drop_port(item);
	if (read_address(item, bytes))
		memcpy(text, item, sizeof item);
	list->len = start;
	return true;
}

char *peer_sender(const struct peer_proxies *proxies, const struct request *r, char text[PEER_SIZE])
{
	char named[PEER_SIZE];
	snprintf(text, PEER_SIZE, "%s", r->peer);
	for (size_t i = r->header_count; i-- > 0 && is_trusted(proxies, text);) {
		struct slice list = r->headers[i].value;
		if (r->headers[i].name.len != 15 || strncasecmp(r->headers[i].name.ptr, "X-Forwarded-For", 15) != 0)
			continue;
		while (is_trusted(proxies, text) && last_item(&list, named)) {
			if (!*named)
				return text; /* what stands before it is not the word of somebody we trust */
			memcpy(text, named, sizeof named);
		}
	}
	return text;
}
