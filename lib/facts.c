/* SPDX-License-Identifier: MIT */
#include "facts.h"

#include <stdlib.h>

enum { TROUBLES = 200 };

/* A copy that lives as long as the facts. */
static struct slice keep(struct facts *f, struct slice text)
{
	if (!text.ptr)
		return SLICE_NONE;
	char **grown = realloc(f->texts, (f->text_count + 1) * sizeof *grown);
	char *copy = malloc(text.len + 1);
	if (grown)
		f->texts = grown;
	if (!grown || !copy) {
		free(copy);
		f->failed = true;
		return SLICE_NONE;
	}
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	grown[f->text_count++] = copy;
	return (struct slice){copy, text.len};
}

/* The destination of that name, a new one when there is none yet; NULL when memory ran out. */
static struct facts_destination *destination(struct facts *f, struct slice name)
{
	for (size_t i = 0; i < f->destination_count; i++)
		if (!f->destinations[i].name.ptr == !name.ptr && slice_equal(f->destinations[i].name, name))
			return &f->destinations[i];
	struct facts_destination *grown = realloc(f->destinations, (f->destination_count + 1) * sizeof *grown);
	if (!grown) {
		f->failed = true;
		return NULL;
	}
	f->destinations = grown;
	struct facts_destination *added = &grown[f->destination_count++];
	*added = (struct facts_destination){.name = keep(f, name)};
	return added;
}

static bool take_course(const struct journal_course *course, void *context)
{
	struct facts *f = context;
	struct facts_destination *to = destination(f, course->destination);
	if (to) {
		to->course = *course;
		to->course.destination = to->name;
	}
	return to;
}

static bool take_backlog(const struct journal_backlog *backlog, void *context)
{
	struct facts *f = context;
	struct facts_destination *to = destination(f, backlog->destination);
	if (to) {
		to->backlog = *backlog;
		to->backlog.destination = to->name;
		to->backlog.processing_id = keep(f, backlog->processing_id);
		to->backlog.lapsed_id = keep(f, backlog->lapsed_id);
	}
	return to;
}

static bool take_health(const struct journal_health *health, void *context)
{
	struct facts *f = context;
	struct facts_destination *to = destination(f, health->name);
	if (to) {
		to->health = *health;
		to->health.name = to->name;
	}
	return to;
}

static bool take_trouble(const struct journal_trouble *trouble, void *context)
{
	struct facts *f = context;
	struct journal_trouble *grown = realloc(f->troubles, (f->trouble_count + 1) * sizeof *grown);
	if (!grown) {
		f->failed = true;
		return false;
	}
	f->troubles = grown;
	struct journal_trouble *kept = &grown[f->trouble_count++];
	*kept = *trouble;
	kept->destination = keep(f, trouble->destination);
	kept->code = keep(f, trouble->code);
	kept->error = keep(f, trouble->error);
	kept->first_id = keep(f, trouble->first_id);
	kept->last_id = keep(f, trouble->last_id);
	return true;
}

static bool take_arrival(const struct journal_arrival *arrival, void *context)
{
	struct facts *f = context;
	struct journal_arrival *grown = realloc(f->arrivals, (f->arrival_count + 1) * sizeof *grown);
	if (!grown) {
		f->failed = true;
		return false;
	}
	f->arrivals = grown;
	struct journal_arrival *kept = &grown[f->arrival_count++];
	*kept = *arrival;
	kept->source = keep(f, arrival->source);
	return true;
}

static bool take_refusal(const struct journal_refusal *refusal, void *context)
{
	((struct facts *)context)->refused += refusal->count;
	return true;
}

int facts_gather(struct facts *f, struct journal *j, int64_t now, struct diag *d)
{
	*f = (struct facts){.now = now};
	struct journal_filter troubled = {.changed_since = now - FACTS_SPAN_MS};
	struct journal_filter recent = {.since = now - now % CLOCK_HOUR - 23 * CLOCK_HOUR};
	if (journal_tally(j, &recent, &f->tally, d) < 0 || journal_courses(j, now, take_course, f, d) < 0 ||
	    journal_troubles(j, &troubled, TROUBLES, take_trouble, f, d) < 0 ||
	    journal_backlogs(j, now, take_backlog, f, d) < 0 || journal_destinations(j, take_health, f, d) < 0 ||
	    journal_arrivals(j, now, FACTS_QUIET_MS, take_arrival, f, d) < 0 ||
	    journal_refusals(j, now - FACTS_QUIET_MS, take_refusal, f, d) < 0 || journal_size(j, &f->size, d) < 0)
		return -1;
	return f->failed ? diag_fail(d, DIAG_IO, "out of memory") : 0;
}

void facts_free(struct facts *f)
{
	for (size_t i = 0; i < f->text_count; i++)
		free(f->texts[i]);
	free(f->texts);
	free(f->destinations);
	free(f->troubles);
	free(f->arrivals);
	*f = (struct facts){.now = 0};
}
