/* SPDX-License-Identifier: MIT */
/* Access tokens: what is asked for, what is taken, how long it lives, who may fetch, and what the next process finds. */
#include "token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "scratch.h"

#define NOW ((int64_t)1795000000000)

static struct diag d;
static struct slice secret = SLICE("cl:ient s3cret"), refresh = SLICE("refresh-1");
static struct token_config client, refreshing;

static int set_up(void **state)
{
	(void)state;
	client = (struct token_config){.url = (char *)(uintptr_t) "https://login/token",
				       .client_id = (char *)(uintptr_t) "me&you",
				       .client_secret = {.lines = &secret, .count = 1}};
	refreshing = (struct token_config){.url = (char *)(uintptr_t) "https://login/token",
					   .client_id = (char *)(uintptr_t) "me",
					   .refresh_token = {.lines = &refresh, .count = 1}};
	return scratch_make(NULL);
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_remove();
}

static struct token token_of(const struct token_config *config)
{
	struct token t;
	assert_int_equal(token_init(&t, config, scratch_path("token")), 0);
	return t;
}

static int take(struct token *t, const char *answer)
{
	return token_take(t, 200, slice_of(answer), NOW, &d);
}

static void asks(const struct token *t, const char *body, const char *authorization)
{
	struct buf got = BUF_INIT, header = BUF_INIT;
	token_request(t, &got, &header);
	assert_string_equal(got.data, body);
	assert_true(slice_is(buf_slice(&header), authorization));
	buf_free(&got);
	buf_free(&header);
}

static void a_client_proves_itself_in_the_header_or_the_body(void **state)
{
	(void)state;
	struct token t = token_of(&client);
	/* RFC 6749, 2.3.1: both parts are form-encoded first. */
	asks(&t, "grant_type=client_credentials", "Basic bWUlMjZ5b3U6Y2wlM0FpZW50JTIwczNjcmV0");
	client.scope = (char *)(uintptr_t) "a b";
	client.audience = (char *)(uintptr_t) "https://api/";
	client.in_body = true;
	asks(&t,
	     "grant_type=client_credentials&scope=a%20b&audience=https%3A%2F%2Fapi%2F&client_id=me%26you"
	     "&client_secret=cl%3Aient%20s3cret",
	     "");
	token_free(&t);
}

static void a_token_is_renewed_before_it_ends(void **state)
{
	(void)state;
	static const struct {
		const char *expires_in;
		int64_t life_ms;
	} cases[] = {
	    {"3600", 59 * CLOCK_MINUTE},   /* a minute before */
	    {"60", 54 * CLOCK_SECOND},     /* a tenth of a short life */
	    {"\"600\"", CLOCK_MINUTE * 9}, /* some write it as text */
	    {"0", 0},
	    {"null", 59 * CLOCK_MINUTE}, /* an hour, when the server does not say */
	    {"-1", 59 * CLOCK_MINUTE},
	    {"99999999999999999999", 59 * CLOCK_MINUTE},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char answer[128];
		struct token t = token_of(&client);
		snprintf(answer, sizeof answer, "{\"access_token\":\"tok\",\"expires_in\":%s}", cases[i].expires_in);
		assert_int_equal(token_begin(&t, NOW), TOKEN_FETCH);
		assert_int_equal(take(&t, answer), 0);
		assert_int_equal(t.expires_at - NOW, cases[i].life_ms);
		assert_true(token_usable(&t, NOW + cases[i].life_ms - 1));
		assert_false(token_usable(&t, NOW + cases[i].life_ms));
		token_free(&t);
		unlink(scratch_path("token"));
	}
}

