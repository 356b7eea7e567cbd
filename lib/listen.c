/* SPDX-License-Identifier: MIT */
#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

/* A crash leaves the file behind; a live listener behind it is not to be pushed aside. */
static bool is_stale(const struct sockaddr_un *address)
{
	struct stat st;
	if (lstat(address->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool stale =
	    fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return stale;
}

static int open_unix(const char *path, struct diag *d)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (!*path || strlen(path) >= sizeof address.sun_path)
		return diag_fail(d, DIAG_USAGE, "unix:%s: expected a path of at most %zu bytes", path,
				 sizeof address.sun_path - 1);
	memcpy(address.sun_path, path, strlen(path));
	if (is_stale(&address))
		unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	diag_errno(d, DIAG_UNAVAILABLE, errno, "unix:%s", path);
	if (fd >= 0)
		close(fd);
	return -1;
}

static int open_one(const struct addrinfo *where)
{
	int on = 1, off = 0, fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (where->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, where->ai_addr, where->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* The wildcard address of IPv6 takes IPv4 too, and is tried first; a machine without IPv6 has the other. */
static int open_any(struct addrinfo *list)
{
	int fd = -1;
	for (int family = AF_INET6; fd < 0; family = AF_INET) {
		for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
			if (a->ai_family == family)
				fd = open_one(a);
		if (family == AF_INET)
			break;
	}
	return fd;
}

/* Cuts "HOST:PORT", "[V6]:PORT" or "PORT" apart; *host is NULL when there is none. */
static int cut(char *text, char **host, char **port)
{
	char *colon = strrchr(text, ':');
	*host = colon ? text : NULL;
	*port = colon ? colon + 1 : text;
	if (colon)
		*colon = '\0';
	if (colon && text[0] == '[' && colon > text + 1 && colon[-1] == ']') {
		colon[-1] = '\0';
		*host = text + 1;
	} else if (colon && (strchr(text, ':') || !*text)) {
		return -1;
	}
	size_t digits = strspn(*port, "0123456789");
	return digits == 0 || digits > 5 || (*port)[digits] || atoi(*port) > 65535 ? -1 : 0;
}

static int open_inet(const char *address, struct diag *d)
{
	char text[256], *host, *port;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list;
	if (snprintf(text, sizeof text, "%s", address) >= (int)sizeof text || cut(text, &host, &port) < 0)
		return diag_fail(d, DIAG_USAGE, "%s: expected [HOST:]PORT or unix:PATH", address);
	int error = getaddrinfo(host, port, &hints, &list);
	if (error)
		return diag_fail(d, DIAG_UNAVAILABLE, "%s: %s", address, gai_strerror(error));
	int fd = open_any(list);
	if (fd < 0)
		diag_errno(d, DIAG_UNAVAILABLE, errno, "%s", address);
	freeaddrinfo(list);
	return fd;
}

int listen_open(const char *address, struct diag *d)
{
	return strncmp(address, "unix:", 5) == 0 ? open_unix(address + 5, d) : open_inet(address, d);
}

char *listen_name(int fd, char text[LISTEN_NAME_SIZE])
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof address;
	char host[64], port[8];
	snprintf(text, LISTEN_NAME_SIZE, "a socket");
	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return text;
	if (address.ss_family == AF_UNIX)
		snprintf(text, LISTEN_NAME_SIZE, "unix:%.108s", ((struct sockaddr_un *)&address)->sun_path);
	else if (getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
			     NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(text, LISTEN_NAME_SIZE, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	return text;
}
