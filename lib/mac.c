/* SPDX-License-Identifier: MIT */
#include "mac.h"

#include <stdlib.h>

#include "base64.h"

enum {
	KEY_LEAST = 16
}; /* bytes of a standard-webhooks key: the specification asks for 24, but shorter ones are in use */

/* ---- templates ---- */

static const char *const names[MAC_PIECES] = {
    [MAC_BODY] = "body", [MAC_TIMESTAMP] = "timestamp", [MAC_URL] = "url", [MAC_METHOD] = "method", [MAC_ID] = "id",
    [MAC_FORM] = "form"};
static const struct slice header_prefix = {"header:", 7};

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

/* What may stand between braces, or MAC_TEXT: it is none of it. A header's name is what remains of `name`. */
static enum mac_piece piece_named(struct slice *name, unsigned allowed)
{
	for (int piece = MAC_BODY; piece < MAC_HEADER; piece++)
		if ((allowed & 1u << piece) && slice_is(*name, names[piece]))
			return (enum mac_piece)piece;
	if (!(allowed & 1u << MAC_HEADER) || name->len <= header_prefix.len ||
	    memcmp(name->ptr, header_prefix.ptr, header_prefix.len) != 0)
		return MAC_TEXT;
	*name = (struct slice){name->ptr + header_prefix.len, name->len - header_prefix.len};
	return MAC_HEADER;
}

static void refuse_name(struct conf_object *o, const char *key, struct slice name, unsigned allowed)
{
	struct buf expected = BUF_INIT;
	for (int piece = MAC_BODY; piece < MAC_PIECES; piece++) {
		if (!(allowed & 1u << piece))
			continue;
		bool last = allowed >> (piece + 1) == 0;
		buf_printf(&expected, "%s{%s}",
			   !expected.len ? ""
			   : last        ? " or "
					 : ", ",
			   piece == MAC_HEADER ? "header:NAME" : names[piece]);
	}
	conf_fail(o, key, "unknown {%.*s}: expected %s", (int)name.len, name.ptr, buf_slice(&expected).ptr);
	buf_free(&expected);
}

static void add_placeholder(struct mac_template *t, struct conf_object *o, const char *key, struct slice name,
			    unsigned allowed)
{
	struct slice rest = name;
	enum mac_piece piece = piece_named(&rest, allowed);
	if (piece == MAC_TEXT)
		refuse_name(o, key, name, allowed);
	else
		add_part(t, o, key, piece, piece == MAC_HEADER ? rest : SLICE_NONE);
}

void mac_template_load(struct mac_template *t, struct conf_object *o, const char *key, const char *text,
		       unsigned allowed)
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
		add_placeholder(t, o, key, (struct slice){open + 1, (size_t)(close - open - 1)}, allowed);
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

static bool take(struct slice *text, const char *prefix)
{
	size_t len = strlen(prefix);
	if (text->len < len || memcmp(text->ptr, prefix, len) != 0)
		return false;
	*text = (struct slice){text->ptr + len, text->len - len};
	return true;
}

static int decode_key(struct mac_keys *k, struct slice line, enum mac_key_form form, struct mac_key *key)
{
	size_t start = k->decoded.len;
	key->is_public = form == MAC_KEYS_SHARED_OR_PUBLIC && take(&line, "whpk_");
	if (!key->is_public)
		take(&line, "whsec_"); /* often left out */
	if (base64_add_decoded(&k->decoded, line) < 0)
		return -1;
	key->bytes = (struct slice){k->decoded.data + start, k->decoded.len - start};
	bool fits = key->is_public ? key->bytes.len == DIGEST_ED25519_KEY : key->bytes.len >= KEY_LEAST;
	return fits ? 0 : -1;
}

static void refuse_key(struct conf_object *o, size_t number, enum mac_key_form form)
{
	char or_public[48] = "";
	if (form == MAC_KEYS_SHARED_OR_PUBLIC)
		snprintf(or_public, sizeof or_public, ", or whpk_ and base64 of %d", DIGEST_ED25519_KEY);
	conf_fail(o, "secret_file", "secret %zu is not whsec_ and base64 of at least %d bytes%s", number, KEY_LEAST,
		  or_public);
}

void mac_keys_load(struct mac_keys *k, struct conf_object *o, enum mac_key_form form)
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
		k->list[i].bytes = k->secrets.lines[i];
		if (form != MAC_KEYS_PLAIN && decode_key(k, k->secrets.lines[i], form, &k->list[i]) < 0)
			refuse_key(o, i + 1, form);
	}
}

void mac_keys_free(struct mac_keys *k)
{
	if (k->decoded.data)
		digest_wipe(k->decoded.data, k->decoded.cap);
	buf_free(&k->decoded);
	secrets_free(&k->secrets);
	free(k->list);
	*k = (struct mac_keys){.count = 0};
}
