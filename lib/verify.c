/* SPDX-License-Identifier: MIT */
#include "verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#include "base64.h"
#include "clock.h"
#include "form.h"
#include "http.h"
#include "jtext.h"

/* What can stand in the signed text. */
enum {
	IN_TEXT =
	    1u << MAC_BODY | 1u << MAC_TIMESTAMP | 1u << MAC_URL | 1u << MAC_METHOD | 1u << MAC_FORM | 1u << MAC_HEADER
};

/* What each sender documents. `signed` and the rest are NULL for "hmac", whose file says them. */
struct preset {
	const char *scheme, *header, *prefix;
	char separator;
	enum mac_encoding encoding;
	const char *signed_text, *timestamp_header, *timestamp_prefix;
	int64_t timestamp_unit_ms;
	bool decodes_key;
	enum digest_algorithm algorithm;
	const char *prefix_public;
};

static const struct preset presets[] = {
    {"standard-webhooks", "webhook-signature", "v1,", ' ', MAC_BASE64, "{header:webhook-id}.{timestamp}.{body}",
     "webhook-timestamp", NULL, 1000, true, DIGEST_SHA256, "v1a,"},
    {"github", "X-Hub-Signature-256", "sha256=", '\0', MAC_HEX, "{body}", NULL, NULL, 0, false, DIGEST_SHA256, NULL},
    {"stripe", "Stripe-Signature", "v1=", ',', MAC_HEX, "{timestamp}.{body}", NULL, "t=", 1000, false, DIGEST_SHA256,
     NULL},
    {"shopify", "X-Shopify-Hmac-SHA256", "", '\0', MAC_BASE64, "{body}", NULL, NULL, 0, false, DIGEST_SHA256, NULL},
    {"hubspot-v3", "X-HubSpot-Signature-v3", "", '\0', MAC_BASE64, "{method}{url}{body}{timestamp}",
     "X-HubSpot-Request-Timestamp", NULL, 1, false, DIGEST_SHA256, NULL},
    {"slack", "X-Slack-Signature", "v0=", '\0', MAC_HEX, "v0:{timestamp}:{body}", "X-Slack-Request-Timestamp", NULL,
     1000, false, DIGEST_SHA256, NULL},
    {"twilio", "X-Twilio-Signature", "", '\0', MAC_BASE64, "{url}{form}", NULL, NULL, 0, false, DIGEST_SHA1, NULL},
    {"mailgun", "/signature/signature", "", '\0', MAC_HEX, "{timestamp}{header:/signature/token}",
     "/signature/timestamp", NULL, 1000, false, DIGEST_SHA256, NULL},
};
enum { PRESETS = sizeof presets / sizeof presets[0] };

static const char *const schemes[] = {
    "standard-webhooks", "github", "stripe", "shopify", "hubspot-v3", "slack", "twilio",
    "mailgun",           "hmac",   "basic",  "bearer",  "none",       NULL};
enum { SCHEME_HMAC = PRESETS, SCHEME_BASIC, SCHEME_BEARER, SCHEME_NONE };

/* ---- loading ---- */

