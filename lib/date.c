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

/* "+02:00": TZ counts the other way round (POSIX, 8.3). */
static bool is_offset(struct slice zone)
{
	char whole[] = "2000-01-01T00:00:00+00:00";
	int64_t at;
	if (zone.len != 6 || (zone.ptr[0] != '+' && zone.ptr[0] != '-'))
		return false;
	memcpy(whole + 19, zone.ptr, zone.len);
	return clock_parse(SLICE(whole), &at) == 0;
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
	char tz[128] = "UTC0";
	if (node != JTEXT_NOWHERE) {
		struct slice zone = jconf_string(c, node);
		if (c->failed)
			return -1;
		if (style->form == DATE_EPOCH || style->form == DATE_EPOCH_MS)
			return jconf_fail(c, node, "an epoch has no time zone");
		if (is_offset(zone))
			snprintf(tz, sizeof tz, "<evt>%c%.5s", zone.ptr[0] == '+' ? '-' : '+', zone.ptr + 1);
		else if (is_in_database(zone))
			snprintf(tz, sizeof tz, ":%.*s", (int)zone.len, zone.ptr);
		else if (!slice_is(zone, "UTC"))
			return jconf_expected(c, node,
					      "a time zone of this machine, such as \"Europe/Berlin\", or \"+02:00\"");
	}
	style->zone = strdup(tz);
	return style->zone ? 0 : jconf_fail(c, node, "out of memory");
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

/* The C library reads a zone's file when TZ changes, and only then. */
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

/* The clocks' time `tm` in the zone entered. One that comes twice is its first; -1 for one that the clocks skip. */
static int from_clocks(const struct tm *tm, time_t *at)
{
	bool found = false;
	for (int summer = 1; summer >= 0; summer--) {
		struct tm tried = *tm;
		tried.tm_isdst = summer;
		time_t seconds = mktime(&tried);
		if (tried.tm_isdst != summer || !same_moment(&tried, tm))
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
		enter_zone(style->zone);
		*why = "is a time that the clocks skip there";
		if (from_clocks(&tm, &seconds) < 0)
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
	enter_zone(style->zone);
	if (!localtime_r(&seconds, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
		return -1;
	if (style->form == DATE_RFC3339) {
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
