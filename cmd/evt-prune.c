/* SPDX-License-Identifier: MIT */
/* evt-prune: payloads go after 7 days, everything after 30. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "diag.h"
#include "journal.h"
#include "options.h"

static const char usage[] = "Usage: evt-prune [-nqv] [-j FILE] [--payloads AGE] [--events AGE]\n"
			    "Removes old payloads, and later what is left of their events, from the journal.\n"
			    "\n"
			    "  --payloads AGE   payloads received longer ago than this go (default 7d)\n"
			    "  --events AGE     whole events received longer ago than this go (default 30d)\n"
			    "  -n, --dry-run    say what would go; change nothing\n"
			    "  -j, --journal FILE   -v, --verbose   -q, --quiet   -h, --help   -V, --version\n"
			    "\n"
			    "AGE is a duration such as 90s, 15m, 2h, 7d. What is still to be delivered stays.\n";

enum { OPTION_PAYLOADS = 256, OPTION_EVENTS };
static const struct option own[] = {{"payloads", required_argument, NULL, OPTION_PAYLOADS},
				    {"events", required_argument, NULL, OPTION_EVENTS},
				    {"dry-run", no_argument, NULL, 'n'},
				    {NULL, 0, NULL, 0}};

/* On standard error, and only where somebody is looking. */
static void show_progress(const struct journal_prune *done, void *context)
{
	(void)context;
	fprintf(stderr, "\revt-prune: %" PRId64 " payloads, %" PRId64 " events ", done->payloads, done->events);
}

static void report(const struct journal_prune *prune)
{
	printf("%s %" PRId64 " payloads and %" PRId64 " events", prune->dry_run ? "would remove" : "removed",
	       prune->payloads, prune->events);
	if (!prune->dry_run)
		printf("; %" PRId64 " bytes given back", prune->bytes);
	if (prune->kept_open)
		printf("; %" PRId64 " old payloads kept: still to be delivered", prune->kept_open);
	putchar('\n');
}

static int prune(const char *path, struct journal_prune *work, bool quiet)
{
	struct diag d;
	struct journal *j = journal_open(path, JOURNAL_EXISTING, &d);
	if (!j)
		return diag_report(&d);
	bool watched = !quiet && isatty(STDERR_FILENO);
	work->progress = watched ? show_progress : NULL;
	int result = journal_prune(j, work, &d);
	journal_close(j);
	if (watched)
		fputs("\r\033[K", stderr);
	if (result < 0)
		return diag_report(&d);
	if (!quiet)
		report(work);
	if (fflush(stdout) != 0) {
		diag_error("standard output: cannot write");
		return DIAG_IO;
	}
	if (work->dry_run || work->erased)
		return DIAG_OK;
	diag_error(
	    "not yet erased: a reader keeps old pages in the write-ahead log; run evt-prune again when it has ended");
	return DIAG_TRY_AGAIN;
}

int main(int argc, char **argv)
{
	struct options o;
	struct journal_prune work = {0};
	int64_t payloads_ms = 7 * CLOCK_DAY, events_ms = 30 * CLOCK_DAY;
	options_open(&o, "evt-prune", usage, "n", own, argc, argv);
	for (int c; (c = options_next(&o)) != OPTIONS_END;) {
		if (c == 'n')
			work.dry_run = true;
		else if (clock_parse_span(slice_of(optarg), c == OPTION_EVENTS ? &events_ms : &payloads_ms) < 0)
			options_wrong(&o, "--%s %s: expected a duration such as 7d",
				      c == OPTION_EVENTS ? "events" : "payloads", optarg);
	}
	if (!options_ready(&o, 0))
		return options_close(&o);
	int64_t now = clock_now();
	work.events_before = now - events_ms;
	work.payloads_before = now - (payloads_ms < events_ms ? payloads_ms : events_ms);
	int code = prune(o.journal, &work, o.verbosity < 0);
	options_close(&o);
	return code;
}
