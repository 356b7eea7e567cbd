/* SPDX-License-Identifier: MIT */
#include "step.h"

#include "decimal.h"
#include "utf8.h"

enum { REPLACED_MOST = 4 * 1024 * 1024 }; /* bytes of a string after "replace" */

static const char *const names[] = {
    [STEP_CASE] = "",       [STEP_REPLACE] = "replace", [STEP_SUBSTRING] = "substring", [STEP_HASH] = "hash",
    [STEP_SPLIT] = "split", [STEP_SCALE] = "scale",     [STEP_DATE] = "date",           [STEP_JOIN] = "join",
    [STEP_FIRST] = "first", [STEP_LAST] = "last",       [STEP_FLATTEN] = "flatten"};
enum { KINDS = sizeof names / sizeof names[0] };

const char *step_name(const struct step *s)
{
	return s->kind == STEP_CASE ? apply_name(s->letters) : names[s->kind];
}

/* ---- loading ---- */

static const char known[] =
    "trim, lowercase, uppercase, first, last, flatten, or an object with one of replace, substring, "
    "hash, split, join, scale and date";

static int load_word(struct step *s, struct jconf *c, uint32_t node)
{
	struct slice name = jconf_string(c, node);
	s->letters = apply_named(name);
	if (s->letters)
		return 0;
	for (int i = STEP_FIRST; i <= STEP_FLATTEN; i++)
		if (slice_is(name, names[i])) {
			s->kind = (enum step_kind)i;
			return 0;
		}
	return jconf_expected(c, node, known);
}

/* In a text that takes a match's place, $1 is a group of the pattern, and $$ the character. */
static int check_groups(struct jconf *c, uint32_t node, const pcre2_code *pattern, struct slice text)
{
	uint32_t groups = 0;
	pcre2_pattern_info(pattern, PCRE2_INFO_CAPTURECOUNT, &groups);
	for (size_t i = 0; i < text.len; i++) {
		uint32_t group = 0;
		if (text.ptr[i] != '$')
			continue;
		if (i + 1 < text.len && text.ptr[i + 1] == '$') {
			i++;
			continue;
		}
		size_t from = i;
		for (; i + 1 < text.len && text.ptr[i + 1] >= '0' && text.ptr[i + 1] <= '9' && group < 1000; i++)
			group = group * 10 + (uint32_t)(text.ptr[i + 1] - '0');
		if (i == from || group > groups)
			return jconf_expected(c, node,
					      "behind '$' the number of a group of the pattern, or another '$'");
	}
	return 0;
}

static int load_replace(struct step *s, struct jconf *c, uint32_t node)
{
	if (jtext_type(&c->json, node) != JTEXT_ARRAY || jtext_length(&c->json, node) != 2)
		return jconf_expected(c, node, "a list of a pattern and a text");
	uint32_t pattern = jtext_first(&c->json, node), text = jtext_next(&c->json, pattern);
	struct slice written;
	s->pattern = rule_load_pattern(c, pattern, &written);
	s->text = jconf_string(c, text);
	return c->failed ? -1 : check_groups(c, text, s->pattern, s->text);
}

/* A whole number of either sign. */
static int load_integer(struct jconf *c, uint32_t node, int64_t most, int64_t *value)
{
	struct slice raw = jtext_raw(&c->json, node);
	bool negative = raw.ptr[0] == '-';
	*value = 0;
	for (size_t i = negative; i < raw.len; i++) {
		if (raw.ptr[i] < '0' || raw.ptr[i] > '9' || *value > most)
			return jconf_expected(c, node, "a small integer");
		*value = *value * 10 + (raw.ptr[i] - '0');
	}
	if (*value > most)
		return jconf_expected(c, node, "a small integer");
	*value = negative ? -*value : *value;
	return 0;
}

