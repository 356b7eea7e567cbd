/* SPDX-License-Identifier: MIT */
/* destination: a small HTTP API that answers by script, for tests, benches and the demo. One thread.
 *
 *   destination [-p PORT] [-P FILE] [-l FILE] [-r RULES]
 *
 *   -p PORT   listen on 127.0.0.1:PORT; by default the system picks one
 *   -P FILE   write the port to FILE when ready, besides "listening on PORT" on standard output
 *   -l FILE   append each request as one JSON line, at the moment it is answered:
 *             n, time, method, path, headers (names in lower case), body or body_base64, open (requests that
 *             stood open then, this one included), status (0: closed without an answer), port (the client's), record, repeat
 *   -r RULES  a file, or the JSON itself: an array of rules. The first that fits answers:
 *             path     glob(7) over the request's path and query
 *             method   the method
 *             body     text that the body contains
 *             every    only each Nth request that fits so far; the others go on to the next rule
 *             per      what the answers are counted over: "key" (each Idempotency-Key, the default), "body" or "rule"
 *             answers  in turn, the last repeats: status (200), headers, body (JSON, or text as it is), delay_ms,
 *                      close (no answer at all); {} is the default answer
 *
 * By default it behaves like an API that honours idempotency keys: 201 with {"id":"rec_N"}, the same N for the same
 * Idempotency-Key ("repeat" counts how often it had been created before). A PUT or PATCH of .../rec_N answers 200 with that id.
 *
 *   [{"body": "bob", "answers": [{"status": 503}, {}]},                          503 once for each key, then 201
 *    {"every": 20, "answers": [{"status": 429, "headers": {"Retry-After": "1"}}]}]
 *
 * PUT /-/rules replaces the rules; GET /-/counts answers {"requests":N,"records":N,"repeats":N}. Neither is logged. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <jansson.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"

struct request {
	char *path; /* with its query, as it came */
	struct buf body;
	struct MHD_Connection *connection;
	int64_t arrived_at;
	int64_t answer_at;    /* clock_monotonic; while it stands in `delayed` */
	struct request *next; /* in `delayed` */
	const json_t *answer; /* borrowed from `rules`; NULL: the default one */
	json_t *rules;        /* keeps `answer` alive while it waits */
	struct buf key;       /* what its rule counts over, and its record */
	json_int_t number;
	bool begun, chosen;
};

static json_t *rules;   /* each rule gains "fits", a count, and "given", counts by key */
static json_t *records; /* by idempotency key: {"n": N, "repeats": N} */
static struct request *delayed;
static int log_fd = -1, open_requests;
static json_int_t requests, created, repeats;

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "destination: %s: %s\n", what, why);
	exit(1);
}

/* ---- the script ---- */

static json_t *parse_rules(const char *text, char *why, size_t size)
{
	json_error_t error = {.text = "expected an array of rules, each with its answers"};
	json_t *parsed = json_loads(text, 0, &error), *rule;
	size_t i;
	bool good = json_is_array(parsed);
	if (good)
		json_array_foreach (parsed, i, rule) {
			good = good && json_array_size(json_object_get(rule, "answers")) > 0;
			json_object_set_new(rule, "given", json_object());
		}
	if (good)
		return parsed;
	snprintf(why, size, "%s", error.text);
	json_decref(parsed);
	return NULL;
}

static char *read_file(const char *name)
{
	FILE *file = fopen(name, "r");
	if (!file)
		fail(name, strerror(errno));
	struct buf text = BUF_INIT;
	char part[4096];
	for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;)
		buf_add(&text, part, got);
	fclose(file);
	return text.data ? text.data : strdup("");
}

static json_t *load_rules(const char *argument)
{
	char why[JSON_ERROR_TEXT_LENGTH];
	char *text = argument[0] == '[' ? strdup(argument) : read_file(argument);
	json_t *parsed = parse_rules(text, why, sizeof why);
	if (!parsed)
		fail(argument, why);
	free(text);
	return parsed;
}

