/* SPDX-License-Identifier: MIT */
#include "summary.h"

#include <inttypes.h>

#include "facts.h"
#include "history.h"
#include "verdict.h"

enum { ERRORS = 10, MARGIN = 10 /* where the words of a row begin, behind its number */ };

/* Sections that the journal answers row by row. */
struct section {
	struct summary *summary;
	struct buf *b;
	int64_t rows;
};

/* ---- text ---- */

static void title(struct section *s, const char *text)
{
	const struct show_style *style = &s->summary->style;
	buf_printf(s->b, "\n%s%s%s\n", show_begin(SHOW_BOLD, style), text, show_end(SHOW_BOLD, style));
}

static void text_tally(struct section *s)
{
	const struct journal_tally *tally = &s->summary->tally;
	const struct show_style *style = &s->summary->style;
	int64_t all = 0;
	for (int i = 0; i < JOURNAL_STATUSES; i++)
		all += tally->by_status[i];
	buf_printf(s->b, "%s%" PRId64 " deliveries%s\n", show_begin(SHOW_BOLD, style), all, show_end(SHOW_BOLD, style));
	if (all) {
		buf_add_text(s->b, "  of events received from ");
		show_add_time(s->b, tally->first_at, style);
		buf_add_text(s->b, "\n                       to ");
		show_add_time(s->b, tally->last_at, style);
		buf_add_char(s->b, '\n');
	}
	for (int i = 0; i < JOURNAL_STATUSES; i++) {
		enum journal_status status = (enum journal_status)i;
		enum show_tone tone = tally->by_status[i] ? show_status_tone(status) : SHOW_DIM;
		buf_printf(s->b, "  %s%s %-10s %10" PRId64 "%s\n", show_begin(tone, style),
			   show_status_glyph(status, style), journal_status_name(status), tally->by_status[i],
			   show_end(tone, style));
	}
}

/* A bar of eight heights for each hour, the oldest first; an hour without any is a blank. */
static void add_sparkline(struct buf *b, const int64_t *hours, bool utf8)
{
	static const char *const bars[2][9] = {{" ", ".", ".", ":", ":", "|", "|", "#", "#"},
					       {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}};
	int64_t most = 0;
	for (int i = 0; i < JOURNAL_HOURS; i++)
		most = hours[i] > most ? hours[i] : most;
	for (int i = JOURNAL_HOURS - 1; i >= 0; i--)
		buf_add_text(b, bars[utf8][hours[i] ? (hours[i] * 8 + most - 1) / most : 0]);
}

static void text_hours(struct section *s, const struct journal_hours *hours)
{
	const struct show_style *style = &s->summary->style;
	const struct {
		const char *name;
		const int64_t *hours;
		enum show_tone tone;
	} lines[] = {{"all", hours->deliveries, SHOW_PLAIN}, {"in trouble", hours->failed, SHOW_BAD}};
	title(s, "Last 24 hours, deliveries by the hour of receipt");
	for (size_t i = 0; i < 2; i++) {
		int64_t most = 0, sum = 0;
		for (int hour = 0; hour < JOURNAL_HOURS; hour++) {
			most = lines[i].hours[hour] > most ? lines[i].hours[hour] : most;
			sum += lines[i].hours[hour];
		}
		buf_printf(s->b, "  %-10s %s[", lines[i].name, show_begin(lines[i].tone, style));
		add_sparkline(s->b, lines[i].hours, style->utf8);
		buf_printf(s->b, "]%s %" PRId64 ", most %" PRId64 " an hour, now %.1f a minute\n",
			   show_end(lines[i].tone, style), sum, most,
			   (double)lines[i].hours[0] / ((double)(style->now % CLOCK_HOUR) / CLOCK_MINUTE + 1));
	}
}

static bool text_trouble(const struct journal_trouble *trouble, void *context)
{
	struct section *s = context;
	if (s->rows++ == 0)
		title(s, "Errors, the most frequent first");
	buf_printf(s->b, "  %6" PRId64 "  ", trouble->count);
	show_add_line(s->b, trouble->destination.ptr ? trouble->destination : SLICE("no destination"));
	buf_add_text(s->b, ": ");
	show_add_line(s->b, trouble->error.ptr ? trouble->error : trouble->code);
	buf_add_text(s->b, " (");
	if (trouble->in_a_row > 1)
		buf_printf(s->b, "%" PRId64 " in a row, ", trouble->in_a_row);
	buf_add_text(s->b, "last ");
	show_add_ago(s->b, trouble->last_at, &s->summary->style);
	buf_add_text(s->b, ": ");
	show_add_line(s->b, trouble->last_id);
	buf_add_text(s->b, ")\n");
	return true;
}

