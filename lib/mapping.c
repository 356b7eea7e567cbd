/* SPDX-License-Identifier: MIT */
#include "mapping.h"

enum { SHOWN = 80, REASON = 200, PROBLEMS = 900 }; /* bytes of a value, of a reason, and of all problems together */

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

/* Where a plan is being applied: at the root of data, or at an element of an "each". */
struct frame {
	const struct frame *outer;    /* NULL at the root */
	const struct map_field *each; /* the field whose element this is */
	size_t index;
	uint32_t node;
};

struct walk {
	struct mapping *m;
	const struct map *map;
	const struct event *event;
	const struct jtext *json;
	uint32_t root; /* the payload */
};

enum outcome { LEFT_OUT, WRITTEN, WRONG };

/* ---- telling ---- */

static void add_elements(struct buf *b, const struct frame *frame, bool target)
{
	if (!frame->outer)
		return;
	add_elements(b, frame->outer, target);
	buf_add_slice(b, target ? frame->each->to : frame->each->from);
	buf_printf(b, "/%zu", frame->index);
}

static void add_target(struct buf *b, const struct map_field *f, const struct frame *frame)
{
	size_t from = b->len;
	add_elements(b, frame, true);
	buf_add_slice(b, f->to);
	if (b->len == from)
		buf_add_text(b, "\"\"");
}

static void add_source(struct buf *b, const struct map_field *f, const struct frame *frame)
{
	size_t from = b->len;
	if (f->kind == MAP_FROM_CONST) {
		buf_add_text(b, "const");
		return;
	}
	bool relative = f->kind == MAP_FROM_EACH || f->kind == MAP_FROM_ORIGIN;
	if (relative && f->origins->kind == ORIGIN_DATA)
		add_elements(b, frame, false);
	jtext_add_one_line(b, f->from);
	if (b->len == from)
		buf_add_text(b, "\"\"");
}

static void explain(struct walk *w, const struct map_field *f, const struct frame *frame, const char *how,
		    struct slice value)
{
	struct buf *b = &w->m->explain;
	if (!w->m->explaining)
		return;
	buf_add_char(b, '\t');
	add_target(b, f, frame);
	buf_add_char(b, '\t');
	add_source(b, f, frame);
	buf_printf(b, "\t%s\t", how);
	jtext_add_one_line(b, value);
	buf_add_char(b, '\n');
}

static void keep_problem(struct mapping *m)
{
	struct buf *all = &m->problems;
	size_t room = all->len < PROBLEMS ? PROBLEMS - all->len : 0;
	if (all->len && m->problem.len + 2 > room) {
		m->unsaid++;
		return;
	}
	if (all->len)
		buf_add_text(all, "; ");
	rule_show_text(all, buf_slice(&m->problem), PROBLEMS);
}

/* `met` may be NULL: there was no value. The reason stands in m->why. */
static enum outcome wrong(struct walk *w, const struct map_field *f, const struct frame *frame,
			  const struct rule_value *met)
{
	struct buf *b = &w->m->problem;
	buf_clear(b);
	buf_printf(b, "map %s: ", w->map->name);
	add_target(b, f, frame);
	buf_add_text(b, " (from ");
	add_source(b, f, frame);
	buf_add_text(b, "): ");
	size_t from = b->len;
	if (met) {
		rule_show(b, met, SHOWN);
		buf_add_char(b, ' ');
	}
	rule_show_text(b, buf_slice(&w->m->why), REASON);
	explain(w, f, frame, "error", (struct slice){b->data + from, b->len - from});
	keep_problem(w->m);
	return WRONG;
}

static enum outcome wrong_because(struct walk *w, const struct map_field *f, const struct frame *frame,
				  const struct rule_value *met, const char *why)
{
	buf_clear(&w->m->why);
	buf_add_text(&w->m->why, why);
	return wrong(w, f, frame, met);
}

/* ---- one value ---- */

static struct origin_view view_of(const struct walk *w, const struct frame *frame)
{
	return (struct origin_view){w->event, w->json, w->root, frame->node};
}

static void add_json(struct buf *b, const struct rule_value *v)
{
	if (v->raw.ptr)
		buf_add_slice(b, v->raw);
	else
		jtext_add_string(b, v->text);
}

enum fetched { FETCHED, ABSENT, UNFIT };

/* An array of those that are there. */
static void fetch_list(struct walk *w, const struct map_field *f, const struct origin_view *view, struct rule_value *v)
{
	struct buf *made = &w->m->made;
	size_t count = 0;
	buf_clear(made);
	buf_add_char(made, '[');
	for (size_t i = 0; i < f->origin_count; i++) {
		buf_clear(&w->m->decoded);
		if (!origin_fetch(&f->origins[i], view, &w->m->decoded, v))
			continue;
		if (count++)
			buf_add_char(made, ',');
		add_json(made, v);
	}
	buf_add_char(made, ']');
	*v = (struct rule_value){JTEXT_ARRAY, buf_slice(made), SLICE_NONE};
}

