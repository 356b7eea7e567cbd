/* SPDX-License-Identifier: MIT */
#include "chart.h"

#include <inttypes.h>
#include <time.h>

#include "clock.h"
#include "html.h"

enum { BAR_STEP = 10, BAR_WIDTH = 8, HEIGHT = 100, HEAT_LEVELS = 4 };
static const double least_height = 1.5; /* one failure among thousands is seen too */

static const char *const part_names[CHART_PARTS] = {"delivered", "skipped", "open", "retrying", "failed"};

enum chart_part chart_part_of(enum journal_status status)
{
	static const enum chart_part parts[JOURNAL_STATUSES] = {
	    [JOURNAL_RECEIVED] = CHART_OPEN,       [JOURNAL_PROCESSING] = CHART_OPEN,
	    [JOURNAL_DELIVERED] = CHART_DELIVERED, [JOURNAL_RETRYING] = CHART_RETRYING,
	    [JOURNAL_FAILED] = CHART_FAILED,       [JOURNAL_SKIPPED] = CHART_SKIPPED,
	};
	return parts[status];
}

/* "Mon 23 Nov", "23 Nov", "14:00", "Mon 23 Nov, 14:00". */
enum clock_face { FACE_WEEKDAY, FACE_DATE, FACE_HOUR, FACE_ALL };

static void add_clock(struct buf *b, int64_t at, enum clock_face face, const struct show_style *style)
{
	char text[64] = "";
	struct tm tm = show_clock(at, style);
	if (face == FACE_WEEKDAY)
		strftime(text, sizeof text, "%a %e %b", &tm);
	else if (face == FACE_DATE)
		strftime(text, sizeof text, "%e %b", &tm);
	else if (face == FACE_HOUR)
		strftime(text, sizeof text, "%H:%M", &tm);
	else
		strftime(text, sizeof text, "%a %e %b, %H:%M", &tm);
	buf_add_text(b, text);
}

static void begin_link(struct buf *b, const struct chart_link *link, int64_t from_at, int64_t until_at)
{
	if (!link)
		return;
	buf_add_text(b, "<a tabindex=\"-1\" href=\"");
	link->add(b, from_at, until_at, link->context);
	buf_add_text(b, "\">");
}

/* ---- bars ---- */

static int64_t bar_sum(const struct chart_bar *bar)
{
	int64_t sum = 0;
	for (int part = 0; part < CHART_PARTS; part++)
		sum += bar->parts[part];
	return sum;
}

/* The least of 2, 4, 10, 20, 40, 100 ... that is no less than `value`: its half is a whole number. */
static int64_t round_top(int64_t value)
{
	static const int64_t steps[] = {2, 4, 10};
	for (int64_t unit = 1; unit < INT64_MAX / 100; unit *= 10)
		for (size_t i = 0; i < 3; i++)
			if (steps[i] * unit >= value)
				return steps[i] * unit;
	return value;
}

static int64_t top_of(const struct chart_bar *bars, size_t count)
{
	int64_t most = 1;
	for (size_t i = 0; i < count; i++)
		most = bar_sum(&bars[i]) > most ? bar_sum(&bars[i]) : most;
	return round_top(most);
}

static void add_span_text(struct buf *b, const struct chart_bar *bar, bool days, const struct show_style *style)
{
	add_clock(b, bar->from_at, days ? FACE_WEEKDAY : FACE_ALL, style);
	if (!days) {
		buf_add_text(b, "–");
		add_clock(b, bar->until_at, FACE_HOUR, style);
	}
}

static void add_bar_title(struct buf *b, const struct chart_bar *bar, bool days, const struct show_style *style)
{
	buf_add_text(b, "<title>");
	add_span_text(b, bar, days, style);
	for (int part = 0; part < CHART_PARTS; part++)
		if (bar->parts[part])
			buf_printf(b, "\n%" PRId64 " %s", bar->parts[part], part_names[part]);
	buf_add_text(b, "</title>");
}

