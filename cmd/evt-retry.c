/* SPDX-License-Identifier: MIT */
/* evt-retry: what is due, or what somebody names, goes to a pipeline. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "diag.h"
#include "feed.h"
#include "filter.h"
#include "options.h"
#include "resend.h"

static const char usage[] =
    "Usage: evt-retry [-fnqv] [-c DIR] [-j FILE] [-d DEST] [--limit N]\n"
    "       evt-retry [-nqv] [-c DIR] [-j FILE] [-d DEST] ID...\n"
    "       evt-retry [-nqv] [-c DIR] [-j FILE] --failed [FILTERS]\n"
    "Claims the deliveries that are due and prints their lines, for evt-transform and evt-deliver.\n"
    "With ids, or --failed, reopens those and prints theirs.\n"
    "\n"
    "  -d, --destination DEST   only to this destination; with ids: send there, even what was delivered or skipped\n"
    "  -f, --follow     stay, and wait for what is next due\n"
    "  -n, --dry-run    print the plan and change nothing\n"
    "  --failed         all failed deliveries that the filters let through\n"
    "  --since TIME --until TIME --type GLOB --source NAME --subject TEXT --error TEXT --limit N\n"
    "  -c, --config DIR   -j, --journal FILE   -v, --verbose   -q, --quiet   -h, --help   -V, --version\n";

enum { OPTION_FAILED = FILTER_END };
static const struct option own[] = {{"follow", no_argument, NULL, 'f'},
				    {"dry-run", no_argument, NULL, 'n'},
				    {"failed", no_argument, NULL, OPTION_FAILED},
				    {NULL, 0, NULL, 0}};

struct retry {
	struct journal_filter filter;
	bool follow, dry_run, failed;
	struct dests dests;
	struct journal *journal;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = number;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: a blocked write must end */
	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static bool add_group(const struct journal_group *group, void *context)
{
	char oldest[CLOCK_TEXT_SIZE], newest[CLOCK_TEXT_SIZE];
	struct slice destination = group->destination.ptr ? group->destination : SLICE("-");
	struct slice error = group->error.ptr ? group->error : SLICE("-");
	buf_printf(context, "%" PRId64 "\t%.*s\t%s\t%.*s\t%s\t%s\t%" PRId64 "\t%.*s\n", group->count,
		   (int)destination.len, destination.ptr, journal_status_name(group->status), (int)group->type.len,
		   group->type.ptr, clock_format(group->oldest_at, oldest), clock_format(group->newest_at, newest),
		   group->expired, (int)error.len, error.ptr);
	return true;
}

/* What would be claimed or reopened: count, destination, status, type, oldest, newest, of them without payload, error. */
static int print_plan(struct retry *r, bool by_hand, struct diag *d)
{
	struct buf plan = BUF_INIT;
	if (!by_hand)
		r->filter.due_by = clock_now();
	int result = journal_plan(r->journal, &r->filter, add_group, &plan, d);
	bool any = plan.len;
	if (result == 0 && (fwrite(buf_slice(&plan).ptr, 1, plan.len, stdout) != plan.len || fflush(stdout) != 0))
		result = diag_fail(d, DIAG_IO, "standard output: cannot write");
	buf_free(&plan);
	if (result < 0)
		return diag_report(d);
	return any || !by_hand ? DIAG_OK : DIAG_NO;
}

/* Deliveries to a destination that has no usable file stay where they are; somebody must hear of it. */
static bool tell_stranded(const struct journal_health *health, void *context)
{
	struct retry *r = context;
	bool asked_for = !r->filter.destination.ptr || slice_equal(r->filter.destination, health->name);
	if (!asked_for || !health->waiting || dests_find(&r->dests, health->name))
		return true;
	diag_error("%.*s: %" PRId64 " deliveries wait for it, but it has no usable file in destinations/",
		   (int)health->name.len, health->name.ptr, health->waiting);
	r->dests.broken++;
	return true;
}

