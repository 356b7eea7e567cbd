/* SPDX-License-Identifier: MIT */
#include "verdict.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	ROW_SURE = 10,      /* that many failures in a row are no chance */
	ROW_SUSPECT = 5,    /* these are none either when nothing was delivered within the hour */
	ROW_SAME = 3,       /* and these when all have the same error */
	SPIKE_LEAST = 10,   /* failures in an hour */
	SPIKE_TIMES = 3,    /* as many as in the usual hour */
	SPIKE_SHARE = 10,   /* percent of what was done in that hour */
	QUIET_EARLIER = 5,  /* events of a source in the same hours of each of two earlier weeks */
	PATTERN_DAYS = 3,   /* on that many of seven days */
	PATTERN_LEAST = 5,  /* attempts that failed in that hour */
	PATTERN_TIMES = 3,  /* as many as in the usual hour of the day */
	OPEN_LONG_HOURS = 1 /* a breaker open for longer is critical */
};

static const char *const severities[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

const char *verdict_severity_name(enum verdict_severity severity)
{
	return severities[severity];
}

static void add(struct verdict *v, struct finding finding)
{
	if (v->count < VERDICT_FINDINGS)
		v->findings[v->count++] = finding;
	if (finding.severity > v->severity)
		v->severity = finding.severity;
}

/* ---- the errors of one destination ---- */

static bool concerns(const struct journal_trouble *trouble, const struct facts_destination *to)
{
	return !trouble->destination.ptr == !to->name.ptr && slice_equal(trouble->destination, to->name);
}

/* The error that stands most often in the row of failures (or in all of them, `in_a_row` false). NULL: there is none. */
static const struct journal_trouble *main_trouble(const struct facts *f, const struct facts_destination *to,
						  bool in_a_row)
{
	const struct journal_trouble *found = NULL;
	for (size_t i = 0; i < f->trouble_count; i++) {
		const struct journal_trouble *trouble = &f->troubles[i];
		if (concerns(trouble, to) && (!found || (in_a_row && trouble->in_a_row > found->in_a_row)))
			found = trouble;
	}
	return found;
}

static int http_status(struct slice code)
{
	if (code.len != 8 || memcmp(code.ptr, "http-", 5) != 0)
		return 0;
	return (int)strtol(code.ptr + 5, NULL, 10);
}

/* Did the destination, or a map, say no to the data? Everything else is about reaching it. */
static bool refuses_data(struct slice code)
{
	int status = http_status(code);
	if (status)
		return status >= 400 && status < 500 && status != 401 && status != 403 && status != 404 &&
		       status != 407 && status != 408 && status != 410 && status != 425 && status != 429;
	return slice_is(code, "map") || slice_is(code, "filter") || slice_is(code, "source") ||
	       slice_is(code, "address");
}

/* What most likely happened to a destination whose deliveries all end with this code. */
static const char *advice_for(struct slice code)
{
	int status = http_status(code);
	if (status == 401 || status == 403 || status == 407)
		return "The credentials were changed or revoked: put new ones into the destination's secret file; what "
		       "waits is sent by itself.";
	if (status == 404 || status == 410)
		return "The address or the version of the destination's API has changed: correct its url, then run "
		       "evt-retry --failed.";
	if (status == 429)
		return "The destination takes fewer requests than are sent: lower its rate.";
	if (refuses_data(code))
		return "The data no longer fit: the source or the destination has changed its format. Correct the map, "
		       "then run evt-retry --failed.";
	if (slice_is(code, "tls"))
		return "The destination's certificate is not accepted: it has expired or was changed, or this clock is wrong.";
	if (slice_is(code, "dns"))
		return "The destination's host name cannot be resolved: look at its url and at this host's resolver.";
	return "The destination is out of service or cannot be reached from here; what waits is sent when it is back.";
}

/* A finding about deliveries that share an error. */
static struct finding about(const char *name, enum verdict_severity severity, const struct facts_destination *to,
			    const struct journal_trouble *trouble, int64_t count, const char *what)
{
	struct finding finding = {
	    .name = name, .severity = severity, .destination = to->name, .count = count, .what = what};
	if (trouble) {
		finding.first_id = trouble->first_id;
		finding.last_id = trouble->last_id;
		finding.first_at = trouble->first_at;
		finding.last_at = trouble->last_at;
		finding.error = trouble->error;
	}
	return finding;
}

/* ---- rules about how deliveries went: each is true when it has found something ---- */

static bool judge_all_failing(const struct facts *f, const struct facts_destination *to, struct verdict *v)
{
	const struct journal_course *c = &to->course;
	bool sure = c->in_a_row >= ROW_SURE || (c->in_a_row >= ROW_SUSPECT && c->delivered_by_hour[0] == 0);
	if (!sure || c->last_troubled_at <= f->now - CLOCK_HOUR)
		return false;
	const struct journal_trouble *main = main_trouble(f, to, true);
	struct finding finding = about("all-failing", VERDICT_CRITICAL, to, main, c->in_a_row,
				       "failed in a row, none was delivered between");
	finding.first_at = c->first_in_a_row_at;
	finding.last_at = c->last_troubled_at;
	if (main && main->first_at != finding.first_at) /* another error began the row, or this one stood before it */
		finding.first_id = SLICE_NONE;
	if (main && main->last_at != finding.last_at)
		finding.last_id = SLICE_NONE;
	finding.advice = main ? advice_for(main->code) : NULL;
	add(v, finding);
	return true;
}

static int by_size(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

/* The median of the other hours: an outage that lasts does not become the usual. */
static int64_t usual_trouble(const struct journal_course *c, int hour)
{
	int64_t others[JOURNAL_HOURS - 1];
	size_t count = 0;
	for (int i = 0; i < JOURNAL_HOURS; i++)
		if (i != hour)
			others[count++] = c->troubled_by_hour[i];
	qsort(others, count, sizeof *others, by_size);
	return others[count / 2];
}

static bool is_spike(const struct journal_course *c, int hour)
{
	int64_t troubled = c->troubled_by_hour[hour], all = troubled + c->delivered_by_hour[hour];
	return troubled >= SPIKE_LEAST && troubled >= SPIKE_TIMES * usual_trouble(c, hour) &&
	       troubled * 100 >= SPIKE_SHARE * all;
}

static bool judge_spike(const struct facts *f, const struct facts_destination *to, struct verdict *v)
{
	const struct journal_course *c = &to->course;
	int hour = 0;
	while (hour < JOURNAL_HOURS && !is_spike(c, hour))
		hour++;
	if (hour == JOURNAL_HOURS)
		return false;
	struct finding finding = about("spike", hour ? VERDICT_WARNING : VERDICT_CRITICAL, to,
				       main_trouble(f, to, false), c->troubled_by_hour[hour],
				       hour ? "failed within one hour, far more than usual; it is over"
					    : "failed within the last hour, far more than usual");
	finding.advice =
	    hour ? "Look at what failed then with evt-status --status failed, and send it again with "
		   "evt-retry --failed."
		 : "Look at the errors with evt-status --summary; the destination or the data have changed.";
	add(v, finding);
	return true;
}

static bool judge_same_error(const struct facts *f, const struct facts_destination *to, struct verdict *v)
{
	const struct journal_course *c = &to->course;
	const struct journal_trouble *main = main_trouble(f, to, true);
	if (!main || c->in_a_row < ROW_SAME || main->in_a_row != c->in_a_row)
		return false;
	struct finding finding =
	    about("same-error", VERDICT_WARNING, to, main, c->in_a_row, "in a row failed with the same error");
	finding.advice = advice_for(main->code);
	add(v, finding);
	return true;
}

static bool judge_rejected(const struct facts *f, const struct facts_destination *to, struct verdict *v)
{
	struct finding finding = {.name = NULL};
	for (size_t i = 0; i < f->trouble_count; i++) {
		const struct journal_trouble *t = &f->troubles[i];
		if (!concerns(t, to) || !t->failed || !refuses_data(t->code))
			continue;
		if (!finding.name)
			finding =
			    about("rejected", VERDICT_WARNING, to, t, 0, "failed because their data were refused");
		finding.count += t->failed;
		if (t->first_at < finding.first_at) {
			finding.first_at = t->first_at;
			finding.first_id = t->first_id;
		}
		if (t->last_at > finding.last_at) {
			finding.last_at = t->last_at;
			finding.last_id = t->last_id;
		}
	}
	if (!finding.name)
		return false;
	finding.advice = "Correct the record at its source, or the map; then evt-retry ID sends it again.";
	add(v, finding);
	return true;
}

/* On how many of the days before this hour of the clock had far more failures than that day usually has in an hour. */
static int pattern_days(const struct journal_course *c, int hour)
{
	int days = 0;
	for (int day = 0; day < JOURNAL_DAYS; day++) {
		int64_t hours[24], here = c->failures[day][hour];
		if (here < PATTERN_LEAST)
			continue;
		memcpy(hours, c->failures[day], sizeof hours);
		qsort(hours, 24, sizeof *hours, by_size);
		days += here >= PATTERN_TIMES * hours[12];
	}
	return days;
}

static void judge_daily_pattern(const struct facts *f, const struct facts_destination *to, struct verdict *v)
{
	const struct journal_course *c = &to->course;
	int worst = 0, most = 0;
	for (int hour = 0; hour < 24; hour++)
		if (pattern_days(c, hour) > most) {
			most = pattern_days(c, hour);
			worst = hour;
		}
	if (most < PATTERN_DAYS)
		return;
	struct finding finding = about("daily-pattern", VERDICT_WARNING, to, NULL, 0,
				       "attempts failed in the same hour of the day on several of the last 7 days");
	for (int day = 0; day < JOURNAL_DAYS; day++) {
		int64_t at = (f->now / CLOCK_HOUR - 24 * day - worst) * CLOCK_HOUR;
		finding.count += c->failures[day][worst];
		if (c->failures[day][worst] < PATTERN_LEAST)
			continue;
		finding.first_at = at;
		finding.last_at = finding.last_at ? finding.last_at : at;
	}
	finding.advice =
	    "Something happens at that hour: a maintenance window, a backup, a batch of the sender, a quota that "
	    "runs out. Ask the destination, or lower its rate.";
	add(v, finding);
}

static void judge_scattered(const struct facts *f, const struct facts_destination *to, struct verdict *v)
{
	if (to->course.troubled)
		add(v, about("scattered", VERDICT_OK, to, main_trouble(f, to, false), to->course.troubled,
			     "failed or wait to be tried again, here and there among those delivered"));
}

static void judge_recovering(const struct facts_destination *to, struct verdict *v)
{
	const struct journal_course *c = &to->course;
	if (!c->recovered)
		return;
	struct finding finding =
	    about("recovering", VERDICT_OK, to, NULL, c->recovered, "were delivered after more than one attempt");
	finding.last_at = c->last_recovered_at;
	add(v, finding);
}

static void judge_course(const struct facts *f, const struct facts_destination *to, struct verdict *v)
{
	if (judge_all_failing(f, to, v))
		return;
	bool spike = judge_spike(f, to, v), same = judge_same_error(f, to, v), rejected = judge_rejected(f, to, v);
	if (!spike && !same && !rejected)
		judge_scattered(f, to, v);
	judge_recovering(to, v);
}

/* ---- rules about what is open ---- */

static void judge_stuck(const struct facts_destination *to, struct verdict *v)
{
	if (!to->backlog.stuck)
		return;
	struct finding finding =
	    about("stuck", VERDICT_WARNING, to, NULL, to->backlog.stuck, "in processing for more than 15 minutes");
	finding.first_id = to->backlog.processing_id;
	finding.first_at = to->backlog.processing_since;
	finding.advice =
	    "A pipeline has died or hangs. evt-retry takes them up when their leases end: see that it runs.";
	add(v, finding);
}

/* Nobody takes what is due, although the breaker would let it pass. */
static void judge_unclaimed(const struct facts *f, const struct facts_destination *to, struct verdict *v)
{
	const struct journal_backlog *b = &to->backlog;
	int64_t lately = f->now - JOURNAL_LEASE_MS;
	if (!b->late || to->health.open_until || b->last_claimed_at > lately || to->course.last_delivered_at > lately ||
	    to->course.last_troubled_at > lately)
		return;
	struct finding finding =
	    about("unclaimed", VERDICT_CRITICAL, to, NULL, b->late,
		  b->late < JOURNAL_LATE_MOST ? "due for more than 15 minutes, and no pipeline takes them"
					      : "or more due for more than 15 minutes, and no pipeline takes them");
	finding.first_at = b->late_since;
	finding.advice = "See that evt-retry runs, and that the destination's file is there and sound.";
	add(v, finding);
}

static void judge_lapsed(const struct facts_destination *to, struct verdict *v)
{
	if (!to->backlog.lapsed)
		return;
	struct finding finding = about("lapsed", VERDICT_WARNING, to, NULL, to->backlog.lapsed,
				       "were claimed by a pipeline that never sent them");
	finding.first_id = to->backlog.lapsed_id;
	finding.advice = "A stage between evt-retry or evt-receive and evt-deliver loses lines, or was killed.";
	add(v, finding);
}

static void judge_breaker(const struct facts *f, const struct facts_destination *to, struct verdict *v)
{
	if (!to->health.open_until)
		return;
	bool long_open = to->health.opened_at < f->now - OPEN_LONG_HOURS * CLOCK_HOUR;
	struct finding finding =
	    about("breaker", long_open ? VERDICT_CRITICAL : VERDICT_WARNING, to, main_trouble(f, to, true),
		  to->backlog.waiting, "held back, because the destination failed too often in a row");
	finding.first_at = to->health.opened_at;
	finding.last_at = 0;
	finding.first_id = finding.last_id = SLICE_NONE;
	finding.advice = "It is tried again by itself, and what waits is sent when it answers.";
	add(v, finding);
}

/* ---- rules about receipt ---- */

static bool is_silent(const struct journal_arrival *a)
{
	return !a->lately && a->week_ago >= QUIET_EARLIER && a->two_weeks_ago >= QUIET_EARLIER;
}

static void judge_receipt(const struct facts *f, struct verdict *v)
{
	struct finding quiet = {.name = "quiet",
				.severity = VERDICT_OK,
				.what = "events received in the last 2 hours, as may be at this hour"};
	bool any = false, silent = false;
	for (size_t i = 0; i < f->arrival_count; i++) {
		const struct journal_arrival *a = &f->arrivals[i];
		any = any || a->lately;
		quiet.last_at = a->last_at > quiet.last_at ? a->last_at : quiet.last_at;
		if (!is_silent(a))
			continue;
		silent = true;
		add(v,
		    (struct finding){
			.name = "silent",
			.severity = VERDICT_WARNING,
			.source = a->source,
			.last_at = a->last_at,
			.what = "events received in the last 2 hours, but some in the same hours of the last two weeks",
			.advice =
			    f->refused
				? "Requests were refused at the door in the last hours: evt-status --summary says why."
				: "No request was refused either: see that evt-receive runs and can be reached, and "
				  "whether the sender still sends."});
	}
	if (any || silent || !(f->arrival_count || f->refused))
		return;
	if (f->refused) {
		quiet.name = "silent";
		quiet.severity = VERDICT_WARNING;
		quiet.count = f->refused;
		quiet.what = "requests were refused at the door in the last hours, and no event was received";
		quiet.advice =
		    "evt-status --summary says by which source and for what cause; mostly a secret that was changed on one "
		    "side alone.";
	}
	add(v, quiet);
}

/* ---- the verdict ---- */

static int worst_first(const void *a, const void *b)
{
	const struct finding *left = a, *right = b;
	return (left->severity < right->severity) - (left->severity > right->severity);
}

void verdict_judge(const struct facts *f, struct verdict *v)
{
	v->severity = VERDICT_OK;
	v->count = 0;
	for (size_t i = 0; i < f->destination_count; i++) {
		const struct facts_destination *to = &f->destinations[i];
		judge_course(f, to, v);
		judge_daily_pattern(f, to, v);
		judge_stuck(to, v);
		judge_unclaimed(f, to, v);
		judge_lapsed(to, v);
		judge_breaker(f, to, v);
	}
	judge_receipt(f, v);
	qsort(v->findings, v->count, sizeof v->findings[0], worst_first);
}

/* ---- in words ---- */

/* Behind a bar a monitor reads performance data: none may come from an error text. */
static void add_words(struct buf *b, struct slice text)
{
	size_t from = b->len;
	show_add_line(b, text);
	for (char *bar = b->data; bar && (bar = memchr(b->data + from, '|', b->len - from));)
		*bar = '/';
}

static void add_when(struct buf *b, const char *word, int64_t at, struct slice id, const struct show_style *style)
{
	if (!at && !id.ptr)
		return;
	buf_printf(b, ", %s", word);
	if (at) {
		buf_add_char(b, ' ');
		show_add_time(b, at, style);
	}
	if (id.ptr) {
		buf_add_text(b, " (");
		add_words(b, id);
		buf_add_char(b, ')');
	}
}

void verdict_write_finding(struct buf *b, const struct finding *finding, const struct show_style *style)
{
	buf_printf(b, "%s %s", finding->name, verdict_severity_name(finding->severity));
	if (finding->destination.ptr) {
		buf_add_text(b, " to ");
		add_words(b, finding->destination);
	}
	if (finding->source.ptr) {
		buf_add_text(b, " from ");
		add_words(b, finding->source);
	}
	buf_printf(b, ": %" PRId64 " %s", finding->count, finding->what);
	add_when(b, "first", finding->first_at, finding->first_id, style);
	add_when(b, "last", finding->last_at, finding->last_id, style);
	if (finding->error.ptr) {
		buf_add_text(b, ", error: ");
		add_words(b, finding->error);
	}
	buf_add_text(b, ".");
	if (finding->advice)
		buf_printf(b, " %s", finding->advice);
	buf_add_char(b, '\n');
}

static void write_performance(struct buf *b, const struct facts *f)
{
	int64_t waiting = 0, open = 0;
	for (size_t i = 0; i < f->destination_count; i++) {
		waiting += f->destinations[i].backlog.waiting;
		open += f->destinations[i].health.open_until != 0;
	}
	for (int i = 0; i < JOURNAL_STATUSES; i++)
		buf_printf(b, "%s=%" PRId64 " ", journal_status_name((enum journal_status)i), f->tally.by_status[i]);
	buf_printf(b, "waiting=%" PRId64 " breakers_open=%" PRId64 " journal=%" PRId64 "B\n", waiting, open,
		   f->size.file + f->size.wal);
}

size_t verdict_add_names(struct buf *b, const struct verdict *v)
{
	size_t named = 0;
	for (size_t i = 0; i < v->count; i++) {
		const struct finding *finding = &v->findings[i];
		if (finding->severity == VERDICT_OK)
			continue;
		struct slice whose = finding->destination.ptr ? finding->destination : finding->source;
		buf_printf(b, "%s%s", named++ ? ", " : "", finding->name);
		if (whose.ptr) {
			buf_add_text(b, " (");
			add_words(b, whose);
			buf_add_char(b, ')');
		}
	}
	return named;
}

void verdict_write(struct buf *b, const struct verdict *v, const struct facts *f, const struct show_style *style)
{
	buf_printf(b, "EVT %s - ", verdict_severity_name(v->severity));
	if (verdict_add_names(b, v) == 0)
		buf_printf(b, "%" PRId64 " delivered, %" PRId64 " failed, %" PRId64 " retrying in the last 24 h",
			   f->tally.by_status[JOURNAL_DELIVERED], f->tally.by_status[JOURNAL_FAILED],
			   f->tally.by_status[JOURNAL_RETRYING]);
	buf_add_text(b, " | ");
	write_performance(b, f);
	for (size_t i = 0; i < v->count; i++)
		verdict_write_finding(b, &v->findings[i], style);
}

static void add_member(struct buf *b, const char *name, struct slice text)
{
	buf_printf(b, ",\"%s\":", name);
	show_add_json(b, text);
}

static void write_finding_json(struct buf *b, const struct finding *finding)
{
	buf_printf(b, "{\"name\":\"%s\",\"severity\":\"%s\",\"count\":%" PRId64, finding->name,
		   verdict_severity_name(finding->severity), finding->count);
	add_member(b, "what", slice_of(finding->what));
	add_member(b, "destination", finding->destination);
	add_member(b, "source", finding->source);
	add_member(b, "error", finding->error);
	add_member(b, "first_id", finding->first_id);
	add_member(b, "last_id", finding->last_id);
	buf_add_text(b, ",\"first_at\":");
	show_add_json_time(b, finding->first_at);
	buf_add_text(b, ",\"last_at\":");
	show_add_json_time(b, finding->last_at);
	add_member(b, "advice", slice_of(finding->advice));
	buf_add_char(b, '}');
}

void verdict_write_json(struct buf *b, const struct verdict *v)
{
	buf_printf(b, "{\"severity\":\"%s\",\"findings\":[", verdict_severity_name(v->severity));
	for (size_t i = 0; i < v->count; i++) {
		buf_add_text(b, i ? "," : "");
		write_finding_json(b, &v->findings[i]);
	}
	buf_add_text(b, "]}");
}
