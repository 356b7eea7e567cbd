/* SPDX-License-Identifier: MIT */
/* retention: prune.json, how long payloads and events are kept (evt-config(5)). The file need not be there. */
#ifndef EVT_RETENTION_H
#define EVT_RETENTION_H

#include "backoff.h"

struct retention {
	int64_t payloads_ms, events_ms; /* since receipt */
};

/* `instead` is what goes before the file, -1 in a member that it leaves to that; NULL: nothing. A payload goes with its event: where one
 * of the two ages is given, the other's default gives way; two that contradict each other are refused. 0, or -1 with DIAG_CONFIG, or
 * with DIAG_USAGE where `instead` is a part of the contradiction. */
int retention_load(struct retention *r, const char *dir, const struct retention *instead, struct diag *d);

/* A destination's "retry", of which `b` was read: an error of the
 * conf when retries can go on for longer than payloads are kept. */
void retention_check(struct conf_object *retry, const struct backoff *b);

/* The same of all files of DIR/destinations, of which nothing else is looked at,
 * for payloads that are kept that long: each that has a longer schedule is told. */
void retention_warn(const char *dir, int64_t payloads_ms);

#endif
