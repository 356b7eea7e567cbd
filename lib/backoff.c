/* SPDX-License-Identifier: MIT */
#include "backoff.h"

#include <stdio.h>
#include <time.h>

#include "clock.h"

/* ---- configuration ---- */

static void load_steps(struct backoff *b, struct conf_object *o)
{
	static const int64_t usual[] = {5 * CLOCK_SECOND, 5 * CLOCK_MINUTE, 30 * CLOCK_MINUTE,
					2 * CLOCK_HOUR,   5 * CLOCK_HOUR,   10 * CLOCK_HOUR,
					14 * CLOCK_HOUR,  20 * CLOCK_HOUR,  24 * CLOCK_HOUR};
	json_t *list = conf_any(o, "schedule"), *element;
	size_t i;
	if (!list) {
		memcpy(b->steps_ms, usual, sizeof usual);
		b->count = sizeof usual / sizeof usual[0];
		return;
	}
	if (!json_is_array(list) || json_array_size(list) > BACKOFF_STEPS) {
		char expected[64];
		snprintf(expected, sizeof expected, "a list of at most %d durations", BACKOFF_STEPS);
		conf_expected(o, "schedule", expected, list);
		return;
	}
	json_array_foreach (list, i, element) {
		int64_t *step = &b->steps_ms[b->count++];
		if (!json_is_string(element) || clock_parse_span(slice_of(json_string_value(element)), step) < 0 ||
		    *step > CLOCK_DAY)
			conf_expected(o, "schedule", "durations such as \"5m\", none over 24h", element);
	}
}

void backoff_load(struct backoff *b, struct conf_object *retry)
{
	*b = (struct backoff){.count = 0};
	load_steps(b, retry);
	b->jitter = conf_number(retry, "jitter", 0, 1, 0.1);
}

/* ---- waits ---- */
static int64_t at_most_longest(int64_t wait_ms)
{
	return wait_ms < BACKOFF_LONGEST_MS ? wait_ms : BACKOFF_LONGEST_MS;
}

int64_t backoff_longest(const struct backoff *b)
{
	int64_t sum = 0;
	for (size_t i = 0; i < b->count; i++)
		sum += at_most_longest(b->steps_ms[i] + (int64_t)((double)b->steps_ms[i] * b->jitter));
	return sum;
}

int64_t backoff_next_at(const struct backoff *b, int step, int64_t hint_ms, double random, int64_t now)
{
	if (step < 1 || (size_t)step > b->count)
		return 0;
	int64_t wait_ms = b->steps_ms[step - 1];
	wait_ms += (int64_t)((double)wait_ms * b->jitter * (2 * random - 1));
	if (wait_ms < hint_ms)
		wait_ms = hint_ms;
	return now + at_most_longest(wait_ms);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ---- HTTP-date: a cursor that takes what it expects, or says no ---- */

static bool take(struct slice *text, const char *expected)
{
	size_t len = strlen(expected);
	if (text->len < len || memcmp(text->ptr, expected, len) != 0)
		return false;
	text->ptr += len;
	text->len -= len;
	return true;
}

static bool take_digits(struct slice *text, size_t digits, int *value)
{
	*value = 0;
	if (text->len < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		if (!is_digit(text->ptr[i]))
			return false;
		*value = *value * 10 + (text->ptr[i] - '0');
	}
	text->ptr += digits;
	text->len -= digits;
	return true;
}

static bool take_one_of(struct slice *text, const char *const *list, int *index)
{
	for (*index = 0; list[*index]; ++*index)
		if (take(text, list[*index]))
			return true;
	return false;
}

static bool take_month(struct slice *text, struct tm *tm)
{
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
					     "Aug", "Sep", "Oct", "Nov", "Dec", NULL};
	return take_one_of(text, months, &tm->tm_mon);
}

