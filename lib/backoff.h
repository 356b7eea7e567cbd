/* SPDX-License-Identifier: MIT */
/* backoff: when a delivery that could not be made is tried again. Pure but for loading: what varies comes in as arguments. */
#ifndef EVT_BACKOFF_H
#define EVT_BACKOFF_H

#include "conf.h"

#define BACKOFF_LONGEST_MS ((int64_t)24 * 60 * 60 * 1000)

enum { BACKOFF_STEPS = 32 };

/* A destination's schedule: steps_ms[0] is the wait after the first attempt, so that there is one attempt more than steps. */
struct backoff {
	int64_t steps_ms[BACKOFF_STEPS];
	size_t count;
	double jitter; /* 0 to 1: the share of a step by which it may grow or shrink */
};

/* "schedule" and "jitter" of a destination's "retry". Errors go to the conf. */
void backoff_load(struct backoff *b, struct conf_object *retry);

/* How long after the first attempt the last one may come, at the most. */
int64_t backoff_longest(const struct backoff *b);

/* When to try again after attempt `step` (from 1) ended at `now`: the step with jitter, or `hint_ms` if that is longer,
 * at most 24 h away. `random` is from [0, 1). 0 when the schedule is used up. */
int64_t backoff_next_at(const struct backoff *b, int step, int64_t hint_ms, double random, int64_t now);

/* The wait a Retry-After field asks for (RFC 9110, 10.2.3): seconds, or an HTTP-date. 0 when it is absent, no such
 * thing, or in the past; at most 24 h. */
int64_t backoff_hint(struct slice retry_after, int64_t now);

/* An HTTP-date in any of its three forms (RFC 9110, 5.6.7). `now` tells the century of a year of two digits. 0, or -1. */
int backoff_parse_date(struct slice text, int64_t now, int64_t *at);

#endif
