/* SPDX-License-Identifier: MIT */
#include "compare.h"

#include <stdlib.h>

enum { CONTEXT = 3, LINES_MOST = 4000 };

void compare_side_set(struct compare_side *s, struct slice text)
{
	struct jtext_error error;
	s->text = text.ptr ? text : SLICE("");
	s->is_json = jtext_parse(&s->json, s->text, &error) == 0;
}

void compare_side_free(struct compare_side *s)
{
	jtext_free(&s->json);
	buf_free(&s->laid);
}

/* ---- changes ---- */

struct changes {
	struct buf *out;
	struct buf path;
	size_t count;
	const struct jtext *a, *b;
};

/* The value as it stands; JTEXT_NOWHERE: there is none. */
static void add_side(struct buf *out, const char *name, const struct jtext *j, uint32_t node)
{
	if (node == JTEXT_NOWHERE)
		return;
	buf_printf(out, ",\"%s\":", name);
	jtext_add_one_line(out, jtext_raw(j, node));
}

static void add_change(struct changes *c, uint32_t from, uint32_t to)
{
	const char *op = from == JTEXT_NOWHERE ? "add" : to == JTEXT_NOWHERE ? "remove" : "replace";
	buf_printf(c->out, "%s{\"op\":\"%s\",\"path\":", c->count++ ? "," : "", op);
	jtext_add_string(c->out, buf_slice(&c->path));
	add_side(c->out, "from", c->a, from);
	add_side(c->out, "to", c->b, to);
	buf_add_char(c->out, '}');
}

static bool same_scalar(const struct changes *c, uint32_t from, uint32_t to)
{
	if (jtext_type(c->a, from) != JTEXT_STRING)
		return slice_equal(jtext_raw(c->a, from), jtext_raw(c->b, to));
	struct buf x = BUF_INIT, y = BUF_INIT;
	bool same = slice_equal(jtext_string(c->a, from, &x), jtext_string(c->b, to, &y));
	buf_free(&x);
	buf_free(&y);
	return same;
}

static void compare(struct changes *c, uint32_t from, uint32_t to);

static void compare_at(struct changes *c, struct slice name, uint32_t from, uint32_t to)
{
	size_t here = c->path.len;
	jtext_pointer_add(&c->path, name);
	if (from == JTEXT_NOWHERE || to == JTEXT_NOWHERE)
		add_change(c, from, to);
	else
		compare(c, from, to);
	c->path.len = here;
}

static void compare_objects(struct changes *c, uint32_t from, uint32_t to)
{
	struct buf text = BUF_INIT;
	for (uint32_t k = jtext_first(c->a, from); k < jtext_end(c->a, from); k = jtext_next(c->a, k + 1)) {
		buf_clear(&text);
		struct slice name = jtext_string(c->a, k, &text);
		if (jtext_member(c->a, from, name) == k + 1)
			compare_at(c, name, k + 1, jtext_member(c->b, to, name));
	}
	for (uint32_t k = jtext_first(c->b, to); k < jtext_end(c->b, to); k = jtext_next(c->b, k + 1)) {
		buf_clear(&text);
		struct slice name = jtext_string(c->b, k, &text);
		if (jtext_member(c->b, to, name) == k + 1 && jtext_member(c->a, from, name) == JTEXT_NOWHERE)
			compare_at(c, name, JTEXT_NOWHERE, k + 1);
	}
	buf_free(&text);
}

static void compare_arrays(struct changes *c, uint32_t from, uint32_t to)
{
	uint32_t n = jtext_first(c->a, from), m = jtext_first(c->b, to);
	struct buf name = BUF_INIT;
	for (int64_t i = 0; n < jtext_end(c->a, from) || m < jtext_end(c->b, to); i++) {
		bool has_n = n < jtext_end(c->a, from), has_m = m < jtext_end(c->b, to);
		buf_clear(&name);
		buf_add_int(&name, i);
		compare_at(c, buf_slice(&name), has_n ? n : JTEXT_NOWHERE, has_m ? m : JTEXT_NOWHERE);
		n = has_n ? jtext_next(c->a, n) : n;
		m = has_m ? jtext_next(c->b, m) : m;
	}
	buf_free(&name);
}

static void compare(struct changes *c, uint32_t from, uint32_t to)
{
	enum jtext_type type = jtext_type(c->a, from);
	bool same_type = type == jtext_type(c->b, to);
	if (same_type && type == JTEXT_OBJECT)
		compare_objects(c, from, to);
	else if (same_type && type == JTEXT_ARRAY)
		compare_arrays(c, from, to);
	else if (!same_type || !same_scalar(c, from, to))
		add_change(c, from, to);
}

static void add_text_change(struct changes *c, struct slice from, struct slice to)
{
	if (slice_equal(from, to))
		return;
	c->count++;
	buf_add_text(c->out, "{\"op\":\"replace\",\"path\":\"\",\"from\":");
	jtext_add_string(c->out, from);
	buf_add_text(c->out, ",\"to\":");
	jtext_add_string(c->out, to);
	buf_add_char(c->out, '}');
}

size_t compare_changes(struct buf *b, const struct compare_side *from, const struct compare_side *to)
{
	struct changes c = {.out = b, .path = BUF_INIT, .a = &from->json, .b = &to->json};
	buf_add_char(b, '[');
	if (from->is_json && to->is_json)
		compare(&c, 0, 0);
	else
		add_text_change(&c, from->text, to->text);
	buf_add_char(b, ']');
	buf_free(&c.path);
	return c.count;
}

