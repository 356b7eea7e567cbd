/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>

enum { BODY_LEAST = 1024, BODY_MOST = 64 * 1024 * 1024 };

/* ---- values ---- */

static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(text, prefix, len) == 0 && text[len] ? text + len : NULL;
}

static const char expected_value[] = "a JSON Pointer, \"header:NAME\", \"const:TEXT\", or a list of up to 8 of these";

static void load_piece(struct source_value *value, struct conf_object *o, const char *key, const json_t *json)
{
	const char *text = json_string_value(json);
	struct source_piece *piece = &value->pieces[value->count];
	*piece = (struct source_piece){.kind = SOURCE_POINTER};
	if (!text) {
		conf_expected(o, key, expected_value, json);
		return;
	}
	piece->text = strdup(text);
	if (!piece->text) {
		conf_fail(o, key, "out of memory");
		return;
	}
	value->count++;
	if ((piece->rest = after(piece->text, "header:")))
		piece->kind = SOURCE_HEADER;
	else if ((piece->rest = after(piece->text, "const:")))
		piece->kind = SOURCE_CONST;
	else if (jtext_pointer_parse(&piece->pointer, slice_of(piece->text)) < 0)
		conf_expected(o, key, expected_value, json);
}

static void load_value(struct source_value *value, struct conf_object *o, const char *key)
{
	const json_t *json = conf_any(o, key), *item;
	size_t i;
	if (!json)
		return;
	if (!json_is_array(json)) {
		load_piece(value, o, key, json);
		return;
	}
	if (json_array_size(json) == 0 || json_array_size(json) > SOURCE_PIECES)
		conf_expected(o, key, expected_value, json);
	for (i = 0; !o->conf->failed && (item = json_array_get(json, i)); i++)
		load_piece(value, o, key, item);
}

static void free_value(struct source_value *value)
{
	for (size_t i = 0; i < value->count; i++) {
		free(value->pieces[i].text);
		jtext_pointer_free(&value->pieces[i].pointer);
	}
}

bool source_value_reads(const struct source_value *value, enum source_piece_kind kind)
{
	for (size_t i = 0; i < value->count; i++)
		if (value->pieces[i].kind == kind)
			return true;
	return false;
}

bool source_reads_json(const struct source *s)
{
	return s->split || source_value_reads(&s->id, SOURCE_POINTER) || source_value_reads(&s->type, SOURCE_POINTER) ||
	       source_value_reads(&s->subject, SOURCE_POINTER) || source_value_reads(&s->time, SOURCE_POINTER);
}

static void load_values(struct source *s, struct conf_object *o)
{
	load_value(&s->id, o, "id");
	load_value(&s->type, o, "type");
	load_value(&s->subject, o, "subject");
	load_value(&s->time, o, "time");
	if (s->format == SOURCE_CLOUDEVENTS) {
		if (s->id.count || s->type.count || s->subject.count || s->time.count || s->split)
			conf_fail(
			    o, "format",
			    "CloudEvents say id, type, subject and time themselves: leave these keys, and split, out");
		return;
	}
	if (s->type.count == 0)
		conf_fail(o, NULL, "\"type\" is missing; where all events are alike, write \"const:NAME\"");
	if (s->id.count && !source_value_reads(&s->id, SOURCE_POINTER) && !source_value_reads(&s->id, SOURCE_HEADER))
		conf_fail(o, "id", "every event would have this id, and all but the first be a duplicate");
}

static void load_split(struct source *s, struct conf_object *o)
{
	s->split = conf_string(o, "split", CONF_OPTIONAL, NULL);
	if (s->split && jtext_pointer_parse(&s->split_at, slice_of(s->split)) < 0)
		conf_expected(o, "split", "a JSON Pointer, such as \"/events\", or \"\"",
			      json_object_get(o->json, "split"));
}

/* ---- destinations ---- */

static void load_globs(struct source_route *route, struct conf_object *o, const json_t *json)
{
	const json_t *item;
	size_t count = json_array_size(json);
	route->globs = calloc(count ? count : 1, sizeof *route->globs);
	for (size_t i = 0; route->globs && (item = json_array_get(json, i)); i++) {
		const char *glob = json_string_value(item);
		if (!glob || !(route->globs[i] = strdup(glob)))
			break;
		route->glob_count++;
	}
	if (count == 0 || route->glob_count < count)
		conf_expected(o, route->destination,
			      "a list of patterns for the type, such as [\"contact.*\"] or [\"*\"]", json);
}

static void load_route(struct source *s, struct conf_object *o, const char *destination, const json_t *json)
{
	struct source_route *route = &s->routes[s->route_count++];
	route->destination = strdup(destination);
	if (!route->destination)
		conf_fail(o, NULL, "out of memory");
	else if (!conf_is_name(slice_of(destination)))
		conf_fail(o, destination, "not a name for a destination: only letters, digits, '.', '_' and '-' are");
	else
		load_globs(route, o, json);
}

static void load_routes(struct source *s, struct conf_object *source)
{
	struct conf_object o;
	const char *name;
	json_t *json;
	conf_child(source, "destinations", CONF_REQUIRED, &o);
	s->routes = calloc(json_object_size(o.json) + 1, sizeof *s->routes);
	if (!s->routes)
		conf_fail(&o, NULL, "out of memory");
	json_object_foreach (o.json, name, json) {
		if (o.conf->failed)
			break;
		if (name[0] != '#' && conf_any(&o, name))
			load_route(s, &o, name, json);
	}
	conf_end(&o);
}

