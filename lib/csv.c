/* SPDX-License-Identifier: MIT */
#include "csv.h"

void csv_open(struct csv *csv, struct slice text)
{
	bool marked = text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0;
	*csv = (struct csv){.text = text, .at = marked ? 3 : 0};
}

static int peek(const struct csv *csv)
{
	return csv->at < csv->text.len ? (unsigned char)csv->text.ptr[csv->at] : -1;
}

/* Behind the opening quote, up to behind the closing one. */
static int take_quoted(struct csv *csv, struct buf *values, size_t *breaks, const char **why)
{
	for (int c; (c = peek(csv)) >= 0; csv->at++) {
		if (c == '"') {
			csv->at++;
			if (peek(csv) != '"')
				return 0;
		}
		*breaks += c == '\n';
		buf_add_char(values, (char)c);
	}
	*why = "quotes that do not end";
	return -1;
}

static int take_field(struct csv *csv, struct buf *values, size_t *breaks, const char **why)
{
	if (peek(csv) == '"') {
		csv->at++;
		if (take_quoted(csv, values, breaks, why) < 0)
			return -1;
	} else {
		for (int c; (c = peek(csv)) >= 0 && c != ',' && c != '\n' && c != '\r'; csv->at++)
			buf_add_char(values, (char)c);
	}
	buf_add_char(values, '\0');
	if (peek(csv) == '\r')
		csv->at++;
	int c = peek(csv);
	*why = "expected a comma or the end of the line behind a field";
	return c < 0 || c == ',' || c == '\n' ? 0 : -1;
}

int csv_row(struct csv *csv, struct buf *values, const char **why)
{
	int count = 0;
	size_t breaks = 0;
	while (peek(csv) == '\n' || peek(csv) == '\r') /* empty lines */
		csv->line += csv->text.ptr[csv->at++] == '\n';
	if (peek(csv) < 0)
		return 0;
	csv->line++;
	for (;;) {
		if (take_field(csv, values, &breaks, why) < 0)
			return -1;
		count++;
		if (peek(csv) != ',')
			break;
		csv->at++;
	}
	if (peek(csv) == '\n')
		csv->at++;
	csv->line += breaks;
	return count;
}
