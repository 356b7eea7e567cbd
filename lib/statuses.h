/* SPDX-License-Identifier: MIT */
/* statuses: a set of HTTP statuses as a destination's file names them: "2xx", "409" or 409. */
#ifndef EVT_STATUSES_H
#define EVT_STATUSES_H

#include "conf.h"

enum { STATUSES_MOST = 32 };

struct statuses {
	struct {
		int least, most;
	} ranges[STATUSES_MOST];
	size_t count;
};

/* Reads a list; a key that is absent leaves the set as it is. Errors go to the conf. */
void statuses_load(struct statuses *s, struct conf_object *o, const char *key);

bool statuses_hold(const struct statuses *s, int status);

#endif
