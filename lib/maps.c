/* SPDX-License-Identifier: MIT */
#include "maps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dests.h"

void maps_open(struct maps *maps, const char *dir, struct slice only)
{
	*maps = (struct maps){.dir = dir, .only = only};
}

static void free_dest(struct maps_dest *m)
{
	if (m->when)
		when_free(m->when);
	free(m->when);
	jconf_close(&m->conf);
	dest_free(m->dest);
}

void maps_close(struct maps *maps)
{
	for (size_t i = 0; i < maps->count; i++)
		map_free(maps->list[i]);
	for (size_t i = 0; i < maps->dest_count; i++)
		free_dest(&maps->dests[i]);
	free(maps->list);
	free(maps->dests);
	*maps = (struct maps){.dir = NULL};
}

static struct map *find_map(struct maps *maps, struct slice name, struct diag *d)
{
	for (size_t i = 0; i < maps->count; i++)
		if (slice_is(name, maps->list[i]->name))
			return maps->list[i];
	struct map **grown = realloc(maps->list, (maps->count + 1) * sizeof(struct map *));
	if (!grown) {
		diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
		return NULL;
	}
	maps->list = grown;
	struct map *map = map_load(maps->dir, name, d);
	if (map)
		maps->list[maps->count++] = map;
	return map;
}

static int load_when(struct maps_dest *m, const char *dir, struct diag *d)
{
	if (!m->dest->has_when)
		return 0;
	m->when = calloc(1, sizeof *m->when);
	if (!m->when)
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	if (jconf_open(&m->conf, dir, "destinations", slice_of(m->dest->name), d) < 0)
		return -1;
	return when_load(m->when, &m->conf, jtext_member(&m->conf.json, 0, SLICE("when")), false);
}

static int load_dest(struct maps_dest *m, const char *dir, struct slice name, struct diag *d)
{
	*m = (struct maps_dest){.dest = dest_load(dir, name, d)};
	if (m->dest && load_when(m, dir, d) == 0)
		return 0;
	free_dest(m);
	return -1;
}

static const struct maps_dest *find_dest(struct maps *maps, struct slice name, struct diag *d)
{
	for (size_t i = 0; i < maps->dest_count; i++)
		if (slice_is(name, maps->dests[i].dest->name))
			return &maps->dests[i];
	struct maps_dest *grown = realloc(maps->dests, (maps->dest_count + 1) * sizeof *grown);
	if (!grown) {
		diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
		return NULL;
	}
	maps->dests = grown;
	return load_dest(&grown[maps->dest_count], maps->dir, name, d) == 0 ? &grown[maps->dest_count++] : NULL;
}

int maps_for(struct maps *maps, const struct event *e, const struct map **map, const struct when **when, struct diag *d)
{
	*map = NULL;
	*when = NULL;
	struct slice name = maps->only;
	if (!name.ptr) {
		if (!e->destination.ptr)
			return 0;
		const struct maps_dest *m = find_dest(maps, e->destination, d);
		const char *named;
		if (!m)
			return -1;
		*when = m->when;
		if (dest_map_for(m->dest, e->type, &named) < 0)
			return diag_fail(d, DIAG_DATA, "destination %s has no map for type %.*s", m->dest->name,
					 (int)(e->type.len < 200 ? e->type.len : 200), e->type.ptr);
		if (!named)
			return 0;
		name = slice_of(named);
	}
	*map = find_map(maps, name, d);
	return *map ? 0 : -1;
}

/* ---- checking ---- */

/* 1 when the map is broken. */
static int check_one(const char *dir, struct slice name, const char *named_by)
{
	struct diag d;
	struct map *map = map_load(dir, name, &d);
	if (!map && named_by)
		diag_error("destination %s: %s", named_by, d.text);
	else if (!map)
		diag_report(&d);
	map_free(map);
	return map == NULL;
}

static bool stands_in_folder(const char *dir, const char *name)
{
	char path[512];
	struct diag d;
	if (conf_path(path, sizeof path, dir, "maps", slice_of(name), &d) < 0)
		return false;
	FILE *file = fopen(path, "r");
	if (file)
		fclose(file);
	return file != NULL;
}

static int check_when(const char *dir, const struct dest *dest)
{
	struct maps_dest m;
	struct diag d;
	if (!dest->has_when)
		return 0;
	if (load_dest(&m, dir, slice_of(dest->name), &d) < 0) {
		diag_report(&d);
		return 1;
	}
	free_dest(&m);
	return 0;
}

/* Those that stand in the folder are checked there. */
static int check_named_by_destinations(const char *dir)
{
	struct diag d;
	struct dests all;
	if (dests_load(&all, dir, &d) < 0) {
		diag_report(&d);
		return 1;
	}
	int broken = all.broken;
	for (size_t i = 0; i < all.count; i++)
		broken += check_when(dir, all.list[i]);
	for (size_t i = 0; i < all.count; i++)
		for (size_t k = 0; k < all.list[i]->map_count; k++)
			if (!stands_in_folder(dir, all.list[i]->maps[k].map))
				broken += check_one(dir, slice_of(all.list[i]->maps[k].map), all.list[i]->name);
	dests_free(&all);
	return broken;
}

struct folder_check {
	const char *dir;
	int broken;
};

static int check_file(struct slice name, void *context, struct diag *d)
{
	struct folder_check *check = context;
	(void)d; /* a broken map has been told, and does not end the check of the others */
	if (!lookup_is_file(name))
		check->broken += check_one(check->dir, name, NULL);
	return 0;
}

static int check_folder(const char *dir, int *checked)
{
	struct folder_check check = {.dir = dir};
	struct diag d;
	*checked = conf_each(dir, "maps", check_file, &check, &d);
	if (*checked >= 0)
		return check.broken;
	diag_report(&d);
	*checked = 0;
	return 1;
}

int maps_check(const char *dir, char *const *names, int count, int *checked)
{
	int broken = 0;
	*checked = count;
	for (int i = 0; i < count; i++)
		broken += check_one(dir, slice_of(names[i]), NULL);
	if (count == 0)
		broken = check_folder(dir, checked) + check_named_by_destinations(dir);
	return broken;
}
