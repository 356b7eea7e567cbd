/* SPDX-License-Identifier: MIT */
#include "dest.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "endpoint.h"
#include "http.h"
#include "retention.h"
#include "template.h"

/* ---- addresses ---- */

static char *read_method(struct conf_object *o, const char *otherwise)
{
	/* Answers to these have no body to read, or open a tunnel. */
	static const char *const refused[] = {"CONNECT", "HEAD", "TRACE", NULL};
	char *method = conf_string(o, "method", CONF_OPTIONAL, otherwise);
	for (char *c = method; c && *c; c++)
		*c = (char)toupper((unsigned char)*c);
	if (method && (!http_is_token(slice_of(method)) || conf_is_one_of(method, refused)))
		conf_fail(o, "method", "expected POST, PUT, PATCH, DELETE or the like");
	return method;
}

static void read_addresses(struct conf_object *o, struct dest *dest)
{
	dest->plain_http = conf_bool(o, "plain_http", false);
	dest->program = conf_bool(o, "program", false);
	if (dest->program && conf_has(o, "url"))
		conf_fail(o, "url", "\"program\" acts in its place");
	dest->url = conf_string(o, "url", dest->program ? CONF_OPTIONAL : CONF_REQUIRED, NULL);
	dest->method = read_method(o, "POST");
	if (dest->url)
		endpoint_check(o, "url", dest->url, dest->plain_http);
	if (dest->url && template_uses(slice_of(dest->url), "record"))
		conf_fail(o, "url", "{record} is known only after a first delivery: it belongs into \"update\"");

	struct conf_object update;
	conf_child(o, "update", CONF_OPTIONAL, &update);
	if (update.json) {
		dest->update_url = conf_string(&update, "url", CONF_REQUIRED, NULL);
		dest->update_method = read_method(&update, "PATCH");
		if (dest->update_url)
			endpoint_check(&update, "url", dest->update_url, dest->plain_http);
		if (!conf_has(o, "record"))
			conf_fail(o, NULL,
				  "\"update\" needs \"record\", which says where an answer holds the record's id");
	}
	conf_end(&update);
}

/* ---- maps ---- */

static int add_map(struct dest *dest, const char *type, const char *map)
{
	struct dest_map *m = &dest->maps[dest->map_count];
	m->type = strdup(type);
	m->map = strdup(map);
	dest->map_count++;
	return m->type && m->map ? 0 : -1;
}

static void read_maps(struct conf_object *o, struct dest *dest)
{
	json_t *json = conf_any(o, "map");
	if (!json)
		return;
	size_t count = json_is_object(json) ? json_object_size(json) : 1;
	dest->maps = calloc(count + 1, sizeof *dest->maps);
	if (!dest->maps) {
		conf_fail(o, "map", "out of memory");
	} else if (json_is_string(json)) {
		if (add_map(dest, "*", json_string_value(json)) < 0)
			conf_fail(o, "map", "out of memory");
	} else if (json_is_object(json)) {
		const char *type;
		json_t *map;
		json_object_foreach (json, type, map) {
			if (type[0] == '#')
				continue;
			if (!json_is_string(map))
				conf_expected(o, "map", "the name of a map for each type", map);
			else if (add_map(dest, type, json_string_value(map)) < 0)
				conf_fail(o, "map", "out of memory");
		}
	} else {
		conf_expected(o, "map", "the name of a map, or an object of types and maps", json);
	}
}

/* ---- headers and authentication ---- */

static void check_header(struct conf_object *o, const char *name, json_t *value)
{
	/* Headers that frame the message or belong to the connection are the sender's own. */
	static const char *const refused[] = {"Connection",        "Content-Length",   "Expect", "Host",
					      "Keep-Alive",        "Proxy-Connection", "TE",     "Trailer",
					      "Transfer-Encoding", "Upgrade",          NULL};
	static const char *const secret[] = {"Authorization", "Cookie", "Proxy-Authorization", NULL};
	if (!http_is_token(slice_of(name)))
		conf_fail(o, name, "is not the name of a header");
	else if (conf_is_one_of(name, refused))
		conf_fail(o, name, "is set by the sender alone");
	else if (conf_is_one_of(name, secret))
		conf_fail(o, name, "a secret belongs into a file of its own: use \"auth\"");
	else if (!json_is_string(value))
		conf_expected(o, name, "a string", value);
	else if (!http_is_field_value(slice_of(json_string_value(value))))
		conf_fail(o, name, "a header's value holds no control characters");
}

