/* SPDX-License-Identifier: MIT */
#include "rule.h"

#include <stdlib.h>

#include "decimal.h"
#include "utf8.h"

/* ---- types ---- */

static const struct {
	const char *name;
	unsigned bit;
} types[] = {{"null", RULE_NULLS},     {"boolean", RULE_BOOLEANS}, {"integer", RULE_INTEGERS}, {"number", RULE_NUMBERS},
	     {"string", RULE_STRINGS}, {"array", RULE_ARRAYS},     {"object", RULE_OBJECTS}};
enum { TYPES = sizeof types / sizeof types[0] };

static unsigned type_bits(const struct rule_value *v)
{
	static const unsigned bits[] = {RULE_NULLS,   RULE_BOOLEANS, RULE_BOOLEANS, RULE_NUMBERS,
					RULE_STRINGS, RULE_ARRAYS,   RULE_OBJECTS};
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
pcre2_code *rule_load_pattern(struct jconf *c, uint32_t node, struct slice *text)
{
	const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
	*text = jconf_string(c, node);
	int error;
	PCRE2_SIZE offset;
	if (c->failed)
		return NULL;
	pcre2_code *pattern = pcre2_compile((PCRE2_SPTR)text->ptr, text->len, options, &error, &offset, NULL);
	if (pattern) {
		pcre2_jit_compile(pattern, PCRE2_JIT_COMPLETE); /* without JIT it is interpreted */
		return pattern;
	}
	PCRE2_UCHAR reason[128];
	pcre2_get_error_message(error, reason, sizeof reason);
	jconf_fail(c, node, "expected a regular expression; at character %zu: %s", (size_t)offset + 1,
		   (const char *)reason);
	return NULL;
}

static int load_pattern(struct rule *r, struct jconf *c, uint32_t node)
{
	if (node == JTEXT_NOWHERE)
		return 0;
	r->pattern = rule_load_pattern(c, node, &r->pattern_text);
	return c->failed ? -1 : 0;
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
	static const unsigned kinds[RULE_KEY_COUNT] = {0,
						       0,
						       RULE_NUMBERS | RULE_INTEGERS,
						       RULE_NUMBERS | RULE_INTEGERS,
						       RULE_STRINGS,
						       RULE_STRINGS,
						       RULE_STRINGS,
						       RULE_STRINGS};
	static const char *const names[] = {RULE_KEYS};
	unsigned implied = 0;
	for (int i = 0; i < RULE_KEY_COUNT; i++) {
		if (values[i] == JTEXT_NOWHERE || !kinds[i])
			continue;
		if (r->types && !(r->types & kinds[i]))
			return jconf_fail(c, values[i], "\"%s\" has no meaning for this \"type\"", names[i]);
		implied |= kinds[i] & ~(unsigned)RULE_INTEGERS;
	}
	if (!r->types)
		r->types = implied;
	return 0;
}

/* Bounds that no value can keep. */
static int check_bounds(const struct rule *r, struct jconf *c, const uint32_t values[RULE_KEY_COUNT])
{
	if (r->minimum.ptr && r->maximum.ptr && decimal_compare(r->minimum, r->maximum) > 0)
		return jconf_fail(c, values[3], "less than \"minimum\": no value can be both");
	if (r->max_length >= 0 && r->min_length > r->max_length)
		return jconf_fail(c, values[5], "less than \"minLength\": no value can be both");
	return 0;
}

/* Each value of an enum must be able to come out. */
static int check_choices(const struct rule *r, struct jconf *c, const uint32_t values[RULE_KEY_COUNT])
{
	struct rule_matcher m;
	struct buf why = BUF_INIT;
	if (!r->choices || c->failed)
		return c->failed ? -1 : 0;
	if (rule_matcher_open(&m) < 0)
		jconf_fail(c, values[1], "out of memory");
	uint32_t node = jtext_first(&c->json, values[1]);
	for (size_t i = 0; i < r->choice_count && !c->failed; i++, node = jtext_next(&c->json, node))
		if (!rule_holds(r, &r->choices[i], &m, &why))
			jconf_fail(c, node, "cannot come out: it %s", why.data);
	buf_free(&why);
	rule_matcher_close(&m);
	return c->failed ? -1 : 0;
}

int rule_load(struct rule *r, struct jconf *c, const uint32_t values[RULE_KEY_COUNT])
{
	*r = RULE_NONE;
	if (load_types(r, c, values[0]) < 0 || load_choices(r, c, values[1]) < 0 ||
	    load_number(c, values[2], &r->minimum) < 0 || load_number(c, values[3], &r->maximum) < 0 ||
	    load_length(c, values[4], &r->min_length) < 0 || load_length(c, values[5], &r->max_length) < 0 ||
	    load_pattern(r, c, values[6]) < 0 || load_format(r, c, values[7]) < 0)
		return -1;
	if (imply_types(r, c, values) < 0 || check_bounds(r, c, values) < 0)
		return -1;
	return check_choices(r, c, values);
}

void rule_free(struct rule *r)
{
	pcre2_code_free(r->pattern);
	free(r->choices);
	*r = RULE_NONE;
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
	bool below = r->minimum.ptr && decimal_compare(number, r->minimum) < 0;
	bool above = r->maximum.ptr && decimal_compare(number, r->maximum) > 0;
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
		return decimal_compare(a->raw, b->raw) == 0;
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
	return (r->types & RULE_INTEGERS) && v->type == JTEXT_NUMBER && decimal_is_integer(v->raw);
}

unsigned rule_admits(const struct rule *r, unsigned come, bool coerce)
{
	const unsigned scalars = RULE_STRINGS | RULE_NUMBERS | RULE_BOOLEANS;
	unsigned wanted = r->types | (r->types & RULE_INTEGERS ? RULE_NUMBERS : 0), admitted = wanted & come;
	if (!r->types)
		return come;
	if (coerce && (wanted & RULE_STRINGS) && (come & scalars))
		admitted |= RULE_STRINGS;
	if (coerce && (wanted & RULE_NUMBERS) && (come & RULE_STRINGS))
		admitted |= RULE_NUMBERS;
	if (coerce && (wanted & RULE_BOOLEANS) && (come & scalars))
		admitted |= RULE_BOOLEANS;
	return admitted & RULE_ANY;
}

/* ---- coercion ---- */

static bool coerce_to_boolean(struct rule_value *v)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
	char word[8];
	struct slice text = v->type == JTEXT_STRING ? v->text : v->raw;
	if (text.len >= sizeof word)
		return false;
	for (size_t i = 0; i < text.len; i++)
		word[i] = (char)(text.ptr[i] | (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? 0x20 : 0));
	for (int i = 0; i < 8; i++)
		if (slice_is((struct slice){word, text.len}, words[i])) {
			*v = i % 2 ? (struct rule_value){JTEXT_TRUE, SLICE("true"), SLICE_NONE}
				   : (struct rule_value){JTEXT_FALSE, SLICE("false"), SLICE_NONE};
			return true;
		}
	return false;
}

