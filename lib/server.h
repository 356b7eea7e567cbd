/* SPDX-License-Identifier: MIT */
/* server: receives over HTTP/1.1, in one thread. Requests that are complete in one turn of its loop are journaled in
 * one transaction and answered after its commit; when that fails, all of them are answered 503. A lone request is
 * committed at once. */
#ifndef EVT_SERVER_H
#define EVT_SERVER_H

#include <signal.h>

#include "journal.h"
#include "outlet.h"
#include "reception.h"
#include "source.h"

struct server {
	const struct sources *sources;
	const struct reception *reception;
	struct journal *journal;           /* opened anew when it is damaged, or another is in its place */
	struct outlet *outlet;             /* woken after each commit */
	int listener;                      /* a listening socket, or -1: */
	int connection;                    /* one connected socket, served until it ends */
	int64_t idle_ms;                   /* ends when nobody has been connected for so long; 0: never */
	const volatile sig_atomic_t *stop; /* set in a signal handler: take no more, answer what is in, and end */
};

/* Takes the sockets over. 0 when it has come to its end; -1 with DIAG_UNAVAILABLE when it cannot begin. The signals
 * that set `stop` must be blocked: they are let in while it waits. */
int server_run(struct server *server, struct diag *d);

#endif
