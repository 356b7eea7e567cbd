/* SPDX-License-Identifier: MIT */
/* evt-status: what happened to every event. Reads the journal and never writes to it. */
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "detail.h"
#include "filter.h"
#include "history.h"
#include "monitor.h"
#include "options.h"
#include "page.h"
#include "summary.h"
#include "web.h"

static const char usage[] =
    "usage: evt-status [FILTERS] [--format FORMAT] [--utc] [-c DIR] [-j FILE]\n"
    "       evt-status [FILTERS] [--format FORMAT | --raw] ID...\n"
    "       evt-status --summary [FILTERS] [--format json]\n"
    "       evt-status --check [--format json]\n"
    "       evt-status --http [-l [HOST:]PORT | -l unix:PATH] [--auth FILE] [--host NAME] [--any-address]\n"
    "\n"
    "Prints the history of deliveries, newest first: on a terminal a table of the last 50, else TSV of all.\n"
    "With IDs: these events whole, with payload and attempts.\n"
    "\n"
    "  --summary            counts, the last 24 hours, errors, sources, destinations, size\n"
    "  --check              is all well? For monitors: exit 0 ok, 1 warning, 2 critical, 3 unknown\n"
    "  --http               serve the history as a page on the socket of inetd or systemd, or where -l says\n"
    "  -l, --listen ADDR    listen there, such as 127.0.0.1:8081\n"
    "  --auth FILE          ask for one of its lines user:password\n"
    "  --host NAME          a name that browsers may call it by, besides localhost\n"
    "  --any-address        serve where others than this machine can connect, too\n"
    "  --format FORMAT      table, tsv, json, jsonl, html, or event: the lines themselves\n"
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

enum { FORMAT = FILTER_END, RAW, UTC, SUMMARY, CHECK, HTTP, AUTH, HOST, ANY_ADDRESS };

static const struct option own_options[] = {
    {"format", required_argument, NULL, FORMAT},
    {"raw", no_argument, NULL, RAW},
    {"summary", no_argument, NULL, SUMMARY},
    {"check", no_argument, NULL, CHECK},
    {"utc", no_argument, NULL, UTC},
    {"http", no_argument, NULL, HTTP},
    {"listen", required_argument, NULL, 'l'},
    {"auth", required_argument, NULL, AUTH},
    {"host", required_argument, NULL, HOST},
    {"any-address", no_argument, NULL, ANY_ADDRESS},
    {NULL, 0, NULL, 0},
};

enum { ROWS_ON_TERMINAL = 50 };

enum mode { HISTORY, EVENTS, PAYLOAD, SUMMARY_OF_ALL, VERDICT, PAGES };

struct request {
	enum mode mode;
	struct journal_filter filter;
	bool filtered, format_given;
	enum history_format format;
	bool html;
	struct web web;
	bool web_given;
	struct show_style style;
};

/* ---- what was asked for ---- */

static void take_mode(struct options *o, struct request *r, enum mode mode)
{
	if (r->mode != HISTORY && r->mode != mode)
		options_wrong(o, "expected only one of --raw, --summary, --check and --http");
	r->mode = mode;
}

static void take_format(struct options *o, struct request *r, const char *name)
{
	static const char *const formats[] = {"table", "tsv", "json", "jsonl", "event"};
	r->html = strcmp(name, "html") == 0;
	if (r->html)
		return;
	for (int i = HISTORY_TABLE; i <= HISTORY_EVENT; i++)
		if (strcmp(name, formats[i]) == 0) {
			r->format = (enum history_format)i;
			r->format_given = true;
			return;
		}
	options_wrong(o, "--format '%.200s': expected table, tsv, json, jsonl, html or event", name);
}

/* 1 when it was one of those that --http has. */
static int take_web_option(struct web *web, int option, const char *value)
{
	if (option == 'l')
		web->address = value;
	else if (option == AUTH)
		web->auth_file = value;
	else if (option == HOST)
		web->host = value;
	else if (option == ANY_ADDRESS)
		web->any_address = true;
	else
		return 0;
	return 1;
}

