/* SPDX-License-Identifier: MIT */
/* httpd: answers GET and HEAD on the one socket that a command was given, in one thread, each request at once and
 * whole: for pages that a few people look at. evt-receive has a server of its own (server.h); what is HTTP is read by
 * the same parser (http.h). */
#ifndef EVT_HTTPD_H
#define EVT_HTTPD_H

#include <signal.h>

#include "buf.h"
#include "diag.h"
#include "request.h"

/* An answer being made. Begins as 200, empty. */
struct httpd_answer {
	int status;
	struct buf fields; /* "Name: value\r\n" of each header, Content-Type among them */
	struct buf body;
};

struct httpd {
	int listener;                      /* a listening socket, or -1: */
	int connection;                    /* one connected socket, served until it ends */
	const volatile sig_atomic_t *stop; /* of stop_hold: answer what is in, and end */
	void (*answer)(const struct request *r, struct httpd_answer *answer, void *context);
	void *context;
};

/* Takes the sockets over. 0 when it has come to its end; -1 with DIAG_UNAVAILABLE. */
int httpd_run(const struct httpd *h, struct diag *d);

#endif
