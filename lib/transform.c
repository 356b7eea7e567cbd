/* SPDX-License-Identifier: MIT */
#include "transform.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "clock.h"
#include "journal.h"
#include "lines.h"
#include "mapping.h"
#include "maps.h"

enum { OUTPUT_PENDING = 64 * 1024, PAUSE_MS = 100 };

struct run {
	const struct transform_options *options;
	struct transform_report *report;
	struct lines lines;
	struct event_parser parser;
	struct maps maps;
	struct mapping mapping;
	struct jtext check;
	struct buf output;
	struct journal *journal; /* NULL until it is needed */
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
			return diag_errno(d, DIAG_IO, errno, "cannot write");
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

static void tell_failure(const struct run *r, const struct event *e, const char *why)
{
	enum { SHOWN = 100 };
	diag_notice("line %llu: %.*s: %s", (unsigned long long)r->lines.number,
		    (int)(e->id.len < SHOWN ? e->id.len : SHOWN), e->id.ptr, why);
}

static void tell_unjournaled(struct run *r, const struct event *e, const char *why, const char *but)
{
	enum { SHOWN = 100 };
	diag_error("line %llu: %.*s: %s%s", (unsigned long long)r->lines.number,
		   (int)(e->id.len < SHOWN ? e->id.len : SHOWN), e->id.ptr, why, but);
	r->report->unjournaled++;
}

/* Ends the delivery as failed; the answer tells whether it was this line's to end. A delivery that the journal does not know is taken in first. */
static int end_delivery(struct journal *j, const struct event *e, const char *why, enum journal_start_answer *answer,
			struct diag *d)
{
	int64_t now = clock_now();
	struct journal_end end = {.ref = {e->source, e->id, e->destination, e->claim},
				  .status = JOURNAL_FAILED,
				  .code = "map",
				  .reason = slice_of(why),
				  .answer = JOURNAL_UNKNOWN};
	if (e->claim && journal_end(j, &end, 1, now, d) < 0)
		return -1;
	if (end.answer == JOURNAL_UNKNOWN) {
		end.answer = JOURNAL_REPEATED;
		if (journal_adopt(j, e, now, JOURNAL_LEASE_MS, &end.ref.claim, d) < 0)
			return -1;
		if (end.ref.claim && journal_end(j, &end, 1, now, d) < 0)
			return -1;
	}
	*answer = end.answer;
	return 0;
}

static int try_to_journal(struct run *r, const struct event *e, const char *why, enum journal_start_answer *answer,
			  struct diag *d)
{
	if (!r->journal && !(r->journal = journal_open(r->options->journal, JOURNAL_WRITE, d)))
		return -1;
	if (journal_begin(r->journal, d) < 0 || end_delivery(r->journal, e, why, answer, d) < 0)
		return -1;
	return journal_commit(r->journal, d);
}

/* A journal that is busy for a while must not end the pipeline. */
static int journal_failure(struct run *r, const struct event *e, const char *why, struct diag *d)
{
	enum journal_start_answer answer;
	struct diag met;
	int64_t give_up_at = clock_monotonic() + CLOCK_MINUTE;
	while (try_to_journal(r, e, why, &answer, &met) < 0) {
		if (met.code != DIAG_TRY_AGAIN || clock_monotonic() > give_up_at) {
			*d = met;
			return -1;
		}
		poll(NULL, 0, PAUSE_MS);
	}
	if (answer == JOURNAL_STARTED)
		tell_failure(r, e, why);
	else if (answer == JOURNAL_STALE)
		tell_unjournaled(r, e, why, " (not recorded: it has been claimed anew since, or has ended)");
	else
		tell_unjournaled(r, e, why, " (not recorded: a duplicate of what the journal has)");
	return 0;
}

static int fail_line(struct run *r, const struct event *e, const char *why, struct diag *d)
{
	r->report->failed++;
	if (r->options->journal && e->destination.ptr)
		return journal_failure(r, e, why, d);
	tell_unjournaled(r, e, why, r->options->journal ? " (not recorded: it has no evtdestination)" : "");
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
static int check_made(struct run *r, const struct map *map, struct slice line, struct diag *d)
{
	struct jtext_error error;
	if (line.len > EVENT_LINE_MOST)
		return diag_fail(d, DIAG_DATA, "map %s: the mapped event has more than %d bytes", map->name,
				 EVENT_LINE_MOST);
	uint32_t copied = r->parser.json.deepest, brought = map->conf.json.deepest;
	if (1 + map->depth + (copied > brought ? copied : brought) <= JTEXT_DEPTH)
		return 0;
	if (jtext_parse(&r->check, line, &error) < 0)
		return diag_fail(d, DIAG_DATA, "map %s: the mapped event is %s", map->name, error.reason);
	return 0;
}

static const struct slice json_type = {"application/json", 16};

static int write_mapped(struct run *r, const struct map *map, const struct event *e, struct diag *d)
{
	struct event mapped = *e;
	size_t from = r->output.len;
	unsigned changed = EVENT_BIT(EVENT_EVTMAP) | EVENT_BIT(EVENT_DATA);
	mapped.data = buf_slice(&r->mapping.data);
	mapped.map = slice_of(map->name);
	if (e->content_type.ptr && !slice_equal(e->content_type, json_type)) {
		mapped.content_type = json_type;
		changed |= EVENT_BIT(EVENT_DATACONTENTTYPE);
	}
	event_rewrite(&r->output, &r->parser, &mapped, changed);
	if (!buf_ok(&r->output))
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	if (check_made(r, map, (struct slice){r->output.data + from, r->output.len - from - 1}, d) == 0) {
		r->report->mapped++;
		return 0;
	}
	r->output.len = from;
	return fail_line(r, e, d->text, d);
}

static int map_line(struct run *r, const struct map *map, const struct event *e, struct diag *d)
{
	int result = mapping_apply(&r->mapping, map, e, &r->parser, d);
	if (r->options->explain) {
		buf_add_slice(&r->output, e->id);
		buf_add_char(&r->output, '\t');
		buf_add_slice(&r->output, e->type);
		buf_printf(&r->output, "\t%s\n", map->name);
		buf_add_slice(&r->output, buf_slice(&r->mapping.explain));
	}
	if (result < 0 && d->code == DIAG_DATA)
		return fail_line(r, e, d->text, d);
	if (result < 0)
		return -1;
	if (!r->options->explain)
		return write_mapped(r, map, e, d);
	r->report->mapped++;
	return 0;
}

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
	if (maps_for(&r->maps, &e, &map, d) < 0)
		return d->code == DIAG_DATA ? fail_line(r, &e, d->text, d) : -1;
	if (map)
		return map_line(r, map, &e, d);
	pass_line(r, line);
	return 0;
}

/* ---- the loop ---- */

/* Before waiting for input everything is handed on: whoever waits for a line must not wait for the next one to come. */
static int read_more(struct run *r, struct diag *d)
{
	struct pollfd fds[] = {{.fd = r->options->input, .events = POLLIN}, {.fd = r->options->output, .events = 0}};
	if (poll(fds, 1, 0) == 0) {
		if (flush(r, d) < 0)
			return -1;
		if (r->journal)
			journal_idle(r->journal);
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
		if ((read == LINES_END || r->output.len >= OUTPUT_PENDING) && flush(r, d) < 0)
			return -1;
		if (read == LINES_END)
			break;
	}
	return 0;
}

int transform_run(const struct transform_options *options, struct transform_report *report, struct diag *d)
{
	struct run r = {.options = options, .report = report, .parser = EVENT_PARSER_INIT};
	*report = (struct transform_report){.mapped = 0};
	lines_open(&r.lines, options->input, EVENT_LINE_MOST);
	maps_open(&r.maps, options->config, options->map);
	int result = mapping_open(&r.mapping) < 0 ? diag_fail(d, DIAG_TRY_AGAIN, "out of memory") : 0;
	r.mapping.explaining = options->explain;
	if (result == 0)
		result = run(&r, d);
	struct diag ignored;
	if (result < 0 && flush(&r, &ignored) < 0)
		buf_clear(&r.output); /* what ended the run is what is told */
	journal_close(r.journal);
	mapping_close(&r.mapping);
	maps_close(&r.maps);
	event_parser_free(&r.parser);
	lines_close(&r.lines);
	jtext_free(&r.check);
	buf_free(&r.output);
	return result;
}
