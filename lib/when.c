/* SPDX-License-Identifier: MIT */
#include "when.h"

#include <stdlib.h>

enum { DEEPEST = 16, SHOWN = 80 };

static int load(struct when *w, struct jconf *c, uint32_t node, bool inner, int depth);

static int load_list(struct when *w, struct jconf *c, uint32_t list, bool inner, int depth)
{
	const struct jtext *j = &c->json;
	uint32_t count = jtext_length(j, list);
	if (count == 0)
		return jconf_expected(c, list, "one condition or more");
	w->parts = calloc(count, sizeof *w->parts);
	if (!w->parts)
		return jconf_fail(c, list, "out of memory");
	for (uint32_t n = jtext_first(j, list); n < jtext_end(j, list); n = jtext_next(j, n))
		if (load(&w->parts[w->count++], c, n, inner, depth + 1) < 0)
			return -1;
	return 0;
}

static int load_not(struct when *w, struct jconf *c, uint32_t node, bool inner, int depth)
{
	w->kind = WHEN_NOT;
	w->parts = calloc(1, sizeof *w->parts);
	if (!w->parts)
		return jconf_fail(c, node, "out of memory");
	w->count = 1;
	return load(w->parts, c, node, inner, depth + 1);
}

static int load(struct when *w, struct jconf *c, uint32_t node, bool inner, int depth)
{
	enum { FROM = RULE_KEY_COUNT, ANY, NOT, KEYS };
	static const char *const keys[] = {RULE_KEYS, "from", "any", "not", NULL};
	uint32_t values[KEYS];
	*w = (struct when){.kind = WHEN_ALL, .rule = RULE_NONE};
	if (depth > DEEPEST)
		return jconf_fail(c, node, "deeper than %d", DEEPEST);
	if (jtext_type(&c->json, node) == JTEXT_ARRAY)
		return load_list(w, c, node, inner, depth);
	if (jconf_members(c, node, keys, values) < 0)
		return -1;
	int given = 0;
	for (int i = FROM; i < KEYS; i++)
		given += values[i] != JTEXT_NOWHERE;
	if (given != 1)
		return jconf_expected(c, node, "a condition with one of \"from\", \"any\" and \"not\"");
	for (int i = 0; i < RULE_KEY_COUNT && values[FROM] == JTEXT_NOWHERE; i++)
		if (values[i] != JTEXT_NOWHERE)
			return jconf_fail(c, values[i], "a rule goes with \"from\"");
	if (values[NOT] != JTEXT_NOWHERE)
		return load_not(w, c, values[NOT], inner, depth);
	if (values[ANY] != JTEXT_NOWHERE) {
		w->kind = WHEN_ANY;
		return jconf_is(c, values[ANY], JTEXT_ARRAY) < 0 ? -1 : load_list(w, c, values[ANY], inner, depth);
	}
	w->kind = WHEN_RULE;
	return origin_load(&w->origin, c, values[FROM], inner) < 0 ? -1 : rule_load(&w->rule, c, values);
}

int when_load(struct when *w, struct jconf *c, uint32_t node, bool inner)
{
	return load(w, c, node, inner, 0);
}

void when_free(struct when *w)
{
	for (size_t i = 0; i < w->count; i++)
		when_free(&w->parts[i]);
	free(w->parts);
	origin_free(&w->origin);
	rule_free(&w->rule);
	*w = (struct when){.kind = WHEN_ALL, .rule = RULE_NONE};
}

static bool rule_met(const struct when *w, const struct origin_view *view, const struct rule_matcher *m,
		     struct buf *decoded, struct buf *why)
{
	struct rule_value v;
	size_t from = why->len;
	buf_clear(decoded);
	buf_add_slice(why, w->origin.text.len ? w->origin.text : SLICE("\"\""));
	buf_add_text(why, ": ");
	if (!origin_fetch(&w->origin, view, decoded, &v)) {
		buf_add_text(why, "is missing");
		return false;
	}
	rule_show(why, &v, SHOWN);
	buf_add_char(why, ' ');
	if (!rule_holds(&w->rule, &v, m, why))
		return false;
	why->len = from;
	return true;
}

static void add_sources(const struct when *w, struct buf *b)
{
	if (w->kind == WHEN_RULE)
		buf_add_slice(b, w->origin.text.len ? w->origin.text : SLICE("\"\""));
	for (size_t i = 0; i < w->count; i++) {
		if (i)
			buf_add_text(b, w->kind == WHEN_ANY ? " or " : " and ");
		add_sources(&w->parts[i], b);
	}
}

bool when_holds(const struct when *w, const struct origin_view *view, const struct rule_matcher *m, struct buf *decoded,
		struct buf *why)
{
	size_t from = why->len;
	if (w->kind == WHEN_RULE)
		return rule_met(w, view, m, decoded, why);
	if (w->kind == WHEN_NOT) {
		if (!when_holds(w->parts, view, m, decoded, why)) {
			why->len = from;
			return true;
		}
		why->len = from;
		add_sources(w->parts, why);
		buf_add_text(why, ": is what it must not be");
		return false;
	}
	for (size_t i = 0; i < w->count; i++) {
		if (i && why->len > from)
			buf_add_text(why, "; ");
		bool holds = when_holds(&w->parts[i], view, m, decoded, why);
		if (holds != (w->kind == WHEN_ANY))
			continue;
		if (holds)
			why->len = from;
		return holds;
	}
	return w->kind == WHEN_ALL;
}
