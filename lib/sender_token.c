/* SPDX-License-Identifier: MIT */
/* Requests that wait for an access token. One of them makes the target fetch it; all go when it is there. */
#include <stdio.h>

#include "clock.h"
#include "sender_internal.h"

#define FETCH_MS ((int64_t)30 * 1000) /* at the most, for a token */

static struct sender_target *target_of(const struct slot *slot)
{
	return (struct sender_target *)(uintptr_t)slot->target; /* the sender made it, and may change it */
}

bool sender_must_park(const struct slot *slot)
{
	const struct sender_target *t = slot->target;
	return t->needs_token && !token_usable(&t->token, clock_now());
}

int sender_add_token(struct slot *slot)
{
	const struct sender_target *t = slot->target;
	if (!t->needs_token || slot->fetches_for)
		return 0;
	slot->lines.len = slot->own_lines;
	buf_add_text(&slot->lines, "Authorization: Bearer ");
	buf_add_slice(&slot->lines, buf_slice(&t->token.access));
	buf_add_char(&slot->lines, '\0');
	slot->token_generation = t->token.generation;
	return buf_ok(&slot->lines) ? 0 : -1;
}

/* ---- the row of those that wait ---- */

static void list_target(struct sender *s, struct sender_target *t)
{
	if (t->listed)
		return;
	t->listed = true;
	t->next = s->short_of_token;
	s->short_of_token = t;
}

static void unlist_target(struct sender *s, struct sender_target *t)
{
	struct sender_target **at = &s->short_of_token;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->listed = false;
}

void sender_park(struct sender *s, struct slot *slot)
{
	struct sender_target *t = target_of(slot);
	slot->parked = true;
	slot->next = t->parked;
	t->parked = slot;
	list_target(s, t);
}

void sender_unpark(struct slot *slot)
{
	struct slot **at = &target_of(slot)->parked;
	while (*at != slot)
		at = &(*at)->next;
	*at = slot->next;
	slot->parked = false;
}

static void refuse_all(struct sender_target *t, const char *why)
{
	for (struct slot *slot; (slot = t->parked);) {
		sender_unpark(slot);
		slot->refused = true;
		snprintf(slot->detail, sizeof slot->detail, "%s", why);
	}
}

static void launch_all(struct sender *s, struct sender_target *t)
{
	for (struct slot *slot; (slot = t->parked);) {
		sender_unpark(slot);
		if (sender_launch(s, slot) == 0)
			continue;
		slot->refused = true;
		snprintf(slot->detail, sizeof slot->detail, "out of memory");
	}
}

/* ---- fetching ---- */

#define SET(option, value)                                                                                             \
	do {                                                                                                           \
		if (curl_easy_setopt(slot->easy, option, value) != CURLE_OK)                                           \
			return -1;                                                                                     \
	} while (0)

static int set_up_fetch(struct sender_target *t)
{
	struct slot *slot = t->fetch;
	int64_t longest = t->dest->timeout_ms < FETCH_MS ? t->dest->timeout_ms : FETCH_MS;
	if ((!slot->easy && sender_set_up_slot(slot) < 0) || sender_set_target(slot, t) < 0)
		return -1;
	buf_clear(&t->token_body);
	buf_clear(&t->token_auth);
	token_request(&t->token, &t->token_body, &t->token_auth);
	buf_clear(&slot->lines);
	buf_add_text(&slot->lines, "Accept: application/json");
	buf_add_char(&slot->lines, '\0');
	if (t->token_auth.len) {
		buf_add_text(&slot->lines, "Authorization: ");
		buf_add_slice(&slot->lines, buf_slice(&t->token_auth));
		buf_add_char(&slot->lines, '\0');
	}
	SET(CURLOPT_URL, t->token.config->url);
	SET(CURLOPT_TIMEOUT_MS, (long)longest);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->token_body.len);
	SET(CURLOPT_POSTFIELDS, t->token_body.data);
	return buf_ok(&slot->lines) && buf_ok(&t->token_body) && buf_ok(&t->token_auth) ? 0 : -1;
}

#undef SET

static void fetch(struct sender *s, struct sender_target *t)
{
	if (set_up_fetch(t) == 0 && sender_launch(s, t->fetch) == 0) {
		t->fetching = true;
		return;
	}
	token_drop(&t->token);
	refuse_all(t, "no access token: out of memory");
}

static void say_failure(const struct sender_target *t, CURLcode code, struct diag *why)
{
	const struct slot *slot = t->fetch;
	diag_fail(why, DIAG_NO, "no access token from %s: %s", t->token.config->url,
		  slot->private_address ? "its address is private"
		  : *slot->detail       ? slot->detail
					: curl_easy_strerror(code));
}

void sender_token_taken(struct sender *s, struct slot *slot, CURLcode code)
{
	struct sender_target *t = slot->fetches_for;
	struct diag why;
	long status = 0;
	bool good = false;
	t->fetching = false;
	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK) {
		say_failure(t, code, &why);
		token_drop(&t->token);
	} else {
		good = token_take(&t->token, (int)status, buf_slice(&slot->body), clock_now(), &why) == 0;
	}
	sender_wipe(&slot->body);
	if (good)
		launch_all(s, t);
	else
		refuse_all(t, why.text);
	unlist_target(s, t);
}

void sender_review_tokens(struct sender *s)
{
	for (struct sender_target *t = s->short_of_token, *next; t; t = next) {
		next = t->next;
		if (t->fetching)
			continue;
		enum token_turn turn = t->parked ? token_begin(&t->token, clock_now()) : TOKEN_READY;
		if (turn == TOKEN_FETCH)
			fetch(s, t);
		else if (turn == TOKEN_READY)
			launch_all(s, t);
		if (!t->fetching && !t->parked)
			unlist_target(s, t);
	}
}

bool sender_renew(struct sender *s, struct slot *slot, long status)
{
	struct sender_target *t = target_of(slot);
	if (status != 401 || !t->needs_token || slot->renewed)
		return false;
	slot->renewed = true;
	token_reject(&t->token, slot->token_generation);
	sender_park(s, slot);
	return true;
}
