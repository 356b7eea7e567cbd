/* SPDX-License-Identifier: MIT */
/* web: the pages of page.h over HTTP, to look at and nothing else: GET and HEAD, a journal opened for reading, no transaction
 * held while a client is written to. */
#ifndef EVT_WEB_H
#define EVT_WEB_H

#include "diag.h"

struct web {
	const char *address;   /* -l; NULL: the socket that inetd or systemd gave */
	const char *auth_file; /* lines "user:password", one of which is asked for, kept like secrets; NULL: none */
	const char *host;      /* a name that browsers may call it by, besides those of this machine; NULL: none */
	bool any_address;      /* also serve where others than this machine can connect */
	bool utc;
	const char *journal, *config;               /* the file, the folder */
	const char *journal_option, *config_option; /* as given, or NULL: what the commands to retry must be told */
};

/* Serves until SIGTERM or SIGINT, or its one connection ends. 0; or -1 with DIAG_USAGE (no socket, or one that is not
 * this machine's alone), DIAG_CONFIG (the file of passwords), DIAG_UNAVAILABLE. */
int web_serve(const struct web *web, struct diag *d);

#endif
