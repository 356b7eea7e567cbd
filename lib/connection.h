/* SPDX-License-Identifier: MIT */
/* connection: one client's socket: bytes in, requests for intake, answers out. It knows no journal: a request that
 * holds events stops in CONNECTION_READY until whoever commits them calls connection_answer. One request at a time;
 * those that follow on the same connection wait in its buffer. After a refusal the answer goes out, the sending side is
 * closed, and what still comes is read and dropped for a moment, so that the sender reads the answer and not a
 * reset. */
#ifndef EVT_CONNECTION_H
#define EVT_CONNECTION_H

#include "http.h"
#include "intake.h"

enum connection_phase {
	CONNECTION_HEAD,   /* waits for a request, or the rest of its head */
	CONNECTION_BODY,   /* the rest of its body */
	CONNECTION_READY,  /* its rows wait for the commit */
	CONNECTION_ANSWER, /* the answer waits for the client to read */
	CONNECTION_LINGER, /* refused: what comes is dropped */
	CONNECTION_OVER,   /* to be closed */
};

enum { CONNECTION_PEER_SIZE = 64 };

/* A request under way. Kept from request to request, since intake keeps memory. */
struct exchange {
	struct exchange *next; /* in the pool */
	struct http_head head;
	struct http_chunks chunks;
	const struct source *source;
	struct intake in;
};

/* What all connections of a thread share. */
struct connection_hall {
	const struct sources *sources;
	struct exchange *pool;
	int64_t now;   /* clock_monotonic of this turn */
	int64_t wall;  /* clock_now */
	char date[32]; /* of this second, for the header Date */
	int64_t date_of;
	struct buf body; /* of the answer being made */
	/* Called with every refusal; `r` has no headers when they could not be read. */
	void (*refused)(void *context, const struct request *r, const struct intake *in);
	void *context;
};

struct connection {
	struct connection *next; /* for the caller's lists */
	int fd;
	enum connection_phase phase;
	int64_t deadline;   /* monotonic; connection_expire is due then */
	int64_t began;      /* of this phase */
	struct exchange *x; /* NULL before a head is in */
	struct buf in, out;
	size_t seen;         /* of `in`, looked at for the end of the head */
	size_t head, body;   /* lengths: `in` begins with the head, the body follows */
	size_t raw;          /* where in `in` what has not been read as HTTP yet begins */
	const char *read_at; /* in.data when the head was read */
	size_t sent, dropped;
	bool close, blank;    /* ends with the answer; an empty line has been passed over */
	size_t place, bucket; /* the caller's */
	bool polls_out;       /* the caller's */
	char peer[CONNECTION_PEER_SIZE];
};

/* Takes the descriptor over. NULL when out of memory, the descriptor closed. */
struct connection *connection_open(struct connection_hall *hall, int fd, const char *peer);
void connection_close(struct connection_hall *hall, struct connection *c);
void connection_hall_free(struct connection_hall *hall);

void connection_read(struct connection_hall *hall, struct connection *c);   /* its socket is readable */
void connection_write(struct connection_hall *hall, struct connection *c);  /* its socket is writable */
void connection_answer(struct connection_hall *hall, struct connection *c); /* in CONNECTION_READY: x->in says what */
void connection_expire(struct connection_hall *hall, struct connection *c); /* its deadline has passed */

/* Does it wait for a head, so that it may be closed to make room for others? */
static inline bool connection_is_idle(const struct connection *c)
{
	return c->phase == CONNECTION_HEAD || c->phase == CONNECTION_LINGER;
}

/* Appends a whole refusal for a client that gets no connection. */
void connection_turn_away(struct buf *out, const char *why);

#endif
