/* SPDX-License-Identifier: MIT */
/* format: the shapes of text that a map can ask for, named as in JSON Schema. */
#ifndef EVT_FORMAT_H
#define EVT_FORMAT_H

#include "slice.h"

enum format {
	FORMAT_NONE,
	FORMAT_EMAIL,     /* local@domain.tld of RFC 5321 without quoted parts, UTF-8 allowed (RFC 6531) */
	FORMAT_URI,       /* RFC 3986 with a scheme */
	FORMAT_DATE,      /* RFC 3339 full-date */
	FORMAT_DATE_TIME, /* RFC 3339 date-time */
	FORMAT_UUID,      /* RFC 9562, either case */
};

const char *format_name(enum format format);
enum format format_named(struct slice name); /* FORMAT_NONE when there is no such */
bool format_fits(enum format format, struct slice text);

#endif
