/* SPDX-License-Identifier: MIT */
#include "mapping.h"

#include "clock.h"
#include "utf8.h"

enum { SHOWN = 80, REASON = 200, PROBLEMS = 900 }; /* bytes of a value, of a reason, and of all problems together */

int mapping_open(struct mapping *m)
{
	*m = (struct mapping){.unsaid = 0};
	return rule_matcher_open(&m->matcher);
}

void mapping_close(struct mapping *m)
{
	struct buf *all[] = {&m->data,       &m->explain, &m->decoded, &m->changed[0],
			     &m->changed[1], &m->why,     &m->problem, &m->problems};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		buf_free(all[i]);
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
};

enum outcome { LEFT_OUT, WRITTEN, WRONG };

/* ---- telling ---- */

/* The first `most` bytes, whole characters only, control characters as JSON writes them. */
static void add_shown(struct buf *b, struct slice text, size_t most)
{
	size_t len = text.len < most ? text.len : most;
	while (len < text.len && len && utf8_continues((unsigned char)text.ptr[len]))
		len--;
	for (const char *at = text.ptr, *end = at + len; at < end;) {
		const char *start = at;
		uint32_t c = utf8_take(&at);
		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			buf_printf(b, "\\u%04x", (unsigned)c);
		else
			buf_add(b, start, (size_t)(at - start));
	}
	if (len < text.len)
		buf_add_text(b, "...");
}

static void add_value(struct buf *b, const struct rule_value *v, size_t most)
{
	struct buf quoted = BUF_INIT;
	if (!v->raw.ptr)
		jtext_add_string(&quoted, v->text);
	add_shown(b, v->raw.ptr ? v->raw : buf_slice(&quoted), most);
	buf_free(&quoted);
}

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
	if (f->kind != MAP_FROM_EVENT)
		add_elements(b, frame, false);
	buf_add_slice(b, f->from);
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
	add_shown(all, buf_slice(&m->problem), PROBLEMS);
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
		add_value(b, met, SHOWN);
		buf_add_char(b, ' ');
	}
	add_shown(b, buf_slice(&w->m->why), REASON);
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

static struct slice attribute_text(struct walk *w, enum map_attribute attribute)
{
	const struct event *e = w->event;
	char at[CLOCK_TEXT_SIZE];
	switch (attribute) {
	case MAP_ID:
		return e->id;
	case MAP_SOURCE:
		return e->source;
	case MAP_TYPE:
		return e->type;
	case MAP_SUBJECT:
		return e->subject;
	case MAP_TIME:
		return e->time;
	default:
		if (!e->recorded_at)
			return SLICE_NONE;
		buf_add_text(&w->m->decoded, clock_format(e->recorded_at, at));
		return buf_slice(&w->m->decoded);
	}
}

/* The source's value; false when there is none. Its text lives until the next is fetched. */
static bool fetch(struct walk *w, const struct map_field *f, const struct frame *frame, struct rule_value *v)
{
	buf_clear(&w->m->decoded);
	if (f->kind == MAP_FROM_EVENT) {
		*v = (struct rule_value){JTEXT_STRING, SLICE_NONE, attribute_text(w, f->attribute)};
		return v->text.ptr != NULL;
	}
	uint32_t node = jtext_at(w->json, frame->node, &f->source);
	if (node == JTEXT_NOWHERE)
		return false;
	*v = (struct rule_value){jtext_type(w->json, node), jtext_raw(w->json, node), SLICE_NONE};
	if (v->type == JTEXT_STRING)
		v->text = jtext_string(w->json, node, &w->m->decoded);
	w->m->data.failed |= !buf_ok(&w->m->decoded);
	return true;
}

/* Strings only; what a step leaves as it was keeps the text it came as. */
static bool apply_all(struct mapping *m, const struct map_field *f, struct rule_value *v)
{
	if (v->type != JTEXT_STRING)
		return false;
	struct slice text = v->text;
	for (size_t i = 0; i < f->apply_count; i++) {
		struct buf *out = &m->changed[i % 2];
		buf_clear(out);
		text = apply_to(f->applies[i], text, out);
		m->data.failed |= !text.ptr;
	}
	if (slice_equal(text, v->text))
		return false;
	*v = (struct rule_value){JTEXT_STRING, SLICE_NONE, text};
	return true;
}

