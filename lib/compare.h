/* SPDX-License-Identifier: MIT */
/* compare: two texts, mostly JSON, told apart: as a unified diff of
 * their values laid out line by line, or as a list of changes. */
#ifndef EVT_COMPARE_H
#define EVT_COMPARE_H

#include "jtext.h"

struct compare_side {
	struct slice text;
	struct jtext json; /* what `text` is, when it is JSON */
	bool is_json;
	struct buf laid; /* its lines */
};
void compare_side_set(struct compare_side *s, struct slice text); /* borrows it */
void compare_side_free(struct compare_side *s);

/* Appends the changes from `a` to `b` as a JSON array of {"op", "path", "from", "to"}, op being add, remove or replace;
 * how many. Numbers are the same when they are written the same; the order of members means nothing. What is not JSON
 * is one string. */
size_t compare_changes(struct buf *b, const struct compare_side *from, const struct compare_side *to);

/* Appends the hunks of a unified diff. */
void compare_unified(struct buf *b, struct compare_side *from, struct compare_side *to);

#endif
