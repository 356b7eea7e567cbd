/* SPDX-License-Identifier: MIT */
/* relay: a small proxy, for tests: HTTP CONNECT (RFC 9110, 9.3.6), SOCKS 4 and 4a, SOCKS 5 (RFC 1928, RFC 1929). Whatever name it is asked
 * for, it connects to one port of this machine, so that a test sees who has resolved the name. A process for each connection.
 *
 *   relay -P FILE -t PORT [-l FILE] [-a USER:PASSWORD] [-k KEY -c CERT]
 *
 *   -P FILE  write the port to FILE when ready
 *   -t PORT  connect to 127.0.0.1:PORT
 *   -l FILE  append a line for each connection: "connect HOST:PORT", "socks4 ...", "socks5 ..."
 *   -a       let nobody else in; the others get 407, or are refused
 *   -k, -c   speak TLS to the client: an https proxy */
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base64.h"

static const char *user_password, *key_file, *cert_file;
static int target_port, log_fd = -1;

static void fail(const char *what)
{
	fprintf(stderr, "relay: %s\n", what);
	_exit(1);
}

/* ---- the client's end: plain, or TLS ---- */

struct client {
	int fd;
	SSL *ssl;
};

static size_t take(struct client *c, void *bytes, size_t size)
{
	ssize_t got = c->ssl ? SSL_read(c->ssl, bytes, (int)size) : read(c->fd, bytes, size);
	if (got <= 0)
		_exit(0);
	return (size_t)got;
}

static void give(struct client *c, const void *bytes, size_t size)
{
	ssize_t sent = c->ssl ? SSL_write(c->ssl, bytes, (int)size) : write(c->fd, bytes, size);
	if (sent != (ssize_t)size)
		_exit(0);
}

static void take_all(struct client *c, unsigned char *bytes, size_t size)
{
	for (size_t got = 0; got < size;)
		got += take(c, bytes + got, size - got);
}

/* Up to a NUL, which is taken too. */
static void take_text(struct client *c, char text[256])
{
	size_t len = 0;
	do
		take(c, text + len, 1);
	while (text[len++] && len < 255);
	text[len] = '\0';
}

static void speak_tls(struct client *c)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (!context || SSL_CTX_use_certificate_chain_file(context, cert_file) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1 || !(c->ssl = SSL_new(context)) ||
	    SSL_set_fd(c->ssl, c->fd) != 1)
		fail("TLS");
	if (SSL_accept(c->ssl) != 1)
		_exit(0);
}

/* ---- who may, and where to ---- */

static void note(const char *how, const char *host, int port)
{
	char line[400];
	int len = snprintf(line, sizeof line, "%s %s:%d\n", how, host, port);
	if (log_fd >= 0 && write(log_fd, line, (size_t)len) != len)
		fail("log");
}

static int connect_target(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)target_port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
		fail("cannot connect");
	return fd;
}

static void open_http(struct client *c)
{
	static const char welcome[] = "HTTP/1.1 200 Connected\r\n\r\n";
	static const char refusal[] = "HTTP/1.1 407 Proxy Authentication Required\r\n"
				      "Proxy-Authenticate: Basic realm=\"relay\"\r\nContent-Length: 0\r\n\r\n";
	char head[4096] = "C", host[256]; /* its first byte has been taken */
	int port;
	for (size_t len = 1; !strstr(head, "\r\n\r\n") && len < sizeof head - 1; len++)
		take(c, head + len, 1);
	struct buf wanted = BUF_INIT;
	buf_add_text(&wanted, "Proxy-Authorization: Basic ");
	if (user_password)
		base64_add(&wanted, slice_of(user_password));
	if (user_password && !strstr(head, wanted.data)) {
		give(c, refusal, sizeof refusal - 1);
		_exit(0);
	}
	buf_free(&wanted);
	if (sscanf(head, "CONNECT %255[^:]:%d", host, &port) != 2)
		_exit(0);
	note("connect", host, port);
	give(c, welcome, sizeof welcome - 1);
}

