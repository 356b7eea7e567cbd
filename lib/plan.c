/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "resend.h"
#include "show.h"

struct plan {
	const struct choice *choice;
	struct buf text;
	int64_t matched, refused_for[JOURNAL_GONE + 1]; /* as in struct resend_result */
};

static void add_text(struct buf *b, struct slice text)
{
	buf_add_char(b, '\t');
	show_add_tsv(b, text.ptr ? text : SLICE("-"));
}

static void add_time(struct buf *b, int64_t at)
{
	char text[CLOCK_TEXT_SIZE];
	add_text(b, slice_of(clock_format(at, text)));
}

/* What journal_reopen or journal_give_up would answer for those of the group that have their payload. */
static enum journal_reopened foresee(const struct choice *choice, enum journal_status status)
{
	bool ended = status == JOURNAL_DELIVERED || status == JOURNAL_SKIPPED;
	if (status == JOURNAL_PROCESSING)
		return JOURNAL_BUSY;
	return ended && (choice->mode == CHOICE_GIVE_UP || !choice->filter.destination.ptr) ? JOURNAL_ENDED_WELL
											    : JOURNAL_REOPENED;
}

static void count_refused(struct plan *p, const struct journal_group *group)
{
	bool gives_up = p->choice->mode == CHOICE_GIVE_UP;
	p->matched += group->count;
	if (p->choice->mode == CHOICE_DUE)
		return;
	if (!group->destination.ptr && !gives_up) {
		p->refused_for[JOURNAL_NOWHERE] += group->count;
		return;
	}
	int64_t expired = gives_up ? 0 : group->expired;
	p->refused_for[JOURNAL_EXPIRED] += expired;
	p->refused_for[foresee(p->choice, group->status)] += group->count - expired;
}

static bool add_group(const struct journal_group *group, void *context)
{
	struct plan *p = context;
	struct buf *b = &p->text;
	count_refused(p, group);
	buf_add_int(b, group->count);
	add_text(b, group->destination);
	add_text(b, slice_of(journal_status_name(group->status)));
	add_text(b, group->type);
	add_time(b, group->oldest_at);
	add_time(b, group->newest_at);
	buf_printf(b, "\t%" PRId64, group->expired);
	add_text(b, group->error);
	buf_add_char(b, '\n');
	return true;
}

static int64_t tell_refused(const struct plan *p)
{
	int64_t refused = 0;
	for (int i = JOURNAL_REOPENED + 1; i <= JOURNAL_GONE; i++) {
		refused += p->refused_for[i];
		if (p->refused_for[i])
			diag_error("%" PRId64 " of %" PRId64 " would be refused: %s", p->refused_for[i], p->matched,
				   resend_reason((enum journal_reopened)i, p->choice->mode == CHOICE_GIVE_UP));
	}
	return refused;
}

/* All of it is put together first: a slow reader must not hold the journal's read transaction open. */
int plan_print(struct journal *j, const struct choice *choice, struct plan_result *result, struct diag *d)
{
	struct plan p = {.choice = choice, .text = BUF_INIT};
	int status = journal_plan(j, &choice->filter, add_group, &p, d);
	if (status == 0 && !buf_ok(&p.text))
		status = diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	else if (status == 0 &&
		 (fwrite(buf_slice(&p.text).ptr, 1, p.text.len, stdout) != p.text.len || fflush(stdout) != 0))
		status = diag_fail(d, DIAG_IO, "standard output: cannot write");
	buf_free(&p.text);
	*result = (struct plan_result){.matched = p.matched, .refused = status == 0 ? tell_refused(&p) : 0};
	return status;
}
