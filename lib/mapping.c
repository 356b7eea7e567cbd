/* SPDX-License-Identifier: MIT */
#include "mapping.h"

#include "mapping_internal.h"

int mapping_open(struct mapping *m)
{
	*m = (struct mapping){.unsaid = 0};
	return rule_matcher_open(&m->matcher);
}

void mapping_close(struct mapping *m)
{
	struct buf *all[] = {&m->data, &m->explain, &m->decoded, &m->made,    &m->name,
			     &m->path, &m->why,     &m->problem, &m->problems};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		buf_free(all[i]);
	step_room_free(&m->room);
	rule_matcher_close(&m->matcher);
}

/* ---- places ---- */

static enum mapping_outcome write_place(struct mapping_walk *w, const struct target *place,
					const struct mapping_frame *frame);
static enum mapping_outcome write_plan(struct mapping_walk *w, const struct map_plan *plan,
				       const struct mapping_frame *frame);

/* An element is written even when nothing of it is, so that the others keep their places. */
static enum mapping_outcome write_element(struct mapping_walk *w, const struct map_plan *plan,
					  const struct mapping_frame *frame)
{
	enum mapping_outcome outcome = write_plan(w, plan, frame);
	if (outcome == MAPPING_LEFT_OUT)
		buf_add_text(&w->m->data, plan->root.field ? "null" : plan->root.array ? "[]" : "{}");
	return outcome;
}

static enum mapping_outcome write_each(struct mapping_walk *w, const struct map_field *f,
				       const struct mapping_frame *frame)
{
	uint32_t base = f->origins->kind == ORIGIN_ROOT ? w->root : frame->node;
	uint32_t array = jtext_at(w->json, base, &f->origins->pointer);
	if (array == JTEXT_NOWHERE)
		return mapping_write_missing(w, f, frame);
	if (jtext_type(w->json, array) != JTEXT_ARRAY) {
		struct rule_value met = {jtext_type(w->json, array), jtext_raw(w->json, array), SLICE_NONE};
		return mapping_wrong_because(w, f, frame, &met, "is not of type array");
	}
	struct mapping_frame element = {frame, f, 0, jtext_first(w->json, array)};
	buf_add_char(&w->m->data, '[');
	for (; element.node < jtext_end(w->json, array); element.node = jtext_next(w->json, element.node)) {
		/* Long constants for each of many elements: not to be built first and refused then. */
		if (w->m->data.len > EVENT_LINE_MOST)
			return mapping_wrong_because(w, f, frame, NULL, "makes the event longer than 16 MiB");
		if (element.index)
			buf_add_char(&w->m->data, ',');
		write_element(w, f->each, &element);
		element.index++;
	}
	buf_add_char(&w->m->data, ']');
	return MAPPING_WRITTEN;
}

/* In an array, places left out before one that is written become null. */
static enum mapping_outcome write_places(struct mapping_walk *w, const struct target *place,
					 const struct mapping_frame *frame)
{
	struct buf *b = &w->m->data;
	size_t start = b->len, written = 0, held = 0;
	enum mapping_outcome outcome = MAPPING_LEFT_OUT;
	buf_add_char(b, place->array ? '[' : '{');
	for (const struct target *inner = place->first; inner; inner = inner->next) {
		size_t before = b->len;
		for (size_t i = 0; i < held; i++)
			buf_add_text(b, written + i ? ",null" : "null");
		if (written + held)
			buf_add_char(b, ',');
		buf_add_text(b, inner->label);
		enum mapping_outcome met = write_place(w, inner, frame);
		if (met == MAPPING_WRITTEN) {
			written += held + 1;
			held = 0;
		} else {
			b->len = before;
			held += place->array;
		}
		outcome = met > outcome ? met : outcome;
	}
	buf_add_char(b, place->array ? ']' : '}');
	if (outcome == MAPPING_LEFT_OUT)
		b->len = start;
	return outcome;
}

