/* SPDX-License-Identifier: MIT */
#include "origin.h"

#include "clock.h"

static const struct {
	const char *name;
	enum event_attribute attribute;
} attributes[] = {{"id", EVENT_ID},           {"source", EVENT_SOURCE}, {"type", EVENT_TYPE},
		  {"subject", EVENT_SUBJECT}, {"time", EVENT_TIME},     {"recordedtime", EVENT_RECORDEDTIME}};
enum { ATTRIBUTES = sizeof attributes / sizeof attributes[0] };

/* Takes the prefix off, if it stands there. */
static bool take_prefix(struct slice *text, const char *prefix)
{
	size_t len = strlen(prefix);
	if (text->len < len || memcmp(text->ptr, prefix, len) != 0)
		return false;
	*text = (struct slice){text->ptr + len, text->len - len};
	return true;
}

static int parse_attribute(struct origin *o, struct slice name)
{
	o->kind = ORIGIN_EVENT;
	for (int i = 0; i < ATTRIBUTES; i++)
		if (slice_is(name, attributes[i].name)) {
			o->attribute = attributes[i].attribute;
			return 0;
		}
	return -1;
}

int origin_parse(struct origin *o, struct slice text, bool inner)
{
	*o = (struct origin){.text = text};
	if (take_prefix(&text, "event:"))
		return parse_attribute(o, text);
	if (inner && take_prefix(&text, "data:"))
		o->kind = ORIGIN_ROOT;
	return jtext_pointer_parse(&o->pointer, text);
}

int origin_load(struct origin *o, struct jconf *c, uint32_t node, bool inner)
{
	struct slice text = jconf_string(c, node);
	if (c->failed)
		return -1;
	if (origin_parse(o, text, inner) == 0)
		return 0;
	if (o->kind == ORIGIN_EVENT)
		return jconf_expected(c, node, "event: with id, source, type, subject, time or recordedtime");
	return jconf_expected(c, node,
			      inner ? "a JSON Pointer, such as \"/a/b\", \"data:/a/b\" or \"event:id\""
				    : "a JSON Pointer, such as \"/a/b\", or \"event:id\"");
}

void origin_free(struct origin *o)
{
	jtext_pointer_free(&o->pointer);
}

static struct slice attribute_text(const struct event *e, enum event_attribute attribute, struct buf *decoded)
{
	char at[CLOCK_TEXT_SIZE];
	switch (attribute) {
	case EVENT_ID:
		return e->id;
	case EVENT_SOURCE:
		return e->source;
	case EVENT_TYPE:
		return e->type;
	case EVENT_SUBJECT:
		return e->subject;
	case EVENT_TIME:
		return e->time;
	default:
		break;
	}
	size_t from = decoded->len;
	if (!e->recorded_at)
		return SLICE_NONE;
	buf_add_text(decoded, clock_format(e->recorded_at, at));
	return buf_ok(decoded) ? (struct slice){decoded->data + from, decoded->len - from} : SLICE_NONE;
}

bool origin_fetch(const struct origin *o, const struct origin_view *view, struct buf *decoded, struct rule_value *v)
{
	if (o->kind == ORIGIN_EVENT) {
		*v = (struct rule_value){JTEXT_STRING, SLICE_NONE, attribute_text(view->event, o->attribute, decoded)};
		return v->text.ptr != NULL;
	}
	uint32_t node = jtext_at(view->json, o->kind == ORIGIN_ROOT ? view->root : view->node, &o->pointer);
	if (node == JTEXT_NOWHERE)
		return false;
	*v = (struct rule_value){jtext_type(view->json, node), jtext_raw(view->json, node), SLICE_NONE};
	if (v->type == JTEXT_STRING)
		v->text = jtext_string(view->json, node, decoded);
	return v->type != JTEXT_STRING || v->text.ptr;
}
