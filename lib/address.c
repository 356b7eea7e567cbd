/* SPDX-License-Identifier: MIT */
#include "address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum { HOST_LIMIT = 253 };

static bool take(struct slice *text, const char *prefix)
{
	size_t len = strlen(prefix);
	if (text->len < len || strncasecmp(text->ptr, prefix, len) != 0)
		return false;
	text->ptr += len;
	text->len -= len;
	return true;
}

/* Splits off what stands before the first of `ends`, or all of it. */
static struct slice take_until(struct slice *text, const char *ends)
{
	struct slice part = {text->ptr, 0};
	while (part.len < text->len && !strchr(ends, text->ptr[part.len]))
		part.len++;
	text->ptr += part.len;
	text->len -= part.len;
	return part;
}

static bool all_visible(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || text.ptr[i] == '\\')
			return false;
	return true;
}

/* inet_pton(3) wants an end that a slice does not have. */
static bool is_ip(int family, struct slice text, void *out)
{
	char copy[INET6_ADDRSTRLEN];
	if (text.len >= sizeof copy)
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	return inet_pton(family, copy, out) == 1;
}

static bool is_ipv6_in_brackets(struct slice host)
{
	struct in6_addr out;
	return host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']' &&
	       is_ip(AF_INET6, (struct slice){host.ptr + 1, host.len - 2}, &out);
}

/* A last label that begins with a digit makes a number of the whole to some readers: 127.1, 0x7f.1, 2130706433. */
static bool ends_in_number(struct slice host)
{
	size_t at = host.len;
	while (at > 0 && host.ptr[at - 1] != '.')
		at--;
	return at < host.len && isdigit((unsigned char)host.ptr[at]);
}

static bool is_host(struct slice host)
{
	struct in_addr out;
	if (host.len && host.ptr[0] == '[')
		return is_ipv6_in_brackets(host);
	if (host.len == 0 || host.len > HOST_LIMIT || host.ptr[0] == '.' || host.ptr[0] == '-')
		return false;
	for (size_t i = 0; i < host.len; i++)
		if (!isalnum((unsigned char)host.ptr[i]) && !strchr("._-", host.ptr[i]))
			return false;
	return !ends_in_number(host) || is_ip(AF_INET, host, &out);
}

static bool is_port(struct slice port)
{
	int value = 0;
	for (size_t i = 0; i < port.len; i++) {
		if (!isdigit((unsigned char)port.ptr[i]) || i > 4)
			return false;
		value = value * 10 + (port.ptr[i] - '0');
	}
	return value > 0 && value < 65536;
}

int address_parse(struct slice text, struct address *a, struct diag *d)
{
	struct slice rest = text;
	a->tls = take(&rest, "https://");
	if (!a->tls && !take(&rest, "http://"))
		return diag_fail(d, DIAG_CONFIG, "expected an http or https address");
	if (!all_visible(rest))
		return diag_fail(
		    d, DIAG_CONFIG,
		    "an address holds neither blanks nor backslashes, and nothing beyond ASCII: percent-encode it");
	struct slice authority = take_until(&rest, "/?#");
	if (memchr(rest.ptr, '#', rest.len))
		return diag_fail(d, DIAG_CONFIG, "a #fragment is never sent");
	if (memchr(authority.ptr, '@', authority.len))
		return diag_fail(d, DIAG_CONFIG, "a name and password do not belong into an address: use \"auth\"");
	bool bracket = authority.len && authority.ptr[0] == '[';
	struct slice host = take_until(&authority, bracket ? "]" : ":");
	if (bracket && authority.len) { /* the bracket is part of it */
		host.len++;
		authority.ptr++;
		authority.len--;
	}
	if (!is_host(host))
		return diag_fail(
		    d, DIAG_CONFIG,
		    "expected an http or https address with a host: a name, four decimal numbers, or an IPv6 address in brackets");
	if (authority.len && (!take(&authority, ":") || !is_port(authority)))
		return diag_fail(d, DIAG_CONFIG, "the port is not one from 1 to 65535");
	a->host = host;
	return 0;
}

static bool is_name_below(struct slice host, const char *name)
{
	size_t len = strlen(name);
	if (host.len < len || strncasecmp(host.ptr + host.len - len, name, len) != 0)
		return false;
	return host.len == len || host.ptr[host.len - len - 1] == '.';
}

bool address_is_loopback(const struct address *a)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (a->host.ptr[0] == '[')
		return is_ip(AF_INET6, (struct slice){a->host.ptr + 1, a->host.len - 2}, &v6) &&
		       IN6_IS_ADDR_LOOPBACK(&v6);
	if (is_ip(AF_INET, a->host, &v4))
		return ntohl(v4.s_addr) >> 24 == 127;
	return is_name_below(a->host, "localhost");
}
