/* SPDX-License-Identifier: MIT */
#include "transform.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "body.h"
#include "failures.h"
#include "lines.h"
#include "mapping.h"
#include "maps.h"

enum { OUTPUT_PENDING = 64 * 1024 };

struct run {
	const struct transform_options *options;
	struct transform_report *report;
	struct lines lines;
	struct event_parser parser;
	struct maps maps;
	struct mapping mapping;
	struct body_room room;
	struct jtext check;
	struct buf output, id, subject, part, line; /* the last four of a part of an event */
	struct event_parser part_parser;
	struct failures failures;
};

/* ---- output ---- */

/* Another program may have made the open file non-blocking. */
static bool wait_for_output(int fd)
{
	struct pollfd output = {.fd = fd, .events = POLLOUT};
	return poll(&output, 1, -1) >= 0 || errno == EINTR;
}

static int flush(struct run *r, struct diag *d)
{
	size_t done = 0;
	while (done < r->output.len && !r->report->reader_gone) {
		ssize_t wrote = write(r->options->output, r->output.data + done, r->output.len - done);
		if (wrote >= 0)
			done += (size_t)wrote;
		else if (errno == EPIPE)
			r->report->reader_gone = true;
		else if (errno != EINTR && !(errno == EAGAIN && wait_for_output(r->options->output)))
			return diag_errno(d, DIAG_IO, errno, "standard output");
	}
	buf_clear(&r->output);
	return 0;
}

/* ---- lines that go no further ---- */

static void refuse_line(struct run *r, const char *why)
{
	diag_error("line %llu: %s", (unsigned long long)r->lines.number, why);
	r->report->refused++;
}

static void tell_failure(uint64_t line, const struct event *e, const char *why)
{
	enum { SHOWN = 100 };
	diag_notice("line %llu: %.*s: %s", (unsigned long long)line, (int)(e->id.len < SHOWN ? e->id.len : SHOWN),
		    e->id.ptr, why);
}

static void tell_unjournaled(struct run *r, uint64_t line, const struct event *e, const char *why, const char *but)
{
	enum { SHOWN = 100 };
	diag_error("line %llu: %.*s: %s%s", (unsigned long long)line, (int)(e->id.len < SHOWN ? e->id.len : SHOWN),
		   e->id.ptr, why, but);
	r->report->unjournaled++;
}

static void tell_recorded(const struct failure *failure, void *context)
{
	struct run *r = context;
	if (failure->answer == JOURNAL_STARTED)
		tell_failure(failure->line, &failure->event, failure->why.data);
	else if (failure->answer == JOURNAL_STALE)
		tell_unjournaled(r, failure->line, &failure->event, failure->why.data,
				 " (not recorded: it has been claimed anew since, or has ended)");
	else
		tell_unjournaled(r, failure->line, &failure->event, failure->why.data,
				 " (not recorded: a duplicate of what the journal has)");
}

/* What has been made goes first: nobody waits for the journal who need not. */
static int record_failures(struct run *r, struct diag *d)
{
	return flush(r, d) < 0 ? -1 : failures_commit(&r->failures, tell_recorded, r, d);
}

static int fail_line(struct run *r, const struct event *e, const char *why, struct diag *d)
{
	r->report->failed++;
	if (r->options->journal && e->destination.ptr) {
		int full = failures_add(&r->failures, e, r->lines.number, why, d);
		return full > 0 ? record_failures(r, d) : full;
	}
	tell_unjournaled(r, r->lines.number, e, why,
			 r->options->journal ? " (not recorded: it has no evtdestination)" : "");
	return 0;
}

/* ---- lines that go on ---- */

static void pass_line(struct run *r, struct slice line)
{
	r->report->passed++;
	if (r->options->explain)
		return;
	buf_add_slice(&r->output, line);
	buf_add_char(&r->output, '\n');
}

/* What the map made must be a line that the next stage takes: constants and copied values may add up to something too deep or too long.
 * The text is looked at only where the depths of what it was made from do not rule that out. */
