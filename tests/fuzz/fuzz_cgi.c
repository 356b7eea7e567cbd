/* SPDX-License-Identifier: MIT */
/* What a web server passes to a program of CGI, "NAME=value" a line, then the body: it is answered, whatever it is, by a head that is one. */
#include <ctype.h>
#include <sys/mman.h>

#include "cgi.h"
#include "folder.h"

/* Where none can be, nor be made. */
#define NO_JOURNAL "/dev/null/journal.db"

enum { VARIABLES = 256, MOST = 70000 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct sources all;
static int in, out;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	folder_make();
	folder_put("sources/a.json",
		   "{\"verify\":{\"scheme\":\"none\"},\"id\":\"/id\",\"type\":\"const:t\",\"subject\":\"header:X-S\","
		   "\"body_limit\":4096,\"destinations\":{\"x\":[\"*\"]}}");
	folder_put("sources/b.json", "{\"verify\":{\"scheme\":\"hubspot-v3\",\"secret_file\":\"s\"},"
				     "\"public_url\":\"https://a/\",\"type\":\"const:t\",\"destinations\":{}}");
	folder_put("sources/c.json", "{\"verify\":{\"scheme\":\"basic\",\"user\":\"u\",\"secret_file\":\"s\"},"
				     "\"type\":\"const:t\",\"handshake\":\"graph\",\"destinations\":{}}");
	folder_put("sources/d.json",
		   "{\"verify\":{\"scheme\":\"none\"},\"format\":\"cloudevents\",\"destinations\":{}}");
	folder_read(&all);
	in = memfd_create("in", 0);
	out = memfd_create("out", 0);
	must(in >= 0 && out >= 0);
	return 0;
}

/* The variables lie in `text`, which ends with a NUL. What stands behind them is the body. */
static char *take_variables(char *text, const char *end, char *variables[VARIABLES + 1])
{
	size_t count = 0;
	while (text < end && *text != '\n') {
		char *line = text;
		text += strcspn(text, "\n");
		if (*text)
			*text++ = '\0';
		else
			text += text < end;
		if (count < VARIABLES)
			variables[count++] = line;
	}
	variables[count] = NULL;
	return text < end ? text + 1 : text;
}

static void check_answer(const char *text, size_t len)
{
	const char *end = memmem(text, len, "\r\n\r\n", 4);
	must(end && strncmp(text, "Status: ", 8) == 0);
	int status = atoi(text + 8);
	long length = -1;
	must(status >= 200 && status < 600);
	for (const char *line = text; line < end + 2;) {
		const char *next = memmem(line, len - (size_t)(line - text), "\r\n", 2), *colon;
		must(next && (colon = memchr(line, ':', (size_t)(next - line))) && colon > line && colon[1] == ' ');
		for (const char *c = line; c < next; c++)
			must((unsigned char)*c >= ' ' && *c != 0x7f &&
			     (c > colon || isalnum(*c) || *c == '-' || c == colon));
		if (strncmp(line, "Content-Length: ", 16) == 0)
			length = atol(line + 16);
		line = next + 2;
	}
	must(length == (long)(len - (size_t)(end + 4 - text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const struct reception reception = {.connections = 1};
	static char text[MOST + 1], answer[MOST + 1], *variables[VARIABLES + 1];
	struct diag d;
	if (len > MOST)
		return 0;
	memcpy(text, bytes, len);
	text[len] = '\0';
	const char *body = take_variables(text, text + len, variables);
	size_t body_len = (size_t)(text + len - body);
	must(ftruncate(in, 0) == 0 && ftruncate(out, 0) == 0);
	must(pwrite(in, body, body_len, 0) == (ssize_t)body_len);
	must(lseek(in, 0, SEEK_SET) == 0 && lseek(out, 0, SEEK_SET) == 0);
	char **before = environ;
	environ = variables;
	int result = cgi_run(&all, &reception, NO_JOURNAL, in, out, &d);
	environ = before;
	must(result == 0);
	ssize_t got = pread(out, answer, MOST, 0);
	must(got > 0);
	answer[got] = '\0';
	check_answer(answer, (size_t)got);
	return 0;
}