static bool starts_with(struct slice text, const char *prefix)
{
	size_t len = strlen(prefix);
	return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

static struct slice without_prefix(struct slice text, const char *prefix)
{
	size_t len = strlen(prefix);
	return (struct slice){text.ptr + len, text.len - len};
}

static char *copy(struct conf_object *o, const char *text, size_t len)
{
	char *new = strndup(text, len);
	if (!new)
		conf_fail(o, NULL, "out of memory");
	return new;
}

static bool signs(const struct verify *v, enum mac_piece piece)
{
	return mac_template_holds(&v->text, piece);
}

static void load_preset(struct verify *v, struct conf_object *o, const struct preset *p)
{
	v->header = copy(o, p->header, strlen(p->header));
	v->prefix = copy(o, p->prefix, strlen(p->prefix));
	v->separator = p->separator;
	v->algorithm = p->algorithm;
	if (p->prefix_public)
		v->prefix_public = copy(o, p->prefix_public, strlen(p->prefix_public));
	v->encoding = p->encoding;
	v->timestamp_unit_ms = p->timestamp_unit_ms;
	if (p->timestamp_header)
		v->timestamp_header = copy(o, p->timestamp_header, strlen(p->timestamp_header));
	if (p->timestamp_prefix)
		v->timestamp_prefix = copy(o, p->timestamp_prefix, strlen(p->timestamp_prefix));
	mac_template_load(&v->text, o, "signed", p->signed_text, IN_TEXT);
}

static void load_hmac(struct verify *v, struct conf_object *o)
{
	static const char *const units[] = {"s", "ms", NULL};
	v->header = conf_string(o, "header", CONF_REQUIRED, NULL);
	v->prefix = conf_string(o, "prefix", CONF_OPTIONAL, "");
	v->algorithm = mac_load_algorithm(o);
	v->encoding = mac_load_encoding(o);
	v->timestamp_header = conf_string(o, "timestamp_header", CONF_OPTIONAL, NULL);
	if (v->timestamp_header)
		v->timestamp_unit_ms = conf_choice(o, "timestamp_unit", units, 0) ? 1 : 1000;
	char *template = conf_string(o, "signed", CONF_OPTIONAL, "{body}");
	if (template)
		mac_template_load(&v->text, o, "signed", template, IN_TEXT);
	free(template);
	if (!signs(v, MAC_BODY) && !signs(v, MAC_FORM) && v->header && v->header[0] != '/')
		conf_fail(o, "signed", "expected {body} in it: a signature that leaves the body out proves nothing");
	if (signs(v, MAC_FORM) && !signs(v, MAC_URL))
		conf_fail(o, "signed", "{form} needs {url}, which covers bodies that are no form");
	if (signs(v, MAC_TIMESTAMP) && !v->timestamp_header)
		conf_fail(o, "signed", "it holds {timestamp}, but there is no \"timestamp_header\"");
	if (v->timestamp_header && !signs(v, MAC_TIMESTAMP))
		conf_fail(o, "timestamp_header",
			  "expected {timestamp} in \"signed\": one that is not signed proves nothing");
}

static void load_url(struct verify *v, struct conf_object *o, const char *public_url)
{
	if (!signs(v, MAC_URL))
		return;
	if (public_url)
		v->url = copy(o, public_url, strlen(public_url));
	else
		conf_fail(o, NULL,
			  "this scheme signs the address: \"public_url\" of the source must say what senders sign");
}

static void load_user(struct verify *v, struct conf_object *o)
{
	v->user = conf_string(o, "user", CONF_REQUIRED, NULL);
	if (v->user && strchr(v->user, ':'))
		conf_fail(o, "user", "expected a name without a colon");
}

static void load_scheme(struct verify *v, struct conf_object *o, int scheme, const char *public_url)
{
	if (scheme == SCHEME_NONE)
		return;
	v->kind = scheme == SCHEME_BASIC ? VERIFY_BASIC : scheme == SCHEME_BEARER ? VERIFY_BEARER : VERIFY_HMAC;
	if (scheme < PRESETS)
		load_preset(v, o, &presets[scheme]);
	else if (scheme == SCHEME_HMAC)
		load_hmac(v, o);
	else if (scheme == SCHEME_BASIC)
		load_user(v, o);
	mac_keys_load(&v->keys, o,
		      scheme < PRESETS && presets[scheme].decodes_key ? MAC_KEYS_SHARED_OR_PUBLIC : MAC_KEYS_PLAIN);
	load_url(v, o, public_url);
	if (v->timestamp_unit_ms)
		v->tolerance_ms = conf_span(o, "tolerance", CLOCK_SECOND, 36525 * CLOCK_DAY, 5 * CLOCK_MINUTE);
}

void verify_load(struct verify *v, struct conf_object *source, const char *public_url)
{
	struct conf_object o;
	*v = (struct verify){.kind = VERIFY_NONE};
	conf_child(source, "verify", CONF_REQUIRED, &o);
	int scheme = conf_choice(&o, "scheme", schemes, -1);
	if (scheme < 0)
		conf_fail(&o, NULL, "\"scheme\" is missing; to take events from anyone, write \"none\"");
	else
		load_scheme(v, &o, scheme, public_url);
	conf_end(&o);
}

void verify_free(struct verify *v)
{
	mac_keys_free(&v->keys);
	mac_template_free(&v->text);
	free(v->user);
	free(v->header);
	free(v->prefix);
	free(v->prefix_public);
	free(v->timestamp_header);
	free(v->timestamp_prefix);
	free(v->url);
	*v = (struct verify){.kind = VERIFY_NONE};
}

/* ---- checking ---- */

/* The text or number at a pointer into a JSON body. One with escapes in it is no signature, token or timestamp. */
static bool find_in_body(struct slice body, const char *pointer, struct slice *value)
{
	struct jtext json = JTEXT_INIT;
	struct jtext_pointer at;
	struct jtext_error error;
	*value = SLICE_NONE;
	if (jtext_pointer_parse(&at, slice_of(pointer)) < 0)
		return false;
	uint32_t node = jtext_parse(&json, body, &error) < 0 ? JTEXT_NOWHERE : jtext_at(&json, 0, &at);
	if (node != JTEXT_NOWHERE && jtext_type(&json, node) == JTEXT_NUMBER) {
		*value = jtext_raw(&json, node);
	} else if (node != JTEXT_NOWHERE && jtext_type(&json, node) == JTEXT_STRING && !json.nodes[node].escaped) {
		*value = jtext_raw(&json, node);
		*value = (struct slice){value->ptr + 1, value->len - 2};
	}
	jtext_pointer_free(&at);
	jtext_free(&json);
	return value->ptr;
}

static int one_header(const struct request *r, const char *name, struct slice *value, struct diag *d)
{
	if (name[0] == '/')
		return find_in_body(r->body, name, value)
			   ? 0
			   : diag_fail(d, DIAG_NO, "signature: no text at %s in the body", name);
	int found = request_header(r, name, value);
	if (found == 1)
		return 0;
	return diag_fail(d, DIAG_NO, "signature: the header %s %s", name,
			 found ? "stands there more than once" : "is missing");
}

/* The list's next item; false after the last. A separator of '\0' makes the whole text one item. */
static bool next_item(struct slice *rest, char separator, struct slice *item)
{
	if (!rest->ptr)
		return false;
	const char *end = separator && rest->len ? memchr(rest->ptr, separator, rest->len) : NULL;
	*item = *rest;
	*rest = SLICE_NONE;
	if (end) {
		size_t len = (size_t)(end - item->ptr);
		*rest = (struct slice){end + 1, item->len - len - 1};
		item->len = len;
	}
	return true;
}

static int timestamp_in_list(const struct verify *v, struct slice list, struct slice *timestamp, struct diag *d)
{
	int found = 0;
	for (struct slice item; next_item(&list, v->separator, &item);) {
		if (!starts_with(item, v->timestamp_prefix))
			continue;
		*timestamp = without_prefix(item, v->timestamp_prefix);
		found++;
	}
	if (found == 1)
		return 0;
	return diag_fail(d, DIAG_NO, "signature: %s timestamp in the header %s", found ? "more than one" : "no",
			 v->header);
}

/* Digits only, and at most 13 of them: no sign, no blank, no overflow. */
static int parse_timestamp(struct slice text, int64_t *value)
{
	if (text.len == 0 || text.len > 13)
		return -1;
	*value = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return -1;
		*value = *value * 10 + (text.ptr[i] - '0');
	}
	return 0;
}

