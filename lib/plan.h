/* SPDX-License-Identifier: MIT */
/* plan: what evt-retry would take, before it does. */
#ifndef EVT_PLAN_H
#define EVT_PLAN_H

#include "choice.h"

/* Deliveries: how many are meant, and how many of them the real run would refuse, which is told on standard error. */
struct plan_result {
	int64_t matched, refused;
};

/* Prints a line for each destination, status, type and error,
 * tab-separated, as evt-retry(1) describes it. 0, or -1 with *d. */
int plan_print(struct journal *j, const struct choice *choice, struct plan_result *result, struct diag *d);

#endif
