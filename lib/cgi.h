/* SPDX-License-Identifier: MIT */
/* cgi: one request of a web server that speaks CGI/1.1 (RFC 3875): it stands in the environment and on standard input,
 * its answer goes to standard output. The path is PATH_INFO: what stands behind the script's own name. */
#ifndef EVT_CGI_H
#define EVT_CGI_H

#include "reception.h"
#include "source.h"

/* Opens the journal only for what goes into it. 0 when an answer has been written, a refusal included; -1 with DIAG_IO when it
 * could not be. */
int cgi_run(const struct sources *sources, const struct reception *reception, const char *journal, int in, int out,
	    struct diag *d);

#endif