static int check_timestamp(const struct verify *v, struct slice text, int64_t now, struct diag *d)
{
	int64_t value;
	if (parse_timestamp(text, &value) < 0)
		return diag_fail(d, DIAG_NO, "signature: the timestamp is not a number of 1 to 13 digits");
	/* Counted as the sender's own library does, in whole units. */
	int64_t age = (now / v->timestamp_unit_ms - value) * v->timestamp_unit_ms, far = age < 0 ? -age : age;
	if (far <= v->tolerance_ms)
		return 0;
	diag_fail(d, DIAG_NO, "signature: the timestamp %s %" PRId64 " s; %" PRId64 " s are allowed",
		  age < 0 ? "lies ahead by" : "is older than now by", (far + 999) / 1000, v->tolerance_ms / 1000);
	return VERIFY_LATE;
}

static int find_timestamp(const struct verify *v, const struct request *r, struct slice list, int64_t now,
			  struct slice *timestamp, struct diag *d)
{
	if (v->tolerance_ms == 0)
		return 0;
	if (v->timestamp_prefix ? timestamp_in_list(v, list, timestamp, d)
				: one_header(r, v->timestamp_header, timestamp, d))
		return VERIFY_BAD;
	return check_timestamp(v, *timestamp, now, d);
}

/* Exactly `size` bytes. */
static int decode(enum mac_encoding encoding, struct slice text, unsigned char out[DIGEST_MOST], size_t size)
{
	if (encoding == MAC_HEX)
		return digest_unhex(text, out, size);
	if (text.len != (size + 2) / 3 * 4)
		return -1;
	struct buf bytes = BUF_INIT;
	bool good = base64_add_decoded(&bytes, text) == 0 && bytes.len == size;
	if (good)
		memcpy(out, bytes.data, size);
	buf_free(&bytes);
	return good ? 0 : -1;
}

