/* SPDX-License-Identifier: MIT */
/* csv: tables as text, RFC 4180: commas, fields in quotes where they hold
 * commas, quotes or line breaks. A byte order mark in front is passed over. */
#ifndef EVT_CSV_H
#define EVT_CSV_H

#include "buf.h"

struct csv {
	struct slice text; /* borrowed */
	size_t at;
	size_t line; /* of the row last taken, from 1 */
};

void csv_open(struct csv *csv, struct slice text);

/* Takes the next row's fields, decoded, each appended to `values` and followed by a NUL; how many, 0 at the end, -1
 * with a literal in *why: quotes that do not end, or something behind them. */
int csv_row(struct csv *csv, struct buf *values, const char **why);

#endif