static int load_substring(struct step *s, struct jconf *c, uint32_t node)
{
	const int64_t most = 1000000000;
	uint32_t count = jtext_type(&c->json, node) == JTEXT_ARRAY ? jtext_length(&c->json, node) : 0;
	if (count != 1 && count != 2)
		return jconf_expected(c, node, "a list of where to start and how many characters");
	uint32_t start = jtext_first(&c->json, node);
	s->length = -1;
	if (load_integer(c, start, most, &s->start) < 0 || count == 1)
		return c->failed ? -1 : 0;
	return jconf_count(c, jtext_next(&c->json, start), &s->length);
}

static int load_hash(struct step *s, struct jconf *c, uint32_t node)
{
	static const char *const algorithms[] = {"sha1", "sha256", "sha512"};
	struct slice name = jconf_string(c, node);
	for (int i = DIGEST_SHA1; i <= DIGEST_SHA512; i++)
		if (slice_is(name, algorithms[i])) {
			s->algorithm = (enum digest_algorithm)i;
			return 0;
		}
	return jconf_expected(c, node, "sha1, sha256 or sha512");
}

static int load_between(struct step *s, struct jconf *c, uint32_t node)
{
	s->text = jconf_string(c, node);
	if (!c->failed && s->kind == STEP_SPLIT && s->text.len == 0)
		return jconf_expected(c, node, "one character or more");
	return c->failed ? -1 : 0;
}

static int load_argument(struct step *s, struct jconf *c, uint32_t node)
{
	int64_t power = 0;
	switch (s->kind) {
	case STEP_REPLACE:
		return load_replace(s, c, node);
	case STEP_SUBSTRING:
		return load_substring(s, c, node);
	case STEP_HASH:
		return load_hash(s, c, node);
	case STEP_SCALE:
		if (load_integer(c, node, DECIMAL_SCALE_MOST, &power) < 0)
			return -1;
		s->power = (int)power;
		return 0;
	case STEP_DATE:
		return date_load(&s->date, c, node);
	default:
		return load_between(s, c, node);
	}
}

int step_load(struct step *s, struct jconf *c, uint32_t node)
{
	*s = (struct step){.kind = STEP_CASE};
	const struct jtext *j = &c->json;
	if (jtext_type(j, node) == JTEXT_STRING)
		return load_word(s, c, node);
	if (jtext_type(j, node) != JTEXT_OBJECT || jtext_length(j, node) != 1)
		return jconf_expected(c, node, known);
	struct slice name = jconf_string(c, jtext_first(j, node));
	for (int i = STEP_REPLACE; i <= STEP_JOIN; i++)
		if (slice_is(name, names[i])) {
			s->kind = (enum step_kind)i;
			return load_argument(s, c, jtext_first(j, node) + 1);
		}
	return jconf_expected(c, node, known);
}

void step_free(struct step *s)
{
	pcre2_code_free(s->pattern);
	date_free(&s->date);
	*s = (struct step){.kind = STEP_CASE};
}

/* ---- what can come out ---- */

static unsigned scalar_types(const struct step *s, unsigned in)
{
	switch (s->kind) {
	case STEP_SCALE:
		return in & (RULE_NUMBERS | RULE_STRINGS);
	case STEP_DATE:
		return !(in & (RULE_NUMBERS | RULE_STRINGS)) ? 0
		       : date_gives_number(&s->date)         ? RULE_NUMBERS
							     : RULE_STRINGS;
	case STEP_SPLIT:
		return in & RULE_STRINGS ? RULE_ARRAYS : 0;
	default:
		return in & RULE_STRINGS;
	}
}

unsigned step_types(const struct step *s, unsigned in)
{
	unsigned null = in & RULE_NULLS, arrays = in & RULE_ARRAYS;
	switch (s->kind) {
	case STEP_JOIN:
		return null | (arrays ? RULE_STRINGS : 0);
	case STEP_FIRST:
	case STEP_LAST:
		return null | (arrays ? RULE_ANY : 0);
	case STEP_FLATTEN:
		return null | arrays;
	default:
		return null | arrays | scalar_types(s, in);
	}
}

