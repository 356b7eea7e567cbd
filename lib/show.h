/* SPDX-License-Identifier: MIT */
/* show: text made for eyes and for other programs. Whatever a stranger wrote leaves here without control characters
 * (C0, DEL, C1), directional overrides and bytes that are not UTF-8: they are written visibly, as \x1b, or escaped. */
#ifndef EVT_SHOW_H
#define EVT_SHOW_H

#include <time.h>

#include "buf.h"
#include "journal.h"

/* How the output is to look. */
struct show_style {
	bool color;  /* SGR sequences may be used */
	bool utf8;   /* glyphs beyond ASCII may be used */
	bool utc;    /* times in UTC, else in local time */
	int columns; /* of the window; 0: nothing is cut */
	int64_t now;
};

/* Finds out what `fd` can show: columns from the window, else $COLUMNS, else 80; colour only on a terminal, without NO_COLOR,
 * and when TERM is not dumb. Off a terminal: no colour, nothing cut. Sets the locale of characters. */
struct show_style show_style_of(int fd, int64_t now);

void show_add_line(struct buf *b, struct slice text); /* visible, on one line: a newline is \n, a tab \t */
/* Visible, line by line behind `indent`; ends in a newline. */
void show_add_block(struct buf *b, struct slice text, const char *indent);
void show_add_tsv(struct buf *b, struct slice text);  /* the same escapes, and \\ for a backslash: they can be undone */
void show_add_json(struct buf *b, struct slice text); /* a JSON string, or null for SLICE_NONE */
void show_add_json_time(struct buf *b, int64_t at);   /* RFC 3339, or null for 0 */
/* "NAME": text, or "NAME_base64" when it is not UTF-8 text; null for SLICE_NONE. `name` is a literal. */
void show_add_json_bytes(struct buf *b, const char *name, struct slice bytes);
void show_add_shell(struct buf *b, struct slice word); /* a word of sh(1), quoted where it must be */

/* Lines that are wider than the window are broken at blanks, and go on behind `margin` blanks; a longer word is left to the window. */
void show_add_folded(struct buf *b, struct slice lines, int margin, const struct show_style *style);

int show_width(struct slice text); /* columns that visible text takes */
/* At most `columns` of it, the last an ellipsis where something was cut, filled up with blanks when `pad`. */
void show_add_cell(struct buf *b, struct slice text, int columns, bool pad, const struct show_style *style);

struct tm show_clock(int64_t at, const struct show_style *style); /* UTC or local time, as the style has it */
void show_add_time(struct buf *b, int64_t at, const struct show_style *style); /* 2026-11-23 06:31:39 +0100 */
/* 06:31:39, Nov 22 06:31, 2025-11-22 */
void show_add_short_time(struct buf *b, int64_t at, const struct show_style *style);
void show_add_span(struct buf *b, int64_t span_ms);                           /* 35 ms, 12 s, 5 min, 3 h, 2 days */
void show_add_ago(struct buf *b, int64_t at, const struct show_style *style); /* 5 min ago, in 5 min, now */
void show_add_bytes(struct buf *b, int64_t bytes);                            /* 188 bytes, 4.0 KiB */

enum show_tone { SHOW_PLAIN, SHOW_DIM, SHOW_BOLD, SHOW_GOOD, SHOW_BAD, SHOW_CARE, SHOW_BUSY };
const char *show_begin(enum show_tone tone, const struct show_style *style); /* "" without colour */
const char *show_end(enum show_tone tone, const struct show_style *style);

enum show_tone show_status_tone(enum journal_status status);
const char *show_status_glyph(enum journal_status status, const struct show_style *style); /* one column wide */

#endif
