/* SPDX-License-Identifier: MIT */
/* handshake: what senders ask before they send, to see that the address is their customer's. Which sender a source
 * belongs to is said by its file; nothing else is answered. Such a request is never an event. */
#ifndef EVT_HANDSHAKE_H
#define EVT_HANDSHAKE_H

#include "conf.h"
#include "jtext.h"
#include "request.h"

enum handshake_kind {
	HANDSHAKE_NONE,
	HANDSHAKE_GET, /* any GET: 200, empty */
	HANDSHAKE_META, /* GET ?hub.mode=subscribe&hub.verify_token=TOKEN&hub.challenge=TEXT: TEXT, if the token is ours */
	HANDSHAKE_GRAPH, /* POST ?validationToken=TEXT: TEXT (Microsoft Graph) */
	HANDSHAKE_SLACK, /* {"type":"url_verification","challenge":TEXT}, signed: TEXT */
	HANDSHAKE_ZOOM, /* {"event":"endpoint.url_validation","payload":{"plainToken":TEXT}}, signed: TEXT and its keyed hash */
};

struct handshake {
	enum handshake_kind kind;
	struct secrets tokens; /* HANDSHAKE_META */
};

/* Reads the keys "handshake" and "handshake_file". Errors go to the conf. */
void handshake_load(struct handshake *h, struct conf_object *source);
void handshake_free(struct handshake *h);

enum handshake_result { HANDSHAKE_NOT, HANDSHAKE_DONE, HANDSHAKE_WRONG };

/* One that stands in method and query, and comes unsigned. HANDSHAKE_DONE: the answer's
 * text has been appended; it is text/plain. HANDSHAKE_WRONG: its token is not ours. */
enum handshake_result handshake_asked(const struct handshake *h, const struct request *r, struct buf *answer);

/* One that stands in a signed body. `key` is the source's first secret. *type is the answer's. */
enum handshake_result handshake_sent(const struct handshake *h, const struct jtext *body, struct slice key,
				     struct buf *answer, const char **type);

/* Is this method asked for with GET? */
static inline bool handshake_takes_get(const struct handshake *h)
{
	return h->kind == HANDSHAKE_GET || h->kind == HANDSHAKE_META;
}

#endif
