/* SPDX-License-Identifier: MIT */
#include "attempt.h"

#include <stdlib.h>

#include "clock.h"
#include "digest.h"
#include "reason.h"
#include "template.h"

/* ---- plans ---- */

/* HOST:PORT of an address, for people to read. */
static struct slice host_of(const char *url)
{
	const char *host = url ? strstr(url, "://") : NULL;
	return host ? (struct slice){host + 3, strcspn(host + 3, "/?#")} : SLICE_NONE;
}

int attempt_plan_init(struct attempt_plan *plan, struct dest *dest, const char *token_file, struct diag *d)
{
	*plan = (struct attempt_plan){.dest = dest,
				      .limits = {.concurrency = dest->concurrency,
						 .rate_per_ms = dest->rate_per_ms,
						 .timeout_ms = dest->timeout_ms,
						 .ordered = dest->ordered,
						 .failed_hold = dest->failed_hold},
				      .host = host_of(dest->url),
				      .update_host = host_of(dest->update_url)};
	plan->target = sender_target_new(dest, token_file);
	if (plan->target)
		return 0;
	attempt_plan_free(plan);
	return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
}

void attempt_plan_free(struct attempt_plan *plan)
{
	sender_target_free(plan->target);
	dest_free(plan->dest);
	*plan = (struct attempt_plan){.dest = NULL};
}

/* ---- the event ---- */

int attempt_take(struct attempt *a, const struct event *event)
{
	a->event = *event;
	a->next = NULL;
	a->again_at = a->waits_since = a->adopted = a->next_at = 0;
	a->number = a->step = 0;
	a->key = (struct journal_key){0, 0};
	a->record = SLICE_NONE;
	buf_clear(&a->known);
	buf_clear(&a->error);
	return event_keep(&a->event, &a->text);
}

void attempt_free(struct attempt *a)
{
	if (!a)
		return;
	buf_free(&a->text);
	buf_free(&a->url);
	buf_free(&a->known);
	buf_free(&a->error);
	buf_free(&a->found);
	free(a);
}

struct journal_ref attempt_ref(const struct attempt *a)
{
	const struct event *e = &a->event;
	return (struct journal_ref){e->source, e->id, e->destination, e->claim, a->key};
}

void attempt_key(const struct event *e, char key[ATTEMPT_KEY_SIZE])
{
	char text[3 * EVENT_NAME_LIMIT + 2];
	const struct slice parts[] = {e->source, e->id, e->destination};
	unsigned char digest[DIGEST_MOST];
	size_t len = 0;
	for (size_t i = 0; i < 3; i++) {
		memcpy(text + len, parts[i].ptr, parts[i].len);
		len += parts[i].len;
		if (i < 2)
			text[len++] = '\0';
	}
	digest_hash(DIGEST_SHA256, (struct slice){text, len}, digest);
	digest_hex(digest, (ATTEMPT_KEY_SIZE - 1) / 2, key);
}

/* ---- sending ---- */

/* Not sent; `answer` says so, without a slot. */
static void judge_unsent(struct attempt *a, struct outcome outcome, const char *why)
{
	int64_t now = clock_now();
	a->answer = (struct sender_answer){.started_at = now, .ended_at = now, .detail = ""};
	a->outcome = outcome;
	buf_clear(&a->error);
	buf_add_text(&a->error, why);
}

static bool updates(const struct attempt *a, const struct dest *dest)
{
	return dest->update_url && a->known.len;
}

static struct slice content_type(const struct event *e)
{
	if (e->content_type.len)
		return e->content_type;
	return e->body == EVENT_BYTES ? SLICE("application/octet-stream") : SLICE("application/json");
}

int attempt_send(struct attempt *a, const struct attempt_plan *plan, struct sender *sender)
{
	const struct dest *dest = plan->dest;
	const struct event *e = &a->event;
	bool update = updates(a, dest);
	struct diag why;
	char key[ATTEMPT_KEY_SIZE];
	buf_clear(&a->url);
	struct template_values values = {.record = a->known.len ? buf_slice(&a->known) : SLICE_NONE,
					 .subject = e->subject,
					 .id = e->id,
					 .type = e->type};
	if (template_expand(&a->url, slice_of(update ? dest->update_url : dest->url), &values, &why) < 0) {
		judge_unsent(a, outcome_unfit(), why.text);
		return -1;
	}
	attempt_key(e, key);
	struct sender_request request = {.target = plan->target,
					 .url = a->url.data,
					 .method = update ? dest->update_method : dest->method,
					 .body = e->data,
					 .content_type = content_type(e),
					 .key = slice_of(key),
					 .event = e->mode.ptr ? e : NULL,
					 .context = a};
	if (sender_start(sender, &request) == 0)
		return 0;
	struct outcome_facts facts = {.curl = CURLE_OUT_OF_MEMORY};
	judge_unsent(a, outcome_decide(&facts, dest), "could not be sent: out of memory");
	a->next_at = clock_now() + CLOCK_SECOND;
	return -1;
}

/* ---- judging ---- */

