/* SPDX-License-Identifier: MIT */
/* target: the places of a map's output, in the order in which they
 * are written. Every value has one, and none holds another's. */
#ifndef EVT_TARGET_H
#define EVT_TARGET_H

#include "jconf.h"

struct map_field;

struct target {
	struct slice name;
	char *label;                   /* what is written before it: "\"name\":", or "" in an array */
	const struct map_field *field; /* NULL: it has places of its own, or is */
	bool removed;                  /* what would pass through here does not */
	bool array;                    /* its places are named 0, 1, 2, ... */
	struct target *first, *last, *next;
};

/* Makes a place, for a field or (NULL) for what is removed, and the objects
 * on the way. -1 with the error at `node`: it collides with another. */
int target_add(struct target *root, const struct jtext_pointer *target, const struct map_field *field, struct jconf *c,
	       uint32_t node);
void target_find_arrays(struct target *root); /* when all have been added */
void target_free(struct target *root);        /* what is in it */

const struct target *target_named(const struct target *in, struct slice name); /* or NULL */

/* How many objects and arrays the places make around a value, at the most. */
uint32_t target_depth(const struct target *root);

#endif