/* UNFIT: it has been told; *v is what was met. */
static enum fetched fetch_phrase(struct walk *w, const struct map_field *f, const struct origin_view *view,
				 struct rule_value *v)
{
	const struct phrase_part *part;
	buf_clear(&w->m->made);
	enum phrase_result made = phrase_make(&f->phrase, view, &w->m->decoded, &w->m->made, &part);
	*v = (struct rule_value){JTEXT_STRING, SLICE_NONE, buf_slice(&w->m->made)};
	if (made != PHRASE_WRONG)
		return made == PHRASE_MADE ? FETCHED : ABSENT;
	origin_fetch(&part->origin, view, &w->m->decoded, v);
	buf_clear(&w->m->why);
	buf_add_text(&w->m->why, "cannot stand in a template");
	return UNFIT;
}

/* The source's value. Its text lives until the next is fetched. */
static enum fetched fetch(struct walk *w, const struct map_field *f, const struct frame *frame, struct rule_value *v)
{
	struct origin_view view = view_of(w, frame);
	buf_clear(&w->m->decoded);
	if (f->kind == MAP_FROM_TEMPLATE)
		return fetch_phrase(w, f, &view, v);
	if (f->kind == MAP_FROM_LIST) {
		fetch_list(w, f, &view, v);
		return FETCHED;
	}
	bool found = origin_fetch(f->origins, &view, &w->m->decoded, v);
	w->m->data.failed |= !buf_ok(&w->m->decoded);
	return found ? FETCHED : ABSENT;
}

static bool is_empty(const struct rule_value *v)
{
	if (v->type == JTEXT_STRING)
		return v->text.len == 0;
	if (v->type < JTEXT_ARRAY)
		return false;
	for (size_t i = 1; i + 1 < v->raw.len; i++)
		if (!strchr(" \t\r\n", v->raw.ptr[i]))
			return false;
	return true;
}

static bool counts_as_missing(const struct map_field *f, const struct rule_value *v)
{
	return ((f->missing & MAP_NULL) && v->type == JTEXT_NULL) || ((f->missing & MAP_EMPTY) && is_empty(v));
}

static const struct rule_value *look_up(const struct map_field *f, const struct rule_value *v)
{
	if (v->type == JTEXT_STRING)
		return lookup_find(f->lookup, v->text);
	bool has_key = v->type == JTEXT_NUMBER || v->type == JTEXT_TRUE || v->type == JTEXT_FALSE;
	return has_key ? lookup_find(f->lookup, v->raw) : NULL;
}

static enum outcome write_value(struct walk *w, const struct map_field *f, const struct frame *frame, const char *how,
				const struct rule_value *v)
{
	struct buf *b = &w->m->data;
	size_t from = b->len;
	add_json(b, v);
	if (buf_ok(b))
		explain(w, f, frame, how, (struct slice){b->data + from, b->len - from});
	return WRITTEN;
}

static enum outcome write_missing(struct walk *w, const struct map_field *f, const struct frame *frame)
{
	if (f->otherwise.raw.ptr)
		return write_value(w, f, frame, "default", &f->otherwise);
	if (f->required)
		return wrong_because(w, f, frame, NULL, "required, but missing");
	explain(w, f, frame, "left out", SLICE(""));
	return LEFT_OUT;
}

/* A table's values were held against the rules when it was loaded. */
static enum outcome write_looked_up(struct walk *w, const struct map_field *f, const struct frame *frame,
				    const struct rule_value *met, const struct rule_value *changed)
{
	const struct rule_value *found = look_up(f, changed);
	if (found) {
		struct rule_value v = *found;
		if (f->coerce)
			rule_coerce(&f->rule, &v);
		return write_value(w, f, frame, "lookup", &v);
	}
	if (f->otherwise.raw.ptr)
		return write_value(w, f, frame, "default", &f->otherwise);
	return wrong_because(w, f, frame, met, "is not in the lookup, which has no default");
}

/* STEP_WRONG: m->why says why. */
static enum step_result apply_steps(struct walk *w, const struct map_field *f, struct rule_value *v)
{
	struct mapping *m = w->m;
	buf_clear(&m->why);
	for (size_t i = 0; i < f->step_count; i++) {
		enum step_result result = step_apply(&f->steps[i], v, &m->room, &m->matcher, &m->why);
		if (result != STEP_DONE)
			return result;
	}
	return STEP_DONE;
}

static bool same_text(const struct rule_value *a, const struct rule_value *b)
{
	return a->raw.ptr == b->raw.ptr && a->text.ptr == b->text.ptr && a->text.len == b->text.len;
}

