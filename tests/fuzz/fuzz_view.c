/* SPDX-License-Identifier: MIT */
/* The query of a page's address: what is taken can be written again, means the same, and is fit for a header and an attribute. */
#include "http.h"
#include "must.h"
#include "view.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static int take(struct view *v, struct slice query)
{
	struct slice name, value;
	struct diag d;
	while (http_next_field(&query, &name, &value))
		if (view_take(v, name, value, &d) < 0) {
			must(d.code == DIAG_USAGE && d.text[0]);
			return -1;
		}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct buf whole = BUF_INIT, again = BUF_INIT;
	struct view v = {.untidy = false}, w = {.untidy = false};
	struct journal_filter filter;
	struct diag d;
	if (take(&v, (struct slice){(const char *)bytes, len}) == 0) {
		buf_clear(&whole);
		view_add_whole(&whole, &v);
		for (size_t i = 0; i < whole.len; i++)
			must(whole.data[i] > ' ' && whole.data[i] < 0x7f && !strchr("<>\"'", whole.data[i]));
		struct slice query = buf_slice(&whole);
		if (query.len)
			query = (struct slice){query.ptr + 1, query.len - 1};
		must(take(&w, query) == 0);
		buf_clear(&again);
		view_add_whole(&again, &w);
		must(slice_equal(buf_slice(&whole), buf_slice(&again)));
		if (view_filter(&v, &filter, INT64_C(1795415499123), &d) < 0)
			must(d.code == DIAG_USAGE && d.text[0]);
	}
	view_free(&v);
	view_free(&w);
	return 0;
}
