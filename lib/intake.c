/* SPDX-License-Identifier: MIT */
#include "intake_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "clock.h"
#include "form.h"
#include "gunzip.h"
#include "uuid.h"

/* ---- memory: chunks that never move, since rows, events and texts point at each other ---- */

enum { CHUNK_SIZE = 8 * 1024, KEPT_NODES = 1024, KEPT_SCRATCH = 64 * 1024, ALIGNMENT = 16 };

struct intake_chunk {
	struct intake_chunk *next;
	size_t used, size;
	_Alignas(ALIGNMENT) char bytes[];
};

void *intake_keep(struct intake *in, size_t size)
{
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	struct intake_chunk *chunk = in->chunks;
	if (!chunk || chunk->size - chunk->used < size) {
		size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
		chunk = malloc(sizeof *chunk + room);
		if (!chunk) {
			intake_refuse(in, 503, "out of memory");
			return NULL;
		}
		*chunk = (struct intake_chunk){.next = in->chunks, .size = room};
		in->chunks = chunk;
	}
	void *bytes = chunk->bytes + chunk->used;
	chunk->used += size;
	return bytes;
}

struct slice intake_keep_text(struct intake *in, struct slice text)
{
	char *copy = intake_keep(in, text.len);
	if (!copy)
		return SLICE_NONE;
	if (text.len)
		memcpy(copy, text.ptr, text.len);
	return (struct slice){copy, text.len};
}

void intake_clear(struct intake *in)
{
	struct intake_chunk *chunk = in->chunks;
	while (chunk && (chunk->next || chunk->size > CHUNK_SIZE)) {
		in->chunks = chunk->next;
		free(chunk);
		chunk = in->chunks;
	}
	if (chunk)
		chunk->used = 0;
	if (in->json.cap > KEPT_NODES)
		jtext_free(&in->json);
	if (in->scratch.cap > KEPT_SCRATCH)
		buf_free(&in->scratch);
	if (in->plain.cap > KEPT_SCRATCH)
		buf_free(&in->plain);
	if (in->parser.text.cap > KEPT_SCRATCH || in->parser.json.cap > KEPT_NODES)
		event_parser_free(&in->parser);
	in->reply_status = 0;
	in->source = NULL;
	in->status = 0;
	in->field = in->field_value = NULL;
	in->rows = NULL;
	in->count = 0;
}

void intake_free(struct intake *in)
{
	intake_clear(in);
	free(in->chunks);
	jtext_free(&in->json);
	buf_free(&in->scratch);
	buf_free(&in->plain);
	event_parser_free(&in->parser);
	*in = INTAKE_INIT;
}

static const char *cause_of(int status)
{
	switch (status) {
	case 401:
		return "signature";
	case 403:
		return "handshake";
	case 404:
		return "source";
	case 405:
		return "method";
	case 408:
		return "timeout";
	case 413:
		return "too-large";
	case 415:
		return "type";
	case 414:
	case 431:
		return "headers";
	case 503:
		return "unavailable";
	default:
		return "malformed";
	}
}

void intake_refuse(struct intake *in, int status, const char *format, ...)
{
	va_list args;
	char text[sizeof in->why.text];
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	in->status = status;
	in->cause = cause_of(status);
	diag_fail(&in->why, DIAG_DATA, "%s", text);
}

/* ---- which source, and in which form ---- */

bool intake_same_word(struct slice text, const char *word)
{
	return text.len == strlen(word) && strncasecmp(text.ptr, word, text.len) == 0;
}

/* RFC 9110 section 8.4.1.3 */
static bool is_gzip(struct slice encoding)
{
	return intake_same_word(encoding, "gzip") || intake_same_word(encoding, "x-gzip");
}

