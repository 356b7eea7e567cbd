/* SPDX-License-Identifier: MIT */
/* failures: deliveries that end as failed in evt-transform, gathered and journaled together. */
#ifndef EVT_FAILURES_H
#define EVT_FAILURES_H

#include "journal.h"

enum { FAILURES_MOST = 256, FAILURES_BYTES = 1024 * 1024 };

struct failure {
	struct event event;
	struct buf text; /* what the event points into */
	struct buf why;
	uint64_t line;
	enum journal_start_answer answer; /* JOURNAL_STARTED: recorded; JOURNAL_STALE; JOURNAL_REPEATED: a duplicate */
};

struct failures {
	const char *path;        /* of the journal, borrowed; opened when it is first needed */
	struct journal *journal; /* NULL until then */
	struct failure *list[FAILURES_MOST];
	size_t count, made; /* in use; allocated */
	size_t bytes;
};

void failures_close(struct failures *f);

/* Keeps a copy. 0; 1 when no other will fit: failures_commit is due; -1 with *d. */
int failures_add(struct failures *f, const struct event *e, uint64_t line, const char *why, struct diag *d);

/* Records all in one transaction and tells `each` of them what came of it. A delivery that the journal does not know is
 * taken in first. A journal that is busy for a while is waited for. */
int failures_commit(struct failures *f, void (*each)(const struct failure *failure, void *context), void *context,
		    struct diag *d);

#endif