static enum mapping_outcome write_place(struct mapping_walk *w, const struct target *place,
					const struct mapping_frame *frame)
{
	if (place->removed)
		return MAPPING_LEFT_OUT;
	if (!place->field)
		return write_places(w, place, frame);
	if (!mapping_is_wanted(w, place->field, frame))
		return MAPPING_LEFT_OUT;
	if (place->field->kind == MAP_FROM_EACH)
		return write_each(w, place->field, frame);
	return mapping_write_field(w, place->field, frame);
}

/* ---- the rest ---- */

static void explain_rest(struct mapping_walk *w, uint32_t value)
{
	struct mapping *m = w->m;
	if (!m->explaining)
		return;
	buf_printf(&m->explain, "\t%s\t%s\trest\t", m->path.data, m->path.data);
	jtext_add_one_line(&m->explain, jtext_raw(w->json, value));
	buf_add_char(&m->explain, '\n');
}

static enum mapping_outcome write_merged(struct mapping_walk *w, const struct target *place,
					 const struct mapping_frame *frame, uint32_t node);

/* One member of what came in, or what a place makes of it. */
static enum mapping_outcome write_member(struct mapping_walk *w, const struct target *inner,
					 const struct mapping_frame *frame, uint32_t key)
{
	if (!inner) {
		buf_add_slice(&w->m->data, jtext_raw(w->json, key + 1));
		explain_rest(w, key + 1);
		return MAPPING_WRITTEN;
	}
	if (inner->first)
		return write_merged(w, inner, frame, key + 1);
	return write_place(w, inner, frame);
}

/* Writes one member behind the others, or takes back what was begun of it. */
static enum mapping_outcome add_member(struct mapping_walk *w, struct slice label, const struct target *inner,
				       const struct mapping_frame *frame, uint32_t key, size_t *written)
{
	struct buf *b = &w->m->data;
	size_t before = b->len;
	if (*written)
		buf_add_char(b, ',');
	buf_add_slice(b, label);
	if (key != JTEXT_NOWHERE)
		buf_add_char(b, ':');
	enum mapping_outcome met =
	    key == JTEXT_NOWHERE ? write_place(w, inner, frame) : write_member(w, inner, frame, key);
	if (met == MAPPING_WRITTEN)
		++*written;
	else
		b->len = before;
	return met;
}

/* An object as it came in, with the places in it: those that it has where it has them, the others behind. Arrays are not
 * merged: places in one take its place. */
static enum mapping_outcome write_merged(struct mapping_walk *w, const struct target *place,
					 const struct mapping_frame *frame, uint32_t node)
{
	const struct jtext *j = w->json;
	struct buf *b = &w->m->data, *path = &w->m->path;
	enum mapping_outcome outcome = MAPPING_WRITTEN;
	size_t written = 0, here = path->len;
	if (node == JTEXT_NOWHERE || jtext_type(j, node) != JTEXT_OBJECT)
		return write_places(w, place, frame);
	buf_add_char(b, '{');
	for (uint32_t k = jtext_first(j, node); k < jtext_end(j, node); k = jtext_next(j, k + 1)) {
		buf_clear(&w->m->name);
		struct slice name = jtext_string(j, k, &w->m->name);
		const struct target *inner = target_named(place, name);
		if (inner && jtext_member(j, node, name) != k + 1)
			continue; /* of members with the same name the last counts */
		buf_add_char(path, '/');
		buf_add_slice(path, name);
		enum mapping_outcome met = add_member(w, jtext_raw(j, k), inner, frame, k, &written);
		outcome = met > outcome ? met : outcome;
		path->len = here;
	}
	for (const struct target *inner = place->first; inner; inner = inner->next) {
		if (jtext_member(j, node, inner->name) != JTEXT_NOWHERE)
			continue;
		enum mapping_outcome met = add_member(w, slice_of(inner->label), inner, frame, JTEXT_NOWHERE, &written);
		outcome = met > outcome ? met : outcome;
	}
	buf_add_char(b, '}');
	return outcome;
}

