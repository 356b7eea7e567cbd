/* SPDX-License-Identifier: MIT */
/* map: maps/NAME.json, how an event's data becomes what a destination wants (evt-map(5)). A map is read and checked once, and
 * is then the plan that mapping walks. */
#ifndef EVT_MAP_H
#define EVT_MAP_H

#include "lookup.h"
#include "phrase.h"
#include "step.h"
#include "target.h"
#include "when.h"

enum map_from {
	MAP_FROM_ORIGIN,   /* "from": one origin */
	MAP_FROM_LIST,     /* "from": a list of them; an array of those that are there */
	MAP_FROM_TEMPLATE, /* "template" */
	MAP_FROM_CONST,    /* "const" */
	MAP_FROM_EACH,     /* "each": every element of an array, by fields of its own */
};

enum { MAP_NULL = 1, MAP_EMPTY = 2 }; /* what counts as missing besides what is */

struct map_field {
	struct slice to, from; /* as they stand in the file; `from` is that of "template" and "each", too */
	enum map_from kind;
	struct jtext_pointer target;
	struct origin *origins;
	size_t origin_count;
	struct phrase phrase;
	struct when *when; /* NULL: always */
	bool required, coerce;
	unsigned missing;            /* MAP_NULL, MAP_EMPTY */
	struct rule_value constant;  /* MAP_FROM_CONST */
	struct rule_value otherwise; /* "default"; raw is SLICE_NONE when there is none */
	struct step *steps;
	size_t step_count;
	struct lookup *lookup; /* NULL: none */
	struct rule rule;
	struct map_plan *each;
};

struct map_plan {
	struct map_field *fields;
	size_t count;
	struct jtext_pointer *removed;
	size_t removed_count;
	bool rest; /* what is no field's and not removed passes through */
	struct target root;
};

/* What the payload itself must keep. */
struct map_input {
	struct origin origin;
	struct rule rule;
	bool required;
};

enum map_body { MAP_JSON, MAP_FORM, MAP_TEXT, MAP_CLOUDEVENTS, MAP_CLOUDEVENTS_BINARY };

struct map {
	char *name;
	struct jconf conf; /* the file: keys, constants and limits are slices of it */
	struct when *when; /* NULL: every event is wanted */
	struct map_input *inputs;
	size_t input_count;
	bool splits;
	struct jtext_pointer split; /* to the array that makes one event many */
	enum map_body body;
	struct map_plan plan;
	uint32_t depth; /* how many objects and arrays it makes around a value, at the most */
};

/* Reads and checks DIR/maps/NAME.json. New, for map_free; NULL with DIAG_CONFIG. */
struct map *map_load(const char *dir, struct slice name, struct diag *d);
void map_free(struct map *map);

#endif
