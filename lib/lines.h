/* SPDX-License-Identifier: MIT */
/* lines: reads a stream line by line with a bound on a line's length. Blank lines are
 * counted and passed over. */
#ifndef EVT_LINES_H
#define EVT_LINES_H

#include <stdint.h>

#include "buf.h"
#include "diag.h"

struct lines {
	int fd;
	size_t limit;    /* bytes in a line, its newline not counted */
	uint64_t number; /* of the line last handed out, from 1 */
	struct buf pending;
	size_t taken, searched;
	bool skipping, ended;
};

enum lines_result {
	LINES_ERROR = -1, /* a read failed; *d says why */
	LINES_END = 0,
	LINES_LINE = 1,     /* *line, without its newline (nor a CR before it), valid until the next call */
	LINES_TOO_LONG = 2, /* a line over the limit was passed over; *line is SLICE_NONE */
	LINES_WAIT = 3,     /* only where the descriptor is non-blocking: nothing whole to read yet */
};

void lines_open(struct lines *l, int fd, size_t limit);
void lines_close(struct lines *l); /* frees its memory; the descriptor stays the caller's */

/* The next line; blocks unless the descriptor does not. A last line without a newline is handed out like any other. */
enum lines_result lines_next(struct lines *l, struct slice *line, struct diag *d);

/* The same, but takes only what has been read already: LINES_WAIT when that holds no whole line. Call
 * lines_fill when poll(2) says there is something to read. */
enum lines_result lines_buffered(struct lines *l, struct slice *line);

/* One read(2) into the buffer. 0, also at the end; -1 when it failed. Precondition: the last slice is no longer used. */
int lines_fill(struct lines *l, struct diag *d);

#endif
