/* SPDX-License-Identifier: MIT */
#include "network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct block4 {
	uint32_t address;
	int bits;
};

static const struct block4 special4[] = {
    {0x00000000, 8},  /* this network */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* shared, RFC 6598 */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local, where clouds keep their metadata */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0a80000, 16}, /* private */
    {0xc6120000, 15}, /* benchmarks */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 4},  /* multicast */
    {0xf0000000, 4},  /* reserved, broadcast */
};

static bool is_public4(uint32_t address)
{
	for (size_t i = 0; i < sizeof special4 / sizeof special4[0]; i++)
		if ((address ^ special4[i].address) >> (32 - special4[i].bits) == 0)
			return false;
	return true;
}

static bool begins(const uint8_t *bytes, const char *prefix, size_t len)
{
	return memcmp(bytes, prefix, len) == 0;
}

static uint32_t embedded(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Of IPv6, 2000::/3 is the public net, but for what is set apart in it; and there are ways to write IPv4. */
static bool is_public6(const uint8_t bytes[16])
{
	if (begins(bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) || begins(bytes, "\0\x64\xff\x9b\0\0\0\0\0\0\0\0", 12))
		return is_public4(embedded(bytes + 12)); /* mapped; NAT64 */
	if (begins(bytes, "\x20\x02", 2))
		return is_public4(embedded(bytes + 2)); /* 6to4 */
	if (begins(bytes, "\x20\x01\x0d\xb8", 4) || begins(bytes, "\x3f\xff", 2))
		return false; /* documentation */
	if (begins(bytes, "\x20\x01", 2) && bytes[2] < 2)
		return false; /* protocol assignments, Teredo among them */
	return bytes[0] >> 5 == 1;
}

bool network_is_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in four;
		memcpy(&four, address, sizeof four);
		return is_public4(ntohl(four.sin_addr.s_addr));
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 six;
		memcpy(&six, address, sizeof six);
		return is_public6(six.sin6_addr.s6_addr);
	}
	return false;
}

bool network_text_is_public(const char *text)
{
	struct in_addr four;
	struct in6_addr six;
	if (inet_pton(AF_INET, text, &four) == 1)
		return is_public4(ntohl(four.s_addr));
	return inet_pton(AF_INET6, text, &six) == 1 && is_public6(six.s6_addr);
}
