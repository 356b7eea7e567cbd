/* SPDX-License-Identifier: MIT */
#include "event.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "base64.h"
#include "clock.h"

/* 9999-12-31T23:59:59.999Z: an offset could carry a time past what RFC 3339 can write. */
#define RECORDED_LATEST INT64_C(253402300799999)

void event_parser_free(struct event_parser *p)
{
	jtext_free(&p->json);
	buf_free(&p->text);
}

/* The length of the control character at `at`, or 0: C0, DEL and C1 (U+0080 to U+009F), as CloudEvents 1.0 section 3.1 has it. */
static size_t control_at(struct slice text, size_t at)
{
	unsigned char c = (unsigned char)text.ptr[at];
	if (c < 0x20 || c == 0x7f)
		return 1;
	return c == 0xc2 && at + 1 < text.len && (unsigned char)text.ptr[at + 1] < 0xa0 ? 2 : 0;
}

static bool has_controls(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (control_at(text, i))
			return true;
	return false;
}

bool event_is_name(struct slice text)
{
	return text.len && text.len <= EVENT_NAME_LIMIT && jtext_is_utf8(text) && !has_controls(text);
}

/* ---- reading ---- */

enum kind { VERSION, NAME, TIME, RECORDED, TEXT, MODE, REASON, ATTEMPT, CLAIM, RAW, DATA, DATA_BASE64 };

static const struct attribute {
	const char *name;
	size_t len;
	enum kind kind;
	size_t field; /* where in struct event, for those that are a slice */
} attributes[] = {
#define ATTRIBUTE(name, kind, field)                                                                                   \
	{                                                                                                              \
		name, sizeof(name) - 1, kind, offsetof(struct event, field)                                            \
	}
    [EVENT_SPECVERSION] = ATTRIBUTE("specversion", VERSION, id),
    [EVENT_ID] = ATTRIBUTE("id", NAME, id),
    [EVENT_SOURCE] = ATTRIBUTE("source", NAME, source),
    [EVENT_TYPE] = ATTRIBUTE("type", NAME, type),
    [EVENT_SUBJECT] = ATTRIBUTE("subject", NAME, subject),
    [EVENT_TIME] = ATTRIBUTE("time", TIME, time),
    [EVENT_RECORDEDTIME] = ATTRIBUTE("recordedtime", RECORDED, recorded_at),
    [EVENT_DATACONTENTTYPE] = ATTRIBUTE("datacontenttype", TEXT, content_type),
    [EVENT_EVTDESTINATION] = ATTRIBUTE("evtdestination", NAME, destination),
    [EVENT_EVTATTEMPT] = ATTRIBUTE("evtattempt", ATTEMPT, attempt),
    [EVENT_EVTCLAIM] = ATTRIBUTE("evtclaim", CLAIM, claim),
    [EVENT_EVTMAP] = ATTRIBUTE("evtmap", NAME, map),
    [EVENT_EVTMODE] = ATTRIBUTE("evtmode", MODE, mode),
    [EVENT_EVTSKIP] = ATTRIBUTE("evtskip", REASON, skip),
    [EVENT_EVTERROR] = ATTRIBUTE("evterror", REASON, error),
    [EVENT_EVTRAW] = ATTRIBUTE("evtraw", RAW, raw),
    [EVENT_DATA_BASE64] = ATTRIBUTE("data_base64", DATA_BASE64, data),
    [EVENT_DATA] = ATTRIBUTE("data", DATA, data),
#undef ATTRIBUTE
};
enum { ATTRIBUTES = sizeof attributes / sizeof attributes[0] };

/* The attribute of that name, or NULL. Most lines have them in our order: the search begins at `guess`. */
static const struct attribute *find_attribute(struct slice name, const struct attribute *guess)
{
	for (int i = 0; i < ATTRIBUTES; i++, guess++) {
		if (guess == attributes + ATTRIBUTES)
			guess = attributes;
		if (guess->len == name.len && slice_same_bytes(guess->name, name.ptr, name.len))
			return guess;
	}
	return NULL;
}

