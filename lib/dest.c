/* SPDX-License-Identifier: MIT */
#include "dest.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <openssl/crypto.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "address.h"
#include "clock.h"
#include "template.h"

/* ---- addresses ---- */

static bool is_one_of(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (strcasecmp(text, *list) == 0)
			return true;
	return false;
}

/* Judged with a value in place of each expression. */
static void check_url(struct conf_object *o, const char *key, const char *text, bool plain_http)
{
	static const struct template_values sample = {SLICE("x"), SLICE("x"), SLICE("x"), SLICE("x")};
	struct diag why;
	struct address address;
	struct buf expanded = BUF_INIT;
	if (template_check(slice_of(text), &why) < 0 || template_expand(&expanded, slice_of(text), &sample, &why) < 0 ||
	    address_parse(buf_slice(&expanded), &address, &why) < 0)
		conf_fail(o, key, "%s", why.text);
	else if (!address.tls && !plain_http && !address_is_loopback(&address))
		conf_fail(o, key, "plain http to %.*s can be read on its way: use https, or \"plain_http\": true",
			  (int)address.host.len, address.host.ptr);
	buf_free(&expanded);
}

/* An address that is the same for every event. */
static void check_fixed_url(struct conf_object *o, const char *key, const char *text, bool plain_http)
{
	if (strchr(text, '{'))
		conf_fail(o, key, "this address is the same for every event: no {...} in it");
	else
		check_url(o, key, text, plain_http);
}

