/* SPDX-License-Identifier: MIT */
/* transform: what evt-transform does with a stream of lines. Each is mapped and written, passed on as it is (no map for
 * it, mapped already, or with an end of its own), or, when the map does not take it, journaled as failed. */
#ifndef EVT_TRANSFORM_H
#define EVT_TRANSFORM_H

#include <stdint.h>

#include "diag.h"
#include "slice.h"

struct transform_options {
	const char *config;  /* the configuration folder */
	const char *journal; /* opened when a line first fails; NULL: failures are only told on standard error */
	struct slice map;    /* for every line, or SLICE_NONE: that of its destination */
	bool explain;        /* write where every value comes from instead of the lines */
	int input, output;
};

struct transform_report {
	uint64_t mapped, passed;
	uint64_t skipped;     /* not wanted by a map or destination, or split: they end as skipped */
	uint64_t failed;      /* by a map */
	uint64_t unjournaled; /* of these, those that the journal did not take */
	uint64_t refused;     /* no events, or too long */
	bool reader_gone;     /* nobody reads the output any more: stopped early */
};

/* Reads to the end of the input. SIGPIPE must be ignored. 0, or -1 with what ended it: DIAG_CONFIG (a file is missing
 * or wrong), DIAG_IO, or what the journal answered. Everything before that has been written. */
int transform_run(const struct transform_options *options, struct transform_report *report, struct diag *d);

#endif