static int feed_due(struct retry *r, const struct feed *f, struct diag *d)
{
	struct feed_result result;
	if (journal_destinations(r->journal, tell_stranded, r, d) < 0 || feed_run(f, &result, d) < 0)
		return diag_report(d);
	diag_debug("%" PRId64 " lines", result.lines);
	return r->dests.broken ? DIAG_CONFIG : DIAG_OK;
}

static int feed_named(struct retry *r, const struct feed *f, struct diag *d)
{
	struct resend resend = {.filter = &r->filter};
	struct resend_result result;
	if (!r->failed) { /* ids: a destination that is named with them is where they go */
		resend.to = r->filter.destination;
		r->filter.destination = SLICE_NONE;
	}
	if (resend_run(&resend, f, &result, d) < 0)
		return diag_report(d);
	if (result.matched == 0)
		diag_error("nothing matches");
	return result.matched && !result.refused ? DIAG_OK : DIAG_NO;
}

static int run(struct retry *r, const char *config, const char *journal)
{
	struct diag d;
	bool by_hand = r->failed || r->filter.id_count;
	if (dests_load(&r->dests, config, &d) < 0)
		return diag_report(&d);
	if (r->filter.destination.ptr && !dests_find(&r->dests, r->filter.destination)) {
		diag_error("%.*s: no usable file in %s/destinations", (int)r->filter.destination.len,
			   r->filter.destination.ptr, config);
		return DIAG_CONFIG;
	}
	r->journal = journal_open(journal, r->dry_run ? JOURNAL_READ : JOURNAL_EXISTING, &d);
	if (!r->journal)
		return diag_report(&d);
	const struct feed feed = {.journal = r->journal,
				  .dests = &r->dests,
				  .only = r->filter.destination,
				  .out = STDOUT_FILENO,
				  .stay = r->follow,
				  .wake = -1,
				  .limit = r->filter.limit,
				  .stop = &stop};
	int code = r->dry_run ? print_plan(r, by_hand, &d)
		   : by_hand  ? feed_named(r, &feed, &d)
			      : feed_due(r, &feed, &d);
	journal_close(r->journal);
	return code;
}

/* Options that mean nothing together are refused rather than passed over. */
static void check_usage(struct options *o, struct retry *r)
{
	bool ids = r->filter.id_count, by_hand = ids || r->failed;
	const struct journal_filter *f = &r->filter;
	if (ids && r->failed)
		options_wrong(o, "give ids or --failed, not both");
	if (r->follow && by_hand)
		options_wrong(o, "-f waits for what is due: it goes with neither ids nor --failed");
	if (f->statuses)
		options_wrong(o, "--status is evt-status's: failed ones are named with --failed");
	if (!by_hand && (f->since || f->until || f->type.ptr || f->source.ptr || f->subject.ptr || f->error.ptr))
		options_wrong(o, "filters go with ids or --failed");
	if (r->failed)
		r->filter.statuses = 1u << JOURNAL_FAILED;
}

int main(int argc, char **argv)
{
	struct options o;
	struct retry r = {0};
	struct diag d;
	struct slice *ids = NULL;
	options_open(&o, "evt-retry", usage, "d:fn", own, argc, argv);
	options_add(&o, filter_options);
	for (int c; (c = options_next(&o)) != OPTIONS_END;) {
		int taken = filter_take(&r.filter, c, optarg, clock_now(), &d);
		if (taken < 0)
			options_wrong(&o, "%s", d.text);
		r.follow |= c == 'f';
		r.dry_run |= c == 'n';
		r.failed |= c == OPTION_FAILED;
	}
	if (options_ready(&o, -1)) {
		ids = filter_take_ids(&r.filter, o.operands, o.operand_count, &d);
		if (!ids)
			options_wrong(&o, "%s", d.text);
		check_usage(&o, &r);
		if (!o.ended) {
			catch_signals();
			o.exit_code = run(&r, o.config, o.journal);
		}
	}
	dests_free(&r.dests);
	free(ids);
	return options_close(&o);
}