static bool take_year(struct slice *text, struct tm *tm)
{
	int year;
	if (!take_digits(text, 4, &year))
		return false;
	tm->tm_year = year - 1900;
	return true;
}

/* RFC 9110: a year of two digits that seems more than 50 years ahead is the one a century before. */
static bool take_short_year(struct slice *text, int64_t now, struct tm *tm)
{
	int year;
	time_t seconds = (time_t)(now / 1000);
	struct tm today;
	if (!take_digits(text, 2, &year) || !gmtime_r(&seconds, &today))
		return false;
	tm->tm_year = today.tm_year - today.tm_year % 100 + year;
	if (tm->tm_year > today.tm_year + 50)
		tm->tm_year -= 100;
	return true;
}

static bool take_time(struct slice *text, struct tm *tm)
{
	return take_digits(text, 2, &tm->tm_hour) && take(text, ":") && take_digits(text, 2, &tm->tm_min) &&
	       take(text, ":") && take_digits(text, 2, &tm->tm_sec) && tm->tm_hour < 24 && tm->tm_min < 60 &&
	       tm->tm_sec <= 60;
}

static bool parse_fixdate(struct slice text, struct tm *tm)
{
	static const char *const days[] = {"Sun, ", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, ", NULL};
	int day;
	return take_one_of(&text, days, &day) && take_digits(&text, 2, &tm->tm_mday) && take(&text, " ") &&
	       take_month(&text, tm) && take(&text, " ") && take_year(&text, tm) && take(&text, " ") &&
	       take_time(&text, tm) && take(&text, " GMT") && text.len == 0;
}

static bool parse_rfc850(struct slice text, int64_t now, struct tm *tm)
{
	static const char *const days[] = {"Sunday, ",   "Monday, ", "Tuesday, ",  "Wednesday, ",
					   "Thursday, ", "Friday, ", "Saturday, ", NULL};
	int day;
	return take_one_of(&text, days, &day) && take_digits(&text, 2, &tm->tm_mday) && take(&text, "-") &&
	       take_month(&text, tm) && take(&text, "-") && take_short_year(&text, now, tm) && take(&text, " ") &&
	       take_time(&text, tm) && take(&text, " GMT") && text.len == 0;
}

static bool parse_asctime(struct slice text, struct tm *tm)
{
	static const char *const days[] = {"Sun ", "Mon ", "Tue ", "Wed ", "Thu ", "Fri ", "Sat ", NULL};
	int day;
	return take_one_of(&text, days, &day) && take_month(&text, tm) && take(&text, " ") &&
	       (take(&text, " ") ? take_digits(&text, 1, &tm->tm_mday) : take_digits(&text, 2, &tm->tm_mday)) &&
	       take(&text, " ") && take_time(&text, tm) && take(&text, " ") && take_year(&text, tm) && text.len == 0;
}

int backoff_parse_date(struct slice text, int64_t now, int64_t *at)
{
	struct tm tm = {0};
	if (!parse_fixdate(text, &tm) && !parse_rfc850(text, now, &tm) && !parse_asctime(text, &tm))
		return -1;
	struct tm normal = tm;
	time_t seconds = timegm(&normal);
	if (normal.tm_mday != tm.tm_mday && tm.tm_sec < 60)
		return -1; /* the 31st of a shorter month, or day 0 */
	*at = (int64_t)seconds * 1000;
	return 0;
}

int64_t backoff_hint(struct slice retry_after, int64_t now)
{
	int64_t seconds = 0, at;
	size_t i = 0;
	for (; i < retry_after.len && is_digit(retry_after.ptr[i]); i++)
		if (seconds <= BACKOFF_LONGEST_MS)
			seconds = seconds * 10 + (retry_after.ptr[i] - '0');
	if (i > 0 && i == retry_after.len)
		return at_most_longest(seconds * 1000);
	if (backoff_parse_date(retry_after, now, &at) == 0 && at > now)
		return at_most_longest(at - now);
	return 0;
}