static json_int_t count_up(json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key)) + 1;
	json_object_set_new(object, key, json_integer(n));
	return n;
}

static bool rule_fits(json_t *rule, const struct request *r, const char *method)
{
	const char *path = json_string_value(json_object_get(rule, "path"));
	const char *verb = json_string_value(json_object_get(rule, "method"));
	const char *part = json_string_value(json_object_get(rule, "body"));
	json_int_t every = json_integer_value(json_object_get(rule, "every"));
	if (path && fnmatch(path, r->path, 0) != 0)
		return false;
	if (verb && strcmp(verb, method) != 0)
		return false;
	if (part && !(r->body.data && memmem(r->body.data, r->body.len, part, strlen(part))))
		return false;
	return every <= 1 || count_up(rule, "fits") % every == 0;
}

/* What this rule's answers are counted over. */
static const char *rule_key(const json_t *rule, const struct request *r)
{
	const char *per = json_string_value(json_object_get(rule, "per"));
	if (per && strcmp(per, "rule") == 0)
		return "";
	if (per && strcmp(per, "body") == 0)
		return buf_slice(&r->body).ptr;
	return buf_slice(&r->key).ptr;
}

static void choose_answer(struct request *r, const char *method)
{
	json_t *rule;
	size_t i;
	r->chosen = true;
	json_array_foreach (rules, i, rule) {
		if (!rule_fits(rule, r, method))
			continue;
		json_t *answers = json_object_get(rule, "answers");
		size_t turn = (size_t)count_up(json_object_get(rule, "given"), rule_key(rule, r)) - 1;
		size_t last = json_array_size(answers) - 1;
		const json_t *answer = json_array_get(answers, turn < last ? turn : last);
		r->answer = json_object_size(answer) > 0 ? answer : NULL;
		r->rules = json_incref(rules);
		return;
	}
}

/* ---- the log ---- */

static enum MHD_Result add_header(void *headers, enum MHD_ValueKind kind, const char *name, const char *value)
{
	char lower[128];
	size_t i;
	(void)kind;
	for (i = 0; name[i] && i + 1 < sizeof lower; i++)
		lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	lower[i] = '\0';
	json_object_set_new(headers, lower, json_string(value ? value : ""));
	return MHD_YES;
}

static void log_body(json_t *line, const struct buf *body)
{
	json_t *text = json_stringn(buf_slice(body).ptr, body->len);
	if (text) {
		json_object_set_new(line, "body", text);
		return;
	}
	unsigned char *base64 = malloc(body->len / 3 * 4 + 5);
	EVP_EncodeBlock(base64, (const unsigned char *)body->data, (int)body->len);
	json_object_set_new(line, "body_base64", json_string((const char *)base64));
	free(base64);
}

/* What tells connections apart. */
static int client_port(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	return info ? ntohs(((const struct sockaddr_in *)(const void *)info->client_addr)->sin_port) : 0;
}

static void log_request(const struct request *r, const char *method, unsigned status, const char *record,
			json_int_t repeat)
{
	char time[CLOCK_TEXT_SIZE];
	if (log_fd < 0)
		return;
	json_t *headers = json_object();
	MHD_get_connection_values(r->connection, MHD_HEADER_KIND, add_header, headers);
	json_t *line =
	    json_pack("{s:I s:s s:s s:s s:o s:i s:i s:i}", "n", r->number, "time", clock_format(r->arrived_at, time),
		      "method", method, "path", r->path, "headers", headers, "open", open_requests, "status",
		      (int)status, "port", client_port(r->connection));
	log_body(line, &r->body);
	if (record)
		json_object_set_new(line, "record", json_string(record));
	if (repeat)
		json_object_set_new(line, "repeat", json_integer(repeat));
	char *text = json_dumps(line, JSON_COMPACT);
	size_t length = strlen(text);
	text[length] = '\n';
	if (write(log_fd, text, length + 1) != (ssize_t)length + 1)
		fail("log", strerror(errno));
	free(text);
	json_decref(line);
}

/* ---- answers ---- */

