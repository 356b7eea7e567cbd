/* SPDX-License-Identifier: MIT */
/* table: rows of cells laid out in columns that fit the window. A column in which nothing stands is left out. What does
 * not fit is tried in this order: columns that may shrink do, widest first; those that may go below move to a second,
 * indented line of their row, the last column first. */
#ifndef EVT_TABLE_H
#define EVT_TABLE_H

#include "show.h"

enum { TABLE_COLUMNS = 12 };

struct table_column {
	const char *title, *short_title; /* the short one where the column is narrow */
	int least;                       /* columns it may shrink to; 0: it never does */
	bool below;                      /* may move to a line of its own */
	bool right;                      /* aligned */
};

struct table {
	const struct table_column *columns; /* borrowed */
	size_t column_count;
	struct buf text; /* the cells, one after the other */
	struct table_cell {
		uint32_t at, len;
		enum show_tone tone;
	} * cells;
	size_t cell_count, cell_cap;
};

void table_open(struct table *t, const struct table_column *columns, size_t count);
void table_close(struct table *t);

/* Adds the next cell, row by row from the left: append its visible text to t->text, then call this. */
void table_end_cell(struct table *t, enum show_tone tone);

/* Appends the whole, titles first. False when memory ran out on the way. */
bool table_write(const struct table *t, struct buf *b, const struct show_style *style);

#endif
