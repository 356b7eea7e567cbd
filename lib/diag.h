/* SPDX-License-Identifier: MIT */
/* diag: how failures travel and how they are told. A function of the library that can fail takes a
 * `struct diag *`, fills it and returns -1 (or NULL); only a file in cmd/ turns it into a line on standard
 * error and an exit code. Lines look like "evt-NAME: what: why". */
#ifndef EVT_DIAG_H
#define EVT_DIAG_H

#include <stdarg.h>
#include <stdbool.h>

/* Exit codes, from sysexits(3), with DESIGN's own 1 for "the answer is no". */
enum diag_code {
	DIAG_OK = 0,
	DIAG_NO = 1,
	DIAG_USAGE = 64,
	DIAG_DATA = 65,
	DIAG_NO_JOURNAL = 66,
	DIAG_UNAVAILABLE = 69,
	DIAG_BUG = 70,
	DIAG_IO = 74,
	DIAG_TRY_AGAIN = 75,
	DIAG_CONFIG = 78,
};

struct diag {
	enum diag_code code;
	char text[1024]; /* "what: why", cut when longer; control characters made visible */
};

/* Fills `d` and returns -1, so that a failing function may end in `return diag_fail(...)`. */
int diag_fail(struct diag *d, enum diag_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same, with ": " and the text of `error`, an errno value, behind. */
int diag_errno(struct diag *d, enum diag_code code, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

void diag_program(const char *name); /* the name in front of every line; a literal */
void diag_to_syslog(void); /* for those whose standard error is a client's socket: what is said goes to syslog(3) */
void diag_verbosity(int level); /* -1 after -q, 0, 1 and more after -v */
void diag_error(const char *format, ...) __attribute__((format(printf, 1, 2)));  /* always said */
void diag_notice(const char *format, ...) __attribute__((format(printf, 1, 2))); /* not after -q */
void diag_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));  /* only after -v */

int diag_report(const struct diag *d); /* says d->text; returns d->code, for main to return */

#endif