static enum MHD_Result send_answer(struct MHD_Connection *connection, unsigned status, const char *body,
				   const json_t *headers)
{
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(strlen(body), (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
	const char *name;
	json_t *value;
	if (!json_object_get(headers, "Content-Type"))
		MHD_add_response_header(response, "Content-Type", "application/json");
	json_object_foreach ((json_t *)(uintptr_t)headers, name, value)
		MHD_add_response_header(response, name, json_string_value(value));
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_by_rule(const struct request *r, const char *method)
{
	const json_t *body = json_object_get(r->answer, "body");
	json_t *status = json_object_get(r->answer, "status");
	unsigned code = status ? (unsigned)json_integer_value(status) : 200;
	if (json_is_true(json_object_get(r->answer, "close"))) {
		log_request(r, method, 0, NULL, 0);
		return MHD_NO;
	}
	char *text = json_is_string(body) ? strdup(json_string_value(body))
		     : body               ? json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY)
					  : strdup("");
	log_request(r, method, code, NULL, 0);
	enum MHD_Result result = send_answer(r->connection, code, text, json_object_get(r->answer, "headers"));
	free(text);
	return result;
}

/* The number of the record of this request's key; *repeat tells how often it had been created before. */
static json_int_t create_record(const struct request *r, json_int_t *repeat)
{
	*repeat = 0;
	if (r->key.len == 0)
		return ++created;
	json_t *known = json_object_get(records, r->key.data);
	if (!known) {
		json_object_set_new(records, r->key.data, json_pack("{s:I}", "n", ++created));
		return created;
	}
	repeats++;
	*repeat = count_up(known, "repeats");
	return json_integer_value(json_object_get(known, "n"));
}

static enum MHD_Result answer_by_default(const struct request *r, const char *method)
{
	char record[64], body[128];
	const char *last = strrchr(r->path, '/');
	bool update = strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
	json_int_t repeat = 0;
	if (update && last && strncmp(last, "/rec_", 5) == 0) {
		snprintf(record, sizeof record, "%s", last + 1);
	} else {
		update = false;
		snprintf(record, sizeof record, "rec_%lld", (long long)create_record(r, &repeat));
	}
	snprintf(body, sizeof body, "{\"id\":\"%s\"}", record);
	log_request(r, method, update ? 200 : 201, record, repeat);
	return send_answer(r->connection, update ? 200 : 201, body, NULL);
}

/* Requests to the script itself. */
static enum MHD_Result answer_control(const struct request *r, const char *method)
{
	char text[256];
	if (strcmp(r->path, "/-/rules") == 0 && strcmp(method, "PUT") == 0) {
		json_t *fresh = parse_rules(buf_slice(&r->body).ptr, text, sizeof text);
		if (!fresh)
			return send_answer(r->connection, 400, text, NULL);
		json_decref(rules);
		rules = fresh;
		return send_answer(r->connection, 200, "", NULL);
	}
	snprintf(text, sizeof text, "{\"requests\":%lld,\"records\":%lld,\"repeats\":%lld}\n", (long long)requests,
		 (long long)created, (long long)repeats);
	return send_answer(r->connection, 200, text, NULL);
}

/* ---- requests ---- */

static void *request_new(void *unused, const char *uri, struct MHD_Connection *connection)
{
	struct request *r = calloc(1, sizeof *r);
	(void)unused;
	r->path = strdup(uri);
	r->connection = connection;
	r->arrived_at = clock_now();
	open_requests++;
	return r;
}

static void request_free(void *unused, struct MHD_Connection *connection, void **own,
			 enum MHD_RequestTerminationCode why)
{
	struct request *r = *own;
	(void)unused, (void)connection, (void)why;
	if (!r)
		return;
	open_requests--;
	json_decref(r->rules);
	buf_free(&r->body);
	buf_free(&r->key);
	free(r->path);
	free(r);
	*own = NULL;
}

static void delay(struct request *r, json_int_t delay_ms)
{
	r->answer_at = clock_monotonic() + delay_ms;
	r->next = delayed;
	delayed = r;
	MHD_suspend_connection(r->connection);
}

static enum MHD_Result handle(void *unused, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *data, size_t *size, void **own)
{
	struct request *r = *own;
	(void)unused, (void)url, (void)version;
	if (*size > 0) {
		buf_add(&r->body, data, *size);
		*size = 0;
		return MHD_YES;
	}
	/* The first call comes before the body; the call that answers comes after it, also when there is none. */
	if (!r->begun) {
		const char *key = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Idempotency-Key");
		buf_add_text(&r->key, key ? key : "");
		r->begun = true;
		return MHD_YES;
	}
	if (strncmp(r->path, "/-/", 3) == 0)
		return answer_control(r, method);
	if (!r->chosen) {
		r->number = ++requests;
		choose_answer(r, method);
		json_int_t delay_ms = json_integer_value(json_object_get(r->answer, "delay_ms"));
		if (delay_ms > 0) {
			delay(r, delay_ms);
			return MHD_YES;
		}
	}
	/* An answer of a delay alone is the default answer, later. */
	bool plain = !r->answer || (json_object_size(r->answer) == 1 && json_object_get(r->answer, "delay_ms"));
	return plain ? answer_by_default(r, method) : answer_by_rule(r, method);
}

/* Resumes what has waited long enough; returns the milliseconds until the next, or -1. */
static int resume_delayed(void)
{
	int64_t now = clock_monotonic(), next = INT64_MAX;
	for (struct request **at = &delayed; *at;) {
		struct request *r = *at;
		if (r->answer_at <= now) {
			*at = r->next;
			MHD_resume_connection(r->connection);
			continue;
		}
		next = r->answer_at < next ? r->answer_at : next;
		at = &r->next;
	}
	return next == INT64_MAX ? -1 : (int)(next - now);
}

static void announce(struct MHD_Daemon *daemon, const char *port_file)
{
	unsigned port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
	printf("listening on %u\n", port);
	fflush(stdout);
	if (!port_file)
		return;
	FILE *file = fopen(port_file, "w");
	if (!file || fprintf(file, "%u\n", port) < 0 || fclose(file) != 0)
		fail(port_file, strerror(errno));
}

static struct MHD_Daemon *start(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	unsigned flags = MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	if (MHD_is_feature_supported(MHD_FEATURE_EPOLL) == MHD_YES)
		flags |= MHD_USE_EPOLL;
	return MHD_start_daemon(flags, 0, NULL, NULL, handle, NULL, MHD_OPTION_SOCK_ADDR, &address,
				MHD_OPTION_CONNECTION_LIMIT, 4096U, MHD_OPTION_LISTEN_BACKLOG_SIZE, 4096U,
				MHD_OPTION_URI_LOG_CALLBACK, request_new, NULL, MHD_OPTION_NOTIFY_COMPLETED,
				request_free, NULL, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_END);
}

int main(int argc, char **argv)
{
	const char *port_file = NULL;
	uint16_t port = 0;
	rules = json_array();
	records = json_object();
	for (int option; (option = getopt(argc, argv, "p:P:l:r:")) != -1;)
		switch (option) {
		case 'p':
			port = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 'P':
			port_file = optarg;
			break;
		case 'l':
			log_fd = open(optarg, O_WRONLY | O_CREAT | O_APPEND, 0666);
			if (log_fd < 0)
				fail(optarg, strerror(errno));
			break;
		case 'r':
			json_decref(rules);
			rules = load_rules(optarg);
			break;
		default:
			fprintf(stderr, "usage: destination [-p PORT] [-P FILE] [-l FILE] [-r RULES]\n");
			return 64;
		}
	signal(SIGPIPE, SIG_IGN);
	struct MHD_Daemon *daemon = start(port);
	if (!daemon)
		fail("127.0.0.1", "cannot listen");
	announce(daemon, port_file);
	while (MHD_run_wait(daemon, resume_delayed()) != MHD_NO)
		;
	fail("loop", strerror(errno));
}