static void an_answer_without_a_token_says_why(void **state)
{
	(void)state;
	static const struct {
		int status;
		const char *body, *why;
	} cases[] = {
	    {400, "{\"error\":\"invalid_client\",\"error_description\":\"unknown client\"}",
	     "no access token: 400: invalid_client: unknown client"},
	    {503, "busy", "no access token: HTTP 503"},
	    {200, "<html>", "no access token: the answer of https://login/token has no usable access_token"},
	    {200, "{\"access_token\":\"a\\nb\"}", "has no usable access_token"},
	    {200, "{\"access_token\":7}", "has no usable access_token"},
	    {200, "{\"access_token\":\"tok\",\"token_type\":\"mac\"}", "no access token: its type is not Bearer"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct token t = token_of(&client);
		assert_int_equal(token_begin(&t, NOW), TOKEN_FETCH);
		assert_int_equal(token_take(&t, cases[i].status, slice_of(cases[i].body), NOW, &d), -1);
		if (!strstr(d.text, cases[i].why))
			fail_msg("no '%s' in: %s", cases[i].why, d.text);
		assert_false(token_usable(&t, NOW));
		token_free(&t);
	}
}

static void one_fetches_the_others_wait_and_find_it(void **state)
{
	(void)state;
	struct token first = token_of(&client), second = token_of(&client);
	assert_int_equal(token_begin(&first, NOW), TOKEN_FETCH);
	assert_int_equal(token_begin(&second, NOW), TOKEN_WAIT);
	assert_int_equal(take(&first, "{\"access_token\":\"tok-1\",\"token_type\":\"bearer\",\"expires_in\":3600}"), 0);
	assert_int_equal(token_begin(&second, NOW), TOKEN_READY);
	assert_true(slice_is(buf_slice(&second.access), "tok-1"));
	struct stat st;
	assert_int_equal(stat(scratch_path("token"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* One that gave up leaves the turn to the next. */
	token_reject(&first, first.generation);
	token_reject(&second, second.generation);
	assert_int_equal(token_begin(&first, NOW), TOKEN_FETCH);
	token_drop(&first);
	assert_int_equal(token_begin(&second, NOW), TOKEN_FETCH);
	token_free(&first);
	token_free(&second);
}

static void a_rejected_token_is_not_taken_from_the_file_again(void **state)
{
	(void)state;
	struct token t = token_of(&client), other = token_of(&client);
	assert_int_equal(token_begin(&t, NOW), TOKEN_FETCH);
	assert_int_equal(take(&t, "{\"access_token\":\"tok-1\"}"), 0);
	unsigned old = t.generation;
	token_reject(&t, old);
	assert_int_equal(token_begin(&t, NOW), TOKEN_FETCH);
	assert_int_equal(take(&t, "{\"access_token\":\"tok-2\"}"), 0);
	token_reject(&t, old); /* an answer to a request that left with the old one: too late to count */
	assert_true(token_usable(&t, NOW));
	/* Another process whose token is refused finds that this one has been renewed meanwhile. */
	assert_int_equal(token_begin(&other, NOW), TOKEN_READY);
	assert_true(slice_is(buf_slice(&other.access), "tok-2"));
	token_free(&t);
	token_free(&other);
}

static void a_replaced_refresh_token_outlives_the_process(void **state)
{
	(void)state;
	struct token t = token_of(&refreshing);
	asks(&t, "grant_type=refresh_token&refresh_token=refresh-1&client_id=me", "");
	assert_int_equal(token_begin(&t, NOW), TOKEN_FETCH);
	assert_int_equal(take(&t, "{\"access_token\":\"tok-1\",\"expires_in\":0,\"refresh_token\":\"refresh-2\"}"), 0);
	token_free(&t);
	t = token_of(&refreshing);
	assert_int_equal(token_begin(&t, NOW), TOKEN_FETCH);
	asks(&t, "grant_type=refresh_token&refresh_token=refresh-2&client_id=me", "");
	/* An answer without one leaves it in force. */
	assert_int_equal(take(&t, "{\"access_token\":\"tok-2\",\"expires_in\":0}"), 0);
	asks(&t, "grant_type=refresh_token&refresh_token=refresh-2&client_id=me", "");
	token_free(&t);
	/* A new one in the configuration counts more than what came of the old one. */
	refresh = SLICE("refresh-new");
	t = token_of(&refreshing);
	assert_int_equal(token_begin(&t, NOW), TOKEN_FETCH);
	asks(&t, "grant_type=refresh_token&refresh_token=refresh-new&client_id=me", "");
	token_free(&t);
}

static void a_file_of_anothers_making_is_not_believed(void **state)
{
	(void)state;
	struct token t = token_of(&client);
	assert_int_equal(token_begin(&t, NOW), TOKEN_FETCH);
	assert_int_equal(take(&t, "{\"access_token\":\"tok-1\"}"), 0);
	token_free(&t);
	assert_int_equal(chmod(scratch_path("token"), 0640), 0);
	t = token_of(&client);
	assert_int_equal(token_begin(&t, NOW), TOKEN_FETCH);
	token_free(&t);
	assert_int_equal(chmod(scratch_path("token"), 0600), 0);
	client.audience = (char *)(uintptr_t) "another";
	t = token_of(&client);
	assert_int_equal(token_begin(&t, NOW), TOKEN_FETCH);
	token_free(&t);
	scratch_put("token", "{\"of\":", 0600);
	t = token_of(&client);
	assert_int_equal(token_begin(&t, NOW), TOKEN_FETCH);
	token_free(&t);
}

/* Its end lies so far ahead that the clock must have been set back: it is fetched anew rather than trusted for years. */
static void a_clock_that_was_set_back_does_not_keep_a_token_alive(void **state)
{
	(void)state;
	struct token t = token_of(&client);
	assert_int_equal(token_begin(&t, NOW), TOKEN_FETCH);
	assert_int_equal(take(&t, "{\"access_token\":\"tok-1\",\"expires_in\":3600}"), 0);
	assert_false(token_usable(&t, NOW - 366 * CLOCK_DAY));
	token_free(&t);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(a_client_proves_itself_in_the_header_or_the_body),
	    EACH(a_token_is_renewed_before_it_ends),
	    EACH(an_answer_without_a_token_says_why),
	    EACH(one_fetches_the_others_wait_and_find_it),
	    EACH(a_rejected_token_is_not_taken_from_the_file_again),
	    EACH(a_replaced_refresh_token_outlives_the_process),
	    EACH(a_file_of_anothers_making_is_not_believed),
	    EACH(a_clock_that_was_set_back_does_not_keep_a_token_alive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
