/* SPDX-License-Identifier: MIT */
/* program: destinations that are served by a program of the user's own, between `evt-deliver --start` and `evt-deliver
 * --record`. The first commits the start of each line and only then passes it on; the second reads the lines that came
 * back, with an outcome in them, and records it. What a crash in between leaves is a start without an outcome, like any
 * other. */
#ifndef EVT_PROGRAM_H
#define EVT_PROGRAM_H

#include "delivery.h"

/* Passes on to options->output the lines that may be acted on now, each with evtattempt, evtclaim, evtkey (the
 * idempotency key), evtstep, evtstarted and, where the file asks for order and it is known, evtrecord. Waits for what
 * the destination's rate, concurrency or order holds; gives back what cannot be waited for. 0, or -1 as
 * delivery_run. */
int program_start(const struct delivery_options *options, struct delivery_report *report, struct diag *d);

/* Records evtoutcome (delivered, retry, failed), evtrecord and evterror of each line. */
int program_record(const struct delivery_options *options, struct delivery_report *report, struct diag *d);

#endif
