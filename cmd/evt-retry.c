/* SPDX-License-Identifier: MIT */
/* evt-retry: what is due, or what somebody names, goes to a pipeline. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "choice.h"
#include "clock.h"
#include "diag.h"
#include "feed.h"
#include "options.h"
#include "plan.h"
#include "resend.h"
#include "stop.h"

static const char usage[] =
    "usage: evt-retry [-fnqv] [-c DIR] [-j FILE] [-d DEST] [--limit N]\n"
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

struct retry {
	struct choice choice;
	struct dests dests;
	struct journal *journal;
};

/* Deliveries to a destination that has no usable file stay where they are; somebody must hear of it. */
static bool tell_stranded(const struct journal_health *health, void *context)
{
	struct retry *r = context;
	bool asked_for = !r->choice.filter.destination.ptr || slice_equal(r->choice.filter.destination, health->name);
	if (!asked_for || !health->waiting || dests_find(&r->dests, health->name))
		return true;
	diag_error("%.*s: %" PRId64 " deliveries wait for it, but it has no usable file in destinations/; "
		   "if it is gone for good: evt-retry --give-up REASON -d %.*s",
		   (int)health->name.len, health->name.ptr, health->waiting, (int)health->name.len, health->name.ptr);
	r->dests.broken++;
	return true;
}

/* What the plan counts, for it is due, but a run would not hand out now. */
static bool tell_held(const struct journal_health *health, void *context)
{
	struct retry *r = context;
	const struct dest *dest = dests_find(&r->dests, health->name);
	struct slice only = r->choice.filter.destination;
	char until[CLOCK_TEXT_SIZE];
	if (!dest)
		return tell_stranded(health, context);
	if (!health->waiting || (only.ptr && !slice_equal(only, health->name)))
		return true;
	if (dest->program && !only.ptr)
		diag_notice("%s: handed out to its program alone: evt-retry -d %s", dest->name, dest->name);
	else if (health->open_until > clock_now())
		diag_notice("%s: its breaker is open until %s", dest->name, clock_format(health->open_until, until));
	return true;
}

/* What is said of those that were named. */
static int answer(const struct retry *r, int64_t matched, int64_t refused)
{
	if (!matched && !r->choice.filter.id_count) /* ids have been told one by one */
		diag_error("nothing matches");
	return matched && !refused ? DIAG_OK : DIAG_NO;
}

static int print_plan(struct retry *r, struct diag *d)
{
	struct plan_result result;
	if (r->choice.mode == CHOICE_DUE)
		r->choice.filter.due_by = clock_now();
	if (plan_print(r->journal, &r->choice, &result, d) < 0)
		return diag_report(d);
	if (r->choice.mode == CHOICE_DUE && journal_destinations(r->journal, tell_held, r, d) < 0)
		return diag_report(d);
	if (r->choice.mode == CHOICE_DUE)
		return r->dests.broken ? DIAG_CONFIG : DIAG_OK;
	return answer(r, result.matched, result.refused);
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
	struct resend resend = {.filter = &r->choice.filter};
	struct resend_result result;
	if (r->choice.mode == CHOICE_IDS ||
	    r->choice.mode == CHOICE_DELIVERED) /* a destination that is named is where they go */
		resend.to = r->choice.filter.destination;
	if (r->choice.mode == CHOICE_IDS)
		r->choice.filter.destination = SLICE_NONE;
	int status = r->choice.mode == CHOICE_GIVE_UP
			 ? resend_give_up(&resend, r->journal, r->choice.reason, &result, d)
			 : resend_run(&resend, f, &result, d);
	if (status < 0)
		return diag_report(d);
	return answer(r, result.matched, result.refused);
}

static int run(struct retry *r, const char *config, const char *journal)
{
	struct diag d;
	signal(SIGPIPE, SIG_IGN);
	int signals = stop_pipe();
	if (signals < 0) {
		diag_error("cannot catch signals");
		return DIAG_UNAVAILABLE;
	}
	if (dests_load(&r->dests, config, &d) < 0)
		return diag_report(&d);
	/* Those to a destination that is no more can be looked at and given up all the same. */
	bool hands_out = !r->choice.dry_run && r->choice.mode != CHOICE_GIVE_UP;
	if (hands_out && r->choice.filter.destination.ptr && !dests_find(&r->dests, r->choice.filter.destination)) {
		diag_error("%.*s: no usable file in %s/destinations", (int)r->choice.filter.destination.len,
			   r->choice.filter.destination.ptr, config);
		return DIAG_CONFIG;
	}
	r->journal = journal_open(journal, r->choice.dry_run ? JOURNAL_READ : JOURNAL_EXISTING, &d);
	if (!r->journal)
		return diag_report(&d);
	const struct feed feed = {.journal = r->journal,
				  .dests = &r->dests,
				  .only = r->choice.filter.destination,
				  .out = STDOUT_FILENO,
				  .stay = r->choice.follow,
				  .wake = -1,
				  .signals = signals,
				  .limit = r->choice.filter.limit};
	int64_t missing = choice_tell_missing(&r->choice, r->journal, &d);
	int code = missing < 0                    ? diag_report(&d)
		   : r->choice.dry_run            ? print_plan(r, &d)
		   : r->choice.mode == CHOICE_DUE ? feed_due(r, &feed, &d)
						  : handle_named(r, &feed, &d);
	journal_close(r->journal);
	return missing > 0 && code == DIAG_OK ? DIAG_NO : code;
}

int main(int argc, char **argv)
{
	struct options o;
	struct retry r = {.choice = {.mode = CHOICE_DUE}};
	struct diag d;
	struct slice *ids = NULL;
	options_open(&o, "evt-retry", usage, "d:fn", choice_options, argc, argv);
	options_add(&o, filter_options);
	for (int c; (c = options_next(&o)) != OPTIONS_END;)
		if (choice_take(&r.choice, c, optarg, clock_now(), &d) < 0)
			options_wrong(&o, "%s", d.text);
	if (options_ready(&o, -1)) {
		ids = filter_take_ids(&r.choice.filter, o.operands, o.operand_count, &d);
		if (!ids || choice_settle(&r.choice, &d) < 0)
			options_wrong(&o, "%s", d.text);
	}
	if (!o.ended)
		o.exit_code = run(&r, o.config, o.journal);
	dests_free(&r.dests);
	free(ids);
	return options_close(&o);
}
