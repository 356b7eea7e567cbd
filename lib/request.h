/* SPDX-License-Identifier: MIT */
/* request: what the library may know of one HTTP request, whoever received it. Everything is borrowed. */
#ifndef EVT_REQUEST_H
#define EVT_REQUEST_H

#include <strings.h>

#include "slice.h"

struct request_header {
	struct slice name, value;
};

struct request {
	struct slice method;
	struct slice path;  /* as on the request line, still percent-encoded, without its query */
	struct slice query; /* behind the "?", percent-encoded too; SLICE_NONE: there is none */
	struct slice body;
	const struct request_header *headers; /* in the order they came */
	size_t header_count;
	const char *peer; /* the sender's address as text; "" where nobody knows it */
};

/* How often the header stands, names compared without regard to case; *value is the first one's,
 * SLICE_NONE when there is none. */
static inline int request_header(const struct request *r, const char *name, struct slice *value)
{
	int found = 0;
	size_t len = strlen(name);
	*value = SLICE_NONE;
	for (size_t i = 0; i < r->header_count; i++)
		if (r->headers[i].name.len == len && strncasecmp(r->headers[i].name.ptr, name, len) == 0 &&
		    found++ == 0)
			*value = r->headers[i].value;
	return found;
}

#endif
