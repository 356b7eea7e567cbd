/* SPDX-License-Identifier: MIT */
#include "attempt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clock.h"

enum { NOW = 1000000000 };

static struct attempt_plan plan;
static struct jtext json;

static struct attempt *take(void)
{
	const struct event event = {.id = SLICE("e1"),
				    .source = SLICE("shop"),
				    .type = SLICE("t"),
				    .destination = SLICE("crm"),
				    .body = EVENT_JSON,
				    .data = SLICE("{\"a\":1}"),
				    .extra = SLICE("")};
	struct attempt *a = calloc(1, sizeof *a);
	assert_int_equal(attempt_take(a, &event), 0);
	a->number = 3;
	a->step = 1;
	return a;
}

static void answer(struct attempt *a, int status, const char *head, const char *body)
{
	a->answer = (struct sender_answer){.facts = {.curl = CURLE_OK, .http_status = status, .sent = true},
					   .head = slice_of(head),
					   .body = slice_of(body),
					   .detail = ""};
	attempt_judge(a, &plan, &json, 0.5, NOW);
}

static void an_attempt_keeps_its_own_copy(void **state)
{
	(void)state;
	char id[] = "e1", data[] = "[1]";
	struct event event = {.id = {id, 2}, .source = SLICE("s"), .type = SLICE("t"), .data = {data, 3}};
	struct attempt *a = calloc(1, sizeof *a);
	for (int i = 0; i < 2; i++) { /* used again */
		memcpy(id, "e1", 2);
		assert_int_equal(attempt_take(a, &event), 0);
		memcpy(id, "xx", 2);
		assert_true(slice_is(a->event.id, "e1"));
		assert_true(slice_is(a->event.data, "[1]"));
		assert_null(a->event.subject.ptr);
	}
	attempt_free(a);
}

static void the_key_is_the_same_for_the_same_delivery_only(void **state)
{
	(void)state;
	char key[ATTEMPT_KEY_SIZE], other[ATTEMPT_KEY_SIZE];
	struct event e = {.source = SLICE("shop"), .id = SLICE("e1"), .destination = SLICE("crm"), .claim = 1};
	attempt_key(&e, key);
	/* printf 'shop\0e1\0crm' | sha256sum | cut -c1-32 */
	assert_string_equal(key, "8c71fe5f66eb11401a86c96a86062b7e");
	e.claim = 2;
	attempt_key(&e, other);
	assert_string_equal(key, other);
	e.id = SLICE("e");
	e.destination = SLICE("1crm");
	attempt_key(&e, other);
	assert_string_not_equal(key, other);
}

static void a_success_gives_the_record(void **state)
{
	(void)state;
	static const struct {
		const char *body, *record;
	} examples[] = {
	    {"{\"id\":\"rec_1\"}", "rec_1"},
	    {"{\"id\":12345678901234567890}", "12345678901234567890"},
	    {"{\"id\":1.10}", "1.10"},
	    {"{\"id\":\"\\u00e4\"}", "ä"},
	    {"{\"id\":null}", NULL},
	    {"{\"id\":{\"a\":1}}", NULL},
	    {"{\"id\":\"\"}", NULL},
	    {"{\"id\":\"a\\u0007\"}", NULL},
	    {"{\"no\":1}", NULL},
	    {"no json", NULL},
	    {"", NULL},
	};
	for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
		struct attempt *a = take();
		answer(a, 201, "HTTP/1.1 201\r\n\r\n", examples[i].body);
		assert_int_equal(attempt_status(a), JOURNAL_DELIVERED);
		assert_true(slice_equal(a->record, slice_of(examples[i].record)));
		attempt_free(a);
	}
}

static void a_known_record_stays(void **state)
{
	(void)state;
	struct attempt *a = take();
	buf_add_text(&a->known, "rec_7");
	answer(a, 204, "HTTP/1.1 204\r\n\r\n", "");
	assert_true(slice_is(a->record, "rec_7"));
	attempt_free(a);
}

static void a_transient_answer_is_tried_again_until_the_schedule_ends(void **state)
{
	(void)state;
	struct attempt *a = take();
	answer(a, 503, "HTTP/1.1 503\r\nRetry-After: 60\r\n\r\n", "");
	assert_int_equal(a->next_at, NOW + 60000);
	assert_int_equal(attempt_status(a), JOURNAL_RETRYING);
	answer(a, 500, "HTTP/1.1 500\r\n\r\n", "");
	assert_int_equal(a->next_at, NOW + 5000);
	a->step = 2;
	answer(a, 500, "HTTP/1.1 500\r\n\r\n", "");
	assert_int_equal(a->next_at, 0);
	assert_int_equal(attempt_status(a), JOURNAL_FAILED);
	attempt_free(a);
}

static void a_row_says_what_was_sent_and_what_came(void **state)
{
	(void)state;
	struct attempt *a = take();
	answer(a, 422, "HTTP/1.1 422\r\n\r\n", "{\"error\":\"no\"}");
	struct journal_outcome row = attempt_outcome(a);
	assert_int_equal(row.attempt, 3);
	assert_int_equal(row.verdict, JOURNAL_NEVER);
	assert_string_equal(row.code, "http-422");
	assert_true(slice_is(row.error, "422: no"));
	assert_null(row.sent.ptr);
	a->event.map = SLICE("contacts");
	assert_true(slice_is(attempt_outcome(a).sent, "{\"a\":1}"));
	attempt_free(a);
}

static void a_delivery_is_printed_on_one_line(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	struct attempt *a = take();
	answer(a, 422, "HTTP/1.1 422\r\n\r\n", "\"a \\\"quoted\\\"\\nword\"");
	attempt_print(&b, a, attempt_status(a));
	assert_string_equal(b.data, "{\"id\":\"e1\",\"source\":\"shop\",\"destination\":\"crm\",\"status\":\"failed\","
				    "\"attempt\":3,\"http_status\":422,\"destination_record\":null,"
				    "\"error\":\"422: a \\\"quoted\\\" word\"}\n");
	attempt_free(a);
	buf_free(&b);
}

static int make_plan(void **state)
{
	(void)state;
	struct diag d;
	struct dest *dest = calloc(1, sizeof *dest);
	*dest = (struct dest){.name = strdup("crm"),
			      .url = strdup("https://h/x"),
			      .method = strdup("POST"),
			      .success = {{{200, 299}}, 1},
			      .timeout_ms = 1000,
			      .concurrency = 1,
			      .backoff = {.steps_ms = {5000}, .count = 1}};
	return answer_place_set(&dest->record, strdup("/id")) || attempt_plan_init(&plan, dest, NULL, &d);
}

static int free_plan(void **state)
{
	(void)state;
	attempt_plan_free(&plan);
	jtext_free(&json);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_attempt_keeps_its_own_copy),
	    cmocka_unit_test(the_key_is_the_same_for_the_same_delivery_only),
	    cmocka_unit_test(a_success_gives_the_record),
	    cmocka_unit_test(a_known_record_stays),
	    cmocka_unit_test(a_transient_answer_is_tried_again_until_the_schedule_ends),
	    cmocka_unit_test(a_row_says_what_was_sent_and_what_came),
	    cmocka_unit_test(a_delivery_is_printed_on_one_line),
	};
	return cmocka_run_group_tests(tests, make_plan, free_plan);
}
