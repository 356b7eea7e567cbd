/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base64.h"
#include "digest.h"
#include "sender_internal.h"

static int add_header(struct sender_target *t, const struct buf *line)
{
	struct curl_slist *longer = buf_ok(line) ? curl_slist_append(t->headers, line->data) : NULL;
	if (!longer)
		return -1;
	t->headers = longer;
	return 0;
}

static int add_configured(struct sender_target *t)
{
	struct buf line = BUF_INIT;
	bool own_agent = false;
	int result = 0;
	for (size_t i = 0; i < t->dest->header_count && result == 0; i++) {
		const struct dest_header *h = &t->dest->headers[i];
		own_agent |= strcasecmp(h->name, "User-Agent") == 0;
		t->own_content_type |= strcasecmp(h->name, "Content-Type") == 0;
		buf_clear(&line);
		if (*h->value)
			buf_printf(&line, "%s: %s", h->name, h->value);
		else
			buf_printf(&line, "%s;", h->name); /* libcurl's way to say: empty, but there */
		result = add_header(t, &line);
	}
	buf_clear(&line);
	buf_add_text(&line, "User-Agent: evt/" EVT_VERSION);
	if (result == 0 && !own_agent)
		result = add_header(t, &line);
	buf_clear(&line);
	buf_add_text(&line, "Expect:"); /* no 100-continue: it costs a round trip for every large body */
	if (result == 0)
		result = add_header(t, &line);
	buf_free(&line);
	return result;
}

static int add_secret(struct sender_target *t)
{
	const struct auth *auth = &t->dest->auth;
	struct slice secret = !auth->secret.count ? SLICE_NONE : auth->secret.lines[0];
	struct buf line = BUF_INIT, pair = BUF_INIT;
	/* Room for all of it at once, so that no copy is left behind by a growing buffer. */
	buf_reserve(&line, 2 * secret.len + 4096);
	buf_reserve(&pair, secret.len + 4096);
	switch (auth->scheme) {
	case AUTH_NONE:
	case AUTH_OAUTH2: /* comes with each request */
		break;
	case AUTH_BEARER:
		buf_add_text(&line, "Authorization: Bearer ");
		buf_add_slice(&line, secret);
		break;
	case AUTH_BASIC: /* RFC 7617 */
		buf_printf(&pair, "%s:", auth->user);
		buf_add_slice(&pair, secret);
		buf_add_text(&line, "Authorization: Basic ");
		base64_add(&line, buf_slice(&pair));
		break;
	case AUTH_HEADER:
		buf_printf(&line, "%s: ", auth->header);
		buf_add_slice(&line, secret);
		break;
	}
	int result = !buf_ok(&pair) || (line.len && add_header(t, &line) < 0) ? -1 : 0;
	sender_wipe(&line);
	sender_wipe(&pair);
	return result;
}

/* One that asks for access tokens, for all requests of the target. */
static int set_up_fetch(struct sender_target *t, const char *token_file)
{
	t->needs_token = t->dest->auth.scheme == AUTH_OAUTH2;
	if (!t->needs_token)
		return 0;
	if (token_init(&t->token, &t->dest->auth.oauth, token_file) < 0)
		return -1;
	t->fetch = calloc(1, sizeof *t->fetch);
	if (!t->fetch)
		return -1;
	t->fetch->fetches_for = t;
	return 0;
}

struct sender_target *sender_target_new(const struct dest *dest, const char *token_file)
{
	struct sender_target *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->dest = dest;
	t->token.lock.fd = -1;
	if (add_configured(t) < 0 || add_secret(t) < 0 || set_up_fetch(t, token_file) < 0) {
		sender_target_free(t);
		return NULL;
	}
	return t;
}

