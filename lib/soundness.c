/* SPDX-License-Identifier: MIT */
#include "soundness.h"

#include <inttypes.h>

#include "show.h"

static void tell(struct slice source, struct slice id, struct slice what, void *out)
{
	struct buf b = BUF_INIT;
	if (id.ptr) {
		show_add_line(&b, source);
		buf_add_char(&b, ' ');
		show_add_line(&b, id);
		buf_add_text(&b, ": ");
	}
	show_add_line(&b, what);
	fprintf(out, "%s\n", buf_slice(&b).ptr);
	buf_free(&b);
}

int soundness_write(FILE *out, struct journal *j, struct diag *d)
{
	struct journal_verify v = {.each = tell, .context = out};
	if (journal_verify(j, &v, d) < 0)
		return -1;
	if (v.found == 0)
		fprintf(out, "the database is sound, and %" PRId64 " payloads are as they were received\n", v.payloads);
	if (fflush(out) != 0)
		return diag_fail(d, DIAG_IO, "standard output: cannot write");
	if (v.found == 0)
		return 0;
	return diag_fail(d, DIAG_DATA,
			 "%" PRId64 " findings in the journal: keep the file and see \"DAMAGE\" in evt-journal(5)",
			 v.found);
}