static void read_headers(struct conf_object *o, struct dest *dest)
{
	struct conf_object headers;
	conf_child(o, "headers", CONF_OPTIONAL, &headers);
	const char *name;
	json_t *value;
	dest->headers = headers.json ? calloc(json_object_size(headers.json) + 1, sizeof *dest->headers) : NULL;
	if (headers.json && !dest->headers)
		conf_fail(&headers, NULL, "out of memory");
	json_object_foreach (headers.json, name, value) {
		if (name[0] == '#')
			continue;
		conf_any(&headers, name);
		check_header(&headers, name, value);
		if (headers.conf->failed)
			break;
		struct dest_header *h = &dest->headers[dest->header_count++];
		h->name = strdup(name);
		h->value = strdup(json_string_value(value));
		if (!h->name || !h->value)
			conf_fail(&headers, name, "out of memory");
	}
	conf_end(&headers);
}

/* ---- the way there ---- */

static void read_way(struct conf_object *o, struct dest *dest)
{
	tls_load(&dest->tls, o);
	proxy_load(&dest->proxy, o);
	dest->public_only = !conf_bool(o, "private_addresses", true);
	if (dest->public_only && dest->proxy.address && *dest->proxy.address)
		conf_fail(o, "private_addresses",
			  "the proxy alone sees the address: it must refuse private ones itself");
	if (dest->public_only && !dest->proxy.address)
		dest->proxy.address = strdup(""); /* nor one of the environment */
}

/* ---- rates, retries ---- */

static void read_rate(struct conf_object *o, struct dest *dest)
{
	static const char *const expected = "a rate such as \"100/s\", \"600/m\" or \"1000/h\"";
	char *text = conf_string(o, "rate", CONF_OPTIONAL, NULL);
	if (!text) {
		if (conf_has(o, "rate"))
			conf_expected(o, "rate", expected, NULL);
		return;
	}
	char *slash = strchr(text, '/'), *end = NULL, span[8];
	double events = slash && isdigit((unsigned char)text[0]) ? strtod(text, &end) : 0;
	int64_t per_ms = 0;
	if (slash && strlen(slash + 1) == 1) {
		snprintf(span, sizeof span, "1%s", slash + 1);
		if (clock_parse_span(slice_of(span), &per_ms) < 0)
			per_ms = 0;
	}
	if (end != slash || per_ms == 0 || !(events > 0 && events <= 1e9))
		conf_expected(o, "rate", expected, json_object_get(o->json, "rate"));
	else
		dest->rate_per_ms = events / (double)per_ms;
	free(text);
}

static void read_retry(struct conf_object *o, struct dest *dest)
{
	struct conf_object retry;
	conf_child(o, "retry", CONF_OPTIONAL, &retry);
	backoff_load(&dest->backoff, &retry);
	retention_check(&retry, &dest->backoff);
	statuses_load(&dest->retry_on, &retry, "on");
	conf_end(&retry);
}

/* ---- the whole file ---- */

/* "409": what is asked for is there already, and counts as done. */
static void read_exists(struct conf_object *o, struct dest *dest)
{
	struct conf_object exists;
	conf_child(o, "exists", CONF_OPTIONAL, &exists);
	if (exists.json)
		dest->exists = (struct statuses){.ranges = {{409, 409}}, .count = 1};
	statuses_load(&dest->exists, &exists, "status");
	answer_conditions_load(&dest->exists_when, &exists, "when", false);
	answer_place_load(&dest->exists_record, &exists, "record");
	conf_end(&exists);
}

static void read_answers(struct conf_object *o, struct dest *dest)
{
	dest->success = (struct statuses){.ranges = {{200, 299}}, .count = 1};
	statuses_load(&dest->success, o, "success");
	answer_conditions_load(&dest->refused_when, o, "refused_when", true);
	read_exists(o, dest);
	answer_place_load(&dest->record, o, "record");
	answer_place_load(&dest->reason, o, "reason");
}

static void read_idempotency(struct conf_object *o, struct dest *dest)
{
	dest->idempotency_header = conf_string(o, "idempotency_header", CONF_OPTIONAL, "Idempotency-Key");
	if (dest->idempotency_header && !*dest->idempotency_header) {
		free(dest->idempotency_header);
		dest->idempotency_header = NULL;
	} else if (dest->idempotency_header && !http_is_token(slice_of(dest->idempotency_header))) {
		conf_expected(o, "idempotency_header", "the name of a header, or \"\" for none", NULL);
	}
}

