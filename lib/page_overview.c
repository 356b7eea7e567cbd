/* SPDX-License-Identifier: MIT */
/* What stands above the history: the verdict, counts, pictures, errors, destinations. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "chart.h"
#include "clock.h"
#include "html.h"
#include "page_internal.h"
#include "verdict.h"

enum { HOUR_BARS = 72, DAY_BARS = 84, HEAT_DAYS = 14, ERRORS = 10, HOUR_LABELS = 8, DAY_LABELS = 7 };

/* ---- the verdict ---- */

static const struct {
	const char *class, *glyph, *heading, *word;
} severities[] = {
    [VERDICT_OK] = {"good", "✓", "All is well", "normal"},
    [VERDICT_WARNING] = {"care", "▲", "Warning", "warning"},
    [VERDICT_CRITICAL] = {"bad", "✗", "Critical", "critical"},
    [VERDICT_UNKNOWN] = {"bad", "?", "Unknown", "unknown"},
};

static void add_when(struct page_draft *p, const char *word, int64_t at, struct slice id)
{
	if (!at && !id.ptr)
		return;
	buf_printf(p->b, " %s ", word);
	if (at)
		html_add_ago(p->b, at, &p->page->style);
	if (id.ptr) {
		buf_add_text(p->b, at ? " (" : "");
		page_add_event_link(p, SLICE_NONE, id);
		buf_add_text(p->b, at ? ")" : "");
	}
	buf_add_char(p->b, '.');
}

static void add_finding(struct page_draft *p, const struct finding *finding)
{
	struct buf *b = p->b;
	buf_printf(b, "<li><span class=\"mark %s\"><i aria-hidden=\"true\">%s</i>%s</span><p><b>%s</b>",
		   severities[finding->severity].class, severities[finding->severity].glyph,
		   severities[finding->severity].word, finding->name);
	if (finding->destination.ptr) {
		buf_add_text(b, " to <b>");
		html_add_bdi(b, finding->destination);
		buf_add_text(b, "</b>");
	}
	buf_add_text(b, ": ");
	html_add_count(b, finding->count);
	buf_printf(b, " %s.", finding->what);
	add_when(p, "First", finding->first_at, finding->first_id);
	add_when(p, "Last", finding->last_at, finding->last_id);
	buf_add_text(b, "</p>");
	if (finding->error.ptr) {
		buf_add_text(b, "<p class=\"error\">");
		html_add_bdi(b, finding->error);
		buf_add_text(b, "</p>");
	}
	if (finding->advice)
		buf_printf(b, "<p class=\"advice\">%s</p>", finding->advice);
	buf_add_text(b, "</li>");
}

/* Those that call for somebody; then, folded, what is normal. */
static void add_findings(struct page_draft *p, const struct verdict *verdict)
{
	size_t wrong = 0;
	while (wrong < verdict->count && verdict->findings[wrong].severity != VERDICT_OK)
		wrong++;
	if (wrong)
		buf_add_text(p->b, "<ul>");
	for (size_t i = 0; i < wrong; i++)
		add_finding(p, &verdict->findings[i]);
	if (wrong)
		buf_add_text(p->b, "</ul>");
	if (wrong == verdict->count)
		return;
	buf_printf(p->b, "<details><summary>%zu more, normal</summary><ul>", verdict->count - wrong);
	for (size_t i = wrong; i < verdict->count; i++)
		add_finding(p, &verdict->findings[i]);
	buf_add_text(p->b, "</ul></details>");
}

int page_add_verdict(struct page_draft *p, const struct facts *facts, bool short_form)
{
	struct verdict *verdict = malloc(sizeof *verdict);
	if (!verdict)
		return diag_fail(p->d, DIAG_IO, "out of memory");
	verdict_judge(facts, verdict);
	buf_printf(p->b, "<section class=\"sheet verdict %s\"><h2 class=\"%s\"><span aria-hidden=\"true\">%s </span>%s",
		   severities[verdict->severity].class, severities[verdict->severity].class,
		   severities[verdict->severity].glyph, severities[verdict->severity].heading);
	if (verdict->severity != VERDICT_OK) {
		struct buf names = BUF_INIT;
		verdict_add_names(&names, verdict);
		buf_add_text(p->b, ": ");
		html_add_text(p->b, buf_slice(&names));
		buf_free(&names);
	}
	buf_add_text(p->b, "</h2>");
	if (!short_form)
		add_findings(p, verdict);
	buf_add_text(p->b, "</section>");
	free(verdict);
	return 0;
}

/* ---- counts ---- */