static const struct rule_value *look_up(const struct map_field *f, const struct rule_value *v)
{
	if (v->type == JTEXT_STRING)
		return map_look_up(f, v->text);
	bool has_key = v->type == JTEXT_NUMBER || v->type == JTEXT_TRUE || v->type == JTEXT_FALSE;
	return has_key ? map_look_up(f, v->raw) : NULL;
}

static enum outcome write_value(struct walk *w, const struct map_field *f, const struct frame *frame, const char *how,
				const struct rule_value *v)
{
	struct buf *b = &w->m->data;
	size_t from = b->len;
	if (v->raw.ptr)
		buf_add_slice(b, v->raw);
	else
		jtext_add_string(b, v->text);
	if (buf_ok(b))
		explain(w, f, frame, how, (struct slice){b->data + from, b->len - from});
	return WRITTEN;
}

/* What the map itself brings in was held against the rules when it was loaded. */
static enum outcome write_looked_up(struct walk *w, const struct map_field *f, const struct frame *frame,
				    const struct rule_value *met, const struct rule_value *changed)
{
	const struct rule_value *found = look_up(f, changed);
	if (found)
		return write_value(w, f, frame, "lookup", found);
	if (f->otherwise.raw.ptr)
		return write_value(w, f, frame, "default", &f->otherwise);
	return wrong_because(w, f, frame, met, "is not in the lookup, which has no default");
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

static enum outcome write_field(struct walk *w, const struct map_field *f, const struct frame *frame)
{
	struct rule_value met;
	if (f->kind == MAP_FROM_CONST)
		return write_value(w, f, frame, "const", &f->constant);
	if (!fetch(w, f, frame, &met))
		return write_missing(w, f, frame);
	struct rule_value v = met;
	bool changed = apply_all(w->m, f, &v);
	if (f->lookups)
		return write_looked_up(w, f, frame, &met, &v);
	buf_clear(&w->m->why);
	if (!rule_holds(&f->rule, &v, &w->m->matcher, &w->m->why))
		return wrong(w, f, frame, &met);
	return write_value(w, f, frame, changed ? "applied" : "copied", &v);
}

/* ---- places ---- */

static enum outcome write_place(struct walk *w, const struct map_place *place, const struct frame *frame);

/* An element is written even when nothing of it is, so that the others keep their places. */
static void write_element(struct walk *w, const struct map_plan *plan, const struct frame *frame)
{
	if (write_place(w, &plan->root, frame) == LEFT_OUT)
		buf_add_text(&w->m->data, plan->root.field ? "null" : plan->root.array ? "[]" : "{}");
}

static enum outcome write_each(struct walk *w, const struct map_field *f, const struct frame *frame)
{
	uint32_t array = jtext_at(w->json, frame->node, &f->source);
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
static enum outcome write_places(struct walk *w, const struct map_place *place, const struct frame *frame)
{
	struct buf *b = &w->m->data;
	size_t start = b->len, written = 0, held = 0;
	enum outcome outcome = LEFT_OUT;
	buf_add_char(b, place->array ? '[' : '{');
	for (const struct map_place *inner = place->first; inner; inner = inner->next) {
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

static enum outcome write_place(struct walk *w, const struct map_place *place, const struct frame *frame)
{
	if (!place->field)
		return write_places(w, place, frame);
	if (place->field->kind == MAP_FROM_EACH)
		return write_each(w, place->field, frame);
	return write_field(w, place->field, frame);
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

int mapping_apply(struct mapping *m, const struct map *map, const struct event *e, const struct event_parser *p,
		  struct diag *d)
{
	begin(m);
	if (e->body != EVENT_JSON)
		return diag_fail(d, DIAG_DATA, "map %s: the event has %s, but a map needs JSON in data", map->name,
				 e->body == EVENT_BYTES ? "data_base64" : "no data");
	struct walk w = {m, map, e, &p->json};
	struct frame root = {NULL, NULL, 0, event_data_node(p)};
	write_element(&w, &map->plan, &root);
	return end(m, d);
}