static bool coerce_to_number(struct rule_value *v)
{
	struct slice text = v->text;
	while (text.len && *text.ptr == ' ')
		text = (struct slice){text.ptr + 1, text.len - 1};
	while (text.len && text.ptr[text.len - 1] == ' ')
		text.len--;
	if (v->type != JTEXT_STRING || !jtext_is_number(text))
		return false;
	*v = (struct rule_value){JTEXT_NUMBER, text, SLICE_NONE};
	return true;
}

bool rule_coerce(const struct rule *r, struct rule_value *v)
{
	if (v->type == JTEXT_NULL || v->type >= JTEXT_ARRAY || type_holds(r, v))
		return false;
	if (r->types & RULE_BOOLEANS)
		return coerce_to_boolean(v);
	if (r->types & (RULE_NUMBERS | RULE_INTEGERS))
		return coerce_to_number(v);
	if (!(r->types & RULE_STRINGS))
		return false;
	*v = (struct rule_value){JTEXT_STRING, SLICE_NONE, v->raw};
	return true;
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

/* ---- telling ---- */

void rule_show_text(struct buf *b, struct slice text, size_t most)
{
	size_t len = text.len < most ? text.len : most;
	while (len < text.len && len && utf8_continues((unsigned char)text.ptr[len]))
		len--;
	for (const char *at = text.ptr, *end = at + len; at < end;) {
		const char *start = at;
		uint32_t c = utf8_take(&at);
		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			buf_printf(b, "\\u%04x", (unsigned)c);
		else
			buf_add(b, start, (size_t)(at - start));
	}
	if (len < text.len)
		buf_add_text(b, "...");
}

void rule_show(struct buf *b, const struct rule_value *v, size_t most)
{
	struct buf quoted = BUF_INIT;
	if (!v->raw.ptr)
		jtext_add_string(&quoted, v->text);
	rule_show_text(b, v->raw.ptr ? v->raw : buf_slice(&quoted), most);
	buf_free(&quoted);
}
