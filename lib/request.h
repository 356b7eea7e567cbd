/* SPDX-License-Identifier: MIT */
/* request: what the library may know of one HTTP request, whoever received it. Everything is borrowed. */
#ifndef EVT_REQUEST_H
#define EVT_REQUEST_H

#include "slice.h"

struct request {
	struct slice method;
	struct slice path; /* as on the request line, still percent-encoded, without its query */
	struct slice body;
	/* How often the header stands, names compared without regard to case; *value is the first one's. NULL: there are none. */
	int (*header)(void *context, const char *name, struct slice *value);
	void *context;
};

static inline int request_header(const struct request *r, const char *name, struct slice *value)
{
	return r->header ? r->header(r->context, name, value) : 0;
}

#endif