static int check_made(struct run *r, const struct event_parser *p, const struct map *map, struct slice line,
		      struct diag *d)
{
	struct jtext_error error;
	if (line.len > EVENT_LINE_MOST)
		return diag_fail(d, DIAG_DATA, "map %s: the mapped event has more than %d bytes", map->name,
				 EVENT_LINE_MOST);
	uint32_t copied = p->json.deepest, brought = map->conf.json.deepest;
	if (2 + map->depth + (copied > brought ? copied : brought) <= JTEXT_DEPTH)
		return 0;
	if (jtext_parse(&r->check, line, &error) < 0)
		return diag_fail(d, DIAG_DATA, "map %s: the mapped event is %s", map->name, error.reason);
	return 0;
}

/* A line that no claim names takes the payload along as it came: the journal stores that, so that a retry maps it anew. */
static unsigned add_raw(const struct event *e, struct event *mapped)
{
	if (e->claim || !e->destination.ptr || e->raw.ptr)
		return 0;
	mapped->raw = e->data;
	return EVENT_BIT(EVENT_EVTRAW);
}

static int write_mapped(struct run *r, struct event_parser *p, const struct map *map, const struct event *e,
			struct diag *d)
{
	struct event mapped = *e;
	size_t from = r->output.len;
	mapped.data = buf_slice(&r->mapping.data);
	mapped.map = slice_of(map->name);
	if (body_set(&r->room, map, &mapped, d) < 0)
		return d->code == DIAG_DATA ? fail_line(r, e, d->text, d) : -1;
	unsigned changed = EVENT_BIT(EVENT_EVTMAP) | EVENT_BIT(EVENT_EVTMODE) | EVENT_BIT(EVENT_DATA) |
			   EVENT_BIT(EVENT_DATA_BASE64) | add_raw(e, &mapped);
	if (mapped.content_type.ptr != e->content_type.ptr)
		changed |= EVENT_BIT(EVENT_DATACONTENTTYPE);
	event_rewrite(&r->output, p, &mapped, changed);
	if (!buf_ok(&r->output))
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	struct slice line = {r->output.data + from, r->output.len - from - 1};
	if (check_made(r, p, map, line, d) == 0) {
		r->report->mapped++;
		return 0;
	}
	r->output.len = from;
	return fail_line(r, e, d->text, d);
}

/* The line carries its own end from here on. */
static int skip_line(struct run *r, struct event_parser *p, const struct event *e, const char *map, struct slice why)
{
	struct event skipped = *e;
	struct buf reason = BUF_INIT;
	r->report->skipped++;
	buf_add_text(&reason, map);
	buf_add_slice(&reason, why);
	skipped.skip = buf_slice(&reason);
	if (r->options->explain)
		buf_printf(&r->output, "\t\twhen\tskipped\t%s\n", reason.data);
	else
		event_rewrite(&r->output, p, &skipped, EVENT_BIT(EVENT_EVTSKIP));
	r->output.failed |= !buf_ok(&reason);
	buf_free(&reason);
	return 0;
}

static void explain_line(struct run *r, const struct event *e, const char *map)
{
	if (!r->options->explain)
		return;
	buf_add_slice(&r->output, e->id);
	buf_add_char(&r->output, '\t');
	buf_add_slice(&r->output, e->type);
	buf_printf(&r->output, "\t%s\n", map);
}

static int map_line(struct run *r, struct event_parser *p, const struct map *map, const struct event *e, struct diag *d)
{
	explain_line(r, e, map->name);
	if (!mapping_wants(&r->mapping, map->when, e, p)) {
		char who[300];
		snprintf(who, sizeof who, "map %.200s: when: ", map->name);
		return skip_line(r, p, e, who, buf_slice(&r->mapping.why));
	}
	int result = mapping_apply(&r->mapping, map, e, p, d);
	if (r->options->explain)
		buf_add_slice(&r->output, buf_slice(&r->mapping.explain));
	if (result < 0 && d->code == DIAG_DATA)
		return fail_line(r, e, d->text, d);
	if (result < 0)
		return -1;
	if (!r->options->explain)
		return write_mapped(r, p, map, e, d);
	r->report->mapped++;
	return 0;
}

/* ---- one event to many ---- */

