/* SPDX-License-Identifier: MIT */
/* httpd: libmicrohttpd on the one socket that a command was given, in the caller's thread: a listening one (-l, inetd wait,
 * systemd) or a connected one (inetd nowait). For evt-status --http; evt-receive has a server of its own (server.h). Signals: stop.h. */
#ifndef EVT_HTTPD_H
#define EVT_HTTPD_H

#include <microhttpd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "diag.h"
#include "slice.h"

enum {
	HTTPD_WAIT_MOST_MS = 1000,
	HTTPD_STOP_MS = 5000
}; /* the latter for requests that are half in when the end comes */

struct httpd {
	int listener;   /* a listening socket, or -1: */
	int connection; /* one connected socket, served until it ends */
	/* What libmicrohttpd calls, with `context` for both. */
	MHD_AccessHandlerCallback on_request;
	MHD_RequestCompletedCallback on_end;
	void *context;
	struct MHD_Daemon *daemon; /* out */
	unsigned connections;      /* out: open ones */
};

/* Takes the socket over. It must stay where it is until httpd_close. 0, or -1 with DIAG_UNAVAILABLE or DIAG_IO. */
int httpd_open(struct httpd *h, struct diag *d);
void httpd_close(struct httpd *h);

/* Waits for sockets, for a signal, or until `other` (-1: none) is readable, which *other_ready tells; not at all when `busy`.
 * True when nothing of it came in all the time. Then call MHD_run. */
bool httpd_wait(struct httpd *h, bool busy, int other, bool *other_ready);

/* How often the header stands, and the first one's value. */
int httpd_header(void *connection, const char *name, struct slice *value);

/* Where a body ends must not be open to two readings (RFC 9112, section 6). NULL and *length, 0 for a chunked body or none; or
 * what is wrong, a literal. */
const char *httpd_misframed(struct MHD_Connection *connection, size_t *length);

#endif
