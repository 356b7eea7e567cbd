/* SPDX-License-Identifier: MIT */
#include "map.h"

#include <stdio.h>
#include <stdlib.h>

/* The keys of a field; those of its rule come first. */
enum { TO = RULE_KEY_COUNT, FROM, CONST, EACH, FIELDS, REQUIRED, DEFAULT, LOOKUP, APPLY, KEY_COUNT };
static const char *const keys[] = {RULE_KEYS,  "to",      "from",   "const", "each", "fields",
				   "required", "default", "lookup", "apply", NULL};

enum { TARGET_DEPTH = 32 };

/* ---- the plan: places of the output ---- */

static char *make_label(struct slice name)
{
	struct buf b = BUF_INIT;
	jtext_add_string(&b, name);
	buf_add_char(&b, ':');
	if (!buf_ok(&b))
		buf_free(&b);
	return b.data;
}

static struct map_place *find_place(const struct map_place *in, struct slice name)
{
	for (struct map_place *place = in->first; place; place = place->next)
		if (slice_equal(place->name, name))
			return place;
	return NULL;
}

static struct map_place *add_place(struct map_place *in, struct slice name)
{
	struct map_place *place = calloc(1, sizeof *place);
	if (!place)
		return NULL;
	place->name = name;
	place->label = make_label(name);
	if (in->last)
		in->last->next = place;
	else
		in->first = place;
	in->last = place;
	return place->label ? place : NULL;
}

/* Finds a field its place, and makes the objects on the way. Every value has one place, and no place holds another's value. */
static int place_field(struct map_place *root, const struct map_field *f, struct jconf *c, uint32_t node)
{
	struct map_place *place = root;
	for (size_t i = 0; i < f->target.count && !place->field; i++) {
		struct map_place *inner = find_place(place, f->target.names[i]);
		place = inner ? inner : add_place(place, f->target.names[i]);
		if (!place)
			return jconf_fail(c, node, "out of memory");
	}
	if (place->field)
		return jconf_fail(c, node, "collides with the field to \"%.*s\"", (int)place->field->to.len,
				  place->field->to.ptr);
	if (place->first)
		return jconf_fail(c, node, "collides with a field to a place inside it");
	place->field = f;
	return 0;
}

static bool is_index(struct slice name, size_t index)
{
	char text[24];
	snprintf(text, sizeof text, "%zu", index);
	return slice_is(name, text);
}

/* Places named 0, 1, 2, ... in that order make an array. */
static void find_arrays(struct map_place *place)
{
	size_t count = 0, in_order = 0;
	for (struct map_place *inner = place->first; inner; inner = inner->next, count++) {
		in_order += is_index(inner->name, count);
		find_arrays(inner);
	}
	place->array = count && in_order == count;
	for (struct map_place *inner = place->first; place->array && inner; inner = inner->next)
		inner->label[0] = '\0';
}

static uint32_t depth_of(const struct map_place *place)
{
	uint32_t deepest = 0;
	if (place->field)
		return place->field->each ? 1 + depth_of(&place->field->each->root) : 0;
	for (const struct map_place *inner = place->first; inner; inner = inner->next) {
		uint32_t depth = depth_of(inner);
		deepest = depth > deepest ? depth : deepest;
	}
	return 1 + deepest;
}

static void free_places(struct map_place *place)
{
	for (struct map_place *inner = place->first, *next; inner; inner = next) {
		next = inner->next;
		free_places(inner);
		free(inner->label);
		free(inner);
	}
}

/* ---- fields ---- */

static struct rule_value take_value(struct jconf *c, uint32_t node)
{
	enum jtext_type type = jtext_type(&c->json, node);
	struct slice text = type == JTEXT_STRING ? jconf_string(c, node) : SLICE_NONE;
	return (struct rule_value){type, jtext_raw(&c->json, node), text};
}

/* What the map itself brings in must keep its rules, too. */
static int check_value(const struct map_field *f, struct jconf *c, uint32_t node, const struct rule_value *v)
{
	struct rule_matcher m = {NULL, NULL, NULL};
	struct buf why = BUF_INIT;
	if (rule_matcher_open(&m) < 0)
		jconf_fail(c, node, "out of memory");
	else if (!rule_holds(&f->rule, v, &m, &why))
		jconf_fail(c, node, "%.*s %s", (int)(v->raw.len < 80 ? v->raw.len : 80), v->raw.ptr, why.data);
	buf_free(&why);
	rule_matcher_close(&m);
	return c->failed ? -1 : 0;
}

static int load_constant(struct map_field *f, struct jconf *c, uint32_t node, struct rule_value *value)
{
	if (node == JTEXT_NOWHERE)
		return 0;
	*value = take_value(c, node);
	return check_value(f, c, node, value);
}

