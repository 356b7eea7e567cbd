/* SPDX-License-Identifier: MIT */
#include "phrase.h"

#include <stdlib.h>

static struct phrase_part *add_part(struct phrase *p)
{
	struct phrase_part *grown = realloc(p->parts, (p->count + 1) * sizeof *grown);
	if (!grown)
		return NULL;
	p->parts = grown;
	grown[p->count] = (struct phrase_part){.text = SLICE_NONE};
	return &grown[p->count++];
}

static int add_text(struct phrase *p, const char *from, const char *to, const char **why)
{
	struct phrase_part *part = to > from ? add_part(p) : NULL;
	if (to > from && !part) {
		*why = "out of memory";
		return -1;
	}
	if (part)
		part->text = (struct slice){from, (size_t)(to - from)};
	return 0;
}

/* *at stands behind the brace that opens, and moves behind the one that closes. */
static int add_origin(struct phrase *p, const char **at, const char *end, bool inner, const char **why)
{
	const char *close = memchr(*at, '}', (size_t)(end - *at));
	*why = "a '{' without its '}'";
	if (!close)
		return -1;
	struct phrase_part *part = add_part(p);
	*why = "between braces: expected a JSON Pointer, such as {/a/b}, or {event:id}";
	if (!part || origin_parse(&part->origin, (struct slice){*at, (size_t)(close - *at)}, inner) < 0)
		return -1;
	*at = close + 1;
	return 0;
}

int phrase_parse(struct phrase *p, struct slice text, bool inner, const char **why)
{
	const char *at = text.ptr, *end = at + text.len, *from = at;
	*p = (struct phrase){NULL, 0};
	while (at < end) {
		if (*at != '{' && *at != '}') {
			at++;
			continue;
		}
		bool doubled = at + 1 < end && at[1] == *at;
		if (!doubled && *at == '}') {
			*why = "a '}' without its '{'; write }} for the brace itself";
			return -1;
		}
		if (add_text(p, from, doubled ? at + 1 : at, why) < 0)
			return -1;
		at += doubled ? 2 : 1;
		if (!doubled && add_origin(p, &at, end, inner, why) < 0)
			return -1;
		from = at;
	}
	return add_text(p, from, at, why);
}

void phrase_free(struct phrase *p)
{
	for (size_t i = 0; i < p->count; i++)
		origin_free(&p->parts[i].origin);
	free(p->parts);
	*p = (struct phrase){NULL, 0};
}

enum phrase_result phrase_make(const struct phrase *p, const struct origin_view *view, struct buf *decoded,
			       struct buf *out, const struct phrase_part **which)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct phrase_part *part = *which = &p->parts[i];
		struct rule_value v;
		buf_clear(decoded);
		if (part->text.ptr) {
			buf_add_slice(out, part->text);
			continue;
		}
		if (!origin_fetch(&part->origin, view, decoded, &v) || v.type == JTEXT_NULL)
			return PHRASE_MISSING;
		if (v.type == JTEXT_ARRAY || v.type == JTEXT_OBJECT)
			return PHRASE_WRONG;
		buf_add_slice(out, v.type == JTEXT_STRING ? v.text : v.raw);
	}
	return PHRASE_MADE;
}
