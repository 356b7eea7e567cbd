/* SPDX-License-Identifier: MIT */
#include "mapping_internal.h"

enum { PROBLEMS = 900 }; /* bytes of all that is wrong with an event */

/* ---- telling ---- */

void mapping_add_elements(struct buf *b, const struct mapping_frame *frame, bool target)
{
	if (!frame->outer)
		return;
	mapping_add_elements(b, frame->outer, target);
	buf_add_slice(b, target ? frame->each->to : frame->each->from);
	buf_printf(b, "/%zu", frame->index);
}

static void add_target(struct buf *b, const struct map_field *f, const struct mapping_frame *frame)
{
	size_t from = b->len;
	mapping_add_elements(b, frame, true);
	buf_add_slice(b, f->to);
	if (b->len == from)
		buf_add_text(b, "\"\"");
}

static void add_source(struct buf *b, const struct map_field *f, const struct mapping_frame *frame)
{
	size_t from = b->len;
	if (f->kind == MAP_FROM_CONST) {
		buf_add_text(b, "const");
		return;
	}
	bool relative = f->kind == MAP_FROM_EACH || f->kind == MAP_FROM_ORIGIN;
	if (relative && f->origins->kind == ORIGIN_DATA)
		mapping_add_elements(b, frame, false);
	jtext_add_one_line(b, f->from);
	if (b->len == from)
		buf_add_text(b, "\"\"");
}

static void explain(struct mapping_walk *w, const struct map_field *f, const struct mapping_frame *frame,
		    const char *how, struct slice value)
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

void mapping_keep_problem(struct mapping *m)
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
static enum mapping_outcome wrong(struct mapping_walk *w, const struct map_field *f, const struct mapping_frame *frame,
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
		rule_show(b, met, MAPPING_SHOWN);
		buf_add_char(b, ' ');
	}
	rule_show_text(b, buf_slice(&w->m->why), MAPPING_REASON);
	explain(w, f, frame, "error", (struct slice){b->data + from, b->len - from});
	mapping_keep_problem(w->m);
	return MAPPING_WRONG;
}

enum mapping_outcome mapping_wrong_because(struct mapping_walk *w, const struct map_field *f,
					   const struct mapping_frame *frame, const struct rule_value *met,
					   const char *why)
{
	buf_clear(&w->m->why);
	buf_add_text(&w->m->why, why);
	return wrong(w, f, frame, met);
}

/* ---- one value ---- */

struct origin_view mapping_view(const struct mapping_walk *w, const struct mapping_frame *frame)
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
static void fetch_list(struct mapping_walk *w, const struct map_field *f, const struct origin_view *view,
		       struct rule_value *v)
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
static enum fetched fetch_phrase(struct mapping_walk *w, const struct map_field *f, const struct origin_view *view,
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
static enum fetched fetch(struct mapping_walk *w, const struct map_field *f, const struct mapping_frame *frame,
			  struct rule_value *v)
{
	struct origin_view view = mapping_view(w, frame);
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

static enum mapping_outcome write_value(struct mapping_walk *w, const struct map_field *f,
					const struct mapping_frame *frame, const char *how, const struct rule_value *v)
{
	struct buf *b = &w->m->data;
	size_t from = b->len;
	add_json(b, v);
	if (buf_ok(b))
		explain(w, f, frame, how, (struct slice){b->data + from, b->len - from});
	return MAPPING_WRITTEN;
}

enum mapping_outcome mapping_write_missing(struct mapping_walk *w, const struct map_field *f,
					   const struct mapping_frame *frame)
{
	if (f->otherwise.raw.ptr)
		return write_value(w, f, frame, "default", &f->otherwise);
	if (f->required)
		return mapping_wrong_because(w, f, frame, NULL, "required, but missing");
	explain(w, f, frame, "left out", SLICE(""));
	return MAPPING_LEFT_OUT;
}

/* A table's values were held against the rules when it was loaded. */
static enum mapping_outcome write_looked_up(struct mapping_walk *w, const struct map_field *f,
					    const struct mapping_frame *frame, const struct rule_value *met,
					    const struct rule_value *changed)
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
	return mapping_wrong_because(w, f, frame, met, "is not in the lookup, which has no default");
}

/* STEP_WRONG: m->why says why. */
static enum step_result apply_steps(struct mapping_walk *w, const struct map_field *f, struct rule_value *v)
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

static enum mapping_outcome write_changed(struct mapping_walk *w, const struct map_field *f,
					  const struct mapping_frame *frame, const struct rule_value *met)
{
	struct rule_value v = *met;
	enum step_result result = apply_steps(w, f, &v);
	if (result == STEP_WRONG)
		return wrong(w, f, frame, met);
	if (result == STEP_MISSING || counts_as_missing(f, &v))
		return mapping_write_missing(w, f, frame);
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
bool mapping_is_wanted(struct mapping_walk *w, const struct map_field *f, const struct mapping_frame *frame)
{
	struct origin_view view = mapping_view(w, frame);
	if (!f->when)
		return true;
	buf_clear(&w->m->why);
	if (when_holds(f->when, &view, &w->m->matcher, &w->m->decoded, &w->m->why))
		return true;
	explain(w, f, frame, "left out by when", buf_slice(&w->m->why));
	return false;
}

enum mapping_outcome mapping_write_field(struct mapping_walk *w, const struct map_field *f,
					 const struct mapping_frame *frame)
{
	struct rule_value met;
	if (f->kind == MAP_FROM_CONST)
		return write_value(w, f, frame, "const", &f->constant);
	switch (fetch(w, f, frame, &met)) {
	case ABSENT:
		return mapping_write_missing(w, f, frame);
	case UNFIT:
		return wrong(w, f, frame, &met);
	default:
		return write_changed(w, f, frame, &met);
	}
}