struct signatures {
	unsigned char list[VERIFY_SIGNATURES][DIGEST_MOST];
	size_t count, tried; /* tried: those that are none as well */
};

/* Items of other versions (v0=) are none of ours. One that bears the prefix and is no signature matches nothing, as with the senders'
 * own libraries: another in the list may. */
static int find_signatures(const struct verify *v, const char *prefix, size_t size, struct slice list,
			   struct signatures *found, struct diag *d)
{
	found->count = found->tried = 0;
	for (struct slice item; next_item(&list, v->separator, &item);) {
		if (!starts_with(item, prefix))
			continue;
		if (found->tried++ == VERIFY_SIGNATURES)
			return diag_fail(d, DIAG_NO, "signature: more than %d in the header %s", VERIFY_SIGNATURES,
					 v->header);
		if (decode(v->encoding, without_prefix(item, prefix), found->list[found->count], size) == 0)
			found->count++;
	}
	return 0;
}

/* What is signed, put together. Texts that had to be made stand in `url` and `form`. */
struct content {
	struct slice parts[MAC_PARTS];
	struct buf url, form;
};

/* The address from the configuration, with the query that came: senders sign that too. */
static struct slice signed_url(const struct verify *v, const struct request *r, struct content *c)
{
	if (!r->query.ptr)
		return slice_of(v->url);
	buf_add(&c->url, v->url, strcspn(v->url, "?"));
	buf_add_char(&c->url, '?');
	buf_add_slice(&c->url, r->query);
	return buf_slice(&c->url);
}

static bool is_hash_of(const unsigned char *told, struct slice body)
{
	unsigned char hash[DIGEST_MOST];
	digest_hash(DIGEST_SHA256, body, hash);
	return digest_equal(hash, told, digest_size(DIGEST_SHA256));
}

/* A form's fields are signed; of any other body its SHA-256, which stands in the query of the address. */
static int sign_form(const struct request *r, struct content *c, struct diag *d)
{
	static const struct slice form_type = {"application/x-www-form-urlencoded", 33};
	unsigned char told[DIGEST_MOST];
	struct slice type, query = r->query, name, value;
	const char *why;
	if (request_header(r, "Content-Type", &type) == 1 && type.len >= form_type.len &&
	    strncasecmp(type.ptr, form_type.ptr, form_type.len) == 0) {
		struct form *form = form_read(r->body, &why);
		if (!form)
			return diag_fail(d, DIAG_NO, "signature: %s", why);
		form_add_sorted(form, &c->form);
		form_free(form);
		return 0;
	}
	while (http_next_field(&query, &name, &value))
		if (slice_is(name, "bodySHA256") && digest_unhex(value, told, digest_size(DIGEST_SHA256)) == 0 &&
		    is_hash_of(told, r->body))
			return 0;
	return diag_fail(d, DIAG_NO, "signature: the body is no form, and bodySHA256 is missing or not its hash");
}

