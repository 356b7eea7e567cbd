/* SPDX-License-Identifier: MIT */
#include "rule.h"

#include <stdlib.h>

#include "utf8.h"

/* ---- types ---- */

/* The types of JSON Schema, a bit each. */
enum { NULLS = 1, BOOLEANS = 2, NUMBERS = 4, STRINGS = 8, ARRAYS = 16, OBJECTS = 32, INTEGERS = 64 };

static const struct {
	const char *name;
	unsigned bit;
} types[] = {{"null", NULLS},     {"boolean", BOOLEANS}, {"integer", INTEGERS}, {"number", NUMBERS},
	     {"string", STRINGS}, {"array", ARRAYS},     {"object", OBJECTS}};
enum { TYPES = sizeof types / sizeof types[0] };

static unsigned type_bits(const struct rule_value *v)
{
	static const unsigned bits[] = {NULLS, BOOLEANS, BOOLEANS, NUMBERS, STRINGS, ARRAYS, OBJECTS};
	return bits[v->type];
}

static unsigned type_named(struct slice name)
{
	for (int i = 0; i < TYPES; i++)
		if (slice_is(name, types[i].name))
			return types[i].bit;
	return 0;
}

static int take_type(struct rule *r, struct jconf *c, uint32_t node)
{
	unsigned bit = jtext_type(&c->json, node) == JTEXT_STRING ? type_named(jconf_string(c, node)) : 0;
	r->types |= bit;
	if (bit && !c->failed)
		return 0;
	return jconf_expected(c, node, "string, number, integer, boolean, object, array or null");
}

static int load_types(struct rule *r, struct jconf *c, uint32_t node)
{
	const struct jtext *j = &c->json;
	if (node == JTEXT_NOWHERE)
		return 0;
	if (jtext_type(j, node) != JTEXT_ARRAY)
		return take_type(r, c, node);
	if (jtext_length(j, node) == 0)
		return jconf_expected(c, node, "one type or more");
	for (uint32_t n = jtext_first(j, node); n < jtext_end(j, node); n = jtext_next(j, n))
		if (take_type(r, c, n) < 0)
			return -1;
	return 0;
}

static void add_type_names(unsigned wanted, struct buf *why)
{
	const char *between = "";
	for (int i = 0; i < TYPES; i++) {
		if (!(wanted & types[i].bit))
			continue;
		buf_printf(why, "%s%s", between, types[i].name);
		between = " or ";
	}
}

/* ---- loading ---- */

static int load_number(struct jconf *c, uint32_t node, struct slice *number)
{
	if (node == JTEXT_NOWHERE)
		return 0;
	*number = jtext_raw(&c->json, node);
	return jconf_is(c, node, JTEXT_NUMBER);
}

static int load_length(struct jconf *c, uint32_t node, int64_t *length)
{
	return node == JTEXT_NOWHERE ? 0 : jconf_count(c, node, length);
}

static int load_format(struct rule *r, struct jconf *c, uint32_t node)
{
	if (node == JTEXT_NOWHERE)
		return 0;
	r->format = format_named(jconf_string(c, node));
	return r->format ? 0 : jconf_expected(c, node, "email, uri, date, date-time or uuid");
}

/* "$" is the very end, as in JSON Schema, not also the place before a last line break. What is matched has been found to be UTF-8. */
static int load_pattern(struct rule *r, struct jconf *c, uint32_t node)
{
	if (node == JTEXT_NOWHERE)
		return 0;
	r->pattern_text = jconf_string(c, node);
	if (c->failed)
		return -1;
	int error;
	PCRE2_SIZE offset;
	const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
	r->pattern =
	    pcre2_compile((PCRE2_SPTR)r->pattern_text.ptr, r->pattern_text.len, options, &error, &offset, NULL);
	if (!r->pattern) {
		PCRE2_UCHAR reason[128];
		pcre2_get_error_message(error, reason, sizeof reason);
		return jconf_fail(c, node, "expected a regular expression; at character %zu: %s", (size_t)offset + 1,
				  (const char *)reason);
	}
	pcre2_jit_compile(r->pattern, PCRE2_JIT_COMPLETE); /* without JIT it is interpreted */
	return 0;
}

