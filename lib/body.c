/* SPDX-License-Identifier: MIT */
#include "body.h"

#include <ctype.h>

void body_room_free(struct body_room *room)
{
	jtext_free(&room->json);
	buf_free(&room->made);
	buf_free(&room->text);
}

/* The text of a scalar; null has none. */
static struct slice scalar_text(struct body_room *room, uint32_t node)
{
	enum jtext_type type = jtext_type(&room->json, node);
	buf_clear(&room->text);
	if (type == JTEXT_STRING)
		return jtext_string(&room->json, node, &room->text);
	return type == JTEXT_NULL ? SLICE("") : jtext_raw(&room->json, node);
}

/* ---- forms: the URL standard's application/x-www-form-urlencoded ---- */

static void add_encoded(struct buf *b, struct slice text)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c == ' ')
			buf_add_char(b, '+');
		else if (isalnum(c) || (c && strchr("*-._", c)))
			buf_add_char(b, (char)c);
		else
			buf_add(b, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
	}
}

static int add_pair(struct body_room *room, uint32_t key, uint32_t value)
{
	if (jtext_type(&room->json, value) >= JTEXT_ARRAY)
		return -1;
	if (room->made.len)
		buf_add_char(&room->made, '&');
	add_encoded(&room->made, scalar_text(room, key));
	buf_add_char(&room->made, '=');
	add_encoded(&room->made, scalar_text(room, value));
	return 0;
}

/* An array is its name once for each element. */
static int add_form(struct body_room *room)
{
	const struct jtext *j = &room->json;
	if (jtext_type(j, 0) != JTEXT_OBJECT)
		return -1;
	for (uint32_t k = jtext_first(j, 0); k < jtext_end(j, 0); k = jtext_next(j, k + 1)) {
		uint32_t value = k + 1;
		bool list = jtext_type(j, value) == JTEXT_ARRAY;
		if (!list && add_pair(room, k, value) < 0)
			return -1;
		for (uint32_t n = jtext_first(j, value); list && n < jtext_end(j, value); n = jtext_next(j, n))
			if (add_pair(room, k, n) < 0)
				return -1;
	}
	return 0;
}

/* ---- */

static int set_bytes(struct body_room *room, const struct map *map, struct event *e, struct diag *d)
{
	struct jtext_error error;
	buf_clear(&room->made);
	if (jtext_parse(&room->json, e->data, &error) < 0)
		return diag_fail(d, DIAG_DATA, "map %s: the mapped event is %s", map->name, error.reason);
	if (map->body == MAP_FORM && add_form(room) < 0)
		return diag_fail(d, DIAG_DATA,
				 "map %s: body form: expected an object of strings, numbers, booleans and "
				 "lists of these",
				 map->name);
	if (map->body == MAP_TEXT && jtext_type(&room->json, 0) >= JTEXT_ARRAY)
		return diag_fail(d, DIAG_DATA, "map %s: body text: expected a string, a number or a boolean",
				 map->name);
	if (map->body == MAP_TEXT)
		buf_add_slice(&room->made, scalar_text(room, 0));
	e->body = EVENT_BYTES;
	e->data = buf_slice(&room->made);
	e->content_type =
	    map->body == MAP_FORM ? SLICE("application/x-www-form-urlencoded") : SLICE("text/plain; charset=utf-8");
	return 0;
}

/* The event as others know it: what concerns its way through evt stays behind. */
static void set_structured(struct body_room *room, struct event *e)
{
	struct event bare = *e;
	bare.recorded_at = bare.claim = bare.attempt = 0;
	bare.destination = bare.map = bare.mode = bare.skip = bare.error = bare.raw = SLICE_NONE;
	bare.content_type = SLICE("application/json");
	buf_clear(&room->made);
	event_write(&room->made, &bare);
	e->data = (struct slice){buf_slice(&room->made).ptr, room->made.len ? room->made.len - 1 : 0};
	e->content_type = SLICE("application/cloudevents+json");
}

int body_set(struct body_room *room, const struct map *map, struct event *e, struct diag *d)
{
	static const struct slice json_type = {"application/json", 16};
	switch (map->body) {
	case MAP_FORM:
	case MAP_TEXT:
		if (set_bytes(room, map, e, d) < 0)
			return -1;
		break;
	case MAP_CLOUDEVENTS:
		set_structured(room, e);
		break;
	default:
		if (map->body == MAP_CLOUDEVENTS_BINARY)
			e->mode = SLICE("binary");
		if (e->content_type.ptr) /* of what it was mapped from */
			e->content_type = json_type;
		return 0;
	}
	return buf_ok(&room->made) && buf_ok(&room->text) ? 0 : diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
}
