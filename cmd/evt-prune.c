/* SPDX-License-Identifier: MIT */
/* evt-prune: payloads go after 7 days, everything after 30; and one source record at once, when somebody asks to be forgotten. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "diag.h"
#include "journal.h"
#include "options.h"
#include "receipt.h"
#include "retention.h"

static const char usage[] = "usage: evt-prune [-nqv] [-c DIR] [-j FILE] [--payloads AGE] [--events AGE]\n"
			    "       evt-prune [-nqv] [-j FILE] --subject RECORD [--source NAME]\n"
			    "Removes old payloads, and later what is left of their events, from the journal.\n"
			    "\n"
			    "  --payloads AGE   payloads received longer ago than this go (default 7d)\n"
			    "  --events AGE     whole events received longer ago than this go (default 30d)\n"
			    "  --subject RECORD erase what there is of this source record, whatever its age,\n"
			    "                   and print a receipt\n"
			    "  --source NAME    the source that it is a record of\n"
			    "  -n, --dry-run    say what would go; change nothing\n"
			    "  -c, --config DIR   -j, --journal FILE   -v, --verbose   -q, --quiet   -h, --help   "
			    "-V, --version\n"
			    "\n"
			    "AGE is a duration such as 90s, 15m, 2h, 7d. What is still to be delivered stays.\n"
			    "prune.json in the configuration folder may have other ages than 7d and 30d.\n";

enum { OPTION_PAYLOADS = 256, OPTION_EVENTS, OPTION_SUBJECT, OPTION_SOURCE };
static const struct option own[] = {{"payloads", required_argument, NULL, OPTION_PAYLOADS},
				    {"events", required_argument, NULL, OPTION_EVENTS},
				    {"subject", required_argument, NULL, OPTION_SUBJECT},
				    {"source", required_argument, NULL, OPTION_SOURCE},
				    {"dry-run", no_argument, NULL, 'n'},
				    {NULL, 0, NULL, 0}};

struct asked {
	struct retention instead; /* of what prune.json says; -1: not said */
	const char *subject, *source;
	bool dry_run, quiet;
};

/* ---- what is told ---- */

static void show_progress(const char *doing, double share, void *context)
{
	static const char full[] = "########################";
	int cells = (int)(share * (sizeof full - 1));
	(void)context;
	fprintf(stderr, "\revt-prune: %-20s [%-24.*s] %3d %%", doing, cells, full, (int)(share * 100));
}

/* On standard error, and only where somebody is looking. */
static struct journal_progress watch(const struct asked *asked)
{
	bool watched = !asked->quiet && isatty(STDERR_FILENO);
	return (struct journal_progress){.tell = watched ? show_progress : NULL};
}

static void end_progress(const struct journal_progress *progress)
{
	if (progress->tell)
		fputs("\r\033[K", stderr);
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

/* What was printed must have arrived; what was deleted must be gone. */
static int conclude(bool erased)
{
	if (fflush(stdout) != 0) {
		diag_error("standard output: %s", strerror(errno));
		return DIAG_IO;
	}
	if (erased)
		return DIAG_OK;
	diag_error("not yet erased: a reader keeps old pages in the write-ahead log; run it again when it has ended");
	return DIAG_TRY_AGAIN;
}

/* ---- by age ---- */

static int prune(const struct options *o, const struct asked *asked, struct journal *j)
{
	struct diag d;
	struct retention kept;
	if (retention_load(&kept, o->config, &asked->instead, &d) < 0)
		return diag_report(&d);
	retention_warn(o->config, kept.payloads_ms);
	int64_t now = clock_now();
	struct journal_prune work = {.payloads_before = now - kept.payloads_ms,
				     .events_before = now - kept.events_ms,
				     .dry_run = asked->dry_run,
				     .progress = watch(asked)};
	int result = journal_prune(j, &work, &d);
	end_progress(&work.progress);
	if (result < 0)
		return diag_report(&d);
	if (!asked->quiet)
		report(&work);
	return conclude(work.dry_run || work.erased);
}

/* ---- one source record ---- */

static void add_receipt(const struct journal_forgotten *event, void *context)
{
	struct buf b = BUF_INIT;
	receipt_add_event(&b, event, ((const struct asked *)context)->dry_run);
	fwrite(buf_slice(&b).ptr, 1, b.len, stdout);
	buf_free(&b);
}

static int forget(const struct options *o, struct asked *asked, struct journal *j)
{
	struct diag d;
	struct buf end = BUF_INIT;
	struct journal_forget work = {.source = slice_of(asked->source),
				      .subject = slice_of(asked->subject),
				      .dry_run = asked->dry_run,
				      .each = add_receipt,
				      .context = asked,
				      .progress = watch(asked)};
	int result = journal_forget(j, &work, &d);
	end_progress(&work.progress);
	int code = result < 0 ? diag_report(&d) : DIAG_OK;
	bool found = work.events || work.in_flight || work.records;
	if (code == DIAG_OK && found) {
		receipt_add_end(&end, &work, o->journal, clock_now());
		fwrite(buf_slice(&end).ptr, 1, end.len, stdout);
	}
	buf_free(&end);
	buf_free(&work.known_source);
	if (code == DIAG_OK)
		code = conclude(work.dry_run || work.erased);
	if (code == DIAG_OK && work.in_flight) {
		diag_error("%" PRId64 " events are being sent at this moment: run it again when that has ended",
			   work.in_flight);
		return DIAG_TRY_AGAIN;
	}
	if (code == DIAG_OK && !found) {
		diag_error("the journal holds nothing of %s%s%s", asked->source ? asked->source : "",
			   asked->source ? ", record " : "record ", asked->subject);
		return DIAG_NO;
	}
	return code;
}

/* ---- */

static void take_options(struct options *o, struct asked *asked)
{
	for (int c; (c = options_next(o)) != OPTIONS_END;) {
		if (c == 'n')
			asked->dry_run = true;
		else if (c == OPTION_SUBJECT)
			asked->subject = optarg;
		else if (c == OPTION_SOURCE)
			asked->source = optarg;
		else if (clock_parse_span(slice_of(optarg), c == OPTION_EVENTS ? &asked->instead.events_ms
									       : &asked->instead.payloads_ms) < 0)
			options_wrong(o, "--%s %s: expected a duration such as 7d",
				      c == OPTION_EVENTS ? "events" : "payloads", optarg);
	}
	if (asked->subject && (asked->instead.payloads_ms >= 0 || asked->instead.events_ms >= 0))
		options_wrong(o, "--subject erases whatever the age: without --payloads and --events");
	if (asked->source && !asked->subject)
		options_wrong(o, "--source NAME goes with --subject RECORD");
}

int main(int argc, char **argv)
{
	struct options o;
	struct diag d;
	struct asked asked = {.instead = {.payloads_ms = -1, .events_ms = -1}};
	options_open(&o, "evt-prune", usage, "n", own, argc, argv);
	take_options(&o, &asked);
	if (!options_ready(&o, 0))
		return options_close(&o);
	asked.quiet = o.verbosity < 0;
	struct journal *j = journal_open(o.journal, JOURNAL_EXISTING, &d);
	int code = !j ? diag_report(&d) : asked.subject ? forget(&o, &asked, j) : prune(&o, &asked, j);
	journal_close(j);
	options_close(&o);
	return code;
}
