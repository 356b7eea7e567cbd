/* SPDX-License-Identifier: MIT */
/* when: conditions on an event. One is an object: {"from": ORIGIN, and any rules}, which holds when the value is there
 * and keeps them; {"not": CONDITION}; or {"any": [CONDITION, ...]}. A list of conditions holds when all of them do. */
#ifndef EVT_WHEN_H
#define EVT_WHEN_H

#include "origin.h"

enum when_kind { WHEN_ALL, WHEN_ANY, WHEN_NOT, WHEN_RULE };

struct when {
	enum when_kind kind;
	struct origin origin; /* WHEN_RULE */
	struct rule rule;
	struct when *parts; /* of the others */
	size_t count;
};

/* 0, or -1 with the error in `c`; when_free is due in either case. `inner` as for origins. */
int when_load(struct when *w, struct jconf *c, uint32_t node, bool inner);
void when_free(struct when *w);

/* Does it hold? When not, why not is appended to `why`: "/plan:
 * \"free\" is not one of [\"pro\"]". `decoded` is for passing use. */
bool when_holds(const struct when *w, const struct origin_view *view, const struct rule_matcher *m, struct buf *decoded,
		struct buf *why);

#endif
