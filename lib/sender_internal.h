/* SPDX-License-Identifier: MIT */
/* What the parts of sender share: sender.c makes requests and takes answers, sender_target.c sets up what all requests to a
 * destination have in common, sender_token.c holds those back that wait for an access token. */
#ifndef EVT_SENDER_INTERNAL_H
#define EVT_SENDER_INTERNAL_H

#include <poll.h>

#include "sender.h"
#include "token.h"

enum {
	SENDER_LINES = 16
}; /* headers of a request's own: content type, key, six attributes, signature with id and time, token */

struct slot;

struct sender_target {
	const struct dest *dest;
	struct curl_slist *headers; /* the same for every request */
	bool own_content_type;      /* the destination's file sets it for all */
	/* Where requests need an access token: */
	bool needs_token;
	struct token token;
	struct slot *fetch;                /* asks for a new one */
	bool fetching, listed;             /* `fetch` is under way; stands in sender->short_of_token */
	struct slot *parked;               /* requests that wait for one */
	struct sender_target *next;        /* in sender->short_of_token */
	struct buf token_body, token_auth; /* of `fetch` */
};

/* A request's place: its easy handle and buffers are used again and again. */
struct slot {
	struct slot *next; /* free ones; parked ones of a target */
	CURL *easy;
	const struct sender_target *target; /* that the handle is set up for */
	struct sender_target *fetches_for;  /* this is its `fetch`, and no request of the caller's */
	struct buf url;                     /* that `parts` are the parts of; empty: of none */
	CURLU *parts;
	struct buf lines;                        /* the headers of this request, NUL after each */
	size_t own_lines;                        /* bytes of them without the access token, which may change */
	struct curl_slist headers[SENDER_LINES]; /* these lines, followed by the target's list */
	struct buf head, body;
	int64_t started_at;
	int64_t ends_by; /* monotonic; 0: not under way */
	void *context;
	bool parked, refused; /* waits for a token; will get none */
	bool renewed;         /* its token was replaced once */
	bool sent;            /* the request has begun to leave */
	bool private_address; /* was not sent: the address it came to is none of the public net's */
	unsigned token_generation;
	char detail[CURL_ERROR_SIZE];
};

struct sender {
	CURLM *multi;
	struct pollfd *polled; /* what is waited for, each at the place of its number; fd -1: not waited for */
	size_t polled_count;
	int64_t timer_at; /* monotonic: when libcurl wants to be called, though no socket is ready; 0: never */
	int wake[2];      /* a pipe: sender_wake writes into it */
	int running;      /* transfers that libcurl has not ended yet */
	struct slot slots[SENDER_SLOTS];
	struct slot *free;
	struct sender_target *short_of_token; /* those with parked requests */
	int taken_up;                         /* transfers begun, whose end sender_take has not seen yet */
};

/* sender.c */
int sender_set_up_slot(struct slot *slot);
int sender_launch(struct sender *s, struct slot *slot); /* hands it to libcurl, its headers set; -1: out of memory */
void sender_wipe(struct buf *b);

/* sender_target.c: what of an easy handle depends on the destination. */
int sender_set_target(struct slot *slot, const struct sender_target *target);

/* sender_token.c */
bool sender_must_park(const struct slot *slot);
void sender_park(struct sender *s, struct slot *slot);
void sender_unpark(struct slot *slot); /* takes it out of its target's row */
/* The slot's answer was 401: true when it is parked to be sent once more, with a new token. */
bool sender_renew(struct sender *s, struct slot *slot, long status);
void sender_token_taken(struct sender *s, struct slot *fetch, CURLcode code);
/* Asks again where another process was fetching. */
void sender_review_tokens(struct sender *s);
int sender_add_token(struct slot *slot); /* the Authorization header */

#endif
