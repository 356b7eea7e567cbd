/* SPDX-License-Identifier: MIT */
#include "cgi.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "intake.h"
#include "refusals.h"

enum {
	VARIABLES = 200,
	LOCK_MS = 2000, /* senders give up after 3 s */
};

static bool is_of_body(const char *variable)
{
	return strncmp(variable, "CONTENT_TYPE=", 13) == 0 || strncmp(variable, "CONTENT_LENGTH=", 15) == 0;
}

/* HTTP_X_NAME was the header X-Name; the two that describe the body have variables of their own, and with some servers both. Of a header
 * that stands twice the web server makes one. The names are new. */
static size_t collect_headers(struct request_header headers[VARIABLES])
{
	size_t count = 0;
	for (char **variable = environ; *variable && count < VARIABLES; variable++) {
		const char *name = *variable, *equals = strchr(name, '=');
		bool http = strncmp(name, "HTTP_", 5) == 0;
		name += http ? 5 : 0;
		if (http == is_of_body(name) || !equals || equals <= name || (!http && !equals[1]))
			continue;
		char *copy = strndup(name, (size_t)(equals - name));
		if (!copy)
			break;
		for (char *c = copy; *c; c++)
			*c = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
		headers[count++] = (struct request_header){slice_of(copy), slice_of(equals + 1)};
	}
	return count;
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value ? value : "";
}

/* Bytes to read: all that is there, up to one too many, where the server leaves the length of a chunked body open, as Apache does. */
static size_t body_length(struct intake *in, size_t limit)
{
	const char *text = variable("CONTENT_LENGTH");
	char *end;
	if (!*text)
		return getenv("HTTP_TRANSFER_ENCODING") ? limit + 1 : 0;
	unsigned long long length = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end)
		intake_refuse(in, 400, "Content-Length: expected digits");
	else if (length > limit)
		intake_refuse(in, 413, "a body of more than %zu bytes", limit);
	return in->status ? 0 : (size_t)length;
}

static void read_body(struct intake *in, size_t limit, int fd, struct buf *body)
{
	size_t length = body_length(in, limit);
	char *room = length ? buf_reserve(body, length) : NULL;
	ssize_t got = 1;
	while (room && got > 0 && body->len < length) {
		do
			got = read(fd, body->data + body->len, length - body->len);
		while (got < 0 && errno == EINTR);
		body->len += got > 0 ? (size_t)got : 0;
	}
	if (length && !room)
		intake_refuse(in, 503, "out of memory");
	else if (body->len < length && (length <= limit || got < 0))
		intake_refuse(in, 400, "the body ends too early");
}

static void journal_rows(struct intake *in, const char *path)
{
	struct diag d;
	struct journal *j = journal_open(path, JOURNAL_WRITE, &d);
	if (j)
		journal_patience(j, LOCK_MS);
	if (!j || journal_begin(j, &d) < 0 || journal_accept(j, in->rows, in->count, clock_now(), &d) < 0 ||
	    journal_commit(j, &d) < 0) {
		diag_error("%s", d.text);
		intake_refuse(in, 503, "the journal cannot take events at the moment: try again");
	}
	if (j)
		journal_leave(j);
	journal_close(j);
}

static void count_refusal(const struct intake *in, const struct request *r, const struct reception *reception,
			  const char *path)
{
	struct diag d;
	struct refusals refusals = {.proxies = &reception->proxies};
	struct journal *j = in->status == 503 ? NULL : journal_open(path, JOURNAL_EXISTING, &d);
	refusals_note(&refusals, r, in, clock_now());
	if (j && refusals_write(&refusals, j, clock_now(), &d) < 0)
		diag_debug("the refusal is not counted: %s", d.text);
	refusals_free(&refusals);
	journal_close(j);
}

static void add_answer(const struct intake *in, struct buf *text)
{
	struct buf body = BUF_INIT;
	const char *type;
	int status = intake_answer(in, &body, &type);
	buf_printf(text, "Status: %d\r\nContent-Type: %s\r\n", status, type);
	if (in->status && in->field)
		buf_printf(text, "%s: %s\r\n", in->field, in->field_value);
	if (in->status == 503)
		buf_add_text(text, "Retry-After: 5\r\n");
	buf_printf(text, "Content-Length: %zu\r\n\r\n", body.len);
	buf_add_slice(text, buf_slice(&body));
	buf_free(&body);
}

static int write_all(int fd, struct slice text, struct diag *d)
{
	for (size_t done = 0; done < text.len;) {
		ssize_t n = write(fd, text.ptr + done, text.len - done);
		if (n < 0 && errno != EINTR)
			return diag_errno(d, DIAG_IO, errno, "cannot answer");
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int cgi_run(const struct sources *sources, const struct reception *reception, const char *journal, int in_fd,
	    int out_fd, struct diag *d)
{
	struct intake in = INTAKE_INIT;
	struct buf body = BUF_INIT, text = BUF_INIT;
	struct request_header headers[VARIABLES];
	const char *query =
	    variable("QUERY_STRING"); /* empty, too, when there is none: senders sign an address without "?" */
	struct request r = {.method = slice_of(variable("REQUEST_METHOD")),
			    .path = slice_of(variable("PATH_INFO")),
			    .query = *query ? slice_of(query) : SLICE_NONE,
			    .headers = headers,
			    .header_count = collect_headers(headers),
			    .peer = variable("REMOTE_ADDR")};
	const struct source *s = intake_open(&in, sources, &r);
	if (s)
		read_body(&in, s->body_limit, in_fd, &body);
	r.body = buf_slice(&body);
	if (in.status == 0)
		intake_body(&in, s, &r, clock_now());
	if (in.status == 0 && in.count)
		journal_rows(&in, journal);
	if (in.status)
		count_refusal(&in, &r, reception, journal);
	add_answer(&in, &text);
	int result = buf_ok(&text) ? write_all(out_fd, buf_slice(&text), d) : diag_fail(d, DIAG_IO, "out of memory");
	buf_free(&text);
	buf_free(&body);
	intake_free(&in);
	for (size_t i = 0; i < r.header_count; i++)
		free((char *)headers[i].name.ptr);
	return result;
}