/* The payload with one element in the array's place. */
static void make_part(struct run *r, uint32_t data, uint32_t array, uint32_t element)
{
	const struct jtext *j = &r->parser.json;
	const struct jtext_node *whole = &j->nodes[data], *list = &j->nodes[array];
	buf_clear(&r->part);
	buf_add(&r->part, j->text.ptr + whole->start, list->start - whole->start);
	buf_add_slice(&r->part, jtext_raw(j, element));
	buf_add(&r->part, j->text.ptr + list->end, whole->end - list->end);
}

static struct slice numbered(struct buf *b, struct slice name, size_t number)
{
	if (!name.ptr)
		return SLICE_NONE;
	buf_clear(b);
	buf_add_slice(b, name);
	buf_printf(b, "/%zu", number);
	return buf_slice(b);
}

/* A delivery of its own: another id and subject, and no claim. The same event gives the same parts. */
static int map_part(struct run *r, const struct map *map, const struct event *e, size_t number, struct diag *d)
{
	const unsigned changed = EVENT_BIT(EVENT_ID) | EVENT_BIT(EVENT_SUBJECT) | EVENT_BIT(EVENT_EVTCLAIM) |
				 EVENT_BIT(EVENT_EVTATTEMPT) | EVENT_BIT(EVENT_EVTRAW) | EVENT_BIT(EVENT_DATA);
	struct event part = *e;
	part.id = numbered(&r->id, e->id, number);
	part.subject = numbered(&r->subject, e->subject, number);
	part.claim = part.attempt = 0;
	part.raw = SLICE_NONE;
	part.data = buf_slice(&r->part);
	buf_clear(&r->line);
	event_rewrite(&r->line, &r->parser, &part, changed);
	if (!buf_ok(&r->line) || !buf_ok(&r->part) || !buf_ok(&r->id) || !buf_ok(&r->subject))
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	struct event parsed;
	if (event_parse(&r->part_parser, (struct slice){r->line.data, r->line.len - 1}, &parsed, d) < 0)
		return -1;
	return map_line(r, &r->part_parser, map, &parsed, d);
}

/* An id too long to be numbered, or an array within the array, which would be split again at a retry. */
static const char *cannot_split(const struct event *e, const struct jtext *j, uint32_t array)
{
	enum { NUMBER_MOST = 21 };
	if (e->id.len > EVENT_NAME_LIMIT - NUMBER_MOST || e->subject.len > EVENT_NAME_LIMIT - NUMBER_MOST)
		return "its id or subject is too long for a number behind it";
	for (uint32_t n = jtext_first(j, array); n < jtext_end(j, array); n = jtext_next(j, n))
		if (jtext_type(j, n) == JTEXT_ARRAY)
			return "an element is an array itself";
	return NULL;
}

static int split_line(struct run *r, const struct map *map, const struct event *e, uint32_t array, struct diag *d)
{
	const struct jtext *j = &r->parser.json;
	uint32_t data = event_data_node(&r->parser);
	const char *why = cannot_split(e, j, array);
	size_t number = 0;
	if (why) {
		diag_fail(d, DIAG_DATA, "map %s: split: %s", map->name, why);
		return fail_line(r, e, d->text, d);
	}
	for (uint32_t n = jtext_first(j, array); n < jtext_end(j, array); n = jtext_next(j, n)) {
		make_part(r, data, array, n);
		if (map_part(r, map, e, ++number, d) < 0)
			return -1;
		if (r->output.len >= OUTPUT_PENDING && flush(r, d) < 0)
			return -1;
	}
	char reason[300];
	snprintf(reason, sizeof reason, "map %.200s: split into %zu parts", map->name, number);
	explain_line(r, e, map->name);
	return skip_line(r, &r->parser, e, reason, SLICE(""));
}

/* A part that comes again has an element where the array was. */
static uint32_t array_to_split(const struct run *r, const struct map *map, const struct event *e)
{
	if (!map->splits || e->body != EVENT_JSON)
		return JTEXT_NOWHERE;
	uint32_t node = jtext_at(&r->parser.json, event_data_node(&r->parser), &map->split);
	return node != JTEXT_NOWHERE && jtext_type(&r->parser.json, node) == JTEXT_ARRAY ? node : JTEXT_NOWHERE;
}

/* ---- a line ---- */

