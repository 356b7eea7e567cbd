/* SPDX-License-Identifier: MIT */
/* delivery: the engine of evt-deliver. One thread reads lines, commits a start for each before it is sent, keeps many
 * requests under way, and commits what came of them; what is ready in one turn of the loop goes into one transaction. */
#ifndef EVT_DELIVERY_H
#define EVT_DELIVERY_H

#include "journal.h"

struct delivery_options {
	struct journal *journal;
	const char *config; /* the configuration folder */
	const char *tokens; /* where access tokens are kept: a path that "-token-DEST" is added to */
	struct slice only;  /* take only lines of this destination; SLICE_NONE: all */
	int input;          /* where the lines come from */
	int output;         /* where each outcome is printed as a line; -1: nowhere */
	int signals;        /* readable: each byte is a wish to stop; the second one, to stop at once. -1: none */
};

/* What became of the lines. Each that was not taken has been named on standard error. */
struct delivery_report {
	uint64_t delivered, retrying, failed, skipped;
	uint64_t bad;         /* no event, or without a destination */
	uint64_t passed_over; /* of other destinations than `only` */
	uint64_t duplicates;  /* the journal knows the delivery, and the line bears no claim; or the claim is used */
	uint64_t stale;       /* the claim is no longer the last one */
	uint64_t returned;    /* given back to the journal, unsent */
	uint64_t lost;        /* sent, but the outcome could not be recorded: the lease's end brings them back */
	int broken;           /* destinations without a usable file */
	bool output_failed;
};

/* Until the input has ended and all that was read has come to an end, or is back in the journal. 0, or -1 when it had
 * to end before: the journal was not to be had for a minute (its own code), the input could not be read (DIAG_IO), or a
 * second wish to stop came (DIAG_TRY_AGAIN). The report is filled either way. */
int delivery_run(const struct delivery_options *options, struct delivery_report *report, struct diag *d);

#endif
