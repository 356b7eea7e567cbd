/* SPDX-License-Identifier: MIT */
#include "signing.h"

#include <stdlib.h>

#include "base64.h"
#include "http.h"

/* What can stand in the signed text, and in front of the signature. */
enum {
	IN_PREFIX = 1u << MAC_TIMESTAMP | 1u << MAC_METHOD | 1u << MAC_ID,
	IN_TEXT = IN_PREFIX | 1u << MAC_BODY | 1u << MAC_URL,
};

/* ---- loading ---- */

static char *load_header(struct conf_object *o, const char *key, enum conf_need need, const char *otherwise)
{
	char *name = conf_string(o, key, need, otherwise);
	if (name && !http_is_token(slice_of(name)))
		conf_expected(o, key, "the name of a header", NULL);
	return name;
}

/* Standard Webhooks 1.0: https://github.com/standard-webhooks/standard-webhooks */
static void load_standard(struct signing *s, struct conf_object *o)
{
	s->header = strdup("webhook-signature");
	s->id_header = strdup("webhook-id");
	s->time_header = strdup("webhook-timestamp");
	s->time_unit_ms = 1000;
	s->algorithm = DIGEST_SHA256;
	s->encoding = MAC_BASE64;
	s->every_key = true;
	if (!s->header || !s->id_header || !s->time_header)
		conf_fail(o, NULL, "out of memory");
	mac_template_load(&s->text, o, "signed", "{id}.{timestamp}.{body}", IN_TEXT);
	mac_template_load(&s->prefix, o, "prefix", "v1,", IN_PREFIX);
}

static void load_template(struct mac_template *t, struct conf_object *o, const char *key, const char *otherwise,
			  unsigned allowed)
{
	char *text = conf_string(o, key, CONF_OPTIONAL, otherwise);
	if (text)
		mac_template_load(t, o, key, text, allowed);
	free(text);
}

static void load_hmac(struct signing *s, struct conf_object *o)
{
	static const char *const units[] = {"s", "ms", NULL};
	s->header = load_header(o, "header", CONF_REQUIRED, NULL);
	s->id_header = load_header(o, "id_header", CONF_OPTIONAL, NULL);
	s->time_header = load_header(o, "timestamp_header", CONF_OPTIONAL, NULL);
	s->time_unit_ms = conf_choice(o, "timestamp_unit", units, 0) ? 1 : 1000;
	s->algorithm = mac_load_algorithm(o);
	s->encoding = mac_load_encoding(o);
	load_template(&s->text, o, "signed", "{body}", IN_TEXT);
	load_template(&s->prefix, o, "prefix", "", IN_PREFIX);
	if (!mac_template_holds(&s->text, MAC_BODY))
		conf_fail(o, "signed", "expected {body} in it: a signature that leaves the body out proves nothing");
	if (mac_template_holds(&s->text, MAC_TIMESTAMP) && !s->time_header &&
	    !mac_template_holds(&s->prefix, MAC_TIMESTAMP))
		conf_fail(o, "signed",
			  "it holds {timestamp}, which neither \"timestamp_header\" nor \"prefix\" tells the receiver");
}

void signing_load(struct signing *s, struct conf_object *dest)
{
	static const char *const schemes[] = {"standard-webhooks", "hmac", NULL};
	struct conf_object o;
	*s = (struct signing){.header = NULL};
	conf_child(dest, "sign", CONF_OPTIONAL, &o);
	if (!o.json)
		return;
	int scheme = conf_choice(&o, "scheme", schemes, -1);
	if (scheme < 0)
		conf_fail(&o, NULL, "\"scheme\" is missing");
	else if (scheme == 0)
		load_standard(s, &o);
	else
		load_hmac(s, &o);
	mac_keys_load(&s->keys, &o, scheme == 0 ? MAC_KEYS_SHARED : MAC_KEYS_PLAIN);
	conf_end(&o);
}

void signing_free(struct signing *s)
{
	mac_keys_free(&s->keys);
	mac_template_free(&s->text);
	mac_template_free(&s->prefix);
	free(s->header);
	free(s->id_header);
	free(s->time_header);
	*s = (struct signing){.header = NULL};
}

/* ---- signing ---- */

static void fill(const struct mac_template *t, const struct signing_request *r, struct slice time,
		 struct slice parts[MAC_PARTS])
{
	const struct slice values[] = {[MAC_BODY] = r->body,
				       [MAC_TIMESTAMP] = time,
				       [MAC_URL] = r->url,
				       [MAC_METHOD] = r->method,
				       [MAC_ID] = r->id};
	for (size_t i = 0; i < t->count; i++)
		parts[i] = t->parts[i].piece == MAC_TEXT ? slice_of(t->parts[i].text) : values[t->parts[i].piece];
}

static void add_signature(const struct signing *s, struct slice key, const struct slice *parts, struct buf *lines)
{
	unsigned char mac[DIGEST_MOST];
	char hex[2 * DIGEST_MOST + 1];
	size_t size = digest_size(s->algorithm);
	digest_hmac(s->algorithm, key, parts, s->text.count, mac);
	if (s->encoding == MAC_BASE64) {
		base64_add(lines, (struct slice){(const char *)mac, size});
	} else {
		digest_hex(mac, size, hex);
		buf_add_text(lines, hex);
	}
}

static void add_line(struct buf *lines, const char *name, struct slice value)
{
	if (!name)
		return;
	buf_printf(lines, "%s: ", name);
	buf_add_slice(lines, value);
	buf_add_char(lines, '\0');
}

void signing_add(const struct signing *s, const struct signing_request *r, int64_t now, struct buf *lines)
{
	char digits[24];
	struct slice parts[MAC_PARTS], prefix[MAC_PARTS];
	if (s->keys.count == 0)
		return;
	snprintf(digits, sizeof digits, "%lld", (long long)(now / s->time_unit_ms));
	fill(&s->text, r, slice_of(digits), parts);
	fill(&s->prefix, r, slice_of(digits), prefix);
	add_line(lines, s->id_header, r->id);
	add_line(lines, s->time_header, slice_of(digits));
	buf_printf(lines, "%s: ", s->header);
	for (size_t k = 0; k < (s->every_key ? s->keys.count : 1); k++) {
		if (k > 0)
			buf_add_char(lines, ' ');
		for (size_t i = 0; i < s->prefix.count; i++)
			buf_add_slice(lines, prefix[i]);
		add_signature(s, s->keys.list[k].bytes, parts, lines);
	}
	buf_add_char(lines, '\0');
}
