/* SPDX-License-Identifier: MIT */
#include "handshake.h"

#include "digest.h"
#include "http.h"

enum { TEXT_MOST = 4096 }; /* of what is sent back */

void handshake_load(struct handshake *h, struct conf_object *source)
{
	static const char *const kinds[] = {"none", "get", "meta", "graph", "slack", "zoom", NULL};
	h->kind = (enum handshake_kind)conf_choice(source, "handshake", kinds, HANDSHAKE_NONE);
	if (h->kind == HANDSHAKE_META)
		conf_secrets(source, "handshake_file", CONF_REQUIRED, &h->tokens);
}

void handshake_free(struct handshake *h)
{
	secrets_free(&h->tokens);
}

/* The field's decoded value, appended; false when there is none, or it is not fit to be sent back. */
static bool find_field(struct slice query, const char *wanted, struct buf *b)
{
	struct slice name, value;
	while (http_next_field(&query, &name, &value)) {
		size_t start = b->len;
		if (slice_is(name, wanted) && http_unescape(b, value, true) == 0)
			return buf_ok(b) && b->len > start && b->len - start <= TEXT_MOST &&
			       jtext_is_utf8((struct slice){b->data + start, b->len - start});
	}
	return false;
}

/* Hashed first, so that what is compared has one length. */
static bool is_known(const struct secrets *tokens, struct slice given)
{
	unsigned char met[DIGEST_MOST], expected[DIGEST_MOST];
	int matches = 0;
	digest_hash(DIGEST_SHA256, given, met);
	for (size_t i = 0; i < tokens->count; i++) {
		digest_hash(DIGEST_SHA256, tokens->lines[i], expected);
		matches += digest_equal(met, expected, digest_size(DIGEST_SHA256));
	}
	return matches > 0;
}

static enum handshake_result answer_meta(const struct handshake *h, struct slice query, struct buf *answer)
{
	struct buf text = BUF_INIT;
	enum handshake_result result = HANDSHAKE_WRONG;
	if (find_field(query, "hub.verify_token", &text) && is_known(&h->tokens, buf_slice(&text)) &&
	    find_field(query, "hub.challenge", answer))
		result = HANDSHAKE_DONE;
	buf_free(&text);
	return result;
}

enum handshake_result handshake_asked(const struct handshake *h, const struct request *r, struct buf *answer)
{
	bool get = slice_is(r->method, "GET");
	if (h->kind == HANDSHAKE_GET && get)
		return HANDSHAKE_DONE;
	if (h->kind == HANDSHAKE_META && get)
		return answer_meta(h, r->query, answer);
	if (h->kind == HANDSHAKE_GRAPH && !get && find_field(r->query, "validationToken", answer))
		return HANDSHAKE_DONE;
	return HANDSHAKE_NOT;
}

/* The text of a member, without escapes (nobody's tokens have any), or SLICE_NONE. */
static struct slice member(const struct jtext *j, uint32_t object, const char *name)
{
	uint32_t node = JTEXT_NOWHERE;
	if (object != JTEXT_NOWHERE && jtext_type(j, object) == JTEXT_OBJECT)
		node = jtext_member(j, object, slice_of(name));
	if (node == JTEXT_NOWHERE || jtext_type(j, node) != JTEXT_STRING || j->nodes[node].escaped)
		return SLICE_NONE;
	struct slice raw = jtext_raw(j, node);
	return (struct slice){raw.ptr + 1, raw.len - 2};
}

static enum handshake_result answer_slack(const struct jtext *body, struct buf *answer, const char **type)
{
	struct slice challenge = member(body, 0, "challenge");
	if (!slice_is(member(body, 0, "type"), "url_verification") || !challenge.len)
		return HANDSHAKE_NOT;
	buf_add_slice(answer, challenge);
	*type = "text/plain; charset=utf-8";
	return HANDSHAKE_DONE;
}

static enum handshake_result answer_zoom(const struct jtext *body, struct slice key, struct buf *answer,
					 const char **type)
{
	unsigned char hash[DIGEST_MOST];
	char text[2 * DIGEST_MOST + 1];
	if (!slice_is(member(body, 0, "event"), "endpoint.url_validation"))
		return HANDSHAKE_NOT;
	struct slice token = member(body, jtext_member(body, 0, SLICE("payload")), "plainToken");
	if (!token.len)
		return HANDSHAKE_WRONG;
	digest_hmac(DIGEST_SHA256, key, &token, 1, hash);
	digest_hex(hash, digest_size(DIGEST_SHA256), text);
	buf_add_text(answer, "{\"plainToken\":");
	jtext_add_string(answer, token);
	buf_printf(answer, ",\"encryptedToken\":\"%s\"}", text);
	*type = "application/json";
	return HANDSHAKE_DONE;
}

enum handshake_result handshake_sent(const struct handshake *h, const struct jtext *body, struct slice key,
				     struct buf *answer, const char **type)
{
	if (h->kind == HANDSHAKE_SLACK)
		return answer_slack(body, answer, type);
	return h->kind == HANDSHAKE_ZOOM ? answer_zoom(body, key, answer, type) : HANDSHAKE_NOT;
}