static void add_tile(struct page_draft *p, enum journal_status status, int64_t count)
{
	const struct view *a = p->page->view;
	const struct show_style style = {.utf8 = true};
	bool chosen = p->page->filter.statuses == 1u << status;
	buf_printf(p->b, "<li%s>", count ? "" : " class=\"none\"");
	if (a) {
		buf_add_text(p->b, "<a href=\"");
		view_add(p->b, a, VIEW_STATUS, chosen ? NULL : journal_status_name(status));
		buf_printf(p->b, "\"%s>", chosen ? " aria-current=\"true\"" : "");
	} else {
		buf_add_text(p->b, "<div>");
	}
	buf_add_text(p->b, "<b>");
	html_add_count(p->b, count);
	buf_printf(p->b, "</b> <span class=\"mark %s\"><i aria-hidden=\"true\">%s</i>%s</span>",
		   page_status_class(status), show_status_glyph(status, &style), journal_status_name(status));
	buf_add_text(p->b, a ? "</a></li>" : "</div></li>");
}

static int add_tiles(struct page_draft *p)
{
	static const enum journal_status order[] = {JOURNAL_DELIVERED, JOURNAL_FAILED,     JOURNAL_RETRYING,
						    JOURNAL_RECEIVED,  JOURNAL_PROCESSING, JOURNAL_SKIPPED};
	struct journal_tally tally;
	struct journal_filter all = p->over;
	all.statuses = 0;
	if (journal_tally(p->page->journal, &all, &tally, p->d) < 0)
		return -1;
	buf_add_text(p->b, "<section aria-label=\"Deliveries by status\"><ul class=\"tiles\">");
	for (size_t i = 0; i < JOURNAL_STATUSES; i++)
		add_tile(p, order[i], tally.by_status[order[i]]);
	buf_add_text(p->b, "</ul></section>");
	return 0;
}

/* ---- pictures ---- */

struct pictures {
	struct chart_bar bars[DAY_BARS];
	size_t count;
	bool days;
	struct chart_day heat[HEAT_DAYS];
	const struct show_style *style;
};

/* When the day began that lies `offset` days from the one of `at`. */
static int64_t day_start(int64_t at, int offset, const struct show_style *style)
{
	struct tm tm = show_clock(at, style);
	tm.tm_mday += offset;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)(style->utc ? timegm(&tm) : mktime(&tm)) * 1000;
}

/* One, two or three days by the hour; else two, four, eight or twelve weeks by the day. The latest of them when the filter asks for more. */
static void lay_out_bars(struct pictures *pics, int64_t from, int64_t until)
{
	int64_t end = (until + CLOCK_HOUR - 1) / CLOCK_HOUR * CLOCK_HOUR;
	int64_t hours = from ? (end - from + CLOCK_HOUR - 1) / CLOCK_HOUR : 24;
	int64_t weeks = (hours + 7 * 24 - 1) / (7 * 24);
	pics->days = hours > HOUR_BARS;
	if (pics->days)
		pics->count = weeks <= 2 ? 14 : weeks <= 4 ? 28 : weeks <= 8 ? 56 : DAY_BARS;
	else
		pics->count = hours <= 24 ? 24 : hours <= 48 ? 48 : HOUR_BARS;
	for (size_t i = 0; i < pics->count; i++) {
		struct chart_bar *bar = &pics->bars[i];
		int back = (int)(pics->count - i);
		bar->from_at = pics->days ? day_start(until - 1, 1 - back, pics->style) : end - back * CLOCK_HOUR;
		bar->until_at = pics->days ? day_start(until - 1, 2 - back, pics->style) : bar->from_at + CLOCK_HOUR;
	}
}

/* The hours from the one of `from` on. */
static void lay_out_heat(struct pictures *pics, int64_t from, int64_t until)
{
	for (int row = 0; row < HEAT_DAYS; row++) {
		struct chart_day *day = &pics->heat[row];
		day->at = day_start(until - 1, row + 1 - HEAT_DAYS, pics->style);
		int64_t next = day_start(until - 1, row + 2 - HEAT_DAYS, pics->style);
		for (int64_t at = day->at; at < next && at < until; at += CLOCK_HOUR) {
			int hour = show_clock(at, pics->style).tm_hour;
			if (!day->hour_at[hour] && at + CLOCK_HOUR > from)
				day->hour_at[hour] = at;
		}
	}
}

static bool take_bar(const struct journal_hour *hour, void *context)
{
	struct pictures *pics = context;
	for (size_t i = 0; i < pics->count; i++) {
		struct chart_bar *bar = &pics->bars[i];
		if (hour->from_at < bar->from_at || hour->from_at >= bar->until_at)
			continue;
		for (int status = 0; status < JOURNAL_STATUSES; status++)
			bar->parts[chart_part_of((enum journal_status)status)] += hour->by_status[status];
	}
	return true;
}

