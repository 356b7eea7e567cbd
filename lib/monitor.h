/* SPDX-License-Identifier: MIT */
/* monitor: the verdict on a journal, as monitoring plugins give it. */
#ifndef EVT_MONITOR_H
#define EVT_MONITOR_H

#include <stdio.h>

#include "verdict.h"

/* Opens the journal, judges it at style->now, and writes the verdict to `out`: "EVT OK - ...", or one JSON object. A monitor
 * reads only that and the exit code, so what keeps it from judging is told there too. The severity is the exit code. */
enum verdict_severity monitor_check(const char *path, bool json, const struct show_style *style, FILE *out);

/* Stays, and tells each finding that calls for somebody once when it appears or its severity changes, and once when it
 * is gone, until nobody reads `out` any more or a signal ends the process. Judges when the journal changes, at most
 * once a second, and once a minute. 0 when the reader has gone; -1 with *d. */
int monitor_follow(const char *path, const struct show_style *style, FILE *out, struct diag *d);

#endif
