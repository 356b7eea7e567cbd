/* SPDX-License-Identifier: MIT */
/* choice: which deliveries evt-retry is asked for, what is to be done with them, and which options go together. Those
 * that mean nothing together are refused rather than passed over. */
#ifndef EVT_CHOICE_H
#define EVT_CHOICE_H

#include "filter.h"

/* Besides filter_options, 'f' (--follow) and 'n' (--dry-run). */
enum { CHOICE_FAILED_OPTION = FILTER_END, CHOICE_DELIVERED_OPTION, CHOICE_GIVE_UP_OPTION };
extern const struct option choice_options[];

enum choice_mode {
	CHOICE_DUE,       /* whatever is due */
	CHOICE_IDS,       /* what is named, whatever its status */
	CHOICE_FAILED,    /* failed ones, by filter */
	CHOICE_DELIVERED, /* delivered ones, by filter */
	CHOICE_GIVE_UP,   /* ends them, by id or filter */
};

struct choice {
	enum choice_mode mode;
	struct journal_filter filter;
	struct slice reason; /* CHOICE_GIVE_UP */
	bool failed, delivered, follow, dry_run;
};

/* Takes one option, as filter_take does: 1, 0, or -1 with DIAG_USAGE. */
int choice_take(struct choice *c, int option, const char *value, int64_t now, struct diag *d);

/* When all are taken, and the operands too (filter_take_ids): sets mode and statuses. 0, or -1 with DIAG_USAGE. */
int choice_settle(struct choice *c, struct diag *d);

/* Tells, on standard error, each id that is named and that nothing in the journal answers to. How many; -1 with *d. */
int64_t choice_tell_missing(const struct choice *c, struct journal *j, struct diag *d);

#endif