const struct source *intake_open(struct intake *in, const struct sources *all, const struct request *r)
{
	struct slice encoding;
	const struct source *s = NULL;
	/* Names hold no character that a path would have to encode: what is not the name as it stands is another path. */
	if (r->path.len > 1 && r->path.ptr[0] == '/')
		s = sources_find(all, (struct slice){r->path.ptr + 1, r->path.len - 1});
	in->source = s;
	if (!s) {
		intake_refuse(in, 404, "no such source: events are posted to /NAME, the name of a source");
		return NULL;
	}
	bool get = slice_is(r->method, "GET") && handshake_takes_get(&s->handshake);
	if (!slice_is(r->method, "POST") && !get) {
		intake_refuse(in, 405, "source %s: events are sent with POST", s->name);
		in->field = "Allow";
		in->field_value = "POST";
		return NULL;
	}
	int encodings = request_header(r, "Content-Encoding", &encoding);
	if (encodings > 1 || (encodings && !intake_same_word(encoding, "identity") && !is_gzip(encoding))) {
		intake_refuse(in, 415,
			      "source %s: the body is encoded (Content-Encoding), expected it plain or in gzip",
			      s->name);
		in->field = "Accept-Encoding";
		in->field_value = "gzip";
		return NULL;
	}
	return s;
}

struct slice intake_media_type(struct slice content_type)
{
	struct slice type = content_type;
	const char *end = type.len ? memchr(type.ptr, ';', type.len) : NULL;
	if (end)
		type.len = (size_t)(end - type.ptr);
	while (type.len && (type.ptr[type.len - 1] == ' ' || type.ptr[type.len - 1] == '\t'))
		type.len--;
	return type;
}

