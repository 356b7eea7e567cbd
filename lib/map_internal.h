/* SPDX-License-Identifier: MIT */
/* What the two halves of reading a map share: map.c reads the file and its lists of fields, map_field.c one field. All
 * that load fail as jconf does: -1, with the error in l->c. */
#ifndef EVT_MAP_INTERNAL_H
#define EVT_MAP_INTERNAL_H

#include "map.h"

struct map_loader {
	struct jconf *c;
	const char *dir;
	unsigned missing; /* the map's own "missing" */
	bool inner;       /* within "each" */
};

/* The field at `node`, and its place under `root`. Whatever comes of it, map_free_field is due. */
int map_load_field(struct map_field *f, struct target *root, const struct map_loader *l, uint32_t node);
void map_free_field(struct map_field *f);

/* The fields of a map, or of an "each". `values`: where its fields, rest and remove are; `owner`: whose they are. */
int map_load_plan(struct map_plan *plan, const struct map_loader *l, uint32_t owner, const uint32_t *values);
void map_free_plan(struct map_plan *plan);

/* Keys of both. A node that is JTEXT_NOWHERE changes nothing. */
int map_load_missing(struct jconf *c, uint32_t node, unsigned *missing);
int map_load_when(struct when **when, const struct map_loader *l, uint32_t node);
int map_load_bool(struct jconf *c, uint32_t node, bool *value);
int map_load_target(struct jtext_pointer *target, struct jconf *c, uint32_t node); /* it must be there */

#endif
