/* SPDX-License-Identifier: MIT */
/* date: an instant from one way of writing it to another: "epoch" (seconds), "epoch_ms", "rfc3339", or a pattern of
 * strptime(3) and strftime(3) in English, read and written in a time zone. The user's own TZ has no part in it. A zone
 * with a name is read by the C library, which knows one at a time: it converts on one thread only, and leaves TZ
 * changed, since to change it back costs more than all the rest. Nothing else in a process that maps may show local
 * time. */
#ifndef EVT_DATE_H
#define EVT_DATE_H

#include "jconf.h"

enum date_form { DATE_RFC3339, DATE_EPOCH, DATE_EPOCH_MS, DATE_PATTERN };

struct date_style {
	enum date_form form;
	char *pattern;
	char *zone;  /* TZ's value, ":Europe/Berlin"; NULL for one that is always as far from UTC: */
	long offset; /* seconds east of it */
};

struct date {
	struct date_style from, to;
};

/* {"from": STYLE, "from_zone": ZONE, "to": STYLE, "to_zone": ZONE}, all optional: RFC
 * 3339 in UTC. 0, or -1 with the error in `c`; date_free is due in either case. */
int date_load(struct date *date, struct jconf *c, uint32_t node);
void date_free(struct date *date);

bool date_gives_number(const struct date *date);

/* Appends the instant that `text` is, as `to` writes it. -1, nothing appended, with the reason, a literal, in *why. */
int date_convert(const struct date *date, struct slice text, struct buf *out, const char **why);

#endif