static int by_key(const void *a, const void *b)
{
	const struct map_lookup *x = a, *y = b;
	size_t least = x->key.len < y->key.len ? x->key.len : y->key.len;
	int order = least ? memcmp(x->key.ptr, y->key.ptr, least) : 0;
	return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

static int load_lookup(struct map_field *f, struct jconf *c, uint32_t node)
{
	const struct jtext *j = &c->json;
	if (node == JTEXT_NOWHERE)
		return 0;
	if (jconf_is(c, node, JTEXT_OBJECT) < 0)
		return -1;
	f->lookups = calloc((size_t)jtext_length(j, node) + 1, sizeof *f->lookups);
	if (!f->lookups)
		return jconf_fail(c, node, "out of memory");
	for (uint32_t k = jtext_first(j, node); k < jtext_end(j, node); k = jtext_next(j, k + 1)) {
		struct map_lookup *entry = &f->lookups[f->lookup_count++];
		entry->key = jconf_string(c, k);
		if (load_constant(f, c, k + 1, &entry->value) < 0)
			return -1;
	}
	qsort(f->lookups, f->lookup_count, sizeof *f->lookups, by_key);
	for (size_t i = 1; i < f->lookup_count; i++)
		if (by_key(&f->lookups[i - 1], &f->lookups[i]) == 0)
			return jconf_fail(c, node, "\"%.*s\" stands here twice", (int)f->lookups[i].key.len,
					  f->lookups[i].key.ptr);
	return 0;
}

const struct rule_value *map_look_up(const struct map_field *f, struct slice key)
{
	struct map_lookup wanted = {.key = key};
	const struct map_lookup *found = bsearch(&wanted, f->lookups, f->lookup_count, sizeof wanted, by_key);
	return found ? &found->value : NULL;
}

static int load_apply(struct map_field *f, struct jconf *c, uint32_t node)
{
	const struct jtext *j = &c->json;
	if (node == JTEXT_NOWHERE)
		return 0;
	bool list = jtext_type(j, node) == JTEXT_ARRAY;
	uint32_t end = list ? jtext_end(j, node) : jtext_next(j, node);
	for (uint32_t n = list ? jtext_first(j, node) : node; n < end; n = jtext_next(j, n)) {
		if (f->apply_count == MAP_APPLIES)
			return jconf_fail(c, n, "more than %d steps", MAP_APPLIES);
		enum apply apply = apply_named(jconf_string(c, n));
		if (!apply)
			return jconf_expected(c, n, "trim, lowercase or uppercase");
		f->applies[f->apply_count++] = apply;
	}
	return 0;
}

static int load_attribute(struct map_field *f, struct jconf *c, uint32_t node)
{
	static const char *const names[] = {"id", "source", "type", "subject", "time", "recordedtime", NULL};
	f->kind = MAP_FROM_EVENT;
	for (int i = 0; names[i]; i++) {
		if (!slice_is((struct slice){f->from.ptr + 6, f->from.len - 6}, names[i]))
			continue;
		f->attribute = (enum map_attribute)i;
		return 0;
	}
	return jconf_expected(c, node, "event: with id, source, type, subject, time or recordedtime");
}

static int load_source(struct map_field *f, struct jconf *c, uint32_t node)
{
	f->from = jconf_string(c, node);
	if (c->failed)
		return -1;
	if (f->from.len >= 6 && memcmp(f->from.ptr, "event:", 6) == 0)
		return load_attribute(f, c, node);
	if (jtext_pointer_parse(&f->source, f->from) < 0)
		return jconf_expected(c, node, "a JSON Pointer, such as \"/a/b\", or \"event:id\"");
	return 0;
}

/* Keys that have no meaning beside another one. */
static int refuse_beside(struct jconf *c, const uint32_t *values, int first, int last, const char *beside)
{
	for (int i = first; i <= last; i++)
		if (values[i] != JTEXT_NOWHERE)
			return jconf_fail(c, values[i], "\"%s\" has no meaning beside \"%s\"", keys[i], beside);
	return 0;
}

static int load_plan(struct map_plan *plan, struct jconf *c, uint32_t list);

static int load_each(struct map_field *f, struct jconf *c, uint32_t node, const uint32_t *values)
{
	f->kind = MAP_FROM_EACH;
	if (refuse_beside(c, values, 0, RULE_KEY_COUNT - 1, "each") < 0 ||
	    refuse_beside(c, values, FROM, CONST, "each") < 0 || refuse_beside(c, values, DEFAULT, APPLY, "each") < 0)
		return -1;
	if (values[FIELDS] == JTEXT_NOWHERE)
		return jconf_fail(c, node, "\"fields\" is missing");
	f->from = jconf_string(c, values[EACH]);
	if (c->failed || jtext_pointer_parse(&f->source, f->from) < 0)
		return jconf_expected(c, values[EACH], "a JSON Pointer to an array");
	f->each = calloc(1, sizeof *f->each);
	return f->each ? load_plan(f->each, c, values[FIELDS]) : jconf_fail(c, node, "out of memory");
}

static int load_const(struct map_field *f, struct jconf *c, const uint32_t *values)
{
	f->kind = MAP_FROM_CONST;
	if (refuse_beside(c, values, FROM, FROM, "const") < 0 || refuse_beside(c, values, EACH, APPLY, "const") < 0)
		return -1;
	return load_constant(f, c, values[CONST], &f->constant);
}

static int load_from(struct map_field *f, struct jconf *c, uint32_t node, const uint32_t *values)
{
	if (values[FROM] == JTEXT_NOWHERE)
		return jconf_fail(c, node, "one of \"from\", \"const\" and \"each\" is missing");
	if (refuse_beside(c, values, FIELDS, FIELDS, "from") < 0)
		return -1;
	if (load_source(f, c, values[FROM]) < 0 || load_apply(f, c, values[APPLY]) < 0 ||
	    load_lookup(f, c, values[LOOKUP]) < 0)
		return -1;
	return load_constant(f, c, values[DEFAULT], &f->otherwise);
}

static int load_target(struct map_field *f, struct jconf *c, uint32_t node)
{
	f->to = jconf_string(c, node);
	if (c->failed || jtext_pointer_parse(&f->target, f->to) < 0)
		return jconf_expected(c, node, "a JSON Pointer, such as \"/a/b\"");
	if (f->target.count > TARGET_DEPTH)
		return jconf_fail(c, node, "deeper than %d", TARGET_DEPTH);
	return 0;
}

static int load_field(struct map_field *f, struct map_place *root, struct jconf *c, uint32_t node)
{
	uint32_t values[KEY_COUNT];
	if (jconf_members(c, node, keys, values) < 0)
		return -1;
	if (values[TO] == JTEXT_NOWHERE)
		return jconf_fail(c, node, "\"to\" is missing");
	if (load_target(f, c, values[TO]) < 0 || place_field(root, f, c, values[TO]) < 0 ||
	    rule_load(&f->rule, c, values) < 0)
		return -1;
	if (values[REQUIRED] != JTEXT_NOWHERE && jconf_bool(c, values[REQUIRED], &f->required) < 0)
		return -1;
	if (values[EACH] != JTEXT_NOWHERE)
		return load_each(f, c, node, values);
	if (values[CONST] != JTEXT_NOWHERE)
		return load_const(f, c, values);
	return load_from(f, c, node, values);
}

static int load_plan(struct map_plan *plan, struct jconf *c, uint32_t list)
{
	const struct jtext *j = &c->json;
	if (jconf_is(c, list, JTEXT_ARRAY) < 0)
		return -1;
	uint32_t count = jtext_length(j, list);
	if (count == 0)
		return jconf_fail(c, list, "expected one field or more");
	plan->fields = calloc(count, sizeof *plan->fields);
	if (!plan->fields)
		return jconf_fail(c, list, "out of memory");
	for (uint32_t n = jtext_first(j, list); n < jtext_end(j, list); n = jtext_next(j, n))
		if (load_field(&plan->fields[plan->count++], &plan->root, c, n) < 0)
			return -1;
	find_arrays(&plan->root);
	return 0;
}

static void free_plan(struct map_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct map_field *f = &plan->fields[i];
		jtext_pointer_free(&f->target);
		jtext_pointer_free(&f->source);
		rule_free(&f->rule);
		free(f->lookups);
		if (f->each)
			free_plan(f->each);
		free(f->each);
	}
	free(plan->fields);
	free_places(&plan->root);
}

/* ---- the file ---- */

static int load_map(struct map *map, const char *dir, struct slice name, struct diag *d)
{
	static const char *const root_keys[] = {"fields", NULL};
	uint32_t fields;
	map->name = strndup(name.ptr, name.len);
	if (jconf_open(&map->conf, dir, "maps", name, d) < 0 || jconf_members(&map->conf, 0, root_keys, &fields) < 0)
		return -1;
	if (fields == JTEXT_NOWHERE)
		return jconf_fail(&map->conf, 0, "\"fields\" is missing");
	if (!map->name)
		return jconf_fail(&map->conf, 0, "out of memory");
	if (load_plan(&map->plan, &map->conf, fields) < 0)
		return -1;
	map->depth = depth_of(&map->plan.root);
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
	free_plan(&map->plan);
	jconf_close(&map->conf);
	free(map->name);
	free(map);
}
