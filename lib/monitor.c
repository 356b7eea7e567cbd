/* SPDX-License-Identifier: MIT */
#include "monitor.h"

#include "history.h"

static void write_unknown(struct buf *b, bool json, const struct diag *d)
{
	if (!json) {
		buf_printf(b, "EVT UNKNOWN - %s\n", d->text);
		return;
	}
	buf_add_text(b, "{\"severity\":\"UNKNOWN\",\"findings\":[],\"error\":");
	show_add_json(b, slice_of(d->text));
	buf_add_text(b, "}\n");
}

static void write_known(struct buf *b, bool json, const struct facts *facts, const struct verdict *verdict,
			const struct show_style *style)
{
	if (!json) {
		verdict_write(b, verdict, facts, style);
		return;
	}
	verdict_write_json(b, verdict);
	buf_add_char(b, '\n');
}

enum verdict_severity monitor_check(const char *path, bool json, const struct show_style *style, FILE *out)
{
	struct diag d;
	struct facts facts = {.now = 0};
	struct verdict verdict = {.severity = VERDICT_UNKNOWN};
	struct buf b = BUF_INIT;
	struct journal *j = journal_open(path, JOURNAL_READ, &d);
	if (j && facts_gather(&facts, j, style->now, &d) == 0) {
		verdict_judge(&facts, &verdict);
		write_known(&b, json, &facts, &verdict, style);
	} else {
		write_unknown(&b, json, &d);
	}
	if (history_flush(&b, out, &d) < 0)
		verdict.severity = VERDICT_UNKNOWN;
	journal_close(j);
	facts_free(&facts);
	buf_free(&b);
	return verdict.severity;
}
