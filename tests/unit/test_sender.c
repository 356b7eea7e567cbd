/* SPDX-License-Identifier: MIT */
#include "sender.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A server of one connection, in a process of its own: reads one request, sends `reply` followed by `extra` bytes of 'x',
 * and hands the request back through a pipe. */
struct server {
	pid_t pid;
	int requests; /* the pipe's end */
	char url[64];
};

static void send_all(int fd, const char *bytes, size_t len)
{
	for (ssize_t sent; len && (sent = write(fd, bytes, len)) > 0; bytes += sent, len -= (size_t)sent)
		;
}

static void serve(int listener, int requests, const char *reply, size_t extra)
{
	static char request[65536], x[4096];
	signal(SIGPIPE, SIG_IGN);
	int fd = accept(listener, NULL, NULL);
	size_t len = 0;
	for (ssize_t got; !memmem(request, len, "\r\n\r\n", 4) || !memmem(request, len, "END", 3); len += (size_t)got)
		if ((got = read(fd, request + len, sizeof request - len)) <= 0)
			break;
	send_all(requests, request, len);
	close(requests);
	send_all(fd, reply, strlen(reply));
	memset(x, 'x', sizeof x);
	for (size_t left = extra; left; left -= left < sizeof x ? left : sizeof x)
		send_all(fd, x, left < sizeof x ? left : sizeof x);
	close(fd);
	_exit(0);
}

static struct server start_server(const char *reply, size_t extra)
{
	struct server s;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0), ends[2];
	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(pipe(ends), 0);
	s.pid = fork();
	if (s.pid == 0)
		serve(listener, ends[1], reply, extra);
	close(listener);
	close(ends[1]);
	s.requests = ends[0];
	snprintf(s.url, sizeof s.url, "http://127.0.0.1:%d/x", ntohs(address.sin_port));
	return s;
}

static char *end_server(struct server *s)
{
	static char request[65536];
	size_t len = 0;
	for (ssize_t got; (got = read(s->requests, request + len, sizeof request - 1 - len)) > 0; len += (size_t)got)
		;
	request[len] = '\0';
	close(s->requests);
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	return request;
}

struct exchange {
	struct dest dest;
	struct sender *sender;
	struct sender_target *target;
	struct sender_answer answer;
	int busy_ms; /* before the answer is looked for */
};

static void exchange(struct exchange *x, const char *url, const char *method)
{
	struct diag d;
	int context;
	if (!x->dest.timeout_ms)
		x->dest.timeout_ms = 5000;
	x->dest.url = (char *)(uintptr_t)url;
	x->sender = sender_open(&d);
	x->target = sender_target_new(&x->dest, NULL);
	const struct sender_request request = {.target = x->target,
					       .url = url,
					       .method = method,
					       .body = SLICE("\"END\""),
					       .content_type = SLICE("application/json"),
					       .key = SLICE("0123456789abcdef"),
					       .context = &context};
	assert_int_equal(sender_start(x->sender, &request), 0);
	if (x->busy_ms) {
		for (int i = 0; i < 5; i++)
			assert_int_equal(sender_wait(x->sender, NULL, 0, 10, &d), 0);
		usleep((useconds_t)x->busy_ms * 1000);
		assert_int_equal(sender_wait(x->sender, NULL, 0, 0, &d), 0);
	}
	while (!sender_take(x->sender, &x->answer))
		assert_int_equal(sender_wait(x->sender, NULL, 0, 1000, &d), 0);
	assert_ptr_equal(x->answer.context, &context);
}

static void end_exchange(struct exchange *x)
{
	sender_release(x->sender, &x->answer);
	sender_close(x->sender);
	sender_target_free(x->target);
}

static void holds(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in: %s", part, text);
}