/* ---- one string or number ---- */

void step_room_free(struct step_room *room)
{
	buf_free(&room->made[0]);
	buf_free(&room->made[1]);
	buf_free(&room->decoded);
	buf_free(&room->part);
	jtext_free(&room->json);
}

static enum step_result wrong_type(const struct step *s, const char *takes, struct buf *why)
{
	buf_printf(why, "is not of type %s, which %s takes", takes, step_name(s));
	return STEP_WRONG;
}

static enum step_result wrong(struct buf *why, const char *text)
{
	buf_add_text(why, text);
	return STEP_WRONG;
}

static struct rule_value string_at(const struct buf *b, size_t from)
{
	return (struct rule_value){JTEXT_STRING, SLICE_NONE, {b->data + from, b->len - from}};
}

static enum step_result replace(const struct step *s, struct rule_value *v, struct buf *out,
				const struct rule_matcher *m, struct buf *why)
{
	const uint32_t options = PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_UNSET_EMPTY |
				 PCRE2_SUBSTITUTE_OVERFLOW_LENGTH | PCRE2_NO_UTF_CHECK;
	size_t from = out->len, room = 2 * v->text.len + 256;
	for (int tries = 0; tries < 2; tries++) {
		PCRE2_SIZE len = room;
		char *end = room <= REPLACED_MOST ? buf_reserve(out, room) : NULL;
		if (!end)
			return wrong(why, "is too long for replace");
		int result =
		    pcre2_substitute(s->pattern, (PCRE2_SPTR)v->text.ptr, v->text.len, 0, options, NULL, m->context,
				     (PCRE2_SPTR)s->text.ptr, s->text.len, (PCRE2_UCHAR *)end, &len);
		if (result >= 0) {
			out->len += len;
			*v = string_at(out, from);
			return STEP_DONE;
		}
		if (result != PCRE2_ERROR_NOMEMORY)
			break;
		room = len;
	}
	return wrong(why, "takes too long for replace");
}

/* Where the character with this number begins. */
static size_t offset_of(struct slice text, int64_t number)
{
	size_t i = 0;
	for (; i < text.len; i++)
		if (!utf8_continues((unsigned char)text.ptr[i]) && number-- == 0)
			break;
	return i;
}

static enum step_result substring(const struct step *s, struct rule_value *v)
{
	int64_t start = s->start;
	if (start < 0) {
		start += (int64_t)utf8_length(v->text);
		start = start < 0 ? 0 : start;
	}
	size_t from = offset_of(v->text, start);
	struct slice rest = {v->text.ptr + from, v->text.len - from};
	if (s->length >= 0)
		rest.len = offset_of(rest, s->length);
	*v = (struct rule_value){JTEXT_STRING, SLICE_NONE, rest};
	return STEP_DONE;
}

static enum step_result hash(const struct step *s, struct rule_value *v, struct buf *out)
{
	unsigned char bytes[DIGEST_MOST];
	char hex[2 * DIGEST_MOST + 1];
	size_t from = out->len;
	digest_hash(s->algorithm, v->text, bytes);
	digest_hex(bytes, digest_size(s->algorithm), hex);
	buf_add_text(out, hex);
	*v = string_at(out, from);
	return STEP_DONE;
}

static enum step_result split(const struct step *s, struct rule_value *v, struct buf *out)
{
	size_t from = out->len;
	struct slice rest = v->text;
	buf_add_char(out, '[');
	for (const char *found; (found = memmem(rest.ptr, rest.len, s->text.ptr, s->text.len)) != NULL;) {
		size_t len = (size_t)(found - rest.ptr);
		jtext_add_string(out, (struct slice){rest.ptr, len});
		buf_add_char(out, ',');
		len += s->text.len;
		rest = (struct slice){rest.ptr + len, rest.len - len};
	}
	jtext_add_string(out, rest);
	buf_add_char(out, ']');
	*v = (struct rule_value){JTEXT_ARRAY, {out->data + from, out->len - from}, SLICE_NONE};
	return STEP_DONE;
}