static enum outcome write_changed(struct walk *w, const struct map_field *f, const struct frame *frame,
				  const struct rule_value *met)
{
	struct rule_value v = *met;
	enum step_result result = apply_steps(w, f, &v);
	if (result == STEP_WRONG)
		return wrong(w, f, frame, met);
	if (result == STEP_MISSING || counts_as_missing(f, &v))
		return write_missing(w, f, frame);
	if (f->lookup)
		return write_looked_up(w, f, frame, met, &v);
	const char *how = !same_text(met, &v) ? "applied" : f->kind == MAP_FROM_TEMPLATE ? "template" : "copied";
	if (f->coerce && rule_coerce(&f->rule, &v))
		how = "coerced";
	if (!rule_holds(&f->rule, &v, &w->m->matcher, &w->m->why))
		return wrong(w, f, frame, met);
	return write_value(w, f, frame, how, &v);
}

/* Not wanted here: as if the map did not have it. */
static bool is_wanted(struct walk *w, const struct map_field *f, const struct frame *frame)
{
	struct origin_view view = view_of(w, frame);
	if (!f->when)
		return true;
	buf_clear(&w->m->why);
	if (when_holds(f->when, &view, &w->m->matcher, &w->m->decoded, &w->m->why))
		return true;
	explain(w, f, frame, "left out by when", buf_slice(&w->m->why));
	return false;
}

static enum outcome write_field(struct walk *w, const struct map_field *f, const struct frame *frame)
{
	struct rule_value met;
	if (f->kind == MAP_FROM_CONST)
		return write_value(w, f, frame, "const", &f->constant);
	switch (fetch(w, f, frame, &met)) {
	case ABSENT:
		return write_missing(w, f, frame);
	case UNFIT:
		return wrong(w, f, frame, &met);
	default:
		return write_changed(w, f, frame, &met);
	}
}

/* ---- places ---- */

static enum outcome write_place(struct walk *w, const struct target *place, const struct frame *frame);
static enum outcome write_plan(struct walk *w, const struct map_plan *plan, const struct frame *frame);

/* An element is written even when nothing of it is, so that the others keep their places. */
static enum outcome write_element(struct walk *w, const struct map_plan *plan, const struct frame *frame)
{
	enum outcome outcome = write_plan(w, plan, frame);
	if (outcome == LEFT_OUT)
		buf_add_text(&w->m->data, plan->root.field ? "null" : plan->root.array ? "[]" : "{}");
	return outcome;
}

static enum outcome write_each(struct walk *w, const struct map_field *f, const struct frame *frame)
{
	uint32_t base = f->origins->kind == ORIGIN_ROOT ? w->root : frame->node;
	uint32_t array = jtext_at(w->json, base, &f->origins->pointer);
	if (array == JTEXT_NOWHERE)
		return write_missing(w, f, frame);
	if (jtext_type(w->json, array) != JTEXT_ARRAY) {
		struct rule_value met = {jtext_type(w->json, array), jtext_raw(w->json, array), SLICE_NONE};
		return wrong_because(w, f, frame, &met, "is not of type array");
	}
	struct frame element = {frame, f, 0, jtext_first(w->json, array)};
	buf_add_char(&w->m->data, '[');
	for (; element.node < jtext_end(w->json, array); element.node = jtext_next(w->json, element.node)) {
		/* Long constants for each of many elements: not to be built first and refused then. */
		if (w->m->data.len > EVENT_LINE_MOST)
			return wrong_because(w, f, frame, NULL, "makes the event longer than 16 MiB");
		if (element.index)
			buf_add_char(&w->m->data, ',');
		write_element(w, f->each, &element);
		element.index++;
	}
	buf_add_char(&w->m->data, ']');
	return WRITTEN;
}

/* In an array, places left out before one that is written become null. */
static enum outcome write_places(struct walk *w, const struct target *place, const struct frame *frame)
{
	struct buf *b = &w->m->data;
	size_t start = b->len, written = 0, held = 0;
	enum outcome outcome = LEFT_OUT;
	buf_add_char(b, place->array ? '[' : '{');
	for (const struct target *inner = place->first; inner; inner = inner->next) {
		size_t before = b->len;
		for (size_t i = 0; i < held; i++)
			buf_add_text(b, written + i ? ",null" : "null");
		if (written + held)
			buf_add_char(b, ',');
		buf_add_text(b, inner->label);
		enum outcome met = write_place(w, inner, frame);
		if (met == WRITTEN) {
			written += held + 1;
			held = 0;
		} else {
			b->len = before;
			held += place->array;
		}
		outcome = met > outcome ? met : outcome;
	}
	buf_add_char(b, place->array ? ']' : '}');
	if (outcome == LEFT_OUT)
		b->len = start;
	return outcome;
}

