/* SPDX-License-Identifier: MIT */
#include "answer.h"

#include <stdlib.h>
#include <strings.h>

#include "decimal.h"
#include "http.h"

static const char header_prefix[] = "header:";
enum { HEADER_PREFIX = sizeof header_prefix - 1 };

/* ---- places ---- */

static bool is_header(const char *text)
{
	return strncmp(text, header_prefix, HEADER_PREFIX) == 0;
}

int answer_place_set(struct answer_place *p, char *text)
{
	*p = (struct answer_place){.text = text};
	if (!text)
		return -1;
	if (is_header(text))
		return http_is_token(slice_of(text + HEADER_PREFIX)) ? 0 : -1;
	return jtext_pointer_parse(&p->pointer, slice_of(text));
}

void answer_place_load(struct answer_place *p, struct conf_object *o, const char *key)
{
	char *text = conf_string(o, key, CONF_OPTIONAL, NULL);
	*p = (struct answer_place){.text = NULL};
	if (text && answer_place_set(p, text) < 0)
		conf_expected(o, key, "a JSON Pointer such as \"/id\", or \"header:NAME\"", NULL);
}

void answer_place_free(struct answer_place *p)
{
	jtext_pointer_free(&p->pointer);
	free(p->text);
	*p = (struct answer_place){.text = NULL};
}

struct slice answer_at(const struct answer *a, const struct answer_place *p, struct buf *scratch)
{
	if (!p->text)
		return SLICE_NONE;
	if (is_header(p->text))
		return answer_header(a->head, p->text + HEADER_PREFIX);
	uint32_t node = a->json ? jtext_at(a->json, 0, &p->pointer) : JTEXT_NOWHERE;
	buf_clear(scratch);
	if (node != JTEXT_NOWHERE && jtext_type(a->json, node) == JTEXT_NUMBER)
		return jtext_raw(a->json, node);
	if (node != JTEXT_NOWHERE && jtext_type(a->json, node) == JTEXT_STRING)
		return jtext_string(a->json, node, scratch);
	return SLICE_NONE;
}

/* ---- conditions: loading ---- */

static void load_test(struct answer_condition *c, struct conf_object *o)
{
	static const char *const keys[] = {"is", "is_not", "contains", "not_empty"};
	int found = 0;
	for (int i = 0; i < 4; i++) {
		json_t *value = conf_any(o, keys[i]);
		if (!value)
			continue;
		found++;
		c->test = (enum answer_test)i;
		json_decref(c->value);
		c->value = json_incref(value);
		bool scalar =
		    json_is_string(value) || json_is_integer(value) || json_is_boolean(value) || json_is_null(value);
		if (c->test == ANSWER_NOT_EMPTY  ? !json_is_true(value)
		    : c->test == ANSWER_CONTAINS ? json_string_length(value) == 0
						 : !scalar)
			conf_expected(o, keys[i],
				      c->test == ANSWER_NOT_EMPTY  ? "true"
				      : c->test == ANSWER_CONTAINS ? "a text"
								   : "a string, an integer, true, false or null",
				      value);
	}
	if (found != 1)
		conf_fail(o, NULL, "expected one of \"is\", \"is_not\", \"contains\", \"not_empty\"");
}

static void load_condition(struct answer_condition *c, struct conf_object *o, bool outcomes)
{
	static const char *const thens[] = {"fail", "retry", NULL};
	char *pointer = conf_string(o, "pointer", CONF_REQUIRED, NULL);
	if (pointer && jtext_pointer_parse(&c->pointer, slice_of(pointer)) < 0)
		conf_expected(o, "pointer", "a JSON Pointer such as \"/ok\"", NULL);
	free(pointer);
	load_test(c, o);
	if (outcomes)
		c->again = conf_choice(o, "then", thens, 0) == 1;
	conf_end(o);
}

