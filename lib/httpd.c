/* SPDX-License-Identifier: MIT */
#include "httpd.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
	TIMEOUT_S = 30,           /* of a connection on which nothing moves */
	CONNECTIONS_MOST = 1024,  /* each costs HEADERS_MOST, and a body while one is under way */
	DESCRIPTORS_KEPT = 64,    /* for the journal and the rest of the process */
	HEADERS_MOST = 16 * 1024, /* libmicrohttpd's memory for a connection; more: 431 */
};

/* As strict as the library can be about what RFC 9112 forbids. */
#if MHD_VERSION >= 0x00097701
#define STRICT MHD_OPTION_CLIENT_DISCIPLINE_LVL, 3
#else
#define STRICT MHD_OPTION_STRICT_FOR_CLIENT, 1
#endif

/* ---- headers ---- */

struct search {
	const char *name;
	struct slice *value;
	int found;
};

static enum MHD_Result compare_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_len,
				      const char *value, size_t value_len)
{
	struct search *search = context;
	(void)kind;
	if (strncasecmp(name, search->name, name_len) == 0 && search->name[name_len] == '\0' && search->found++ == 0)
		*search->value = (struct slice){value ? value : "", value_len};
	return MHD_YES;
}

int httpd_header(void *connection, const char *name, struct slice *value)
{
	struct search search = {name, value, 0};
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, compare_header, &search);
	return search.found;
}

/* ---- framing ---- */

struct framing {
	int lengths, codings, hosts;
	struct slice length, coding;
	bool bad_name;
};

static bool is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && (!strchr("!#$%&'*+-.^_`|~", text[i]) || text[i] == '\0'))
			return false;
	return len > 0;
}

static bool is_digits(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return text.len > 0 && text.len < 19;
}

static bool is_name(const char *name, size_t len, struct slice expected)
{
	return len == expected.len && strncasecmp(name, expected.ptr, len) == 0;
}

static enum MHD_Result note_framing(void *context, enum MHD_ValueKind kind, const char *name, size_t name_len,
				    const char *value, size_t value_len)
{
	struct framing *f = context;
	struct slice text = {value ? value : "", value_len};
	(void)kind;
	if (is_name(name, name_len, SLICE("Content-Length"))) {
		f->lengths++;
		f->length = text;
	} else if (is_name(name, name_len, SLICE("Transfer-Encoding"))) {
		f->codings++;
		f->coding = text;
	} else if (is_name(name, name_len, SLICE("Host"))) {
		f->hosts++;
	} else if (!is_token(name, name_len)) {
		f->bad_name = true; /* "Content-Length : 5" is another header to the library, and a length to others */
	}
	return MHD_YES;
}

const char *httpd_misframed(struct MHD_Connection *connection, size_t *length)
{
	struct framing f = {0};
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, note_framing, &f);
	*length = f.lengths && is_digits(f.length) ? strtoull(f.length.ptr, NULL, 10) : 0;
	if (f.bad_name)
		return "a header whose name is none";
	if (f.hosts > 1)
		return "more than one Host";
	if (f.lengths + f.codings > 1)
		return "the length of the body is told twice";
	if (f.lengths && !is_digits(f.length))
		return "Content-Length: expected digits";
	if (f.codings && !is_name(f.coding.ptr, f.coding.len, SLICE("chunked")))
		return "Transfer-Encoding: expected chunked";
	return NULL;
}

/* ---- the daemon ---- */

static void on_connection(void *context, struct MHD_Connection *connection, void **state,
			  enum MHD_ConnectionNotificationCode code)
{
	struct httpd *h = context;
	(void)connection;
	(void)state;
	h->connections += code == MHD_CONNECTION_NOTIFY_STARTED ? 1U : -1U;
}

/* Paths and queries are handed on as they came. */
static size_t leave_escapes(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strlen(text);
}

static void on_message(void *context, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void on_message(void *context, const char *format, va_list args)
{
	char text[512];
	(void)context;
	vsnprintf(text, sizeof text, format, args);
	text[strcspn(text, "\n")] = '\0';
	diag_debug("%s", text);
}

static unsigned connection_limit(void)
{
	struct rlimit limit;
	unsigned most = CONNECTIONS_MOST;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < most + DESCRIPTORS_KEPT)
		most = limit.rlim_cur > 2 * DESCRIPTORS_KEPT ? (unsigned)limit.rlim_cur - DESCRIPTORS_KEPT
							     : DESCRIPTORS_KEPT;
	return most;
}

static struct MHD_Daemon *start(struct httpd *h)
{
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
			 (h->listener < 0 ? (unsigned)MHD_USE_NO_LISTEN_SOCKET : 0);
	return MHD_start_daemon(
	    flags, 0, NULL, NULL, h->on_request, h->context, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
	    MHD_OPTION_NOTIFY_COMPLETED, h->on_end, h->context, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
	    MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, NULL, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
	    MHD_OPTION_CONNECTION_LIMIT, connection_limit(), MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MOST,
	    STRICT, h->listener < 0 ? MHD_OPTION_END : MHD_OPTION_LISTEN_SOCKET, h->listener, MHD_OPTION_END);
}

static int take_connection(struct httpd *h, struct diag *d)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof peer;
	if (getpeername(h->connection, (struct sockaddr *)&peer, &len) < 0)
		return diag_errno(d, DIAG_IO, errno, "the client's socket");
	if (MHD_add_connection(h->daemon, h->connection, (struct sockaddr *)&peer, len) == MHD_YES)
		return 0;
	return diag_fail(d, DIAG_UNAVAILABLE, "cannot serve the client's socket");
}

int httpd_open(struct httpd *h, struct diag *d)
{
	h->connections = 0;
	h->daemon = start(h);
	if (!h->daemon)
		return diag_fail(d, DIAG_UNAVAILABLE, "cannot start the HTTP server");
	return h->listener < 0 ? take_connection(h, d) : 0;
}

void httpd_close(struct httpd *h)
{
	if (h->daemon)
		MHD_stop_daemon(h->daemon);
	h->daemon = NULL;
}

bool httpd_wait(struct httpd *h, bool busy, int other, bool *other_ready)
{
	MHD_UNSIGNED_LONG_LONG due;
	int64_t wait = HTTPD_WAIT_MOST_MS;
	if (MHD_get_timeout(h->daemon, &due) == MHD_YES && due < (MHD_UNSIGNED_LONG_LONG)wait)
		wait = (int64_t)due;
	if (busy)
		wait = 0;
	struct timespec time = {wait / 1000, wait % 1000 * 1000000};
	struct pollfd fds[2] = {
	    {.fd = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, .events = POLLIN},
	    {.fd = other, .events = POLLIN}};
	sigset_t none;
	sigemptyset(&none);
	int ready = ppoll(fds, 2, &time, &none);
	*other_ready = ready > 0 && fds[1].revents;
	return ready == 0 && wait > 0;
}
