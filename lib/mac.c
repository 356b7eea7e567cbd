/* SPDX-License-Identifier: MIT */
#include "mac.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base64.h"

enum {
	KEY_LEAST = 16
}; /* bytes of a standard-webhooks key: the specification asks for 24, but shorter ones are in use */
static const char whsec[] = "whsec_";

/* ---- templates ---- */

static void add_part(struct mac_template *t, struct conf_object *o, const char *key, enum mac_piece piece,
		     struct slice text)
{
	if (t->count == MAC_PARTS) {
		conf_fail(o, key, "more than %d pieces", MAC_PARTS);
		return;
	}
	char *copy = text.ptr ? strndup(text.ptr, text.len) : NULL;
	t->parts[t->count++] = (struct mac_part){piece, copy};
	if (text.ptr && !copy)
		conf_fail(o, key, "out of memory");
}

static void add_placeholder(struct mac_template *t, struct conf_object *o, const char *key, struct slice name)
{
	static const char *const names[] = {[MAC_BODY] = "body",
					    [MAC_TIMESTAMP] = "timestamp",
					    [MAC_URL] = "url",
					    [MAC_METHOD] = "method",
					    [MAC_ID] = "id"};
	for (int piece = MAC_BODY; piece <= MAC_ID; piece++) {
		if (slice_is(name, names[piece])) {
			add_part(t, o, key, (enum mac_piece)piece, SLICE_NONE);
			return;
		}
	}
	conf_fail(o, key, "unknown {%.*s}: expected {body}, {timestamp}, {url}, {method} or {id}", (int)name.len,
		  name.ptr);
}

void mac_template_load(struct mac_template *t, struct conf_object *o, const char *key, const char *text)
{
	while (*text && !o->conf->failed) {
		const char *open = strchr(text, '{'), *close = open ? strchr(open, '}') : NULL;
		size_t plain = open ? (size_t)(open - text) : strlen(text);
		if (plain)
			add_part(t, o, key, MAC_TEXT, (struct slice){text, plain});
		if (!open)
			return;
		if (!close) {
			conf_fail(o, key, "a { without its }");
			return;
		}
		add_placeholder(t, o, key, (struct slice){open + 1, (size_t)(close - open - 1)});
		text = close + 1;
	}
}

void mac_template_free(struct mac_template *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->parts[i].text);
	t->count = 0;
}

bool mac_template_holds(const struct mac_template *t, enum mac_piece piece)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->parts[i].piece == piece)
			return true;
	return false;
}

enum digest_algorithm mac_load_algorithm(struct conf_object *o)
{
	static const char *const algorithms[] = {"sha1", "sha256", "sha512", NULL};
	return (enum digest_algorithm)conf_choice(o, "algorithm", algorithms, DIGEST_SHA256);
}

enum mac_encoding mac_load_encoding(struct conf_object *o)
{
	static const char *const encodings[] = {"hex", "base64", NULL};
	return (enum mac_encoding)conf_choice(o, "encoding", encodings, MAC_HEX);
}

/* ---- keys ---- */

static int decode_key(struct mac_keys *k, struct slice line, struct slice *key)
{
	size_t prefix = sizeof whsec - 1, start = k->decoded.len;
	if (line.len >= prefix && memcmp(line.ptr, whsec, prefix) == 0)
		line = (struct slice){line.ptr + prefix, line.len - prefix};
	if (base64_add_decoded(&k->decoded, line) < 0)
		return -1;
	*key = (struct slice){k->decoded.data + start, k->decoded.len - start};
	return key->len < KEY_LEAST ? -1 : 0;
}

void mac_keys_load(struct mac_keys *k, struct conf_object *o, bool decoded)
{
	conf_secrets(o, "secret_file", CONF_REQUIRED, &k->secrets);
	if (o->conf->failed)
		return;
	k->list = calloc(k->secrets.count, sizeof *k->list);
	/* Room for all of them at once, so that no key moves, or leaves a copy, when the next one is decoded. */
	if (!k->list || !buf_reserve(&k->decoded, k->secrets.storage_len)) {
		conf_fail(o, NULL, "out of memory");
		return;
	}
	k->count = k->secrets.count;
	for (size_t i = 0; i < k->count; i++) {
		k->list[i] = k->secrets.lines[i];
		if (decoded && decode_key(k, k->secrets.lines[i], &k->list[i]) < 0)
			conf_fail(o, "secret_file", "secret %zu is not whsec_ and base64 of at least %d bytes", i + 1,
				  KEY_LEAST);
	}
}

void mac_keys_free(struct mac_keys *k)
{
	if (k->decoded.data)
		OPENSSL_cleanse(k->decoded.data, k->decoded.cap);
	buf_free(&k->decoded);
	secrets_free(&k->secrets);
	free(k->list);
	*k = (struct mac_keys){.count = 0};
}
