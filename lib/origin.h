/* SPDX-License-Identifier: MIT */
/* origin: where a map takes a value from: "/a/b", a JSON Pointer (RFC 6901) over the payload, within "each" over the element;
 * "data:/a/b", within "each" over the whole payload; "event:id", an attribute of the event. */
#ifndef EVT_ORIGIN_H
#define EVT_ORIGIN_H

#include "event.h"
#include "rule.h"

enum origin_kind { ORIGIN_DATA, ORIGIN_ROOT, ORIGIN_EVENT };

struct origin {
	struct slice text; /* as it stands in the map; borrowed */
	enum origin_kind kind;
	struct jtext_pointer pointer;
	enum event_attribute attribute; /* ORIGIN_EVENT */
};

/* What origins are looked up in. */
struct origin_view {
	const struct event *event;
	const struct jtext *json;
	uint32_t root, node; /* the payload, and the value that pointers begin at; JTEXT_NOWHERE: none */
};

/* `inner`: within "each", where alone "data:" means something. origin_parse borrows the text. 0, or -1. */
int origin_parse(struct origin *o, struct slice text, bool inner);
int origin_load(struct origin *o, struct jconf *c, uint32_t node, bool inner);
void origin_free(struct origin *o);

/* The value; false when there is none. Text that must be decoded is appended to `decoded`, which may move. */
bool origin_fetch(const struct origin *o, const struct origin_view *view, struct buf *decoded, struct rule_value *v);

#endif
