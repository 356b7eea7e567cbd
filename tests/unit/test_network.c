/* SPDX-License-Identifier: MIT */
#include "network.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void addresses_are_public_or_not(void **state)
{
	(void)state;
	static const char *const public[] = {"1.1.1.1",     "9.255.255.255",   "11.0.0.0",         "100.63.255.255",
					     "100.128.0.0", "126.255.255.255", "128.0.0.0",        "169.253.255.255",
					     "169.255.0.0", "172.15.255.255",  "172.32.0.0",       "192.167.255.255",
					     "192.169.0.0", "223.255.255.255", "2606:4700::1111",  "2001:4860::8888",
					     "2a00::1",     "::ffff:1.1.1.1",  "64:ff9b::1.1.1.1", "2002:101:101::1"};
	static const char *const other[] = {"0.0.0.0",
					    "10.0.0.1",
					    "10.255.255.255",
					    "100.64.0.1",
					    "127.0.0.1",
					    "127.255.255.255",
					    "169.254.169.254",
					    "172.16.0.1",
					    "172.31.255.255",
					    "192.168.0.1",
					    "198.18.0.1",
					    "192.0.2.1",
					    "224.0.0.1",
					    "255.255.255.255",
					    "::",
					    "::1",
					    "fe80::1",
					    "fc00::1",
					    "fd12::1",
					    "fec0::1",
					    "ff02::1",
					    "::ffff:10.0.0.1",
					    "::ffff:7f00:1",
					    "64:ff9b::a00:1",
					    "64:ff9b::169.254.169.254",
					    "2002:a00:1::1",
					    "2001::1",
					    "2001:db8::1",
					    "::127.0.0.1",
					    "localhost",
					    "",
					    "1.1.1"};
	for (size_t i = 0; i < sizeof public / sizeof public[0]; i++)
		if (!network_text_is_public(public[i]))
			fail_msg("%s is public", public[i]);
	for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
		if (network_text_is_public(other[i]))
			fail_msg("%s is not public", other[i]);
}

static void sockets_addresses_are_read_by_family(void **state)
{
	(void)state;
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x01010101)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr local = {.sa_family = AF_UNIX};
	assert_true(network_is_public((struct sockaddr *)&four));
	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_false(network_is_public((struct sockaddr *)&four));
	assert_false(network_is_public((struct sockaddr *)&six));
	assert_false(network_is_public(&local));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_are_public_or_not),
	    cmocka_unit_test(sockets_addresses_are_read_by_family),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
