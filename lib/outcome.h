/* SPDX-License-Identifier: MIT */
/* outcome: what an attempt came to. One function decides whether it is delivered, to be tried again or over, whether
 * it counts as a fault for the breaker, and which error code it gets. Pure. */
#ifndef EVT_OUTCOME_H
#define EVT_OUTCOME_H

#include <curl/curl.h>

#include "dest.h"

/* What the transfer ended with. */
struct outcome_facts {
	CURLcode curl;
	int http_status;      /* of the final answer's head; 0: there was none */
	bool sent;            /* the request had begun to leave, so that the destination may have acted on it */
	bool no_token;        /* nothing was sent, for want of an access token */
	bool private_address; /* nothing was sent: the address is private, and the destination's file refuses such */
	int proxy_status;     /* what a proxy answered that was asked for a tunnel; 0: none was asked */
};

enum { OUTCOME_CODE_SIZE = 24 };

struct outcome {
	enum journal_verdict verdict;
	bool fault;
	bool ambiguous;               /* sent, but never answered */
	char code[OUTCOME_CODE_SIZE]; /* "" when delivered */
};

/* The codes:
 *   dns               the host's name could not be resolved
 *   connect           no connection: refused, no route
 *   tls               no TLS session, or a certificate that does not prove the host
 *   proxy             the proxy did not let the request through; nothing was sent
 *   timeout-connect   no connection in time
 *   timeout-response  connected, but no answer in time
 *   reset             the connection broke before an answer
 *   protocol          what came back is not HTTP
 *   http-NNN          the answer's status
 *   refused           the status says yes, the answer no, by the destination's "refused_when"
 *   cut               the status says yes, but the answer did not come whole, and "refused_when" has not seen all of it
 *   token             no access token was to be had
 *   private           the address it came to is private, and "private_addresses" refuses such
 *   address           the event lacks a value that the address needs, or makes it no address
 *   local             not sent, for a reason on our side (out of memory) */
struct outcome outcome_decide(const struct outcome_facts *facts, const struct dest *dest);

/* The status meant success, but the answer says no. To be retried, it is a fault: a revoked key may be told like this. */
struct outcome outcome_refused(bool again);

/* The status meant success, but not all has come that "refused_when" is to judge. Longer than is read, it will be so again: permanent. */
struct outcome outcome_cut(const struct outcome_facts *facts, const struct dest *dest);

/* Could not be sent, because its data make no request: permanent. */
struct outcome outcome_unfit(void);

#endif
