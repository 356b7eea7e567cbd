/* SPDX-License-Identifier: MIT */
#include "map.h"

#include <stdlib.h>

#include "map_internal.h"

enum { TARGET_DEPTH = 32 };

/* ---- keys of maps and of fields ---- */

static int take_missing(struct jconf *c, uint32_t node, unsigned *missing)
{
	struct slice word = jconf_string(c, node);
	if (slice_is(word, "null"))
		*missing |= MAP_NULL;
	else if (slice_is(word, "empty"))
		*missing |= MAP_EMPTY;
	else
		return jconf_expected(c, node, "null, empty, or a list of these");
	return c->failed ? -1 : 0;
}

int map_load_missing(struct jconf *c, uint32_t node, unsigned *missing)
{
	const struct jtext *j = &c->json;
	if (node == JTEXT_NOWHERE)
		return 0;
	*missing = 0;
	if (jtext_type(j, node) != JTEXT_ARRAY)
		return take_missing(c, node, missing);
	for (uint32_t n = jtext_first(j, node); n < jtext_end(j, node); n = jtext_next(j, n))
		if (take_missing(c, n, missing) < 0)
			return -1;
	return 0;
}

int map_load_when(struct when **when, const struct map_loader *l, uint32_t node)
{
	if (node == JTEXT_NOWHERE)
		return 0;
	*when = calloc(1, sizeof **when);
	return *when ? when_load(*when, l->c, node, l->inner) : jconf_fail(l->c, node, "out of memory");
}

int map_load_bool(struct jconf *c, uint32_t node, bool *value)
{
	return node == JTEXT_NOWHERE ? 0 : jconf_bool(c, node, value);
}

int map_load_target(struct jtext_pointer *target, struct jconf *c, uint32_t node)
{
	if (jconf_pointer(c, node, target) < 0)
		return -1;
	return target->count > TARGET_DEPTH ? jconf_fail(c, node, "deeper than %d", TARGET_DEPTH) : 0;
}

/* ---- lists of fields ---- */

static int load_removed(struct map_plan *plan, struct jconf *c, uint32_t list)
{
	const struct jtext *j = &c->json;
	if (list == JTEXT_NOWHERE)
		return 0;
	if (!plan->rest)
		return jconf_fail(c, list,
				  "\"remove\" has no meaning without \"rest\": only what fields make goes out");
	if (jconf_is(c, list, JTEXT_ARRAY) < 0)
		return -1;
	plan->removed = calloc((size_t)jtext_length(j, list) + 1, sizeof *plan->removed);
	if (!plan->removed)
		return jconf_fail(c, list, "out of memory");
	for (uint32_t n = jtext_first(j, list); n < jtext_end(j, list); n = jtext_next(j, n)) {
		struct jtext_pointer *target = &plan->removed[plan->removed_count++];
		if (map_load_target(target, c, n) < 0 || target_add(&plan->root, target, NULL, c, n) < 0)
			return -1;
	}
	return 0;
}

static int load_fields(struct map_plan *plan, const struct map_loader *l, uint32_t owner, uint32_t list)
{
	const struct jtext *j = &l->c->json;
	if (list == JTEXT_NOWHERE)
		return plan->rest ? 0 : jconf_fail(l->c, owner, "\"fields\" is missing");
	if (jconf_is(l->c, list, JTEXT_ARRAY) < 0)
		return -1;
	uint32_t count = jtext_length(j, list);
	if (count == 0)
		return jconf_fail(l->c, list, "expected one field or more");
	plan->fields = calloc(count, sizeof *plan->fields);
	if (!plan->fields)
		return jconf_fail(l->c, list, "out of memory");
	for (uint32_t n = jtext_first(j, list); n < jtext_end(j, list); n = jtext_next(j, n))
		if (map_load_field(&plan->fields[plan->count++], &plan->root, l, n) < 0)
			return -1;
	return 0;
}

/* `values`: fields, rest, remove. */
int map_load_plan(struct map_plan *plan, const struct map_loader *l, uint32_t owner, const uint32_t *values)
{
	if (map_load_bool(l->c, values[1], &plan->rest) < 0 || load_fields(plan, l, owner, values[0]) < 0)
		return -1;
	if (plan->rest && plan->root.field)
		return jconf_fail(l->c, values[1], "has no meaning beside a field to \"\", which is all of the output");
	if (load_removed(plan, l->c, values[2]) < 0)
		return -1;
	target_find_arrays(&plan->root);
	return 0;
}

void map_free_plan(struct map_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		map_free_field(&plan->fields[i]);
	for (size_t i = 0; i < plan->removed_count; i++)
		jtext_pointer_free(&plan->removed[i]);
	free(plan->fields);
	free(plan->removed);
	target_free(&plan->root);
}

/* ---- the file ---- */

