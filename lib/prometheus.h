/* SPDX-License-Identifier: MIT */
/* prometheus: the journal in figures, in Prometheus' text format 0.0.4, as the node exporter's textfile collector reads
 * it. Counters come from counts that pruning leaves alone. Labels are names of destinations, of sources and of
 * statuses, and nothing else. */
#ifndef EVT_PROMETHEUS_H
#define EVT_PROMETHEUS_H

#include <stdio.h>

#include "journal.h"

/* 0, or -1 with *d: the journal's, or DIAG_IO. Written at once, at the end. */
int prometheus_write(FILE *out, struct journal *j, int64_t now, struct diag *d);

#endif
