/* SPDX-License-Identifier: MIT */
/* stop: the signals that end a server. */
#ifndef EVT_STOP_H
#define EVT_STOP_H

#include <signal.h>

/* From now on SIGTERM and SIGINT are blocked: whoever waits lets them in while it does (ppoll, epoll_pwait). What they set. */
const volatile sig_atomic_t *stop_hold(void);

#endif
