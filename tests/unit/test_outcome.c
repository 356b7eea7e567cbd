/* SPDX-License-Identifier: MIT */
#include "outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct dest usual = {.success = {{{200, 299}}, 1}};

struct expected {
	struct outcome_facts facts;
	enum journal_verdict verdict;
	bool fault;
	const char *code;
};

static void check(const struct dest *dest, const struct expected *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct outcome o = outcome_decide(&rows[i].facts, dest);
		if (o.verdict != rows[i].verdict || o.fault != rows[i].fault || strcmp(o.code, rows[i].code) != 0)
			fail_msg("row %zu: curl %d, status %d: verdict %d, fault %d, code %s", i, rows[i].facts.curl,
				 rows[i].facts.http_status, o.verdict, o.fault, o.code);
	}
}

#define CHECK(dest, rows) check(dest, rows, sizeof rows / sizeof rows[0])

static void answers_are_decided_by_status(void **state)
{
	(void)state;
	static const struct expected rows[] = {
	    {{CURLE_OK, 200, true, false, false, 0}, JOURNAL_OK, false, ""},
	    {{CURLE_OK, 204, true, false, false, 0}, JOURNAL_OK, false, ""},
	    {{CURLE_OK, 301, true, false, false, 0}, JOURNAL_NEVER, false, "http-301"},
	    {{CURLE_OK, 304, true, false, false, 0}, JOURNAL_NEVER, false, "http-304"},
	    {{CURLE_OK, 400, true, false, false, 0}, JOURNAL_NEVER, false, "http-400"},
	    {{CURLE_OK, 401, true, false, false, 0}, JOURNAL_AGAIN, true, "http-401"},
	    {{CURLE_OK, 403, true, false, false, 0}, JOURNAL_AGAIN, true, "http-403"},
	    {{CURLE_OK, 404, true, false, false, 0}, JOURNAL_NEVER, false, "http-404"},
	    {{CURLE_OK, 407, true, false, false, 0}, JOURNAL_AGAIN, true, "http-407"},
	    {{CURLE_OK, 408, true, false, false, 0}, JOURNAL_AGAIN, false, "http-408"},
	    {{CURLE_OK, 409, true, false, false, 0}, JOURNAL_NEVER, false, "http-409"},
	    {{CURLE_OK, 410, true, false, false, 0}, JOURNAL_NEVER, false, "http-410"},
	    {{CURLE_OK, 422, true, false, false, 0}, JOURNAL_NEVER, false, "http-422"},
	    {{CURLE_OK, 425, true, false, false, 0}, JOURNAL_AGAIN, false, "http-425"},
	    {{CURLE_OK, 429, true, false, false, 0}, JOURNAL_AGAIN, true, "http-429"},
	    {{CURLE_OK, 500, true, false, false, 0}, JOURNAL_AGAIN, true, "http-500"},
	    {{CURLE_OK, 503, true, false, false, 0}, JOURNAL_AGAIN, true, "http-503"},
	    {{CURLE_OK, 599, true, false, false, 0}, JOURNAL_AGAIN, true, "http-599"},
	};
	CHECK(&usual, rows);
}

