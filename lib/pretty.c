/* SPDX-License-Identifier: MIT */
#include "pretty.h"

#include "jtext.h"

enum { INDENT = 2 };

static void new_line(struct buf *b, int depth)
{
	static const char blanks[] = "                ";
	buf_add_char(b, '\n');
	for (int left = depth * INDENT; left > 0; left -= (int)sizeof blanks - 1)
		buf_add(b, blanks, (size_t)left < sizeof blanks - 1 ? (size_t)left : sizeof blanks - 1);
}

static struct slice text_of(const struct jtext *j, uint32_t node)
{
	return (struct slice){j->text.ptr + j->nodes[node].start, j->nodes[node].end - j->nodes[node].start};
}

/* As deep as the parser lets it be: JTEXT_DEPTH. */
static void add_value(struct buf *b, const struct jtext *j, uint32_t node, int depth)
{
	enum jtext_type type = jtext_type(j, node);
	bool object = type == JTEXT_OBJECT;
	uint32_t first = jtext_first(j, node), end = jtext_end(j, node);
	if ((type != JTEXT_ARRAY && !object) || first == end) {
		buf_add_slice(b, type == JTEXT_ARRAY ? SLICE("[]") : object ? SLICE("{}") : text_of(j, node));
		return;
	}
	buf_add_char(b, object ? '{' : '[');
	for (uint32_t at = first; at < end; at = jtext_next(j, object ? at + 1 : at)) {
		if (at != first)
			buf_add_char(b, ',');
		new_line(b, depth + 1);
		if (object) {
			buf_add_slice(b, text_of(j, at));
			buf_add_text(b, ": ");
		}
		add_value(b, j, object ? at + 1 : at, depth + 1);
	}
	new_line(b, depth);
	buf_add_char(b, object ? '}' : ']');
}

bool pretty_add(struct buf *b, struct slice text)
{
	struct jtext j = JTEXT_INIT;
	struct jtext_error error;
	bool is_json = jtext_parse(&j, text, &error) == 0;
	if (is_json) {
		add_value(b, &j, 0, 0);
		buf_add_char(b, '\n');
	}
	jtext_free(&j);
	return is_json;
}