/* -1 only for what ends the run. */
static int take_line(struct run *r, struct slice line, struct diag *d)
{
	struct event e;
	const struct map *map;
	if (event_parse(&r->parser, line, &e, d) < 0) {
		if (d->code != DIAG_DATA)
			return -1;
		refuse_line(r, d->text);
		return 0;
	}
	if (e.map.ptr || e.skip.ptr || e.error.ptr) {
		pass_line(r, line);
		return 0;
	}
	const struct when *when;
	if (maps_for(&r->maps, &e, &map, &when, d) < 0)
		return d->code == DIAG_DATA ? fail_line(r, &e, d->text, d) : -1;
	if (!mapping_wants(&r->mapping, when, &e, &r->parser)) {
		char who[EVENT_NAME_LIMIT + 64];
		snprintf(who, sizeof who, "destination %.*s: when: ", (int)e.destination.len, e.destination.ptr);
		explain_line(r, &e, "");
		return skip_line(r, &r->parser, &e, who, buf_slice(&r->mapping.why));
	}
	if (!map) {
		pass_line(r, line);
		return 0;
	}
	uint32_t array = array_to_split(r, map, &e);
	return array == JTEXT_NOWHERE ? map_line(r, &r->parser, map, &e, d) : split_line(r, map, &e, array, d);
}

/* ---- the loop ---- */

/* Before waiting for input everything is handed on: whoever waits for a line must not wait for the next one to come. */
static int read_more(struct run *r, struct diag *d)
{
	struct pollfd fds[] = {{.fd = r->options->input, .events = POLLIN}, {.fd = r->options->output, .events = 0}};
	if (poll(fds, 1, 0) == 0) {
		if (record_failures(r, d) < 0)
			return -1;
		if (r->failures.journal)
			journal_idle(r->failures.journal);
		if (poll(fds, 2, -1) > 0 && (fds[1].revents & POLLNVAL))
			return diag_fail(d, DIAG_IO, "standard output is closed");
		if (fds[1].revents & POLLERR)
			r->report->reader_gone = true;
		if (!fds[0].revents)
			return 0;
	}
	return lines_fill(&r->lines, d);
}

static int run(struct run *r, struct diag *d)
{
	while (!r->report->reader_gone) {
		struct slice line;
		int result = 0;
		enum lines_result read = lines_buffered(&r->lines, &line);
		if (read == LINES_WAIT)
			result = read_more(r, d);
		else if (read == LINES_LINE)
			result = take_line(r, line, d);
		else if (read == LINES_TOO_LONG)
			refuse_line(r, "longer than 16 MiB");
		if (result < 0)
			return -1;
		if (!buf_ok(&r->output))
			return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
		if (r->output.len >= OUTPUT_PENDING && flush(r, d) < 0)
			return -1;
		if (read == LINES_END)
			break;
	}
	return record_failures(r, d);
}

int transform_run(const struct transform_options *options, struct transform_report *report, struct diag *d)
{
	struct run r = {
	    .options = options, .report = report, .parser = EVENT_PARSER_INIT, .part_parser = EVENT_PARSER_INIT};
	r.failures.path = options->journal;
	*report = (struct transform_report){.mapped = 0};
	lines_open(&r.lines, options->input, EVENT_LINE_MOST);
	maps_open(&r.maps, options->config, options->map);
	int result = mapping_open(&r.mapping) < 0 ? diag_fail(d, DIAG_TRY_AGAIN, "out of memory") : 0;
	r.mapping.explaining = options->explain;
	if (result == 0)
		result = run(&r, d);
	struct diag ignored; /* what ended the run is what is told */
	if (result < 0 && (flush(&r, &ignored) < 0 || record_failures(&r, &ignored) < 0))
		buf_clear(&r.output);
	failures_close(&r.failures);
	mapping_close(&r.mapping);
	maps_close(&r.maps);
	event_parser_free(&r.parser);
	event_parser_free(&r.part_parser);
	lines_close(&r.lines);
	body_room_free(&r.room);
	jtext_free(&r.check);
	struct buf *all[] = {&r.output, &r.id, &r.subject, &r.part, &r.line};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		buf_free(all[i]);
	return result;
}
