/* SPDX-License-Identifier: MIT */
/* Headers and body, against every scheme: a refusal has a reason fit for one line; a signature that holds for a body holds for
 * no longer one. */
#include "folder.h"
#include "http.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct sources all;

static const char *const schemes[] = {
    "\"scheme\":\"standard-webhooks\",\"secret_file\":\"k\"",
    "\"scheme\":\"github\",\"secret_file\":\"s\"",
    "\"scheme\":\"stripe\",\"secret_file\":\"s\"",
    "\"scheme\":\"shopify\",\"secret_file\":\"s\"",
    "\"scheme\":\"hubspot-v3\",\"secret_file\":\"s\"",
    "\"scheme\":\"slack\",\"secret_file\":\"s\"",
    "\"scheme\":\"twilio\",\"secret_file\":\"s\"",
    "\"scheme\":\"mailgun\",\"secret_file\":\"s\"",
    "\"scheme\":\"hmac\",\"secret_file\":\"s\",\"header\":\"X-Sign\",\"algorithm\":\"sha512\",\"encoding\":\"base64\",\"prefix\":\"v=\"",
    "\"scheme\":\"basic\",\"user\":\"u\",\"secret_file\":\"s\"",
    "\"scheme\":\"bearer\",\"secret_file\":\"s\"",
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	folder_make();
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		char name[64];
		snprintf(name, sizeof name, "sources/%c.json", (char)('a' + i));
		folder_put(name,
			   "{\"verify\":{%s},\"public_url\":\"https://a/\",\"type\":\"const:t\",\"destinations\":{}}",
			   schemes[i]);
	}
	folder_read(&all);
	return 0;
}

static void check_reason(const char *text)
{
	must(*text);
	for (; *text; text++)
		must((unsigned char)*text >= ' ' && *text != 0x7f);
}

static bool signs_body(const struct verify *v)
{
	return v->kind == VERIFY_HMAC && strcmp(v->header, "/signature/signature") != 0; /* mailgun's signs a token */
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct buf longer = BUF_INIT;
	struct http_head head;
	struct http_refusal refusal;
	struct slice text = {(const char *)bytes, len};
	size_t end = http_head_end(text, 0);
	if (!end || http_head_read(&head, (struct slice){text.ptr, end}, &refusal) < 0)
		return 0;
	struct request r = head.request;
	for (size_t i = 0; i < all.count; i++) {
		struct diag d = {.code = DIAG_OK};
		const struct verify *v = &all.list[i]->verify;
		r.body = (struct slice){text.ptr + end, len - end};
		enum verify_result result = verify_check(v, &r, INT64_C(1614265330000), &d);
		must(result != VERIFY_ERROR);
		if (result != VERIFY_GOOD)
			check_reason(d.text);
		if (result != VERIFY_GOOD || !signs_body(v))
			continue;
		buf_clear(&longer);
		buf_add_slice(&longer, r.body);
		buf_add_char(&longer, 'x');
		r.body = buf_slice(&longer);
		must(verify_check(v, &r, INT64_C(1614265330000), &d) != VERIFY_GOOD);
	}
	return 0;
}
