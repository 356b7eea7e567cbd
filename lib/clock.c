/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t which)
{
	struct timespec t;
	clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_now(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* Days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant's days_from_civil). */
static int64_t days_from_date(int64_t year, int month, int day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

char *clock_format(int64_t at, char text[CLOCK_TEXT_SIZE])
{
	int64_t ms = at % 1000;
	if (ms < 0)
		ms += 1000;
	time_t seconds = (time_t)((at - ms) / 1000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	size_t len = strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + len, CLOCK_TEXT_SIZE - len, ".%03dZ", (int)ms);
	return text;
}

/* Exactly `digits` digits at *text, which moves past them; -1 when there are fewer. */
static int take_number(struct slice *text, size_t digits)
{
	int value = 0;
	if (text->len < digits)
		return -1;
	for (size_t i = 0; i < digits; i++) {
		char c = text->ptr[i];
		if (c < '0' || c > '9')
			return -1;
		value = value * 10 + (c - '0');
	}
	text->ptr += digits;
	text->len -= digits;
	return value;
}

static bool take_char(struct slice *text, char c)
{
	if (text->len == 0 || *text->ptr != c)
		return false;
	text->ptr++;
	text->len--;
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

static bool take_date(struct slice *text, int *year, int *month, int *day)
{
	*year = take_number(text, 4);
	if (*year < 0 || !take_char(text, '-'))
		return false;
	*month = take_number(text, 2);
	if (*month < 1 || *month > 12 || !take_char(text, '-'))
		return false;
	*day = take_number(text, 2);
	return *day >= 1 && *day <= days_in_month(*year, *month);
}

static bool take_fraction(struct slice *text, int *ms)
{
	int scale = 100;
	*ms = 0;
	if (!take_char(text, '.'))
		return true;
	int digits = 0;
	for (int d; (d = take_number(text, 1)) >= 0; digits++, scale /= 10)
		*ms += d * scale;
	return digits > 0;
}

static bool take_offset(struct slice *text, int *minutes)
{
	*minutes = 0;
	if (take_char(text, 'Z') || take_char(text, 'z'))
		return true;
	int sign = take_char(text, '+') ? 1 : take_char(text, '-') ? -1 : 0;
	if (sign == 0)
		return false;
	int hours = take_number(text, 2);
	if (hours < 0 || hours > 23 || !take_char(text, ':'))
		return false;
	int rest = take_number(text, 2);
	if (rest < 0 || rest > 59)
		return false;
	*minutes = sign * (hours * 60 + rest);
	return true;
}

int clock_parse(struct slice text, int64_t *at)
{
	int year, month, day, ms, offset;
	if (!take_date(&text, &year, &month, &day) ||
	    !(take_char(&text, 'T') || take_char(&text, 't') || take_char(&text, ' ')))
		return -1;
	int hour = take_number(&text, 2);
	if (hour < 0 || hour > 23 || !take_char(&text, ':'))
		return -1;
	int minute = take_number(&text, 2);
	if (minute < 0 || minute > 59 || !take_char(&text, ':'))
		return -1;
	int second = take_number(&text, 2); /* 60 is a leap second, which counts as the next minute's first */
	if (second < 0 || second > 60 || !take_fraction(&text, &ms) || !take_offset(&text, &offset) || text.len)
		return -1;
	int64_t minutes = (days_from_date(year, month, day) * 24 + hour) * 60 + minute - offset;
	*at = (minutes * 60 + second) * 1000 + ms;
	return 0;
}

int clock_parse_span(struct slice text, int64_t *span_ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", CLOCK_SECOND}, {"m", CLOCK_MINUTE}, {"h", CLOCK_HOUR}, {"d", CLOCK_DAY}};
	int64_t value = 0;
	int digits = 0;
	for (int d; digits < 13 && (d = take_number(&text, 1)) >= 0; digits++)
		value = value * 10 + d;
	if (digits == 0)
		return -1;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (!slice_is(text, units[i].unit))
			continue;
		if (value > 36525 * CLOCK_DAY / units[i].ms)
			return -1;
		*span_ms = value * units[i].ms;
		return 0;
	}
	return -1;
}

static int64_t local_midnight(int year, int month, int day)
{
	struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_isdst = -1};
	return (int64_t)mktime(&tm) * 1000;
}

static int64_t midnight_days_ago(int64_t now, int days)
{
	time_t seconds = (time_t)(now / 1000);
	struct tm tm;
	localtime_r(&seconds, &tm);
	return local_midnight(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday - days);
}

static int parse_epoch(struct slice text, int64_t *at)
{
	int64_t value = 0;
	int digits = 0;
	for (int d; digits < 12 && (d = take_number(&text, 1)) >= 0; digits++)
		value = value * 10 + d;
	if (digits == 0 || text.len)
		return -1;
	*at = value * 1000;
	return 0;
}

int clock_parse_when(struct slice text, int64_t now, int64_t *at)
{
	int64_t span;
	if (slice_is(text, "now"))
		*at = now;
	else if (slice_is(text, "today"))
		*at = midnight_days_ago(now, 0);
	else if (slice_is(text, "yesterday"))
		*at = midnight_days_ago(now, 1);
	else if (text.len && text.ptr[0] == '@')
		return parse_epoch((struct slice){text.ptr + 1, text.len - 1}, at);
	else if (clock_parse_span(text, &span) == 0)
		*at = now - span;
	else {
		int year, month, day;
		struct slice rest = text;
		if (take_date(&rest, &year, &month, &day) && rest.len == 0)
			*at = local_midnight(year, month, day);
		else
			return clock_parse(text, at);
	}
	return 0;
}