static bool take_heat(const struct journal_hour *hour, void *context)
{
	struct pictures *pics = context;
	int row = HEAT_DAYS - 1;
	while (row > 0 && hour->from_at < pics->heat[row].at)
		row--;
	int at = show_clock(hour->from_at, pics->style).tm_hour;
	pics->heat[row].failed[at] += hour->by_status[JOURNAL_FAILED] + hour->by_status[JOURNAL_RETRYING];
	return true;
}

static int fill(struct page_draft *p, struct pictures *pics)
{
	const unsigned failing = 1u << JOURNAL_FAILED | 1u << JOURNAL_RETRYING;
	struct journal_filter bars = p->over, heat = p->over;
	int64_t until = bars.until && bars.until < p->page->style.now ? bars.until : p->page->style.now;
	pics->style = &p->page->style;
	lay_out_bars(pics, bars.since, until);
	lay_out_heat(pics, p->counted ? 0 : heat.since, until);
	if (bars.since < pics->bars[0].from_at)
		bars.since = pics->bars[0].from_at;
	if (p->counted || heat.since < pics->heat[0].at)
		heat.since = pics->heat[0].at;
	heat.statuses = heat.statuses ? heat.statuses & failing : failing;
	if (journal_histogram(p->page->journal, &bars, take_bar, pics, p->d) < 0)
		return -1;
	return heat.statuses ? journal_histogram(p->page->journal, &heat, take_heat, pics, p->d) : 0;
}

static void add_span_address(struct buf *b, int64_t from_at, int64_t until_at, void *context)
{
	struct view a = *(const struct view *)context;
	char since[32], until[32];
	snprintf(since, sizeof since, "@%" PRId64, from_at / 1000);
	snprintf(until, sizeof until, "@%" PRId64, until_at / 1000);
	a.values[VIEW_SINCE] = since;
	view_add(b, &a, VIEW_UNTIL, until);
}

static int add_pictures(struct page_draft *p)
{
	struct pictures pics = {.count = 0};
	struct chart_link link = {add_span_address, NULL};
	memcpy(&link.context, &p->page->view, sizeof link.context); /* read only */
	const struct chart_link *links = p->page->view ? &link : NULL;
	if (fill(p, &pics) < 0)
		return -1;
	size_t labels = pics.days ? DAY_LABELS : HOUR_LABELS;
	buf_printf(
	    p->b,
	    "<div class=\"pair\"><section class=\"sheet\"><h2>Deliveries<small class=\"soft\">by the %s of receipt</small></h2>",
	    pics.days ? "day" : "hour");
	chart_add_bars(p->b, pics.bars, pics.count, labels, pics.days, links, &p->page->style);
	buf_add_text(
	    p->b, "</section><section class=\"sheet\"><h2>Failures<small class=\"soft\">failed or retrying, by day and "
		  "hour of receipt</small></h2>");
	chart_add_heat(p->b, pics.heat, HEAT_DAYS, links, &p->page->style);
	buf_add_text(p->b, "</section></div>");
	return 0;
}

/* ---- tables ---- */

struct column {
	const char *name; /* NULL ends a list of them */
	bool number;
};

/* Begins a row of the table with these columns; with the first row comes its head. */
static void begin_row(struct page_draft *p, const struct column *columns)
{
	if (p->rows++ == 0) {
		buf_add_text(p->b, "<div class=\"scroll\"><table><thead><tr>");
		for (; columns->name; columns++)
			buf_printf(p->b, "<th scope=\"col\"%s>%s</th>", columns->number ? " class=\"number\"" : "",
				   columns->name);
		buf_add_text(p->b, "</tr></thead><tbody>");
	}
	buf_add_text(p->b, "<tr>");
}

/* Were there rows? */
static bool end_table(struct page_draft *p)
{
	bool any = p->rows;
	if (any)
		buf_add_text(p->b, "</tbody></table></div>");
	p->rows = 0;
	return any;
}

/* ---- errors ---- */

static void add_error_text(struct page_draft *p, const struct journal_trouble *trouble)
{
	const struct view *a = p->page->view;
	struct slice text = trouble->error.ptr ? trouble->error : trouble->code;
	if (a && trouble->error.ptr && trouble->error.len <= 1024) {
		buf_add_text(p->b, "<a href=\"?error=");
		html_add_query(p->b, trouble->error);
		if (trouble->destination.ptr) {
			buf_add_text(p->b, "&amp;destination=");
			html_add_query(p->b, trouble->destination);
		}
		buf_add_text(p->b, "\">");
		html_add_bdi(p->b, text);
		buf_add_text(p->b, "</a>");
	} else {
		html_add_bdi(p->b, text);
	}
}

