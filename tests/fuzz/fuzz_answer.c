/* SPDX-License-Identifier: MIT */
/* An answer's head and body, as a destination may send them: what is made of them is bounded, and fit for one line. */
#include "backoff.h"
#include "event.h"
#include "must.h"
#include "reason.h"
#include "sender.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* The head ends at the first empty line. */
static struct slice take_head(struct slice *text)
{
	const char *end = memmem(text->ptr, text->len, "\r\n\r\n", 4);
	size_t len = end ? (size_t)(end - text->ptr) + 4 : 0;
	struct slice head = {text->ptr, len};
	*text = (struct slice){text->ptr + len, text->len - len};
	return head;
}

static void check_hint(struct slice head)
{
	int64_t now = 1795415499123, hint_ms = backoff_hint(answer_header(head, "Retry-After"), now);
	must(hint_ms >= 0 && hint_ms <= BACKOFF_LONGEST_MS);
}

static void check_reason(struct slice head, struct slice body)
{
	static struct jtext json;
	static struct buf b;
	struct jtext_error error;
	struct reason_answer answer = {.status = body.len % 2 ? 422 : 302,
				       .content_type = answer_header(head, "Content-Type"),
				       .location = answer_header(head, "Location"),
				       .body = body,
				       .json = jtext_parse(&json, body, &error) == 0 ? &json : NULL};
	buf_clear(&b);
	reason_of_answer(&b, &answer);
	must(buf_ok(&b) && b.len >= 6 && b.len < 2 * REASON_LIMIT);
	must(jtext_is_utf8(buf_slice(&b)));
	for (size_t i = 0; i < b.len; i++)
		must((unsigned char)b.data[i] >= 0x20 && b.data[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct slice body = {(const char *)bytes, len};
	struct slice head = take_head(&body);
	check_hint(head);
	check_reason(head, body);
	return 0;
}
