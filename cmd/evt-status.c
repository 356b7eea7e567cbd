/* SPDX-License-Identifier: MIT */
/* evt-status: what happened to every event. Reads the journal and never writes to it. */
#include <stdlib.h>
#include <unistd.h>

#include "asked.h"
#include "clock.h"
#include "detail.h"
#include "monitor.h"
#include "page.h"
#include "prometheus.h"
#include "soundness.h"
#include "summary.h"

static const char usage[] =
    "usage: evt-status [FILTERS] [--format FORMAT] [--utc] [-c DIR] [-j FILE]\n"
    "       evt-status [FILTERS] [--format FORMAT | --raw] ID...\n"
    "       evt-status --summary [FILTERS] [--format json]\n"
    "       evt-status --check [--format json | --follow]\n"
    "       evt-status --verify\n"
    "       evt-status --format prometheus\n"
    "       evt-status --http [-l [HOST:]PORT | -l unix:PATH] [--auth FILE] [--host NAME] [--any-address]\n"
    "\n"
    "Prints the history of deliveries, newest first: on a terminal a table of the last 50, else TSV of all.\n"
    "With IDs: these events whole, with payload and attempts.\n"
    "\n"
    "  --summary            counts, the last 24 hours, errors, sources, destinations, size\n"
    "  --check              is all well? For monitors: exit 0 ok, 1 warning, 2 critical, 3 unknown\n"
    "  -f, --follow         with --check: stay, and tell each finding when it appears and when it is gone\n"
    "  --verify             read all of the journal, for damage: exit 65 when there is any\n"
    "  --http               serve the history as a page on the socket of inetd or systemd, or where -l says\n"
    "  -l, --listen ADDR    listen there, such as 127.0.0.1:8081\n"
    "  --auth FILE          ask for one of its lines user:password\n"
    "  --host NAME          a name that browsers may call it by, besides localhost\n"
    "  --any-address        serve where others than this machine can connect, too\n"
    "  --format FORMAT      table, tsv, json, jsonl, html, prometheus, or event: the lines themselves\n"
    "  --after PLACE        the page behind that place, which --limit has told\n"
    "  --raw                the payload of ID, byte for byte as received\n"
    "  --utc                times for people in UTC, not local time\n"
    "  -c, --config DIR   -j, --journal FILE   -v, --verbose   -q, --quiet   -h, --help   -V, --version\n"
    "\n"
    "FILTERS\n"
    "  --since WHEN         received then or later: RFC 3339, 2026-11-23, @EPOCH, 2h (ago), today, yesterday\n"
    "  --until WHEN         received before\n"
    "  --status A,B         received, processing, delivered, retrying, failed, skipped\n"
    "  --type GLOB          such as 'contact.*'\n"
    "  --source NAME   -d, --destination NAME   --subject TEXT   --error TEXT   --limit N\n";

enum { ROWS_ON_TERMINAL = 50 };

/* ---- the history ---- */

static void tell_place(struct journal_key last)
{
	struct buf place = BUF_INIT;
	filter_add_after(&place, last);
	diag_notice("the next page: --after %s", buf_slice(&place).ptr);
	buf_free(&place);
}

static void say_missing(struct slice id)
{
	diag_error("%.*s: no such event", (int)id.len, id.ptr);
}

static int list(struct journal *j, struct asked *r)
{
	struct diag d;
	struct history h = {.out = stdout, .style = r->style, .format = r->format, .missing = say_missing};
	if (!r->format_given)
		h.format = isatty(STDOUT_FILENO) ? HISTORY_TABLE : HISTORY_TSV;
	bool limited = !r->filter.limit && h.format == HISTORY_TABLE && isatty(STDOUT_FILENO);
	if (limited)
		r->filter.limit = ROWS_ON_TERMINAL;
	if (history_write(&h, j, &r->filter, &d) < 0)
		return diag_report(&d);
	if (h.expired)
		diag_notice("%lld more have no payload any more", (long long)h.expired);
	if (limited && h.more)
		diag_notice("there are more than these %d: --limit N shows more, --since, --status and others choose",
			    ROWS_ON_TERMINAL);
	if (h.more)
		tell_place(h.last);
	return h.count && !h.missing_count ? DIAG_OK : DIAG_NO;
}