static void a_request_has_its_headers(void **state)
{
	(void)state;
	struct slice secret = SLICE("s3cret");
	struct dest_header own[] = {{(char *)(uintptr_t) "X-Team", (char *)(uintptr_t) "ops"},
				    {(char *)(uintptr_t) "X-Empty", (char *)(uintptr_t) ""}};
	struct exchange x = {.dest = {.idempotency_header = (char *)(uintptr_t) "Idempotency-Key",
				      .auth = {.scheme = AUTH_BEARER, .secret = {.lines = &secret, .count = 1}},
				      .headers = own,
				      .header_count = 2}};
	struct server s = start_server("HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-Id:  7 \r\n\r\n{}", 0);
	exchange(&x, s.url, "PATCH");
	assert_int_equal(x.answer.facts.http_status, 201);
	assert_int_equal(x.answer.facts.curl, CURLE_OK);
	assert_true(x.answer.facts.sent);
	assert_true(x.answer.ended_at >= x.answer.started_at);
	assert_true(slice_is(x.answer.body, "{}"));
	assert_true(slice_is(answer_header(x.answer.head, "x-id"), "7"));
	end_exchange(&x);
	char *request = end_server(&s);
	assert_int_equal(strncmp(request, "PATCH /x HTTP/1.1\r\n", 19), 0);
	holds(request, "\r\nIdempotency-Key: 0123456789abcdef\r\n");
	holds(request, "\r\nContent-Type: application/json\r\n");
	holds(request, "\r\nAuthorization: Bearer s3cret\r\n");
	holds(request, "\r\nX-Team: ops\r\n");
	holds(request, "\r\nX-Empty:\r\n");
	holds(request, "\r\nUser-Agent: evt/" EVT_VERSION "\r\n");
	holds(request, "\r\nContent-Length: 5\r\n");
	holds(request, "\r\n\r\n\"END\"");
	assert_null(strstr(request, "Expect:"));
}

static void headers_of_the_file_take_the_place_of_ours(void **state)
{
	(void)state;
	struct dest_header own[] = {{(char *)(uintptr_t) "content-type", (char *)(uintptr_t) "application/x"},
				    {(char *)(uintptr_t) "user-agent", (char *)(uintptr_t) "me"}};
	struct exchange x = {.dest = {.headers = own, .header_count = 2}};
	struct server s = start_server("HTTP/1.1 204 No Content\r\n\r\n", 0);
	exchange(&x, s.url, "POST");
	end_exchange(&x);
	char *request = end_server(&s);
	holds(request, "\r\ncontent-type: application/x\r\n");
	holds(request, "\r\nuser-agent: me\r\n");
	assert_null(strstr(request, "Content-Type"));
	assert_null(strstr(request, "User-Agent"));
	assert_null(strstr(request, "Idempotency-Key"));
}

static void a_long_answer_is_cut(void **state)
{
	(void)state;
	struct exchange x = {.dest = {.concurrency = 1}};
	struct server s = start_server("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n", 10000000);
	exchange(&x, s.url, "POST");
	assert_int_equal(x.answer.facts.http_status, 200);
	assert_int_equal(x.answer.body.len, SENDER_BODY_LIMIT);
	end_exchange(&x);
	end_server(&s);
}

static void the_head_is_the_final_one_and_bounded(void **state)
{
	(void)state;
	struct buf reply = BUF_INIT;
	buf_add_text(&reply, "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
	for (int i = 0; i < 400; i++)
		buf_printf(&reply, "X-Long-%d: %0100d\r\n", i, i);
	buf_add_text(&reply, "\r\n");
	struct exchange x = {.dest = {.concurrency = 1}};
	struct server s = start_server(reply.data, 0);
	exchange(&x, s.url, "POST");
	assert_int_equal(x.answer.facts.http_status, 200);
	assert_true(x.answer.head.len <= SENDER_HEAD_LIMIT);
	assert_null(answer_header(x.answer.head, "X-Early").ptr);
	assert_true(slice_is(answer_header(x.answer.head, "Content-Length"), "0"));
	end_exchange(&x);
	end_server(&s);
	buf_free(&reply);
}

static void what_is_no_answer_has_no_status(void **state)
{
	(void)state;
	static const char *const replies[] = {"", "hello\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"};
	for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
		struct exchange x = {.dest = {.concurrency = 1}};
		struct server s = start_server(replies[i], 0);
		exchange(&x, s.url, "POST");
		assert_int_equal(x.answer.facts.http_status, 0);
		assert_int_not_equal(x.answer.facts.curl, CURLE_OK);
		assert_true(x.answer.facts.sent);
		assert_true(*x.answer.detail);
		end_exchange(&x);
		end_server(&s);
	}
}

