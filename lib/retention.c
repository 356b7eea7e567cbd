/* SPDX-License-Identifier: MIT */
#include "retention.h"

#include <inttypes.h>

#include "clock.h"
#include "show.h"

#define PAYLOADS_MS (7 * CLOCK_DAY)
#define EVENTS_MS   (30 * CLOCK_DAY)
#define LONGEST_MS  (3650 * CLOCK_DAY)

/* -1: not given. */
static bool contradicts(const struct retention *r)
{
	return r->events_ms >= 0 && r->events_ms < r->payloads_ms;
}

static int64_t given(int64_t age_ms, int64_t otherwise_ms)
{
	return age_ms >= 0 ? age_ms : otherwise_ms;
}

/* Of two that do not contradict each other. */
static void fill_in(struct retention *r)
{
	int64_t events_ms = given(r->events_ms, r->payloads_ms > EVENTS_MS ? r->payloads_ms : EVENTS_MS);
	r->payloads_ms = given(r->payloads_ms, events_ms < PAYLOADS_MS ? events_ms : PAYLOADS_MS);
	r->events_ms = events_ms;
}

/* Two that differ by less than a day must not read alike. */
static void add_span(struct buf *b, int64_t span_ms)
{
	if (span_ms > 2 * CLOCK_DAY && span_ms % CLOCK_DAY)
		buf_printf(b, "%" PRId64 " h", (span_ms + CLOCK_HOUR - 1) / CLOCK_HOUR);
	else
		show_add_span(b, span_ms);
}

static int refuse(const struct retention *r, struct diag *d)
{
	struct buf text = BUF_INIT;
	buf_add_text(&text, "payloads would be kept for ");
	add_span(&text, r->payloads_ms);
	buf_add_text(&text, ", their events for ");
	add_span(&text, r->events_ms);
	diag_fail(d, DIAG_USAGE, "%.*s: a payload goes with its event: say both --payloads and --events", (int)text.len,
		  buf_slice(&text).ptr);
	buf_free(&text);
	return -1;
}

int retention_load(struct retention *r, const char *dir, const struct retention *instead, struct diag *d)
{
	struct conf c;
	struct conf_object root;
	conf_open_optional(&c, dir, SLICE("prune"), &root, d);
	r->payloads_ms = conf_span(&root, "payloads", 0, LONGEST_MS, -1);
	r->events_ms = conf_span(&root, "events", 0, LONGEST_MS, -1);
	if (contradicts(r))
		conf_fail(&root, "events", "a payload goes with its event: not before \"payloads\"");
	conf_end(&root);
	if (conf_close(&c) < 0)
		return -1;
	if (instead) {
		r->payloads_ms = given(instead->payloads_ms, r->payloads_ms);
		r->events_ms = given(instead->events_ms, r->events_ms);
	}
	if (contradicts(r))
		return refuse(r, d);
	fill_in(r);
	return 0;
}

/* "retries can go on for 8 days, but payloads are kept for 7 days" */
static void explain(struct buf *b, int64_t retries_ms, int64_t payloads_ms)
{
	buf_add_text(b, "retries can go on for ");
	add_span(b, retries_ms);
	buf_add_text(b, ", but payloads are kept for ");
	add_span(b, payloads_ms);
}

void retention_check(struct conf_object *retry, const struct backoff *b)
{
	struct retention kept;
	struct diag why;
	struct buf text = BUF_INIT;
	if (retention_load(&kept, retry->conf->dir, NULL, &why) < 0)
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
