/* SPDX-License-Identifier: MIT */
/* apply: what a map's "apply" does to a string. */
#ifndef EVT_APPLY_H
#define EVT_APPLY_H

#include "buf.h"

enum apply {
	APPLY_NONE,
	APPLY_TRIM,      /* white space (Unicode's) at both ends goes */
	APPLY_LOWERCASE, /* character for character, whatever the locale */
	APPLY_UPPERCASE,
};

enum apply apply_named(struct slice name); /* APPLY_NONE when there is no such */
const char *apply_name(enum apply apply);

/* The outcome: a part of `text`, or appended to `out` (which may move); SLICE_NONE
 * when out of memory. `text` is well-formed UTF-8 and must not point into `out`. */
struct slice apply_to(enum apply apply, struct slice text, struct buf *out);

#endif