static enum step_result scale(const struct step *s, struct rule_value *v, struct buf *out, struct buf *why)
{
	struct slice number = v->type == JTEXT_STRING ? v->text : v->raw;
	size_t from = out->len;
	if (!jtext_is_number(number))
		return wrong(why, "is not a number, which scale takes");
	if (decimal_scale(out, number, s->power) < 0)
		return wrong(why, "has too many digits for scale");
	struct slice made = {out->data + from, out->len - from};
	*v = v->type == JTEXT_STRING ? (struct rule_value){JTEXT_STRING, SLICE_NONE, made}
				     : (struct rule_value){JTEXT_NUMBER, made, SLICE_NONE};
	return STEP_DONE;
}

static enum step_result date(const struct step *s, struct rule_value *v, struct buf *out, struct buf *why)
{
	const char *reason;
	size_t from = out->len;
	if (date_convert(&s->date, v->type == JTEXT_STRING ? v->text : v->raw, out, &reason) < 0)
		return wrong(why, reason);
	*v = string_at(out, from);
	if (date_gives_number(&s->date))
		*v = (struct rule_value){JTEXT_NUMBER, v->text, SLICE_NONE};
	return STEP_DONE;
}

static enum step_result apply_to_one(const struct step *s, struct rule_value *v, struct buf *out,
				     const struct rule_matcher *m, struct buf *why)
{
	bool numbers = s->kind == STEP_SCALE || s->kind == STEP_DATE;
	if (v->type == JTEXT_NULL)
		return STEP_DONE;
	if (v->type != JTEXT_STRING && !(numbers && v->type == JTEXT_NUMBER))
		return wrong_type(s, numbers ? "number or string" : "string", why);
	switch (s->kind) {
	case STEP_REPLACE:
		return replace(s, v, out, m, why);
	case STEP_SUBSTRING:
		return substring(s, v);
	case STEP_HASH:
		return hash(s, v, out);
	case STEP_SPLIT:
		return split(s, v, out);
	case STEP_SCALE:
		return scale(s, v, out, why);
	case STEP_DATE:
		return date(s, v, out, why);
	default: {
		struct slice text = apply_to(s->letters, v->text, out);
		/* What it leaves as it was keeps the text that it came as. */
		if (!slice_equal(text, v->text))
			*v = (struct rule_value){JTEXT_STRING, SLICE_NONE, text};
		return STEP_DONE;
	}
	}
}

/* ---- arrays ---- */

static struct rule_value element(struct step_room *room, uint32_t node)
{
	struct rule_value v = {jtext_type(&room->json, node), jtext_raw(&room->json, node), SLICE_NONE};
	buf_clear(&room->decoded);
	if (v.type == JTEXT_STRING)
		v.text = jtext_string(&room->json, node, &room->decoded);
	return v;
}

static void add_value(struct buf *out, const struct rule_value *v)
{
	if (v->raw.ptr)
		buf_add_slice(out, v->raw);
	else
		jtext_add_string(out, v->text);
}

static enum step_result apply_to_each(const struct step *s, struct step_room *room, struct buf *out,
				      const struct rule_matcher *m, struct buf *why)
{
	const struct jtext *j = &room->json;
	buf_add_char(out, '[');
	for (uint32_t n = jtext_first(j, 0); n < jtext_end(j, 0); n = jtext_next(j, n)) {
		struct rule_value v = element(room, n);
		buf_clear(&room->part);
		if (apply_to_one(s, &v, &room->part, m, why) != STEP_DONE)
			return STEP_WRONG;
		if (n > 1)
			buf_add_char(out, ',');
		add_value(out, &v);
	}
	buf_add_char(out, ']');
	return STEP_DONE;
}

