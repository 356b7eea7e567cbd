/* SPDX-License-Identifier: MIT */
#include "form.h"

#include <stdlib.h>

#include "http.h"
#include "jtext.h"

static bool decode(struct form *f, struct slice encoded, struct slice *decoded)
{
	size_t start = f->text.len;
	if (http_unescape(&f->text, encoded, true) < 0)
		return false;
	*decoded = (struct slice){buf_slice(&f->text).ptr + start, f->text.len - start};
	return true;
}

struct form *form_read(struct slice body, const char **why)
{
	struct form *f = calloc(1, sizeof *f);
	/* Decoded text is no longer than the encoded: with all of its room at once nothing will move. */
	if (!f || !buf_reserve(&f->text, body.len)) {
		*why = "out of memory";
		free(f);
		return NULL;
	}
	*why = NULL;
	for (struct slice rest = body, name, value; !*why && http_next_field(&rest, &name, &value);) {
		struct form_field *field = &f->fields[f->count];
		if (f->count == FORM_FIELDS)
			*why = "a form of more than 1000 fields";
		else if (!decode(f, name, &field->name) || !decode(f, value, &field->value))
			*why = "a form with a % that no two hexadecimal digits follow";
		else
			f->count++;
	}
	if (!*why)
		return f;
	form_free(f);
	return NULL;
}

void form_free(struct form *f)
{
	if (!f)
		return;
	buf_free(&f->text);
	free(f);
}

struct slice form_value(const struct form *f, struct slice name)
{
	for (size_t i = 0; i < f->count; i++)
		if (slice_equal(f->fields[i].name, name))
			return f->fields[i].value;
	return SLICE_NONE;
}

/* ---- as JSON ---- */

static bool is_first(const struct form *f, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (slice_equal(f->fields[i].name, f->fields[at].name))
			return false;
	return true;
}

static void add_values(const struct form *f, size_t first, struct buf *b)
{
	size_t start = b->len, values = 0;
	for (size_t i = first; i < f->count; i++) {
		if (!slice_equal(f->fields[i].name, f->fields[first].name))
			continue;
		buf_add_char(b, values++ ? ',' : '[');
		jtext_add_string(b, f->fields[i].value);
	}
	if (values > 1)
		buf_add_char(b, ']');
	else if (buf_ok(b))
		b->data[start] = ' '; /* one value stands alone */
}

bool form_add_json(const struct form *f, struct buf *b)
{
	bool later = false;
	if (!jtext_is_utf8(buf_slice(&f->text)))
		return false;
	buf_add_char(b, '{');
	for (size_t i = 0; i < f->count; i++) {
		if (!is_first(f, i))
			continue;
		if (later)
			buf_add_char(b, ',');
		later = true;
		jtext_add_string(b, f->fields[i].name);
		buf_add_char(b, ':');
		add_values(f, i, b);
	}
	buf_add_char(b, '}');
	return true;
}

/* ---- as Twilio signs it ---- */

static int compare_slices(struct slice a, struct slice b)
{
	size_t least = a.len < b.len ? a.len : b.len;
	int order = least ? memcmp(a.ptr, b.ptr, least) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_fields(const void *a, const void *b)
{
	const struct form_field *x = a, *y = b;
	int order = compare_slices(x->name, y->name);
	return order ? order : compare_slices(x->value, y->value);
}

void form_add_sorted(struct form *f, struct buf *b)
{
	if (f->count)
		qsort(f->fields, f->count, sizeof f->fields[0], compare_fields);
	for (size_t i = 0; i < f->count; i++) {
		if (i && compare_fields(&f->fields[i - 1], &f->fields[i]) == 0)
			continue;
		buf_add_slice(b, f->fields[i].name);
		buf_add_slice(b, f->fields[i].value);
	}
}
