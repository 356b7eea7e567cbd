/* SPDX-License-Identifier: MIT */
/* date: an instant from one way of writing it to another: "epoch" (seconds), "epoch_ms", "rfc3339", or a pattern of
 * strptime(3) and strftime(3) in English, read and written in a time zone. Converts on one thread only, and leaves the
 * process's time zone (TZ) changed. */
#ifndef EVT_DATE_H
#define EVT_DATE_H

#include "jconf.h"

enum date_form { DATE_RFC3339, DATE_EPOCH, DATE_EPOCH_MS, DATE_PATTERN };

struct date_style {
	enum date_form form;
	char *pattern;
	char *zone; /* TZ's value: ":Europe/Berlin", or "<evt>-02:00"; "UTC0" by default */
};

struct date {
	struct date_style from, to;
};

/* {"from": STYLE, "from_zone": ZONE, "to": STYLE, "to_zone": ZONE}, all optional: RFC 3339 in UTC. 0, or -1 with the error in `c`;
 * date_free is due in either case. */
int date_load(struct date *date, struct jconf *c, uint32_t node);
void date_free(struct date *date);

bool date_gives_number(const struct date *date);

/* Appends the instant that `text` is, as `to` writes it. -1, nothing appended, with the reason, a literal, in *why. */
int date_convert(const struct date *date, struct slice text, struct buf *out, const char **why);

#endif
