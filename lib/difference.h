/* SPDX-License-Identifier: MIT */
/* difference: what a map would change: for each line of a stream, what the map makes of it against what the journal has
 * as sent to its destination, or as the failure in the way of that. Changes nothing. */
#ifndef EVT_DIFFERENCE_H
#define EVT_DIFFERENCE_H

#include <stdint.h>

#include "diag.h"
#include "slice.h"

struct difference_options {
	const char *config, *journal;
	struct slice map; /* for every line, or SLICE_NONE: that of its destination */
	bool json;        /* an object a line in place of a unified diff */
	int input, output;
};

struct difference_report {
	uint64_t same, changed;
	uint64_t made;    /* nothing has been sent so far, and the map makes something */
	uint64_t refused; /* by the map */
	uint64_t skipped; /* by a "when", or split */
	uint64_t bad;     /* lines that are no events */
};

/* Reads to the end of the input. 0, or -1 with what ended it. */
int difference_run(const struct difference_options *options, struct difference_report *report, struct diag *d);

#endif