static int load_choices(struct rule *r, struct jconf *c, uint32_t node)
{
	const struct jtext *j = &c->json;
	if (node == JTEXT_NOWHERE)
		return 0;
	if (jconf_is(c, node, JTEXT_ARRAY) < 0)
		return -1;
	r->choices_raw = jtext_raw(j, node);
	r->choices = calloc((size_t)jtext_length(j, node) + 1, sizeof *r->choices);
	if (!r->choices)
		return jconf_fail(c, node, "out of memory");
	for (uint32_t n = jtext_first(j, node); n < jtext_end(j, node); n = jtext_next(j, n)) {
		enum jtext_type type = jtext_type(j, n);
		if (type == JTEXT_ARRAY || type == JTEXT_OBJECT)
			return jconf_expected(c, n, "a string, a number, true, false or null");
		struct slice text = type == JTEXT_STRING ? jconf_string(c, n) : SLICE_NONE;
		r->choices[r->choice_count++] = (struct rule_value){type, jtext_raw(j, n), text};
	}
	return r->choice_count ? 0 : jconf_expected(c, node, "one value or more");
}

/* A rule that no allowed type has a use for is a slip of the pen. */
static int imply_types(struct rule *r, struct jconf *c, const uint32_t values[RULE_KEY_COUNT])
{
	static const unsigned kinds[RULE_KEY_COUNT] = {
	    0, 0, NUMBERS | INTEGERS, NUMBERS | INTEGERS, STRINGS, STRINGS, STRINGS, STRINGS};
	static const char *const names[] = {RULE_KEYS};
	unsigned implied = 0;
	for (int i = 0; i < RULE_KEY_COUNT; i++) {
		if (values[i] == JTEXT_NOWHERE || !kinds[i])
			continue;
		if (r->types && !(r->types & kinds[i]))
			return jconf_fail(c, values[i], "\"%s\" has no meaning for this \"type\"", names[i]);
		implied |= kinds[i] & ~(unsigned)INTEGERS;
	}
	if (!r->types)
		r->types = implied;
	return 0;
}

int rule_load(struct rule *r, struct jconf *c, const uint32_t values[RULE_KEY_COUNT])
{
	*r = (struct rule){.min_length = -1, .max_length = -1};
	if (load_types(r, c, values[0]) < 0 || load_choices(r, c, values[1]) < 0 ||
	    load_number(c, values[2], &r->minimum) < 0 || load_number(c, values[3], &r->maximum) < 0 ||
	    load_length(c, values[4], &r->min_length) < 0 || load_length(c, values[5], &r->max_length) < 0 ||
	    load_pattern(r, c, values[6]) < 0 || load_format(r, c, values[7]) < 0)
		return -1;
	return imply_types(r, c, values);
}

void rule_free(struct rule *r)
{
	pcre2_code_free(r->pattern);
	free(r->choices);
	*r = (struct rule){.min_length = -1, .max_length = -1};
}

/* ---- matching ---- */

/* What a pattern may cost for one value, so that no value can hold up the line: well under a tenth of a second. */
enum { MATCH_STEPS = 1000000, MATCH_HEAP_KIB = 20 * 1024, STACK_LEAST = 32 * 1024, STACK_MOST = 1024 * 1024 };

int rule_matcher_open(struct rule_matcher *m)
{
	m->match = pcre2_match_data_create(1, NULL);
	m->context = pcre2_match_context_create(NULL);
	m->stack = pcre2_jit_stack_create(STACK_LEAST, STACK_MOST, NULL); /* NULL where there is no JIT */
	if (!m->match || !m->context)
		return -1;
	pcre2_set_match_limit(m->context, MATCH_STEPS);
	pcre2_set_heap_limit(m->context, MATCH_HEAP_KIB);
	if (m->stack)
		pcre2_jit_stack_assign(m->context, NULL, m->stack);
	return 0;
}