static void open_socks4(struct client *c)
{
	unsigned char rest[7], answer[8] = {0, 90};
	char user[256], host[256] = "";
	take_all(c, rest, sizeof rest);
	take_text(c, user);
	if (!rest[3] && !rest[4] && !rest[5]) /* 4a: 0.0.0.x, and a name behind */
		take_text(c, host);
	else
		inet_ntop(AF_INET, rest + 3, host, sizeof host);
	note("socks4", host, rest[1] << 8 | rest[2]);
	give(c, answer, sizeof answer);
}

static void check_password(struct client *c)
{
	unsigned char head[2];
	char given[512] = "";
	take_all(c, head, 2);
	take_all(c, (unsigned char *)given, head[1]);
	given[head[1]] = ':';
	size_t user = head[1] + 1U;
	take_all(c, head, 1);
	take_all(c, (unsigned char *)given + user, head[0]);
	bool good = strcmp(given, user_password) == 0;
	give(c, good ? "\1\0" : "\1\1", 2);
	if (!good)
		_exit(0);
}

static void open_socks5(struct client *c)
{
	unsigned char count, methods[256], head[4], port[2], answer[10] = {5, 0, 0, 1};
	char host[257] = "";
	take_all(c, &count, 1);
	take_all(c, methods, count);
	unsigned char method = user_password ? 2 : 0;
	if (!memchr(methods, method, count))
		method = 0xff;
	give(c, (unsigned char[]){5, method}, 2);
	if (method == 0xff)
		_exit(0);
	if (user_password)
		check_password(c);
	take_all(c, head, 4);
	if (head[3] == 3) { /* a name, for us to resolve */
		take_all(c, &count, 1);
		take_all(c, (unsigned char *)host, count);
	} else {
		unsigned char address[16];
		take_all(c, address, head[3] == 1 ? 4 : 16);
		inet_ntop(head[3] == 1 ? AF_INET : AF_INET6, address, host, sizeof host);
	}
	take_all(c, port, 2);
	note("socks5", host, port[0] << 8 | port[1]);
	give(c, answer, sizeof answer);
}

/* ---- back and forth ---- */

static void pass_on(struct client *c, int target)
{
	struct pollfd fds[] = {{.fd = c->fd, .events = POLLIN}, {.fd = target, .events = POLLIN}};
	char bytes[16384];
	for (;;) {
		bool pending = c->ssl && SSL_pending(c->ssl);
		if (!pending && poll(fds, 2, -1) < 0)
			return;
		if (pending || fds[0].revents) {
			size_t got = take(c, bytes, sizeof bytes);
			if (write(target, bytes, got) != (ssize_t)got)
				return;
		}
		if (!pending && fds[1].revents) {
			ssize_t got = read(target, bytes, sizeof bytes);
			if (got <= 0)
				return;
			give(c, bytes, (size_t)got);
		}
	}
}

static void serve(int fd)
{
	struct client c = {.fd = fd};
	unsigned char first;
	if (key_file)
		speak_tls(&c);
	take_all(&c, &first, 1);
	if (first == 5)
		open_socks5(&c);
	else if (first == 4)
		open_socks4(&c);
	else
		open_http(&c);
	pass_on(&c, connect_target());
	_exit(0);
}

static int start(const char *port_file)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 64) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) != 0)
		fail("cannot listen");
	FILE *file = fopen(port_file, "w");
	if (!file || fprintf(file, "%d\n", ntohs(address.sin_port)) < 0 || fclose(file) != 0)
		fail(port_file);
	return listener;
}

int main(int argc, char **argv)
{
	const char *port_file = NULL;
	for (int option; (option = getopt(argc, argv, "P:t:l:a:k:c:")) != -1;) {
		if (option == 'P')
			port_file = optarg;
		else if (option == 't')
			target_port = atoi(optarg);
		else if (option == 'l')
			log_fd = open(optarg, O_WRONLY | O_CREAT | O_APPEND, 0666);
		else if (option == 'a')
			user_password = optarg;
		else if (option == 'k')
			key_file = optarg;
		else if (option == 'c')
			cert_file = optarg;
		else
			return 64;
	}
	if (!port_file || !target_port)
		fail("-P and -t are needed");
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	int listener = start(port_file);
	for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd))
		if (fork() == 0)
			serve(fd);
	fail("cannot accept");
}