static enum outcome write_place(struct walk *w, const struct target *place, const struct frame *frame)
{
	if (place->removed)
		return LEFT_OUT;
	if (!place->field)
		return write_places(w, place, frame);
	if (!is_wanted(w, place->field, frame))
		return LEFT_OUT;
	if (place->field->kind == MAP_FROM_EACH)
		return write_each(w, place->field, frame);
	return write_field(w, place->field, frame);
}

/* ---- the rest ---- */

static void explain_rest(struct walk *w, uint32_t value)
{
	struct mapping *m = w->m;
	if (!m->explaining)
		return;
	buf_printf(&m->explain, "\t%s\t%s\trest\t", m->path.data, m->path.data);
	jtext_add_one_line(&m->explain, jtext_raw(w->json, value));
	buf_add_char(&m->explain, '\n');
}

static enum outcome write_merged(struct walk *w, const struct target *place, const struct frame *frame, uint32_t node);

/* One member of what came in, or what a place makes of it. */
static enum outcome write_member(struct walk *w, const struct target *inner, const struct frame *frame, uint32_t key)
{
	if (!inner) {
		buf_add_slice(&w->m->data, jtext_raw(w->json, key + 1));
		explain_rest(w, key + 1);
		return WRITTEN;
	}
	if (inner->first)
		return write_merged(w, inner, frame, key + 1);
	return write_place(w, inner, frame);
}

/* Writes one member behind the others, or takes back what was begun of it. */
static enum outcome add_member(struct walk *w, struct slice label, const struct target *inner,
			       const struct frame *frame, uint32_t key, size_t *written)
{
	struct buf *b = &w->m->data;
	size_t before = b->len;
	if (*written)
		buf_add_char(b, ',');
	buf_add_slice(b, label);
	if (key != JTEXT_NOWHERE)
		buf_add_char(b, ':');
	enum outcome met = key == JTEXT_NOWHERE ? write_place(w, inner, frame) : write_member(w, inner, frame, key);
	if (met == WRITTEN)
		++*written;
	else
		b->len = before;
	return met;
}

/* An object as it came in, with the places in it: those that it has where it has them, the others behind. Arrays are not
 * merged: places in one take its place. */
static enum outcome write_merged(struct walk *w, const struct target *place, const struct frame *frame, uint32_t node)
{
	const struct jtext *j = w->json;
	struct buf *b = &w->m->data, *path = &w->m->path;
	enum outcome outcome = WRITTEN;
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
		enum outcome met = add_member(w, jtext_raw(j, k), inner, frame, k, &written);
		outcome = met > outcome ? met : outcome;
		path->len = here;
	}
	for (const struct target *inner = place->first; inner; inner = inner->next) {
		if (jtext_member(j, node, inner->name) != JTEXT_NOWHERE)
			continue;
		enum outcome met = add_member(w, slice_of(inner->label), inner, frame, JTEXT_NOWHERE, &written);
		outcome = met > outcome ? met : outcome;
	}
	buf_add_char(b, '}');
	return outcome;
}

static enum outcome write_plan(struct walk *w, const struct map_plan *plan, const struct frame *frame)
{
	if (!plan->rest)
		return write_place(w, &plan->root, frame);
	if (jtext_type(w->json, frame->node) != JTEXT_OBJECT && !plan->root.first) {
		buf_add_slice(&w->m->data, jtext_raw(w->json, frame->node));
		return WRITTEN;
	}
	buf_clear(&w->m->path);
	add_elements(&w->m->path, frame, true);
	return write_merged(w, &plan->root, frame, frame->node);
}

/* ---- what came in ---- */

static void input_wrong(struct walk *w, const struct map_input *input, const struct rule_value *met)
{
	struct buf *b = &w->m->problem;
	buf_clear(b);
	buf_printf(b, "map %s: input ", w->map->name);
	buf_add_slice(b, input->origin.text.len ? input->origin.text : SLICE("\"\""));
	buf_add_text(b, ": ");
	size_t from = b->len;
	if (met) {
		rule_show(b, met, SHOWN);
		buf_add_char(b, ' ');
	}
	rule_show_text(b, buf_slice(&w->m->why), REASON);
	if (w->m->explaining)
		buf_printf(&w->m->explain, "\tinput\t%.*s\terror\t%s\n", (int)input->origin.text.len,
			   input->origin.text.ptr, b->data + from);
	keep_problem(w->m);
}

static void check_inputs(struct walk *w, const struct frame *frame)
{
	struct origin_view view = view_of(w, frame);
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
	struct frame root = {NULL, NULL, 0, event_data_node(p)};
	struct walk w = {m, map, e, &p->json, root.node};
	check_inputs(&w, &root);
	write_element(&w, &map->plan, &root);
	return end(m, d);
}
