/* SPDX-License-Identifier: MIT */
/* http: HTTP/1.1 requests as text (RFC 9112), read strictly: what two readers could take for different things is refused, since
 * whoever stands in front may have taken the other. Pure: it knows neither sockets nor time. */
#ifndef EVT_HTTP_H
#define EVT_HTTP_H

#include <stdint.h>

#include "buf.h"
#include "request.h"

enum {
	HTTP_HEADERS = 100,          /* lines of a head; more: 431 */
	HTTP_HEAD_LIMIT = 16 * 1024, /* bytes of a head; more: 431, or 414 when its first line alone is longer */
	HTTP_CHUNK_EXTRA =
	    8 * 1024, /* bytes of a chunked body that are neither sizes nor content: extensions and trailers */
};

/* Why a request is refused: always followed by the end of the connection. */
struct http_refusal {
	int status;
	const char *why; /* a literal */
};

struct http_head {
	struct request request; /* without its body; slices of the text that was read */
	struct request_header headers[HTTP_HEADERS];
	uint64_t length; /* of the body; 0 when it is chunked */
	bool chunked;
	bool expects; /* the sender waits for 100 (Continue) */
	bool old;     /* HTTP/1.0 */
	bool close;   /* the connection ends with the answer */
};

/* RFC 9110 section 5: is it fit to be the name of a header or a method; to be a header's value? */
bool http_is_token(struct slice text);
bool http_is_field_value(struct slice text);

/* Where the head at the start of `text` ends: behind its empty line, also one of bare line feeds, so that it is refused
 * at once and not waited for. 0: not yet. The first `seen` bytes have been looked at before. */
size_t http_head_end(struct slice text, size_t seen);

/* Reads a whole head, its empty line included. 0, or -1 with *refusal. */
int http_head_read(struct http_head *head, struct slice text, struct http_refusal *refusal);

/* A chunked body, as it comes in. Begins zeroed. */
struct http_chunks {
	int state;
	uint64_t left; /* of the current chunk */
	int digits;    /* of its size so far */
	size_t extra;  /* bytes of extensions and trailers so far */
};
enum http_chunked { HTTP_MORE, HTTP_DATA, HTTP_END, HTTP_BAD };

/* Reads on in *text, which it shortens by what it has read. HTTP_DATA: *data is the next piece of content, a slice of
 * *text; call again. HTTP_MORE: *text is used up. HTTP_END: what is left of *text stands behind the body. */
enum http_chunked http_chunks_read(struct http_chunks *c, struct slice *text, struct slice *data);

const char *http_reason(int status); /* the reason phrase; "" for a status without one */

/* Appends what stands behind %XX decoded (RFC 3986 section 2.1); with `form`, "+"
 * is a blank. -1, nothing appended, when a % is followed by no two digits. */
int http_unescape(struct buf *b, struct slice text, bool form);

/* The next "name=value" of a query or a form (both still encoded); false after the last. */
bool http_next_field(struct slice *rest, struct slice *name, struct slice *value);

#endif
