/* SPDX-License-Identifier: MIT */
#include "target.h"

#include <stdio.h>
#include <stdlib.h>

#include "map.h"

static char *make_label(struct slice name)
{
	struct buf b = BUF_INIT;
	jtext_add_string(&b, name);
	buf_add_char(&b, ':');
	if (!buf_ok(&b))
		buf_free(&b);
	return b.data;
}

const struct target *target_named(const struct target *in, struct slice name)
{
	for (const struct target *place = in->first; place; place = place->next)
		if (slice_equal(place->name, name))
			return place;
	return NULL;
}

static struct target *add_place(struct target *in, struct slice name)
{
	struct target *place = calloc(1, sizeof *place);
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

int target_add(struct target *root, const struct jtext_pointer *target, const struct map_field *field, struct jconf *c,
	       uint32_t node)
{
	struct target *place = root;
	for (size_t i = 0; i < target->count && !place->field && !place->removed; i++) {
		struct target *inner = (struct target *)target_named(place, target->names[i]);
		place = inner ? inner : add_place(place, target->names[i]);
		if (!place)
			return jconf_fail(c, node, "out of memory");
	}
	if (place->field)
		return jconf_fail(c, node, "collides with the field to \"%.*s\"", (int)place->field->to.len,
				  place->field->to.ptr);
	if (place->removed)
		return jconf_fail(c, node, "collides with what is removed");
	if (place->first)
		return jconf_fail(c, node, "collides with a field to a place inside it");
	place->field = field;
	place->removed = !field;
	return 0;
}

static bool is_index(struct slice name, size_t index)
{
	char text[24];
	snprintf(text, sizeof text, "%zu", index);
	return slice_is(name, text);
}

/* Places named 0, 1, 2, ... in that order make an array. */
void target_find_arrays(struct target *place)
{
	size_t count = 0, in_order = 0;
	for (struct target *inner = place->first; inner; inner = inner->next, count++) {
		in_order += is_index(inner->name, count);
		target_find_arrays(inner);
	}
	place->array = count && in_order == count;
	for (struct target *inner = place->first; place->array && inner; inner = inner->next)
		inner->label[0] = '\0';
}

uint32_t target_depth(const struct target *root)
{
	uint32_t deepest = 0;
	if (root->field)
		return root->field->each ? 1 + target_depth(&root->field->each->root) : 0;
	for (const struct target *inner = root->first; inner; inner = inner->next) {
		uint32_t depth = target_depth(inner);
		deepest = depth > deepest ? depth : deepest;
	}
	return 1 + deepest;
}

void target_free(struct target *root)
{
	for (struct target *inner = root->first, *next; inner; inner = next) {
		next = inner->next;
		target_free(inner);
		free(inner->label);
		free(inner);
	}
}
