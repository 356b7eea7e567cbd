/* SPDX-License-Identifier: MIT */
/* What the two halves of program share. */
#ifndef EVT_PROGRAM_INTERNAL_H
#define EVT_PROGRAM_INTERNAL_H

#include "lane.h"
#include "lines.h"
#include "program.h"

enum { PROGRAM_BATCH = 64, PROGRAM_LINE_LIMIT = EVENT_LINE_MOST };

struct program {
	const struct delivery_options *options;
	struct delivery_report *report;
	struct lines lines;
	struct event_parser parser;
	struct lane *lanes;
	bool input_ended, stopping;
};

void program_open(struct program *p, const struct delivery_options *options, struct delivery_report *report);
void program_close(struct program *p);

/* The destination's lane; its file's error is told once. NULL: out of memory. */
struct lane *program_lane(struct program *p, struct slice name);

/* The next line that has been read, parsed. 1, or 0 when there is
 * none (any more: input_ended). Bad ones are told and passed over. */
int program_next(struct program *p, struct event *e);
void program_refuse(struct program *p, const char *why); /* the line just read */

/* Waits for input (unless `full`), a wish to stop or, with `watch`,
 * the journal; at most that long. -1 with *d when the input fails. */
int program_wait(struct program *p, bool full, int watch, int timeout_ms, struct diag *d);

#endif