/* ---- events whole ---- */

static int show_events(struct journal *j, const struct asked *r, const struct options *o)
{
	struct diag d;
	struct detail detail = {.out = stdout,
				.style = r->style,
				.journal_option = o->journal_option,
				.config_option = o->config_option,
				.missing = say_missing};
	if (r->format_given)
		detail.format = r->format == HISTORY_JSON ? DETAIL_JSON : DETAIL_JSONL;
	if (detail_write(&detail, j, &r->filter, &d) < 0)
		return diag_report(&d);
	return detail.missing_count ? DIAG_NO : DIAG_OK;
}

/* ---- a page ---- */

static int write_page(struct journal *j, const struct asked *r, const struct options *o)
{
	struct diag d;
	struct buf b = BUF_INIT;
	struct page page = {.journal = j,
			    .filter = r->filter,
			    .journal_path = o->journal,
			    .journal_option = o->journal_option,
			    .config_option = o->config_option,
			    .style = r->style};
	page.style.utf8 = true;
	int result = r->what == ASKED_EVENTS ? page_add_events(&b, &page, &d) : page_add_history(&b, &page, &d);
	if (result == 0)
		result = history_flush(&b, stdout, &d);
	buf_free(&b);
	return result < 0 ? diag_report(&d) : page.count ? DIAG_OK : DIAG_NO;
}

static int serve(const struct options *o, struct asked *r)
{
	struct diag d;
	r->web.utc = r->style.utc;
	r->web.journal = o->journal;
	r->web.config = o->config;
	r->web.journal_option = o->journal_option;
	r->web.config_option = o->config_option;
	return web_serve(&r->web, &d) < 0 ? diag_report(&d) : DIAG_OK;
}

/* ---- the whole ---- */

static int summarize(struct journal *j, const struct asked *r)
{
	struct diag d;
	struct summary summary = {.json = r->format_given, .style = r->style, .out = stdout};
	return summary_write(&summary, j, &r->filter, &d) < 0 ? diag_report(&d) : DIAG_OK;
}

/* ---- */

static int run(const struct options *o, struct asked *r)
{
	struct diag d;
	if (r->follow)
		return monitor_follow(o->journal, &r->style, stdout, &d) < 0 ? diag_report(&d) : DIAG_OK;
	if (r->what == ASKED_VERDICT)
		return (int)monitor_check(o->journal, r->format_given, &r->style, stdout);
	if (r->what == ASKED_PAGES)
		return serve(o, r);
	struct journal *j = journal_open(o->journal, JOURNAL_READ, &d);
	if (!j)
		return diag_report(&d);
	int code = DIAG_OK;
	if (r->html)
		code = write_page(j, r, o);
	else if (r->what == ASKED_HISTORY)
		code = list(j, r);
	else if (r->what == ASKED_EVENTS)
		code = show_events(j, r, o);
	else if (r->what == ASKED_SUMMARY)
		code = summarize(j, r);
	else if (r->what == ASKED_METRICS)
		code = prometheus_write(stdout, j, r->style.now, &d) < 0 ? diag_report(&d) : DIAG_OK;
	else if (r->what == ASKED_SOUNDNESS)
		code = soundness_write(stdout, j, &d) < 0 ? diag_report(&d) : DIAG_OK;
	else if (detail_write_raw(stdout, j, &r->filter, &d) < 0)
		code = diag_report(&d);
	journal_close(j);
	return code;
}

int main(int argc, char **argv)
{
	struct options o;
	struct diag d;
	struct asked r = {.style = show_style_of(STDOUT_FILENO, clock_now())};
	options_open(&o, "evt-status", usage, ASKED_SHORT_OPTIONS, asked_options, argc, argv);
	options_add(&o, filter_options);
	asked_take(&r, &o);
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
