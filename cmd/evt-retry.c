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
#include "plan.h"
#include "resend.h"

static const char usage[] =
    "Usage: evt-retry [-fnqv] [-c DIR] [-j FILE] [-d DEST] [--limit N]\n"
    "       evt-retry [-nqv] [-c DIR] [-j FILE] [-d DEST] ID...\n"
    "       evt-retry [-nqv] [-c DIR] [-j FILE] --failed [FILTERS]\n"
    "       evt-retry [-nqv] [-c DIR] [-j FILE] -d DEST --delivered [FILTERS]\n"
    "       evt-retry [-nqv] [-c DIR] [-j FILE] [-d DEST] --give-up REASON [--failed] ID...|FILTERS\n"
    "Claims the deliveries that are due and prints their lines, for evt-transform and evt-deliver.\n"
    "With ids, --failed or --delivered, reopens those and prints theirs.\n"
    "\n"
    "  -d, --destination DEST   only to this destination; with ids: send there, even what was delivered or skipped\n"
    "  -f, --follow     stay, and wait for what is next due\n"
    "  -n, --dry-run    print the plan and change nothing\n"
    "  --failed         all failed deliveries that the filters let through\n"
    "  --delivered      all delivered ones: they are sent again\n"
    "  --give-up REASON ends those that are received or retrying as failed; those that have failed hold no others then\n"
    "  --since TIME --until TIME --type GLOB --source NAME --subject TEXT --error TEXT --limit N\n"
    "  -c, --config DIR   -j, --journal FILE   -v, --verbose   -q, --quiet   -h, --help   -V, --version\n";

enum { OPTION_FAILED = FILTER_END, OPTION_DELIVERED, OPTION_GIVE_UP };
static const struct option own[] = {{"follow", no_argument, NULL, 'f'},
				    {"dry-run", no_argument, NULL, 'n'},
				    {"failed", no_argument, NULL, OPTION_FAILED},
				    {"delivered", no_argument, NULL, OPTION_DELIVERED},
				    {"give-up", required_argument, NULL, OPTION_GIVE_UP},
				    {NULL, 0, NULL, 0}};

enum mode { DUE, IDS, FAILED, DELIVERED, GIVE_UP };

struct retry {
	enum mode mode;
	bool failed; /* --failed */
	struct journal_filter filter;
	bool follow, dry_run;
	struct slice reason; /* for giving up */
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

static int print_plan(struct retry *r, struct diag *d)
{
	bool any;
	if (r->mode == DUE)
		r->filter.due_by = clock_now();
	if (plan_print(r->journal, &r->filter, &any, d) < 0)
		return diag_report(d);
	return any || r->mode == DUE ? DIAG_OK : DIAG_NO;
}

/* Deliveries to a destination that has no usable file stay where they are; somebody must hear of it. */
static bool tell_stranded(const struct journal_health *health, void *context)
{
	struct retry *r = context;
	bool asked_for = !r->filter.destination.ptr || slice_equal(r->filter.destination, health->name);
	if (!asked_for || !health->waiting || dests_find(&r->dests, health->name))
		return true;
	diag_error("%.*s: %" PRId64 " deliveries wait for it, but it has no usable file in destinations/; "
		   "if it is gone for good: evt-retry --give-up REASON -d %.*s",
		   (int)health->name.len, health->name.ptr, health->waiting, (int)health->name.len, health->name.ptr);
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

static int handle_named(struct retry *r, const struct feed *f, struct diag *d)
{
	struct resend resend = {.filter = &r->filter};
	struct resend_result result;
	if (r->mode == IDS || r->mode == DELIVERED) /* a destination that is named is where they go */
		resend.to = r->filter.destination;
	if (r->mode == IDS)
		r->filter.destination = SLICE_NONE;
	int status = r->mode == GIVE_UP ? resend_give_up(&resend, r->journal, r->reason, &result, d)
					: resend_run(&resend, f, &result, d);
	if (status < 0)
		return diag_report(d);
	if (result.matched == 0)
		diag_error("nothing matches");
	return result.matched && !result.refused ? DIAG_OK : DIAG_NO;
}

static int run(struct retry *r, const char *config, const char *journal)
{
	struct diag d;
	if (dests_load(&r->dests, config, &d) < 0)
		return diag_report(&d);
	/* Those to a destination that is no more can be looked at and given up all the same. */
	bool hands_out = !r->dry_run && r->mode != GIVE_UP;
	if (hands_out && r->filter.destination.ptr && !dests_find(&r->dests, r->filter.destination)) {
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
	int code = r->dry_run       ? print_plan(r, &d)
		   : r->mode == DUE ? feed_due(r, &feed, &d)
				    : handle_named(r, &feed, &d);
	journal_close(r->journal);
	return code;
}

static void set_mode(struct options *o, struct retry *r, enum mode mode)
{
	if (r->mode != DUE && r->mode != mode)
		options_wrong(o, "--delivered and --give-up exclude each other");
	r->mode = mode;
}

/* Options that mean nothing together are refused rather than passed over. */
static void check_usage(struct options *o, struct retry *r)
{
	const struct journal_filter *f = &r->filter;
	bool filtered = f->since || f->until || f->type.ptr || f->source.ptr || f->subject.ptr || f->error.ptr;
	if (r->failed && r->mode == DUE)
		r->mode = FAILED;
	if (f->id_count && r->mode == DUE)
		r->mode = IDS;
	if (f->id_count && (r->failed || r->mode == DELIVERED))
		options_wrong(o, "give ids, or --failed or --delivered, not both");
	if (r->failed && r->mode == DELIVERED)
		options_wrong(o, "--delivered excludes --failed");
	if (r->mode == GIVE_UP && !f->id_count && !filtered && !f->destination.ptr)
		options_wrong(o, "--give-up: which? give ids, or filters");
	if (r->mode == DELIVERED && !f->destination.ptr)
		options_wrong(o, "--delivered sends again what has arrived: say where to with -d");
	if (r->follow && r->mode != DUE)
		options_wrong(o, "-f waits for what is due: it goes with nothing that is named");
	if (f->statuses)
		options_wrong(o, "--status is evt-status's: failed ones are named with --failed");
	if (r->mode == DUE && filtered)
		options_wrong(o, "filters go with ids, --failed, --delivered or --give-up");
	static const unsigned statuses[] = {[FAILED] = 1u << JOURNAL_FAILED,
					    [DELIVERED] = 1u << JOURNAL_DELIVERED,
					    [GIVE_UP] = 1u << JOURNAL_RECEIVED | 1u << JOURNAL_RETRYING};
	/* What is named by its id is told about, whatever it is. */
	r->filter.statuses = f->id_count ? 0 : statuses[r->failed ? FAILED : r->mode];
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
		if (c == OPTION_DELIVERED)
			set_mode(&o, &r, DELIVERED);
		if (c == OPTION_GIVE_UP) {
			set_mode(&o, &r, GIVE_UP);
			r.reason = slice_of(optarg);
		}
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
