/* SPDX-License-Identifier: MIT */
#include "diag.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

static const char *program = "evt";
static int verbosity;
static bool to_syslog;

/* Messages quote what strangers sent: no control character may reach a terminal from here. */
static void make_visible(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			*c = '?';
}

__attribute__((format(printf, 3, 0))) static int fill(struct diag *d, enum diag_code code, const char *format,
						      va_list args)
{
	d->code = code;
	vsnprintf(d->text, sizeof d->text, format, args);
	make_visible(d->text);
	return -1;
}

int diag_fail(struct diag *d, enum diag_code code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fill(d, code, format, args);
	va_end(args);
	return -1;
}

int diag_errno(struct diag *d, enum diag_code code, int error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fill(d, code, format, args);
	va_end(args);
	size_t len = strlen(d->text);
	snprintf(d->text + len, sizeof d->text - len, ": %s", strerror(error));
	return -1;
}

void diag_program(const char *name)
{
	program = name;
}

void diag_to_syslog(void)
{
	openlog(program, LOG_PID, LOG_DAEMON);
	to_syslog = true;
}

void diag_verbosity(int level)
{
	verbosity = level;
}

/* One write(2) a line: several processes of a pipeline share standard error. */
__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list args)
{
	char text[1200], line[1400];
	vsnprintf(text, sizeof text, format, args);
	make_visible(text);
	if (to_syslog) {
		syslog(LOG_NOTICE, "%s", text);
		return;
	}
	int len = snprintf(line, sizeof line, "%s: %s\n", program, text);
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return; /* nobody is left to be told */
}

#define SAY(format)                                                                                                    \
	do {                                                                                                           \
		va_list args;                                                                                          \
		va_start(args, format);                                                                                \
		say(format, args);                                                                                     \
		va_end(args);                                                                                          \
	} while (0)

void diag_error(const char *format, ...)
{
	SAY(format);
}

void diag_notice(const char *format, ...)
{
	if (verbosity >= 0)
		SAY(format);
}

void diag_debug(const char *format, ...)
{
	if (verbosity >= 1)
		SAY(format);
}

int diag_report(const struct diag *d)
{
	diag_error("%s", d->text);
	return (int)d->code;
}
