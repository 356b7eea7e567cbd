/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stdlib.h>

enum { INDENT = 4, ROOMY = 120 /* from here on two blanks between columns, not one */ };

/* How the columns share the window. */
struct layout {
	int widths[TABLE_COLUMNS]; /* 0: left out */
	bool below[TABLE_COLUMNS];
	int gap;
};

void table_open(struct table *t, const struct table_column *columns, size_t count)
{
	*t = (struct table){.columns = columns, .column_count = count, .text = BUF_INIT};
}

void table_close(struct table *t)
{
	buf_free(&t->text);
	free(t->cells);
}

void table_end_cell(struct table *t, enum show_tone tone)
{
	if (t->cell_count == t->cell_cap) {
		size_t cap = t->cell_cap ? 2 * t->cell_cap : 1024;
		struct table_cell *grown = realloc(t->cells, cap * sizeof *grown);
		if (!grown) {
			t->text.failed = true;
			return;
		}
		t->cells = grown;
		t->cell_cap = cap;
	}
	const struct table_cell *last = t->cell_count ? &t->cells[t->cell_count - 1] : NULL;
	uint32_t at = last ? last->at + last->len : 0;
	t->text.failed = t->text.failed || t->text.len > UINT32_MAX;
	t->cells[t->cell_count++] = (struct table_cell){at, (uint32_t)(t->text.len - at), tone};
}

static struct slice text_of(const struct table *t, const struct table_cell *cell)
{
	return (struct slice){buf_slice(&t->text).ptr + cell->at, cell->len};
}

/* ---- layout ---- */

static void measure(const struct table *t, struct layout *l)
{
	for (size_t i = 0; i < t->cell_count; i++) {
		int *width = &l->widths[i % t->column_count], cell = show_width(text_of(t, &t->cells[i]));
		*width = cell > *width ? cell : *width;
	}
	for (size_t c = 0; c < t->column_count; c++) {
		int title = (int)strlen(t->columns[c].short_title);
		if (l->widths[c] && l->widths[c] < title)
			l->widths[c] = title;
	}
}

static int total(const struct table *t, const struct layout *l)
{
	int sum = -l->gap;
	for (size_t c = 0; c < t->column_count; c++)
		if (l->widths[c] && !l->below[c])
			sum += l->widths[c] + l->gap;
	return sum;
}

/* The widest column that may still give a character; -1 when none may. */
static int widest(const struct table *t, const struct layout *l)
{
	int found = -1;
	for (size_t c = 0; c < t->column_count; c++)
		if (t->columns[c].least && !l->below[c] && l->widths[c] > t->columns[c].least &&
		    (found < 0 || l->widths[c] > l->widths[found]))
			found = (int)c;
	return found;
}

static bool shrink(const struct table *t, struct layout *l, int columns)
{
	for (int over = total(t, l) - columns; over > 0; over--) {
		int c = widest(t, l);
		if (c < 0)
			return false;
		l->widths[c]--;
	}
	return true;
}

/* Titles take their long form where there is room left. */
static void widen_for_titles(const struct table *t, struct layout *l, int columns)
{
	for (size_t c = 0; c < t->column_count; c++) {
		int more = (int)strlen(t->columns[c].title) - l->widths[c];
		if (l->widths[c] && more > 0 && (!columns || total(t, l) + more <= columns))
			l->widths[c] += more;
	}
}

static struct layout lay_out(const struct table *t, int columns)
{
	struct layout natural = {.gap = columns && columns < ROOMY ? 1 : 2}, l;
	measure(t, &natural);
	l = natural;
	for (size_t c = t->column_count; columns && !shrink(t, &l, columns); l = natural) {
		while (c > 0 && !(t->columns[c - 1].below && natural.widths[c - 1]))
			c--;
		if (c == 0)
			break; /* as narrow as it can be: the window wraps it */
		natural.below[--c] = true;
	}
	widen_for_titles(t, &l, columns);
	return l;
}

/* ---- writing ---- */

static void add_blanks(struct buf *b, int count)
{
	for (; count > 0; count--)
		buf_add_char(b, ' ');
}

static bool is_last(const struct table *t, const struct layout *l, size_t column)
{
	for (size_t c = column + 1; c < t->column_count; c++)
		if (l->widths[c] && !l->below[c])
			return false;
	return true;
}

static void write_cell(struct buf *b, struct slice text, enum show_tone tone, bool right, int width, bool pad,
		       const struct show_style *style)
{
	if (right)
		add_blanks(b, width - show_width(text));
	buf_add_text(b, show_begin(tone, style));
	show_add_cell(b, text, width, pad && !right, style);
	buf_add_text(b, show_end(tone, style));
}

static void write_titles(const struct table *t, const struct layout *l, struct buf *b, const struct show_style *style)
{
	for (size_t c = 0; c < t->column_count; c++) {
		const struct table_column *column = &t->columns[c];
		if (!l->widths[c] || l->below[c])
			continue;
		bool fits = (int)strlen(column->title) <= l->widths[c], last = is_last(t, l, c);
		write_cell(b, slice_of(fits ? column->title : column->short_title), SHOW_BOLD, column->right,
			   l->widths[c], !last, style);
		add_blanks(b, last ? 0 : l->gap);
	}
	buf_add_char(b, '\n');
}

static void write_below(const struct table *t, const struct layout *l, const struct table_cell *row, struct buf *b,
			const struct show_style *style)
{
	int left = style->columns - INDENT;
	bool begun = false;
	for (size_t c = 0; c < t->column_count; c++) {
		if (!l->below[c] || !row[c].len)
			continue;
		add_blanks(b, begun ? 2 : INDENT);
		int width = show_width(text_of(t, &row[c]));
		width = width > left ? left : width;
		write_cell(b, text_of(t, &row[c]), row[c].tone, false, width > 1 ? width : 1, false, style);
		left -= width + 2;
		begun = true;
	}
	if (begun)
		buf_add_char(b, '\n');
}

static void write_row(const struct table *t, const struct layout *l, const struct table_cell *row, struct buf *b,
		      const struct show_style *style)
{
	int owed = 0; /* blanks, written only when something follows them */
	for (size_t c = 0; c < t->column_count; c++) {
		if (!l->widths[c] || l->below[c])
			continue;
		if (row[c].len) {
			add_blanks(b, owed);
			struct slice text = text_of(t, &row[c]);
			int width = show_width(text);
			write_cell(b, text, row[c].tone, t->columns[c].right, l->widths[c], false, style);
			owed = t->columns[c].right || width > l->widths[c] ? 0 : l->widths[c] - width;
		} else {
			owed += l->widths[c];
		}
		owed += l->gap;
	}
	buf_add_char(b, '\n');
	write_below(t, l, row, b, style);
}

bool table_write(const struct table *t, struct buf *b, const struct show_style *style)
{
	if (!buf_ok(&t->text))
		return false;
	struct layout l = lay_out(t, style->columns);
	write_titles(t, &l, b, style);
	for (size_t i = 0; i + t->column_count <= t->cell_count; i += t->column_count)
		write_row(t, &l, &t->cells[i], b, style);
	return buf_ok(b);
}
