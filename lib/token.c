/* SPDX-License-Identifier: MIT */
#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base64.h"
#include "clock.h"
#include "digest.h"
#include "http.h"
#include "jtext.h"
#include "reason.h"

enum { FILE_LIMIT = 64 * 1024 };
#define SPARE_MS   CLOCK_MINUTE /* a token is renewed this long before it ends, or a tenth of its life */
#define ASSUMED_MS CLOCK_HOUR   /* the life of one whose server does not say */
#define LONGEST_MS (365 * CLOCK_DAY)

/* ---- configuration ---- */

void token_config_load(struct token_config *c, struct conf_object *auth)
{
	static const char *const places[] = {"header", "body", NULL};
	c->url = conf_string(auth, "token_url", CONF_REQUIRED, NULL);
	c->client_id = conf_string(auth, "client_id", CONF_REQUIRED, NULL);
	c->scope = conf_string(auth, "scope", CONF_OPTIONAL, NULL);
	c->audience = conf_string(auth, "audience", CONF_OPTIONAL, NULL);
	c->in_body = conf_choice(auth, "client_in", places, 0) == 1;
	bool refreshes = conf_has(auth, "refresh_token_file");
	conf_secrets(auth, "client_secret_file", refreshes ? CONF_OPTIONAL : CONF_REQUIRED, &c->client_secret);
	conf_secrets(auth, "refresh_token_file", CONF_OPTIONAL, &c->refresh_token);
}

void token_config_free(struct token_config *c)
{
	free(c->url);
	free(c->client_id);
	free(c->scope);
	free(c->audience);
	secrets_free(&c->client_secret);
	secrets_free(&c->refresh_token);
	*c = (struct token_config){.url = NULL};
}

/* ---- life ---- */

static void wipe(struct buf *b)
{
	if (b->data)
		digest_wipe(b->data, b->cap);
	buf_free(b);
}

static void set_secret(struct buf *b, struct slice text)
{
	wipe(b);
	if (text.len)
		buf_add_slice(b, text);
}

int token_init(struct token *t, const struct token_config *config, const char *file)
{
	*t = (struct token){.config = config, .lock.fd = -1};
	if (!file)
		return 0;
	t->file = strdup(file);
	return t->file ? 0 : -1;
}

void token_free(struct token *t)
{
	token_drop(t);
	wipe(&t->access);
	wipe(&t->refresh);
	free(t->file);
	t->file = NULL;
}

bool token_usable(const struct token *t, int64_t now)
{
	return t->access.len && now < t->expires_at && t->expires_at < now + LONGEST_MS;
}

void token_reject(struct token *t, unsigned generation)
{
	if (generation == t->generation)
		t->expires_at = 0;
}

static void take_access(struct token *t, struct slice access, int64_t expires_at)
{
	set_secret(&t->access, access);
	t->expires_at = expires_at;
	t->generation++;
}

/* ---- the file ---- */

static struct slice first_line(const struct secrets *s)
{
	return s->count ? s->lines[0] : SLICE("");
}

/* What the tokens of a file belong to: of another configuration they are worth nothing. */
static void config_digest(const struct token_config *c, char hex[2 * DIGEST_MOST + 1])
{
	const struct slice parts[] = {slice_of(c->url),
				      SLICE("\n"),
				      slice_of(c->client_id),
				      SLICE("\n"),
				      slice_of(c->scope ? c->scope : ""),
				      SLICE("\n"),
				      slice_of(c->audience ? c->audience : ""),
				      SLICE("\n"),
				      first_line(&c->client_secret)};
	unsigned char mac[DIGEST_MOST];
	digest_hmac(DIGEST_SHA256, first_line(&c->refresh_token), parts, sizeof parts / sizeof parts[0], mac);
	digest_hex(mac, digest_size(DIGEST_SHA256), hex);
}

static struct slice member(const struct jtext *j, const char *name, enum jtext_type type, struct buf *scratch)
{
	uint32_t node = jtext_type(j, 0) == JTEXT_OBJECT ? jtext_member(j, 0, slice_of(name)) : JTEXT_NOWHERE;
	if (node == JTEXT_NOWHERE || jtext_type(j, node) != type)
		return SLICE_NONE;
	return type == JTEXT_STRING ? jtext_string(j, node, scratch) : jtext_raw(j, node);
}

