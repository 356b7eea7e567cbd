/* SPDX-License-Identifier: MIT */
/* CloudEvents 1.0 over HTTP (the HTTP protocol binding, section 3). Their "source" and "id" name an event together, while ours is the name
 * of a file: the id becomes SOURCE/ID, and the attribute "cesource" keeps the source as it came. */
#include <strings.h>

#include "clock.h"
#include "http.h"
#include "intake_internal.h"

static bool has_prefix(struct slice text, const char *prefix)
{
	return text.len >= strlen(prefix) && strncasecmp(text.ptr, prefix, strlen(prefix)) == 0;
}

/* "SOURCE/ID"; SLICE_NONE when that is too long for an id. */
static struct slice join_id(struct intake *in, struct slice source, struct slice id)
{
	char text[EVENT_NAME_LIMIT];
	if (source.len + 1 + id.len > sizeof text)
		return SLICE_NONE;
	memcpy(text, source.ptr, source.len);
	text[source.len] = '/';
	memcpy(text + source.len + 1, id.ptr, id.len);
	return intake_keep_text(in, (struct slice){text, source.len + 1 + id.len});
}

/* The extension attributes, and the source as it came. */
static struct slice join_extra(struct intake *in, struct slice extra, struct slice source)
{
	buf_clear(&in->scratch);
	buf_add_slice(&in->scratch, extra);
	if (extra.len)
		buf_add_char(&in->scratch, ',');
	buf_add_text(&in->scratch, "\"cesource\":");
	jtext_add_string(&in->scratch, source);
	if (buf_ok(&in->scratch))
		return intake_keep_text(in, buf_slice(&in->scratch));
	intake_refuse(in, 503, "out of memory");
	return SLICE_NONE;
}

static struct slice kept(struct intake *in, struct slice text)
{
	return text.ptr ? intake_keep_text(in, text) : SLICE_NONE;
}

/* A row for what was parsed. Only what CloudEvents define is taken over: none of our own attributes may come from outside. */
static void fill(struct intake *in, const struct source *s, const struct event *parsed, struct slice extra)
{
	struct journal_accept *row = &in->rows[in->count];
	struct event *event = (struct event *)row->event;
	*event = (struct event){.source = slice_of(s->name),
				.id = join_id(in, parsed->source, parsed->id),
				.type = kept(in, parsed->type),
				.subject = kept(in, parsed->subject),
				.time = kept(in, parsed->time),
				.content_type = kept(in, parsed->content_type),
				.body = parsed->body,
				.data = parsed->body == EVENT_BYTES ? kept(in, parsed->data) : parsed->data,
				.extra = join_extra(in, extra, parsed->source)};
	if (!event->id.ptr && in->status == 0) {
		row->error = SLICE("source and id of the CloudEvent are over 1024 bytes together");
		event->id = intake_derived_id(in, parsed->id);
	}
	intake_route(in, s, event, row);
	in->count++;
}

static bool make_rows(struct intake *in, size_t count)
{
	struct event *events = intake_make_room(in, count);
	for (size_t i = 0; events && i < count; i++)
		in->rows[i] = (struct journal_accept){.event = &events[i], .error = SLICE_NONE};
	return events;
}

static void take_structured(struct intake *in, const struct source *s, struct slice text)
{
	struct event parsed;
	struct diag d;
	if (event_parse(&in->parser, text, &parsed, &d) < 0) {
		intake_refuse(in, d.code == DIAG_DATA ? 400 : 503, "source %s: CloudEvent: %s", s->name, d.text);
		in->cause = "not-json";
	} else if (make_rows(in, 1)) {
		fill(in, s, &parsed, parsed.extra);
	}
}

/* An element that is no CloudEvent is journaled as failed; its neighbours are taken. */
static void take_element(struct intake *in, const struct source *s, struct slice text)
{
	struct event parsed;
	struct diag d;
	struct journal_accept *row = &in->rows[in->count];
	struct event *event = (struct event *)row->event;
	if (event_parse(&in->parser, text, &parsed, &d) == 0) {
		fill(in, s, &parsed, parsed.extra);
		return;
	}
	*event = (struct event){.source = slice_of(s->name),
				.id = intake_derived_id(in, text),
				.content_type = SLICE("application/json"),
				.body = EVENT_JSON,
				.data = text};
	row->error = intake_keep_text(in, slice_of(d.text));
	intake_route(in, s, event, row);
	in->count++;
}

static void take_batch(struct intake *in, const struct source *s, struct slice text)
{
	struct jtext *j = &in->json;
	struct jtext_error error;
	if (jtext_parse(j, text, &error) < 0 || jtext_type(j, 0) != JTEXT_ARRAY) {
		intake_refuse(in, 400, "source %s: expected a JSON array of CloudEvents", s->name);
		in->cause = "not-json";
		return;
	}
	if (!make_rows(in, jtext_length(j, 0)))
		return;
	for (uint32_t n = jtext_first(j, 0); in->status == 0 && n < jtext_end(j, 0); n = jtext_next(j, n))
		take_element(in, s, jtext_raw(j, n));
}

/* ---- binary: attributes in headers, their values quoted or not, and percent-encoded (section 3.1.3.2) ---- */