bool source_route_takes(const struct source_route *route, const char *type)
{
	for (size_t i = 0; i < route->glob_count; i++)
		if (fnmatch(route->globs[i], type, 0) == 0)
			return true;
	return false;
}

/* ---- one file, and all of them ---- */

static void load_form(struct source *s, struct conf_object *o)
{
	char *form = conf_string(o, "form", CONF_OPTIONAL, NULL);
	const char *field = form ? after(form, "field:") : NULL;
	if (field && !(s->form_field = strdup(field)))
		conf_fail(o, NULL, "out of memory");
	else if (form && !field && strcmp(form, "object") != 0)
		conf_expected(o, "form", "\"object\" or \"field:NAME\"", json_object_get(o->json, "form"));
	s->form = field ? SOURCE_FORM_FIELD : form ? SOURCE_FORM_OBJECT : SOURCE_FORM_BYTES;
	free(form);
}

static void load_reply(struct source_reply *reply, struct conf_object *source)
{
	struct conf_object o;
	if (!conf_has(source, "reply"))
		return;
	conf_child(source, "reply", CONF_REQUIRED, &o);
	reply->status = (int)conf_integer(&o, "status", 200, 299, 200);
	reply->type = conf_string(&o, "type", CONF_OPTIONAL, "application/json");
	reply->body = conf_string(&o, "body", CONF_OPTIONAL, "");
	if (reply->type && strpbrk(reply->type, "\r\n"))
		conf_fail(&o, "type", "expected a media type");
	conf_end(&o);
}

static bool leaves_id_unsigned(const struct source *s)
{
	if (s->verify.kind != VERIFY_HMAC)
		return false;
	if (s->format == SOURCE_CLOUDEVENTS) /* the binary ones; the others have their id in the body */
		return !verify_covers(&s->verify, "ce-id") || !verify_covers(&s->verify, "ce-source");
	for (size_t i = 0; i < s->id.count; i++)
		if (s->id.pieces[i].kind == SOURCE_HEADER && !verify_covers(&s->verify, s->id.pieces[i].rest))
			return true;
	return s->id.count == 0; /* each request has one of its own */
}

static void load(struct source *s, struct conf_object *o)
{
	static const char *const formats[] = {"plain", "cloudevents", NULL};
	char *public_url = conf_string(o, "public_url", CONF_OPTIONAL, NULL);
	verify_load(&s->verify, o, public_url);
	free(public_url);
	s->format = (enum source_format)conf_choice(o, "format", formats, SOURCE_PLAIN);
	load_split(s, o);
	load_values(s, o);
	s->id_unsigned = leaves_id_unsigned(s);
	load_routes(s, o);
	load_form(s, o);
	load_reply(&s->reply, o);
	handshake_load(&s->handshake, o);
	if (s->handshake.kind == HANDSHAKE_ZOOM && s->verify.keys.count == 0)
		conf_fail(o, "handshake", "Zoom's answer is made with the secret of \"verify\", which has none");
	s->body_limit = (size_t)conf_integer(o, "body_limit", BODY_LEAST, BODY_MOST, SOURCE_BODY_LIMIT);
}

struct source *source_load(const char *dir, struct slice name, struct diag *d)
{
	struct conf c;
	struct conf_object root;
	struct source *s = calloc(1, sizeof *s);
	if (!s || !(s->name = strndup(name.ptr, name.len))) {
		free(s);
		diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
		return NULL;
	}
	if (conf_open(&c, dir, "sources", name, &root, d) == 0) {
		load(s, &root);
		conf_end(&root);
	}
	if (conf_close(&c) == 0)
		return s;
	source_free(s);
	return NULL;
}

void source_free(struct source *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->route_count; i++) {
		for (size_t k = 0; k < s->routes[i].glob_count; k++)
			free(s->routes[i].globs[k]);
		free(s->routes[i].globs);
		free(s->routes[i].destination);
	}
	free_value(&s->id);
	free_value(&s->type);
	free_value(&s->subject);
	free_value(&s->time);
	jtext_pointer_free(&s->split_at);
	verify_free(&s->verify);
	handshake_free(&s->handshake);
	free(s->form_field);
	free(s->reply.type);
	free(s->reply.body);
	free(s->routes);
	free(s->split);
	free(s->name);
	free(s);
}

static int add(struct slice name, void *context, struct diag *d)
{
	struct sources *all = context;
	struct source **list = realloc(all->list, (all->count + 1) * sizeof(struct source *));
	if (!list)
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	all->list = list;
	list[all->count] = source_load(all->dir, name, d);
	if (!list[all->count])
		return -1;
	all->count++;
	return 0;
}

/* All or nothing. */
static int settle(struct sources *all, int result)
{
	if (result >= 0)
		return 0;
	sources_free(all);
	return -1;
}

int sources_load_one(struct sources *all, const char *dir, struct slice name, struct diag *d)
{
	*all = (struct sources){.dir = dir};
	return settle(all, add(name, all, d));
}

int sources_load(struct sources *all, const char *dir, struct diag *d)
{
	*all = (struct sources){.dir = dir};
	int count = conf_each(dir, "sources", add, all, d);
	if (count == 0)
		count = diag_fail(d, DIAG_CONFIG, "%s/sources: no source: expected files NAME.json", dir);
	return settle(all, count);
}

void sources_free(struct sources *all)
{
	for (size_t i = 0; i < all->count; i++)
		source_free(all->list[i]);
	free(all->list);
	*all = (struct sources){.list = NULL};
}

struct source *sources_find(const struct sources *all, struct slice name)
{
	for (size_t i = 0; i < all->count; i++)
		if (slice_is(name, all->list[i]->name))
			return all->list[i];
	return NULL;
}
