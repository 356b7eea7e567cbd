/* SPDX-License-Identifier: MIT */
#include "dests.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "clock.h"

#include "scratch.h"

static struct dest *load(const char *json)
{
	struct diag d;
	scratch_put("destinations/crm.json", json, 0600);
	struct dest *dest = dest_load(scratch_dir, SLICE("crm"), &d);
	if (!dest)
		fail_msg("%s: %s", json, d.text);
	return dest;
}

static void refuse(const char *json, const char *why)
{
	struct diag d;
	scratch_put("destinations/crm.json", json, 0600);
	struct dest *dest = dest_load(scratch_dir, SLICE("crm"), &d);
	if (dest)
		fail_msg("%s: was taken", json);
	assert_int_equal(d.code, DIAG_CONFIG);
	if (!strstr(d.text, why))
		fail_msg("%s: %s", json, d.text);
	assert_null(strstr(d.text, "s3cret"));
}

static void the_least_has_the_usual_defaults(void **state)
{
	(void)state;
	struct dest *dest = load("{\"url\": \"https://api.example.com/x\"}");
	const char *map;
	assert_string_equal(dest->name, "crm");
	assert_string_equal(dest->method, "POST");
	assert_string_equal(dest->idempotency_header, "Idempotency-Key");
	assert_null(dest->update_url);
	assert_int_equal(dest->timeout_ms, 30000);
	assert_int_equal(dest->concurrency, 16);
	assert_true(dest->rate_per_ms == 0);
	assert_true(statuses_hold(&dest->success, 204));
	assert_false(statuses_hold(&dest->success, 302));
	assert_false(statuses_hold(&dest->retry_on, 409));
	assert_int_equal(dest->backoff.count, 9);
	assert_int_equal(dest->backoff.steps_ms[8], CLOCK_DAY);
	assert_false(dest->ordered || dest->ambiguous_fails || dest->gone_retries);
	assert_int_equal(dest_route(dest).attempts, 10);
	assert_int_equal(dest_map_for(dest, SLICE("contact.created"), &map), 0);
	assert_null(map);
	dest_free(dest);
}

static void everything_is_read(void **state)
{
	(void)state;
	scratch_put("crm.token", "t0p-s3cret\nolder\n", 0600);
	struct dest *dest =
	    load("{\"#\": \"all\", \"url\": \"https://api.example.com/c/{id}\", \"method\": \"put\","
		 "\"map\": {\"contact.*\": \"contacts\", \"#\": \"no\", \"deal.*\": \"deals\"},"
		 "\"update\": {\"url\": \"https://api.example.com/c/{record}\"},"
		 "\"auth\": {\"scheme\": \"bearer\", \"token_file\": \"crm.token\"},"
		 "\"headers\": {\"X-Team\": \"ops\", \"#\": \"x\", \"Content-Type\": \"application/vnd.x+json\"},"
		 "\"record\": \"/id\", \"success\": [\"2xx\", 409], \"timeout\": \"1500ms\", \"concurrency\": 3,"
		 "\"rate\": \"600/m\", \"order\": \"subject\", \"idempotency_header\": \"X-Key\","
		 "\"ambiguous\": \"fail\", \"gone\": \"retry\","
		 "\"retry\": {\"schedule\": [\"1s\", \"2m\"], \"jitter\": 0.5, \"on\": [\"404\", 423]}}");
	const char *map;
	assert_string_equal(dest->method, "PUT");
	assert_string_equal(dest->update_method, "PATCH");
	assert_int_equal(dest->auth.scheme, AUTH_BEARER);
	assert_true(slice_is(dest->auth.secret.lines[0], "t0p-s3cret"));
	assert_int_equal(dest->header_count, 2);
	assert_string_equal(dest->headers[0].name, "X-Team");
	assert_true(statuses_hold(&dest->success, 409));
	assert_true(statuses_hold(&dest->retry_on, 404) && statuses_hold(&dest->retry_on, 423));
	assert_int_equal(dest->timeout_ms, 1500);
	assert_true(dest->rate_per_ms > 0.00999 && dest->rate_per_ms < 0.01001);
	assert_true(dest->ordered && dest->ambiguous_fails && dest->gone_retries);
	assert_int_equal(dest->backoff.count, 2);
	assert_int_equal(dest_route(dest).attempts, 3);
	assert_true(dest_route(dest).ordered);
	assert_int_equal(dest_map_for(dest, SLICE("deal.won"), &map), 0);
	assert_string_equal(map, "deals");
	assert_int_equal(dest_map_for(dest, SLICE("ticket.new"), &map), -1);
	dest_free(dest);
}

