/* SPDX-License-Identifier: MIT */
#include "date.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "decimal.h"

enum { LONGEST = 128 }; /* bytes of a date, read or written */

/* ---- loading ---- */

/* What strptime and strftime both know and mean the same by. */
static const char conversions[] = "YymdejHIMSpbBhaAzFTRDnt%";

/* A digit's place in the pattern is told where it is wrong. */
static int check_pattern(struct jconf *c, uint32_t node, struct slice pattern)
{
	bool any = false;
	for (size_t i = 0; i < pattern.len; i++) {
		if (pattern.ptr[i] == '\0')
			return jconf_expected(c, node, "text without NUL");
		if (pattern.ptr[i] != '%')
			continue;
		char letter = ++i < pattern.len ? pattern.ptr[i] : '\0';
		if (!letter || !strchr(conversions, letter))
			return jconf_fail(c, node, "%%%c is none of %%%s", letter ? letter : ' ', conversions);
		any |= letter != '%' && letter != 'n' && letter != 't';
	}
	if (!any || pattern.len >= LONGEST)
		return jconf_expected(c, node, "epoch, epoch_ms, rfc3339 or a pattern, such as \"%d.%m.%Y %H:%M\"");
	return 0;
}

static int load_form(struct date_style *style, struct jconf *c, uint32_t node)
{
	static const char *const names[] = {"rfc3339", "epoch", "epoch_ms"};
	if (node == JTEXT_NOWHERE)
		return 0;
	struct slice text = jconf_string(c, node);
	if (c->failed)
		return -1;
	for (int i = DATE_RFC3339; i <= DATE_EPOCH_MS; i++)
		if (slice_is(text, names[i])) {
			style->form = (enum date_form)i;
			return 0;
		}
	style->form = DATE_PATTERN;
	style->pattern = strndup(text.ptr, text.len);
	return style->pattern ? check_pattern(c, node, text) : jconf_fail(c, node, "out of memory");
}

/* "+02:00" */
static bool is_offset(struct slice zone, long *seconds)
{
	char whole[] = "2000-01-01T00:00:00+00:00";
	int64_t there, here;
	if (zone.len != 6 || (zone.ptr[0] != '+' && zone.ptr[0] != '-') || clock_parse(SLICE(whole), &here) < 0)
		return false;
	memcpy(whole + 19, zone.ptr, zone.len);
	if (clock_parse(SLICE(whole), &there) < 0)
		return false;
	*seconds = (long)((here - there) / 1000);
	return true;
}

static bool is_in_database(struct slice zone)
{
	const char *folder = getenv("TZDIR");
	char path[256];
	for (size_t i = 0; i < zone.len; i++)
		if (zone.ptr[i] == '\0' || (zone.ptr[i] == '.' && i + 1 < zone.len && zone.ptr[i + 1] == '.'))
			return false;
	if (zone.len == 0 || zone.len > 100 || zone.ptr[0] == '/')
		return false;
	snprintf(path, sizeof path, "%.100s/%.*s", folder ? folder : "/usr/share/zoneinfo", (int)zone.len, zone.ptr);
	return access(path, R_OK) == 0;
}

static int load_zone(struct date_style *style, struct jconf *c, uint32_t node)
{
	if (node == JTEXT_NOWHERE)
		return 0;
	struct slice zone = jconf_string(c, node);
	if (c->failed)
		return -1;
	if (style->form == DATE_EPOCH || style->form == DATE_EPOCH_MS)
		return jconf_fail(c, node, "an epoch has no time zone");
	if (slice_is(zone, "UTC") || is_offset(zone, &style->offset))
		return 0;
	if (!is_in_database(zone))
		return jconf_expected(c, node, "a time zone of this machine, such as \"Europe/Berlin\", or \"+02:00\"");
	if (asprintf(&style->zone, ":%.*s", (int)zone.len, zone.ptr) >= 0)
		return 0;
	style->zone = NULL;
	return jconf_fail(c, node, "out of memory");
}

