/* SPDX-License-Identifier: MIT */
#include "cgi.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "intake.h"

/* Header X-Name is HTTP_X_NAME, but for the two that describe the body. Of a header that stands twice the web server makes one. */
static int find_header(void *context, const char *name, struct slice *value)
{
	char variable[256] = "HTTP_";
	size_t len = 5;
	(void)context;
	for (; *name && len + 1 < sizeof variable; name++)
		variable[len++] = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
	variable[len] = '\0';
	bool of_body = strcmp(variable, "HTTP_CONTENT_TYPE") == 0 || strcmp(variable, "HTTP_CONTENT_LENGTH") == 0;
	const char *text = getenv(of_body ? variable + 5 : variable);
	if (!text || (of_body && !*text))
		return 0;
	*value = slice_of(text);
	return 1;
}

static void read_body(struct intake *in, size_t limit, int fd, struct buf *body)
{
	const char *text = getenv("CONTENT_LENGTH");
	char *end;
	unsigned long long length = text && *text ? strtoull(text, &end, 10) : 0;
	if (text && (!isdigit((unsigned char)*text) || *end) && *text) {
		intake_refuse(in, 400, "Content-Length: expected digits");
		return;
	}
	if (length > limit) {
		intake_refuse(in, 413, "a body of more than %zu bytes", limit);
		return;
	}
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
	else if (body->len < length)
		intake_refuse(in, 400, "the body ends too early");
}

static void journal_rows(struct intake *in, const char *path)
{
	struct diag d;
	struct journal *j = journal_open(path, JOURNAL_WRITE, &d);
	if (!j || journal_begin(j, &d) < 0 || journal_accept(j, in->rows, in->count, clock_now(), &d) < 0 ||
	    journal_commit(j, &d) < 0) {
		diag_error("%s", d.text);
		intake_refuse(in, 503, "the journal cannot take events at the moment: try again");
	}
	journal_close(j);
}

static void add_answer(const struct intake *in, struct buf *text)
{
	struct buf body = BUF_INIT;
	int status = intake_answer(in, &body);
	buf_printf(text, "Status: %d\r\nContent-Type: application/json\r\n", status);
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

int cgi_run(const struct sources *sources, const char *journal, int in_fd, int out_fd, struct diag *d)
{
	struct intake in = INTAKE_INIT;
	struct buf body = BUF_INIT, text = BUF_INIT;
	const char *method = getenv("REQUEST_METHOD"), *path = getenv("PATH_INFO");
	struct request r = {slice_of(method ? method : ""), slice_of(path ? path : ""), SLICE_NONE, find_header, NULL};
	const struct source *s = intake_open(&in, sources, &r);
	if (s)
		read_body(&in, s->body_limit, in_fd, &body);
	r.body = buf_slice(&body);
	if (in.status == 0)
		intake_body(&in, s, &r, clock_now());
	if (in.status == 0 && in.count)
		journal_rows(&in, journal);
	add_answer(&in, &text);
	int result = buf_ok(&text) ? write_all(out_fd, buf_slice(&text), d) : diag_fail(d, DIAG_IO, "out of memory");
	buf_free(&text);
	buf_free(&body);
	intake_free(&in);
	return result;
}