void rule_matcher_close(struct rule_matcher *m)
{
	pcre2_match_data_free(m->match);
	pcre2_match_context_free(m->context);
	pcre2_jit_stack_free(m->stack);
	*m = (struct rule_matcher){NULL, NULL, NULL};
}

static bool pattern_holds(const struct rule *r, struct slice text, const struct rule_matcher *m, struct buf *why)
{
	int result =
	    pcre2_match(r->pattern, (PCRE2_SPTR)text.ptr, text.len, 0, PCRE2_NO_UTF_CHECK, m->match, m->context);
	if (result >= 0)
		return true;
	if (result == PCRE2_ERROR_NOMATCH)
		buf_add_text(why, "does not match the pattern ");
	else
		buf_add_text(why, "takes too long to match (limit reached) against the pattern ");
	buf_add_slice(why, r->pattern_text);
	return false;
}

static bool string_holds(const struct rule *r, struct slice text, const struct rule_matcher *m, struct buf *why)
{
	int64_t length = r->min_length >= 0 || r->max_length >= 0 ? (int64_t)utf8_length(text) : 0;
	if (r->min_length >= 0 && length < r->min_length)
		buf_printf(why, "has %lld characters, fewer than minLength %lld", (long long)length,
			   (long long)r->min_length);
	else if (r->max_length >= 0 && length > r->max_length)
		buf_printf(why, "has %lld characters, more than maxLength %lld", (long long)length,
			   (long long)r->max_length);
	else if (!format_fits(r->format, text))
		buf_printf(why, "is not of format %s", format_name(r->format));
	else
		return !r->pattern || pattern_holds(r, text, m, why);
	return false;
}

static bool number_holds(const struct rule *r, struct slice number, struct buf *why)
{
	bool below = r->minimum.ptr && jtext_number_compare(number, r->minimum) < 0;
	bool above = r->maximum.ptr && jtext_number_compare(number, r->maximum) > 0;
	if (!below && !above)
		return true;
	buf_add_text(why, below ? "is less than minimum " : "is more than maximum ");
	buf_add_slice(why, below ? r->minimum : r->maximum);
	return false;
}

/* By value: 1.0 is 1, "\u0061" is "a". */
static bool same_value(const struct rule_value *a, const struct rule_value *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == JTEXT_NUMBER)
		return jtext_number_compare(a->raw, b->raw) == 0;
	return a->type != JTEXT_STRING || slice_equal(a->text, b->text);
}

static bool choice_holds(const struct rule *r, const struct rule_value *v, struct buf *why)
{
	for (size_t i = 0; i < r->choice_count; i++)
		if (same_value(v, &r->choices[i]))
			return true;
	if (!r->choices)
		return true;
	buf_add_text(why, "is not one of ");
	buf_add_slice(why, r->choices_raw);
	return false;
}

static bool type_holds(const struct rule *r, const struct rule_value *v)
{
	if (!r->types || (r->types & type_bits(v)))
		return true;
	return (r->types & INTEGERS) && v->type == JTEXT_NUMBER && jtext_number_is_integer(v->raw);
}

bool rule_holds(const struct rule *r, const struct rule_value *v, const struct rule_matcher *m, struct buf *why)
{
	if (!type_holds(r, v)) {
		buf_add_text(why, "is not of type ");
		add_type_names(r->types, why);
		return false;
	}
	if (v->type == JTEXT_STRING && !string_holds(r, v->text, m, why))
		return false;
	if (v->type == JTEXT_NUMBER && !number_holds(r, v->raw, why))
		return false;
	return choice_holds(r, v, why);
}