int date_load(struct date *date, struct jconf *c, uint32_t node)
{
	enum { FROM, FROM_ZONE, TO, TO_ZONE, KEYS };
	static const char *const keys[] = {"from", "from_zone", "to", "to_zone", NULL};
	uint32_t values[KEYS];
	*date = (struct date){.from = {.form = DATE_RFC3339}};
	if (jconf_members(c, node, keys, values) < 0 || load_form(&date->from, c, values[FROM]) < 0 ||
	    load_form(&date->to, c, values[TO]) < 0)
		return -1;
	if (date->from.form == DATE_RFC3339 && values[FROM_ZONE] != JTEXT_NOWHERE)
		return jconf_fail(c, values[FROM_ZONE], "rfc3339 says itself how far it is from UTC");
	if (load_zone(&date->from, c, values[FROM_ZONE]) < 0)
		return -1;
	return load_zone(&date->to, c, values[TO_ZONE]);
}

void date_free(struct date *date)
{
	free(date->from.pattern);
	free(date->from.zone);
	free(date->to.pattern);
	free(date->to.zone);
	*date = (struct date){.from = {.form = DATE_RFC3339}};
}

bool date_gives_number(const struct date *date)
{
	return date->to.form == DATE_EPOCH || date->to.form == DATE_EPOCH_MS;
}

/* ---- time zones ---- */

/* The C library reads a zone's file when TZ changes, and only then: about 10 us. */
static void enter_zone(const char *zone)
{
	const char *now = getenv("TZ");
	if (now && strcmp(now, zone) == 0)
		return;
	setenv("TZ", zone, 1);
	tzset();
}

static bool same_moment(const struct tm *a, const struct tm *b)
{
	return a->tm_min == b->tm_min && a->tm_hour == b->tm_hour && a->tm_mday == b->tm_mday &&
	       a->tm_mon == b->tm_mon && a->tm_year == b->tm_year;
}

/* What the clocks show at `at`. */
static int to_clocks(const struct date_style *style, time_t at, struct tm *tm)
{
	if (style->zone) {
		enter_zone(style->zone);
		return localtime_r(&at, tm) ? 0 : -1;
	}
	at += style->offset;
	if (!gmtime_r(&at, tm))
		return -1;
	tm->tm_gmtoff = style->offset;
	return 0;
}

/* When do the clocks show `tm`, which is `as_utc` where they show UTC? As far from UTC as a day before, or as a day after: mktime(3)
 * would ask for summer time, and not every change of a zone's clocks is one of summer time. A time that comes twice is its first;
 * -1 for one that the clocks skip. */
static int from_clocks(const struct date_style *style, const struct tm *tm, time_t as_utc, time_t *at)
{
	enum { DAY = 86400 };
	bool found = false;
	for (int day = -DAY; day <= DAY; day += 2 * DAY) {
		struct tm near, tried;
		if (to_clocks(style, as_utc + day, &near) < 0)
			return -1;
		time_t seconds = as_utc - near.tm_gmtoff;
		if (to_clocks(style, seconds, &tried) < 0 || !same_moment(&tried, tm))
			continue;
		*at = found && *at < seconds ? *at : seconds;
		found = true;
	}
	return found ? 0 : -1;
}

/* ---- reading ---- */

static int read_epoch(struct slice text, int power, int64_t *at)
{
	struct buf ms = BUF_INIT;
	int64_t value = 0;
	if (!jtext_is_number(text) || decimal_scale(&ms, text, power) < 0 || !buf_ok(&ms)) {
		buf_free(&ms);
		return -1;
	}
	const char *digit = ms.data + (ms.data[0] == '-');
	size_t digits = strspn(digit, "0123456789"); /* what is less than a millisecond is cut */
	for (size_t i = 0; i < digits && digits <= 15; i++)
		value = value * 10 + (digit[i] - '0');
	*at = ms.data[0] == '-' ? -value : value;
	buf_free(&ms);
	return digits <= 15 ? 0 : -1;
}

