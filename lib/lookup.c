/* SPDX-License-Identifier: MIT */
#include "lookup.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf.h"
#include "csv.h"

static const char json_end[] = ".lookup.json", csv_end[] = ".csv";

static int by_key(const void *a, const void *b)
{
	const struct lookup_entry *x = a, *y = b;
	size_t least = x->key.len < y->key.len ? x->key.len : y->key.len;
	int order = least ? memcmp(x->key.ptr, y->key.ptr, least) : 0;
	return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

const struct rule_value *lookup_find(const struct lookup *t, struct slice key)
{
	struct lookup_entry wanted = {.key = key};
	const struct lookup_entry *found =
	    t->count ? bsearch(&wanted, t->entries, t->count, sizeof wanted, by_key) : NULL;
	return found ? &found->value : NULL;
}

static int sort(struct lookup *t, struct jconf *c, uint32_t node)
{
	if (t->count)
		qsort(t->entries, t->count, sizeof *t->entries, by_key);
	for (size_t i = 1; i < t->count; i++)
		if (by_key(&t->entries[i - 1], &t->entries[i]) == 0)
			return jconf_fail(c, node, "\"%.*s\" stands here twice", (int)t->entries[i].key.len,
					  t->entries[i].key.ptr);
	return 0;
}

/* ---- objects ---- */

static int take_members(struct lookup *t, struct jconf *c, uint32_t object)
{
	const struct jtext *j = &c->json;
	t->entries = calloc((size_t)jtext_length(j, object) + 1, sizeof *t->entries);
	if (!t->entries)
		return jconf_fail(c, object, "out of memory");
	for (uint32_t k = jtext_first(j, object); k < jtext_end(j, object); k = jtext_next(j, k + 1)) {
		enum jtext_type type = jtext_type(j, k + 1);
		struct slice text = type == JTEXT_STRING ? jconf_string(c, k + 1) : SLICE_NONE;
		t->entries[t->count++] = (struct lookup_entry){
		    .key = jconf_string(c, k), .value = {type, jtext_raw(j, k + 1), text}, .node = k + 1};
	}
	return c->failed ? -1 : sort(t, c, object);
}

static int take_json(struct lookup *t, struct jconf *c, const char *dir, struct slice name)
{
	name.len -= strlen(".json");
	if (jconf_open(&t->file, dir, "maps", name, c->diag) < 0 || take_members(t, &t->file, 0) < 0) {
		c->failed = true;
		return -1;
	}
	return 0;
}

/* ---- CSV ---- */

static int read_csv(struct jconf *c, uint32_t node, const char *dir, struct slice name, struct buf *bytes)
{
	char path[600];
	char chunk[16384];
	if (name.len > 200)
		return jconf_expected(c, node, "a shorter name");
	snprintf(path, sizeof path, "%.380s/maps/%.*s", dir, (int)name.len, name.ptr);
	FILE *file = fopen(path, "re");
	if (!file)
		return jconf_fail(c, node, "%s: no such lookup file", path);
	for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
		buf_add(bytes, chunk, got);
	bool failed = ferror(file) || !buf_ok(bytes);
	fclose(file);
	if (failed)
		return jconf_fail(c, node, "%s: cannot be read", path);
	return jtext_is_utf8(buf_slice(bytes)) ? 0 : jconf_fail(c, node, "%s: is not UTF-8", path);
}

static const char *field(const struct buf *row, int number)
{
	const char *at = row->data;
	while (number-- > 0)
		at += strlen(at) + 1;
	return at;
}

static int find_column(const struct buf *row, int count, struct slice column)
{
	if (!column.ptr)
		return 1;
	for (int i = 1; i < count; i++)
		if (slice_is(column, field(row, i)))
			return i;
	return -1;
}

static bool add_entry(struct lookup *t, const char *key, const char *value, size_t line)
{
	struct lookup_entry *grown = realloc(t->entries, (t->count + 1) * sizeof *grown);
	if (!grown)
		return false;
	t->entries = grown;
	/* t->text moves while it grows: point_entries tells them where in it they are. */
	buf_add(&t->text, key, strlen(key));
	buf_add(&t->text, value, strlen(value));
	grown[t->count++] = (struct lookup_entry){.key = {NULL, strlen(key)},
						  .value = {JTEXT_STRING, SLICE_NONE, {NULL, strlen(value)}},
						  .node = (uint32_t)line};
	return buf_ok(&t->text);
}

static void point_entries(struct lookup *t)
{
	const char *at = t->text.data;
	for (size_t i = 0; i < t->count; i++) {
		t->entries[i].key.ptr = at;
		t->entries[i].value.text.ptr = at + t->entries[i].key.len;
		at += t->entries[i].key.len + t->entries[i].value.text.len;
	}
}

static int take_rows(struct lookup *t, struct jconf *c, uint32_t node, struct slice text, struct slice column)
{
	struct csv csv;
	struct buf row = BUF_INIT;
	const char *why = "the first line must name two columns or more";
	csv_open(&csv, text);
	int columns = csv_row(&csv, &row, &why);
	int wanted = columns > 1 ? find_column(&row, columns, column) : -1;
	if (columns > 1 && wanted < 0)
		why = "the first line names no such column";
	int count = wanted < 0 ? -1 : columns;
	while (count == columns) {
		buf_clear(&row);
		count = csv_row(&csv, &row, &why);
		if (count > 0 && count != columns)
			why = "another number of fields than in the first line";
		else if (count > 0 && !add_entry(t, field(&row, 0), field(&row, wanted), csv.line)) {
			why = "out of memory";
			count = -1;
		}
	}
	buf_free(&row);
	return count == 0 ? 0 : jconf_fail(c, node, "line %zu of the file: %s", csv.line ? csv.line : 1, why);
}

static int take_csv(struct lookup *t, struct jconf *c, uint32_t node, const char *dir, struct slice name,
		    struct slice column)
{
	struct buf bytes = BUF_INIT;
	t->csv = true;
	int result = read_csv(c, node, dir, name, &bytes);
	if (result == 0)
		result = take_rows(t, c, node, buf_slice(&bytes), column);
	buf_free(&bytes);
	if (result < 0)
		return -1;
	point_entries(t);
	return sort(t, c, node);
}

/* ---- */

static bool ends_with(struct slice text, const char *end)
{
	size_t len = strlen(end);
	return text.len > len && memcmp(text.ptr + text.len - len, end, len) == 0;
}

bool lookup_is_file(struct slice name)
{
	return ends_with(name, ".lookup");
}

int lookup_load(struct lookup *t, struct jconf *c, uint32_t node, const char *dir, struct slice column)
{
	*t = (struct lookup){.count = 0};
	enum jtext_type type = jtext_type(&c->json, node);
	if (type != JTEXT_STRING && type != JTEXT_OBJECT)
		return jconf_expected(c, node, "an object, or the name of a file");
	struct slice name = type == JTEXT_STRING ? jconf_string(c, node) : SLICE_NONE;
	bool csv = name.ptr && ends_with(name, csv_end);
	if (column.ptr && !csv)
		return jconf_fail(c, node, "\"column\" goes with a CSV file only");
	if (!name.ptr)
		return c->failed ? -1 : take_members(t, c, node);
	if (!conf_is_name(name) || (!csv && !ends_with(name, json_end)))
		return jconf_expected(c, node, "an object, or a file beside the map: NAME.csv or NAME.lookup.json");
	return csv ? take_csv(t, c, node, dir, name, column) : take_json(t, c, dir, name);
}

void lookup_free(struct lookup *t)
{
	free(t->entries);
	jconf_close(&t->file);
	buf_free(&t->text);
	*t = (struct lookup){.count = 0};
}
