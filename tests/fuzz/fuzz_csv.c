/* SPDX-License-Identifier: MIT */
/* Any text as a table of CSV: it ends, no row has more fields than the text has bytes, and each row written again is read as the same. */
#include "csv.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* All fields in quotes, as any field may be. */
static void write_row(struct buf *text, struct slice values, int fields)
{
	const char *c = values.ptr;
	for (int i = 0; i < fields; i++, c++) {
		buf_add_text(text, i ? ",\"" : "\"");
		for (; *c; c++) {
			buf_add_char(text, *c);
			if (*c == '"')
				buf_add_char(text, '"');
		}
		buf_add_char(text, '"');
	}
	buf_add_text(text, "\r\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct csv csv, again;
	struct buf values = BUF_INIT, text = BUF_INIT, same = BUF_INIT;
	const char *why = NULL;
	int fields;
	csv_open(&csv, (struct slice){(const char *)bytes, len});
	while (buf_clear(&values), (fields = csv_row(&csv, &values, &why)) > 0) {
		must((size_t)fields <= len + 1 && csv.line >= 1 && csv.at <= len);
		if (memchr(bytes, '\0', len))
			continue; /* it ends its field when it is told as text */
		buf_clear(&text);
		buf_clear(&same);
		write_row(&text, buf_slice(&values), fields);
		csv_open(&again, buf_slice(&text));
		must(csv_row(&again, &same, &why) == fields && slice_equal(buf_slice(&same), buf_slice(&values)));
	}
	must(fields == 0 || why);
	buf_free(&values);
	buf_free(&text);
	buf_free(&same);
	return 0;
}
