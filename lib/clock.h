/* SPDX-License-Identifier: MIT */
/* clock: time, and the text of time. Instants are milliseconds since the epoch (UTC, names end in _at);
 * spans are milliseconds (names end in _ms). Text follows RFC 3339. */
#ifndef EVT_CLOCK_H
#define EVT_CLOCK_H

#include <stdint.h>

#include "slice.h"

#define CLOCK_SECOND ((int64_t)1000)
#define CLOCK_MINUTE (60 * CLOCK_SECOND)
#define CLOCK_HOUR   (60 * CLOCK_MINUTE)
#define CLOCK_DAY    (24 * CLOCK_HOUR)

enum { CLOCK_TEXT_SIZE = 32 };

int64_t clock_now(void);       /* wall time */
int64_t clock_monotonic(void); /* never steps; for spans within one process only */

/* "2026-11-23T06:31:39.123Z"; returns `text`. */
char *clock_format(int64_t at, char text[CLOCK_TEXT_SIZE]);

/* RFC 3339 date-time with any offset; fractions past the millisecond are cut. 0, or -1 when it is none. */
int clock_parse(struct slice text, int64_t *at);

/* "90s", "15m", "2h", "7d", "250ms", at most 10 years. 0, or -1. */
int clock_parse_span(struct slice text, int64_t *span_ms);

/* What a person types for an instant: RFC 3339, "2026-11-23" (local midnight), "@epoch seconds", a span
 * ("2h", meaning ago), "today", "yesterday" (local midnight), "now". 0, or -1. */
int clock_parse_when(struct slice text, int64_t now, int64_t *at);

#endif
