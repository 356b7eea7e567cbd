/* SPDX-License-Identifier: MIT */
#include "stop.h"

#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

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

static int signal_pipe[2] = {-1, -1};

static void pass_on(int number)
{
	char byte = (char)number;
	if (write(signal_pipe[1], &byte, 1) < 0)
		return; /* the pipe is full of wishes already */
}

int stop_pipe(void)
{
	struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
	sigset_t wanted;
	sigemptyset(&action.sa_mask);
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGINT);
	if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0 || sigaction(SIGTERM, &action, NULL) < 0 ||
	    sigaction(SIGINT, &action, NULL) < 0 || sigprocmask(SIG_UNBLOCK, &wanted, NULL) < 0)
		return -1;
	return signal_pipe[0];
}