static int fill_part(const struct verify *v, const struct request *r, struct slice timestamp, struct content *c,
		     size_t at, struct diag *d)
{
	struct slice *part = &c->parts[at];
	switch (v->text.parts[at].piece) {
	case MAC_TEXT:
		*part = slice_of(v->text.parts[at].text);
		break;
	case MAC_BODY:
		*part = r->body;
		break;
	case MAC_TIMESTAMP:
		*part = timestamp;
		break;
	case MAC_URL:
		*part = signed_url(v, r, c);
		break;
	case MAC_METHOD:
		*part = r->method;
		break;
	case MAC_HEADER:
		return one_header(r, v->text.parts[at].text, part, d);
	case MAC_FORM:
		if (sign_form(r, c, d) < 0)
			return -1;
		*part = buf_slice(&c->form);
		break;
	case MAC_ID: /* of ours alone; IN_TEXT leaves it out */
		break;
	}
	return 0;
}

/* Every secret against every signature, whatever matched before. */
static int count_matches(const struct verify *v, const struct content *c, const struct signatures *hashes,
			 const struct signatures *signatures)
{
	int matches = 0;
	for (size_t k = 0; k < v->keys.count; k++) {
		const struct mac_key *key = &v->keys.list[k];
		unsigned char expected[DIGEST_MOST];
		for (size_t i = 0; key->is_public && i < signatures->count; i++) {
			int good = digest_ed25519(key->bytes, signatures->list[i], c->parts, v->text.count);
			if (good < 0)
				return -1;
			matches += good;
		}
		if (key->is_public || hashes->count == 0)
			continue;
		digest_hmac(v->algorithm, key->bytes, c->parts, v->text.count, expected);
		for (size_t i = 0; i < hashes->count; i++)
			matches += digest_equal(expected, hashes->list[i], digest_size(v->algorithm));
	}
	return matches;
}

static bool has_public_key(const struct verify *v)
{
	for (size_t k = 0; k < v->keys.count; k++)
		if (v->keys.list[k].is_public)
			return true;
	return false;
}

static enum verify_result match(const struct verify *v, const struct content *c, struct slice list, struct diag *d)
{
	struct signatures hashes, signatures = {.count = 0};
	if (find_signatures(v, v->prefix, digest_size(v->algorithm), list, &hashes, d) < 0 ||
	    (has_public_key(v) &&
	     find_signatures(v, v->prefix_public, DIGEST_ED25519_SIGNATURE, list, &signatures, d) < 0))
		return VERIFY_BAD;
	if (hashes.count + signatures.count == 0 && hashes.tried + signatures.tried)
		return diag_fail(d, DIAG_NO, "signature: what the header %s holds is none", v->header);
	if (hashes.count + signatures.count == 0)
		return diag_fail(d, DIAG_NO, "signature: none that starts with \"%s\" in the header %s", v->prefix,
				 v->header);
	int matches = count_matches(v, c, &hashes, &signatures);
	if (matches > 0)
		return VERIFY_GOOD;
	diag_fail(d, matches ? DIAG_IO : DIAG_NO,
		  matches ? "signature: out of memory" : "signature: it does not match");
	return matches ? VERIFY_ERROR : VERIFY_BAD;
}

