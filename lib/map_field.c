/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "map_internal.h"

enum { STEPS_MOST = 32 };

/* The keys of a field; those of its rule come first. */
enum {
	TO = RULE_KEY_COUNT,
	EACH,
	CONST,
	TEMPLATE,
	FROM,
	FIELDS,
	REST,
	REMOVE,
	WHEN,
	REQUIRED,
	MISSING,
	APPLY,
	LOOKUP,
	COLUMN,
	COERCE,
	DEFAULT,
	KEY_COUNT
};
static const char *const keys[] = {RULE_KEYS, "to",     "each",   "const",  "template", "from",
				   "fields",  "rest",   "remove", "when",   "required", "missing",
				   "apply",   "lookup", "column", "coerce", "default",  NULL};

#define BIT(key) (1U << (key))
enum { RULES = BIT(RULE_KEY_COUNT) - 1, OF_VALUE = BIT(KEY_COUNT) - BIT(WHEN) };

/* What goes with each of the four ways to make a value. */
static const unsigned beside[KEY_COUNT] = {
    [EACH] = BIT(TO) | BIT(EACH) | BIT(FIELDS) | BIT(REST) | BIT(REMOVE) | BIT(WHEN) | BIT(REQUIRED),
    [CONST] = RULES | BIT(TO) | BIT(CONST) | BIT(WHEN),
    [TEMPLATE] = RULES | BIT(TO) | BIT(TEMPLATE) | OF_VALUE,
    [FROM] = RULES | BIT(TO) | BIT(FROM) | OF_VALUE,
};

/* ---- values that the map brings in ---- */

/* They must keep the rules, too. */
static int check_value(const struct map_field *f, struct jconf *c, uint32_t node, const struct rule_value *v)
{
	struct rule_matcher m = {NULL, NULL, NULL};
	struct buf why = BUF_INIT;
	if (rule_matcher_open(&m) < 0)
		jconf_fail(c, node, "out of memory");
	else if (!rule_holds(&f->rule, v, &m, &why)) {
		struct buf shown = BUF_INIT;
		rule_show(&shown, v, 80);
		jconf_fail(c, node, "%s %s", shown.data, why.data);
		buf_free(&shown);
	}
	buf_free(&why);
	rule_matcher_close(&m);
	return c->failed ? -1 : 0;
}

static int load_constant(struct map_field *f, struct jconf *c, uint32_t node, struct rule_value *value)
{
	if (node == JTEXT_NOWHERE)
		return 0;
	enum jtext_type type = jtext_type(&c->json, node);
	struct slice text = type == JTEXT_STRING ? jconf_string(c, node) : SLICE_NONE;
	*value = (struct rule_value){type, jtext_raw(&c->json, node), text};
	return check_value(f, c, node, value);
}

/* Where a value of a table stands: in the map itself, or, for a file, its entry in the map. */
static int check_entry(const struct map_field *f, struct jconf *c, uint32_t node, const struct lookup_entry *entry)
{
	struct rule_value v = entry->value;
	if (f->coerce)
		rule_coerce(&f->rule, &v);
	bool inline_table = jtext_type(&c->json, node) == JTEXT_OBJECT;
	return check_value(f, c, inline_table ? entry->node : node, &v);
}

static int load_lookup(struct map_field *f, const struct map_loader *l, uint32_t node, uint32_t column)
{
	struct jconf *c = l->c;
	if (column != JTEXT_NOWHERE && node == JTEXT_NOWHERE)
		return jconf_fail(c, column, "\"column\" goes with \"lookup\"");
	if (node == JTEXT_NOWHERE)
		return 0;
	struct slice wanted = column == JTEXT_NOWHERE ? SLICE_NONE : jconf_string(c, column);
	f->lookup = calloc(1, sizeof *f->lookup);
	if (!f->lookup)
		return jconf_fail(c, node, "out of memory");
	if (c->failed || lookup_load(f->lookup, c, node, l->dir, wanted) < 0)
		return -1;
	for (size_t i = 0; i < f->lookup->count; i++)
		if (check_entry(f, c, node, &f->lookup->entries[i]) < 0)
			return -1;
	return 0;
}

