/* SPDX-License-Identifier: MIT */
/* feed: the claim loop. Claims what is due and writes its lines, batch after batch, each only when the one before has
 * been written: a full pipe pauses it. evt-retry is this loop; evt-receive's live output is the same. */
#ifndef EVT_FEED_H
#define EVT_FEED_H

#include "dests.h"
#include "journal.h"

struct feed {
	struct journal *journal;
	const struct dests *dests;
	struct slice only; /* one destination, or SLICE_NONE for all */
	int out;           /* written to until a line is out whole; a non-blocking descriptor is waited for */
	bool stay;         /* wait for what is next due; else end when nothing is due now */
	int wake; /* with `stay`: readable when it is worth looking; at its end the loop takes what is due and ends. -1: none */
	int signals;   /* of stop_pipe: readable when it shall give back what is not written, and end. -1: none */
	int64_t limit; /* lines at most; 0: no limit */
};

struct feed_result {
	int64_t lines;    /* written */
	int64_t released; /* claims given back, because the reader was gone or we were told to stop */
	bool reader_gone, stopped;
};

/* 0, also when the reader went away (its unstarted claims have been released then); -1 with *d. SIGPIPE must be ignored. */
int feed_run(const struct feed *f, struct feed_result *result, struct diag *d);

/* Writes all of a batch, or releases what it cannot. For lines that somebody else has claimed. */
int feed_write(const struct feed *f, const struct journal_batch *batch, struct feed_result *result, struct diag *d);

#endif
