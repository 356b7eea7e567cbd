/* SPDX-License-Identifier: MIT */
/* stop: the signals that end who stays, in a way that none is missed just before a wait begins. */
#ifndef EVT_STOP_H
#define EVT_STOP_H

#include <signal.h>

/* From now on SIGTERM and SIGINT are blocked: whoever waits lets them in while it does (ppoll, epoll_pwait). What they set. */
const volatile sig_atomic_t *stop_hold(void);

/* The same for those who wait with poll(2) alone: from now on each SIGTERM or SIGINT is a byte in this pipe, which
 * never blocks, and interrupts nothing. -1 with errno set. */
int stop_pipe(void);

#endif