static void add_bar(struct buf *b, const struct chart_bar *bar, size_t at, int64_t top, bool days,
		    const struct chart_link *link, const struct show_style *style)
{
	double y = HEIGHT;
	size_t x = at * BAR_STEP;
	if (!bar_sum(bar))
		return;
	begin_link(b, link, bar->from_at, bar->until_at);
	buf_add_text(b, "<g>");
	add_bar_title(b, bar, days, style);
	buf_printf(b, "<rect class=\"reach\" x=\"%zu\" y=\"0\" width=\"%d\" height=\"%d\"/>", x, BAR_STEP, HEIGHT);
	for (int part = 0; part < CHART_PARTS; part++) {
		double height = (double)bar->parts[part] * HEIGHT / (double)top;
		if (!bar->parts[part])
			continue;
		height = height < least_height ? least_height : height;
		y -= height;
		buf_printf(b, "<rect class=\"part-%s\" x=\"%zu\" y=\"%.2f\" width=\"%d\" height=\"%.2f\"/>",
			   part_names[part], x + 1, y, BAR_WIDTH, height);
	}
	buf_add_text(b, link ? "</g></a>" : "</g>");
}

static void add_legend(struct buf *b)
{
	buf_add_text(b, "<ul class=\"legend\" aria-hidden=\"true\">");
	for (int part = 0; part < CHART_PARTS; part++)
		buf_printf(
		    b,
		    "<li><svg viewBox=\"0 0 10 10\"><rect class=\"part-%s\" width=\"10\" height=\"10\" rx=\"2\"/></svg>%s</li>",
		    part_names[part], part == CHART_OPEN ? "received or processing" : part_names[part]);
	buf_add_text(b, "</ul>");
}

static void add_bar_table(struct buf *b, const struct chart_bar *bars, size_t count, bool days,
			  const struct chart_link *link, const struct show_style *style)
{
	buf_printf(
	    b,
	    "<details class=\"figures\"><summary>Figures</summary><div class=\"scroll\"><table><caption "
	    "class=\"unseen\">Deliveries by the %s of receipt</caption><thead><tr><th scope=\"col\">Received</th>",
	    days ? "day" : "hour");
	for (int part = 0; part < CHART_PARTS; part++)
		buf_printf(b, "<th scope=\"col\" class=\"number\">%s</th>", part_names[part]);
	buf_add_text(b, "</tr></thead><tbody>");
	for (size_t i = count; i-- > 0;) {
		if (!bar_sum(&bars[i]))
			continue;
		buf_add_text(b, "<tr><th scope=\"row\">");
		if (link) {
			buf_add_text(b, "<a href=\"");
			link->add(b, bars[i].from_at, bars[i].until_at, link->context);
			buf_add_text(b, "\">");
		}
		add_span_text(b, &bars[i], days, style);
		buf_add_text(b, link ? "</a></th>" : "</th>");
		for (int part = 0; part < CHART_PARTS; part++) {
			buf_add_text(b, "<td class=\"number\">");
			html_add_count(b, bars[i].parts[part]);
			buf_add_text(b, "</td>");
		}
		buf_add_text(b, "</tr>");
	}
	buf_add_text(b, "</tbody></table></div></details>");
}

/* Told apart without colour: each part stands at its place in the bar, failed ones are striped. */
static const char patterns[] =
    "<defs><pattern id=\"stripes\" width=\"4\" height=\"4\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
    "<rect class=\"part-ground\" width=\"4\" height=\"4\"/><rect class=\"part-line\" width=\"1.6\" height=\"4\"/></pattern></defs>";

void chart_add_bars(struct buf *b, const struct chart_bar *bars, size_t count, size_t labels, bool days,
		    const struct chart_link *link, const struct show_style *style)
{
	int64_t top = top_of(bars, count);
	buf_add_text(b, "<div class=\"bars\"><div class=\"scale\" aria-hidden=\"true\"><span>");
	html_add_count(b, top);
	buf_add_text(b, "</span><span>");
	html_add_count(b, top / 2);
	buf_add_text(b, "</span><span>0</span></div>");
	buf_printf(b,
		   "<svg role=\"img\" aria-label=\"Deliveries by the %s of receipt and by status; the figures follow\" "
		   "viewBox=\"0 0 %zu %d\" preserveAspectRatio=\"none\">%s",
		   days ? "day" : "hour", count * BAR_STEP, HEIGHT, patterns);
	for (int y = 0; y <= HEIGHT; y += HEIGHT / 2)
		buf_printf(b, "<line class=\"rule\" x1=\"0\" x2=\"%zu\" y1=\"%d\" y2=\"%d\"/>", count * BAR_STEP, y, y);
	for (size_t i = 0; i < count; i++)
		add_bar(b, &bars[i], i, top, days, link, style);
	buf_add_text(b, "</svg><div class=\"ticks\" aria-hidden=\"true\">");
	for (size_t i = 0; i < labels; i++) {
		buf_add_text(b, "<span>");
		add_clock(b, bars[i * (count / labels)].from_at, days ? FACE_DATE : FACE_HOUR, style);
		buf_add_text(b, "</span>");
	}
	buf_add_text(b, "</div></div>");
	add_legend(b);
	add_bar_table(b, bars, count, days, link, style);
}

