/* SPDX-License-Identifier: MIT */
/* evt-deliver: sends each line of standard input to its destination, and records the attempt and the outcome. */
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#include "delivery.h"
#include "options.h"
#include "program.h"
#include "stop.h"

static const char usage[] =
    "usage: evt-deliver [-pqv] [--start | --record] [-c DIR] [-d DEST] [-j FILE]\n"
    "\n"
    "Sends each event line of standard input to its destination, and records the attempt and the outcome.\n"
    "\n"
    "  -d, --destination DEST  only lines of this destination\n"
    "  -p, --print             print each outcome as a JSON line\n"
    "      --start             send nothing: commit each line's start, and pass it on to a program\n"
    "      --record            send nothing: record the outcomes that a program has written into the lines\n"
    "  -c, --config DIR        configuration folder\n"
    "  -j, --journal FILE      journal\n"
    "  -q, --quiet             errors only\n"
    "  -v, --verbose           say more\n"
    "  -V, --version\n"
    "  -h, --help\n";

enum { OPTION_START = 256, OPTION_RECORD };

static const struct option own_options[] = {{"destination", required_argument, NULL, 'd'},
					    {"print", no_argument, NULL, 'p'},
					    {"start", no_argument, NULL, OPTION_START},
					    {"record", no_argument, NULL, OPTION_RECORD},
					    {NULL, 0, NULL, 0}};

/* ---- what is said at the end ---- */

static void tell(const struct delivery_report *r)
{
	diag_debug("%" PRIu64 " delivered, %" PRIu64 " to be retried, %" PRIu64 " failed, %" PRIu64 " skipped",
		   r->delivered, r->retrying, r->failed, r->skipped);
	if (r->returned)
		diag_notice("%" PRIu64 " given back to the journal, unsent", r->returned);
	if (r->passed_over)
		diag_error("%" PRIu64 " for other destinations passed over", r->passed_over);
	if (r->duplicates)
		diag_error("%" PRIu64 " not sent: duplicates", r->duplicates);
	if (r->stale)
		diag_error("%" PRIu64 " not sent: claimed by others since", r->stale);
	if (r->bad)
		diag_error("%" PRIu64 " not sent: no events", r->bad);
	if (r->lost)
		diag_error("%" PRIu64 " sent without a recorded outcome: due again when their leases end", r->lost);
}

static int exit_code(const struct delivery_report *r)
{
	if (r->output_failed)
		return DIAG_IO;
	if (r->broken)
		return DIAG_CONFIG;
	return r->bad || r->passed_over || r->duplicates || r->stale ? DIAG_NO : DIAG_OK;
}

static int deliver(const char *journal,
		   int (*act)(const struct delivery_options *, struct delivery_report *, struct diag *),
		   struct delivery_options *options)
{
	struct diag d;
	struct delivery_report report;
	options->journal = journal_open(journal, JOURNAL_WRITE, &d);
	if (!options->journal)
		return diag_report(&d);
	int result = act(options, &report, &d);
	tell(&report);
	journal_close(options->journal);
	return result < 0 ? diag_report(&d) : exit_code(&report);
}

int main(int argc, char **argv)
{
	struct options o;
	int (*act)(const struct delivery_options *, struct delivery_report *, struct diag *) = delivery_run;
	bool prints = false;
	struct delivery_options options = {.only = SLICE_NONE, .input = STDIN_FILENO, .output = -1};
	options_open(&o, "evt-deliver", usage, "d:p", own_options, argc, argv);
	for (int c; (c = options_next(&o)) != OPTIONS_END;) {
		if (c == 'd')
			options.only = slice_of(optarg);
		else if (c == 'p')
			prints = true;
		else if (act != delivery_run)
			options_wrong(&o,
				      "--start and --record are two ends of a program: each is a command of its own");
		else
			act = c == OPTION_START ? program_start : program_record;
	}
	if (prints && act != delivery_run)
		options_wrong(&o, "-p belongs to what evt-deliver sends itself");
	if (prints || act == program_start)
		options.output = STDOUT_FILENO;
	if (!options_ready(&o, 0))
		return options_close(&o);
	options.config = o.config;
	options.tokens = o.journal;
	signal(SIGPIPE, SIG_IGN);
	options.signals = stop_pipe();
	if (options.signals < 0) {
		diag_error("cannot catch signals");
		o.exit_code = DIAG_UNAVAILABLE;
		return options_close(&o);
	}
	o.exit_code = deliver(o.journal, act, &options);
	return options_close(&o);
}
