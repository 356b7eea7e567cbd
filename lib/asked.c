/* SPDX-License-Identifier: MIT */
#include "asked.h"

#include <string.h>

enum { FORMAT = FILTER_END, RAW, UTC, SUMMARY, CHECK, HTTP, AFTER, AUTH, HOST, ANY_ADDRESS, VERIFY };

const struct option asked_options[] = {
    {"format", required_argument, NULL, FORMAT},
    {"raw", no_argument, NULL, RAW},
    {"summary", no_argument, NULL, SUMMARY},
    {"check", no_argument, NULL, CHECK},
    {"verify", no_argument, NULL, VERIFY},
    {"utc", no_argument, NULL, UTC},
    {"follow", no_argument, NULL, 'f'},
    {"after", required_argument, NULL, AFTER},
    {"http", no_argument, NULL, HTTP},
    {"listen", required_argument, NULL, 'l'},
    {"auth", required_argument, NULL, AUTH},
    {"host", required_argument, NULL, HOST},
    {"any-address", no_argument, NULL, ANY_ADDRESS},
    {NULL, 0, NULL, 0},
};

static void take_mode(struct options *o, struct asked *r, enum asked_for what)
{
	if (r->what != ASKED_HISTORY && r->what != what)
		options_wrong(
		    o, "expected only one of --raw, --summary, --check, --verify, --http and --format prometheus");
	r->what = what;
}

static void take_format(struct options *o, struct asked *r, const char *name)
{
	static const char *const formats[] = {"table", "tsv", "json", "jsonl", "event"};
	r->html = strcmp(name, "html") == 0;
	if (r->html)
		return;
	if (strcmp(name, "prometheus") == 0) {
		take_mode(o, r, ASKED_METRICS);
		return;
	}
	for (int i = HISTORY_TABLE; i <= HISTORY_EVENT; i++)
		if (strcmp(name, formats[i]) == 0) {
			r->format = (enum history_format)i;
			r->format_given = true;
			return;
		}
	options_wrong(o, "--format '%.200s': expected table, tsv, json, jsonl, html, event or prometheus", name);
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

static void take_after(struct options *o, struct asked *r, const char *value)
{
	if (filter_take_after(&r->filter, value) < 0)
		options_wrong(o, "--after '%.200s': expected a place such as 991-1, as --limit tells it", value);
}

static void take_options(struct options *o, struct asked *r)
{
	struct diag d;
	for (int c; (c = options_next(o)) != OPTIONS_END;) {
		if (c == UTC)
			r->style.utc = true;
		else if (c == RAW)
			take_mode(o, r, ASKED_PAYLOAD);
		else if (c == SUMMARY)
			take_mode(o, r, ASKED_SUMMARY);
		else if (c == CHECK)
			take_mode(o, r, ASKED_VERDICT);
		else if (c == VERIFY)
			take_mode(o, r, ASKED_SOUNDNESS);
		else if (c == HTTP)
			take_mode(o, r, ASKED_PAGES);
		else if (take_web_option(&r->web, c, optarg))
			r->web_given = true;
		else if (c == 'f')
			r->follow = true;
		else if (c == AFTER)
			take_after(o, r, optarg);
		else if (c == FORMAT)
			take_format(o, r, optarg);
		else if (filter_take(&r->filter, c, optarg, r->style.now, &d) < 0)
			options_wrong(o, "%s", d.text);
		else
			r->filtered = true;
	}
}

static void judge(struct options *o, struct asked *r, int ids)
{
	if (r->what == ASKED_HISTORY && ids &&
	    !(r->format_given && (r->format <= HISTORY_TSV || r->format == HISTORY_EVENT)))
		r->what = ASKED_EVENTS;
	if (r->what == ASKED_PAYLOAD && ids != 1)
		options_wrong(o, "--raw: expected one ID");
	if (r->what >= ASKED_SUMMARY && ids)
		options_wrong(o, "--summary, --check, --verify, --http and --format prometheus take no ID");
	if (r->what == ASKED_PAGES && (r->filtered || r->format_given || r->html))
		options_wrong(o, "--http: filters stand in the page's address; it takes no FILTERS and no --format");
	if (r->what != ASKED_PAGES && r->web_given)
		options_wrong(o, "-l, --auth, --host and --any-address are for --http");
	if (r->what == ASKED_SOUNDNESS && (r->filtered || r->format_given))
		options_wrong(o, "--verify reads the whole journal: it takes no filters and no --format");
	if ((r->what == ASKED_VERDICT || r->what == ASKED_METRICS) && r->filtered)
		options_wrong(o, "--check and --format prometheus are about the whole journal: they take no filters");
	if (r->follow && (r->what != ASKED_VERDICT || r->format_given))
		options_wrong(o, "--follow is for --check, without --format");
	if (r->filter.before.event && r->what != ASKED_HISTORY)
		options_wrong(o, "--after is for the history");
	if (r->what != ASKED_HISTORY && r->what != ASKED_EVENTS && r->html)
		options_wrong(o, "--format html: not with --raw, --summary or --check");
	if (r->what >= ASKED_SUMMARY && r->format_given && r->format != HISTORY_JSON && r->format != HISTORY_JSONL)
		options_wrong(o, "--summary and --check: expected --format json, or none for text");
}

void asked_take(struct asked *r, struct options *o)
{
	take_options(o, r);
	judge(o, r, o->argc - optind);
}