static bool text_source(const struct journal_source *source, void *context)
{
	struct section *s = context;
	if (s->rows++ == 0)
		title(s, "Sources");
	buf_add_text(s->b, "  ");
	show_add_line(s->b, source->name);
	buf_add_text(s->b, ": last received ");
	show_add_time(s->b, source->last_at, &s->summary->style);
	buf_add_text(s->b, " (");
	show_add_ago(s->b, source->last_at, &s->summary->style);
	buf_add_text(s->b, ")\n");
	return true;
}

static bool text_refusal(const struct journal_refusal *refusal, void *context)
{
	struct section *s = context;
	if (s->rows++ == 0)
		title(s, "Refused at the door, last 24 hours");
	buf_printf(s->b, "  %6" PRId64 "  ", refusal->count);
	show_add_line(s->b, refusal->source.len ? refusal->source : SLICE("no such source"));
	buf_add_text(s->b, ": ");
	show_add_line(s->b, refusal->cause);
	buf_add_text(s->b, " (last ");
	show_add_ago(s->b, refusal->last_at, &s->summary->style);
	if (refusal->peer.len) {
		buf_add_text(s->b, ", from ");
		show_add_line(s->b, refusal->peer);
	}
	buf_add_text(s->b, ": ");
	show_add_line(s->b, refusal->why);
	buf_add_text(s->b, ")\n");
	show_add_block(s->b, refusal->sample, "            ");
	return true;
}

static bool text_repeat(const struct journal_repeat *repeat, void *context)
{
	struct section *s = context;
	if (s->rows++ == 0)
		title(s, "Taken again under another id, which no signature covers, last 24 hours");
	buf_printf(s->b, "  %6" PRId64 "  ", repeat->count);
	show_add_line(s->b, repeat->source);
	buf_add_text(s->b, " (last ");
	show_add_ago(s->b, repeat->last_at, &s->summary->style);
	buf_add_text(s->b, ": ");
	show_add_line(s->b, repeat->last_id);
	buf_add_text(s->b, ")\n");
	return true;
}

static void text_destination(struct section *s, const struct facts_destination *to)
{
	const struct show_style *style = &s->summary->style;
	if (s->rows++ == 0)
		title(s, "Destinations");
	buf_add_text(s->b, "  ");
	show_add_line(s->b, to->name);
	buf_printf(s->b, ": %" PRId64 " waiting, %" PRId64 " in processing", to->backlog.waiting,
		   to->backlog.processing);
	if (to->backlog.processing_since) {
		buf_add_text(s->b, " (the oldest since ");
		show_add_span(s->b, style->now - to->backlog.processing_since);
		buf_add_text(s->b, ": ");
		show_add_line(s->b, to->backlog.processing_id);
		buf_add_char(s->b, ')');
	}
	if (to->health.open_until) {
		buf_printf(s->b, ", %sheld by its breaker since ", show_begin(SHOW_BAD, style));
		show_add_time(s->b, to->health.opened_at, style);
		buf_add_text(s->b, ", tried again ");
		show_add_ago(s->b, to->health.open_until, style);
		buf_add_text(s->b, show_end(SHOW_BAD, style));
	} else if (to->health.faults) {
		buf_printf(s->b, ", %" PRId64 " faults in a row", to->health.faults);
	}
	buf_add_char(s->b, '\n');
}

static void text_size(struct section *s, const struct journal_size *size)
{
	buf_add_text(s->b, "\nJournal ");
	show_add_bytes(s->b, size->file);
	buf_add_text(s->b, ", of them free ");
	show_add_bytes(s->b, size->free);
	buf_add_text(s->b, "; write-ahead log ");
	show_add_bytes(s->b, size->wal);
	buf_add_char(s->b, '\n');
}

static void text_verdict(struct section *s, const struct verdict *verdict)
{
	static const enum show_tone tones[] = {SHOW_GOOD, SHOW_CARE, SHOW_BAD, SHOW_BAD};
	const struct show_style *style = &s->summary->style;
	buf_printf(s->b, "Verdict %s%s%s", show_begin(tones[verdict->severity], style),
		   verdict_severity_name(verdict->severity), show_end(tones[verdict->severity], style));
	if (verdict->severity != VERDICT_OK) {
		buf_add_text(s->b, ": ");
		verdict_add_names(s->b, verdict);
		buf_add_text(s->b, "; evt-status --check says what to do");
	}
	buf_add_char(s->b, '\n');
}

/* ---- JSON ---- */

static void comma(struct section *s)
{
	if (s->rows++)
		buf_add_char(s->b, ',');
}