static bool take_error(const struct journal_trouble *trouble, void *context)
{
	static const struct column columns[] = {{"Times", true}, {"Error", false}, {"Last", false}, {NULL, false}};
	struct page_draft *p = context;
	begin_row(p, columns);
	buf_add_text(p->b, "<td class=\"number\">");
	html_add_count(p->b, trouble->count);
	buf_add_text(p->b, "</td><td><span class=\"error\">");
	add_error_text(p, trouble);
	buf_add_text(p->b, "</span><small class=\"soft\">");
	if (trouble->destination.ptr) {
		buf_add_text(p->b, "to ");
		html_add_bdi(p->b, trouble->destination);
	} else {
		buf_add_text(p->b, "no destination");
	}
	if (trouble->in_a_row > 1)
		buf_printf(p->b, ", the last %" PRId64 " in a row", trouble->in_a_row);
	buf_add_text(p->b, "</small></td><td class=\"when\">");
	html_add_ago(p->b, trouble->last_at, &p->page->style);
	buf_add_text(p->b, "<small>");
	page_add_event_link(p, SLICE_NONE, trouble->last_id);
	buf_add_text(p->b, "</small></td></tr>");
	return true;
}

static int add_errors(struct page_draft *p)
{
	const struct journal_filter *recent = &p->over;
	buf_add_text(p->b,
		     "<section class=\"sheet\"><h2>Errors<small class=\"soft\">the most frequent first</small></h2>");
	p->rows = 0;
	if (journal_troubles(p->page->journal, recent, ERRORS, take_error, p, p->d) < 0)
		return -1;
	buf_add_text(p->b, end_table(p) ? "</section>" : "<p class=\"nothing\">None.</p></section>");
	return 0;
}

/* ---- destinations and sources ---- */

static void add_breaker(struct page_draft *p, const struct facts_destination *to)
{
	if (to->health.open_until) {
		buf_add_text(p->b,
			     "<span class=\"mark bad\"><i aria-hidden=\"true\">✗</i>held back</span><small>since ");
		html_add_ago(p->b, to->health.opened_at, &p->page->style);
		buf_add_text(p->b, "; tried again ");
		html_add_ago(p->b, to->health.open_until, &p->page->style);
		buf_add_text(p->b, "</small>");
	} else if (to->health.faults) {
		buf_printf(p->b,
			   "<span class=\"mark care\"><i aria-hidden=\"true\">▲</i>%" PRId64 " fault%s in a row</span>",
			   to->health.faults, to->health.faults == 1 ? "" : "s");
	} else {
		buf_add_text(p->b, "<span class=\"mark good\"><i aria-hidden=\"true\">✓</i>no faults</span>");
	}
}

static void add_destination(struct page_draft *p, const struct facts_destination *to)
{
	static const struct column columns[] = {
	    {"Destination", false}, {"State", false}, {"Waiting", true}, {"Processing", true}, {NULL, false}};
	begin_row(p, columns);
	buf_add_text(p->b, "<th scope=\"row\">");
	html_add_bdi(p->b, to->name);
	buf_add_text(p->b, "</th><td>");
	add_breaker(p, to);
	buf_add_text(p->b, "</td><td class=\"number\">");
	html_add_count(p->b, to->backlog.waiting);
	buf_add_text(p->b, "</td><td class=\"number\">");
	html_add_count(p->b, to->backlog.processing);
	buf_add_text(p->b, "</td></tr>");
}

static bool take_source(const struct journal_source *source, void *context)
{
	static const struct column columns[] = {{"Source", false}, {"Last received", false}, {NULL, false}};
	struct page_draft *p = context;
	begin_row(p, columns);
	buf_add_text(p->b, "<th scope=\"row\">");
	html_add_bdi(p->b, source->name);
	buf_add_text(p->b, "</th><td>");
	html_add_ago(p->b, source->last_at, &p->page->style);
	buf_add_text(p->b, "</td></tr>");
	return true;
}

/* What the last one was, for who has to find its sender. */
static void add_sample(struct page_draft *p, const struct journal_refusal *refusal)
{
	buf_printf(p->b, "<details><summary>the last: %d", refusal->status);
	if (refusal->peer.len) {
		buf_add_text(p->b, " to ");
		html_add_bdi(p->b, refusal->peer);
	}
	buf_add_text(p->b, "</summary><pre tabindex=\"0\">");
	html_add_block(p->b, refusal->sample.len ? refusal->sample : SLICE("(its headers were removed by evt-prune)"));
	buf_add_text(p->b, "</pre></details>");
}

