/* SPDX-License-Identifier: MIT */
#include "alike.h"

enum { LOOKED_AT = 200 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What parts words. A dot or colon inside a word, as in an address or a time, does not. */
static bool is_gap(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == ';' || c == '(' || c == ')' ||
	       c == '[' || c == ']' || c == '{' || c == '}' || c == '<' || c == '>' || c == '=' || c == '|';
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'' || c == '`';
}

/* The length of a quotation at the beginning of the text, or 0: its mark comes again before the end. */
static size_t quotation(struct slice text)
{
	const char *end = text.len > 1 && is_quote(*text.ptr) ? memchr(text.ptr + 1, *text.ptr, text.len - 1) : NULL;
	return end ? (size_t)(end - text.ptr) + 1 : 0;
}

static size_t word_length(struct slice text)
{
	size_t len = 0;
	while (len < text.len && !is_gap(text.ptr[len]))
		len++;
	while (len > 1 && strchr(".:!?", text.ptr[len - 1])) /* they end the sentence */
		len--;
	return len;
}

static bool varies(struct slice word)
{
	for (size_t i = 0; i < word.len; i++)
		if (is_digit(word.ptr[i]) || word.ptr[i] == '@' ||
		    (i + 2 < word.len && memcmp(word.ptr + i, "://", 3) == 0))
			return true;
	return false;
}

static size_t leading_status(struct slice text)
{
	bool status = text.len > 3 && is_digit(text.ptr[0]) && is_digit(text.ptr[1]) && is_digit(text.ptr[2]) &&
		      text.ptr[3] == ':';
	return status ? 4 : 0;
}

void alike_add(struct buf *b, struct slice text)
{
	if (text.len > LOOKED_AT)
		text.len = LOOKED_AT;
	size_t at = leading_status(text);
	buf_add(b, text.ptr, at);
	while (at < text.len) {
		struct slice rest = {text.ptr + at, text.len - at};
		size_t quoted = quotation(rest), len = quoted ? quoted : word_length(rest);
		if (quoted || varies((struct slice){rest.ptr, len}))
			buf_add_text(b, "…");
		else
			buf_add(b, rest.ptr, len ? len : 1);
		at += len ? len : 1;
	}
}