/* ---- heat ---- */

static int64_t most_failed(const struct chart_day *days, size_t count)
{
	int64_t most = 0;
	for (size_t day = 0; day < count; day++)
		for (int hour = 0; hour < CHART_DAY_HOURS; hour++)
			most = days[day].failed[hour] > most ? days[day].failed[hour] : most;
	return most;
}

/* Quarters of the most, where that is more than a handful; a single failure is never shown as none. */
static int heat_level(int64_t failed, int64_t most)
{
	if (most < HEAT_LEVELS)
		most = HEAT_LEVELS;
	return failed ? (int)((failed * HEAT_LEVELS + most - 1) / most) : 0;
}

static void add_heat_cell(struct buf *b, const struct chart_day *day, size_t row, int hour, int64_t most,
			  const struct chart_link *link, const struct show_style *style)
{
	int64_t failed = day->failed[hour];
	if (!day->hour_at[hour])
		return;
	if (failed) {
		begin_link(b, link, day->hour_at[hour], day->hour_at[hour] + CLOCK_HOUR);
		buf_add_text(b, "<g><title>");
		add_clock(b, day->hour_at[hour], FACE_ALL, style);
		buf_printf(b, ": %" PRId64 " failed or retrying</title>", failed);
	}
	buf_printf(b, "<rect class=\"heat-%d\" x=\"%d\" y=\"%zu\" width=\"9\" height=\"9\"/>", heat_level(failed, most),
		   hour * BAR_STEP, row * BAR_STEP);
	if (failed)
		buf_add_text(b, link ? "</g></a>" : "</g>");
}

static void add_heat_table(struct buf *b, const struct chart_day *days, size_t count, const struct show_style *style)
{
	buf_add_text(
	    b, "<details class=\"figures\"><summary>Figures</summary><div class=\"scroll\"><table><caption "
	       "class=\"unseen\">Failed or retrying, by day and hour of receipt</caption><thead><tr><th scope=\"col\">"
	       "Day</th>");
	for (int hour = 0; hour < CHART_DAY_HOURS; hour++)
		buf_printf(b, "<th scope=\"col\" class=\"number\">%02d</th>", hour);
	buf_add_text(b, "</tr></thead><tbody>");
	for (size_t row = 0; row < count; row++) {
		buf_add_text(b, "<tr><th scope=\"row\">");
		add_clock(b, days[row].at, FACE_WEEKDAY, style);
		buf_add_text(b, "</th>");
		for (int hour = 0; hour < CHART_DAY_HOURS; hour++) {
			buf_add_text(b, "<td class=\"number\">");
			if (days[row].hour_at[hour])
				html_add_count(b, days[row].failed[hour]);
			buf_add_text(b, "</td>");
		}
		buf_add_text(b, "</tr>");
	}
	buf_add_text(b, "</tbody></table></div></details>");
}

void chart_add_heat(struct buf *b, const struct chart_day *days, size_t count, const struct chart_link *link,
		    const struct show_style *style)
{
	int64_t most = most_failed(days, count);
	buf_add_text(b, "<div class=\"heat\"><div class=\"days\" aria-hidden=\"true\">");
	for (size_t row = 0; row < count; row++) {
		buf_add_text(b, "<span>");
		add_clock(b, days[row].at, FACE_WEEKDAY, style);
		buf_add_text(b, "</span>");
	}
	buf_printf(
	    b,
	    "</div><svg role=\"img\" aria-label=\"Failed or retrying, by day and hour of receipt, at most %" PRId64
	    " in an hour; the figures follow\" viewBox=\"0 0 %d %zu\" preserveAspectRatio=\"none\">",
	    most, CHART_DAY_HOURS * BAR_STEP - 1, count * BAR_STEP - 1);
	for (size_t row = 0; row < count; row++)
		for (int hour = 0; hour < CHART_DAY_HOURS; hour++)
			add_heat_cell(b, &days[row], row, hour, most, link, style);
	buf_add_text(b, "</svg><div class=\"ticks\" aria-hidden=\"true\"><span>00</span><span>06</span><span>12</span>"
			"<span>18</span></div></div>");
	add_heat_table(b, days, count, style);
}