/* A quoted string is what stands in it (RFC 9110 section 5.6.4); anything that is none stays as it is. */
static struct slice unquote(struct intake *in, struct slice value)
{
	if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"')
		return value;
	buf_clear(&in->scratch);
	for (size_t i = 1; i < value.len - 1; i++) {
		if (value.ptr[i] == '"' || (value.ptr[i] == '\\' && ++i == value.len - 1))
			return value;
		buf_add_char(&in->scratch, value.ptr[i]);
	}
	return intake_keep_text(in, buf_slice(&in->scratch));
}

static struct slice attribute(struct intake *in, const struct request *r, const char *name)
{
	struct slice value;
	if (request_header(r, name, &value) != 1)
		return SLICE_NONE;
	value = unquote(in, value);
	buf_clear(&in->scratch);
	if (http_unescape(&in->scratch, value, false) < 0)
		return SLICE_NONE;
	return intake_keep_text(in, buf_slice(&in->scratch));
}

static bool is_core(struct slice name)
{
	static const char *const names[] = {"ce-specversion", "ce-id",          "ce-source",          "ce-type",
					    "ce-subject",     "ce-time",        "ce-datacontenttype", "ce-cesource",
					    "ce-data",        "ce-data_base64", "ce-recordedtime"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (intake_same_word(name, names[i]))
			return true;
	return has_prefix(name, "ce-evt"); /* ours are not for outsiders to say */
}

/* Extension attributes have names of lower-case letters and digits, which HTTP may have written otherwise. */
static void add_extension(struct intake *in, const struct request_header *h, struct buf *extra)
{
	char name[64];
	size_t len = h->name.len - 3;
	struct slice value = unquote(in, h->value);
	buf_clear(&in->scratch);
	if (len == 0 || len > sizeof name || http_unescape(&in->scratch, value, false) < 0 ||
	    !jtext_is_utf8(buf_slice(&in->scratch)))
		return;
	for (size_t i = 0; i < len; i++) {
		char c = h->name.ptr[3 + i];
		name[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9'))
			return;
	}
	if (extra->len)
		buf_add_char(extra, ',');
	jtext_add_string(extra, (struct slice){name, len});
	buf_add_char(extra, ':');
	jtext_add_string(extra, buf_slice(&in->scratch));
}

static bool stands_once(const struct request *r, struct slice name)
{
	size_t found = 0;
	for (size_t i = 0; i < r->header_count; i++)
		found +=
		    r->headers[i].name.len == name.len && strncasecmp(r->headers[i].name.ptr, name.ptr, name.len) == 0;
	return found == 1;
}

static struct slice extensions(struct intake *in, const struct request *r)
{
	struct buf extra = BUF_INIT;
	for (size_t i = 0; i < r->header_count; i++)
		if (has_prefix(r->headers[i].name, "ce-") && !is_core(r->headers[i].name) &&
		    stands_once(r, r->headers[i].name)) /* two of them say two things: as good as none */
			add_extension(in, &r->headers[i], &extra);
	struct slice text = intake_keep_text(in, buf_slice(&extra));
	buf_free(&extra);
	return text;
}

static void take_binary(struct intake *in, const struct source *s, const struct request *r, struct slice content_type)
{
	struct jtext_error error;
	int64_t at;
	struct event parsed = {.id = attribute(in, r, "ce-id"),
			       .source = attribute(in, r, "ce-source"),
			       .type = attribute(in, r, "ce-type"),
			       .subject = attribute(in, r, "ce-subject"),
			       .time = attribute(in, r, "ce-time"),
			       .content_type = event_is_name(content_type) ? content_type : SLICE_NONE,
			       .body = r->body.len ? EVENT_BYTES : EVENT_NONE,
			       .data = r->body};
	if (!slice_is(attribute(in, r, "ce-specversion"), "1.0") || !event_is_name(parsed.id) ||
	    !event_is_name(parsed.source) || !event_is_name(parsed.type)) {
		intake_refuse(in, 400,
			      "source %s: expected CloudEvents 1.0: ce-specversion, ce-id, ce-source and ce-type",
			      s->name);
		return;
	}
	if (!event_is_name(parsed.subject))
		parsed.subject = SLICE_NONE;
	if (!parsed.time.ptr || clock_parse(parsed.time, &at) < 0)
		parsed.time = SLICE_NONE;
	if (intake_says_json(intake_media_type(content_type))) {
		if (jtext_parse(&in->json, r->body, &error) < 0) {
			intake_refuse(in, 400, "not JSON: %s at byte %zu of the body", error.reason, error.offset);
			in->cause = "not-json";
			return;
		}
		parsed.body = EVENT_JSON;
		parsed.data = jtext_raw(&in->json, 0);
	}
	struct slice extra = extensions(in, r);
	if (in->status == 0 && make_rows(in, 1)) {
		in->rows[0].id_unsigned = s->id_unsigned;
		fill(in, s, &parsed, extra);
	}
}

void intake_cloudevents(struct intake *in, const struct source *s, const struct request *r)
{
	struct slice type;
	if (request_header(r, "Content-Type", &type) > 1) {
		intake_refuse(in, 400, "the header Content-Type stands there more than once");
		return;
	}
	struct slice media = intake_media_type(type);
	if (intake_same_word(media, "application/cloudevents+json"))
		take_structured(in, s, r->body);
	else if (intake_same_word(media, "application/cloudevents-batch+json"))
		take_batch(in, s, r->body);
	else if (has_prefix(media, "application/cloudevents"))
		intake_refuse(in, 415, "source %s: CloudEvents are taken in JSON, structured, in a batch, or binary",
			      s->name);
	else
		take_binary(in, s, r, type);
}
