/* SPDX-License-Identifier: MIT */
/* phrase: a map's "template": text with origins in braces, "{/first} {/last}"; "{{" and "}}" stand for a brace. */
#ifndef EVT_PHRASE_H
#define EVT_PHRASE_H

#include "origin.h"

struct phrase {
	struct phrase_part {
		struct slice text;    /* words as they stand, or SLICE_NONE: */
		struct origin origin; /* a value */
	} * parts;
	size_t count;
};

/* Borrows the text. 0, or -1 with what is wrong with it, a literal, in *why. phrase_free is due in either case. */
int phrase_parse(struct phrase *p, struct slice text, bool inner, const char **why);
void phrase_free(struct phrase *p);

enum phrase_result { PHRASE_MADE, PHRASE_MISSING, PHRASE_WRONG };

/* Appends the text: strings as they are, numbers and booleans as JSON writes them. PHRASE_MISSING when a value is
 * absent or null, PHRASE_WRONG when one is an array or object; *which is that part. `decoded` is for passing use. */
enum phrase_result phrase_make(const struct phrase *p, const struct origin_view *view, struct buf *decoded,
			       struct buf *out, const struct phrase_part **which);

#endif