/* Whole milliseconds or seconds out of a number's text; -1 when it is none, or absurd. */
static int64_t whole(struct slice number)
{
	int64_t value = 0;
	size_t i = 0;
	for (; i < number.len && number.ptr[i] >= '0' && number.ptr[i] <= '9'; i++) {
		if (i == 16)
			return -1;
		value = value * 10 + (number.ptr[i] - '0');
	}
	return i ? value : -1;
}

static void take_kept(struct token *t, const struct jtext *j, struct buf *scratch, int64_t now)
{
	char wanted[2 * DIGEST_MOST + 1];
	config_digest(t->config, wanted);
	if (!slice_is(member(j, "of", JTEXT_STRING, scratch), wanted))
		return;
	struct slice refresh = member(j, "refresh_token", JTEXT_STRING, scratch);
	struct slice access = member(j, "access_token", JTEXT_STRING, scratch);
	int64_t expires_at = whole(member(j, "expires_at", JTEXT_NUMBER, scratch));
	set_secret(&t->refresh, refresh);
	bool known = slice_equal(access, buf_slice(&t->access));
	if (access.len && !known && expires_at > now)
		take_access(t, access, expires_at);
}

static void read_kept(struct token *t, int64_t now)
{
	struct buf text = BUF_INIT, scratch = BUF_INIT;
	struct jtext json = JTEXT_INIT;
	struct jtext_error error;
	struct stat st;
	int fd = t->file && !t->unsaved ? open(t->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (fd < 0)
		return;
	/* Readable by others, it may have been written by others too. */
	bool ours = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !(st.st_mode & 077) && st.st_size < FILE_LIMIT;
	if (ours && buf_reserve(&text, FILE_LIMIT) && buf_reserve(&scratch, FILE_LIMIT)) {
		ssize_t got = read(fd, text.data, FILE_LIMIT - 1);
		text.len = got > 0 ? (size_t)got : 0;
		if (jtext_parse(&json, buf_slice(&text), &error) == 0)
			take_kept(t, &json, &scratch, now);
	}
	close(fd);
	jtext_free(&json);
	wipe(&scratch);
	wipe(&text);
}

static int write_whole(const char *path, struct slice text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;
	bool good = fchmod(fd, 0600) == 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len && fsync(fd) == 0;
	return close(fd) == 0 && good ? 0 : -1;
}

/* In whole or not at all: a refresh token that was replaced exists nowhere else. */
static void keep(struct token *t)
{
	struct buf text = BUF_INIT, path = BUF_INIT;
	char of[2 * DIGEST_MOST + 1];
	if (!t->file)
		return;
	config_digest(t->config, of);
	buf_reserve(&text, FILE_LIMIT);
	buf_printf(&text, "{\"of\":\"%s\",\"expires_at\":%lld,\"access_token\":", of, (long long)t->expires_at);
	jtext_add_string(&text, buf_slice(&t->access));
	if (t->refresh.len) {
		buf_add_text(&text, ",\"refresh_token\":");
		jtext_add_string(&text, buf_slice(&t->refresh));
	}
	buf_add_text(&text, "}\n");
	buf_printf(&path, "%s-new", t->file);
	t->unsaved = !buf_ok(&text) || !buf_ok(&path) || write_whole(path.data, buf_slice(&text)) < 0 ||
		     rename(path.data, t->file) < 0;
	if (t->unsaved)
		diag_error("%s: the access token cannot be kept: %s", t->file, strerror(errno));
	wipe(&text);
	buf_free(&path);
}

/* ---- turns ---- */

static bool take_turn(struct token *t)
{
	struct diag d;
	struct buf path = BUF_INIT;
	if (!t->file)
		return true;
	buf_printf(&path, "%s-lock", t->file);
	bool open = t->lock.fd >= 0 || (buf_ok(&path) && lock_open(&t->lock, path.data, 0600, &d) == 0);
	buf_free(&path);
	if (!open)
		return true; /* another process may do the same at once: a token more */
	return lock_try(&t->lock);
}

void token_drop(struct token *t)
{
	if (t->lock.fd >= 0)
		lock_close(&t->lock);
	t->lock.fd = -1;
}

enum token_turn token_begin(struct token *t, int64_t now)
{
	if (!take_turn(t))
		return TOKEN_WAIT;
	read_kept(t, now);
	if (!token_usable(t, now))
		return TOKEN_FETCH;
	token_drop(t);
	return TOKEN_READY;
}

/* ---- the exchange ---- */

/* application/x-www-form-urlencoded, as RFC 6749 appendix B wants it in the header too. */
static void add_encoded(struct buf *b, struct slice text)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			     (c && strchr("-._*", c));
		if (plain) {
			buf_add_char(b, (char)c);
		} else {
			const char hex[] = {'%', digits[c >> 4], digits[c & 15]};
			buf_add(b, hex, sizeof hex);
		}
	}
}