static char *read_method(struct conf_object *o, const char *otherwise)
{
	/* Answers to these have no body to read, or open a tunnel. */
	static const char *const refused[] = {"CONNECT", "HEAD", "TRACE", NULL};
	char *method = conf_string(o, "method", CONF_OPTIONAL, otherwise);
	for (char *c = method; c && *c; c++)
		*c = (char)toupper((unsigned char)*c);
	if (method && (!conf_is_token(method) || is_one_of(method, refused)))
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
		check_url(o, "url", dest->url, dest->plain_http);
	if (dest->url && template_uses(slice_of(dest->url), "record"))
		conf_fail(o, "url", "{record} is known only after a first delivery: it belongs into \"update\"");

	struct conf_object update;
	conf_child(o, "update", CONF_OPTIONAL, &update);
	if (update.json) {
		dest->update_url = conf_string(&update, "url", CONF_REQUIRED, NULL);
		dest->update_method = read_method(&update, "PATCH");
		if (dest->update_url)
			check_url(&update, "url", dest->update_url, dest->plain_http);
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
	if (!conf_is_token(name))
		conf_fail(o, name, "is not the name of a header");
	else if (is_one_of(name, refused))
		conf_fail(o, name, "is set by the sender alone");
	else if (is_one_of(name, secret))
		conf_fail(o, name, "a secret belongs into a file of its own: use \"auth\"");
	else if (!json_is_string(value))
		conf_expected(o, name, "a string", value);
	else if (!conf_is_field_value(slice_of(json_string_value(value))))
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

static void read_auth(struct conf_object *o, struct dest *dest)
{
	static const char *const schemes[] = {"none", "bearer", "basic", "header", "oauth2", NULL};
	static const char *const files[] = {NULL, "token_file", "password_file", "value_file"};
	struct conf_object auth;
	conf_child(o, "auth", CONF_OPTIONAL, &auth);
	dest->auth = (enum dest_auth)conf_choice(&auth, "scheme", schemes, DEST_AUTH_NONE);
	if (auth.json && !conf_has(&auth, "scheme"))
		conf_fail(&auth, NULL, "\"scheme\" is missing");
	if (dest->auth == DEST_AUTH_BASIC) {
		dest->auth_user = conf_string(&auth, "user", CONF_REQUIRED, NULL);
		if (dest->auth_user &&
		    (strchr(dest->auth_user, ':') || !conf_is_field_value(slice_of(dest->auth_user))))
			conf_fail(&auth, "user", "a user's name holds neither ':' nor control characters (RFC 7617)");
	}
	if (dest->auth == DEST_AUTH_HEADER) {
		dest->auth_header = conf_string(&auth, "name", CONF_REQUIRED, NULL);
		if (dest->auth_header && !conf_is_token(dest->auth_header))
			conf_expected(&auth, "name", "the name of a header", NULL);
	}
	if (dest->auth == DEST_AUTH_OAUTH2) {
		token_config_load(&dest->oauth, &auth);
		if (dest->oauth.url)
			check_fixed_url(&auth, "token_url", dest->oauth.url, dest->plain_http);
	} else if (dest->auth != DEST_AUTH_NONE) {
		const char *key = files[dest->auth];
		conf_secrets(&auth, key, CONF_REQUIRED, &dest->secret);
		if (dest->secret.count && !conf_is_field_value(dest->secret.lines[0]))
			conf_fail(&auth, key, "the secret holds control characters");
	}
	conf_end(&auth);
}

/* ---- TLS and the way there ---- */

static void read_tls(struct conf_object *o, struct dest *dest)
{
	static const char *const versions[] = {"1.2", "1.3", NULL};
	struct conf_object tls;
	conf_child(o, "tls", CONF_OPTIONAL, &tls);
	dest->ca_file = conf_file(&tls, "ca_file", CONF_FILE_OPEN);
	dest->cert_file = conf_file(&tls, "cert_file", CONF_FILE_OPEN);
	dest->key_file = conf_file(&tls, "key_file", CONF_FILE_SECRET);
	dest->tls_13 = conf_choice(&tls, "minimum", versions, 0) == 1;
	if (!dest->cert_file != !dest->key_file)
		conf_fail(&tls, NULL, "\"cert_file\" and \"key_file\" belong together");
	conf_end(&tls);
}

static void check_proxy(struct conf_object *o, const char *text)
{
	static const char *const schemes[] = {"http", "https", "socks4", "socks4a", "socks5", "socks5h", NULL};
	const char *rest = strstr(text, "://");
	struct address address;
	struct diag why;
	struct buf plain = BUF_INIT;
	char scheme[8];
	snprintf(scheme, sizeof scheme, "%.*s", (int)(rest ? rest - text : 0), text);
	/* What stands behind the scheme is judged like any other address. */
	buf_printf(&plain, "http%s", rest ? rest : "");
	if (!rest || rest - text >= (ptrdiff_t)sizeof scheme || !is_one_of(scheme, schemes))
		conf_fail(o, "proxy", "expected an address such as \"http://proxy:3128\" or \"socks5h://proxy:1080\"");
	else if (strchr(rest, '@'))
		conf_fail(o, "proxy", "a name and password do not belong into an address: use \"proxy_auth\"");
	else if (address_parse(buf_slice(&plain), &address, &why) < 0)
		conf_fail(o, "proxy", "%s", why.text);
	buf_free(&plain);
}

static void read_proxy(struct conf_object *o, struct dest *dest)
{
	struct secrets password = {0};
	struct conf_object auth;
	dest->proxy = conf_string(o, "proxy", CONF_OPTIONAL, NULL);
	if (dest->proxy && *dest->proxy)
		check_proxy(o, dest->proxy);
	conf_child(o, "proxy_auth", CONF_OPTIONAL, &auth);
	if (auth.json) {
		dest->proxy_user = conf_string(&auth, "user", CONF_REQUIRED, NULL);
		conf_secrets(&auth, "password_file", CONF_REQUIRED, &password);
		if (!dest->proxy || !*dest->proxy)
			conf_fail(o, "proxy_auth", "there is no \"proxy\"");
	}
	if (password.count) {
		dest->proxy_password = strndup(password.lines[0].ptr, password.lines[0].len);
		if (!dest->proxy_password)
			conf_fail(o, "proxy_auth", "out of memory");
	}
	secrets_free(&password);
	conf_end(&auth);
	dest->public_only = !conf_bool(o, "private_addresses", true);
	if (dest->public_only && dest->proxy && *dest->proxy)
		conf_fail(o, "private_addresses",
			  "the proxy alone sees the address: it must refuse private ones itself");
	if (dest->public_only && !dest->proxy)
		dest->proxy = strdup(""); /* nor one of the environment */
}

/* ---- statuses, rates, retries ---- */

/* "2xx", "409" or 409. */
static int parse_statuses(const json_t *json, int *least, int *most)
{
	if (json_is_integer(json)) {
		json_int_t status = json_integer_value(json);
		*least = *most = status >= 100 && status <= 599 ? (int)status : 0;
		return *least ? 0 : -1;
	}
	const char *text = json_string_value(json);
	if (!text || strlen(text) != 3 || text[0] < '1' || text[0] > '5')
		return -1;
	if (strcasecmp(text + 1, "xx") == 0) {
		*least = (text[0] - '0') * 100;
		*most = *least + 99;
		return 0;
	}
	if (!isdigit((unsigned char)text[1]) || !isdigit((unsigned char)text[2]))
		return -1;
	*least = *most = atoi(text);
	return 0;
}

static void read_statuses(struct conf_object *o, const char *key, struct dest_statuses *s)
{
	json_t *list = conf_any(o, key), *element;
	size_t i;
	if (!list)
		return;
	*s = (struct dest_statuses){.count = 0};
	if (!json_is_array(list) || json_array_size(list) > DEST_STATUSES) {
		conf_expected(o, key, "a list of statuses such as \"2xx\" or \"409\"", list);
		return;
	}
	json_array_foreach (list, i, element) {
		if (parse_statuses(element, &s->ranges[i].least, &s->ranges[i].most) < 0)
			conf_expected(o, key, "statuses such as \"2xx\" or \"409\"", element);
		s->count++;
	}
}

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

static void read_schedule(struct conf_object *o, struct dest *dest)
{
	static const int64_t usual[] = {5 * CLOCK_SECOND, 5 * CLOCK_MINUTE, 30 * CLOCK_MINUTE,
					2 * CLOCK_HOUR,   5 * CLOCK_HOUR,   10 * CLOCK_HOUR,
					14 * CLOCK_HOUR,  20 * CLOCK_HOUR,  24 * CLOCK_HOUR};
	json_t *list = conf_any(o, "schedule"), *element;
	size_t i;
	if (!list) {
		memcpy(dest->schedule_ms, usual, sizeof usual);
		dest->schedule_count = sizeof usual / sizeof usual[0];
		return;
	}
	if (!json_is_array(list) || json_array_size(list) > DEST_STEPS) {
		char expected[64];
		snprintf(expected, sizeof expected, "a list of at most %d durations", DEST_STEPS);
		conf_expected(o, "schedule", expected, list);
		return;
	}
	json_array_foreach (list, i, element) {
		int64_t *step = &dest->schedule_ms[dest->schedule_count++];
		if (!json_is_string(element) || clock_parse_span(slice_of(json_string_value(element)), step) < 0 ||
		    *step > CLOCK_DAY)
			conf_expected(o, "schedule", "durations such as \"5m\", none over 24h", element);
	}
}

static void read_retry(struct conf_object *o, struct dest *dest)
{
	struct conf_object retry;
	conf_child(o, "retry", CONF_OPTIONAL, &retry);
	read_schedule(&retry, dest);
	dest->jitter = conf_number(&retry, "jitter", 0, 1, 0.1);
	read_statuses(&retry, "on", &dest->retry_on);
	conf_end(&retry);
}

/* ---- the whole file ---- */

/* "409": what is asked for is there already, and counts as done. */
static void read_exists(struct conf_object *o, struct dest *dest)
{
	struct conf_object exists;
	conf_child(o, "exists", CONF_OPTIONAL, &exists);
	if (exists.json)
		dest->exists = (struct dest_statuses){.ranges = {{409, 409}}, .count = 1};
	read_statuses(&exists, "status", &dest->exists);
	answer_conditions_load(&dest->exists_when, &exists, "when", false);
	answer_place_load(&dest->exists_record, &exists, "record");
	conf_end(&exists);
}

static void read_answers(struct conf_object *o, struct dest *dest)
{
	dest->success = (struct dest_statuses){.ranges = {{200, 299}}, .count = 1};
	read_statuses(o, "success", &dest->success);
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
	} else if (dest->idempotency_header && !conf_is_token(dest->idempotency_header)) {
		conf_expected(o, "idempotency_header", "the name of a header, or \"\" for none", NULL);
	}
}

static void read_order(struct conf_object *o, struct dest *dest)
{
	static const char *const orders[] = {"none", "subject", NULL};
	dest->ordered = conf_choice(o, "order", orders, dest->update_url ? 1 : 0) == 1;
	if (dest->update_url && !dest->ordered)
		conf_fail(o, "order", "\"update\" needs \"subject\"");
}

static void read_dest(struct conf_object *o, struct dest *dest)
{
	static const char *const ambiguous[] = {"retry", "fail", NULL}, *const gone[] = {"fail", "retry", NULL};
	read_addresses(o, dest);
	read_maps(o, dest);
	dest->has_when = conf_any(o, "when") != NULL;
	read_auth(o, dest);
	read_headers(o, dest);
	signing_load(&dest->signing, o);
	read_tls(o, dest);
	read_proxy(o, dest);
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
	free(dest->auth_header);
	free(dest->auth_user);
	secrets_free(&dest->secret);
	token_config_free(&dest->oauth);
	signing_free(&dest->signing);
	free(dest->ca_file);
	free(dest->cert_file);
	free(dest->key_file);
	free(dest->proxy);
	free(dest->proxy_user);
	if (dest->proxy_password)
		OPENSSL_cleanse(dest->proxy_password, strlen(dest->proxy_password));
	free(dest->proxy_password);
	answer_place_free(&dest->record);
	answer_place_free(&dest->reason);
	answer_place_free(&dest->exists_record);
	answer_conditions_free(&dest->exists_when);
	answer_conditions_free(&dest->refused_when);
	free(dest->idempotency_header);
	free(dest);
}

bool dest_statuses_hold(const struct dest_statuses *s, int status)
{
	for (size_t i = 0; i < s->count; i++)
		if (status >= s->ranges[i].least && status <= s->ranges[i].most)
			return true;
	return false;
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
				      .ambiguous_fails = dest->ambiguous_fails,
				      .attempts = (int)dest->schedule_count + 1};
}

/* ---- the folder ---- */

static int add_dest(struct slice name, void *context, struct diag *d)
{
	struct dests *all = context;
	struct diag why;
	struct dest *dest = dest_load(all->dir, name, &why);
	if (!dest) {
		diag_error("%s", why.text);
		all->broken++;
		return 0;
	}
	struct dest **list = realloc(all->list, (all->count + 1) * sizeof(struct dest *));
	if (!list) {
		dest_free(dest);
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	}
	all->list = list;
	all->list[all->count++] = dest;
	return 0;
}

int dests_load(struct dests *all, const char *dir, struct diag *d)
{
	*all = (struct dests){.dir = dir};
	if (conf_each(dir, "destinations", add_dest, all, d) >= 0)
		return 0;
	dests_free(all);
	return -1;
}

void dests_free(struct dests *all)
{
	for (size_t i = 0; i < all->count; i++)
		dest_free(all->list[i]);
	free(all->list);
	*all = (struct dests){.list = NULL};
}

struct dest *dests_find(const struct dests *all, struct slice name)
{
	for (size_t i = 0; i < all->count; i++)
		if (slice_is(name, all->list[i]->name))
			return all->list[i];
	return NULL;
}
