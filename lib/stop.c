/* SPDX-License-Identifier: MIT */
#include "stop.h"

#include <stddef.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = number;
}

const volatile sig_atomic_t *stop_hold(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t held;
	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigemptyset(&held);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGINT);
	sigprocmask(SIG_BLOCK, &held, NULL);
	return &stop;
}
