/* SPDX-License-Identifier: MIT */
/* evt-transform: applies to each line of standard input the map of its destination, and writes the line. */
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#include "maps.h"
#include "options.h"
#include "transform.h"

static const char usage[] =
    "usage: evt-transform [-nqv] [-c DIR] [-j FILE] [-m MAP] [--explain]\n"
    "       evt-transform --check [-qv] [-c DIR] [MAP...]\n"
    "\n"
    "Applies to each event line of standard input the map of its destination, and writes the line.\n"
    "A line that fails is journaled as failed and goes no further.\n"
    "\n"
    "  -m, --map MAP       this map for every line\n"
    "  -n, --no-journal    tell failures on standard error only\n"
    "      --check         only check the maps named, or all\n"
    "      --explain       print where each value comes from; change nothing\n"
    "  -c, --config DIR    configuration folder\n"
    "  -j, --journal FILE  journal\n"
    "  -q, --quiet         errors only\n"
    "  -v, --verbose       say more\n"
    "  -V, --version\n"
    "  -h, --help\n";

enum { CHECK = 256, EXPLAIN };
static const struct option own_options[] = {{"map", required_argument, NULL, 'm'},
					    {"no-journal", no_argument, NULL, 'n'},
					    {"check", no_argument, NULL, CHECK},
					    {"explain", no_argument, NULL, EXPLAIN},
					    {NULL, 0, NULL, 0}};

static int check(const struct options *o)
{
	int checked, broken = maps_check(o->config, o->operands, o->operand_count, &checked);
	diag_debug("%d maps checked, %d faults", checked, broken);
	return broken ? DIAG_CONFIG : DIAG_OK;
}

/* Failures that stand in the journal are no concern of the exit code. */
static int transform(const struct transform_options *options)
{
	struct diag d;
	struct transform_report report;
	signal(SIGPIPE, SIG_IGN);
	int result = transform_run(options, &report, &d);
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
	struct transform_options options = {.map = SLICE_NONE, .input = STDIN_FILENO, .output = STDOUT_FILENO};
	bool checking = false, no_journal = false;
	options_open(&o, "evt-transform", usage, "m:n", own_options, argc, argv);
	for (int c; (c = options_next(&o)) != OPTIONS_END;) {
		if (c == 'm')
			options.map = slice_of(optarg);
		else if (c == 'n')
			no_journal = true;
		else if (c == CHECK)
			checking = true;
		else
			options.explain = true;
	}
	if (checking && (options.map.ptr || no_journal || options.explain))
		options_wrong(&o, "--check goes with no other option than -c; maps are named behind it");
	if (!options_ready(&o, checking ? -1 : 0))
		return options_close(&o);
	options.config = o.config;
	options.journal = no_journal || options.explain ? NULL : o.journal;
	o.exit_code = checking ? check(&o) : transform(&options);
	return options_close(&o);
}