static enum mapping_outcome write_plan(struct mapping_walk *w, const struct map_plan *plan,
				       const struct mapping_frame *frame)
{
	if (!plan->rest)
		return write_place(w, &plan->root, frame);
	if (jtext_type(w->json, frame->node) != JTEXT_OBJECT && !plan->root.first) {
		buf_add_slice(&w->m->data, jtext_raw(w->json, frame->node));
		return MAPPING_WRITTEN;
	}
	buf_clear(&w->m->path);
	mapping_add_elements(&w->m->path, frame, true);
	return write_merged(w, &plan->root, frame, frame->node);
}

/* ---- what came in ---- */

static void input_wrong(struct mapping_walk *w, const struct map_input *input, const struct rule_value *met)
{
	struct buf *b = &w->m->problem;
	buf_clear(b);
	buf_printf(b, "map %s: input ", w->map->name);
	buf_add_slice(b, input->origin.text.len ? input->origin.text : SLICE("\"\""));
	buf_add_text(b, ": ");
	size_t from = b->len;
	if (met) {
		rule_show(b, met, MAPPING_SHOWN);
		buf_add_char(b, ' ');
	}
	rule_show_text(b, buf_slice(&w->m->why), MAPPING_REASON);
	if (w->m->explaining)
		buf_printf(&w->m->explain, "\tinput\t%.*s\terror\t%s\n", (int)input->origin.text.len,
			   input->origin.text.ptr, b->data + from);
	mapping_keep_problem(w->m);
}

static void check_inputs(struct mapping_walk *w, const struct mapping_frame *frame)
{
	struct origin_view view = mapping_view(w, frame);
	for (size_t i = 0; i < w->map->input_count; i++) {
		const struct map_input *input = &w->map->inputs[i];
		struct rule_value v;
		buf_clear(&w->m->decoded);
		buf_clear(&w->m->why);
		if (!origin_fetch(&input->origin, &view, &w->m->decoded, &v)) {
			buf_add_text(&w->m->why, "required, but missing");
			if (input->required)
				input_wrong(w, input, NULL);
		} else if (!rule_holds(&input->rule, &v, &w->m->matcher, &w->m->why)) {
			input_wrong(w, input, &v);
		}
	}
}

/* ---- the whole ---- */

static void begin(struct mapping *m)
{
	buf_clear(&m->data);
	buf_clear(&m->explain);
	buf_clear(&m->problems);
	m->unsaid = 0;
}

static int end(struct mapping *m, struct diag *d)
{
	if (!buf_ok(&m->data) || !buf_ok(&m->problems))
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	if (!m->problems.len)
		return 0;
	if (m->unsaid)
		buf_printf(&m->problems, "; and %zu more", m->unsaid);
	return diag_fail(d, DIAG_DATA, "%s", m->problems.data);
}

bool mapping_wants(struct mapping *m, const struct when *when, const struct event *e, const struct event_parser *p)
{
	uint32_t root = e->body == EVENT_JSON ? event_data_node(p) : JTEXT_NOWHERE;
	struct origin_view view = {e, &p->json, root, root};
	buf_clear(&m->why);
	return !when || when_holds(when, &view, &m->matcher, &m->decoded, &m->why);
}

int mapping_apply(struct mapping *m, const struct map *map, const struct event *e, const struct event_parser *p,
		  struct diag *d)
{
	begin(m);
	if (e->body != EVENT_JSON)
		return diag_fail(d, DIAG_DATA, "map %s: the event has %s, but a map needs JSON in data", map->name,
				 e->body == EVENT_BYTES ? "data_base64" : "no data");
	struct mapping_frame root = {NULL, NULL, 0, event_data_node(p)};
	struct mapping_walk w = {m, map, e, &p->json, root.node};
	check_inputs(&w, &root);
	write_element(&w, &map->plan, &root);
	return end(m, d);
}