static int load_input(struct map_input *input, const struct map_loader *l, uint32_t node)
{
	enum { INPUT_FROM = RULE_KEY_COUNT, INPUT_REQUIRED, INPUT_KEYS };
	static const char *const input_keys[] = {RULE_KEYS, "from", "required", NULL};
	uint32_t values[INPUT_KEYS];
	input->rule = RULE_NONE;
	if (jconf_members(l->c, node, input_keys, values) < 0)
		return -1;
	if (values[INPUT_FROM] == JTEXT_NOWHERE)
		return jconf_fail(l->c, node, "\"from\" is missing");
	if (origin_load(&input->origin, l->c, values[INPUT_FROM], false) < 0 ||
	    map_load_bool(l->c, values[INPUT_REQUIRED], &input->required) < 0)
		return -1;
	return rule_load(&input->rule, l->c, values);
}

static int load_inputs(struct map *map, const struct map_loader *l, uint32_t list)
{
	const struct jtext *j = &l->c->json;
	if (list == JTEXT_NOWHERE)
		return 0;
	if (jconf_is(l->c, list, JTEXT_ARRAY) < 0)
		return -1;
	map->inputs = calloc((size_t)jtext_length(j, list) + 1, sizeof *map->inputs);
	if (!map->inputs)
		return jconf_fail(l->c, list, "out of memory");
	for (uint32_t n = jtext_first(j, list); n < jtext_end(j, list); n = jtext_next(j, n))
		if (load_input(&map->inputs[map->input_count++], l, n) < 0)
			return -1;
	return 0;
}

static int load_body(struct map *map, struct jconf *c, uint32_t node)
{
	static const char *const bodies[] = {"json", "form", "text", "cloudevents", "cloudevents-binary"};
	if (node == JTEXT_NOWHERE)
		return 0;
	struct slice name = jconf_string(c, node);
	for (int i = MAP_JSON; i <= MAP_CLOUDEVENTS_BINARY; i++)
		if (slice_is(name, bodies[i])) {
			map->body = (enum map_body)i;
			return 0;
		}
	return jconf_expected(c, node, "json, form, text, cloudevents or cloudevents-binary");
}

/* Bodies that cannot hold whatever JSON can. */
static int check_body(const struct map *map, struct jconf *c, uint32_t node)
{
	const struct target *root = &map->plan.root;
	if (map->body == MAP_TEXT && !root->field)
		return jconf_fail(c, node, "goes with one field, to \"\"");
	if (map->body != MAP_FORM)
		return 0;
	for (const struct target *inner = root->first; inner; inner = inner->next)
		if (!inner->field && !inner->removed)
			return jconf_fail(c, node, "a form has no place for \"/%.*s/...\", only names side by side",
					  (int)inner->name.len, inner->name.ptr);
	return root->array ? jconf_fail(c, node, "a form has names, which an array has not") : 0;
}

static int load_map(struct map *map, const char *dir, struct slice name, struct diag *d)
{
	enum { MAP_FIELDS, MAP_REST, MAP_REMOVE, MAP_WHEN, MAP_INPUT, MAP_MISSING, MAP_SPLIT, MAP_BODY, MAP_KEYS };
	static const char *const map_keys[] = {"fields",  "rest",  "remove", "when", "input",
					       "missing", "split", "body",   NULL};
	uint32_t values[MAP_KEYS];
	struct jconf *c = &map->conf;
	struct map_loader l = {.c = c, .dir = dir};
	map->name = strndup(name.ptr, name.len);
	if (jconf_open(c, dir, "maps", name, d) < 0 || jconf_members(c, 0, map_keys, values) < 0)
		return -1;
	if (!map->name)
		return jconf_fail(c, 0, "out of memory");
	if (map_load_missing(c, values[MAP_MISSING], &l.missing) < 0 ||
	    map_load_when(&map->when, &l, values[MAP_WHEN]) < 0 || load_inputs(map, &l, values[MAP_INPUT]) < 0 ||
	    load_body(map, c, values[MAP_BODY]) < 0)
		return -1;
	map->splits = values[MAP_SPLIT] != JTEXT_NOWHERE;
	if (map->splits && jconf_pointer(c, values[MAP_SPLIT], &map->split) < 0)
		return -1;
	if (map_load_plan(&map->plan, &l, 0, values) < 0 || check_body(map, c, values[MAP_BODY]) < 0)
		return -1;
	map->depth = target_depth(&map->plan.root);
	return 0;
}

struct map *map_load(const char *dir, struct slice name, struct diag *d)
{
	struct map *map = calloc(1, sizeof *map);
	if (!map) {
		diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
		return NULL;
	}
	if (load_map(map, dir, name, d) == 0)
		return map;
	map_free(map);
	return NULL;
}

void map_free(struct map *map)
{
	if (!map)
		return;
	map_free_plan(&map->plan);
	for (size_t i = 0; i < map->input_count; i++) {
		origin_free(&map->inputs[i].origin);
		rule_free(&map->inputs[i].rule);
	}
	if (map->when)
		when_free(map->when);
	free(map->inputs);
	free(map->when);
	jtext_pointer_free(&map->split);
	jconf_close(&map->conf);
	free(map->name);
	free(map);
}
