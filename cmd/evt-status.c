/* SPDX-License-Identifier: MIT */
/* evt-status: what happened to every event. Reads the journal and never writes to it. */
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "filter.h"
#include "history.h"
#include "options.h"

static const char usage[] =
    "usage: evt-status [FILTERS] [--format FORMAT] [--utc] [-c DIR] [-j FILE]\n"
    "\n"
    "Prints the history of deliveries, newest first: on a terminal a table of the last 50, else TSV of all.\n"
    "\n"
    "      --format FORMAT     table, tsv, json or jsonl\n"
    "      --utc               times of tables and texts in UTC, not local time\n"
    "  -c, --config DIR        configuration folder\n"
    "  -j, --journal FILE      journal\n"
    "  -q, --quiet             errors only\n"
    "  -v, --verbose           say more\n"
    "  -V, --version\n"
    "  -h, --help\n"
    "\n"
    "FILTERS\n"
    "      --since WHEN, --until WHEN  received then: RFC 3339, 2026-11-23, @EPOCH, 2h (ago), today, yesterday\n"
    "      --status A,B        received, processing, delivered, retrying, failed, skipped\n"
    "      --type GLOB         such as 'contact.*'\n"
    "      --source NAME, -d, --destination NAME, --subject TEXT\n"
    "      --error TEXT        stands in the error\n"
    "      --limit N           rows at most\n";

enum { FORMAT = FILTER_END, UTC };

static const struct option own_options[] = {
    {"format", required_argument, NULL, FORMAT},
    {"utc", no_argument, NULL, UTC},
    {NULL, 0, NULL, 0},
};

enum { ROWS_ON_TERMINAL = 50 };

struct request {
	struct journal_filter filter;
	const char *format; /* as asked for, or NULL */
	bool utc;
	int64_t now;
};

static const char *const formats[] = {
    [HISTORY_TABLE] = "table", [HISTORY_TSV] = "tsv", [HISTORY_JSON] = "json", [HISTORY_JSONL] = "jsonl"};

static int format_of(const char *name)
{
	for (int i = 0; i <= HISTORY_JSONL; i++)
		if (strcmp(name, formats[i]) == 0)
			return i;
	return -1;
}

static int list(struct journal *j, struct request *r, struct diag *d)
{
	bool terminal = isatty(STDOUT_FILENO);
	struct history h = {.out = stdout, .style = show_style_of(STDOUT_FILENO, r->now)};
	h.style.utc = r->utc;
	h.format = r->format ? (enum history_format)format_of(r->format) : terminal ? HISTORY_TABLE : HISTORY_TSV;
	bool limited = !r->filter.limit && terminal && h.format == HISTORY_TABLE;
	if (limited)
		r->filter.limit = ROWS_ON_TERMINAL;
	if (history_write(&h, j, &r->filter, d) < 0)
		return diag_report(d);
	if (limited && h.more)
		diag_notice("there are more than these %d: --limit N shows them, --since, --status and others choose",
			    ROWS_ON_TERMINAL);
	return h.count ? DIAG_OK : DIAG_NO;
}

static int run(struct options *o, struct request *r)
{
	struct diag d;
	struct journal *j = journal_open(o->journal, JOURNAL_READ, &d);
	if (!j)
		return diag_report(&d);
	int code = list(j, r, &d);
	journal_close(j);
	return code;
}

int main(int argc, char **argv)
{
	struct options o;
	struct diag d;
	struct request r = {.now = clock_now()};
	options_open(&o, "evt-status", usage, "d:", own_options, argc, argv);
	options_add(&o, filter_options);
	for (int c; (c = options_next(&o)) != OPTIONS_END;) {
		if (c == UTC)
			r.utc = true;
		else if (c == FORMAT && format_of(r.format = optarg) < 0)
			options_wrong(&o, "--format '%.200s': expected table, tsv, json or jsonl", optarg);
		else if (filter_take(&r.filter, c, optarg, r.now, &d) < 0)
			options_wrong(&o, "%s", d.text);
	}
	if (options_ready(&o, 0))
		o.exit_code = run(&o, &r);
	return options_close(&o);
}
