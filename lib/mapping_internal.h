/* SPDX-License-Identifier: MIT */
/* What the two halves of applying a map share: mapping.c walks the plan and writes the places of the output,
 * mapping_field.c makes the value of one field, and tells what is wrong with it. */
#ifndef EVT_MAPPING_INTERNAL_H
#define EVT_MAPPING_INTERNAL_H

#include "mapping.h"

enum { MAPPING_SHOWN = 80, MAPPING_REASON = 200 }; /* bytes of a value, and of a reason, in what is told */

/* Where a plan is being applied: at the root of data, or at an element of an "each". */
struct mapping_frame {
	const struct mapping_frame *outer; /* NULL at the root */
	const struct map_field *each;      /* the field whose element this is */
	size_t index;
	uint32_t node;
};

struct mapping_walk {
	struct mapping *m;
	const struct map *map;
	const struct event *event;
	const struct jtext *json;
	uint32_t root; /* the payload */
};

enum mapping_outcome { MAPPING_LEFT_OUT, MAPPING_WRITTEN, MAPPING_WRONG };

struct origin_view mapping_view(const struct mapping_walk *w, const struct mapping_frame *frame);

/* Appends the field's value to m->data, and its line to m->explain.
 * WRONG: it has been told; what was appended counts for nothing. */
enum mapping_outcome mapping_write_field(struct mapping_walk *w, const struct map_field *f,
					 const struct mapping_frame *frame);
/* The same for a field whose source has nothing: its default, nothing, or an error. */
enum mapping_outcome mapping_write_missing(struct mapping_walk *w, const struct map_field *f,
					   const struct mapping_frame *frame);
/* Does its "when" hold? */
bool mapping_is_wanted(struct mapping_walk *w, const struct map_field *f, const struct mapping_frame *frame);

/* Tells that the value met, NULL when there was none, does not do; returns MAPPING_WRONG. */
enum mapping_outcome mapping_wrong_because(struct mapping_walk *w, const struct map_field *f,
					   const struct mapping_frame *frame, const struct rule_value *met,
					   const char *why);
void mapping_keep_problem(struct mapping *m); /* adds m->problem to m->problems, while there is room */

/* "/lines/3": the pointer to the element that the frame is at, in the output or in the payload. */
void mapping_add_elements(struct buf *b, const struct mapping_frame *frame, bool target);

#endif
