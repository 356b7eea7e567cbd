/* SPDX-License-Identifier: MIT */
/* template: URLs with RFC 6570 level 1 expressions: {record}, {subject}, {id} and {type}. A value is percent-encoded
 * but for RFC 3986's unreserved characters, so that it can never leave the place that the expression holds. */
#ifndef EVT_TEMPLATE_H
#define EVT_TEMPLATE_H

#include "buf.h"
#include "diag.h"

struct template_values {
	struct slice record, subject, id, type; /* SLICE_NONE: not known */
};

/* Checks an http or https URL when it is configured: expressions are known ones, closed, and stand after the
 * host part. 0, or -1 with DIAG_CONFIG. */
int template_check(struct slice url, struct diag *d);

bool template_uses(struct slice url, const char *name); /* does {name} stand in it? */

/* Appends the URL with its expressions replaced. -1 with DIAG_DATA when a value is missing or empty, or when one would
 * make a path segment "." or "..", which servers resolve away. Precondition: template_check said yes. */
int template_expand(struct buf *url, struct slice text, const struct template_values *values, struct diag *d);

#endif