static void json_tally(struct section *s)
{
	const struct journal_tally *tally = &s->summary->tally;
	buf_add_text(s->b, "\"first_received_at\":");
	show_add_json_time(s->b, tally->first_at);
	buf_add_text(s->b, ",\"last_received_at\":");
	show_add_json_time(s->b, tally->last_at);
	buf_add_text(s->b, ",\"statuses\":{");
	for (int i = 0; i < JOURNAL_STATUSES; i++)
		buf_printf(s->b, "%s\"%s\":%" PRId64, i ? "," : "", journal_status_name((enum journal_status)i),
			   tally->by_status[i]);
	buf_add_char(s->b, '}');
}

/* The oldest hour first, each by when it began. */
static void json_hours(struct section *s, const struct journal_hours *hours)
{
	for (int i = JOURNAL_HOURS - 1; i >= 0; i--) {
		comma(s);
		buf_add_text(s->b, "{\"from\":");
		show_add_json_time(s->b, s->summary->style.now - (i + 1) * CLOCK_HOUR);
		buf_printf(s->b, ",\"deliveries\":%" PRId64 ",\"troubled\":%" PRId64 "}", hours->deliveries[i],
			   hours->failed[i]);
	}
}

static void add_text_member(struct section *s, const char *name, struct slice text)
{
	buf_printf(s->b, "\"%s\":", name);
	show_add_json(s->b, text);
}

static void add_time_member(struct section *s, const char *name, int64_t at)
{
	buf_printf(s->b, ",\"%s\":", name);
	show_add_json_time(s->b, at);
}

static bool json_trouble(const struct journal_trouble *trouble, void *context)
{
	struct section *s = context;
	comma(s);
	buf_add_char(s->b, '{');
	add_text_member(s, "destination", trouble->destination);
	buf_add_char(s->b, ',');
	add_text_member(s, "code", trouble->code);
	buf_add_char(s->b, ',');
	add_text_member(s, "error", trouble->error);
	buf_printf(s->b, ",\"count\":%" PRId64 ",\"failed\":%" PRId64 ",\"in_a_row\":%" PRId64, trouble->count,
		   trouble->failed, trouble->in_a_row);
	add_time_member(s, "first_at", trouble->first_at);
	add_time_member(s, "last_at", trouble->last_at);
	buf_add_char(s->b, ',');
	add_text_member(s, "first_id", trouble->first_id);
	buf_add_char(s->b, ',');
	add_text_member(s, "last_id", trouble->last_id);
	buf_add_char(s->b, '}');
	return true;
}

static bool json_source(const struct journal_source *source, void *context)
{
	struct section *s = context;
	comma(s);
	buf_add_char(s->b, '{');
	add_text_member(s, "name", source->name);
	add_time_member(s, "last_received_at", source->last_at);
	buf_add_char(s->b, '}');
	return true;
}

static bool json_refusal(const struct journal_refusal *refusal, void *context)
{
	struct section *s = context;
	comma(s);
	buf_add_char(s->b, '{');
	add_text_member(s, "source", refusal->source.len ? refusal->source : SLICE_NONE);
	buf_add_char(s->b, ',');
	add_text_member(s, "cause", refusal->cause);
	buf_printf(s->b, ",\"count\":%" PRId64, refusal->count);
	add_time_member(s, "last_at", refusal->last_at);
	buf_printf(s->b, ",\"status\":%d,", refusal->status);
	add_text_member(s, "peer", refusal->peer.len ? refusal->peer : SLICE_NONE);
	buf_add_char(s->b, ',');
	add_text_member(s, "why", refusal->why);
	buf_add_char(s->b, ',');
	add_text_member(s, "sample", refusal->sample);
	buf_add_char(s->b, '}');
	return true;
}

static bool json_repeat(const struct journal_repeat *repeat, void *context)
{
	struct section *s = context;
	comma(s);
	buf_add_char(s->b, '{');
	add_text_member(s, "source", repeat->source);
	buf_printf(s->b, ",\"count\":%" PRId64, repeat->count);
	add_time_member(s, "last_at", repeat->last_at);
	buf_add_char(s->b, ',');
	add_text_member(s, "last_id", repeat->last_id);
	buf_add_char(s->b, '}');
	return true;
}

