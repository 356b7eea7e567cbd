/* SPDX-License-Identifier: MIT */
/* evt-transform: applies to each line of standard input the map of its destination, and writes the line. */
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#include "difference.h"
#include "maps.h"
#include "options.h"
#include "transform.h"

static const char usage[] =
    "usage: evt-transform [-nqv] [-c DIR] [-j FILE] [-m MAP] [--explain]\n"
    "       evt-transform --diff [-qv] [-c DIR] [-j FILE] [-m MAP] [--format text|json]\n"
    "       evt-transform --check [-qv] [-c DIR] [MAP...]\n"
    "\n"
    "Applies to each event line of standard input the map of its destination, and writes the line.\n"
    "A line that fails is journaled as failed and goes no further.\n"
    "\n"
    "  -m, --map MAP       this map for every line\n"
    "  -n, --no-journal    tell failures on standard error only\n"
    "      --check         only check the maps named, or all\n"
    "      --diff          print what the map changes against what was sent; change nothing\n"
    "      --format FORMAT of --diff: text, a unified diff (default), or json, an object a line\n"
    "      --explain       print where each value comes from; change nothing\n"
    "  -c, --config DIR    configuration folder\n"
    "  -j, --journal FILE  journal\n"
    "  -q, --quiet         errors only\n"
    "  -v, --verbose       say more\n"
    "  -V, --version\n"
    "  -h, --help\n";

enum { CHECK = 256, EXPLAIN, DIFF, FORMAT };
static const struct option own_options[] = {{"map", required_argument, NULL, 'm'},
					    {"no-journal", no_argument, NULL, 'n'},
					    {"check", no_argument, NULL, CHECK},
					    {"diff", no_argument, NULL, DIFF},
					    {"format", required_argument, NULL, FORMAT},
					    {"explain", no_argument, NULL, EXPLAIN},
					    {NULL, 0, NULL, 0}};

struct request {
	struct slice map;
	const char *format;
	bool no_journal, checking, comparing, explaining;
};

static void take_options(struct options *o, struct request *r)
{
	for (int c; (c = options_next(o)) != OPTIONS_END;) {
		if (c == 'm')
			r->map = slice_of(optarg);
		if (c == FORMAT)
			r->format = optarg;
		r->no_journal |= c == 'n';
		r->checking |= c == CHECK;
		r->comparing |= c == DIFF;
		r->explaining |= c == EXPLAIN;
	}
	if (r->checking && (r->map.ptr || r->no_journal || r->explaining || r->comparing))
		options_wrong(o, "--check goes with no other option than -c; maps are named behind it");
	if (r->comparing && (r->no_journal || r->explaining))
		options_wrong(
		    o, "--diff looks into the journal, and explains nothing: it goes with neither -n nor --explain");
	if (r->format && !r->comparing)
		options_wrong(o, "--format goes with --diff");
	if (r->format && strcmp(r->format, "text") != 0 && strcmp(r->format, "json") != 0)
		options_wrong(o, "--format '%.200s': expected text or json", r->format);
}

static int check(const struct options *o)
{
	int checked, broken = maps_check(o->config, o->operands, o->operand_count, &checked);
	diag_debug("%d maps checked, %d faults", checked, broken);
	return broken ? DIAG_CONFIG : DIAG_OK;
}

static int compare(const struct options *o, const struct request *r)
{
	struct diag d;
	struct difference_report report;
	const struct difference_options options = {.config = o->config,
						   .journal = o->journal,
						   .map = r->map,
						   .json = r->format && strcmp(r->format, "json") == 0,
						   .input = STDIN_FILENO,
						   .output = STDOUT_FILENO};
	if (difference_run(&options, &report, &d) < 0)
		return diag_report(&d);
	diag_notice("%" PRIu64 " the same, %" PRIu64 " changed, %" PRIu64 " made for the first time, %" PRIu64
		    " refused by the map, %" PRIu64 " skipped",
		    report.same, report.changed, report.made, report.refused, report.skipped);
	return report.bad ? DIAG_NO : DIAG_OK;
}

/* Failures that stand in the journal are no concern of the exit code. */
static int transform(const struct options *o, const struct request *r)
{
	struct diag d;
	struct transform_report report;
	const struct transform_options options = {.config = o->config,
						  .journal = r->no_journal || r->explaining ? NULL : o->journal,
						  .map = r->map,
						  .explain = r->explaining,
						  .input = STDIN_FILENO,
						  .output = STDOUT_FILENO};
	signal(SIGPIPE, SIG_IGN);
	int result = transform_run(&options, &report, &d);
	diag_debug("%" PRIu64 " mapped, %" PRIu64 " passed on, %" PRIu64 " skipped, %" PRIu64 " failed, %" PRIu64
		   " refused",
		   report.mapped, report.passed, report.skipped, report.failed, report.refused);
	if (result < 0)
		return diag_report(&d);
	if (report.reader_gone)
		return DIAG_OK;
	return report.refused || report.unjournaled ? DIAG_NO : DIAG_OK;
}

int main(int argc, char **argv)
{
	struct options o;
	struct request r = {.map = SLICE_NONE};
	options_open(&o, "evt-transform", usage, "m:n", own_options, argc, argv);
	take_options(&o, &r);
	if (!options_ready(&o, r.checking ? -1 : 0))
		return options_close(&o);
	o.exit_code = r.checking ? check(&o) : r.comparing ? compare(&o, &r) : transform(&o, &r);
	return options_close(&o);
}
