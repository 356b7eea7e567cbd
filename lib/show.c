/* SPDX-License-Identifier: MIT */
#include "show.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "base64.h"
#include "clock.h"
#include "jtext.h"
#include "utf8.h"

enum { COLUMNS_UNKNOWN = 80, COLUMNS_LEAST = 40, COLUMNS_MOST = 1000 };

/* ---- what the terminal is like ---- */

static int window_columns(int fd)
{
	struct winsize size;
	const char *text = getenv("COLUMNS");
	int columns = ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
	if (columns == 0 && text)
		columns = (int)strtol(text, NULL, 10);
	if (columns <= 0 || columns > COLUMNS_MOST)
		columns = COLUMNS_UNKNOWN;
	return columns < COLUMNS_LEAST ? COLUMNS_LEAST : columns;
}

static bool wants_color(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	return !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

struct show_style show_style_of(int fd, int64_t now)
{
	struct show_style style = {.now = now};
	setlocale(LC_CTYPE, "");
	style.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	if (isatty(fd)) {
		style.columns = window_columns(fd);
		style.color = wants_color();
	}
	return style;
}

/* ---- text ---- */

/* Directional marks and overrides, line and paragraph separators: they change how what stands around them is shown. */
static bool is_treacherous(uint32_t c)
{
	return (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* The length of the harmless character at `at`; 0 when it needs an escape. */
static size_t harmless(const unsigned char *at, const unsigned char *end)
{
	if (*at < 0x80)
		return *at >= 0x20 && *at != 0x7f;
	size_t len = utf8_sequence(at, end);
	const char *text = (const char *)at;
	return len && !is_treacherous(utf8_take(&text)) ? len : 0;
}

enum escaping { KEEP_BACKSLASH, ESCAPE_BACKSLASH };

static void add_escaped(struct buf *b, struct slice text, enum escaping escaping)
{
	const unsigned char *at = (const unsigned char *)text.ptr, *end = at + text.len;
	while (at < end) {
		size_t len = harmless(at, end);
		if (*at == '\n')
			buf_add_text(b, "\\n");
		else if (*at == '\t')
			buf_add_text(b, "\\t");
		else if (*at == '\\' && escaping == ESCAPE_BACKSLASH)
			buf_add_text(b, "\\\\");
		else if (len)
			buf_add(b, at, len);
		else
			buf_printf(b, "\\x%02x", *at);
		at += len ? len : 1;
	}
}

void show_add_line(struct buf *b, struct slice text)
{
	add_escaped(b, text, KEEP_BACKSLASH);
}

void show_add_tsv(struct buf *b, struct slice text)
{
	add_escaped(b, text, ESCAPE_BACKSLASH);
}

void show_add_block(struct buf *b, struct slice text, const char *indent)
{
	while (text.len) {
		const char *newline = memchr(text.ptr, '\n', text.len);
		size_t len = newline ? (size_t)(newline - text.ptr) : text.len;
		size_t shown = len && newline && text.ptr[len - 1] == '\r' ? len - 1 : len;
		buf_add_text(b, shown ? indent : "");
		add_escaped(b, (struct slice){text.ptr, shown}, KEEP_BACKSLASH);
		buf_add_char(b, '\n');
		len += newline != NULL;
		text = (struct slice){text.ptr + len, text.len - len};
	}
}

/* jtext_add_string escapes what JSON demands; a terminal that JSON is shown on needs more. */
void show_add_json(struct buf *b, struct slice text)
{
	if (!text.ptr) {
		buf_add_text(b, "null");
		return;
	}
	struct buf plain = BUF_INIT;
	jtext_add_string(&plain, text);
	const unsigned char *at = (const unsigned char *)buf_slice(&plain).ptr, *end = at + plain.len;
	while (at < end) {
		size_t len = harmless(at, end);
		if (len) {
			buf_add(b, at, len);
			at += len;
		} else {
			const char *character = (const char *)at;
			buf_printf(b, "\\u%04x", (unsigned)utf8_take(&character));
			at = (const unsigned char *)character;
		}
	}
	b->failed = b->failed || plain.failed;
	buf_free(&plain);
}

void show_add_json_time(struct buf *b, int64_t at)
{
	char text[CLOCK_TEXT_SIZE];
	show_add_json(b, at ? slice_of(clock_format(at, text)) : SLICE_NONE);
}

void show_add_json_bytes(struct buf *b, const char *name, struct slice bytes)
{
	bool is_text = !bytes.ptr || jtext_is_utf8(bytes);
	buf_printf(b, "\"%s%s\":", name, is_text ? "" : "_base64");
	if (is_text) {
		show_add_json(b, bytes);
		return;
	}
	buf_add_char(b, '"');
	base64_add(b, bytes);
	buf_add_char(b, '"');
}

void show_add_shell(struct buf *b, struct slice word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,";
	bool quote = word.len == 0;
	for (size_t i = 0; i < word.len && !quote; i++)
		quote = word.ptr[i] == '\0' || !strchr(plain, word.ptr[i]);
	if (quote)
		buf_add_char(b, '\'');
	for (const char *at = word.ptr, *end = at + word.len; at < end; at++) {
		const char *mark = memchr(at, '\'', (size_t)(end - at));
		show_add_line(b, (struct slice){at, (size_t)((mark ? mark : end) - at)});
		if (mark)
			buf_add_text(b, "'\\''");
		at = mark ? mark : end;
	}
	if (quote)
		buf_add_char(b, '\'');
}

/* ---- cells ---- */

static int character_width(uint32_t c)
{
	int width = c < 0x80 ? 1 : wcwidth((wchar_t)c);
	return width < 0 ? 1 : width;
}

int show_width(struct slice text)
{
	int width = 0;
	for (const char *at = text.ptr, *end = at + text.len; at < end;)
		width += character_width(utf8_take(&at));
	return width;
}

/* The bytes of as many characters as fit. */
static size_t fitting(struct slice text, int columns)
{
	const char *at = text.ptr, *end = at + text.len;
	for (const char *next = at; next < end; at = next) {
		columns -= character_width(utf8_take(&next));
		if (columns < 0)
			break;
	}
	return (size_t)(at - text.ptr);
}

void show_add_cell(struct buf *b, struct slice text, int columns, bool pad, const struct show_style *style)
{
	bool cut = show_width(text) > columns;
	if (cut)
		text.len = fitting(text, columns - 1);
	buf_add_slice(b, text);
	if (cut)
		buf_add_text(b, style->utf8 ? "…" : "~");
	for (int width = show_width(text) + cut; pad && width < columns; width++)
		buf_add_char(b, ' ');
}

/* ---- folding ---- */

/* Of a word in which SGR sequences may stand, which take no room. */
static int word_width(struct slice word)
{
	int width = 0;
	for (const char *at = word.ptr, *end = at + word.len; at < end;) {
		const char *escape = memchr(at, '\033', (size_t)(end - at)), *until = escape ? escape : end;
		width += show_width((struct slice){at, (size_t)(until - at)});
		const char *sgr_end = escape ? memchr(escape, 'm', (size_t)(end - escape)) : NULL;
		at = sgr_end ? sgr_end + 1 : end;
	}
	return width;
}

static void add_blanks(struct buf *b, int count)
{
	while (count-- > 0)
		buf_add_char(b, ' ');
}

/* How many blanks it begins with, or how many other bytes. */
static size_t run_length(struct slice text, bool blank)
{
	size_t len = 0;
	while (len < text.len && (text.ptr[len] == ' ') == blank)
		len++;
	return len;
}

static void fold_line(struct buf *b, struct slice line, int margin, int columns)
{
	int at = 0;
	while (line.len) {
		size_t gap = run_length(line, true);
		struct slice rest = {line.ptr + gap, line.len - gap}, word = {rest.ptr, run_length(rest, false)};
		int blanks = (int)gap, width = word_width(word);
		if (columns && at && at + blanks + width > columns) {
			buf_add_char(b, '\n');
			blanks = margin;
			at = 0;
		}
		add_blanks(b, blanks);
		buf_add_slice(b, word);
		at += blanks + width;
		line = (struct slice){rest.ptr + word.len, rest.len - word.len};
	}
}

void show_add_folded(struct buf *b, struct slice lines, int margin, const struct show_style *style)
{
	for (const char *at = lines.ptr, *end = at + lines.len; at < end;) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		fold_line(b, (struct slice){at, (size_t)((line_end ? line_end : end) - at)}, margin, style->columns);
		if (line_end)
			buf_add_char(b, '\n');
		at = line_end ? line_end + 1 : end;
	}
}

/* ---- times, spans, sizes ---- */

struct tm show_clock(int64_t at, const struct show_style *style)
{
	time_t seconds = (time_t)(at / 1000);
	struct tm tm;
	if (style->utc)
		gmtime_r(&seconds, &tm);
	else
		localtime_r(&seconds, &tm);
	return tm;
}

void show_add_time(struct buf *b, int64_t at, const struct show_style *style)
{
	char text[64];
	struct tm tm = show_clock(at, style);
	strftime(text, sizeof text, style->utc ? "%Y-%m-%d %H:%M:%SZ" : "%Y-%m-%d %H:%M:%S %z", &tm);
	buf_add_text(b, text);
}

void show_add_short_time(struct buf *b, int64_t at, const struct show_style *style)
{
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct tm tm = show_clock(at, style), today = show_clock(style->now, style);
	if (tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday)
		buf_printf(b, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
	else if (style->now - at < 300 * CLOCK_DAY && at - style->now < 60 * CLOCK_DAY)
		buf_printf(b, "%s %2d %02d:%02d", months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min);
	else
		buf_printf(b, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

void show_add_span(struct buf *b, int64_t span_ms)
{
	if (span_ms < CLOCK_SECOND)
		buf_printf(b, "%" PRId64 " ms", span_ms);
	else if (span_ms < 2 * CLOCK_MINUTE)
		buf_printf(b, "%" PRId64 " s", span_ms / CLOCK_SECOND);
	else if (span_ms < 2 * CLOCK_HOUR)
		buf_printf(b, "%" PRId64 " min", span_ms / CLOCK_MINUTE);
	else if (span_ms < 2 * CLOCK_DAY)
		buf_printf(b, "%" PRId64 " h", span_ms / CLOCK_HOUR);
	else
		buf_printf(b, "%" PRId64 " days", span_ms / CLOCK_DAY);
}

void show_add_ago(struct buf *b, int64_t at, const struct show_style *style)
{
	int64_t span_ms = at - style->now;
	if (span_ms > -CLOCK_SECOND && span_ms < CLOCK_SECOND) {
		buf_add_text(b, "now");
	} else if (span_ms < 0) {
		show_add_span(b, -span_ms);
		buf_add_text(b, " ago");
	} else {
		buf_add_text(b, "in ");
		show_add_span(b, span_ms);
	}
}

void show_add_bytes(struct buf *b, int64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes / 1024;
	size_t unit = 0;
	if (bytes < 1024) {
		buf_printf(b, "%" PRId64 " bytes", bytes);
		return;
	}
	for (; value >= 1024 && unit < 3; unit++)
		value /= 1024;
	buf_printf(b, "%.1f %s", value, units[unit]);
}

/* ---- tones ---- */

static const char *const tones[] = {"", "\033[2m", "\033[1m", "\033[32m", "\033[31m", "\033[33m", "\033[36m"};

const char *show_begin(enum show_tone tone, const struct show_style *style)
{
	return style->color ? tones[tone] : "";
}

const char *show_end(enum show_tone tone, const struct show_style *style)
{
	return style->color && tone != SHOW_PLAIN ? "\033[0m" : "";
}

static const struct {
	enum show_tone tone;
	const char *glyph, *ascii;
} statuses[JOURNAL_STATUSES] = {
    [JOURNAL_RECEIVED] = {SHOW_BUSY, "•", "."},  [JOURNAL_PROCESSING] = {SHOW_BUSY, "▸", ">"},
    [JOURNAL_DELIVERED] = {SHOW_GOOD, "✓", "+"}, [JOURNAL_FAILED] = {SHOW_BAD, "✗", "x"},
    [JOURNAL_RETRYING] = {SHOW_CARE, "↻", "~"},  [JOURNAL_SKIPPED] = {SHOW_DIM, "–", "-"},
};

enum show_tone show_status_tone(enum journal_status status)
{
	return statuses[status].tone;
}

const char *show_status_glyph(enum journal_status status, const struct show_style *style)
{
	return style->utf8 ? statuses[status].glyph : statuses[status].ascii;
}
