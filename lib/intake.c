/* SPDX-License-Identifier: MIT */
#include "intake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "clock.h"
#include "uuid.h"

/* ---- memory: chunks that never move, since rows, events and texts point at each other ---- */

enum { CHUNK_SIZE = 8 * 1024, KEPT_NODES = 1024, KEPT_SCRATCH = 64 * 1024, ALIGNMENT = 16 };

struct intake_chunk {
	struct intake_chunk *next;
	size_t used, size;
	_Alignas(ALIGNMENT) char bytes[];
};

static void *keep(struct intake *in, size_t size)
{
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	struct intake_chunk *chunk = in->chunks;
	if (!chunk || chunk->size - chunk->used < size) {
		size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
		chunk = malloc(sizeof *chunk + room);
		if (!chunk)
			return NULL;
		*chunk = (struct intake_chunk){.next = in->chunks, .size = room};
		in->chunks = chunk;
	}
	void *bytes = chunk->bytes + chunk->used;
	chunk->used += size;
	return bytes;
}

/* SLICE_NONE when out of memory, which reads as an absent value: every caller has refused the request by then. */
static struct slice keep_text(struct intake *in, struct slice text)
{
	char *copy = keep(in, text.len);
	if (!copy) {
		intake_refuse(in, 503, "out of memory");
		return SLICE_NONE;
	}
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
	*in = INTAKE_INIT;
}

void intake_refuse(struct intake *in, int status, const char *format, ...)
{
	va_list args;
	char text[sizeof in->why.text];
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	in->status = status;
	diag_fail(&in->why, DIAG_DATA, "%s", text);
}

/* ---- which source, and in which form ---- */

static bool same_word(struct slice text, const char *word)
{
	return text.len == strlen(word) && strncasecmp(text.ptr, word, text.len) == 0;
}

const struct source *intake_open(struct intake *in, const struct sources *all, const struct request *r)
{
	struct slice encoding;
	const struct source *s = NULL;
	/* Names hold no character that a path would have to encode: what is not the name as it stands is another path. */
	if (r->path.len > 1 && r->path.ptr[0] == '/')
		s = sources_find(all, (struct slice){r->path.ptr + 1, r->path.len - 1});
	if (!s) {
		intake_refuse(in, 404, "no such source: events are posted to /NAME, the name of a source");
		return NULL;
	}
	if (!slice_is(r->method, "POST")) {
		intake_refuse(in, 405, "source %s: events are sent with POST", s->name);
		in->field = "Allow";
		in->field_value = "POST";
		return NULL;
	}
	if (request_header(r, "Content-Encoding", &encoding) && !same_word(encoding, "identity")) {
		intake_refuse(in, 415, "source %s: the body is encoded (Content-Encoding), expected it plain", s->name);
		return NULL;
	}
	return s;
}

/* "text/plain; charset=utf-8" is text/plain. */
static struct slice media_type(struct slice content_type)
{
	struct slice type = content_type;
	const char *end = type.len ? memchr(type.ptr, ';', type.len) : NULL;
	if (end)
		type.len = (size_t)(end - type.ptr);
	while (type.len && (type.ptr[type.len - 1] == ' ' || type.ptr[type.len - 1] == '\t'))
		type.len--;
	return type;
}