static int wrong(struct diag *d, const struct attribute *a, const char *expected)
{
	return diag_fail(d, DIAG_DATA, "attribute '%s': expected %s", a->name, expected);
}

static bool is_blank(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] != ' ')
			return false;
	return true;
}

/* Reasons are people's text: control characters in them become blanks instead of costing the line. The history is never left without
 * words. */
static struct slice take_reason(struct event_parser *p, uint32_t node, const struct attribute *a)
{
	size_t from = p->text.len;
	struct slice text = jtext_string(&p->json, node, &p->text);
	if (p->text.len == from)
		buf_add_slice(&p->text, text);
	if (!buf_ok(&p->text))
		return SLICE_NONE;
	char *copy = p->text.data + from;
	text = (struct slice){copy, text.len};
	for (size_t i = 0; i < text.len; i++)
		memset(copy + i, ' ', control_at(text, i));
	if (is_blank(text))
		return a == &attributes[EVENT_EVTSKIP] ? SLICE("no reason was given: evtskip is empty")
						       : SLICE("no reason was given: evterror is empty");
	return text;
}

/* A JSON integer from 0 to `most`, written plainly. */
static int take_count(struct slice raw, int64_t most, int64_t *count)
{
	int64_t value = 0;
	for (size_t i = 0; i < raw.len; i++) {
		int digit = raw.ptr[i] - '0';
		if (digit < 0 || digit > 9 || value > (most - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	*count = value;
	return 0;
}

static int take_version(struct event_parser *p, uint32_t node, const struct attribute *a, struct diag *d)
{
	return slice_is(jtext_raw(&p->json, node), "\"1.0\"") ? 0 : wrong(d, a, "\"1.0\"");
}

static int take_number(struct event_parser *p, uint32_t node, const struct attribute *a, struct event *e,
		       struct diag *d)
{
	int64_t count;
	if (take_count(jtext_raw(&p->json, node), a->kind == ATTEMPT ? INT_MAX : INT64_MAX, &count) < 0)
		return wrong(d, a, "an integer, 0 or more");
	if (a->kind == ATTEMPT)
		e->attempt = (int)count;
	else
		e->claim = count;
	return 0;
}

static int check_text(const struct attribute *a, struct slice text, struct event *e, struct diag *d)
{
	int64_t at;
	switch (a->kind) {
	case NAME:
		if (text.len == 0 || text.len > EVENT_NAME_LIMIT)
			return diag_fail(d, DIAG_DATA, "attribute '%s': expected 1 to %d bytes, not %zu", a->name,
					 EVENT_NAME_LIMIT, text.len);
		return has_controls(text) ? wrong(d, a, "no control characters") : 0;
	case TIME:
		return clock_parse(text, &at) < 0 ? wrong(d, a, "an RFC 3339 time") : 0;
	case RECORDED:
		if (clock_parse(text, &e->recorded_at) < 0 || e->recorded_at < 0 || e->recorded_at > RECORDED_LATEST)
			return wrong(d, a, "an RFC 3339 time");
		return 0;
	case MODE:
		return slice_is(text, "binary") ? 0 : wrong(d, a, "\"binary\"");
	case TEXT:
		return has_controls(text) ? wrong(d, a, "no control characters") : 0;
	default:
		return 0;
	}
}

static int take_text(struct event_parser *p, uint32_t node, const struct attribute *a, struct event *e, struct diag *d)
{
	if (jtext_type(&p->json, node) != JTEXT_STRING)
		return wrong(d, a, "a string");
	if (a->kind != REASON && p->json.nodes[node].escaped && !jtext_is_whole(&p->json, node))
		return wrong(d, a, "whole surrogate pairs");
	struct slice text = a->kind == REASON ? take_reason(p, node, a) : jtext_string(&p->json, node, &p->text);
	if (!text.ptr)
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	if (check_text(a, text, e, d) < 0)
		return -1;
	if (a->kind != RECORDED)
		*(struct slice *)(void *)((char *)e + a->field) = text;
	return 0;
}

static int take_bytes(struct event_parser *p, uint32_t node, const struct attribute *a, struct event *e, struct diag *d)
{
	if (jtext_type(&p->json, node) != JTEXT_STRING)
		return wrong(d, a, "a string");
	struct buf spelled = BUF_INIT; /* only for base64 written with escapes, such as "\/" */
	struct slice text = jtext_string(&p->json, node, &spelled);
	size_t from = p->text.len;
	int result = base64_add_decoded(&p->text, text);
	buf_free(&spelled);
	if (result < 0)
		return wrong(d, a, "base64 with padding");
	e->data = (struct slice){p->text.data + from, p->text.len - from};
	return 0;
}

static int take_body(struct event_parser *p, uint32_t node, const struct attribute *a, struct event *e, struct diag *d)
{
	enum event_body body = a->kind == DATA ? EVENT_JSON : EVENT_BYTES;
	if (e->body != EVENT_NONE && e->body != body)
		return diag_fail(d, DIAG_DATA, "both data and data_base64");
	e->body = body;
	if (body == EVENT_BYTES)
		return take_bytes(p, node, a, e, d);
	e->data = jtext_raw(&p->json, node);
	return 0;
}

/* CloudEvents JSON format 1.0.2 section 2.2: an attribute that is null is one that is not there. */
static int take_attribute(struct event_parser *p, uint32_t node, const struct attribute *a, struct event *e,
			  struct diag *d)
{
	if (jtext_type(&p->json, node) == JTEXT_NULL && a->kind != DATA)
		return a->kind == VERSION ? take_version(p, node, a, d) : 0;
	switch (a->kind) {
	case VERSION:
		return take_version(p, node, a, d);
	case ATTEMPT:
	case CLAIM:
		return take_number(p, node, a, e, d);
	case RAW:
		e->raw = jtext_raw(&p->json, node);
		return 0;
	case DATA:
	case DATA_BASE64:
		return take_body(p, node, a, e, d);
	default:
		return take_text(p, node, a, e, d);
	}
}

/* A walk over the line's members. */
struct members {
	struct event_parser *p;
	uint32_t key, end; /* the value is key + 1 */
	const struct attribute *attribute, *guess;
};

/* Names of attributes have at most 15 bytes; one written with escapes is looked at decoded all the same. */
static void look_at_name(struct members *m)
{
	struct event_parser *p = m->p;
	if (m->key >= m->end)
		return;
	size_t from = p->text.len;
	m->attribute = find_attribute(jtext_string(&p->json, m->key, &p->text), m->guess);
	p->text.len = from;
	if (m->attribute)
		m->guess = m->attribute + 1;
}

static struct members members_first(struct event_parser *p)
{
	struct members m = {
	    .p = p, .key = jtext_first(&p->json, 0), .end = jtext_end(&p->json, 0), .guess = attributes};
	look_at_name(&m);
	return m;
}

static void members_next(struct members *m)
{
	m->key = jtext_next(&m->p->json, m->key + 1);
	look_at_name(m);
}

/* Everything that is not ours, as the members stood in the line. Comes last, so that it is one piece. */
static void keep_extra(struct event_parser *p, struct event *e)
{
	size_t from = p->text.len;
	const struct jtext *j = &p->json;
	for (struct members m = members_first(p); m.key < m.end; members_next(&m)) {
		if (m.attribute)
			continue;
		if (p->text.len > from)
			buf_add_char(&p->text, ',');
		buf_add_slice(&p->text, jtext_raw(j, m.key));
		buf_add_char(&p->text, ':');
		jtext_add_one_line(&p->text, jtext_raw(j, m.key + 1));
	}
	e->extra = (struct slice){p->text.data + from, p->text.len - from};
}

static int check_whole(const struct event *e, bool versioned, struct diag *d)
{
	const char *missing = !versioned       ? "specversion"
			      : !e->id.ptr     ? "id"
			      : !e->source.ptr ? "source"
			      : !e->type.ptr   ? "type"
					       : NULL;
	return missing ? diag_fail(d, DIAG_DATA, "attribute '%s' is missing", missing) : 0;
}

int event_parse(struct event_parser *p, struct slice line, struct event *e, struct diag *d)
{
	*e = (struct event){.body = EVENT_NONE};
	struct jtext *j = &p->json;
	struct jtext_error error;
	if (jtext_parse(j, line, &error) < 0)
		return diag_fail(d, DIAG_DATA, "not JSON: %s at byte %zu", error.reason, error.offset + 1);
	if (jtext_type(j, 0) != JTEXT_OBJECT)
		return diag_fail(d, DIAG_DATA, "expected a JSON object, not %s", jtext_type_name(jtext_type(j, 0)));
	buf_clear(&p->text);
	/* All that is put there is no longer than the piece of the line it comes from, so nothing will move. */
	if (!buf_reserve(&p->text, line.len))
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	unsigned seen = 0; /* a bit for each of `attributes` */
	bool others = false;
	for (struct members m = members_first(p); m.key < m.end; members_next(&m)) {
		const struct attribute *a = m.attribute;
		others |= !a;
		if (!a)
			continue;
		/* RFC 8259, 4: which of the two counts would be for each reader to say. */
		if (seen & 1U << (a - attributes))
			return diag_fail(d, DIAG_DATA, "attribute '%s' stands twice", a->name);
		seen |= 1U << (a - attributes);
		if (take_attribute(p, m.key + 1, a, e, d) < 0)
			return -1;
	}
	if (check_whole(e, seen & 1U << EVENT_SPECVERSION, d) < 0)
		return -1;
	e->extra = SLICE("");
	if (others)
		keep_extra(p, e);
	return 0;
}

uint32_t event_data_node(const struct event_parser *p)
{
	return p->json.count ? jtext_member(&p->json, 0, SLICE("data")) : JTEXT_NOWHERE;
}

int event_keep(struct event *e, struct buf *text)
{
	struct slice *all[] = {&e->id,           &e->source, &e->type,        &e->subject, &e->time,
			       &e->content_type, &e->data,   &e->destination, &e->map,     &e->mode,
			       &e->skip,         &e->error,  &e->raw,         &e->extra};
	enum { SLICES = sizeof all / sizeof all[0] };
	size_t size = 0;
	buf_clear(text);
	for (int i = 0; i < SLICES; i++)
		size += all[i]->len;
	if (!buf_reserve(text, size)) /* so that nothing moves */
		return -1;
	for (int i = 0; i < SLICES; i++) {
		if (!all[i]->ptr)
			continue;
		char *copy = text->data + text->len;
		buf_add_slice(text, *all[i]);
		all[i]->ptr = copy;
	}
	return 0;
}

/* ---- writing ---- */

static void begin_member(struct buf *b, const struct attribute *a)
{
	if (a != attributes)
		buf_add_char(b, ',');
	buf_add_char(b, '"');
	buf_add(b, a->name, a->len);
	buf_add(b, "\":", 2);
}

static void write_number(struct buf *b, const struct attribute *a, int64_t number)
{
	if (number == 0)
		return;
	begin_member(b, a);
	buf_add_int(b, number);
}

static void write_body(struct buf *b, const struct attribute *a, const struct event *e)
{
	if (e->body != (a->kind == DATA ? EVENT_JSON : EVENT_BYTES))
		return;
	begin_member(b, a);
	if (a->kind == DATA) {
		jtext_add_one_line(b, e->data);
		return;
	}
	buf_add_char(b, '"');
	base64_add(b, e->data);
	buf_add_char(b, '"');
}

static void write_attribute(struct buf *b, const struct attribute *a, const struct event *e)
{
	const struct slice *text = (const void *)((const char *)e + a->field);
	char at[CLOCK_TEXT_SIZE];
	switch (a->kind) {
	case VERSION:
		begin_member(b, a);
		buf_add_text(b, "\"1.0\"");
		break;
	case ATTEMPT:
		write_number(b, a, e->attempt);
		break;
	case CLAIM:
		write_number(b, a, e->claim);
		break;
	case RECORDED:
		if (e->recorded_at == 0)
			break;
		begin_member(b, a);
		jtext_add_string(b, slice_of(clock_format(e->recorded_at, at)));
		break;
	case RAW:
		if (!e->raw.ptr)
			break;
		begin_member(b, a);
		jtext_add_one_line(b, e->raw);
		break;
	case DATA:
	case DATA_BASE64:
		write_body(b, a, e);
		break;
	default:
		if (!text->ptr)
			break;
		begin_member(b, a);
		jtext_add_string(b, *text);
	}
}

void event_write(struct buf *b, const struct event *e)
{
	buf_add_char(b, '{');
	for (const struct attribute *a = attributes; a < attributes + ATTRIBUTES; a++) {
		if (a->kind == DATA_BASE64 && e->extra.len) {
			buf_add_char(b, ',');
			buf_add_slice(b, e->extra);
		}
		write_attribute(b, a, e);
	}
	buf_add(b, "}\n", 2);
}

static void add_piece(struct buf *b, const char *from, const char *to, bool first)
{
	if (!first)
		buf_add_char(b, ',');
	buf_add(b, from, (size_t)(to - from));
}

void event_rewrite(struct buf *b, struct event_parser *p, const struct event *e, unsigned changed)
{
	const struct jtext *j = &p->json;
	const char *from = NULL, *to = NULL; /* members that stand side by side are copied in one piece */
	bool first = true;
	buf_add_char(b, '{');
	for (struct members m = members_first(p); m.key < m.end; members_next(&m)) {
		if (!m.attribute || !(changed & EVENT_BIT(m.attribute - attributes))) {
			from = from ? from : jtext_raw(j, m.key).ptr;
			to = j->text.ptr + j->nodes[m.key + 1].end;
			continue;
		}
		if (from) {
			add_piece(b, from, to, first);
			first = false;
		}
		from = NULL;
	}
	if (from)
		add_piece(b, from, to, first);
	for (int i = 0; i < ATTRIBUTES; i++)
		if (changed & EVENT_BIT(i))
			write_attribute(b, &attributes[i], e);
	buf_add(b, "}\n", 2);
}

/* What jtext_add_string makes of it, at the most, for well-formed UTF-8. */
static size_t string_size(struct slice text)
{
	size_t size = text.len + 2;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		size += c < 0x20 ? 5 : c == '"' || c == '\\';
	}
	return size;
}

static size_t attribute_size(const struct attribute *a, const struct event *e, size_t destination_len)
{
	size_t around = a->len + strlen(",\"\":");
	if (a->field == offsetof(struct event, destination))
		return around + destination_len + 2;
	switch (a->kind) {
	case VERSION:
		return around + strlen("\"1.0\"");
	case ATTEMPT:
		return around + strlen("2147483647");
	case CLAIM:
		return around + strlen("9223372036854775807");
	case RECORDED:
		return around + CLOCK_TEXT_SIZE + 2;
	case RAW:
		return e->raw.ptr ? around + e->raw.len : 0;
	case DATA:
		return e->body == EVENT_JSON ? around + e->data.len : 0;
	case DATA_BASE64:
		return e->body == EVENT_BYTES ? around + (e->data.len + 2) / 3 * 4 + 2 : 0;
	default: {
		const struct slice *text = (const void *)((const char *)e + a->field);
		return text->ptr ? around + string_size(*text) : 0;
	}
	}
}

size_t event_line_size(const struct event *e, size_t destination_len)
{
	size_t size = strlen("{}\n") + (e->extra.len ? e->extra.len + 1 : 0);
	for (const struct attribute *a = attributes; a < attributes + ATTRIBUTES; a++)
		size += attribute_size(a, e, destination_len);
	return size;
}
