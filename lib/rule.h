/* SPDX-License-Identifier: MIT */
/* rule: what a map demands of a value. Names and meaning are JSON Schema's, but stricter in one thing: without "type", a
 * rule on strings (pattern, format, minLength, maxLength) demands a string, and one on numbers (minimum, maximum) a
 * number. With "type", each rule looks at the values of its own kind only. */
#ifndef EVT_RULE_H
#define EVT_RULE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "format.h"
#include "jconf.h"

/* A value, wherever it comes from. */
struct rule_value {
	enum jtext_type type;
	struct slice raw;  /* as JSON */
	struct slice text; /* a string's own text, decoded; else SLICE_NONE */
};

struct rule {
	unsigned types;                 /* one bit for each type allowed; 0: any */
	struct slice minimum, maximum;  /* numbers as they stand in the file, or SLICE_NONE */
	int64_t min_length, max_length; /* characters; -1: no bound */
	enum format format;
	pcre2_code *pattern; /* NULL: none */
	struct slice pattern_text;
	struct rule_value *choices; /* "enum"; owned, but what they point to is the file's */
	size_t choice_count;
	struct slice choices_raw;
};

/* The keys of a rule, in the order in which rule_load wants their values. */
#define RULE_KEYS "type", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern", "format"
enum { RULE_KEY_COUNT = 8 };

/* What matching a pattern needs; one for any number of rules, used by one thread. */
struct rule_matcher {
	pcre2_match_data *match;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
};
int rule_matcher_open(struct rule_matcher *m); /* -1: out of memory */
void rule_matcher_close(struct rule_matcher *m);

/* Takes a rule from the values of RULE_KEYS (JTEXT_NOWHERE: not there). 0, or -1 with the error in `c`; rule_free is due in either case. */
int rule_load(struct rule *r, struct jconf *c, const uint32_t values[RULE_KEY_COUNT]);
void rule_free(struct rule *r);

/* Does the value keep the rule? When not, what it breaks is appended to `why`: "is not of type number". */
bool rule_holds(const struct rule *r, const struct rule_value *v, const struct rule_matcher *m, struct buf *why);

#endif
