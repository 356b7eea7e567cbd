/* SPDX-License-Identifier: MIT */
#include "difference.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "body.h"
#include "compare.h"
#include "journal.h"
#include "lines.h"
#include "mapping.h"
#include "maps.h"

enum { OUTPUT_PENDING = 64 * 1024 };

/* What the journal knows of a delivery. */
struct past {
	bool known, sent;
	struct journal_key key;
	enum journal_status status;
	bool stored;
	int64_t attempts;
	struct buf error, body;
};

struct run {
	const struct difference_options *options;
	struct difference_report *report;
	struct lines lines;
	struct event_parser parser;
	struct maps maps;
	struct mapping mapping;
	struct body_room room;
	struct journal *journal;
	struct past past;
	struct compare_side before, after;
	struct buf output, changes;
};

/* ---- what has been ---- */

static bool take_row(const struct journal_row *row, void *context)
{
	struct past *past = context;
	past->known = true;
	past->key = row->key;
	past->status = row->status;
	past->stored = row->stored;
	past->attempts = row->attempts;
	buf_add_slice(&past->error, row->error.ptr ? row->error : SLICE(""));
	return false;
}

/* What was sent last; where nothing is kept of it, that is the payload as it was received. */
static int find_past(struct run *r, const struct event *e, struct diag *d)
{
	struct past *past = &r->past;
	struct journal_filter filter = {
	    .source = e->source, .destination = e->destination, .ids = &e->id, .id_count = 1};
	past->known = past->sent = false;
	buf_clear(&past->error);
	buf_clear(&past->body);
	if (!e->destination.ptr)
		return 0;
	if (journal_list(r->journal, &filter, take_row, past, d) < 0)
		return -1;
	if (!past->known || !past->attempts)
		return 0;
	if (journal_sent(r->journal, past->key, &past->sent, &past->body, d) < 0)
		return -1;
	if (past->sent || !past->stored)
		return 0;
	enum event_body body;
	struct buf content_type = BUF_INIT;
	int result = journal_payload(r->journal, past->key.event, &past->sent, &body, &content_type, &past->body, d);
	buf_free(&content_type);
	return result;
}

/* ---- what would be ---- */

enum outcome { MADE, REFUSED, SKIPPED };

/* The new body, or in *why the reason why there is none. */
static int make(struct run *r, struct event *e, enum outcome *outcome, const char **name, struct diag *why,
		struct diag *d)
{
	const struct map *map;
	const struct when *when;
	*outcome = REFUSED;
	*name = NULL;
	if (maps_for(&r->maps, e, &map, &when, why) < 0) {
		*d = *why;
		return why->code == DIAG_DATA ? 0 : -1;
	}
	*name = map ? map->name : NULL;
	if (!mapping_wants(&r->mapping, when, e, &r->parser) ||
	    (map && !mapping_wants(&r->mapping, map->when, e, &r->parser))) {
		*outcome = SKIPPED;
		diag_fail(why, DIAG_DATA, "when: %s", r->mapping.why.data);
		return 0;
	}
	uint32_t array = map && map->splits && e->body == EVENT_JSON
			     ? jtext_at(&r->parser.json, event_data_node(&r->parser), &map->split)
			     : JTEXT_NOWHERE;
	if (array != JTEXT_NOWHERE && jtext_type(&r->parser.json, array) == JTEXT_ARRAY) {
		*outcome = SKIPPED;
		diag_fail(why, DIAG_DATA, "split into %u parts", (unsigned)jtext_length(&r->parser.json, array));
		return 0;
	}
	if (map && mapping_apply(&r->mapping, map, e, &r->parser, why) < 0)
		return why->code == DIAG_DATA ? 0 : (*d = *why, -1);
	if (map)
		e->data = buf_slice(&r->mapping.data);
	if (map && body_set(&r->room, map, e, why) < 0)
		return why->code == DIAG_DATA ? 0 : (*d = *why, -1);
	*outcome = MADE;
	return 0;
}

/* ---- telling ---- */

static const char *count(struct run *r, enum outcome outcome, size_t changes)
{
	struct difference_report *report = r->report;
	uint64_t *counter = outcome == REFUSED   ? &report->refused
			    : outcome == SKIPPED ? &report->skipped
			    : !r->past.sent      ? &report->made
			    : changes            ? &report->changed
						 : &report->same;
	++*counter;
	return outcome == REFUSED   ? "refused"
	       : outcome == SKIPPED ? "skipped"
	       : !r->past.sent      ? "made"
	       : changes            ? "changed"
				    : "same";
}

static void add_member(struct buf *b, const char *name, struct slice text)
{
	buf_printf(b, ",\"%s\":", name);
	if (text.ptr)
		jtext_add_string(b, text);
	else
		buf_add_text(b, "null");
}

static void tell_json(struct run *r, const struct event *e, const char *outcome, const char *map, struct slice why)
{
	struct buf *b = &r->output;
	const struct past *past = &r->past;
	buf_add_text(b, "{\"id\":");
	jtext_add_string(b, e->id);
	add_member(b, "source", e->source);
	add_member(b, "destination", e->destination);
	add_member(b, "status", past->known ? slice_of(journal_status_name(past->status)) : SLICE_NONE);
	add_member(b, "error", past->error.len ? buf_slice(&past->error) : SLICE_NONE);
	add_member(b, "map", slice_of(map));
	add_member(b, "outcome", slice_of(outcome));
	add_member(b, "why", why);
	buf_add_text(b, ",\"changes\":");
	buf_add_slice(b, buf_slice(&r->changes));
	buf_add_text(b, "}\n");
}

