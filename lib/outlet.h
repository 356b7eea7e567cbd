/* SPDX-License-Identifier: MIT */
/* outlet: the live output of a receiver. A child process with a journal connection of its own runs the claim loop of
 * feed.h on standard output, so that a slow, full or dead reader never holds up receipt. The parent wakes it after
 * each commit; what it says at the end of its life is at most one line on standard error. */
#ifndef EVT_OUTLET_H
#define EVT_OUTLET_H

#include <stdint.h>
#include <sys/types.h>

#include "diag.h"

struct outlet {
	pid_t pid; /* 0: there is none (any more) */
	int wake;  /* written to: one byte, look; the end, take what is due and end */
	int gone;  /* readable, at its end, when the child has ended; -1 when there is none */
};

#define OUTLET_NONE ((struct outlet){0, -1, -1})

/* Is standard output for lines: a pipe, a file, or a socket that is neither the client's (`input`, the socket requests come
 * from; -1: none) nor systemd's log? */
bool outlet_wanted(int input);

/* Forks; before the journal is opened and any socket listens. The child begins with the first wake, and the parent
 * has no standard output any more. `unwanted` (-1: none) is a descriptor that the child must not keep open. */
int outlet_start(struct outlet *o, const char *journal, const char *config, int unwanted, struct diag *d);

void outlet_wake(struct outlet *o);   /* never blocks */
void outlet_reaped(struct outlet *o); /* `gone` is readable: tells that nothing reads any more, once */

/* Lets the child write what is due and waits for it: for wait_ms, then
 * it is told to give back what it holds; < 0: as long as it takes. */
void outlet_stop(struct outlet *o, int64_t wait_ms);

#endif