static void unanswered_ones_are_tried_again(void **state)
{
	(void)state;
	static const struct expected rows[] = {
	    {{CURLE_LOGIN_DENIED, 0, false, true, false, 0}, JOURNAL_AGAIN, true, "token"},
	    {{CURLE_COULDNT_CONNECT, 0, false, false, true, 0}, JOURNAL_AGAIN, true, "private"},
	    {{CURLE_COULDNT_RESOLVE_HOST, 0, false, false, false, 0}, JOURNAL_AGAIN, true, "dns"},
	    {{CURLE_COULDNT_CONNECT, 0, false, false, false, 0}, JOURNAL_AGAIN, true, "connect"},
	    {{CURLE_PEER_FAILED_VERIFICATION, 0, false, false, false, 0}, JOURNAL_AGAIN, true, "tls"},
	    {{CURLE_SSL_CONNECT_ERROR, 0, false, false, false, 0}, JOURNAL_AGAIN, true, "tls"},
	    {{CURLE_OPERATION_TIMEDOUT, 0, false, false, false, 0}, JOURNAL_AGAIN, true, "timeout-connect"},
	    {{CURLE_OPERATION_TIMEDOUT, 0, true, false, false, 0}, JOURNAL_AGAIN, true, "timeout-response"},
	    {{CURLE_RECV_ERROR, 0, false, false, false, 407}, JOURNAL_AGAIN, true, "proxy"},
	    {{CURLE_PROXY, 0, false, false, false, 0}, JOURNAL_AGAIN, true, "proxy"},
	    {{CURLE_RECV_ERROR, 0, true, false, false, 200}, JOURNAL_AGAIN, true, "reset"}, /* through the tunnel */
	    {{CURLE_GOT_NOTHING, 0, true, false, false, 0}, JOURNAL_AGAIN, true, "reset"},
	    {{CURLE_RECV_ERROR, 0, true, false, false, 0}, JOURNAL_AGAIN, true, "reset"},
	    {{CURLE_RECV_ERROR, 100, true, false, false, 0}, JOURNAL_AGAIN, true, "reset"},
	    {{CURLE_WEIRD_SERVER_REPLY, 0, true, false, false, 0}, JOURNAL_AGAIN, true, "protocol"},
	    {{CURLE_OUT_OF_MEMORY, 0, false, false, false, 0}, JOURNAL_AGAIN, false, "local"},
	    {{CURLE_URL_MALFORMAT, 0, false, false, false, 0}, JOURNAL_NEVER, false, "address"},
	};
	CHECK(&usual, rows);
}

static void a_cut_body_does_not_take_the_answer_back(void **state)
{
	(void)state;
	static const struct expected rows[] = {
	    {{CURLE_WRITE_ERROR, 200, true, false, false, 0}, JOURNAL_OK, false, ""},
	    {{CURLE_PARTIAL_FILE, 201, true, false, false, 0}, JOURNAL_OK, false, ""},
	    {{CURLE_OPERATION_TIMEDOUT, 422, true, false, false, 0}, JOURNAL_NEVER, false, "http-422"},
	    {{CURLE_RECV_ERROR, 500, true, false, false, 0}, JOURNAL_AGAIN, true, "http-500"},
	};
	CHECK(&usual, rows);
}

static void a_destination_may_see_it_otherwise(void **state)
{
	(void)state;
	static const struct dest other = {.success = {{{200, 200}, {409, 409}}, 2},
					  .retry_on = {{{404, 404}, {302, 302}}, 2},
					  .gone_retries = true,
					  .ambiguous_fails = true};
	static const struct expected rows[] = {
	    {{CURLE_OK, 409, true, false, false, 0}, JOURNAL_OK, false, ""},
	    {{CURLE_OK, 201, true, false, false, 0}, JOURNAL_NEVER, false, "http-201"},
	    {{CURLE_OK, 404, true, false, false, 0}, JOURNAL_AGAIN, false, "http-404"},
	    {{CURLE_OK, 302, true, false, false, 0}, JOURNAL_AGAIN, false, "http-302"},
	    {{CURLE_OK, 410, true, false, false, 0}, JOURNAL_AGAIN, false, "http-410"},
	    {{CURLE_OPERATION_TIMEDOUT, 0, true, false, false, 0}, JOURNAL_NEVER, true, "timeout-response"},
	    {{CURLE_OPERATION_TIMEDOUT, 0, false, false, false, 0}, JOURNAL_AGAIN, true, "timeout-connect"},
	    {{CURLE_COULDNT_CONNECT, 0, false, false, false, 0}, JOURNAL_AGAIN, true, "connect"},
	    {{CURLE_RECV_ERROR, 0, false, false, false, 407}, JOURNAL_AGAIN, true, "proxy"}, /* never sent */
	};
	CHECK(&other, rows);
}

static void ambiguity_is_told(void **state)
{
	(void)state;
	assert_true(
	    outcome_decide(&(struct outcome_facts){CURLE_RECV_ERROR, 0, true, false, false, 0}, &usual).ambiguous);
	assert_false(outcome_decide(&(struct outcome_facts){CURLE_COULDNT_CONNECT, 0, false, false, false, 0}, &usual)
			 .ambiguous);
	assert_false(outcome_decide(&(struct outcome_facts){CURLE_OK, 503, true, false, false, 0}, &usual).ambiguous);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_are_decided_by_status),
	    cmocka_unit_test(unanswered_ones_are_tried_again),
	    cmocka_unit_test(a_cut_body_does_not_take_the_answer_back),
	    cmocka_unit_test(a_destination_may_see_it_otherwise),
	    cmocka_unit_test(ambiguity_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