static void update_implies_order(void **state)
{
	(void)state;
	struct dest *dest =
	    load("{\"url\": \"https://h/c\", \"record\": \"header:Location\","
		 "\"update\": {\"url\": \"https://h/c/{record}\", \"method\": \"PUT\"}, \"map\": \"m\"}");
	const char *map;
	assert_true(dest->ordered);
	assert_string_equal(dest->update_method, "PUT");
	assert_int_equal(dest_map_for(dest, SLICE("any"), &map), 0);
	assert_string_equal(map, "m");
	dest_free(dest);
}

static void failed_ones_hold_only_where_there_is_an_order(void **state)
{
	(void)state;
	struct dest *dest = load("{\"url\": \"https://h/\", \"order\": \"subject\"}");
	assert_false(dest->failed_hold);
	dest_free(dest);
	dest = load("{\"url\": \"https://h/\", \"order\": \"subject\", \"order_on_failure\": \"hold\"}");
	assert_true(dest->failed_hold);
	assert_true(dest_route(dest).failed_hold);
	dest_free(dest);
	refuse("{\"url\": \"https://h/\", \"order_on_failure\": \"hold\"}",
	       "/order_on_failure: without \"order\": \"subject\"");
	refuse("{\"url\": \"https://h/\", \"order\": \"subject\", \"order_on_failure\": \"stop\"}",
	       "/order_on_failure: expected one of \"continue\", \"hold\"");
}

static void plain_http_only_to_this_host_or_when_wanted(void **state)
{
	(void)state;
	static const char *const local[] = {"http://127.0.0.1:9/x", "http://127.9.9.9/x", "http://[::1]:9/x",
					    "http://localhost/x", "http://a.localhost/x"};
	char json[256];
	for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
		snprintf(json, sizeof json, "{\"url\": \"%s\"}", local[i]);
		dest_free(load(json));
	}
	refuse("{\"url\": \"http://example.com/x\"}", "plain http");
	refuse("{\"url\": \"http://127.0.0.1.example.com/x\"}", "plain http");
	refuse("{\"url\": \"http://128.0.0.1/x\"}", "plain http");
	dest_free(load("{\"url\": \"http://example.com/x\", \"plain_http\": true}"));
}