/* ---- steps ---- */

/* `types`: what comes in, and then what can come out. */
static int load_steps(struct map_field *f, struct jconf *c, uint32_t node, unsigned *types)
{
	const struct jtext *j = &c->json;
	if (node == JTEXT_NOWHERE)
		return 0;
	bool list = jtext_type(j, node) == JTEXT_ARRAY;
	uint32_t count = list ? jtext_length(j, node) : 1, n = list ? jtext_first(j, node) : node;
	if (count > STEPS_MOST)
		return jconf_fail(c, node, "more than %d steps", STEPS_MOST);
	f->steps = calloc((size_t)count + 1, sizeof *f->steps);
	if (!f->steps)
		return jconf_fail(c, node, "out of memory");
	for (; f->step_count < count; n = jtext_next(j, n)) {
		struct step *step = &f->steps[f->step_count++];
		if (step_load(step, c, n) < 0)
			return -1;
		*types = step_types(step, *types);
		if (!(*types & ~(unsigned)RULE_NULLS))
			return jconf_fail(c, n, "%s cannot take what comes to it", step_name(step));
	}
	return 0;
}

/* ---- where values come from ---- */

static int load_list(struct map_field *f, const struct map_loader *l, uint32_t node)
{
	const struct jtext *j = &l->c->json;
	uint32_t count = jtext_length(j, node);
	f->kind = MAP_FROM_LIST;
	f->from = jtext_raw(j, node);
	f->origins = calloc((size_t)count + 1, sizeof *f->origins);
	if (!f->origins || !count)
		return jconf_expected(l->c, node, "one or more to take values from");
	for (uint32_t n = jtext_first(j, node); n < jtext_end(j, node); n = jtext_next(j, n))
		if (origin_load(&f->origins[f->origin_count++], l->c, n, l->inner) < 0)
			return -1;
	return 0;
}

static int load_origin(struct map_field *f, const struct map_loader *l, uint32_t node)
{
	if (jtext_type(&l->c->json, node) == JTEXT_ARRAY)
		return load_list(f, l, node);
	f->origins = calloc(1, sizeof *f->origins);
	if (!f->origins)
		return jconf_fail(l->c, node, "out of memory");
	f->origin_count = 1;
	if (origin_load(f->origins, l->c, node, l->inner) < 0)
		return -1;
	f->from = f->origins->text;
	return 0;
}

static int load_template(struct map_field *f, const struct map_loader *l, uint32_t node)
{
	const char *why;
	f->kind = MAP_FROM_TEMPLATE;
	f->from = jconf_string(l->c, node);
	if (l->c->failed)
		return -1;
	return phrase_parse(&f->phrase, f->from, l->inner, &why) < 0 ? jconf_fail(l->c, node, "%s", why) : 0;
}

/* The types that a source can have. */
static unsigned source_types(const struct map_field *f)
{
	if (f->kind == MAP_FROM_LIST)
		return RULE_ARRAYS;
	return f->kind == MAP_FROM_ORIGIN && f->origins->kind != ORIGIN_EVENT ? RULE_ANY : RULE_STRINGS;
}

static int check_coerce(const struct map_field *f, struct jconf *c, const uint32_t *values)
{
	unsigned types = f->rule.types & ~(unsigned)RULE_NULLS;
	bool one = types && !(types & (types - 1));
	if (f->coerce && !(one && (types & ~(unsigned)(RULE_ARRAYS | RULE_OBJECTS))))
		return jconf_fail(c, values[COERCE], "goes with a \"type\" of string, number, integer or boolean");
	return 0;
}