/* Refuses what strptime lets through: the 30th of February, and words behind. */
static int read_pattern(const struct date_style *style, struct slice text, int64_t *at, const char **why)
{
	char copy[LONGEST];
	struct tm tm = {.tm_year = 70, .tm_mday = 1}, whole;
	if (text.len >= sizeof copy || memchr(text.ptr, '\0', text.len))
		return -1;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	const char *end = strptime(copy, style->pattern, &tm);
	if (!end || *end)
		return -1;
	bool offset = strstr(style->pattern, "%z") != NULL;
	whole = tm;
	time_t seconds = timegm(&whole);
	if (!same_moment(&whole, &tm))
		return -1;
	if (offset) {
		seconds -= tm.tm_gmtoff;
	} else {
		*why = "is a time that the clocks skip there";
		if (from_clocks(style, &tm, seconds, &seconds) < 0)
			return -1;
	}
	*at = (int64_t)seconds * 1000;
	return 0;
}

static int read_instant(const struct date_style *style, struct slice text, int64_t *at, const char **why)
{
	*why = "is no such date";
	switch (style->form) {
	case DATE_EPOCH:
		return read_epoch(text, 3, at);
	case DATE_EPOCH_MS:
		return read_epoch(text, 0, at);
	case DATE_RFC3339:
		return clock_parse(text, at);
	default:
		return read_pattern(style, text, at, why);
	}
}

/* ---- writing ---- */

static int64_t seconds_of(int64_t at)
{
	return at / 1000 - (at % 1000 < 0);
}

static void write_rfc3339(const struct tm *tm, int ms, struct buf *out)
{
	long minutes = tm->tm_gmtoff / 60, away = labs(minutes);
	buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d", tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday, tm->tm_hour,
		   tm->tm_min, tm->tm_sec);
	if (ms)
		buf_printf(out, ".%03d", ms);
	if (minutes)
		buf_printf(out, "%c%02ld:%02ld", minutes < 0 ? '-' : '+', away / 60, away % 60);
	else
		buf_add_char(out, 'Z');
}

static int write_clocks(const struct date_style *style, int64_t at, struct buf *out)
{
	time_t seconds = (time_t)seconds_of(at);
	struct tm tm;
	char text[2 * LONGEST];
	if (to_clocks(style, seconds, &tm) < 0 || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
		return -1;
	if (style->form == DATE_RFC3339) {
		if (tm.tm_gmtoff % 60) /* a town's own noon, before there were zones: RFC 3339 knows minutes only */
			gmtime_r(&seconds, &tm);
		write_rfc3339(&tm, (int)(at - seconds_of(at) * 1000), out);
		return 0;
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* checked when it was loaded */
	size_t len = strftime(text, sizeof text, style->pattern, &tm);
#pragma GCC diagnostic pop
	buf_add(out, text, len);
	return 0;
}

/* Seconds keep their milliseconds, where there are any: 1763879499.123. */
static void write_epoch(int64_t at, struct buf *out)
{
	int64_t away = at < 0 ? -at : at;
	buf_printf(out, "%s%" PRId64, at < 0 ? "-" : "", away / 1000);
	if (away % 1000)
		buf_printf(out, ".%03d", (int)(away % 1000));
}

int date_convert(const struct date *date, struct slice text, struct buf *out, const char **why)
{
	int64_t at;
	if (read_instant(&date->from, text, &at, why) < 0)
		return -1;
	*why = "is too far from now";
	if (date->to.form == DATE_EPOCH_MS)
		buf_add_int(out, at);
	else if (date->to.form == DATE_EPOCH)
		write_epoch(at, out);
	else
		return write_clocks(&date->to, at, out);
	return 0;
}
