/* SPDX-License-Identifier: MIT */
#include "format.h"

#include <ctype.h>

#include "clock.h"

static const char *const names[] = {"", "email", "uri", "date", "date-time", "uuid"};
enum { NAMES = sizeof names / sizeof names[0] };

const char *format_name(enum format format)
{
	return names[format];
}

enum format format_named(struct slice name)
{
	for (int i = 1; i < NAMES; i++)
		if (slice_is(name, names[i]))
			return (enum format)i;
	return FORMAT_NONE;
}

static bool is_alnum(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80; /* the locale is C: letters are ASCII's */
}

/* Atoms with single dots between them: RFC 5321 section 4.1.2, Dot-string. */
static bool is_mailbox(struct slice text)
{
	bool after_dot = true;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '.' ? after_dot : !is_alnum(c) && (c == '\0' || !strchr("!#$%&'*+-/=?^_`{|}~", c)))
			return false;
		after_dot = c == '.';
	}
	return text.len <= 64 && !after_dot;
}

static bool is_label(struct slice text)
{
	if (text.len == 0 || text.len > 63 || text.ptr[0] == '-' || text.ptr[text.len - 1] == '-')
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!is_alnum(text.ptr[i]) && text.ptr[i] != '-')
			return false;
	return true;
}

/* Two labels or more. */
static bool is_domain(struct slice text)
{
	const char *end = text.ptr + text.len, *at = text.ptr;
	int labels = 0;
	for (const char *stop; at <= end; at = stop + 1, labels++) {
		const char *dot = memchr(at, '.', (size_t)(end - at));
		stop = dot ? dot : end;
		if (!is_label((struct slice){at, (size_t)(stop - at)}))
			return false;
	}
	return text.len <= 253 && labels >= 2;
}

static bool is_email(struct slice text)
{
	const char *at = memchr(text.ptr, '@', text.len);
	if (!at)
		return false;
	size_t before = (size_t)(at - text.ptr);
	return is_mailbox((struct slice){text.ptr, before}) && is_domain((struct slice){at + 1, text.len - before - 1});
}

static bool is_uri_byte(struct slice text, size_t i)
{
	char c = text.ptr[i];
	if (c == '%')
		return i + 2 < text.len && isxdigit((unsigned char)text.ptr[i + 1]) &&
		       isxdigit((unsigned char)text.ptr[i + 2]);
	return isalnum((unsigned char)c) || (c && strchr("-._~:/?#[]@!$&'()*+,;=", c));
}

static bool is_uri(struct slice text)
{
	const char *colon = memchr(text.ptr, ':', text.len);
	if (!colon || !isalpha((unsigned char)text.ptr[0]))
		return false;
	for (const char *c = text.ptr; c < colon; c++)
		if (!isalnum((unsigned char)*c) && !strchr("+-.", *c))
			return false;
	size_t i = (size_t)(colon - text.ptr) + 1;
	if (i == text.len)
		return false;
	while (i < text.len && is_uri_byte(text, i))
		i++;
	return i == text.len;
}

static bool is_date(struct slice text)
{
	char whole[] = "yyyy-mm-ddT00:00:00Z";
	int64_t at;
	if (text.len != 10)
		return false;
	memcpy(whole, text.ptr, text.len);
	return clock_parse(SLICE(whole), &at) == 0;
}

static bool is_uuid(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? text.ptr[i] != '-' : !isxdigit((unsigned char)text.ptr[i]))
			return false;
	}
	return text.len == 36;
}

bool format_fits(enum format format, struct slice text)
{
	int64_t at;
	switch (format) {
	case FORMAT_EMAIL:
		return is_email(text);
	case FORMAT_URI:
		return text.len && is_uri(text);
	case FORMAT_DATE:
		return is_date(text);
	case FORMAT_DATE_TIME:
		return clock_parse(text, &at) == 0;
	case FORMAT_UUID:
		return is_uuid(text);
	default:
		return true;
	}
}