static void say_reason(struct attempt *a, const struct attempt_plan *plan, const struct answer *said)
{
	const struct sender_answer *answer = &a->answer;
	buf_clear(&a->error);
	if (strcmp(a->outcome.code, "cut") == 0) {
		buf_printf(&a->error,
			   "%d: the answer %s, so that refused_when cannot judge it; it may have arrived all the same",
			   answer->facts.http_status,
			   answer->facts.curl == CURLE_WRITE_ERROR ? "is longer than 64 KiB" : "broke off");
		return;
	}
	if (answer->facts.http_status) {
		struct reason_answer words = {.status = answer->facts.http_status,
					      .content_type = answer_header(answer->head, "Content-Type"),
					      .location = answer_header(answer->head, "Location"),
					      .body = answer->body,
					      .json = said->json,
					      .own = answer_at(said, &plan->dest->reason, &a->found)};
		reason_of_answer(&a->error, &words);
		return;
	}
	bool connecting = strcmp(a->outcome.code, "timeout-connect") == 0;
	int64_t timeout_ms = plan->dest->timeout_ms;
	struct reason_transfer words = {.code = a->outcome.code,
					.host = updates(a, plan->dest) ? plan->update_host : plan->host,
					.detail = answer->detail,
					.os_error = answer->os_error,
					.timeout_ms = connecting && timeout_ms > SENDER_CONNECT_MS ? SENDER_CONNECT_MS
												   : timeout_ms,
					.sent = answer->facts.sent};
	reason_of_transfer(&a->error, &words);
}

/* A record's id is text that can stand in a column and in an address. */
static struct slice fit_record(struct slice record)
{
	return event_is_name(record) ? record : SLICE_NONE;
}

static void find_record(struct attempt *a, const struct answer *said, const struct answer_place *place)
{
	a->record = fit_record(answer_at(said, place, &a->found));
	if (!a->record.ptr && a->known.len)
		a->record = buf_slice(&a->known);
}

static bool needs_json(const struct attempt *a, const struct dest *dest)
{
	return a->answer.body.len &&
	       (a->outcome.verdict != JOURNAL_OK || dest->record.text || dest->refused_when.count);
}

static bool is_cut(const struct attempt *a, const struct dest *dest, const struct answer *said)
{
	return dest->refused_when.count && !said->json && a->answer.facts.curl != CURLE_OK;
}

/* What the status has decided may be turned round by what the answer says. */
static void judge_words(struct attempt *a, const struct dest *dest, const struct answer *said)
{
	if (a->outcome.verdict == JOURNAL_OK) {
		const struct answer_condition *refusal = answer_meets(said, &dest->refused_when);
		if (is_cut(a, dest, said))
			a->outcome = outcome_cut(&a->answer.facts, dest);
		else if (refusal)
			a->outcome = outcome_refused(refusal->again);
		else
			find_record(a, said, &dest->record);
	} else if (statuses_hold(&dest->exists, a->answer.facts.http_status) &&
		   (dest->exists_when.count == 0 || answer_meets(said, &dest->exists_when))) {
		a->outcome = (struct outcome){.verdict = JOURNAL_OK};
		find_record(a, said, &dest->exists_record);
	}
}

void attempt_judge(struct attempt *a, const struct attempt_plan *plan, struct jtext *json, double random, int64_t now)
{
	const struct dest *dest = plan->dest;
	a->outcome = outcome_decide(&a->answer.facts, dest);
	struct jtext_error error;
	bool parsed = needs_json(a, dest) && jtext_parse(json, a->answer.body, &error) == 0;
	const struct answer said = {.head = a->answer.head, .json = parsed ? json : NULL};
	judge_words(a, dest, &said);
	if (a->outcome.verdict == JOURNAL_OK)
		return;
	say_reason(a, plan, &said);
	if (a->outcome.verdict == JOURNAL_AGAIN) {
		int64_t hint_ms = backoff_hint(answer_header(a->answer.head, "Retry-After"), now);
		a->next_at = backoff_next_at(&dest->backoff, a->step, hint_ms, random, now);
	}
}

struct journal_outcome attempt_outcome(const struct attempt *a)
{
	const struct sender_answer *answer = &a->answer;
	bool delivered = a->outcome.verdict == JOURNAL_OK;
	struct slice body = a->event.data.ptr ? a->event.data : SLICE("");
	return (struct journal_outcome){.ref = attempt_ref(a),
					.attempt = a->number,
					.verdict = a->outcome.verdict,
					.fault = a->outcome.fault,
					.started_at = answer->started_at,
					.ended_at = answer->ended_at,
					.sent_bytes = answer->sent_bytes,
					.received_bytes = answer->received_bytes,
					.next_at = a->next_at,
					.http_status = answer->facts.http_status,
					.code = delivered ? NULL : a->outcome.code,
					.error = delivered ? SLICE_NONE : buf_slice(&a->error),
					.record = a->record,
					.sent = a->event.map.ptr ? body : SLICE_NONE,
					.head = answer->head,
					.answer = answer->body};
}

/* ---- telling ---- */

enum journal_status attempt_status(const struct attempt *a)
{
	if (a->outcome.verdict == JOURNAL_OK)
		return JOURNAL_DELIVERED;
	return a->outcome.verdict == JOURNAL_AGAIN && a->next_at ? JOURNAL_RETRYING : JOURNAL_FAILED;
}

static void print_text(struct buf *b, const char *name, struct slice text)
{
	buf_printf(b, ",\"%s\":", name);
	if (text.ptr)
		jtext_add_string(b, text);
	else
		buf_add_text(b, "null");
}

void attempt_print(struct buf *b, const struct attempt *a, enum journal_status status)
{
	const struct event *e = &a->event;
	bool sent = a->number > 0;
	buf_add_text(b, "{\"id\":");
	jtext_add_string(b, e->id);
	print_text(b, "source", e->source);
	print_text(b, "destination", e->destination);
	print_text(b, "status", slice_of(journal_status_name(status)));
	buf_printf(b, ",\"attempt\":%d,\"http_status\":", a->number);
	if (sent && a->answer.facts.http_status)
		buf_add_int(b, a->answer.facts.http_status);
	else
		buf_add_text(b, "null");
	print_text(b, "destination_record", a->record);
	print_text(b, "error",
		   !sent                              ? (e->error.ptr ? e->error : e->skip)
		   : a->outcome.verdict == JOURNAL_OK ? SLICE_NONE
						      : buf_slice(&a->error));
	buf_add_text(b, "}\n");
}
