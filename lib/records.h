/* SPDX-License-Identifier: MIT */
/* records: a scheduled pull. Lines of JSON, each a record of one source, are journaled in batches; a batch ends when it
 * is full or when no more input is there, so that a slow producer's records do not wait. */
#ifndef EVT_RECORDS_H
#define EVT_RECORDS_H

#include "intake.h"
#include "outlet.h"

enum { RECORDS_BATCH = 512, RECORDS_BATCH_BYTES = 4 * 1024 * 1024 };

struct records {
	const struct source *source;
	struct journal *journal;
	struct outlet *outlet; /* woken after each commit */
	int in;
};

struct records_result {
	uint64_t lines;            /* blank ones not counted */
	uint64_t bad;              /* refused, and told on standard error with their line number */
	struct intake_count count; /* of the events in the others */
};

/* 0 at the end of the input; -1 when reading or journaling fails: what is counted by then is journaled. */
int records_run(const struct records *r, struct records_result *result, struct diag *d);

#endif
