/* SPDX-License-Identifier: MIT */
/* Standard Webhooks' own vector, and one of RFC 4231; the shapes that a file may give a signature, and those it may not. */
#include "signing.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scratch.h"

static struct diag d;

/* Reads {"sign": SIGN} with `secrets` in the file "s". 0, or -1 with d. */
static int try_load(struct signing *s, const char *sign, const char *secrets)
{
	struct conf c;
	struct conf_object root;
	char json[1024];
	snprintf(json, sizeof json, "{\"sign\": %s}", sign);
	scratch_put("destinations/x.json", json, 0600);
	scratch_put("s", secrets, 0600);
	assert_int_equal(conf_open(&c, scratch_dir, "destinations", SLICE("x"), &root, &d), 0);
	signing_load(s, &root);
	conf_end(&root);
	return conf_close(&c);
}

static struct signing load(const char *sign, const char *secrets)
{
	struct signing s;
	if (try_load(&s, sign, secrets) < 0)
		fail_msg("%s: %s", sign, d.text);
	return s;
}

static void refused(const char *sign, const char *secrets, const char *why)
{
	struct signing s;
	if (try_load(&s, sign, secrets) == 0)
		fail_msg("was taken: %s", sign);
	if (!strstr(d.text, why))
		fail_msg("no '%s' in: %s", why, d.text);
	signing_free(&s);
}

static const struct signing_request order = {.method = SLICE("POST"),
					     .url = SLICE("https://h/x?y=1"),
					     .body = SLICE("{\"test\": 2432232314}"),
					     .id = SLICE("msg_p5jXN8AQM9LWM0D4loKWxJek")};

/* The headers for `order` at that time, each on a line of its own. */
static const char *headers(struct signing *s, int64_t now)
{
	static char text[4096];
	struct buf lines = BUF_INIT;
	signing_add(s, &order, now, &lines);
	assert_true(buf_ok(&lines));
	assert_true(lines.len < sizeof text);
	for (size_t i = 0; i < lines.len; i++)
		text[i] = lines.data[i] ? lines.data[i] : '\n';
	text[lines.len] = '\0';
	buf_free(&lines);
	return text;
}

static void nothing_is_signed_unless_it_is_said(void **state)
{
	(void)state;
	struct signing s = {.header = NULL};
	struct conf c;
	struct conf_object root;
	scratch_put("destinations/x.json", "{}", 0600);
	assert_int_equal(conf_open(&c, scratch_dir, "destinations", SLICE("x"), &root, &d), 0);
	signing_load(&s, &root);
	conf_end(&root);
	assert_int_equal(conf_close(&c), 0);
	assert_string_equal(headers(&s, 0), "");
	signing_free(&s);
}

/* https://github.com/standard-webhooks/standard-webhooks, libraries/javascript */
static void standard_webhooks_signs_its_own_vector(void **state)
{
	(void)state;
	struct signing s = load("{\"scheme\": \"standard-webhooks\", \"secret_file\": \"s\"}",
				"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	assert_string_equal(headers(&s, 1614265330999), "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\n"
							"webhook-timestamp: 1614265330\n"
							"webhook-signature: "
							"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n");
	signing_free(&s);
}

static void standard_webhooks_signs_with_every_secret(void **state)
{
	(void)state;
	struct signing s = load("{\"scheme\": \"standard-webhooks\", \"secret_file\": \"s\"}",
				"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\nMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	const char *signatures = strstr(headers(&s, 1614265330000), "webhook-signature: v1,");
	assert_non_null(signatures);
	assert_non_null(strstr(signatures, " v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n"));
	assert_non_null(strstr(signatures + 20, " v1,"));
	signing_free(&s);
}

/* openssl dgst -hmac topsecret, of what stands in the comment. */
static void an_hmac_has_any_shape(void **state)
{
	(void)state;
	struct signing s =
	    load("{\"scheme\": \"hmac\", \"secret_file\": \"s\", \"header\": \"X-S\", \"algorithm\": \"sha1\","
		 " \"signed\": \"{method}|{url}|{timestamp}|{id}|{body}\", \"prefix\": \"t={timestamp},v1=\","
		 " \"id_header\": \"X-Id\", \"timestamp_header\": \"X-T\", \"timestamp_unit\": \"ms\"}",
		 "topsecret\nolder");
	/* POST|https://h/x?y=1|1614265330999|msg_p5jXN8AQM9LWM0D4loKWxJek|{"test": 2432232314} */
	assert_string_equal(headers(&s, 1614265330999),
			    "X-Id: msg_p5jXN8AQM9LWM0D4loKWxJek\nX-T: 1614265330999\n"
			    "X-S: t=1614265330999,v1=3e1441e88bcc7e4d2fdffba6be95da7e6f90e1d4\n");
	signing_free(&s);
	s = load("{\"scheme\": \"hmac\", \"secret_file\": \"s\", \"header\": \"X-S\", \"encoding\": \"base64\"}",
		 "topsecret");
	assert_string_equal(headers(&s, 0), "X-S: ZwHtiROeSCCU+hshBti8hpqQvcbVbLTiD1DmFV082vU=\n");
	signing_free(&s);
}

static void what_proves_nothing_is_refused(void **state)
{
	(void)state;
#define HMAC(rest) "{\"scheme\": \"hmac\", \"secret_file\": \"s\", \"header\": \"X-S\"" rest "}"
	refused("{}", "x", "/sign: \"scheme\" is missing");
	refused("{\"scheme\": \"hmac\", \"secret_file\": \"s\"}", "x", "\"header\" is missing");
	refused("{\"scheme\": \"hmac\", \"secret_file\": \"s\", \"header\": \"X S\"}", "x", "the name of a header");
	refused(HMAC(", \"signed\": \"{id}\""), "x", "/sign/signed: expected {body} in it");
	refused(HMAC(", \"signed\": \"{body}{form}\""), "x",
		"unknown {form}: expected {body}, {timestamp}, {url}, {method} or {id}");
	refused(HMAC(", \"prefix\": \"{body}\""), "x",
		"/sign/prefix: unknown {body}: expected {timestamp}, {method} or {id}");
	refused(HMAC(", \"signed\": \"{body\""), "x", "a { without its }");
	refused(HMAC(", \"signed\": \"{timestamp}{body}\""), "x", "neither \"timestamp_header\" nor \"prefix\"");
	refused(HMAC(", \"algorithm\": \"md5\""), "x", "/sign/algorithm: expected one of");
	refused(HMAC(", \"tolerance\": \"5m\""), "x", "/sign/tolerance: unknown key");
	refused("{\"scheme\": \"standard-webhooks\", \"secret_file\": \"s\"}", "dG9vIHNob3J0",
		"secret 1 is not whsec_ and base64 of at least 16 bytes");
	/* A public key verifies, it does not sign. */
	refused("{\"scheme\": \"standard-webhooks\", \"secret_file\": \"s\"}",
		"whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=", "secret 1 is not whsec_");
}

static int set_up(void **state)
{
	(void)state;
	return scratch_make("destinations");
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_remove();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_signed_unless_it_is_said),
	    cmocka_unit_test(standard_webhooks_signs_its_own_vector),
	    cmocka_unit_test(standard_webhooks_signs_with_every_secret),
	    cmocka_unit_test(an_hmac_has_any_shape),
	    cmocka_unit_test(what_proves_nothing_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