static void add_field(struct buf *b, const char *name, struct slice value)
{
	if (!value.len)
		return;
	buf_printf(b, "%s%s=", b->len ? "&" : "", name);
	add_encoded(b, value);
}

void token_request(const struct token *t, struct buf *body, struct buf *authorization)
{
	const struct token_config *c = t->config;
	struct slice secret = first_line(&c->client_secret), refresh = first_line(&c->refresh_token);
	bool refreshes = refresh.len;
	/* Room for all at once, so that no copy of a secret is left behind by a growing buffer. */
	buf_reserve(body, FILE_LIMIT);
	buf_reserve(authorization, FILE_LIMIT);
	add_field(body, "grant_type", refreshes ? SLICE("refresh_token") : SLICE("client_credentials"));
	add_field(body, "refresh_token", refreshes && t->refresh.len ? buf_slice(&t->refresh) : refresh);
	add_field(body, "scope", slice_of(c->scope));
	add_field(body, "audience", slice_of(c->audience));
	if (c->in_body || !secret.len) {
		add_field(body, "client_id", slice_of(c->client_id));
		add_field(body, "client_secret", secret);
		return;
	}
	struct buf pair = BUF_INIT;
	buf_reserve(&pair, FILE_LIMIT);
	add_encoded(&pair, slice_of(c->client_id));
	buf_add_char(&pair, ':');
	add_encoded(&pair, secret);
	buf_add_text(authorization, "Basic ");
	base64_add(authorization, buf_slice(&pair));
	wipe(&pair);
}

static int refuse(int status, struct slice body, const struct jtext *json, struct diag *why)
{
	struct buf words = BUF_INIT;
	if (json) {
		const struct reason_answer said = {.status = status, .body = body, .json = json};
		reason_of_answer(&words, &said);
	} else {
		buf_printf(&words, "HTTP %d", status);
	}
	diag_fail(why, DIAG_NO, "no access token: %.*s", (int)words.len, words.data ? words.data : "");
	buf_free(&words);
	return -1;
}

static int64_t life_ms(struct slice expires_in)
{
	int64_t seconds = whole(expires_in);
	int64_t life = seconds < 0 || seconds > LONGEST_MS / 2000 ? ASSUMED_MS : seconds * 1000;
	return life - (life / 10 < SPARE_MS ? life / 10 : SPARE_MS);
}

static int take_answer(struct token *t, int status, struct slice body, const struct jtext *json, struct buf *scratch,
		       int64_t now, struct diag *why)
{
	if (status < 200 || status > 299)
		return refuse(status, body, json, why);
	struct slice access = json ? member(json, "access_token", JTEXT_STRING, scratch) : SLICE_NONE;
	struct slice type = json ? member(json, "token_type", JTEXT_STRING, scratch) : SLICE_NONE;
	if (!access.len || !http_is_field_value(access))
		return diag_fail(why, DIAG_NO, "no access token: the answer of %s has no usable access_token",
				 t->config->url);
	if (type.len && !(type.len == 6 && strncasecmp(type.ptr, "Bearer", 6) == 0))
		return diag_fail(why, DIAG_NO, "no access token: its type is not Bearer");
	struct slice refresh = member(json, "refresh_token", JTEXT_STRING, scratch);
	if (refresh.len && t->config->refresh_token.count)
		set_secret(&t->refresh, refresh);
	struct slice expires_in = member(json, "expires_in", JTEXT_NUMBER, scratch);
	if (!expires_in.ptr)
		expires_in = member(json, "expires_in", JTEXT_STRING, scratch);
	take_access(t, access, now + life_ms(expires_in));
	keep(t);
	return 0;
}

int token_take(struct token *t, int status, struct slice body, int64_t now, struct diag *why)
{
	struct buf scratch = BUF_INIT;
	struct jtext json = JTEXT_INIT;
	struct jtext_error error;
	bool parsed = buf_reserve(&scratch, body.len + 1) && jtext_parse(&json, body, &error) == 0;
	int result = take_answer(t, status, body, parsed ? &json : NULL, &scratch, now, why);
	token_drop(t);
	jtext_free(&json);
	wipe(&scratch);
	return result;
}