static void wrong_addresses_are_refused(void **state)
{
	(void)state;
	refuse("{}", "\"url\" is missing");
	refuse("{\"url\": \"ftp://h/x\"}", "http or https");
	refuse("{\"url\": \"file:///etc/passwd\"}", "http or https");
	refuse("{\"url\": \"/x\"}", "http or https");
	refuse("{\"url\": \"https://\"}", "http or https");
	refuse("{\"url\": \"http://127.1/x\"}", "four decimal numbers");
	refuse("{\"url\": \"http://0x7f000001/x\"}", "four decimal numbers");
	refuse("{\"url\": \"https://1.2.3.400/x\"}", "four decimal numbers");
	refuse("{\"url\": \"https://[::g]/x\"}", "in brackets");
	refuse("{\"url\": \"https://[::1]x/x\"}", "port");
	refuse("{\"url\": \"https://h:0/x\"}", "port");
	refuse("{\"url\": \"https://h:70000/x\"}", "port");
	refuse("{\"url\": \"https://h:/x\"}", "port");
	refuse("{\"url\": \"https://h\\\\@evil/x\"}", "backslashes");
	refuse("{\"url\": \"https://h/\u00fc\"}", "percent-encode");
	refuse("{\"url\": \"https://.h/x\"}", "with a host");
	refuse("{\"url\": \"https://a,b/x\"}", "with a host");
	refuse("{\"url\": \"https://u:s3cret@h/x\"}", "use \"auth\"");
	refuse("{\"url\": \"https://h/x#y\"}", "#fragment");
	refuse("{\"url\": \"https://h/a b\"}", "blanks");
	refuse("{\"url\": \"https://h/a\\nb\"}", "/url");
	refuse("{\"url\": \"https://{id}.h/x\"}", "host part");
	refuse("{\"url\": \"https://h/{record}\"}", "belongs into \"update\"");
	refuse("{\"url\": \"https://h\", \"method\": \"GET /\"}", "/method");
	refuse("{\"url\": \"https://h\", \"method\": \"connect\"}", "/method");
	refuse("{\"url\": \"https://h\", \"update\": {\"url\": \"https://h/{record}\"}}", "needs \"record\"");
	refuse("{\"url\": \"https://h\", \"record\": \"/id\", \"update\": {\"url\": \"http://h/{record}\"}}",
	       "/update/url: plain http");
	refuse("{\"url\": \"https://h\", \"record\": \"/id\", \"order\": \"none\","
	       "\"update\": {\"url\": \"https://h/{record}\"}}",
	       "/order");
}

static void wrong_headers_and_secrets_are_refused(void **state)
{
	(void)state;
	scratch_put("open.token", "s3cret\n", 0644);
	scratch_put("bad.token", "s3cret\x01\n", 0600);
	scratch_put("crm.token", "s3cret\n", 0600);
	refuse("{\"url\": \"https://h\", \"headers\": {\"X\": \"a\\r\\nB: c\"}}", "/headers/X");
	refuse("{\"url\": \"https://h\", \"headers\": {\"X\\r\\nY\": \"a\"}}", "/headers/X");
	refuse("{\"url\": \"https://h\", \"headers\": {\"X Y\": \"a\"}}", "not the name");
	refuse("{\"url\": \"https://h\", \"headers\": {\"X\": 1}}", "expected a string");
	refuse("{\"url\": \"https://h\", \"headers\": {\"content-length\": \"1\"}}", "sender alone");
	refuse("{\"url\": \"https://h\", \"headers\": {\"Authorization\": \"Bearer s3cret\"}}", "use \"auth\"");
	refuse("{\"url\": \"https://h\", \"auth\": {\"scheme\": \"bearer\", \"token_file\": \"open.token\"}}", "chmod");
	refuse("{\"url\": \"https://h\", \"auth\": {\"scheme\": \"bearer\", \"token_file\": \"bad.token\"}}",
	       "control");
	refuse("{\"url\": \"https://h\", \"auth\": {\"scheme\": \"bearer\", \"token_file\": \"none\"}}", "none");
	refuse("{\"url\": \"https://h\", \"auth\": {\"scheme\": \"bearer\"}}", "\"token_file\" is missing");
	refuse("{\"url\": \"https://h\", \"auth\": {}}", "\"scheme\" is missing");
	refuse("{\"url\": \"https://h\", \"auth\": {\"scheme\": \"basic\", \"user\": \"a:b\","
	       "\"password_file\": \"crm.token\"}}",
	       "/auth/user");
	refuse("{\"url\": \"https://h\", \"auth\": {\"scheme\": \"header\", \"name\": \"X:\","
	       "\"value_file\": \"crm.token\"}}",
	       "/auth/name");
	refuse("{\"url\": \"https://h\", \"auth\": {\"scheme\": \"bearer\", \"token_file\": \"crm.token\","
	       "\"token\": \"s3cret\"}}",
	       "/auth/token: unknown key");
}

