/* SPDX-License-Identifier: MIT */
/* The vectors are those the senders publish; their secrets are public. */
#include "verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <strings.h>

#include <cmocka.h>

#include "scratch.h"

static int try_load(struct verify *v, const char *json, struct diag *d)
{
	struct conf c;
	struct conf_object root;
	scratch_put("sources/x.json", json, 0600);
	if (conf_open(&c, scratch_dir, "sources", SLICE("x"), &root, d) == 0) {
		char *url = conf_string(&root, "public_url", CONF_OPTIONAL, NULL);
		verify_load(v, &root, url);
		free(url);
	} else {
		*v = (struct verify){.kind = VERIFY_NONE};
	}
	conf_end(&root);
	return conf_close(&c);
}

static struct verify load(const char *json, const char *secrets)
{
	struct verify v;
	struct diag d;
	scratch_put("s", secrets, 0600);
	if (try_load(&v, json, &d) < 0)
		fail_msg("%s: %s", json, d.text);
	return v;
}

static void refuse_file(const char *json, const char *secrets, const char *why)
{
	struct verify v;
	struct diag d;
	scratch_put("s", secrets, 0600);
	if (try_load(&v, json, &d) == 0)
		fail_msg("%s: was taken", json);
	verify_free(&v);
	assert_int_equal(d.code, DIAG_CONFIG);
	if (!strstr(d.text, why))
		fail_msg("%s: %s", json, d.text);
}

/* A request of these headers: name, value, name, value, NULL. */
static struct request with_headers(struct request r, const char **headers)
{
	static struct request_header list[16];
	for (r.headers = list; headers && headers[0]; headers += 2)
		list[r.header_count++] = (struct request_header){slice_of(headers[0]), slice_of(headers[1])};
	return r;
}

static int check(const struct verify *v, const char *body, const char **headers, int64_t now, struct diag *d)
{
	struct request r = with_headers(
	    (struct request){.method = SLICE("POST"), .path = SLICE("/x"), .body = slice_of(body)}, headers);
	d->text[0] = '\0';
	return verify_check(v, &r, now, d);
}

#define HEADERS(...) ((const char *[]){__VA_ARGS__, NULL})

static void taken(const struct verify *v, const char *body, const char **headers, int64_t now)
{
	struct diag d;
	if (check(v, body, headers, now, &d) < 0)
		fail_msg("refused: %s", d.text);
}

static void refused(const struct verify *v, const char *body, const char **headers, int64_t now, const char *why)
{
	struct diag d;
	assert_true(check(v, body, headers, now, &d) < 0);
	assert_int_equal(d.code, DIAG_NO);
	if (!strstr(d.text, why))
		fail_msg("%s", d.text);
}

#define FILE_OF(scheme) "{\"verify\": {\"scheme\": \"" scheme "\", \"secret_file\": \"s\"}}"

static const char standard_body[] = "{\"test\": 2432232314}";
#define STANDARD_ID   "webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define STANDARD_TIME "webhook-timestamp", "1614265330"
#define STANDARD_SIGN "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define STANDARD_AT   (INT64_C(1614265330) * 1000)

