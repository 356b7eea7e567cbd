/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "show.h"

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

static bool add_group(const struct journal_group *group, void *context)
{
	struct buf *b = context;
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

/* All of it is put together first: a slow reader must not hold the journal's read transaction open. */
int plan_print(struct journal *j, const struct journal_filter *filter, bool *any, struct diag *d)
{
	struct buf plan = BUF_INIT;
	int result = journal_plan(j, filter, add_group, &plan, d);
	*any = plan.len;
	if (result == 0 && !buf_ok(&plan))
		result = diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	else if (result == 0 && (fwrite(buf_slice(&plan).ptr, 1, plan.len, stdout) != plan.len || fflush(stdout) != 0))
		result = diag_fail(d, DIAG_IO, "standard output: cannot write");
	buf_free(&plan);
	return result;
}
