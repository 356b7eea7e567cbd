/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "reception.h"

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage a = {0};
	struct sockaddr_in *four = (struct sockaddr_in *)&a;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&a;
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
		a.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
		a.ss_family = AF_INET6;
	else
		a.ss_family = AF_UNIX;
	return a;
}

static void named(const char *text, const char *expected)
{
	char name[PEER_SIZE];
	struct sockaddr_storage a = address(text);
	assert_string_equal(peer_name((struct sockaddr *)&a, name), expected);
}

static uint32_t bucket(const char *text)
{
	struct sockaddr_storage a = address(text);
	return peer_bucket((struct sockaddr *)&a, 7);
}

static void names_and_buckets(void **state)
{
	(void)state;
	named("192.0.2.1", "192.0.2.1");
	named("::ffff:192.0.2.1", "192.0.2.1");
	named("2001:db8::1", "2001:db8::1");
	named("a file", "unix");
	assert_int_equal(bucket("127.0.0.1"), 0);
	assert_int_equal(bucket("::ffff:127.0.0.1"), 0);
	assert_int_equal(bucket("::1"), 0);
	assert_int_equal(bucket("a file"), 0);
	assert_int_not_equal(bucket("192.0.2.1"), bucket("192.0.2.2"));
	assert_int_equal(bucket("192.0.2.1"), bucket("::ffff:192.0.2.1"));
	assert_int_equal(bucket("2001:db8::1"), bucket("2001:db8::2"));
	assert_int_not_equal(bucket("2001:db8::1"), bucket("2001:db8:0:1::1"));
}

static char dir[] = "/tmp/evt-test-peer.XXXXXX";

static int load(struct reception *r, const char *json, struct diag *d)
{
	char path[128];
	snprintf(path, sizeof path, "%s/receive.json", dir);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(json, file);
	fclose(file);
	int result = reception_load(r, dir, d);
	unlink(path);
	return result;
}

static void sent_by(const char *proxies, const char *peer, const char *forwarded, const char *expected)
{
	char json[256], text[PEER_SIZE];
	struct reception r;
	struct diag d;
	struct request_header headers[] = {{SLICE("Host"), SLICE("a")},
					   {SLICE("x-forwarded-for"), slice_of(forwarded)}};
	struct request request = {.headers = headers, .header_count = 2, .peer = peer};
	snprintf(json, sizeof json, "{\"trusted_proxies\": [%s]}", proxies);
	if (load(&r, json, &d) < 0)
		fail_msg("%s", d.text);
	assert_string_equal(peer_sender(&r.proxies, &request, text), expected);
}

static void who_sent_it(void **state)
{
	(void)state;
	sent_by("", "127.0.0.1", "192.0.2.9", "127.0.0.1");
	sent_by("\"127.0.0.1\"", "127.0.0.1", "192.0.2.9", "192.0.2.9");
	sent_by("\"127.0.0.1\"", "192.0.2.1", "192.0.2.9", "192.0.2.1");
	sent_by("\"unix\"", "unix", "1.2.3.4, 192.0.2.9", "192.0.2.9"); /* the first is the sender's own word */
	sent_by("\"unix\", \"192.0.2.0/24\"", "unix", "1.2.3.4, 192.0.2.9", "1.2.3.4");
	sent_by("\"unix\", \"192.0.2.8/31\"", "unix", "1.2.3.4, 192.0.2.10", "192.0.2.10");
	sent_by("\"2001:db8::/32\"", "2001:db8::5", "192.0.2.9", "192.0.2.9");
	sent_by("\"unix\"", "unix", "rubbish", "unix");
	sent_by("\"unix\"", "unix", "1.2.3.4, unknown", "unix");
	sent_by("\"unix\", \"10.0.0.0/8\"", "unix", "192.0.2.9, 10.0.0.1, , 10.0.0.2", "192.0.2.9");
	sent_by("\"unix\", \"2001:db8::/32\"", "unix", "192.0.2.9, 2001:db8::1", "192.0.2.9");
	sent_by("\"unix\"", "unix", "2001:db8::1", "2001:db8::1");
	sent_by("\"unix\"", "unix", "192.0.2.9:4711", "192.0.2.9");
	sent_by("\"unix\"", "unix", "[2001:db8::1]:4711", "2001:db8::1");
	sent_by("\"unix\"", "unix", "::ffff:192.0.2.9", "::ffff:192.0.2.9");
	sent_by("\"unix\"", "unix", "[", "unix");
	sent_by("\"unix\"", "unix", "", "unix");
}

static void refuses_what_is_no_network(void **state)
{
	(void)state;
	static const char *const bad[] = {"{\"trusted_proxies\": \"unix\"}",
					  "{\"trusted_proxies\": [\"x\"]}",
					  "{\"trusted_proxies\": [\"10.0.0.0/33\"]}",
					  "{\"trusted_proxies\": [\"10.0.0.0/\"]}",
					  "{\"trusted_proxies\": [\"10.0.0.0/8x\"]}",
					  "{\"trusted_proxies\": [1]}",
					  "{\"connections\": 0}",
					  "{\"other\": 1}",
					  NULL};
	struct reception r;
	struct diag d;
	for (size_t i = 0; bad[i]; i++) {
		if (load(&r, bad[i], &d) == 0)
			fail_msg("was taken: %s", bad[i]);
		assert_int_equal(d.code, DIAG_CONFIG);
	}
	assert_int_equal(reception_load(&r, dir, &d), 0); /* no file */
	assert_true(r.connections > r.connections_per_address && !r.proxies.unix_sockets);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_and_buckets),
	    cmocka_unit_test(who_sent_it),
	    cmocka_unit_test(refuses_what_is_no_network),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