static void json_destination(struct section *s, const struct facts_destination *to)
{
	comma(s);
	buf_add_char(s->b, '{');
	add_text_member(s, "name", to->name);
	buf_printf(s->b, ",\"waiting\":%" PRId64 ",\"processing\":%" PRId64, to->backlog.waiting,
		   to->backlog.processing);
	add_time_member(s, "processing_since", to->backlog.processing_since);
	buf_printf(s->b, ",\"faults\":%" PRId64 ",\"breaker\":\"%s\"", to->health.faults,
		   to->health.open_until ? "open" : "closed");
	add_time_member(s, "breaker_opened_at", to->health.opened_at);
	add_time_member(s, "breaker_open_until", to->health.open_until);
	buf_add_char(s->b, '}');
}

/* ---- the whole ---- */

/* What is read once for both forms. */
struct gathered {
	struct facts facts;
	struct verdict verdict;
	struct journal_hours hours;
};

static int gather(struct gathered *g, struct summary *s, struct journal *j, const struct journal_filter *filter,
		  struct diag *d)
{
	if (facts_gather(&g->facts, j, s->style.now, d) < 0 || journal_tally(j, filter, &s->tally, d) < 0)
		return -1;
	verdict_judge(&g->facts, &g->verdict);
	return journal_hours(j, filter, s->style.now, &g->hours, d);
}

static void each_destination(struct section *s, const struct facts *facts,
			     void (*show)(struct section *, const struct facts_destination *))
{
	s->rows = 0;
	for (size_t i = 0; i < facts->destination_count; i++)
		if (facts->destinations[i].name.ptr)
			show(s, &facts->destinations[i]);
}

static int write_text(struct section *s, struct journal *j, const struct journal_filter *filter,
		      const struct gathered *g, struct diag *d)
{
	text_verdict(s, &g->verdict);
	buf_add_char(s->b, '\n');
	text_tally(s);
	text_hours(s, &g->hours);
	if (journal_troubles(j, filter, ERRORS, text_trouble, s, d) < 0)
		return -1;
	s->rows = 0;
	if (journal_sources(j, filter, text_source, s, d) < 0)
		return -1;
	s->rows = 0;
	if (journal_refusals(j, s->summary->style.now - FACTS_SPAN_MS, text_refusal, s, d) < 0)
		return -1;
	s->rows = 0;
	if (journal_repeats(j, s->summary->style.now - FACTS_SPAN_MS, text_repeat, s, d) < 0)
		return -1;
	each_destination(s, &g->facts, text_destination);
	text_size(s, &g->facts.size);
	return 0;
}

static int write_json(struct section *s, struct journal *j, const struct journal_filter *filter,
		      const struct gathered *g, struct diag *d)
{
	const struct journal_size *size = &g->facts.size;
	buf_add_char(s->b, '{');
	json_tally(s);
	buf_add_text(s->b, ",\"hours\":[");
	json_hours(s, &g->hours);
	buf_add_text(s->b, "],\"errors\":[");
	s->rows = 0;
	if (journal_troubles(j, filter, ERRORS, json_trouble, s, d) < 0)
		return -1;
	buf_add_text(s->b, "],\"sources\":[");
	s->rows = 0;
	if (journal_sources(j, filter, json_source, s, d) < 0)
		return -1;
	buf_add_text(s->b, "],\"refused\":[");
	s->rows = 0;
	if (journal_refusals(j, s->summary->style.now - FACTS_SPAN_MS, json_refusal, s, d) < 0)
		return -1;
	buf_add_text(s->b, "],\"repeated\":[");
	s->rows = 0;
	if (journal_repeats(j, s->summary->style.now - FACTS_SPAN_MS, json_repeat, s, d) < 0)
		return -1;
	buf_add_text(s->b, "],\"destinations\":[");
	each_destination(s, &g->facts, json_destination);
	buf_printf(s->b, "],\"journal\":{\"file\":%" PRId64 ",\"free\":%" PRId64 ",\"wal\":%" PRId64 "},\"verdict\":",
		   size->file, size->free, size->wal);
	verdict_write_json(s->b, &g->verdict);
	buf_add_text(s->b, "}\n");
	return 0;
}

int summary_write(struct summary *summary, struct journal *j, const struct journal_filter *filter, struct diag *d)
{
	struct gathered g;
	struct buf b = BUF_INIT, folded = BUF_INIT;
	struct section s = {.summary = summary, .b = &b};
	int result = gather(&g, summary, j, filter, d);
	if (result == 0)
		result = summary->json ? write_json(&s, j, filter, &g, d) : write_text(&s, j, filter, &g, d);
	if (result == 0 && !summary->json)
		show_add_folded(&folded, buf_slice(&b), MARGIN, &summary->style);
	if (result == 0)
		result = history_flush(summary->json ? &b : &folded, summary->out, d);
	facts_free(&g.facts);
	buf_free(&b);
	buf_free(&folded);
	return result;
}
