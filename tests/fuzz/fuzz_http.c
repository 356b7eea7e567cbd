/* SPDX-License-Identifier: MIT */
/* A head that is taken has nothing in it that could be read otherwise; a chunked body is the same in whatever pieces it comes. */
#include "http.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_text(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		must(text.ptr[i] == '\t' || ((unsigned char)text.ptr[i] >= ' ' && text.ptr[i] != 0x7f));
}

static void check_head(struct slice text, size_t end)
{
	struct http_head head;
	struct http_refusal refusal;
	struct slice value;
	if (http_head_read(&head, (struct slice){text.ptr, end}, &refusal) < 0) {
		must(refusal.status >= 400 && refusal.status < 600 && refusal.why && *http_reason(refusal.status));
		return;
	}
	must(head.request.path.len && head.request.path.ptr[0] == '/' && head.request.method.len);
	must(!memchr(head.request.path.ptr, ' ', head.request.path.len));
	must(!(head.chunked && head.length) && head.request.header_count <= HTTP_HEADERS);
	must(request_header(&head.request, "Content-Length", &value) +
		 request_header(&head.request, "Transfer-Encoding", &value) <=
	     1);
	must(request_header(&head.request, "Host", &value) <= 1);
	for (size_t i = 0; i < head.request.header_count; i++) {
		check_text(head.headers[i].name);
		check_text(head.headers[i].value);
	}
}

static enum http_chunked read_chunks(struct slice text, size_t step, struct buf *content, size_t *used)
{
	struct http_chunks c = {0};
	enum http_chunked result = HTTP_MORE;
	buf_clear(content);
	for (*used = 0; *used < text.len && result == HTTP_MORE;) {
		struct slice piece = {text.ptr + *used, text.len - *used < step ? text.len - *used : step}, data;
		size_t before = piece.len;
		while ((result = http_chunks_read(&c, &piece, &data)) == HTTP_DATA)
			buf_add_slice(content, data);
		*used += before - piece.len;
	}
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct buf whole = BUF_INIT, pieces = BUF_INIT;
	struct slice text = {(const char *)bytes, len}, name, value;
	size_t end = http_head_end(text, 0), used, used_in_pieces;
	must(end <= len);
	for (size_t seen = 0; seen < len && seen < 512; seen++)
		must(http_head_end((struct slice){text.ptr, seen}, 0) == (end && end <= seen ? end : 0));
	if (end)
		check_head(text, end);
	if (!end)
		end = 0;
	struct slice body = {text.ptr + end, len - end};
	enum http_chunked result = read_chunks(body, len + 1, &whole, &used);
	must(result == read_chunks(body, 1, &pieces, &used_in_pieces) && used == used_in_pieces);
	must(slice_equal(buf_slice(&whole), buf_slice(&pieces)) && whole.len <= body.len);
	buf_clear(&whole);
	while (http_next_field(&body, &name, &value)) {
		http_unescape(&whole, name, true);
		http_unescape(&whole, value, false);
	}
	must(whole.len <= len);
	return 0;
}
