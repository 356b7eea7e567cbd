/* SPDX-License-Identifier: MIT */
/* mapping: a map applied to an event. Values are copied as the text they came as; only what the map says changes them.
 * For each field, in this order: when, the value, apply, missing (and default, required), lookup, coerce, the rules. */
#ifndef EVT_MAPPING_H
#define EVT_MAPPING_H

#include "map.h"

/* Memory that is reused from event to event. */
struct mapping {
	struct buf data;    /* out: the new data */
	struct buf explain; /* out, when `explaining`: a line for each field, "\tTARGET\tSOURCE\tHOW\tVALUE\n" */
	bool explaining;
	struct rule_matcher matcher;
	struct step_room room;
	struct buf decoded, made, name, path, why, problem, problems;
	size_t unsaid; /* problems that had no room any more */
};

int mapping_open(struct mapping *m); /* -1: out of memory */
void mapping_close(struct mapping *m);

/* Does the map want the event just parsed by `p`? When not, m->why says why not. */
bool mapping_wants(struct mapping *m, const struct when *when, const struct event *e, const struct event_parser *p);

/* Makes m->data from the event just parsed by `p`. -1 with DIAG_DATA and all that is wrong with it, each naming the map, the
 * target, the source, the value met and the rule it broke; 1 KiB at the most. */
int mapping_apply(struct mapping *m, const struct map *map, const struct event *e, const struct event_parser *p,
		  struct diag *d);

#endif
