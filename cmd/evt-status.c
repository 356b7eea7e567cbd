/* SPDX-License-Identifier: MIT */
/* evt-status: what happened to every event. Reads the journal and never writes to it. */
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "detail.h"
#include "filter.h"
#include "history.h"
#include "options.h"

static const char usage[] =
    "usage: evt-status [FILTERS] [--format FORMAT] [--utc] [-c DIR] [-j FILE]\n"
    "       evt-status [FILTERS] [--format FORMAT | --raw] ID...\n"
    "\n"
    "Prints the history of deliveries, newest first: on a terminal a table of the last 50, else TSV of all.\n"
    "With IDs: these events whole, with payload and attempts.\n"
    "\n"
    "      --format FORMAT     table, tsv, json or jsonl\n"
    "      --raw               the payload of ID, byte for byte as received\n"
    "      --utc               times for people in UTC, not local time\n"
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

enum { FORMAT = FILTER_END, RAW, UTC };

static const struct option own_options[] = {
    {"format", required_argument, NULL, FORMAT},
    {"raw", no_argument, NULL, RAW},
    {"utc", no_argument, NULL, UTC},
    {NULL, 0, NULL, 0},
};

enum { ROWS_ON_TERMINAL = 50 };

struct request {
	struct journal_filter filter;
	enum history_format format;
	bool format_given, raw;
	struct show_style style;
};

/* ---- what was asked for ---- */

static int take_format(struct request *r, const char *name)
{
	static const char *const formats[] = {"table", "tsv", "json", "jsonl"};
	for (int i = HISTORY_TABLE; i <= HISTORY_JSONL; i++)
		if (strcmp(name, formats[i]) == 0) {
			r->format = (enum history_format)i;
			r->format_given = true;
			return 0;
		}
	return -1;
}

static void take_options(struct options *o, struct request *r)
{
	struct diag d;
	for (int c; (c = options_next(o)) != OPTIONS_END;) {
		if (c == UTC)
			r->style.utc = true;
		else if (c == RAW)
			r->raw = true;
		else if (c == FORMAT && take_format(r, optarg) < 0)
			options_wrong(o, "--format '%.200s': expected table, tsv, json or jsonl", optarg);
		else if (filter_take(&r->filter, c, optarg, r->style.now, &d) < 0)
			options_wrong(o, "%s", d.text);
	}
}

/* ---- the history ---- */

static int list(struct journal *j, struct request *r)
{
	struct diag d;
	struct history h = {.out = stdout, .style = r->style, .format = r->format};
	if (!r->format_given)
		h.format = isatty(STDOUT_FILENO) ? HISTORY_TABLE : HISTORY_TSV;
	bool limited = !r->filter.limit && h.format == HISTORY_TABLE && isatty(STDOUT_FILENO);
	if (limited)
		r->filter.limit = ROWS_ON_TERMINAL;
	if (history_write(&h, j, &r->filter, &d) < 0)
		return diag_report(&d);
	if (limited && h.more)
		diag_notice("there are more than these %d: --limit N shows more, --since, --status and others choose",
			    ROWS_ON_TERMINAL);
	return h.count ? DIAG_OK : DIAG_NO;
}

/* ---- events whole ---- */

/* The commands that send an event again must be told what this one was told. */
static void add_told(struct buf *b, const char *letter, const char *value)
{
	if (!value)
		return;
	buf_printf(b, " %s ", letter);
	show_add_shell(b, slice_of(value));
}

static int report_missing(const struct journal_filter *filter, const bool *found)
{
	int code = DIAG_OK;
	for (size_t i = 0; i < filter->id_count; i++)
		if (!found[i]) {
			diag_error("%.200s: no such event", filter->ids[i].ptr);
			code = DIAG_NO;
		}
	return code;
}

static int show_events(struct journal *j, const struct request *r, const struct options *o)
{
	struct diag d;
	struct buf told = BUF_INIT;
	add_told(&told, "-c", o->config_option);
	add_told(&told, "-j", o->journal_option);
	struct detail detail = {.out = stdout, .style = r->style, .options = buf_slice(&told)};
	if (r->format_given)
		detail.format = r->format == HISTORY_JSON ? DETAIL_JSON : DETAIL_JSONL;
	detail.found = calloc(r->filter.id_count, sizeof *detail.found);
	int code;
	if (!detail.found || detail_write(&detail, j, &r->filter, &d) < 0)
		code = detail.found ? diag_report(&d) : DIAG_IO;
	else
		code = report_missing(&r->filter, detail.found);
	free(detail.found);
	buf_free(&told);
	return code;
}

static int show_raw(struct journal *j, const struct request *r)
{
	struct diag d;
	return detail_write_raw(stdout, j, &r->filter, &d) < 0 ? diag_report(&d) : DIAG_OK;
}

/* ---- */

static int run(const struct options *o, struct request *r)
{
	struct diag d;
	struct journal *j = journal_open(o->journal, JOURNAL_READ, &d);
	if (!j)
		return diag_report(&d);
	bool rows = !r->filter.id_count || (r->format_given && r->format <= HISTORY_TSV);
	int code = r->raw ? show_raw(j, r) : rows ? list(j, r) : show_events(j, r, o);
	journal_close(j);
	return code;
}

int main(int argc, char **argv)
{
	struct options o;
	struct diag d;
	struct request r = {.style = show_style_of(STDOUT_FILENO, clock_now())};
	options_open(&o, "evt-status", usage, "d:", own_options, argc, argv);
	options_add(&o, filter_options);
	take_options(&o, &r);
	if (r.raw && !o.ended && argc - optind != 1)
		options_wrong(&o, "--raw: expected one ID");
	if (!options_ready(&o, -1))
		return options_close(&o);
	struct slice *ids = filter_take_ids(&r.filter, o.operands, o.operand_count, &d);
	if (ids)
		o.exit_code = run(&o, &r);
	else
		options_wrong(&o, "%s", d.text);
	free(ids);
	return options_close(&o);
}