static void standard_webhooks(void **state)
{
	(void)state;
	struct verify v = load(FILE_OF("standard-webhooks"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
	const char **good = HEADERS(STANDARD_ID, STANDARD_TIME, "Webhook-Signature", STANDARD_SIGN);
	taken(&v, standard_body, good, STANDARD_AT);
	refused(&v, "{\"test\": 2432232315}", good, STANDARD_AT, "does not match");
	refused(&v, standard_body, HEADERS("webhook-id", "msg_x", STANDARD_TIME, "webhook-signature", STANDARD_SIGN),
		STANDARD_AT, "does not match");
	refused(&v, standard_body,
		HEADERS(STANDARD_ID, "webhook-timestamp", "1614265331", "webhook-signature", STANDARD_SIGN),
		STANDARD_AT, "does not match");
	refused(&v, standard_body, HEADERS(STANDARD_TIME, "webhook-signature", STANDARD_SIGN), STANDARD_AT,
		"webhook-id is missing");
	refused(&v, standard_body, HEADERS(STANDARD_ID, "webhook-signature", STANDARD_SIGN), STANDARD_AT,
		"webhook-timestamp is missing");
	refused(&v, standard_body, HEADERS(STANDARD_ID, STANDARD_TIME), STANDARD_AT, "webhook-signature is missing");
	verify_free(&v);

	v = load(FILE_OF("standard-webhooks"), "whsec_plJ3nmyCDGBKInavdOK15jsl");
	taken(&v, "{\"event_type\":\"ping\",\"data\":{\"success\":true}}",
	      HEADERS("webhook-id", "msg_loFOjxBNrRLzqYUf", "webhook-timestamp", "1731705121", "webhook-signature",
		      "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="),
	      INT64_C(1731705121000));
	verify_free(&v);
}

static void a_list_of_signatures_needs_one_that_matches(void **state)
{
	(void)state;
	struct verify v = load(FILE_OF("standard-webhooks"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	static const char other[] = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=";
	char list[2048];
	snprintf(list, sizeof list, "v1a,xyz v1,AAAA v1, v2,xx %s %s", other, STANDARD_SIGN);
	taken(&v, standard_body, HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", list), STANDARD_AT);
	refused(&v, standard_body, HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", other), STANDARD_AT,
		"does not match");
	refused(&v, standard_body, HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", "v2,abc"), STANDARD_AT,
		"none that starts with");
	refused(&v, standard_body, HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", ""), STANDARD_AT,
		"none that starts with");
	refused(&v, standard_body, HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", "v1,"), STANDARD_AT,
		"is none");
	refused(&v, standard_body,
		HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature",
			"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE"), /* without its padding */
		STANDARD_AT, "is none");
	list[0] = '\0';
	for (int i = 0; i < VERIFY_SIGNATURES; i++)
		strcat(strcat(list, other), " ");
	strcat(list, STANDARD_SIGN);
	refused(&v, standard_body, HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", list), STANDARD_AT,
		"more than 16");
	verify_free(&v);
}

static void a_header_that_stands_twice_is_refused(void **state)
{
	(void)state;
	struct verify v = load(FILE_OF("standard-webhooks"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	refused(
	    &v, standard_body,
	    HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", STANDARD_SIGN, "Webhook-Signature", STANDARD_SIGN),
	    STANDARD_AT, "webhook-signature stands there more than once");
	refused(&v, standard_body, HEADERS(STANDARD_ID, STANDARD_ID, STANDARD_TIME, "webhook-signature", STANDARD_SIGN),
		STANDARD_AT, "webhook-id stands there more than once");
	refused(&v, standard_body,
		HEADERS(STANDARD_ID, STANDARD_TIME, STANDARD_TIME, "webhook-signature", STANDARD_SIGN), STANDARD_AT,
		"webhook-timestamp stands there more than once");
	verify_free(&v);
}

static void a_timestamp_may_be_off_by_the_tolerance_either_way(void **state)
{
	(void)state;
	struct verify v = load(FILE_OF("standard-webhooks"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	const char **good = HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", STANDARD_SIGN);
	taken(&v, standard_body, good, STANDARD_AT + 300999);
	taken(&v, standard_body, good, STANDARD_AT - 300000);
	refused(&v, standard_body, good, STANDARD_AT + 301000, "older");
	refused(&v, standard_body, good, STANDARD_AT - 300001, "ahead");
	verify_free(&v);
	v = load("{\"verify\": {\"scheme\": \"standard-webhooks\", \"secret_file\": \"s\", \"tolerance\": \"10s\"}}",
		 "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	taken(&v, standard_body, good, STANDARD_AT + 10000);
	refused(&v, standard_body, good, STANDARD_AT + 11000, "10 s are allowed");
	verify_free(&v);
}

static void a_timestamp_is_1_to_13_digits(void **state)
{
	(void)state;
	struct verify v = load(FILE_OF("standard-webhooks"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	static const char *const wrong[] = {"",     "-1614265330", "+1614265330",    " 1614265330", "1614265330 ",
					    "0x60", "1614265330.", "16142653301614", "1e9",         "\xd9\xa1"};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		refused(&v, standard_body,
			HEADERS(STANDARD_ID, "webhook-timestamp", wrong[i], "webhook-signature", STANDARD_SIGN),
			STANDARD_AT, "not a number of 1 to 13 digits");
	verify_free(&v);
}

static void several_secrets_all_verify(void **state)
{
	(void)state;
	struct verify v = load(FILE_OF("github"), "the new one\nIt's a Secret to Everybody\n");
	taken(&v, "Hello, World!",
	      HEADERS("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
	      0);
	verify_free(&v);
	v = load(FILE_OF("standard-webhooks"),
		 "whsec_plJ3nmyCDGBKInavdOK15jsl\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
	taken(&v, standard_body, HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", STANDARD_SIGN), STANDARD_AT);
	verify_free(&v);
}

static void github(void **state)
{
	(void)state;
	struct verify v = load(FILE_OF("github"), "mysecret");
	static const char hex[] = "sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3";
	taken(&v, "{\"foo\":\"bar\"}", HEADERS("x-hub-signature-256", hex), 0);
	taken(&v, "{\"foo\":\"bar\"}",
	      HEADERS("x-hub-signature-256", "sha256=4864D2759938A15468B5DF9ADE20BF161DA9B4F737EA61794142F3484236BDA3"),
	      0);
	refused(&v, "{\"foo\":\"baz\"}", HEADERS("x-hub-signature-256", hex), 0, "does not match");
	refused(&v, "{\"foo\":\"bar\"}", HEADERS("x-hub-signature-256", hex + 7), 0,
		"none that starts with \"sha256=\"");
	refused(&v, "{\"foo\":\"bar\"}", HEADERS("x-hub-signature", hex), 0, "is missing");
	refused(&v, "{\"foo\":\"bar\"}", HEADERS("x-hub-signature-256", hex, "X-Hub-Signature-256", hex), 0,
		"more than once");
	char cut[80];
	snprintf(cut, sizeof cut, "%.*s", (int)strlen(hex) - 2, hex);
	refused(&v, "{\"foo\":\"bar\"}", HEADERS("x-hub-signature-256", cut), 0, "is none");
	verify_free(&v);
}

static const char stripe_body[] = "{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}";
#define STRIPE_SIGN "v1=2672d138c9a412830f3bfe2ecc5bfb3277cf6f5b49d0119d77dd6cb64da1257e"

static void stripe(void **state)
{
	(void)state;
	struct verify v = load(FILE_OF("stripe"), "whsec_test_secret");
	taken(&v, stripe_body, HEADERS("Stripe-Signature", "t=12345," STRIPE_SIGN), 12345000);
	taken(&v, stripe_body, HEADERS("Stripe-Signature", STRIPE_SIGN ",v0=nonsense,t=12345"), 12345000);
	taken(&v, stripe_body, HEADERS("Stripe-Signature", "v1=00," STRIPE_SIGN ",t=12345"), 12345000);
	refused(&v, stripe_body, HEADERS("Stripe-Signature", "t=12346," STRIPE_SIGN), 12345000, "does not match");
	refused(&v, "{}", HEADERS("Stripe-Signature", "t=12345," STRIPE_SIGN), 12345000, "does not match");
	refused(&v, stripe_body, HEADERS("Stripe-Signature", "t=12345," STRIPE_SIGN), 12646000, "older");
	refused(&v, stripe_body, HEADERS("Stripe-Signature", "t=12345," STRIPE_SIGN), 12044999, "ahead");
	refused(&v, stripe_body, HEADERS("Stripe-Signature", STRIPE_SIGN), 12345000, "no timestamp");
	refused(&v, stripe_body, HEADERS("Stripe-Signature", "t=12345,t=12345," STRIPE_SIGN), 12345000,
		"more than one timestamp");
	refused(&v, stripe_body, HEADERS("Stripe-Signature", "t=12345,v0=" STRIPE_SIGN), 12345000,
		"none that starts with");
	refused(&v, stripe_body, HEADERS("Stripe-Signature", "t=12345"), 12345000, "none that starts with");
	verify_free(&v);
}

static void shopify(void **state)
{
	(void)state;
	struct verify v = load(FILE_OF("shopify"), "It's a Secret to Everybody");
	static const char name[] = "X-Shopify-Hmac-SHA256";
	taken(&v, "Hello, World!", HEADERS(name, "dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc="), 0);
	refused(&v, "Hello, World?", HEADERS(name, "dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc="), 0,
		"does not match");
	refused(&v, "Hello, World!", HEADERS(name, "eXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc="), 0,
		"does not match");
	refused(&v, "Hello, World!", HEADERS(name, ""), 0, "is none");
	verify_free(&v);
}

#define HUBSPOT_FILE(url)                                                                                              \
	"{\"verify\": {\"scheme\": \"hubspot-v3\", \"secret_file\": \"s\"}, \"public_url\": \"" url "\"}"

static void hubspot_signs_the_address_of_the_configuration(void **state)
{
	(void)state;
	static const char secret[] = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
			  body[] = "{'example_field':'example_value'}";
	struct verify v = load(HUBSPOT_FILE("https://www.example.com/webhook_uri"), secret);
	const char **good = HEADERS("X-HubSpot-Signature-v3",
				    "HPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw=", "X-HubSpot-Request-Timestamp",
				    "15000000", "Host", "attacker.example");
	taken(&v, body, good, 15000000);
	taken(&v, body, good, 15300000);
	refused(&v, body, good, 15300001, "older");
	refused(&v, body, good, 14699999, "ahead");
	refused(&v, "{}", good, 15000000, "does not match");
	verify_free(&v);
	v = load(HUBSPOT_FILE("https://www.example.com/other"), secret);
	refused(&v, body, good, 15000000, "does not match");
	verify_free(&v);
	refuse_file(FILE_OF("hubspot-v3"), secret, "public_url");
}

static const char slack_body[] =
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

static void slack(void **state)
{
	(void)state;
	struct verify v = load(FILE_OF("slack"), "8f742231b10e8888abcd99yyyzzz85a5");
	const char **good = HEADERS("X-Slack-Request-Timestamp", "1531420618", "X-Slack-Signature",
				    "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
	taken(&v, slack_body, good, INT64_C(1531420618000));
	refused(&v, "token=", good, INT64_C(1531420618000), "does not match");
	refused(&v, slack_body, good, INT64_C(1531420919000), "older");
	verify_free(&v);
}

static const char form_type[] = "application/x-www-form-urlencoded; charset=UTF-8";

static struct request twilio_request(const char *query, const char *body, const char *type, const char *signature)
{
	static const char *headers[5];
	memcpy(headers, HEADERS("Content-Type", type, "X-Twilio-Signature", signature), sizeof headers);
	return with_headers(
	    (struct request){
		.method = SLICE("POST"), .path = SLICE("/x"), .query = slice_of(query), .body = slice_of(body)},
	    headers);
}

static void twilio(void **state)
{
	(void)state;
	struct diag d;
	static const char file[] = "{\"verify\": {\"scheme\": \"twilio\", \"secret_file\": \"s\"}, "
				   "\"public_url\": \"https://mycompany.com/myapp.php?foo=1&bar=2\"}";
	static const char form[] = "To=%2B18005551212&From=%2B14158675309&Digits=1234&Caller=%2B14158675309&"
				   "CallSid=CA1234567890ABCDE";
	static const char sign[] = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
	struct verify v = load(file, "12345");
	struct request r = twilio_request("foo=1&bar=2", form, form_type, sign);
	assert_int_equal(verify_check(&v, &r, 0, &d), VERIFY_GOOD);
	r = twilio_request(NULL, form, form_type, sign); /* behind a proxy that keeps the query to itself */
	assert_int_equal(verify_check(&v, &r, 0, &d), VERIFY_GOOD);
	r = twilio_request("foo=1&bar=3", form, form_type, sign);
	assert_int_equal(verify_check(&v, &r, 0, &d), VERIFY_BAD);
	r = twilio_request("foo=1&bar=2", "Digits=1235", form_type, sign);
	assert_int_equal(verify_check(&v, &r, 0, &d), VERIFY_BAD);
	r = twilio_request("foo=1&bar=2", "Digits=%zz", form_type, sign);
	assert_int_equal(verify_check(&v, &r, 0, &d), VERIFY_BAD);
	r = twilio_request("foo=1&bar=2", "{}", "application/json", sign);
	assert_int_equal(verify_check(&v, &r, 0, &d), VERIFY_BAD);
	verify_free(&v);
}

/* The hash of a JSON body stands in the signed address. */
static void twilio_json(void **state)
{
	(void)state;
	struct diag d;
	static const char query[] =
	    "foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
	static const char sign[] = "a9nBmqA0ju/hNViExpshrM61xv4=";
	struct verify v = load("{\"verify\": {\"scheme\": \"twilio\", \"secret_file\": \"s\"}, "
			       "\"public_url\": \"https://mycompany.com/myapp.php\"}",
			       "12345");
	struct request r =
	    twilio_request(query, "{\"property\": \"value\", \"boolean\": true}", "application/json", sign);
	assert_int_equal(verify_check(&v, &r, 0, &d), VERIFY_GOOD);
	r = twilio_request(query, "{\"property\": \"value\", \"boolean\": false}", "application/json", sign);
	assert_int_equal(verify_check(&v, &r, 0, &d), VERIFY_BAD);
	assert_non_null(strstr(d.text, "bodySHA256"));
	verify_free(&v);
}

static void mailgun_signs_within_the_body(void **state)
{
	(void)state;
	struct verify v = load(FILE_OF("mailgun"), "key-mailgun");
	const int64_t at = INT64_C(1529006854000);
	static const char body[] =
	    "{\"signature\": {\"timestamp\": \"1529006854\", \"token\": "
	    "\"a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0\", \"signature\": "
	    "\"4b85c3571bb0c3c16ab88b8921f8a55087cf0348e3bb3bcca7683c80606696cf\"}, \"event-data\": {}}";
	taken(&v, body, HEADERS("Content-Type", "application/json"), at);
	refused(&v, body, HEADERS("Content-Type", "application/json"), at + 301000, "older");
	refused(&v, "{\"signature\": {\"timestamp\": \"1529006854\"}}", HEADERS("X", "y"), at, "/signature/signature");
	refused(&v, "not JSON", HEADERS("X", "y"), at, "in the body");
	refused(&v,
		"{\"signature\": {\"timestamp\": \"1529006854\", \"token\": \"b8ce\", \"signature\": "
		"\"4b85c3571bb0c3c16ab88b8921f8a55087cf0348e3bb3bcca7683c80606696cf\"}}",
		HEADERS("X", "y"), at, "does not match");
	verify_free(&v);
}

/* v1a: Ed25519, the public key in the file; beside a shared one while the sender changes over. */
static void standard_webhooks_with_a_public_key(void **state)
{
	(void)state;
	static const char public[] = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
	static const char both[] = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=\n"
				   "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
	static const char sign[] =
	    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
	struct verify v = load(FILE_OF("standard-webhooks"), public);
	taken(&v, standard_body, HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", sign), STANDARD_AT);
	refused(&v, "{}", HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", sign), STANDARD_AT,
		"does not match");
	refused(&v, standard_body, HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", STANDARD_SIGN), STANDARD_AT,
		"does not match");
	refused(&v, standard_body, HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", "v1a,AAAA"), STANDARD_AT,
		"is none");
	verify_free(&v);
	v = load(FILE_OF("standard-webhooks"), both);
	taken(&v, standard_body, HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", sign), STANDARD_AT);
	taken(&v, standard_body, HEADERS(STANDARD_ID, STANDARD_TIME, "webhook-signature", STANDARD_SIGN), STANDARD_AT);
	verify_free(&v);
	refuse_file(FILE_OF("standard-webhooks"), "whpk_AAAA", "whpk_");
}

/* RFC 4231 test case 2, its message taken apart. */
static void hmac_signs_what_its_template_says(void **state)
{
	(void)state;
	struct verify v =
	    load("{\"verify\": {\"scheme\": \"hmac\", \"header\": \"X-Sign\", \"prefix\": \"h=\", \"signed\": "
		 "\"what {header:X-Verb} ya {body} for nothing?\", \"secret_file\": \"s\"}}",
		 "Jefe");
	static const char sign[] = "h=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
	taken(&v, "want", HEADERS("X-Sign", sign, "X-Verb", "do"), 0);
	refused(&v, "want", HEADERS("X-Sign", sign, "X-Verb", "did"), 0, "does not match");
	refused(&v, "want", HEADERS("X-Sign", sign), 0, "X-Verb is missing");
	refused(&v, "want", HEADERS("X-Sign", sign, "X-Verb", "do", "X-Verb", "do"), 0,
		"X-Verb stands there more than once");
	verify_free(&v);
}

static void hmac_can_be_made_any_of_the_others(void **state)
{
	(void)state;
	struct verify v =
	    load("{\"public_url\": \"https://www.example.com/webhook_uri\", \"verify\": {\"scheme\": \"hmac\", "
		 "\"algorithm\": \"sha256\", \"encoding\": \"base64\", \"header\": \"X-Sign\", \"signed\": "
		 "\"{method}{url}{body}{timestamp}\", \"timestamp_header\": \"X-Time\", "
		 "\"timestamp_unit\": \"ms\", \"tolerance\": \"1s\", \"secret_file\": \"s\"}}",
		 "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy");
	const char **good = HEADERS("X-Sign", "HPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw=", "X-Time", "15000000");
	taken(&v, "{'example_field':'example_value'}", good, 15001000);
	refused(&v, "{'example_field':'example_value'}", good, 15001001, "older");
	verify_free(&v);
}

static void hmac_knows_sha1_and_sha512(void **state)
{
	(void)state;
	static const char body[] = "what do ya want for nothing?";
	struct verify v = load("{\"verify\": {\"scheme\": \"hmac\", \"header\": \"X\", \"algorithm\": \"sha1\", "
			       "\"secret_file\": \"s\"}}",
			       "Jefe");
	taken(&v, body, HEADERS("X", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"), 0);
	refused(&v, body, HEADERS("X", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"), 0,
		"is none");
	verify_free(&v);
	v = load(
	    "{\"verify\": {\"scheme\": \"hmac\", \"header\": \"X\", \"algorithm\": \"sha512\", \"secret_file\": \"s\"}}",
	    "Jefe");
	taken(&v, body,
	      HEADERS("X", "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
			   "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"),
	      0);
	verify_free(&v);
}

static void basic(void **state)
{
	(void)state;
	struct verify v = load("{\"verify\": {\"scheme\": \"basic\", \"user\": \"Aladdin\", \"secret_file\": \"s\"}}",
			       "new\nopen sesame");
	taken(&v, "", HEADERS("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), 0); /* RFC 7617 */
	taken(&v, "", HEADERS("authorization", "bAsIc QWxhZGRpbjpuZXc="), 0);
	refused(&v, "", HEADERS("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZT8="), 0, "does not match");
	refused(&v, "", HEADERS("Authorization", "Basic QWxhZGRpbg=="), 0, "does not match");
	refused(&v, "", HEADERS("Authorization", "Basic ?"), 0, "expected base64");
	refused(&v, "", HEADERS("Authorization", "Bearer QWxhZGRpbjpuZXc="), 0, "expected the scheme Basic");
	refused(&v, "", HEADERS("Authorization", "Basic"), 0, "expected the scheme Basic");
	refused(&v, "", HEADERS("X", "y"), 0, "is missing");
	assert_non_null(strstr(verify_challenge(&v), "Basic"));
	verify_free(&v);
}

static void bearer(void **state)
{
	(void)state;
	struct verify v = load(FILE_OF("bearer"), "t0ken\nolder");
	taken(&v, "", HEADERS("Authorization", "Bearer t0ken"), 0);
	taken(&v, "", HEADERS("Authorization", "bearer older"), 0);
	refused(&v, "", HEADERS("Authorization", "Bearer t0ke"), 0, "does not match");
	refused(&v, "", HEADERS("Authorization", "Bearer t0ken2"), 0, "does not match");
	refused(&v, "", HEADERS("Authorization", "Bearer "), 0, "does not match");
	refused(&v, "", HEADERS("Authorization", "Bearert0ken"), 0, "expected the scheme");
	refused(&v, "", HEADERS("Authorization", "Bearer t0ken", "Authorization", "Bearer t0ken"), 0, "more than once");
	verify_free(&v);
}

static void none_takes_everything_and_must_be_written_out(void **state)
{
	(void)state;
	struct verify v = load("{\"verify\": {\"scheme\": \"none\"}}", "");
	taken(&v, "anything", HEADERS("X", "y"), 0);
	verify_free(&v);
	refuse_file("{}", "", "\"verify\" is missing");
	refuse_file("{\"verify\": {}}", "", "\"scheme\" is missing");
	refuse_file("{\"verify\": {\"scheme\": \"none\", \"secret_file\": \"s\"}}", "x",
		    "/verify/secret_file: unknown key");
}

static void an_empty_or_bad_secret_is_a_configuration_error(void **state)
{
	(void)state;
	refuse_file(FILE_OF("github"), "", "holds no secret");
	refuse_file(FILE_OF("github"), "\n\r\n", "holds no secret");
	refuse_file(FILE_OF("standard-webhooks"), "whsec_", "secret 1 is not whsec_ and base64");
	refuse_file(FILE_OF("standard-webhooks"), "whsec_not base64", "secret 1 is not whsec_ and base64");
	refuse_file(FILE_OF("standard-webhooks"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nwhsec_c2hvcnQ=", "secret 2");
	refuse_file("{\"verify\": {\"scheme\": \"stripe\"}}", "x", "\"secret_file\" is missing");
}

static void a_wrong_file_is_told_in_its_own_terms(void **state)
{
	(void)state;
#define HMAC_FILE(rest) "{\"verify\": {\"scheme\": \"hmac\", \"secret_file\": \"s\"" rest "}}"
	refuse_file("{\"verify\": {\"scheme\": \"md5\"}}", "x",
		    "/verify/scheme: expected one of \"standard-webhooks\"");
	refuse_file("{\"verify\": {\"scheme\": \"github\", \"secret_file\": \"s\", \"tolerance\": \"5m\"}}", "x",
		    "/verify/tolerance: unknown key"); /* it signs no time */
	refuse_file(HMAC_FILE(""), "x", "\"header\" is missing");
	refuse_file(HMAC_FILE(", \"header\": \"X\", \"signed\": \"{bod}\""), "x", "unknown {bod}");
	refuse_file(HMAC_FILE(", \"header\": \"X\", \"signed\": \"{body\""), "x", "a { without its }");
	refuse_file(HMAC_FILE(", \"header\": \"X\", \"signed\": \"{url}\""), "x", "expected {body}");
	refuse_file(HMAC_FILE(", \"header\": \"X\", \"signed\": \"{url}{body}\""), "x", "public_url");
	refuse_file(HMAC_FILE(", \"header\": \"X\", \"signed\": \"{timestamp}{body}\""), "x", "timestamp_header");
	refuse_file(HMAC_FILE(", \"header\": \"X\", \"timestamp_header\": \"T\""), "x", "expected {timestamp}");
	refuse_file("{\"verify\": {\"scheme\": \"basic\", \"secret_file\": \"s\"}}", "x", "\"user\" is missing");
	refuse_file("{\"verify\": {\"scheme\": \"basic\", \"user\": \"a:b\", \"secret_file\": \"s\"}}", "x", "colon");
}

static int make_folder(void **state)
{
	(void)state;
	return scratch_make("sources");
}

static int remove_folder(void **state)
{
	(void)state;
	return scratch_remove();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(standard_webhooks),
	    cmocka_unit_test(standard_webhooks_with_a_public_key),
	    cmocka_unit_test(twilio),
	    cmocka_unit_test(twilio_json),
	    cmocka_unit_test(mailgun_signs_within_the_body),
	    cmocka_unit_test(a_list_of_signatures_needs_one_that_matches),
	    cmocka_unit_test(a_header_that_stands_twice_is_refused),
	    cmocka_unit_test(a_timestamp_may_be_off_by_the_tolerance_either_way),
	    cmocka_unit_test(a_timestamp_is_1_to_13_digits),
	    cmocka_unit_test(several_secrets_all_verify),
	    cmocka_unit_test(github),
	    cmocka_unit_test(stripe),
	    cmocka_unit_test(shopify),
	    cmocka_unit_test(hubspot_signs_the_address_of_the_configuration),
	    cmocka_unit_test(slack),
	    cmocka_unit_test(hmac_signs_what_its_template_says),
	    cmocka_unit_test(hmac_can_be_made_any_of_the_others),
	    cmocka_unit_test(hmac_knows_sha1_and_sha512),
	    cmocka_unit_test(basic),
	    cmocka_unit_test(bearer),
	    cmocka_unit_test(none_takes_everything_and_must_be_written_out),
	    cmocka_unit_test(an_empty_or_bad_secret_is_a_configuration_error),
	    cmocka_unit_test(a_wrong_file_is_told_in_its_own_terms),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