static enum step_result join(const struct step *s, struct step_room *room, struct buf *out, struct buf *why)
{
	const struct jtext *j = &room->json;
	bool any = false;
	for (uint32_t n = jtext_first(j, 0); n < jtext_end(j, 0); n = jtext_next(j, n)) {
		struct rule_value v = element(room, n);
		if (v.type == JTEXT_NULL)
			continue;
		if (v.type >= JTEXT_ARRAY)
			return wrong(why, "has an array or object in it, which join does not take");
		if (any)
			buf_add_slice(out, s->text);
		buf_add_slice(out, v.type == JTEXT_STRING ? v.text : v.raw);
		any = true;
	}
	return STEP_DONE;
}

/* The elements of arrays take their place; others stay. */
static void flatten(struct step_room *room, struct buf *out)
{
	const struct jtext *j = &room->json;
	bool any = false;
	buf_add_char(out, '[');
	for (uint32_t n = jtext_first(j, 0); n < jtext_end(j, 0);) {
		if (jtext_type(j, n) == JTEXT_ARRAY) {
			struct slice raw = jtext_raw(j, n);
			if (any && jtext_length(j, n))
				buf_add_char(out, ',');
			any |= jtext_length(j, n) > 0;
			buf_add(out, raw.ptr + 1, raw.len - 2);
		} else {
			if (any)
				buf_add_char(out, ',');
			any = true;
			buf_add_slice(out, jtext_raw(j, n));
		}
		n = jtext_next(j, n);
	}
	buf_add_char(out, ']');
}

static enum step_result pick(const struct step *s, struct step_room *room, struct buf *out, struct rule_value *v)
{
	const struct jtext *j = &room->json;
	uint32_t found = JTEXT_NOWHERE;
	for (uint32_t n = jtext_first(j, 0); n < jtext_end(j, 0); n = jtext_next(j, n)) {
		found = n;
		if (s->kind == STEP_FIRST)
			break;
	}
	if (found == JTEXT_NOWHERE)
		return STEP_MISSING;
	*v = element(room, found);
	if (v->type != JTEXT_STRING)
		return STEP_DONE;
	/* Decoded text is used again for the next array. */
	size_t from = out->len;
	buf_add_slice(out, v->text);
	v->text = (struct slice){out->data + from, v->text.len};
	return STEP_DONE;
}

static enum step_result apply_to_array(const struct step *s, struct rule_value *v, struct step_room *room,
				       struct buf *out, const struct rule_matcher *m, struct buf *why)
{
	struct jtext_error error;
	enum step_result result = STEP_DONE;
	if (jtext_parse(&room->json, v->raw, &error) < 0)
		return wrong(why, error.reason);
	if (s->kind == STEP_FIRST || s->kind == STEP_LAST)
		return pick(s, room, out, v);
	if (s->kind == STEP_JOIN)
		result = join(s, room, out, why);
	else if (s->kind == STEP_FLATTEN)
		flatten(room, out);
	else
		result = apply_to_each(s, room, out, m, why);
	*v = (struct rule_value){JTEXT_ARRAY, buf_slice(out), SLICE_NONE};
	if (s->kind == STEP_JOIN)
		*v = (struct rule_value){JTEXT_STRING, SLICE_NONE, buf_slice(out)};
	return result;
}

enum step_result step_apply(const struct step *s, struct rule_value *v, struct step_room *room,
			    const struct rule_matcher *m, struct buf *why)
{
	struct buf *out = &room->made[room->turn++ % 2];
	enum step_result result;
	buf_clear(out);
	if (v->type == JTEXT_ARRAY)
		result = apply_to_array(s, v, room, out, m, why);
	else if (s->kind >= STEP_JOIN && v->type != JTEXT_NULL)
		result = wrong_type(s, "array", why);
	else
		result = apply_to_one(s, v, out, m, why);
	if (!buf_ok(out) || !buf_ok(&room->decoded) || !buf_ok(&room->part))
		return wrong(why, "is too large: out of memory");
	return result;
}