/* While the caller is busy elsewhere, as with a journal that is locked. */
static void an_answer_that_came_in_time_is_no_timeout(void **state)
{
	(void)state;
	struct exchange x = {.dest = {.timeout_ms = 200}, .busy_ms = 600};
	struct server s = start_server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0);
	exchange(&x, s.url, "POST");
	assert_int_equal(x.answer.facts.http_status, 200);
	assert_int_equal(x.answer.facts.curl, CURLE_OK);
	end_exchange(&x);
	end_server(&s);
}

static void no_answer_in_time_is_a_timeout(void **state)
{
	(void)state;
	struct exchange x = {.dest = {.timeout_ms = 50}};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	char url[64];
	assert_int_equal(listen(listener, 1) || getsockname(listener, (struct sockaddr *)&address, &len), 0);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
	exchange(&x, url, "POST");
	assert_int_equal(x.answer.facts.curl, CURLE_OPERATION_TIMEDOUT);
	assert_true(x.answer.facts.sent);
	assert_in_range(x.answer.ended_at - x.answer.started_at, 45, 5000);
	end_exchange(&x);
	close(listener);
}

static void nobody_there_is_told_from_no_answer(void **state)
{
	(void)state;
	struct exchange x = {.dest = {.concurrency = 1}};
	exchange(&x, "http://127.0.0.1:1/", "POST");
	assert_int_equal(x.answer.facts.curl, CURLE_COULDNT_CONNECT);
	assert_false(x.answer.facts.sent);
	assert_int_equal(x.answer.os_error, ECONNREFUSED);
	end_exchange(&x);
}

static void other_protocols_are_refused(void **state)
{
	(void)state;
	struct exchange x = {.dest = {.concurrency = 1}};
	exchange(&x, "file:///etc/hostname", "POST");
	assert_int_equal(x.answer.facts.curl, CURLE_UNSUPPORTED_PROTOCOL);
	end_exchange(&x);
}

static void headers_are_found_by_name(void **state)
{
	(void)state;
	struct slice head = SLICE("HTTP/1.1 200 OK\r\nA: 1\r\nab:\t two \r\nEmpty:\r\nA: 3\r\n\r\n");
	assert_true(slice_is(answer_header(head, "a"), "1"));
	assert_true(slice_is(answer_header(head, "AB"), "two"));
	assert_true(slice_is(answer_header(head, "Empty"), ""));
	assert_null(answer_header(head, "b").ptr);
	assert_null(answer_header(SLICE_NONE, "a").ptr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_request_has_its_headers),
	    cmocka_unit_test(headers_of_the_file_take_the_place_of_ours),
	    cmocka_unit_test(a_long_answer_is_cut),
	    cmocka_unit_test(the_head_is_the_final_one_and_bounded),
	    cmocka_unit_test(what_is_no_answer_has_no_status),
	    cmocka_unit_test(an_answer_that_came_in_time_is_no_timeout),
	    cmocka_unit_test(no_answer_in_time_is_a_timeout),
	    cmocka_unit_test(nobody_there_is_told_from_no_answer),
	    cmocka_unit_test(other_protocols_are_refused),
	    cmocka_unit_test(headers_are_found_by_name),
	};
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