static bool take_refusal(const struct journal_refusal *refusal, void *context)
{
	static const struct column columns[] = {
	    {"Times", true}, {"Source and cause", false}, {"Last", false}, {NULL, false}};
	struct page_draft *p = context;
	if (p->rows == 0)
		buf_add_text(p->b, "<h3>Refused at the door <small class=\"soft\">last 24 hours</small></h3>");
	begin_row(p, columns);
	buf_add_text(p->b, "<td class=\"number\">");
	html_add_count(p->b, refusal->count);
	buf_add_text(p->b, "</td><td>");
	html_add_bdi(p->b, refusal->source.len ? refusal->source : SLICE("no such source"));
	buf_add_text(p->b, ": ");
	html_add_bdi(p->b, refusal->cause);
	buf_add_text(p->b, "<small class=\"soft\">");
	html_add_bdi(p->b, refusal->why);
	buf_add_text(p->b, "</small>");
	add_sample(p, refusal);
	buf_add_text(p->b, "</td><td class=\"when\">");
	html_add_ago(p->b, refusal->last_at, &p->page->style);
	buf_add_text(p->b, "</td></tr>");
	return true;
}

static bool take_repeat(const struct journal_repeat *repeat, void *context)
{
	static const struct column columns[] = {
	    {"Times", true}, {"Source, whose signature does not cover the id", false}, {"Last", false}, {NULL, false}};
	struct page_draft *p = context;
	if (p->rows == 0)
		buf_add_text(p->b, "<h3>Taken again under another id <small class=\"soft\">last 24 hours</small></h3>");
	begin_row(p, columns);
	buf_add_text(p->b, "<td class=\"number\">");
	html_add_count(p->b, repeat->count);
	buf_add_text(p->b, "</td><td>");
	html_add_bdi(p->b, repeat->source);
	buf_add_text(p->b, "<small class=\"soft\">the last: ");
	html_add_bdi(p->b, repeat->last_id);
	buf_add_text(p->b, "</small></td><td class=\"when\">");
	html_add_ago(p->b, repeat->last_at, &p->page->style);
	buf_add_text(p->b, "</td></tr>");
	return true;
}

static int add_ends(struct page_draft *p, const struct facts *facts)
{
	const struct journal_filter all = {.since = 0};
	buf_add_text(p->b, "<section class=\"sheet\"><h2>Sources and destinations</h2>");
	p->rows = 0;
	for (size_t i = 0; i < facts->destination_count; i++)
		if (facts->destinations[i].name.ptr)
			add_destination(p, &facts->destinations[i]);
	end_table(p);
	if (journal_sources(p->page->journal, &all, take_source, p, p->d) < 0)
		return -1;
	end_table(p);
	if (journal_refusals(p->page->journal, p->page->style.now - CLOCK_DAY, take_refusal, p, p->d) < 0)
		return -1;
	end_table(p);
	if (journal_repeats(p->page->journal, p->page->style.now - CLOCK_DAY, take_repeat, p, p->d) < 0)
		return -1;
	end_table(p);
	buf_add_text(p->b, "<p class=\"soft\"><small>The journal takes ");
	show_add_bytes(p->b, facts->size.file);
	buf_add_text(p->b, ", its write-ahead log ");
	show_add_bytes(p->b, facts->size.wal);
	buf_add_text(p->b, ".</small></p></section>");
	return 0;
}

/* The journal keeps counts by hour, status, source, type and destination, and a subject has few. What has to be looked at row by
 * row is not looked at without end, unless that is asked for. */
static void bound_overview(struct page_draft *p)
{
	const struct journal_filter *f = &p->page->filter;
	p->over = *f;
	p->counted = !f->error.ptr;
	if (p->counted || f->since)
		return;
	p->over.since = (f->until && f->until < p->page->style.now ? f->until : p->page->style.now) - CLOCK_DAY;
	buf_add_text(p->b,
		     "<p class=\"soft\">Counts, pictures and errors of such a filter are those of one day, the last; "
		     "<b>Received since</b> widens that. The history is whole.</p>");
}

int page_add_overview(struct page_draft *p, const struct facts *facts)
{
	bound_overview(p);
	if (add_tiles(p) < 0 || add_pictures(p) < 0)
		return -1;
	buf_add_text(p->b, "<div class=\"pair\">");
	if (add_errors(p) < 0 || add_ends(p, facts) < 0)
		return -1;
	buf_add_text(p->b, "</div>");
	return 0;
}
