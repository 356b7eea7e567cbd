/* SPDX-License-Identifier: MIT */
#include "dests.h"

#include <stdlib.h>

static int add_dest(struct slice name, void *context, struct diag *d)
{
	struct dests *all = context;
	struct diag why;
	struct dest *dest = dest_load(all->dir, name, &why);
	if (!dest) {
		diag_error("%s", why.text);
		all->broken++;
		return 0;
	}
	struct dest **list = realloc(all->list, (all->count + 1) * sizeof(struct dest *));
	if (!list) {
		dest_free(dest);
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	}
	all->list = list;
	all->list[all->count++] = dest;
	return 0;
}

int dests_load(struct dests *all, const char *dir, struct diag *d)
{
	*all = (struct dests){.dir = dir};
	if (conf_each(dir, "destinations", add_dest, all, d) >= 0)
		return 0;
	dests_free(all);
	return -1;
}

void dests_free(struct dests *all)
{
	for (size_t i = 0; i < all->count; i++)
		dest_free(all->list[i]);
	free(all->list);
	*all = (struct dests){.list = NULL};
}

struct dest *dests_find(const struct dests *all, struct slice name)
{
	for (size_t i = 0; i < all->count; i++)
		if (slice_is(name, all->list[i]->name))
			return all->list[i];
	return NULL;
}
