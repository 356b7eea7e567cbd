/* SPDX-License-Identifier: MIT */
/* A journal in a folder of a test's own. However it was changed, its counts are right in the end. Include behind cmocka.h. */
#ifndef EVT_TESTS_SCRATCH_JOURNAL_H
#define EVT_TESTS_SCRATCH_JOURNAL_H

#include "journal.h"
#include "scratch.h"
#include "tallies.h"

static char path[96];
static struct journal *j;
static struct diag d;
static struct journal_batch batch; /* what was claimed last */

/* Fails the test with the reason when a call does. */
#define DONE(call)                                                                                                     \
	do {                                                                                                           \
		if ((call) < 0)                                                                                        \
			fail_msg("%s", d.text);                                                                        \
	} while (0)

/* For cmocka: 0 or not. */
static inline int scratch_journal_open(void)
{
	if (scratch_make(NULL) < 0)
		return -1;
	snprintf(path, sizeof path, "%s", scratch_path("journal.db"));
	j = journal_open(path, JOURNAL_WRITE, &d);
	return j ? 0 : -1;
}

/* `counts_hold` false: the test itself has altered rows. */
static inline int scratch_journal_close(bool counts_hold)
{
	int differ = j && counts_hold ? tallies_differ(path) : 0;
	journal_close(j);
	buf_free(&batch.lines);
	return scratch_remove() || differ;
}

#endif
