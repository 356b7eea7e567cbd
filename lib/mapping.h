/* SPDX-License-Identifier: MIT */
/* mapping: a map applied to an event. Values are copied as the text they came as; only "apply" and "lookup" change them. */
#ifndef EVT_MAPPING_H
#define EVT_MAPPING_H

#include "event.h"
#include "map.h"

/* Memory that is reused from event to event. */
struct mapping {
	struct buf data;    /* out: the new data */
	struct buf explain; /* out, when `explaining`: a line for each field, "\tTARGET\tSOURCE\tHOW\tVALUE\n" */
	bool explaining;
	struct rule_matcher matcher;
	struct buf decoded, changed[2], why, problem, problems;
	size_t unsaid; /* problems that had no room any more */
};

int mapping_open(struct mapping *m); /* -1: out of memory */
void mapping_close(struct mapping *m);

/* Makes m->data from the event just parsed by `p`. -1 with DIAG_DATA and all that is wrong with it, each naming the map, the
 * target, the source, the value met and the rule it broke; 1 KiB at the most. */
int mapping_apply(struct mapping *m, const struct map *map, const struct event *e, const struct event_parser *p,
		  struct diag *d);

#endif