/* The heads of the two sides; in place of lines there may be a reason on either. */
static void tell_heads(struct run *r, const struct event *e, const char *map, struct slice why)
{
	struct buf *b = &r->output;
	const struct past *past = &r->past;
	buf_add_text(b, "--- ");
	rule_show_text(b, e->id, 200);
	buf_add_char(b, ' ');
	rule_show_text(b, e->destination.ptr ? e->destination : SLICE("-"), 200);
	buf_printf(b, " %s: %s", past->known ? journal_status_name(past->status) : "unknown",
		   past->sent ? "as sent" : "nothing sent");
	if (past->error.len) {
		buf_add_text(b, ": ");
		rule_show_text(b, buf_slice(&past->error), 1000);
	}
	buf_printf(b, "\n+++ map %s", map ? map : "-");
	if (why.ptr) {
		buf_add_text(b, ": ");
		rule_show_text(b, why, 1000);
	}
	buf_add_char(b, '\n');
}

static void tell(struct run *r, const struct event *e, enum outcome outcome, const char *map, const struct diag *why)
{
	struct slice reason = outcome == MADE ? SLICE_NONE : slice_of(why->text);
	buf_clear(&r->changes);
	compare_side_set(&r->before, r->past.sent ? buf_slice(&r->past.body) : SLICE(""));
	compare_side_set(&r->after, outcome == MADE ? e->data : SLICE(""));
	size_t changes = outcome == MADE ? compare_changes(&r->changes, &r->before, &r->after) : 0;
	if (outcome != MADE)
		buf_add_text(&r->changes, "[]");
	const char *word = count(r, outcome, changes);
	if (r->options->json) {
		tell_json(r, e, word, map, reason);
		return;
	}
	if (outcome == MADE && !changes)
		return;
	tell_heads(r, e, map, reason);
	if (outcome == MADE)
		compare_unified(&r->output, &r->before, &r->after);
}

/* ---- the loop ---- */

static int flush(struct run *r, struct diag *d)
{
	struct slice left = buf_slice(&r->output);
	if (!buf_ok(&r->output))
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	while (left.len) {
		ssize_t wrote = write(r->options->output, left.ptr, left.len);
		if (wrote < 0 && errno != EINTR)
			return diag_errno(d, DIAG_IO, errno, "standard output");
		if (wrote > 0)
			left = (struct slice){left.ptr + wrote, left.len - (size_t)wrote};
	}
	buf_clear(&r->output);
	return 0;
}

static int take_line(struct run *r, struct slice line, struct diag *d)
{
	struct event e;
	struct diag why;
	enum outcome outcome;
	const char *map;
	if (event_parse(&r->parser, line, &e, d) < 0) {
		if (d->code != DIAG_DATA)
			return -1;
		diag_error("line %" PRIu64 ": %s", r->lines.number, d->text);
		r->report->bad++;
		return 0;
	}
	if (find_past(r, &e, d) < 0 || make(r, &e, &outcome, &map, &why, d) < 0)
		return -1;
	tell(r, &e, outcome, map, &why);
	return 0;
}

static int run(struct run *r, struct diag *d)
{
	for (;;) {
		struct slice line;
		enum lines_result read = lines_next(&r->lines, &line, d);
		if (read == LINES_TOO_LONG) {
			diag_error("line %" PRIu64 ": longer than 16 MiB", r->lines.number);
			r->report->bad++;
		}
		if (read == LINES_ERROR || (read == LINES_LINE && take_line(r, line, d) < 0))
			return -1;
		if ((read == LINES_END || r->output.len >= OUTPUT_PENDING || !buf_ok(&r->output)) && flush(r, d) < 0)
			return -1;
		if (read == LINES_END)
			return 0;
	}
}

int difference_run(const struct difference_options *options, struct difference_report *report, struct diag *d)
{
	struct run r = {.options = options, .report = report, .parser = EVENT_PARSER_INIT};
	*report = (struct difference_report){.same = 0};
	lines_open(&r.lines, options->input, EVENT_LINE_MOST);
	maps_open(&r.maps, options->config, options->map);
	int result = mapping_open(&r.mapping) < 0 ? diag_fail(d, DIAG_TRY_AGAIN, "out of memory") : 0;
	if (result == 0 && !(r.journal = journal_open(options->journal, JOURNAL_READ, d)))
		result = -1;
	if (result == 0)
		result = run(&r, d);
	journal_close(r.journal);
	mapping_close(&r.mapping);
	maps_close(&r.maps);
	body_room_free(&r.room);
	event_parser_free(&r.parser);
	lines_close(&r.lines);
	compare_side_free(&r.before);
	compare_side_free(&r.after);
	struct buf *all[] = {&r.past.error, &r.past.body, &r.output, &r.changes};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		buf_free(all[i]);
	return result;
}