static void take_options(struct options *o, struct request *r)
{
	struct diag d;
	for (int c; (c = options_next(o)) != OPTIONS_END;) {
		if (c == UTC)
			r->style.utc = true;
		else if (c == RAW)
			take_mode(o, r, PAYLOAD);
		else if (c == SUMMARY)
			take_mode(o, r, SUMMARY_OF_ALL);
		else if (c == CHECK)
			take_mode(o, r, VERDICT);
		else if (c == HTTP)
			take_mode(o, r, PAGES);
		else if (take_web_option(&r->web, c, optarg))
			r->web_given = true;
		else if (c == FORMAT)
			take_format(o, r, optarg);
		else if (filter_take(&r->filter, c, optarg, r->style.now, &d) < 0)
			options_wrong(o, "%s", d.text);
		else
			r->filtered = true;
	}
}

static void judge_request(struct options *o, struct request *r, int ids)
{
	if (r->mode == HISTORY && ids && !(r->format_given && (r->format <= HISTORY_TSV || r->format == HISTORY_EVENT)))
		r->mode = EVENTS;
	if (r->mode == PAYLOAD && ids != 1)
		options_wrong(o, "--raw: expected one ID");
	if (r->mode >= SUMMARY_OF_ALL && ids)
		options_wrong(o, "--summary, --check and --http take no ID");
	if (r->mode == PAGES && (r->filtered || r->format_given || r->html))
		options_wrong(o, "--http: filters stand in the page's address; it takes no FILTERS and no --format");
	if (r->mode != PAGES && r->web_given)
		options_wrong(o, "-l, --auth, --host and --any-address are for --http");
	if (r->mode == VERDICT && r->filtered)
		options_wrong(o, "--check judges the whole journal: it takes no filters");
	if (r->mode != HISTORY && r->mode != EVENTS && r->html)
		options_wrong(o, "--format html: not with --raw, --summary or --check");
	if (r->mode >= SUMMARY_OF_ALL && r->format_given && r->format != HISTORY_JSON && r->format != HISTORY_JSONL)
		options_wrong(o, "--summary and --check: expected --format json, or none for text");
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
	if (h.expired)
		diag_notice("%lld more have no payload any more", (long long)h.expired);
	if (limited && h.more)
		diag_notice("there are more than these %d: --limit N shows more, --since, --status and others choose",
			    ROWS_ON_TERMINAL);
	return h.count ? DIAG_OK : DIAG_NO;
}

/* ---- events whole ---- */

static void say_missing(struct slice id)
{
	diag_error("%.*s: no such event", (int)id.len, id.ptr);
}

static int show_events(struct journal *j, const struct request *r, const struct options *o)
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

static int write_page(struct journal *j, const struct request *r, const struct options *o)
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
	int result = r->mode == EVENTS ? page_add_events(&b, &page, &d) : page_add_history(&b, &page, &d);
	if (result == 0)
		result = history_flush(&b, stdout, &d);
	buf_free(&b);
	return result < 0 ? diag_report(&d) : page.count ? DIAG_OK : DIAG_NO;
}

static int serve(const struct options *o, struct request *r)
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

static int summarize(struct journal *j, const struct request *r)
{
	struct diag d;
	struct summary summary = {.json = r->format_given, .style = r->style, .out = stdout};
	return summary_write(&summary, j, &r->filter, &d) < 0 ? diag_report(&d) : DIAG_OK;
}

/* ---- */

static int run(const struct options *o, struct request *r)
{
	struct diag d;
	if (r->mode == VERDICT)
		return (int)monitor_check(o->journal, r->format_given, &r->style, stdout);
	if (r->mode == PAGES)
		return serve(o, r);
	struct journal *j = journal_open(o->journal, JOURNAL_READ, &d);
	if (!j)
		return diag_report(&d);
	int code = DIAG_OK;
	if (r->html)
		code = write_page(j, r, o);
	else if (r->mode == HISTORY)
		code = list(j, r);
	else if (r->mode == EVENTS)
		code = show_events(j, r, o);
	else if (r->mode == SUMMARY_OF_ALL)
		code = summarize(j, r);
	else if (detail_write_raw(stdout, j, &r->filter, &d) < 0)
		code = diag_report(&d);
	journal_close(j);
	return code;
}

int main(int argc, char **argv)
{
	struct options o;
	struct diag d;
	struct request r = {.style = show_style_of(STDOUT_FILENO, clock_now())};
	options_open(&o, "evt-status", usage, "d:l:", own_options, argc, argv);
	options_add(&o, filter_options);
	take_options(&o, &r);
	judge_request(&o, &r, argc - optind);
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