bool intake_says_json(struct slice type)
{
	static const struct slice suffix = {"+json", 5};
	return intake_same_word(type, "application/json") || intake_same_word(type, "text/json") ||
	       (type.len > suffix.len && strncasecmp(type.ptr + type.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* What tools send that were told nothing of the type: curl -d says it is a form. */
static bool says_little(struct slice type)
{
	return type.len == 0 || intake_same_word(type, "text/plain") ||
	       intake_same_word(type, "application/x-www-form-urlencoded");
}

static bool looks_like_json(struct slice body)
{
	for (size_t i = 0; i < body.len; i++)
		if (!strchr(" \t\r\n", body.ptr[i]) || body.ptr[i] == '\0')
			return body.ptr[i] == '{' || body.ptr[i] == '[';
	return false;
}

/* A form as JSON, where the source says so: its fields as an object, or the JSON that stands in one of them. */
static int read_form(struct intake *in, const struct source *s, const struct request *r, struct event *event)
{
	const char *why;
	struct jtext_error error;
	struct slice json = SLICE_NONE;
	struct form *form = form_read(r->body, &why);
	if (!form) {
		intake_refuse(in, 400, "source %s: %s", s->name, why);
		return -1;
	}
	buf_clear(&in->scratch);
	if (s->form == SOURCE_FORM_FIELD)
		json = intake_keep_text(in, form_value(form, slice_of(s->form_field)));
	else if (form_add_json(form, &in->scratch) && buf_ok(&in->scratch))
		json = intake_keep_text(in, buf_slice(&in->scratch));
	form_free(form);
	if (in->status == 0 && (!json.ptr || jtext_parse(&in->json, json, &error) < 0)) {
		intake_refuse(in, 400, "source %s: %s", s->name,
			      s->form == SOURCE_FORM_FIELD ? "the form has no JSON where the source has it"
							   : "a form that is not UTF-8");
		in->cause = "not-json";
	}
	event->body = EVENT_JSON;
	event->content_type = SLICE("application/json");
	return in->status ? -1 : 0;
}

/* How the body travels: 0 with *event's body and content_type set, and in->json parsed if it is JSON; or -1, refused. */
static int read_body(struct intake *in, const struct source *s, const struct request *r, struct event *event)
{
	struct slice header = SLICE_NONE;
	struct jtext_error error;
	int headers = request_header(r, "Content-Type", &header);
	if (headers > 1) {
		intake_refuse(in, 400, "the header Content-Type stands there more than once");
		return -1;
	}
	if (headers == 0 || !event_is_name(header))
		header = SLICE_NONE;
	struct slice type = intake_media_type(header);
	bool told = intake_says_json(type), needed = source_reads_json(s);
	if (s->form != SOURCE_FORM_BYTES && intake_same_word(type, "application/x-www-form-urlencoded"))
		return read_form(in, s, r, event);
	if (told || (says_little(type) && looks_like_json(r->body))) {
		event->body = EVENT_JSON;
		event->content_type = told ? header : SLICE("application/json");
		if (jtext_parse(&in->json, r->body, &error) == 0)
			return 0;
		if (told || needed) {
			intake_refuse(in, 400, "not JSON: %s at byte %zu of the body", error.reason, error.offset);
			in->cause = "not-json";
			return -1;
		}
	}
	event->body = r->body.len ? EVENT_BYTES : EVENT_NONE;
	event->content_type = header;
	if (!needed)
		return 0;
	if (r->body.len)
		intake_refuse(in, 415, "source %s: expected JSON (Content-Type: application/json), not %.*s", s->name,
			      type.len ? (int)type.len : 12, type.len ? type.ptr : "a body of no type");
	else
		intake_refuse(in, 400, "source %s: expected JSON, but the body is empty", s->name);
	return -1;
}

/* ---- the parts of an event ---- */

struct element {
	const struct source *source;
	const struct request *request;
	uint32_t node;    /* in in->json, where the body is JSON */
	struct slice raw; /* its text, or the whole body */
	size_t number;    /* within a request that is split, from 1; else 0 */
};

static struct slice pointed_at(struct intake *in, uint32_t node)
{
	if (node == JTEXT_NOWHERE)
		return SLICE_NONE;
	switch (jtext_type(&in->json, node)) {
	case JTEXT_STRING:
		if (in->json.nodes[node].escaped && !jtext_is_whole(&in->json, node))
			return SLICE_NONE;
		buf_clear(&in->scratch);
		struct slice text = jtext_string(&in->json, node, &in->scratch);
		return in->json.nodes[node].escaped ? intake_keep_text(in, text) : text;
	case JTEXT_NUMBER:
	case JTEXT_TRUE:
	case JTEXT_FALSE:
		return jtext_raw(&in->json, node);
	default:
		return SLICE_NONE;
	}
}

static struct slice piece_text(struct intake *in, const struct element *e, const struct source_piece *piece)
{
	struct slice text = SLICE_NONE;
	switch (piece->kind) {
	case SOURCE_POINTER:
		text = pointed_at(in, jtext_at(&in->json, e->node, &piece->pointer));
		break;
	case SOURCE_HEADER: /* two of them say two things: as good as none */
		if (request_header(e->request, piece->rest, &text) != 1)
			text = SLICE_NONE;
		break;
	case SOURCE_CONST:
		text = slice_of(piece->rest);
		break;
	}
	return text.len ? text : SLICE_NONE;
}

/* The pieces joined with "/", and `suffix` behind. SLICE_NONE when one of them is absent: *missing is the first. */
static struct slice find_value(struct intake *in, const struct element *e, const struct source_value *value,
			       const char *suffix, const char **missing)
{
	struct slice texts[SOURCE_PIECES];
	size_t len = strlen(suffix);
	for (size_t i = 0; i < value->count; i++) {
		texts[i] = piece_text(in, e, &value->pieces[i]);
		if (!texts[i].ptr) {
			*missing = value->pieces[i].text;
			return SLICE_NONE;
		}
		len += texts[i].len + (i > 0);
	}
	if (value->count == 1 && !*suffix)
		return texts[0];
	char *joined = intake_keep(in, len), *out = joined;
	if (!joined)
		return SLICE_NONE;
	for (size_t i = 0; i < value->count; i++) {
		if (i)
			*out++ = '/';
		out = mempcpy(out, texts[i].ptr, texts[i].len);
	}
	mempcpy(out, suffix, (size_t)(joined + len - out));
	return (struct slice){joined, len};
}

static struct slice element_error(struct intake *in, const char *part, const char *missing, const char *what)
{
	char text[512];
	if (missing)
		snprintf(text, sizeof text, "no %s: %.300s is missing, empty, or neither text nor number", part,
			 missing);
	else
		snprintf(text, sizeof text, "the %s is not fit to be one: %s", part, what);
	return intake_keep_text(in, slice_of(text));
}

/* A required or optional part of the event. When it is not to be had, or nobody could use it, *text is SLICE_NONE and *error says so. */
static void take_part(struct intake *in, const struct element *e, const struct source_value *value, const char *part,
		      const char *suffix, bool required, struct slice *text, struct slice *error)
{
	static const char unfit[] = "over 1024 bytes, not UTF-8, or with control characters";
	const char *missing = NULL;
	*text = value->count ? find_value(in, e, value, suffix, &missing) : SLICE_NONE;
	if (text->ptr && !event_is_name(*text)) {
		*text = SLICE_NONE;
		if (!error->ptr)
			*error = element_error(in, part, NULL, unfit);
	} else if (missing && required && !error->ptr) {
		*error = element_error(in, part, missing, NULL);
	}
}

static struct slice unique_id(struct intake *in, int64_t now)
{
	char text[UUID_TEXT_SIZE];
	if (uuid_v7(now, text) == 0)
		return intake_keep_text(in, slice_of(text));
	intake_refuse(in, 503, "no randomness to make an id of");
	return SLICE_NONE;
}

struct slice intake_derived_id(struct intake *in, struct slice raw)
{
	static const char scheme[] = "sha256:";
	unsigned char hash[DIGEST_MOST];
	char text[sizeof scheme + 2 * DIGEST_MOST] = "sha256:";
	digest_hash(DIGEST_SHA256, raw, hash);
	digest_hex(hash, digest_size(DIGEST_SHA256), text + sizeof scheme - 1);
	return intake_keep_text(in, slice_of(text));
}

static void take_id(struct intake *in, const struct element *e, int64_t now, struct slice *id, struct slice *error)
{
	const struct source_value *value = &e->source->id;
	char suffix[24] = "";
	if (value->count == 0) {
		*id = unique_id(in, now);
		return;
	}
	if (e->number && !source_value_reads(value, SOURCE_POINTER))
		snprintf(suffix, sizeof suffix, "#%zu",
			 e->number); /* one header for all: their place tells them apart */
	take_part(in, e, value, "id", suffix, true, id, error);
	if (!id->ptr)
		*id = intake_derived_id(in, e->raw);
}

/* What senders write for an instant: RFC 3339, or seconds or milliseconds since the epoch. Anything else is left out: it stands
 * in the data all the same. */
static struct slice take_time(struct intake *in, const struct element *e)
{
	const char *missing;
	char text[CLOCK_TEXT_SIZE];
	int64_t at = 0;
	struct slice written = find_value(in, e, &e->source->time, "", &missing);
	if (!written.len || clock_parse(written, &at) == 0)
		return written.len ? written : SLICE_NONE;
	if (written.len > 14)
		return SLICE_NONE;
	for (size_t i = 0; i < written.len; i++) {
		if (written.ptr[i] < '0' || written.ptr[i] > '9')
			return SLICE_NONE;
		at = at * 10 + (written.ptr[i] - '0');
	}
	clock_format(written.len > 11 ? at : at * 1000, text);
	return intake_keep_text(in, slice_of(text));
}

/* ---- rows ---- */

static void choose_destinations(struct intake *in, const struct source *s, struct slice type,
				struct journal_accept *row)
{
	char text[EVENT_NAME_LIMIT + 1];
	struct slice *list = intake_keep(in, s->route_count * sizeof *list);
	if (!list)
		return;
	memcpy(text, type.ptr, type.len);
	text[type.len] = '\0';
	for (size_t i = 0; i < s->route_count; i++)
		if (source_route_takes(&s->routes[i], text))
			list[row->destination_count++] = slice_of(s->routes[i].destination);
	row->destinations = list;
}

static size_t longest_destination(const struct journal_accept *row)
{
	size_t longest = 0;
	for (size_t i = 0; i < row->destination_count; i++)
		if (row->destinations[i].len > longest)
			longest = row->destinations[i].len;
	return longest;
}

void intake_route(struct intake *in, const struct source *s, struct event *event, struct journal_accept *row)
{
	if (!event->type.ptr)
		event->type = SLICE("unknown");
	if (!row->error.ptr && in->status == 0)
		choose_destinations(in, s, event->type, row);
	size_t size = in->status ? 0 : event_line_size(event, longest_destination(row));
	if (size > EVENT_LINE_LIMIT)
		intake_refuse(in, 413, "source %s: an event of %zu bytes, as a line; the limit is %d", s->name, size,
			      EVENT_LINE_LIMIT);
}

static void fill_row(struct intake *in, const struct element *e, struct event *event, struct journal_accept *row,
		     int64_t now)
{
	*row = (struct journal_accept){.event = event, .error = SLICE_NONE};
	event->source = slice_of(e->source->name);
	event->data = e->raw;
	take_id(in, e, now, &event->id, &row->error);
	take_part(in, e, &e->source->type, "type", "", true, &event->type, &row->error);
	take_part(in, e, &e->source->subject, "subject", "", false, &event->subject, &row->error);
	event->time = e->source->time.count ? take_time(in, e) : SLICE_NONE;
	intake_route(in, e->source, event, row);
}

struct event *intake_make_room(struct intake *in, size_t count)
{
	if (count > INTAKE_EVENTS) {
		intake_refuse(in, 413, "%zu events in one request; the limit is %d", count, INTAKE_EVENTS);
		return NULL;
	}
	in->rows = intake_keep(in, count * sizeof *in->rows);
	return in->rows ? intake_keep(in, count * sizeof(struct event)) : NULL;
}

static void take_whole(struct intake *in, struct element *e, const struct event *like, int64_t now)
{
	struct event *event = intake_make_room(in, 1);
	if (!event)
		return;
	*event = *like;
	e->raw = like->body == EVENT_JSON ? jtext_raw(&in->json, e->node) : e->request->body;
	fill_row(in, e, event, &in->rows[0], now);
	in->count = 1;
}

static void take_elements(struct intake *in, struct element *e, const struct event *like, int64_t now)
{
	const struct jtext *json = &in->json;
	uint32_t array = jtext_at(json, 0, &e->source->split_at);
	if (array == JTEXT_NOWHERE || jtext_type(json, array) != JTEXT_ARRAY) {
		intake_refuse(in, 400, "source %s: expected an array at \"%s\", where the events of a request stand",
			      e->source->name, e->source->split);
		return;
	}
	struct event *events = intake_make_room(in, jtext_length(json, array));
	for (e->node = jtext_first(json, array); in->status == 0 && e->node < jtext_end(json, array);
	     e->node = jtext_next(json, e->node)) {
		events[in->count] = *like;
		events[in->count].content_type = SLICE("application/json");
		e->raw = jtext_raw(json, e->node);
		e->number = in->count + 1;
		fill_row(in, e, &events[in->count], &in->rows[in->count], now);
		in->count++;
	}
}

static void take(struct intake *in, const struct source *s, const struct request *r, const struct event *like,
		 int64_t now)
{
	struct element e = {.source = s, .request = r};
	if (s->split)
		take_elements(in, &e, like, now);
	else
		take_whole(in, &e, like, now);
}

/* ---- lines: NDJSON ---- */

static bool says_lines(struct slice type)
{
	static const char *const names[] = {"application/x-ndjson", "application/ndjson", "application/jsonl",
					    "application/x-jsonlines"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (intake_same_word(type, names[i]))
			return true;
	return false;
}

/* The next line that is not blank. */
static bool next_line(struct slice *rest, struct slice *line)
{
	while (rest->len) {
		const char *end = memchr(rest->ptr, '\n', rest->len);
		*line = (struct slice){rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len};
		rest->ptr += line->len + (end != NULL);
		rest->len -= line->len + (end != NULL);
		for (size_t i = 0; i < line->len; i++)
			if (!strchr(" \t\r", line->ptr[i]) || line->ptr[i] == '\0')
				return true;
	}
	return false;
}

/* A line that is no JSON is journaled as failed, as bytes. */
static void take_line(struct intake *in, struct element *e, struct slice line, struct event *event, int64_t now)
{
	struct journal_accept *row = &in->rows[in->count];
	struct jtext_error error;
	e->number = in->count + 1;
	if (jtext_parse(&in->json, line, &error) == 0) {
		*event = (struct event){.body = EVENT_JSON, .content_type = SLICE("application/json")};
		e->raw = jtext_raw(&in->json, 0);
		fill_row(in, e, event, row, now);
	} else {
		*event = (struct event){.body = EVENT_BYTES, .data = line, .source = slice_of(e->source->name)};
		event->id = intake_derived_id(in, line);
		*row = (struct journal_accept){.event = event, .error = SLICE("not JSON: a line of the request")};
		intake_route(in, e->source, event, row);
	}
	in->count++;
}

static void take_lines(struct intake *in, const struct source *s, const struct request *r, int64_t now)
{
	struct element e = {.source = s, .request = r};
	struct slice rest = r->body, line;
	size_t count = 0;
	while (next_line(&rest, &line))
		count++;
	struct event *events = intake_make_room(in, count);
	for (rest = r->body; events && in->status == 0 && next_line(&rest, &line);)
		take_line(in, &e, line, &events[in->count], now);
}

/* ---- a whole request ---- */

static void refuse_sender(struct intake *in, const struct source *s, enum verify_result result)
{
	struct diag why = in->why;
	intake_refuse(in, result == VERIFY_ERROR ? 503 : 401, "%s", why.text);
	if (result == VERIFY_LATE)
		in->cause = "timestamp";
	in->field_value = verify_challenge(&s->verify);
	in->field = in->field_value ? "WWW-Authenticate" : NULL;
}

/* An answer of its own instead of the count of events. */
static void reply(struct intake *in, int status, const char *type, struct slice text)
{
	in->reply_status = status;
	in->reply_type = type;
	in->reply = intake_keep_text(in, text);
}

/* True when it was one, answered or refused. */
static bool take_question(struct intake *in, const struct source *s, const struct request *r)
{
	buf_clear(&in->scratch);
	switch (handshake_asked(&s->handshake, r, &in->scratch)) {
	case HANDSHAKE_NOT:
		return false;
	case HANDSHAKE_DONE:
		reply(in, 200, "text/plain; charset=utf-8", buf_slice(&in->scratch));
		return true;
	default:
		intake_refuse(in, 403, "source %s: this handshake's token is not ours", s->name);
		return true;
	}
}

static bool take_challenge(struct intake *in, const struct source *s)
{
	const char *type;
	struct slice key = s->verify.keys.count ? s->verify.keys.secrets.lines[0] : SLICE("");
	buf_clear(&in->scratch);
	switch (handshake_sent(&s->handshake, &in->json, key, &in->scratch, &type)) {
	case HANDSHAKE_NOT:
		return false;
	case HANDSHAKE_DONE:
		reply(in, 200, type, buf_slice(&in->scratch));
		return true;
	default:
		intake_refuse(in, 400, "source %s: a handshake without its token", s->name);
		return true;
	}
}

static void take_body(struct intake *in, const struct source *s, const struct request *r, int64_t now)
{
	struct slice type;
	struct event like = {.body = EVENT_NONE};
	if (s->format == SOURCE_CLOUDEVENTS) {
		intake_cloudevents(in, s, r);
		return;
	}
	if (request_header(r, "Content-Type", &type) == 1 && says_lines(intake_media_type(type)))
		take_lines(in, s, r, now);
	else if (read_body(in, s, r, &like) == 0 && !(like.body == EVENT_JSON && take_challenge(in, s)))
		take(in, s, r, &like, now);
	for (size_t i = 0; i < in->count; i++)
		in->rows[i].id_unsigned = s->id_unsigned;
}

/* Unpacks into in->plain. False: refused. */
static bool unpack(struct intake *in, const struct source *s, struct request *r)
{
	buf_clear(&in->plain);
	switch (gunzip(r->body, s->body_limit, &in->plain)) {
	case GUNZIP_DONE:
		r->body = buf_slice(&in->plain);
		return true;
	case GUNZIP_TOO_LARGE:
		intake_refuse(in, 413, "source %s: a body of more than %zu bytes, unpacked", s->name, s->body_limit);
		return false;
	case GUNZIP_BAD:
		intake_refuse(in, 400, "source %s: the body is not gzip, though Content-Encoding says so", s->name);
		return false;
	default:
		intake_refuse(in, 503, "out of memory");
		return false;
	}
}

/* What has been signed is the body as it was sent; some sign before they pack. */
static enum verify_result check_packed(struct intake *in, const struct source *s, const struct request *packed,
				       const struct request *plain, int64_t now)
{
	enum verify_result result = verify_check(&s->verify, packed, now, &in->why);
	return result == VERIFY_BAD ? verify_check(&s->verify, plain, now, &in->why) : result;
}

void intake_body(struct intake *in, const struct source *s, const struct request *r, int64_t now)
{
	struct slice encoding;
	struct request plain = *r;
	if (r->body.len > s->body_limit) {
		intake_refuse(in, 413, "source %s: a body of more than %zu bytes", s->name, s->body_limit);
		return;
	}
	if (take_question(in, s, r))
		return;
	bool packed = request_header(r, "Content-Encoding", &encoding) && is_gzip(encoding);
	if (packed && !unpack(in, s, &plain))
		return;
	enum verify_result result =
	    packed ? check_packed(in, s, r, &plain, now) : verify_check(&s->verify, r, now, &in->why);
	if (result != VERIFY_GOOD) {
		refuse_sender(in, s, result);
		return;
	}
	take_body(in, s, &plain, now);
	if (s->reply.status && in->status == 0 && in->reply_status == 0)
		reply(in, s->reply.status, s->reply.type, slice_of(s->reply.body));
}

void intake_record(struct intake *in, const struct source *s, struct slice record, int64_t now)
{
	struct request r = {.body = record};
	struct event like = {.body = EVENT_JSON, .content_type = SLICE("application/json")};
	struct jtext_error error;
	if (jtext_parse(&in->json, record, &error) == 0)
		take(in, s, &r, &like, now);
	else
		intake_refuse(in, 400, "not JSON: %s at byte %zu", error.reason, error.offset);
}

/* ---- the answer ---- */

void intake_count(const struct intake *in, struct intake_count *count)
{
	for (size_t i = 0; i < in->count; i++) {
		count->accepted += in->rows[i].answer == JOURNAL_ACCEPTED;
		count->duplicates += in->rows[i].answer == JOURNAL_DUPLICATE;
		count->conflicts += in->rows[i].answer == JOURNAL_CONFLICT;
		count->repeats += in->rows[i].answer == JOURNAL_ACCEPTED && in->rows[i].repeat;
		count->failed += in->rows[i].answer == JOURNAL_ACCEPTED && in->rows[i].error.ptr;
	}
}

int intake_answer(const struct intake *in, struct buf *body, const char **type)
{
	*type = "application/json";
	if (in->status) {
		buf_add_text(body, "{\"error\":");
		jtext_add_string(body, slice_of(in->why.text));
		buf_add_text(body, "}\n");
		return in->status;
	}
	if (in->reply_status) {
		*type = in->reply_type;
		buf_add_slice(body, in->reply);
		return in->reply_status;
	}
	struct intake_count count = {0};
	intake_count(in, &count);
	buf_printf(body, "{\"accepted\":%zu", count.accepted);
	if (count.duplicates)
		buf_printf(body, ",\"duplicates\":%zu", count.duplicates);
	if (count.conflicts)
		buf_printf(body, ",\"conflicts\":%zu", count.conflicts);
	if (count.repeats)
		buf_printf(body, ",\"repeats\":%zu", count.repeats);
	if (count.failed)
		buf_printf(body, ",\"failed\":%zu", count.failed);
	buf_add_text(body, "}\n");
	return count.accepted ? 202 : 200;
}