static bool says_json(struct slice type)
{
	static const struct slice suffix = {"+json", 5};
	return same_word(type, "application/json") || same_word(type, "text/json") ||
	       (type.len > suffix.len && strncasecmp(type.ptr + type.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* What tools send that were told nothing of the type: curl -d says it is a form. */
static bool says_little(struct slice type)
{
	return type.len == 0 || same_word(type, "text/plain") || same_word(type, "application/x-www-form-urlencoded");
}

static bool looks_like_json(struct slice body)
{
	for (size_t i = 0; i < body.len; i++)
		if (!strchr(" \t\r\n", body.ptr[i]) || body.ptr[i] == '\0')
			return body.ptr[i] == '{' || body.ptr[i] == '[';
	return false;
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
	struct slice type = media_type(header);
	bool told = says_json(type), needed = source_reads_json(s);
	if (told || (says_little(type) && looks_like_json(r->body))) {
		event->body = EVENT_JSON;
		event->content_type = told ? header : SLICE("application/json");
		if (jtext_parse(&in->json, r->body, &error) == 0)
			return 0;
		if (told || needed) {
			intake_refuse(in, 400, "not JSON: %s at byte %zu of the body", error.reason, error.offset);
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
		buf_clear(&in->scratch);
		struct slice text = jtext_string(&in->json, node, &in->scratch);
		return in->json.nodes[node].escaped ? keep_text(in, text) : text;
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
	char *joined = keep(in, len), *out = joined;
	if (!joined) {
		intake_refuse(in, 503, "out of memory");
		return SLICE_NONE;
	}
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
	return keep_text(in, slice_of(text));
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
		return keep_text(in, slice_of(text));
	intake_refuse(in, 503, "no randomness to make an id of");
	return SLICE_NONE;
}

/* An id for an element that has none: the same text comes to the same id. */
static struct slice derived_id(struct intake *in, struct slice raw)
{
	static const char scheme[] = "sha256:";
	unsigned char hash[DIGEST_MOST];
	char text[sizeof scheme + 2 * DIGEST_MOST] = "sha256:";
	if (digest_hash(DIGEST_SHA256, raw, hash) < 0)
		intake_refuse(in, 503, "libcrypto cannot compute a hash");
	digest_hex(hash, digest_size(DIGEST_SHA256), text + sizeof scheme - 1);
	return keep_text(in, slice_of(text));
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
		*id = derived_id(in, e->raw);
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
	return keep_text(in, slice_of(text));
}

/* ---- rows ---- */

static void choose_destinations(struct intake *in, const struct source *s, struct slice type,
				struct journal_accept *row)
{
	char text[EVENT_NAME_LIMIT + 1];
	struct slice *list = keep(in, s->route_count * sizeof *list);
	if (!list) {
		intake_refuse(in, 503, "out of memory");
		return;
	}
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
	if (!event->type.ptr)
		event->type = SLICE("unknown");
	if (!row->error.ptr && in->status == 0)
		choose_destinations(in, e->source, event->type, row);
	size_t size = in->status ? 0 : event_line_size(event, longest_destination(row));
	if (size > EVENT_LINE_LIMIT)
		intake_refuse(in, 413, "source %s: an event of %zu bytes, as a line; the limit is %d", e->source->name,
			      size, EVENT_LINE_LIMIT);
}

/* All rows at once: a row points to its event, which must not move. */
static struct event *make_room(struct intake *in, size_t count)
{
	struct event *events = NULL;
	if (count > INTAKE_EVENTS) {
		intake_refuse(in, 413, "%zu events in one request; the limit is %d", count, INTAKE_EVENTS);
		return NULL;
	}
	in->rows = keep(in, count * sizeof *in->rows);
	if (in->rows)
		events = keep(in, count * sizeof *events);
	if (!events)
		intake_refuse(in, 503, "out of memory");
	return events;
}

static void take_whole(struct intake *in, struct element *e, const struct event *like, int64_t now)
{
	struct event *event = make_room(in, 1);
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
	struct event *events = make_room(in, jtext_length(json, array));
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

void intake_body(struct intake *in, const struct source *s, const struct request *r, int64_t now)
{
	struct event like = {.body = EVENT_NONE};
	if (r->body.len > s->body_limit) {
		intake_refuse(in, 413, "source %s: a body of more than %zu bytes", s->name, s->body_limit);
	} else if (verify_check(&s->verify, r, now, &in->why) < 0) {
		in->status = in->why.code == DIAG_NO ? 401 : 503;
		in->field_value = verify_challenge(&s->verify);
		in->field = in->field_value ? "WWW-Authenticate" : NULL;
	} else if (read_body(in, s, r, &like) == 0) {
		take(in, s, r, &like, now);
	}
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
		count->failed += in->rows[i].answer == JOURNAL_ACCEPTED && in->rows[i].error.ptr;
	}
}

int intake_answer(const struct intake *in, struct buf *body)
{
	if (in->status) {
		buf_add_text(body, "{\"error\":");
		jtext_add_string(body, slice_of(in->why.text));
		buf_add_text(body, "}\n");
		return in->status;
	}
	struct intake_count count = {0};
	intake_count(in, &count);
	buf_printf(body, "{\"accepted\":%zu", count.accepted);
	if (count.duplicates)
		buf_printf(body, ",\"duplicates\":%zu", count.duplicates);
	if (count.conflicts)
		buf_printf(body, ",\"conflicts\":%zu", count.conflicts);
	if (count.failed)
		buf_printf(body, ",\"failed\":%zu", count.failed);
	buf_add_text(body, "}\n");
	return count.accepted ? 202 : 200;
}
