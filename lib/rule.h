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

/* The types of JSON Schema, a bit each. */
enum {
	RULE_NULLS = 1,
	RULE_BOOLEANS = 2,
	RULE_NUMBERS = 4,
	RULE_STRINGS = 8,
	RULE_ARRAYS = 16,
	RULE_OBJECTS = 32,
	RULE_INTEGERS = 64,
	RULE_ANY = 63
};

struct rule {
	unsigned types;                 /* those allowed; 0: any */
	struct slice minimum, maximum;  /* numbers as they stand in the file, or SLICE_NONE */
	int64_t min_length, max_length; /* characters; -1: no bound */
	enum format format;
	pcre2_code *pattern; /* NULL: none */
	struct slice pattern_text;
	struct rule_value *choices; /* "enum"; owned, but what they point to is the file's */
	size_t choice_count;
	struct slice choices_raw;
};

#define RULE_NONE ((struct rule){.min_length = -1, .max_length = -1})

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

/* Takes a rule from the values of RULE_KEYS (JTEXT_NOWHERE: not there).
 * 0, or -1 with the error in `c`; rule_free is due in either case. */
int rule_load(struct rule *r, struct jconf *c, const uint32_t values[RULE_KEY_COUNT]);
void rule_free(struct rule *r);

/* A pattern of a map, compiled; NULL with the error in `c`. New, for pcre2_code_free. */
pcre2_code *rule_load_pattern(struct jconf *c, uint32_t node, struct slice *text);

/* The types of values that can keep the rule when values of the types
 * in `come` do: 0 when none can. With `coerce`, of what they become. */
unsigned rule_admits(const struct rule *r, unsigned come, bool coerce);

/* "coerce", for a rule with one type besides null: a value that is not of that type, but can be written as one that is,
 * becomes it: "19.99" a number, 19.99 and true strings, "yes", "true", "1" and 1 booleans. What cannot stays as it is.
 * True when it changed. */
bool rule_coerce(const struct rule *r, struct rule_value *v);

/* Does the value keep the rule? When not, what it breaks is appended to `why`: "is not of type number". */
bool rule_holds(const struct rule *r, const struct rule_value *v, const struct rule_matcher *m, struct buf *why);

/* Appends text, or a value as JSON, for people: the first `most` bytes,
 * whole characters only, control characters as JSON writes them. */
void rule_show_text(struct buf *b, struct slice text, size_t most);
void rule_show(struct buf *b, const struct rule_value *v, size_t most);

#endif