static int load_value(struct map_field *f, const struct map_loader *l, const uint32_t *values)
{
	struct jconf *c = l->c;
	int loaded =
	    values[FROM] != JTEXT_NOWHERE ? load_origin(f, l, values[FROM]) : load_template(f, l, values[TEMPLATE]);
	if (loaded < 0 || check_coerce(f, c, values) < 0)
		return -1;
	unsigned types = source_types(f);
	if (load_steps(f, c, values[APPLY], &types) < 0 || load_lookup(f, l, values[LOOKUP], values[COLUMN]) < 0)
		return -1;
	if (f->missing & MAP_NULL)
		types &= ~(unsigned)RULE_NULLS;
	if (!f->lookup && !rule_admits(&f->rule, types, f->coerce))
		return jconf_fail(c, values[0] != JTEXT_NOWHERE ? values[0] : values[TO],
				  "no such value can come out of where it comes from%s",
				  f->coerce ? "" : ", without \"coerce\"");
	return load_constant(f, c, values[DEFAULT], &f->otherwise);
}

static int load_each(struct map_field *f, const struct map_loader *l, uint32_t node, const uint32_t *values)
{
	uint32_t parts[] = {values[FIELDS], values[REST], values[REMOVE]};
	f->kind = MAP_FROM_EACH;
	if (load_origin(f, l, values[EACH]) < 0)
		return -1;
	if (f->kind == MAP_FROM_LIST || f->origins->kind == ORIGIN_EVENT)
		return jconf_expected(l->c, values[EACH], "a JSON Pointer to an array");
	struct map_loader inner = *l;
	inner.inner = true;
	f->each = calloc(1, sizeof *f->each);
	return f->each ? map_load_plan(f->each, &inner, node, parts) : jconf_fail(l->c, node, "out of memory");
}

/* ---- the field ---- */

/* Which of the four ways; the others, and what does not go with it, are refused. */
static int find_way(struct jconf *c, uint32_t node, const uint32_t *values, int *way)
{
	for (*way = EACH; *way <= FROM && values[*way] == JTEXT_NOWHERE;)
		++*way;
	if (*way > FROM)
		return jconf_fail(c, node, "one of \"from\", \"template\", \"const\" and \"each\" is missing");
	for (int i = 0; i < KEY_COUNT; i++)
		if (values[i] != JTEXT_NOWHERE && !(beside[*way] & BIT(i)))
			return jconf_fail(c, values[i], "\"%s\" has no meaning beside \"%s\"", keys[i], keys[*way]);
	return 0;
}

int map_load_field(struct map_field *f, struct target *root, const struct map_loader *l, uint32_t node)
{
	uint32_t values[KEY_COUNT];
	struct jconf *c = l->c;
	int way;
	f->missing = l->missing;
	f->rule = RULE_NONE;
	if (jconf_members(c, node, keys, values) < 0)
		return -1;
	if (values[TO] == JTEXT_NOWHERE)
		return jconf_fail(c, node, "\"to\" is missing");
	if (map_load_target(&f->target, c, values[TO]) < 0)
		return -1;
	struct slice raw = jtext_raw(&c->json, values[TO]);
	f->to = (struct slice){raw.ptr + 1, raw.len - 2};
	if (target_add(root, &f->target, f, c, values[TO]) < 0 || rule_load(&f->rule, c, values) < 0 ||
	    find_way(c, node, values, &way) < 0 || map_load_bool(c, values[REQUIRED], &f->required) < 0 ||
	    map_load_bool(c, values[COERCE], &f->coerce) < 0 || map_load_missing(c, values[MISSING], &f->missing) < 0 ||
	    map_load_when(&f->when, l, values[WHEN]) < 0)
		return -1;
	if (way == EACH)
		return load_each(f, l, node, values);
	if (way == CONST) {
		f->kind = MAP_FROM_CONST;
		return load_constant(f, c, values[CONST], &f->constant);
	}
	return load_value(f, l, values);
}

void map_free_field(struct map_field *f)
{
	for (size_t i = 0; i < f->origin_count; i++)
		origin_free(&f->origins[i]);
	for (size_t i = 0; i < f->step_count; i++)
		step_free(&f->steps[i]);
	if (f->when)
		when_free(f->when);
	if (f->lookup)
		lookup_free(f->lookup);
	if (f->each)
		map_free_plan(f->each);
	phrase_free(&f->phrase);
	jtext_pointer_free(&f->target);
	rule_free(&f->rule);
	free(f->origins);
	free(f->steps);
	free(f->when);
	free(f->lookup);
	free(f->each);
}
