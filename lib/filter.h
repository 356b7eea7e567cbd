/* SPDX-License-Identifier: MIT */
/* filter: the options that say which deliveries are meant, the same for every command that has them: --since --until
 * --status --type --source --destination (-d) --subject --error --limit. A command adds them to its own:
 *
 *   options_open(&o, "evt-status", usage, "d:", own, argc, argv);
 *   options_add(&o, filter_options);
 *   for (int c; (c = options_next(&o)) != OPTIONS_END;)
 *           if (filter_take(&filter, c, optarg, now, &d) < 0)
 *                   options_wrong(&o, "%s", d.text);
 */
#ifndef EVT_FILTER_H
#define EVT_FILTER_H

#include <getopt.h>

#include "journal.h"

/* What options_next returns for them; --destination is 'd'. A command's own long forms begin at FILTER_END. */
enum filter_option {
	FILTER_SINCE = 256,
	FILTER_UNTIL,
	FILTER_STATUS,
	FILTER_TYPE,
	FILTER_SOURCE,
	FILTER_SUBJECT,
	FILTER_ERROR,
	FILTER_LIMIT,
	FILTER_END,
};

extern const struct option filter_options[];

/* Takes one option's value, which the filter then borrows, into `f`; `now` is what spans such as 2h count back from.
 * --status may be given several times, of the others the last counts. 1 when it was one of filter_options, 0 when not, -1
 * with DIAG_USAGE, naming the option, the value and what is accepted. */
int filter_take(struct journal_filter *f, int option, const char *value, int64_t now, struct diag *d);

/* Makes the operands, event ids, part of `f`. New, to be freed by the caller when `f` is done with; NULL with DIAG_USAGE
 * when one cannot be an id. */
struct slice *filter_take_ids(struct journal_filter *f, char **operands, int count, struct diag *d);

/* Which of the ids were found: `found` has a place for each. The second tells those that were not, and counts them. */
void filter_mark_found(const struct journal_filter *f, bool *found, struct slice id);
int64_t filter_tell_missing(const struct journal_filter *f, const bool *found, void (*missing)(struct slice id));

/* A place in the history: the row behind which the next page begins, as text. Taking one: 0, or -1 when it is none. */
void filter_add_after(struct buf *b, struct journal_key key);
int filter_take_after(struct journal_filter *f, const char *text);

#endif
