/* SPDX-License-Identifier: MIT */
/* dests: all files of DIR/destinations, each read once. A broken one is told on standard error (once) and left out. */
#ifndef EVT_DESTS_H
#define EVT_DESTS_H

#include "dest.h"

struct dests {
	const char *dir; /* borrowed */
	struct dest **list;
	size_t count;
	int broken;
};
int dests_load(struct dests *all, const char *dir, struct diag *d); /* a missing folder is an empty list */
void dests_free(struct dests *all);
struct dest *dests_find(const struct dests *all, struct slice name); /* borrowed, or NULL */

#endif
