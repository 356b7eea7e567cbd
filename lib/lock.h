/* SPDX-License-Identifier: MIT */
/* lock: one process at a time, first come first served, with a bound on the wait.
 * Others who want the journal left alone for a moment take flock(2) on the file. */
#ifndef EVT_LOCK_H
#define EVT_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "diag.h"

struct lock {
	int fd;
	bool held;
	atomic_bool hurried;
};

/* Opens (or creates, with `mode`) the file that stands for the lock. 0, or -1 with DIAG_IO. */
int lock_open(struct lock *l, const char *path, unsigned mode, struct diag *d);
void lock_close(struct lock *l); /* gives it up too */

/* Waits for its turn, at most wait_ms. -1 with DIAG_TRY_AGAIN when that has passed. Uses SIGALRM while it waits. */
int lock_take(struct lock *l, int64_t wait_ms, struct diag *d);
bool lock_try(struct lock *l); /* only if it is free now */
/* From another thread: who waits for it, now or later, gives up within a tenth of a second. */
void lock_hurry(struct lock *l);
void lock_drop(struct lock *l);

#endif