static void read_order(struct conf_object *o, struct dest *dest)
{
	static const char *const orders[] = {"none", "subject", NULL}, *const on_failure[] = {"continue", "hold", NULL};
	dest->ordered = conf_choice(o, "order", orders, dest->update_url ? 1 : 0) == 1;
	if (dest->update_url && !dest->ordered)
		conf_fail(o, "order", "\"update\" needs \"subject\"");
	dest->failed_hold = conf_choice(o, "order_on_failure", on_failure, 0) == 1;
	if (dest->failed_hold && !dest->ordered)
		conf_fail(o, "order_on_failure", "without \"order\": \"subject\" there is no order to keep");
}

static void read_dest(struct conf_object *o, struct dest *dest)
{
	static const char *const ambiguous[] = {"retry", "fail", NULL}, *const gone[] = {"fail", "retry", NULL};
	read_addresses(o, dest);
	read_maps(o, dest);
	dest->has_when = conf_any(o, "when") != NULL;
	auth_load(&dest->auth, o, dest->plain_http);
	read_headers(o, dest);
	signing_load(&dest->signing, o);
	read_way(o, dest);
	read_answers(o, dest);
	read_idempotency(o, dest);
	read_order(o, dest);
	dest->timeout_ms = conf_span(o, "timeout", 1, CLOCK_HOUR, 30 * CLOCK_SECOND);
	dest->concurrency = (int)conf_integer(o, "concurrency", 1, 1000, 16);
	read_rate(o, dest);
	dest->ambiguous_fails = conf_choice(o, "ambiguous", ambiguous, 0) == 1;
	dest->gone_retries = conf_choice(o, "gone", gone, 0) == 1;
	read_retry(o, dest);
	conf_end(o);
}

struct dest *dest_load(const char *dir, struct slice name, struct diag *d)
{
	struct dest *dest = calloc(1, sizeof *dest);
	if (!dest || !(dest->name = strndup(name.ptr, name.len))) {
		diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
		dest_free(dest);
		return NULL;
	}
	struct conf conf;
	struct conf_object root;
	if (conf_open(&conf, dir, "destinations", name, &root, d) == 0)
		read_dest(&root, dest);
	if (conf_close(&conf) == 0)
		return dest;
	dest_free(dest);
	return NULL;
}

void dest_free(struct dest *dest)
{
	if (!dest)
		return;
	for (size_t i = 0; i < dest->map_count; i++) {
		free(dest->maps[i].type);
		free(dest->maps[i].map);
	}
	for (size_t i = 0; i < dest->header_count; i++) {
		free(dest->headers[i].name);
		free(dest->headers[i].value);
	}
	free(dest->maps);
	free(dest->headers);
	free(dest->name);
	free(dest->url);
	free(dest->method);
	free(dest->update_url);
	free(dest->update_method);
	auth_free(&dest->auth);
	signing_free(&dest->signing);
	tls_free(&dest->tls);
	proxy_free(&dest->proxy);
	answer_place_free(&dest->record);
	answer_place_free(&dest->reason);
	answer_place_free(&dest->exists_record);
	answer_conditions_free(&dest->exists_when);
	answer_conditions_free(&dest->refused_when);
	free(dest->idempotency_header);
	free(dest);
}

int dest_map_for(const struct dest *dest, struct slice type, const char **map)
{
	char text[EVENT_NAME_LIMIT + 1];
	*map = NULL;
	if (!dest->maps)
		return 0;
	if (type.len >= sizeof text)
		return -1;
	memcpy(text, type.ptr, type.len);
	text[type.len] = '\0';
	for (size_t i = 0; i < dest->map_count; i++) {
		if (fnmatch(dest->maps[i].type, text, 0) == 0) {
			*map = dest->maps[i].map;
			return 0;
		}
	}
	return -1;
}

struct journal_route dest_route(const struct dest *dest)
{
	return (struct journal_route){.destination = dest->name,
				      .ordered = dest->ordered,
				      .failed_hold = dest->failed_hold,
				      .ambiguous_fails = dest->ambiguous_fails,
				      .attempts = (int)dest->backoff.count + 1};
}
