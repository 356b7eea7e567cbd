/* SPDX-License-Identifier: MIT */
/* map: maps/NAME.json, how an event's data becomes what a destination wants (evt-config(5)). A map is read and checked once, and
 * is then the plan that mapping walks: the places of the output in the order in which they are written. */
#ifndef EVT_MAP_H
#define EVT_MAP_H

#include "apply.h"
#include "rule.h"

enum { MAP_APPLIES = 8 }; /* steps in one "apply" */

enum map_from {
	MAP_FROM_DATA,  /* "from": a JSON Pointer over data, within "each" over the element */
	MAP_FROM_EVENT, /* "from": "event:NAME" */
	MAP_FROM_CONST,
	MAP_FROM_EACH, /* "each": every element of an array, by fields of its own */
};

enum map_attribute { MAP_ID, MAP_SOURCE, MAP_TYPE, MAP_SUBJECT, MAP_TIME, MAP_RECORDEDTIME };

struct map_lookup {
	struct slice key;
	struct rule_value value;
};

struct map_field {
	struct slice to, from; /* as they stand in the file; `from` is that of "each", too */
	enum map_from kind;
	struct jtext_pointer target, source;
	enum map_attribute attribute;
	bool required;
	struct rule_value constant;  /* MAP_FROM_CONST */
	struct rule_value otherwise; /* "default"; raw is SLICE_NONE when there is none */
	enum apply applies[MAP_APPLIES];
	size_t apply_count;
	struct map_lookup *lookups; /* in the order of their keys; NULL without "lookup" */
	size_t lookup_count;
	struct rule rule;
	struct map_plan *each;
};

/* One place in the output: a field's value, or an object or array of places. */
struct map_place {
	struct slice name;
	char *label;                   /* what is written before it: "\"name\":", or "" in an array */
	const struct map_field *field; /* NULL: it has places of its own */
	bool array;                    /* its places are named 0, 1, 2, ... */
	struct map_place *first, *last, *next;
};

struct map_plan {
	struct map_field *fields;
	size_t count;
	struct map_place root;
};

struct map {
	char *name;
	struct jconf conf; /* the file: keys, constants and limits are slices of it */
	struct map_plan plan;
	uint32_t depth; /* how many objects and arrays its places make around a value, at the most */
};

/* Reads and checks DIR/maps/NAME.json. New, for map_free; NULL with DIAG_CONFIG. */
struct map *map_load(const char *dir, struct slice name, struct diag *d);
void map_free(struct map *map);

/* The value of "lookup" for a key, or NULL. */
const struct rule_value *map_look_up(const struct map_field *f, struct slice key);

#endif