static void free_fetch(struct sender_target *t)
{
	token_free(&t->token);
	sender_wipe(&t->token_body);
	sender_wipe(&t->token_auth);
	if (!t->fetch)
		return;
	curl_easy_cleanup(t->fetch->easy);
	sender_wipe(&t->fetch->lines);
	buf_free(&t->fetch->head);
	sender_wipe(&t->fetch->body);
	free(t->fetch);
}

void sender_target_free(struct sender_target *t)
{
	if (!t)
		return;
	for (struct curl_slist *h = t->headers; h; h = h->next)
		digest_wipe(h->data, strlen(h->data));
	curl_slist_free_all(t->headers);
	free_fetch(t);
	free(t);
}

#define SET(option, value)                                                                                             \
	do {                                                                                                           \
		if (curl_easy_setopt(slot->easy, option, value) != CURLE_OK)                                           \
			return -1;                                                                                     \
	} while (0)

static long version_of(const struct tls *tls)
{
	return tls->only_13 ? (long)CURL_SSLVERSION_TLSv1_3 : (long)CURL_SSLVERSION_TLSv1_2;
}

/* A NULL takes back what an earlier target of the handle has set. */
static int set_tls(struct slot *slot, const struct tls *tls)
{
	SET(CURLOPT_SSLVERSION, version_of(tls));
	SET(CURLOPT_SSLCERT, tls->cert_file);
	SET(CURLOPT_SSLKEY, tls->key_file);
	if (tls->ca_file) {
		SET(CURLOPT_CAINFO, tls->ca_file);
		SET(CURLOPT_CAPATH, NULL);
		return 0;
	}
	const char *file = NULL, *folder = NULL;
	curl_easy_getinfo(slot->easy, CURLINFO_CAINFO, &file);
	curl_easy_getinfo(slot->easy, CURLINFO_CAPATH, &folder);
	SET(CURLOPT_CAINFO, file);
	SET(CURLOPT_CAPATH, folder);
	return 0;
}

/* Whether a proxy is named, by the destination's file or by one of the variables that libcurl knows. */
static bool may_have_proxy(const struct proxy *proxy)
{
	static const char *const variables[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
	if (proxy->address)
		return *proxy->address;
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
		if (getenv(variables[i]))
			return true;
	return false;
}

static int set_proxy(struct slot *slot, const struct proxy *proxy, const struct tls *tls)
{
	const char *file = proxy->ca_file, *folder = NULL;
	SET(CURLOPT_NOPROXY, may_have_proxy(proxy) ? NULL : "*"); /* spares it the look at every request */
	SET(CURLOPT_PROXY, proxy->address);
	SET(CURLOPT_PROXYUSERNAME, proxy->user);
	SET(CURLOPT_PROXYPASSWORD, proxy->password);
	SET(CURLOPT_PROXY_SSLVERSION, version_of(tls));
	if (!file) {
		curl_easy_getinfo(slot->easy, CURLINFO_CAINFO, &file);
		curl_easy_getinfo(slot->easy, CURLINFO_CAPATH, &folder);
	}
	SET(CURLOPT_PROXY_CAINFO, file);
	SET(CURLOPT_PROXY_CAPATH, folder);
	return 0;
}

int sender_set_target(struct slot *slot, const struct sender_target *target)
{
	const struct dest *dest = target->dest;
	int64_t connect_ms = dest->timeout_ms < SENDER_CONNECT_MS ? dest->timeout_ms : SENDER_CONNECT_MS;
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	/* libcurl sends once more by itself when a kept connection turns out to be closed. Where the file says that an
	 * unanswered request must not be repeated, no connection is used twice. */
	SET(CURLOPT_FRESH_CONNECT, dest->ambiguous_fails ? 1L : 0L);
	SET(CURLOPT_FORBID_REUSE, dest->ambiguous_fails ? 1L : 0L);
	if (set_tls(slot, &dest->tls) < 0 || set_proxy(slot, &dest->proxy, &dest->tls) < 0)
		return -1;
	slot->target = target;
	return 0;
}

#undef SET
