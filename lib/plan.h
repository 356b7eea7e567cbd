/* SPDX-License-Identifier: MIT */
/* plan: what evt-retry would take, before it does. */
#ifndef EVT_PLAN_H
#define EVT_PLAN_H

#include "journal.h"

/* Prints a line for each destination, status, type and error, tab-separated, as evt-retry(1) describes it; *any: was there one?
 * 0, or -1 with *d. */
int plan_print(struct journal *j, const struct journal_filter *filter, bool *any, struct diag *d);

#endif
