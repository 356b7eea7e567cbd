/* SPDX-License-Identifier: MIT */
/* maps: which map is for which event, each file read once, when it is first needed. */
#ifndef EVT_MAPS_H
#define EVT_MAPS_H

#include "event.h"
#include "map.h"

struct dest;

struct maps {
	const char *dir;   /* the configuration folder, borrowed */
	struct slice only; /* the map for every event (-m), or SLICE_NONE: its destination's */
	struct map **list;
	size_t count;
	struct maps_dest {
		struct dest *dest;
		struct jconf conf; /* where it has conditions: its file once more, for them */
		struct when *when; /* NULL: every event is wanted */
	} * dests;
	size_t dest_count;
};

void maps_open(struct maps *maps, const char *dir, struct slice only);
void maps_close(struct maps *maps);

/* The event's map, borrowed; *map is NULL when its destination has none, or when it has no destination. *when is the
 * destination's own condition, or NULL. -1 with DIAG_CONFIG when a file is missing or wrong, with DIAG_DATA when the
 * destination has maps, but none for this type. */
int maps_for(struct maps *maps, const struct event *e, const struct map **map, const struct when **when,
	     struct diag *d);

/* Reads and checks the maps named, or, when `count` is 0, all of the folder and all that destinations name. Tells on standard
 * error what is wrong; how many are. *checked is how many maps were looked at. */
int maps_check(const char *dir, char *const *names, int count, int *checked);

#endif
