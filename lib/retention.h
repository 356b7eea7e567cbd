/* SPDX-License-Identifier: MIT */
/* retention: prune.json, how long payloads and events are kept (evt-config(5)). The file need not be there. */
#ifndef EVT_RETENTION_H
#define EVT_RETENTION_H

#include "backoff.h"

struct retention {
	int64_t payloads_ms, events_ms; /* since receipt */
};

/* 0, or -1 with DIAG_CONFIG. */
int retention_load(struct retention *r, const char *dir, struct diag *d);

/* A destination's "retry", of which `b` was read: an error of the conf when retries can go on for longer than payloads are kept. */
void retention_check(struct conf_object *retry, const struct backoff *b);

/* The same of all files of DIR/destinations, of which nothing else is looked at, for payloads that are kept that long: each that has
 * a longer schedule is told. */
void retention_warn(const char *dir, int64_t payloads_ms);

#endif