void answer_conditions_load(struct answer_conditions *c, struct conf_object *o, const char *key, bool outcomes)
{
	*c = (struct answer_conditions){.list = NULL};
	json_t *json = conf_any(o, key);
	bool list = json_is_array(json);
	size_t count = list ? json_array_size(json) : 1;
	if (!json)
		return;
	c->list = calloc(count + 1, sizeof *c->list);
	if (!c->list) {
		conf_fail(o, key, "out of memory");
		return;
	}
	for (; c->count < count; c->count++) {
		struct conf_object element;
		conf_element(o, key, list ? (int)c->count : -1, list ? json_array_get(json, c->count) : json, &element);
		load_condition(&c->list[c->count], &element, outcomes);
	}
}

void answer_conditions_free(struct answer_conditions *c)
{
	for (size_t i = 0; i < c->count; i++) {
		jtext_pointer_free(&c->list[i].pointer);
		json_decref(c->list[i].value);
	}
	free(c->list);
	*c = (struct answer_conditions){.list = NULL};
}

/* ---- conditions: judging ---- */

static bool string_fits(const struct jtext *j, uint32_t node, const json_t *value, enum answer_test test)
{
	struct buf scratch = BUF_INIT;
	struct slice text = jtext_string(j, node, &scratch);
	struct slice wanted = {json_string_value(value), json_string_length(value)};
	bool fits = test == ANSWER_CONTAINS ? memmem(text.ptr, text.len, wanted.ptr, wanted.len) != NULL
					    : slice_equal(text, wanted);
	buf_free(&scratch);
	return fits;
}

static bool number_fits(struct slice number, const json_t *value)
{
	struct buf wanted = BUF_INIT;
	buf_add_int(&wanted, json_integer_value(value));
	bool fits = decimal_compare(number, buf_slice(&wanted)) == 0;
	buf_free(&wanted);
	return fits;
}

static bool is_value(const struct jtext *j, uint32_t node, const json_t *value, enum answer_test test)
{
	switch (jtext_type(j, node)) {
	case JTEXT_NULL:
		return json_is_null(value);
	case JTEXT_FALSE:
		return json_is_false(value);
	case JTEXT_TRUE:
		return json_is_true(value);
	case JTEXT_NUMBER:
		return json_is_integer(value) && number_fits(jtext_raw(j, node), value);
	case JTEXT_STRING:
		return json_is_string(value) && string_fits(j, node, value, test);
	default:
		return false;
	}
}

/* null, false, "", [] and {}. */
static bool is_empty(const struct jtext *j, uint32_t node)
{
	switch (jtext_type(j, node)) {
	case JTEXT_NULL:
	case JTEXT_FALSE:
		return true;
	case JTEXT_STRING:
		return jtext_raw(j, node).len == 2;
	case JTEXT_ARRAY:
	case JTEXT_OBJECT:
		return jtext_length(j, node) == 0;
	default:
		return false;
	}
}

static bool holds(const struct answer_condition *c, const struct jtext *j)
{
	uint32_t node = j ? jtext_at(j, 0, &c->pointer) : JTEXT_NOWHERE;
	if (node == JTEXT_NOWHERE)
		return c->test == ANSWER_IS_NOT;
	switch (c->test) {
	case ANSWER_NOT_EMPTY:
		return !is_empty(j, node);
	case ANSWER_IS_NOT:
		return !is_value(j, node, c->value, ANSWER_IS);
	default:
		return is_value(j, node, c->value, c->test);
	}
}

const struct answer_condition *answer_meets(const struct answer *a, const struct answer_conditions *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (holds(&c->list[i], a->json))
			return &c->list[i];
	return NULL;
}

/* ---- heads ---- */

struct slice answer_header(struct slice head, const char *name)
{
	size_t len = strlen(name);
	while (head.len) {
		const char *newline = memchr(head.ptr, '\n', head.len);
		size_t line = newline ? (size_t)(newline - head.ptr) : head.len;
		if (line > len && head.ptr[len] == ':' && strncasecmp(head.ptr, name, len) == 0) {
			struct slice value = {head.ptr + len + 1, line - len - 1};
			while (value.len && strchr(" \t\r", value.ptr[value.len - 1]))
				value.len--;
			while (value.len && strchr(" \t", *value.ptr)) {
				value.ptr++;
				value.len--;
			}
			return value;
		}
		size_t whole = newline ? line + 1 : line;
		head = (struct slice){head.ptr + whole, head.len - whole};
	}
	return SLICE_NONE;
}
