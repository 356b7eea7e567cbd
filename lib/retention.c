/* SPDX-License-Identifier: MIT */
#include "retention.h"

#include "clock.h"
#include "show.h"

#define PAYLOADS_MS (7 * CLOCK_DAY)
#define EVENTS_MS   (30 * CLOCK_DAY)
#define LONGEST_MS  (3650 * CLOCK_DAY)

int retention_load(struct retention *r, const char *dir, struct diag *d)
{
	struct conf c;
	struct conf_object root;
	conf_open_optional(&c, dir, SLICE("prune"), &root, d);
	r->payloads_ms = conf_span(&root, "payloads", 0, LONGEST_MS, PAYLOADS_MS);
	r->events_ms = conf_span(&root, "events", 0, LONGEST_MS, EVENTS_MS);
	if (r->events_ms < r->payloads_ms)
		conf_fail(&root, "events", "a payload goes with its event: not before \"payloads\"");
	conf_end(&root);
	return conf_close(&c);
}

/* "retries can go on for 8 days, but payloads are kept for 7 days" */
static void explain(struct buf *b, int64_t retries_ms, int64_t payloads_ms)
{
	buf_add_text(b, "retries can go on for ");
	show_add_span(b, retries_ms);
	buf_add_text(b, ", but payloads are kept for ");
	show_add_span(b, payloads_ms);
}

void retention_check(struct conf_object *retry, const struct backoff *b)
{
	struct retention kept;
	struct diag why;
	struct buf text = BUF_INIT;
	if (retention_load(&kept, retry->conf->dir, &why) < 0)
		conf_fail(retry, "schedule", "how long payloads are kept is not known: %s", why.text);
	else if (backoff_longest(b) > kept.payloads_ms) {
		explain(&text, backoff_longest(b), kept.payloads_ms);
		conf_fail(retry, "schedule", "%s: shorten it, or keep them longer in prune.json", buf_slice(&text).ptr);
	}
	buf_free(&text);
}

struct folder {
	const char *dir;
	int64_t payloads_ms;
};

static int warn(struct slice name, void *context, struct diag *d)
{
	const struct folder *folder = context;
	struct conf c;
	struct conf_object root, retry;
	struct backoff b;
	struct diag ignored; /* who sends says what is wrong with it */
	struct buf text = BUF_INIT;
	(void)d;
	if (conf_open(&c, folder->dir, "destinations", name, &root, &ignored) == 0) {
		conf_child(&root, "retry", CONF_OPTIONAL, &retry);
		backoff_load(&b, &retry);
		if (!c.failed && backoff_longest(&b) > folder->payloads_ms) {
			explain(&text, backoff_longest(&b), folder->payloads_ms);
			diag_notice("destination %.*s: %s: what is still open keeps its payload until it ends",
				    (int)name.len, name.ptr, buf_slice(&text).ptr);
		}
		conf_end(&retry);
		conf_end(&root);
	}
	conf_close(&c);
	buf_free(&text);
	return 0;
}

void retention_warn(const char *dir, int64_t payloads_ms)
{
	struct folder folder = {dir, payloads_ms};
	struct diag ignored;
	conf_each(dir, "destinations", warn, &folder, &ignored);
}
