/* SPDX-License-Identifier: MIT */
/* step: one of the things that a map's "apply" does to a value:
 *   "trim" "lowercase" "uppercase" {"replace": [PATTERN, TEXT]} {"substring": [START, LENGTH]} {"hash": ALGORITHM} {"split": TEXT}   strings
 *   {"scale": POWER}   numbers, and strings that are one       {"date": {...}}   strings and numbers (date.h)
 *   {"join": TEXT} "first" "last" "flatten"                    arrays
 * Those for strings and numbers, given an array, take each of its elements. null goes through every step as it is. */
#ifndef EVT_STEP_H
#define EVT_STEP_H

#include "apply.h"
#include "date.h"
#include "digest.h"
#include "rule.h"

enum step_kind {
	STEP_CASE, /* trim, lowercase, uppercase */
	STEP_REPLACE,
	STEP_SUBSTRING,
	STEP_HASH,
	STEP_SPLIT,
	STEP_SCALE,
	STEP_DATE,
	STEP_JOIN,
	STEP_FIRST,
	STEP_LAST,
	STEP_FLATTEN,
};

struct step {
	enum step_kind kind;
	enum apply letters;  /* STEP_CASE */
	pcre2_code *pattern; /* STEP_REPLACE */
	struct slice text;   /* what is put in its place; what stands between the parts of split and join */
	/* STEP_SUBSTRING: characters; a negative start counts from the end, length -1: all the rest. */
	int64_t start, length;
	int power; /* STEP_SCALE: of ten */
	enum digest_algorithm algorithm;
	struct date date;
};

/* Takes one step from its place in a map. 0, or -1 with the error in `c`; step_free is due in either case. */
int step_load(struct step *s, struct jconf *c, uint32_t node);
void step_free(struct step *s);
const char *step_name(const struct step *s);

/* The types that can come out when these go in (rule.h's bits); 0: none, it would fail whatever came. */
unsigned step_types(const struct step *s, unsigned in);

/* What steps need; reused. */
struct step_room {
	struct buf made[2], decoded, part;
	struct jtext json;
	unsigned turn;
};
void step_room_free(struct step_room *room);

enum step_result { STEP_DONE, STEP_MISSING, STEP_WRONG };

/* Changes *v, which then points into `room`, until the step after the next. STEP_MISSING: nothing is left (first of no
 * elements); STEP_WRONG: the value is not one for this step; why not is appended to `why`: "is not of type string,
 * which trim takes". */
enum step_result step_apply(const struct step *s, struct rule_value *v, struct step_room *room,
			    const struct rule_matcher *m, struct buf *why);

#endif
