/* SPDX-License-Identifier: MIT */
/* sender: many HTTP requests at once over kept-alive connections (libcurl's multi interface), in one thread. Speaks
 * http and https only, HTTP/2 over TLS where offered, TLS 1.2 at least; never follows a redirect. Whatever comes back
 * is an answer; what it means is outcome's business. */
#ifndef EVT_SENDER_H
#define EVT_SENDER_H

#include "dest.h"
#include "event.h"
#include "outcome.h"

enum {
	SENDER_SLOTS = 256,            /* requests at once */
	SENDER_BODY_LIMIT = 64 * 1024, /* bytes of an answer's body that are kept; the rest is not read */
	SENDER_HEAD_LIMIT = 16 * 1024, /* of its head */
};
#define SENDER_CONNECT_MS ((int64_t)10 * 1000) /* a connection stands within this, or the timeout if that is shorter */

/* What all requests to one destination share: its headers, with the secret among them. Borrows the dest. */
struct sender_target;
/* `token_file`: where the destination's access token is kept, if it needs one; NULL: in memory alone. NULL: out of memory. */
struct sender_target *sender_target_new(const struct dest *dest, const char *token_file);
void sender_target_free(struct sender_target *target); /* NULL is fine; wipes the secret */

struct sender;
struct sender *sender_open(struct diag *d); /* DIAG_UNAVAILABLE */
void sender_close(struct sender *s);        /* NULL is fine; what is under way is broken off */

struct sender_request {
	const struct sender_target *target; /* until the answer is released */
	const char *url, *method;           /* copied */
	struct slice body;                  /* borrowed until the answer is released; empty: no body */
	struct slice content_type;          /* of the body; copied */
	struct slice key;                   /* for the destination's idempotency header; copied */
	const struct event *event; /* whose attributes are sent as headers (CloudEvents, binary mode); NULL: none are */
	void *context;             /* handed back in the answer */
};

/* Begins a request. -1 when all slots are taken or there is no memory: nothing was sent. */
int sender_start(struct sender *s, const struct sender_request *request);

/* Moves all requests on, then waits, at most timeout_ms, until there is something to do or one of `extra` is ready. */
int sender_wait(struct sender *s, struct curl_waitfd *extra, unsigned count, int timeout_ms, struct diag *d);
void sender_wake(struct sender *s); /* ends the wait, or the next one; from any thread */

struct sender_answer {
	void *context;
	struct outcome_facts facts;
	int64_t started_at, ended_at;
	int64_t sent_bytes, received_bytes; /* of the bodies; what was received may be more than what was kept */
	struct slice head, body;            /* of the final answer, as far as they were kept */
	const char *detail;                 /* libcurl's words for a failed transfer, or "" */
	int os_error;                       /* errno of a failed connect; 0: not known */
	void *slot;
};

/* The next request that has ended; false when none has. The answer's
 * slices live until it is released, and so long is its slot taken. */
bool sender_take(struct sender *s, struct sender_answer *answer);
void sender_release(struct sender *s, struct sender_answer *answer);

#endif
