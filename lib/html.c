/* SPDX-License-Identifier: MIT */
#include "html.h"

#include <inttypes.h>
#include <stdio.h>

#include "clock.h"

static void add_escaped(struct buf *b, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		switch (text.ptr[i]) {
		case '&':
			buf_add_text(b, "&amp;");
			break;
		case '<':
			buf_add_text(b, "&lt;");
			break;
		case '>':
			buf_add_text(b, "&gt;");
			break;
		case '"':
			buf_add_text(b, "&quot;");
			break;
		case '\'':
			buf_add_text(b, "&#39;");
			break;
		default:
			buf_add_char(b, text.ptr[i]);
		}
	}
}

static void add_visible(struct buf *b, struct buf *visible)
{
	add_escaped(b, buf_slice(visible));
	b->failed = b->failed || visible->failed;
	buf_free(visible);
}

void html_add_text(struct buf *b, struct slice text)
{
	struct buf visible = BUF_INIT;
	if (text.len)
		show_add_line(&visible, text);
	add_visible(b, &visible);
}

void html_add_block(struct buf *b, struct slice text)
{
	struct buf visible = BUF_INIT;
	show_add_block(&visible, text, "");
	add_visible(b, &visible);
}

void html_add_bdi(struct buf *b, struct slice text)
{
	buf_add_text(b, "<bdi>");
	html_add_text(b, text);
	buf_add_text(b, "</bdi>");
}

void html_add_query(struct buf *b, struct slice text)
{
	static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] && strchr(unreserved, text.ptr[i]))
			buf_add_char(b, text.ptr[i]);
		else
			buf_printf(b, "%%%02X", (unsigned char)text.ptr[i]);
	}
}

void html_add_count(struct buf *b, int64_t count)
{
	char digits[32];
	int len = snprintf(digits, sizeof digits, "%" PRId64, count);
	for (int i = 0; i < len; i++) {
		buf_add_char(b, digits[i]);
		if ((len - i) % 3 == 1 && i + 1 < len && digits[i] != '-')
			buf_add_char(b, ',');
	}
}

/* ---- times ---- */

static void begin_time(struct buf *b, int64_t at)
{
	char text[CLOCK_TEXT_SIZE];
	buf_printf(b, "<time datetime=\"%s\"", clock_format(at, text));
}

static void end_time(struct buf *b, int64_t at, const struct show_style *style,
		     void (*add)(struct buf *, int64_t, const struct show_style *))
{
	buf_add_char(b, '>');
	add(b, at, style);
	buf_add_text(b, "</time>");
}

void html_add_time(struct buf *b, int64_t at, const struct show_style *style)
{
	begin_time(b, at);
	end_time(b, at, style, show_add_time);
}

/* What is short tells the whole when pointed at. */
static void add_title(struct buf *b, int64_t at, const struct show_style *style)
{
	buf_add_text(b, " title=\"");
	show_add_time(b, at, style);
	buf_add_char(b, '"');
}

void html_add_short_time(struct buf *b, int64_t at, const struct show_style *style)
{
	begin_time(b, at);
	add_title(b, at, style);
	end_time(b, at, style, show_add_short_time);
}

void html_add_ago(struct buf *b, int64_t at, const struct show_style *style)
{
	begin_time(b, at);
	add_title(b, at, style);
	end_time(b, at, style, show_add_ago);
}
