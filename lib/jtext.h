/* SPDX-License-Identifier: MIT */
/* jtext: JSON (RFC 8259) as validated slices of the text it came as. Parsing checks the whole text once
 * (grammar, UTF-8, depth) and notes where each value stands; nothing is converted, so a number or a string
 * that is passed on is, byte for byte, what arrived. One `struct jtext` is reused for text after text. */
#ifndef EVT_JTEXT_H
#define EVT_JTEXT_H

#include <stdint.h>

#include "buf.h"

enum { JTEXT_DEPTH = 128 };      /* deeper nesting is refused */
#define JTEXT_NOWHERE UINT32_MAX /* "there is no such value" */

enum jtext_type { JTEXT_NULL, JTEXT_FALSE, JTEXT_TRUE, JTEXT_NUMBER, JTEXT_STRING, JTEXT_ARRAY, JTEXT_OBJECT };

struct jtext_node {
	uint32_t start, end; /* the value's own text, quotes and brackets included: text[start, end) */
	uint32_t skip;       /* the node after this one and all it holds */
	uint8_t type;        /* enum jtext_type */
	bool escaped;        /* a string that holds a backslash */
};

/* Nodes stand in the order of the text. An object's children alternate: key (a string), value, key, value.
 *   for (uint32_t n = jtext_first(j, array); n < jtext_end(j, array); n = jtext_next(j, n)) ...
 *   for (uint32_t k = jtext_first(j, object); k < jtext_end(j, object); k = jtext_next(j, k + 1)) ... value is k + 1 */
struct jtext {
	struct slice text; /* borrowed: must outlive every use of the nodes */
	struct jtext_node *nodes;
	uint32_t count, cap;
	uint32_t deepest; /* how many containers stand in one another: 0 for a scalar, 1 for [1] */
};

#define JTEXT_INIT ((struct jtext){{NULL, 0}, NULL, 0, 0, 0})
void jtext_free(struct jtext *j);

struct jtext_error {
	size_t offset;      /* of the byte that is wrong */
	const char *reason; /* a literal: "expected a value", "invalid UTF-8", "nested too deep", "out of memory" … */
};

/* Exactly one JSON value, white space around it allowed; node 0 is the root. 0, or -1 with *error. A text
 * of 4 GiB or more is refused. */
int jtext_parse(struct jtext *j, struct slice text, struct jtext_error *error);

static inline uint32_t jtext_first(const struct jtext *j, uint32_t container)
{
	(void)j;
	return container + 1;
}
static inline uint32_t jtext_end(const struct jtext *j, uint32_t container)
{
	return j->nodes[container].skip;
}
static inline uint32_t jtext_next(const struct jtext *j, uint32_t node)
{
	return j->nodes[node].skip;
}
static inline enum jtext_type jtext_type(const struct jtext *j, uint32_t node)
{
	return (enum jtext_type)j->nodes[node].type;
}
/* The value's own text. */
static inline struct slice jtext_raw(const struct jtext *j, uint32_t node)
{
	return (struct slice){j->text.ptr + j->nodes[node].start, j->nodes[node].end - j->nodes[node].start};
}

const char *jtext_type_name(enum jtext_type type); /* "null" "boolean" "number" "string" "array" "object" */
uint32_t jtext_length(const struct jtext *j, uint32_t container); /* elements, or members */

/* The member's value, or JTEXT_NOWHERE. Of members with the same name the last counts, as in most readers. */
uint32_t jtext_member(const struct jtext *j, uint32_t object, struct slice name);

/* A string's text. Without escapes it is a slice of the input; else it is decoded onto the end of `scratch`
 * (RFC 8259 section 7; \u0000 becomes a NUL byte, a lone surrogate U+FFFD). `scratch` may move as it grows,
 * unless its owner has reserved the length of the whole text, which every decoding of it fits into. */
struct slice jtext_decode(const struct jtext *j, uint32_t node, struct buf *scratch); /* of one with escapes */
static inline struct slice jtext_string(const struct jtext *j, uint32_t node, struct buf *scratch)
{
	const struct jtext_node *n = &j->nodes[node];
	return n->escaped ? jtext_decode(j, node, scratch)
			  : (struct slice){j->text.ptr + n->start + 1, n->end - n->start - 2};
}

/* False for a string with half of a surrogate pair in it: decoded, it would be the same as others. */
bool jtext_is_whole(const struct jtext *j, uint32_t node);

/* JSON Pointer, RFC 6901. */
struct jtext_pointer {
	struct slice *names; /* decoded reference tokens */
	size_t count;
	char *storage;
};
int jtext_pointer_parse(struct jtext_pointer *p, struct slice text); /* "" or "/a/b~1c/0"; 0, or -1 when it is none */
void jtext_pointer_free(struct jtext_pointer *p);
void jtext_pointer_add(struct buf *b, struct slice name); /* "/name", with ~ and / in it as ~0 and ~1 */
uint32_t jtext_at(const struct jtext *j, uint32_t node, const struct jtext_pointer *p); /* or JTEXT_NOWHERE */

/* Writing: a text, quoted, with control characters, " and \ escaped, and U+FFFD for bytes that are not UTF-8; a valid
 * JSON text, with its line breaks (which can only be white space) made blanks. */
void jtext_add_string(struct buf *b, struct slice text);
void jtext_add_one_line(struct buf *b, struct slice raw);

bool jtext_is_number(struct slice text); /* the whole text is one JSON number */
bool jtext_is_utf8(struct slice text);   /* well-formed UTF-8, RFC 3629 */

#endif