static enum verify_result check_hmac(const struct verify *v, const struct request *r, int64_t now, struct diag *d)
{
	struct slice list, timestamp = SLICE_NONE;
	struct content c = {.url = BUF_INIT, .form = BUF_INIT};
	int result = one_header(r, v->header, &list, d);
	if (result == 0)
		result = find_timestamp(v, r, list, now, &timestamp, d);
	for (size_t i = 0; i < v->text.count && result == 0; i++)
		result = fill_part(v, r, timestamp, &c, i, d);
	if (result == 0 && !(buf_ok(&c.url) && buf_ok(&c.form))) {
		diag_fail(d, DIAG_IO, "out of memory");
		result = VERIFY_ERROR;
	}
	if (result == 0)
		result = match(v, &c, list, d);
	buf_free(&c.url);
	buf_free(&c.form);
	return result;
}

/* "Authorization: SCHEME credentials", RFC 9110 section 11.6.2. */
static int credentials(const struct request *r, const char *scheme, struct slice *found, struct diag *d)
{
	size_t len = strlen(scheme);
	if (one_header(r, "Authorization", found, d) < 0)
		return -1;
	if (found->len <= len || strncasecmp(found->ptr, scheme, len) != 0 || found->ptr[len] != ' ')
		return diag_fail(d, DIAG_NO, "authorization: expected the scheme %s", scheme);
	while (len < found->len && found->ptr[len] == ' ')
		len++;
	*found = (struct slice){found->ptr + len, found->len - len};
	return 0;
}

/* Hashed first, so that what is compared has one length, whatever the secret's is. */
static int matches_secret(const struct verify *v, struct slice given, struct diag *d)
{
	unsigned char met[DIGEST_MOST], expected[DIGEST_MOST];
	int matches = 0;
	digest_hash(DIGEST_SHA256, given, met);
	for (size_t k = 0; k < v->keys.count; k++) {
		digest_hash(DIGEST_SHA256, v->keys.list[k].bytes, expected);
		matches += digest_equal(met, expected, digest_size(DIGEST_SHA256));
	}
	return matches ? 0 : diag_fail(d, DIAG_NO, "authorization: it does not match");
}

static int check_bearer(const struct verify *v, const struct request *r, struct diag *d)
{
	struct slice token;
	return credentials(r, "Bearer", &token, d) < 0 ? -1 : matches_secret(v, token, d);
}

/* RFC 7617: base64 of "user:password". */
static int check_basic(const struct verify *v, const struct request *r, struct diag *d)
{
	struct slice text;
	if (credentials(r, "Basic", &text, d) < 0)
		return -1;
	struct buf pair = BUF_INIT;
	int result = -1;
	size_t user = strlen(v->user);
	if (base64_add_decoded(&pair, text) < 0)
		diag_fail(d, DIAG_NO, "authorization: expected base64");
	else if (pair.len <= user || pair.data[user] != ':' || memcmp(pair.data, v->user, user) != 0)
		diag_fail(d, DIAG_NO, "authorization: it does not match");
	else
		result = matches_secret(v, (struct slice){pair.data + user + 1, pair.len - user - 1}, d);
	if (pair.data)
		digest_wipe(pair.data, pair.cap);
	buf_free(&pair);
	return result;
}

enum verify_result verify_check(const struct verify *v, const struct request *r, int64_t now, struct diag *d)
{
	switch (v->kind) {
	case VERIFY_NONE:
		return 0;
	case VERIFY_BASIC:
		return check_basic(v, r, d);
	case VERIFY_BEARER:
		return check_bearer(v, r, d);
	case VERIFY_HMAC:
		return check_hmac(v, r, now, d);
	}
	diag_fail(d, DIAG_BUG, "verify: no such scheme");
	return VERIFY_ERROR;
}

bool verify_covers(const struct verify *v, const char *header)
{
	bool covers = v->timestamp_header && strcasecmp(v->timestamp_header, header) == 0;
	for (size_t i = 0; i < v->text.count; i++)
		covers |= v->text.parts[i].piece == MAC_HEADER && strcasecmp(v->text.parts[i].text, header) == 0;
	return covers;
}

const char *verify_challenge(const struct verify *v)
{
	return v->kind == VERIFY_BASIC    ? "Basic realm=\"evt\""
	       : v->kind == VERIFY_BEARER ? "Bearer realm=\"evt\""
					  : NULL;
}