static void wrong_values_are_refused(void **state)
{
	(void)state;
	refuse("{\"url\": \"https://h\", \"record\": \"id\"}", "/record");
	refuse("{\"url\": \"https://h\", \"record\": \"/a~2\"}", "/record");
	refuse("{\"url\": \"https://h\", \"record\": \"header:\"}", "/record");
	refuse("{\"url\": \"https://h\", \"success\": [\"2x\"]}", "/success");
	refuse("{\"url\": \"https://h\", \"success\": [\"6xx\"]}", "/success");
	refuse("{\"url\": \"https://h\", \"success\": \"2xx\"}", "/success");
	refuse("{\"url\": \"https://h\", \"rate\": \"100\"}", "/rate");
	refuse("{\"url\": \"https://h\", \"rate\": \"0/s\"}", "/rate");
	refuse("{\"url\": \"https://h\", \"rate\": \"-1/s\"}", "/rate");
	refuse("{\"url\": \"https://h\", \"rate\": \"1/w\"}", "/rate");
	refuse("{\"url\": \"https://h\", \"rate\": \"nan/s\"}", "/rate");
	refuse("{\"url\": \"https://h\", \"rate\": 5}", "/rate");
	refuse("{\"url\": \"https://h\", \"timeout\": \"0s\"}", "/timeout");
	refuse("{\"url\": \"https://h\", \"concurrency\": 0}", "/concurrency");
	refuse("{\"url\": \"https://h\", \"idempotency_header\": \"a b\"}", "/idempotency_header");
	refuse("{\"url\": \"https://h\", \"retry\": {\"schedule\": [\"5\"]}}", "/retry/schedule");
	refuse("{\"url\": \"https://h\", \"retry\": {\"schedule\": [\"2d\"]}}", "24h");
	refuse("{\"url\": \"https://h\", \"retry\": {\"jitter\": 1.5}}", "/retry/jitter");
	refuse("{\"url\": \"https://h\", \"map\": 5}", "/map");
	refuse("{\"url\": \"https://h\", \"map\": {\"a\": 5}}", "/map");
	refuse("{\"url\": \"https://h\", \"urll\": 5}", "unknown key");
}

static void an_empty_idempotency_header_means_none(void **state)
{
	(void)state;
	struct dest *dest = load("{\"url\": \"https://h\", \"idempotency_header\": \"\"}");
	assert_null(dest->idempotency_header);
	dest_free(dest);
}

static void a_folder_is_read_without_its_broken_files(void **state)
{
	(void)state;
	struct dests all;
	struct diag d;
	scratch_put("destinations/crm.json", "{\"url\": \"https://h\"}", 0600);
	scratch_put("destinations/bad.json", "{", 0600);
	scratch_put("destinations/warehouse.json", "{\"url\": \"https://h\"}", 0600);
	scratch_put("destinations/warehouse.json~", "{", 0600);
	assert_int_equal(dests_load(&all, scratch_dir, &d), 0);
	assert_int_equal(all.count, 2);
	assert_int_equal(all.broken, 1);
	assert_string_equal(dests_find(&all, SLICE("warehouse"))->name, "warehouse");
	assert_null(dests_find(&all, SLICE("bad")));
	dests_free(&all);
	assert_int_equal(dests_load(&all, "/nonexistent", &d), 0);
	assert_int_equal(all.count, 0);
	dests_free(&all);
}

static int make_folder(void **state)
{
	(void)state;
	return scratch_make("destinations");
}

static int remove_folder(void **state)
{
	(void)state;
	return scratch_remove();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_least_has_the_usual_defaults),
	    cmocka_unit_test(everything_is_read),
	    cmocka_unit_test(update_implies_order),
	    cmocka_unit_test(failed_ones_hold_only_where_there_is_an_order),
	    cmocka_unit_test(plain_http_only_to_this_host_or_when_wanted),
	    cmocka_unit_test(wrong_addresses_are_refused),
	    cmocka_unit_test(wrong_headers_and_secrets_are_refused),
	    cmocka_unit_test(wrong_values_are_refused),
	    cmocka_unit_test(an_empty_idempotency_header_means_none),
	    cmocka_unit_test(a_folder_is_read_without_its_broken_files),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
