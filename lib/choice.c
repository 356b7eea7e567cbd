/* SPDX-License-Identifier: MIT */
#include "choice.h"

#include <stdlib.h>

const struct option choice_options[] = {{"follow", no_argument, NULL, 'f'},
					{"dry-run", no_argument, NULL, 'n'},
					{"failed", no_argument, NULL, CHOICE_FAILED_OPTION},
					{"delivered", no_argument, NULL, CHOICE_DELIVERED_OPTION},
					{"give-up", required_argument, NULL, CHOICE_GIVE_UP_OPTION},
					{NULL, 0, NULL, 0}};

int choice_take(struct choice *c, int option, const char *value, int64_t now, struct diag *d)
{
	switch (option) {
	case 'f':
		c->follow = true;
		return 1;
	case 'n':
		c->dry_run = true;
		return 1;
	case CHOICE_FAILED_OPTION:
		c->failed = true;
		return 1;
	case CHOICE_DELIVERED_OPTION:
		c->delivered = true;
		return 1;
	case CHOICE_GIVE_UP_OPTION:
		c->reason = slice_of(value);
		return 1;
	default:
		return filter_take(&c->filter, option, value, now, d);
	}
}

/* NULL, or why the options mean nothing together. */
static const char *find_fault(const struct choice *c)
{
	static const unsigned failed = 1u << JOURNAL_FAILED;
	const struct journal_filter *f = &c->filter;
	bool filtered = f->since || f->until || f->type.ptr || f->source.ptr || f->subject.ptr || f->error.ptr;
	if (c->delivered && (c->failed || c->reason.ptr))
		return "--delivered goes with neither --failed nor --give-up";
	if (f->id_count && (c->failed || c->delivered))
		return "give ids, or --failed or --delivered, not both";
	if (c->mode == CHOICE_GIVE_UP && !f->id_count && !filtered && !f->destination.ptr)
		return "--give-up: which? give ids, or filters";
	if (c->mode == CHOICE_DELIVERED && !f->destination.ptr)
		return "--delivered sends again what has arrived: say where to with -d";
	if (c->mode != CHOICE_DUE && c->follow)
		return "-f waits for what is due: it goes with nothing that is named";
	if (c->mode == CHOICE_DUE && filtered)
		return "filters go with ids, --failed, --delivered or --give-up";
	if (f->statuses && !(c->failed && f->statuses == failed))
		return "--status: only failed, with --failed; delivered ones are named with --delivered";
	return NULL;
}

int choice_settle(struct choice *c, struct diag *d)
{
	static const unsigned failed = 1u << JOURNAL_FAILED, delivered = 1u << JOURNAL_DELIVERED,
			      waiting = 1u << JOURNAL_RECEIVED | 1u << JOURNAL_RETRYING;
	bool named = c->filter.id_count;
	c->mode = c->reason.ptr  ? CHOICE_GIVE_UP
		  : c->failed    ? CHOICE_FAILED
		  : c->delivered ? CHOICE_DELIVERED
		  : named        ? CHOICE_IDS
				 : CHOICE_DUE;
	const char *fault = find_fault(c);
	if (fault)
		return diag_fail(d, DIAG_USAGE, "%s", fault);
	/* What is named by its id is told about, whatever it is. */
	if (!named && c->mode != CHOICE_DUE)
		c->filter.statuses = c->failed ? failed : c->delivered ? delivered : waiting;
	return 0;
}

/* ---- ids that nothing answers to ---- */

struct search {
	struct journal_filter filter;
	bool *found; /* for each of its ids */
};

static bool note_found(const struct journal_row *row, void *context)
{
	struct search *s = context;
	filter_mark_found(&s->filter, s->found, row->id);
	return true;
}

static void say_missing(struct slice id)
{
	diag_error("%.*s: nothing matches", (int)id.len, id.ptr);
}

int64_t choice_tell_missing(const struct choice *c, struct journal *j, struct diag *d)
{
	if (!c->filter.id_count)
		return 0;
	struct search s = {.filter = c->filter, .found = calloc(c->filter.id_count, sizeof *s.found)};
	s.filter.limit = 0;
	if (c->mode == CHOICE_IDS) /* where they go, not where they have been */
		s.filter.destination = SLICE_NONE;
	int64_t missing = -1;
	if (!s.found)
		diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	else if (journal_list(j, &s.filter, note_found, &s, d) == 0)
		missing = filter_tell_missing(&s.filter, s.found, say_missing);
	free(s.found);
	return missing;
}