/* ---- laid out ---- */

static void indent(struct buf *b, int depth)
{
	for (; depth > 0; depth--)
		buf_add_text(b, "  ");
}

static void lay_out(struct buf *b, const struct jtext *j, uint32_t node, int depth)
{
	bool object = jtext_type(j, node) == JTEXT_OBJECT;
	if (jtext_type(j, node) < JTEXT_ARRAY || jtext_length(j, node) == 0) {
		jtext_add_one_line(b, jtext_raw(j, node));
		return;
	}
	buf_add_text(b, object ? "{\n" : "[\n");
	for (uint32_t n = jtext_first(j, node); n < jtext_end(j, node);) {
		indent(b, depth + 1);
		if (object) {
			buf_add_slice(b, jtext_raw(j, n++));
			buf_add_text(b, ": ");
		}
		lay_out(b, j, n, depth + 1);
		n = jtext_next(j, n);
		buf_add_text(b, n < jtext_end(j, node) ? ",\n" : "\n");
	}
	indent(b, depth);
	buf_add_char(b, object ? '}' : ']');
}

struct lines_of {
	struct slice *at;
	size_t count;
};

static struct lines_of take_lines(struct compare_side *s)
{
	struct lines_of lines = {NULL, 0};
	buf_clear(&s->laid);
	if (s->is_json)
		lay_out(&s->laid, &s->json, 0, 0);
	else
		buf_add_slice(&s->laid, s->text);
	size_t most = 1;
	for (size_t i = 0; i < s->laid.len; i++)
		most += s->laid.data[i] == '\n';
	lines.at = calloc(most, sizeof *lines.at);
	const char *at = s->laid.data, *end = at + s->laid.len;
	while (lines.at && at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop ? stop : end;
		lines.at[lines.count++] = (struct slice){at, (size_t)(stop - at)};
		at = stop + (stop < end);
	}
	return lines;
}

/* ---- unified ---- */

enum { BOTH = ' ', OLD = '-', NEW = '+' };

/* One letter for each line of the result. The longest common lines, by the textbook's table; beyond LINES_MOST on a side all are replaced. NULL: out of memory. */
static char *find_edits(const struct lines_of *a, const struct lines_of *b, size_t *count)
{
	size_t n = a->count, m = b->count, width = m + 1;
	bool small = n <= LINES_MOST && m <= LINES_MOST;
	uint16_t *longest = small ? calloc((n + 1) * width, sizeof *longest) : NULL;
	char *edits = malloc(n + m + 1);
	for (size_t i = longest ? n : 0; i-- > 0;)
		for (size_t k = m; k-- > 0;) {
			uint16_t down = longest[(i + 1) * width + k], right = longest[i * width + k + 1];
			longest[i * width + k] = slice_equal(a->at[i], b->at[k])
						     ? (uint16_t)(longest[(i + 1) * width + k + 1] + 1)
						 : down > right ? down
								: right;
		}
	*count = 0;
	for (size_t i = 0, k = 0; edits && (i < n || k < m);) {
		bool both = longest && i < n && k < m && slice_equal(a->at[i], b->at[k]);
		bool old = i < n && (k == m || !longest || longest[(i + 1) * width + k] >= longest[i * width + k + 1]);
		edits[(*count)++] = (char)(both ? BOTH : old ? OLD : NEW);
		i += both || old;
		k += both || !old;
	}
	free(longest);
	return edits;
}

/* Where the hunk that begins at `from` ends: more than twice the context without a change, or all. */
static size_t hunk_end(const char *edits, size_t count, size_t from)
{
	size_t last = from;
	for (size_t i = from; i < count && i <= last + 2 * CONTEXT; i++)
		if (edits[i] != BOTH)
			last = i;
	return last + 1 + CONTEXT < count ? last + 1 + CONTEXT : count;
}

static void add_hunk(struct buf *out, const char *edits, size_t from, size_t to, struct slice *a, struct slice *b,
		     const size_t line[2])
{
	size_t counts[2] = {0, 0};
	for (size_t i = from; i < to; i++) {
		counts[0] += edits[i] != NEW;
		counts[1] += edits[i] != OLD;
	}
	buf_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n", line[0] + (counts[0] > 0), counts[0], line[1] + (counts[1] > 0),
		   counts[1]);
	for (size_t i = from; i < to; i++) {
		buf_add_char(out, edits[i]);
		buf_add_slice(out, edits[i] == NEW ? *b : *a);
		buf_add_char(out, '\n');
		a += edits[i] != NEW;
		b += edits[i] != OLD;
	}
}

void compare_unified(struct buf *out, struct compare_side *from, struct compare_side *to)
{
	struct lines_of a = take_lines(from), b = take_lines(to);
	size_t count, line[2] = {0, 0};
	char *edits = find_edits(&a, &b, &count);
	out->failed |= !edits || !a.at || !b.at;
	for (size_t i = 0; !out->failed && i < count;) {
		size_t change = i;
		while (change < count && edits[change] == BOTH)
			change++;
		size_t begin = change > i + CONTEXT ? change - CONTEXT : i;
		line[0] += begin - i;
		line[1] += begin - i;
		if (change == count)
			break;
		size_t end = hunk_end(edits, count, change);
		add_hunk(out, edits, begin, end, a.at + line[0], b.at + line[1], line);
		for (i = begin; i < end; i++) {
			line[0] += edits[i] != NEW;
			line[1] += edits[i] != OLD;
		}
	}
	free(edits);
	free(a.at);
	free(b.at);
}
