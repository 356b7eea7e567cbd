/* SPDX-License-Identifier: MIT */
#include "failures.h"

#include <poll.h>
#include <stdlib.h>

#include "clock.h"

enum { PAUSE_MS = 100 };

void failures_close(struct failures *f)
{
	for (size_t i = 0; i < f->made; i++) {
		buf_free(&f->list[i]->text);
		buf_free(&f->list[i]->why);
		free(f->list[i]);
	}
	journal_close(f->journal);
	f->journal = NULL;
	f->made = f->count = 0;
}

int failures_add(struct failures *f, const struct event *e, uint64_t line, const char *why, struct diag *d)
{
	if (f->count == f->made && !(f->list[f->made] = calloc(1, sizeof(struct failure))))
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	f->made += f->count == f->made;
	struct failure *kept = f->list[f->count];
	kept->event = *e;
	kept->line = line;
	buf_clear(&kept->why);
	buf_add_text(&kept->why, why);
	if (event_keep(&kept->event, &kept->text) < 0 || !buf_ok(&kept->why))
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	f->bytes += kept->text.len;
	return ++f->count == FAILURES_MOST || f->bytes >= FAILURES_BYTES;
}

/* The answer tells whether it was this line's to end. */
static int end_delivery(struct journal *j, struct failure *failure, int64_t now, struct diag *d)
{
	const struct event *e = &failure->event;
	struct journal_end end = {
	    .ref = {.source = e->source, .id = e->id, .destination = e->destination, .claim = e->claim},
	    .status = JOURNAL_FAILED,
	    .code = "map",
	    .reason = buf_slice(&failure->why),
	    .answer = JOURNAL_UNKNOWN};
	if (e->claim && journal_end(j, &end, 1, now, d) < 0)
		return -1;
	if (end.answer == JOURNAL_UNKNOWN) {
		end.answer = JOURNAL_REPEATED;
		if (journal_adopt(j, e, now, JOURNAL_LEASE_MS, &end.ref.claim, d) < 0)
			return -1;
		if (end.ref.claim && journal_end(j, &end, 1, now, d) < 0)
			return -1;
	}
	failure->answer = end.answer;
	return 0;
}

static int try_to_commit(struct failures *f, struct diag *d)
{
	if (!f->journal && !(f->journal = journal_open(f->path, JOURNAL_WRITE, d)))
		return -1;
	if (journal_begin(f->journal, d) < 0)
		return -1;
	for (size_t i = 0; i < f->count; i++)
		if (end_delivery(f->journal, f->list[i], clock_now(), d) < 0)
			return -1;
	return journal_commit(f->journal, d);
}

int failures_commit(struct failures *f, void (*each)(const struct failure *failure, void *context), void *context,
		    struct diag *d)
{
	struct diag met;
	int64_t give_up_at = clock_monotonic() + CLOCK_MINUTE;
	while (f->count && try_to_commit(f, &met) < 0) {
		if (met.code != DIAG_TRY_AGAIN || clock_monotonic() > give_up_at) {
			*d = met;
			return -1;
		}
		poll(NULL, 0, PAUSE_MS);
	}
	for (size_t i = 0; i < f->count; i++)
		each(f->list[i], context);
	f->count = f->bytes = 0;
	return 0;
}
