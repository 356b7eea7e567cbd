/* SPDX-License-Identifier: MIT */
/* answer: what a destination's answer says in places that its file names, and conditions on it. Pure but for loading. */
#ifndef EVT_ANSWER_H
#define EVT_ANSWER_H

#include "conf.h"
#include "jtext.h"

/* The pieces of an answer, as far as they were kept. */
struct answer {
	struct slice head;
	const struct jtext *json; /* the body; NULL when it is not JSON */
};

/* Where a value stands: a JSON Pointer (RFC 6901) into the body, or "header:NAME". */
struct answer_place {
	char *text; /* as the file has it; NULL: nowhere */
	struct jtext_pointer pointer;
};
void answer_place_load(struct answer_place *p, struct conf_object *o, const char *key);
/* The same from text, owned from now on. -1 when it is none, or out of memory. */
int answer_place_set(struct answer_place *p, char *text);
void answer_place_free(struct answer_place *p);
/* A string decoded, a number digit for digit, a header's value; else SLICE_NONE. `scratch` is cleared and may hold it. */
struct slice answer_at(const struct answer *a, const struct answer_place *p, struct buf *scratch);

enum answer_test { ANSWER_IS, ANSWER_IS_NOT, ANSWER_CONTAINS, ANSWER_NOT_EMPTY };

/* {"pointer": "/ok", "is": false}. A place that is absent is nothing and empty: "is_not" alone holds for it. */
struct answer_condition {
	struct jtext_pointer pointer;
	enum answer_test test;
	json_t *value; /* what is compared: a string, integer, boolean or null; owned */
	bool again;    /* "then": "retry" */
};
struct answer_conditions {
	struct answer_condition *list;
	size_t count;
};
/* One object, or a list of them. `outcomes`: "then" may say whether the refusal is for good. */
void answer_conditions_load(struct answer_conditions *c, struct conf_object *o, const char *key, bool outcomes);
void answer_conditions_free(struct answer_conditions *c);
/* The first that holds, or NULL. */
const struct answer_condition *answer_meets(const struct answer *a, const struct answer_conditions *c);

/* The value of the first header of that name (RFC 9110, 5.5) in an answer's head, or SLICE_NONE. */
struct slice answer_header(struct slice head, const char *name);

#endif
