/* SPDX-License-Identifier: MIT */
/* Any text as a date, read in each style: what is taken is written in each, and RFC 3339 and epochs come back the same. */
#include <stdlib.h>

#include "date.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static char utc[] = "UTC0", berlin[] = ":Europe/Berlin", east[] = "<evt>-05:30";
static char day[] = "%d.%m.%Y %H:%M", mail[] = "%a, %d %b %Y %T %z", clock12[] = "%F %I:%M %p", year[] = "%y%j";

static const struct date_style styles[] = {
    {DATE_RFC3339, NULL, utc},  {DATE_RFC3339, NULL, east},    {DATE_EPOCH, NULL, utc},
    {DATE_EPOCH_MS, NULL, utc}, {DATE_PATTERN, day, utc},      {DATE_PATTERN, day, berlin},
    {DATE_PATTERN, mail, utc},  {DATE_PATTERN, clock12, east}, {DATE_PATTERN, year, utc},
};
enum { STYLES = sizeof styles / sizeof styles[0], EXACT = 4 }; /* the first lose nothing */

static void there_and_back(const struct date_style *from, const struct date_style *to, struct slice text)
{
	const struct date ms = {.from = *from, .to = styles[3]}, there = {.from = *from, .to = *to},
			  back = {.from = *to, .to = styles[3]};
	struct buf at = BUF_INIT, made = BUF_INIT, again = BUF_INIT;
	const char *why = NULL;
	if (date_convert(&ms, text, &at, &why) == 0) {
		bool written = date_convert(&there, text, &made, &why) == 0;
		if (written && to < styles + EXACT && date_convert(&back, buf_slice(&made), &again, &why) == 0 &&
		    !slice_equal(buf_slice(&at), buf_slice(&again)))
			abort();
	} else if (!why || at.len) {
		abort();
	}
	buf_free(&at);
	buf_free(&made);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct slice text = {(const char *)bytes, len};
	for (int i = 0; i < STYLES; i++)
		there_and_back(&styles[i], &styles[len % STYLES], text);
	return 0;
}
