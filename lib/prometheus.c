/* SPDX-License-Identifier: MIT */
#include "prometheus.h"

#include <inttypes.h>

#include "facts.h"
#include "history.h"
#include "verdict.h"

/* One metric's samples, each appended where its label and value are at hand. */
struct samples {
	struct buf *b;
	const char *name;
	int64_t now;
};

static void begin(struct samples *s, const char *name, const char *type, const char *help)
{
	s->name = name;
	buf_printf(s->b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_label(struct buf *b, const char *name, struct slice value)
{
	struct buf visible = BUF_INIT;
	if (value.ptr)
		show_add_line(&visible, value);
	buf_printf(b, "%s=\"", name);
	for (size_t i = 0; i < visible.len; i++) {
		if (visible.data[i] == '\\' || visible.data[i] == '"')
			buf_add_char(b, '\\');
		buf_add_char(b, visible.data[i]);
	}
	buf_add_char(b, '"');
	b->failed = b->failed || visible.failed;
	buf_free(&visible);
}

/* name{label="value"} n; an empty label: none. */
static void add(struct samples *s, const char *label, struct slice value, int64_t n)
{
	buf_add_text(s->b, s->name);
	if (*label) {
		buf_add_char(s->b, '{');
		add_label(s->b, label, value);
		buf_add_char(s->b, '}');
	}
	buf_printf(s->b, " %" PRId64 "\n", n);
}

static bool add_ever(const struct journal_ever *ever, void *context)
{
	struct samples *s = context;
	buf_printf(s->b, "%s{", s->name);
	add_label(s->b, "destination", ever->destination);
	buf_add_char(s->b, ',');
	add_label(s->b, "source", ever->source);
	buf_printf(s->b, ",status=\"%s\"} %" PRId64 "\n", journal_status_name(ever->status), ever->count);
	return true;
}

static void add_sources(struct samples *s, const struct facts *f)
{
	begin(s, "evt_events_total", "counter", "Events taken into the journal.");
	for (size_t i = 0; i < f->arrival_count; i++)
		add(s, "source", f->arrivals[i].source, f->arrivals[i].ever);
	begin(s, "evt_event_last_received_timestamp_seconds", "gauge", "When the last event came.");
	for (size_t i = 0; i < f->arrival_count; i++)
		add(s, "source", f->arrivals[i].source, f->arrivals[i].last_at / 1000);
}

static int64_t waiting(const struct facts_destination *to, int64_t now)
{
	(void)now;
	return to->backlog.waiting;
}

static int64_t processing(const struct facts_destination *to, int64_t now)
{
	(void)now;
	return to->backlog.processing;
}

static int64_t oldest(const struct facts_destination *to, int64_t now)
{
	return to->backlog.processing_since ? (now - to->backlog.processing_since) / 1000 : 0;
}

static int64_t breaker(const struct facts_destination *to, int64_t now)
{
	(void)now;
	return to->health.open_until != 0;
}

static int64_t in_a_row(const struct facts_destination *to, int64_t now)
{
	(void)now;
	return to->course.in_a_row;
}

static void add_destinations(struct samples *s, const struct facts *f)
{
	static const struct {
		const char *name, *help;
		int64_t (*of)(const struct facts_destination *to, int64_t now);
	} gauges[] = {
	    {"evt_deliveries_waiting", "Deliveries not ended: received, processing or retrying.", waiting},
	    {"evt_deliveries_processing", "Of these, those that a pipeline has.", processing},
	    {"evt_processing_oldest_seconds", "How long a pipeline has had the oldest of these.", oldest},
	    {"evt_breaker_open", "1 while deliveries are held because the destination failed too often.", breaker},
	    {"evt_deliveries_failing_in_a_row", "Failed since one was delivered, in the last 24 hours.", in_a_row},
	};
	for (size_t g = 0; g < sizeof gauges / sizeof gauges[0]; g++) {
		begin(s, gauges[g].name, "gauge", gauges[g].help);
		for (size_t i = 0; i < f->destination_count; i++)
			if (f->destinations[i].name.ptr)
				add(s, "destination", f->destinations[i].name,
				    gauges[g].of(&f->destinations[i], s->now));
	}
}

static void add_refused(struct samples *s, const struct facts *f)
{
	begin(s, "evt_requests_refused_lately", "gauge",
	      "Requests turned away in this hour of the clock and the two before.");
	add(s, "", SLICE_NONE, f->refused);
}

static bool add_repeat(const struct journal_repeat *repeat, void *context)
{
	add(context, "source", repeat->source, repeat->count);
	return true;
}

static int add_repeats(struct samples *s, struct journal *j, struct diag *d)
{
	begin(s, "evt_events_repeated_lately", "gauge",
	      "Events of the last 24 hours whose payload had come before under another id that no signature covers.");
	return journal_repeats(j, s->now - FACTS_SPAN_MS, add_repeat, s, d);
}

static void add_journal(struct samples *s, const struct facts *f)
{
	begin(s, "evt_journal_bytes", "gauge", "Size of the journal, of its free pages and of its write-ahead log.");
	add(s, "part", SLICE("file"), f->size.file);
	add(s, "part", SLICE("free"), f->size.free);
	add(s, "part", SLICE("wal"), f->size.wal);
}

static void add_verdict(struct samples *s, const struct facts *f)
{
	struct verdict verdict;
	int64_t by_severity[VERDICT_UNKNOWN] = {0};
	verdict_judge(f, &verdict);
	for (size_t i = 0; i < verdict.count; i++)
		by_severity[verdict.findings[i].severity]++;
	begin(s, "evt_verdict", "gauge", "What evt-status --check says: 0 ok, 1 warning, 2 critical.");
	add(s, "", SLICE_NONE, verdict.severity);
	begin(s, "evt_findings", "gauge", "Findings of evt-status --check.");
	for (int severity = VERDICT_OK; severity < VERDICT_UNKNOWN; severity++)
		add(s, "severity", slice_of(verdict_severity_name((enum verdict_severity)severity)),
		    by_severity[severity]);
}

int prometheus_write(FILE *out, struct journal *j, int64_t now, struct diag *d)
{
	struct facts facts;
	struct buf b = BUF_INIT;
	struct samples s = {.b = &b, .now = now};
	int result = facts_gather(&facts, j, now, d);
	begin(
	    &s, "evt_deliveries_total", "counter",
	    "How often deliveries came into a status: received counts each once, retrying each attempt to be repeated.");
	if (result == 0)
		result = journal_evers(j, add_ever, &s, d);
	if (result == 0) {
		add_sources(&s, &facts);
		add_destinations(&s, &facts);
		add_refused(&s, &facts);
		result = add_repeats(&s, j, d);
	}
	if (result == 0) {
		add_journal(&s, &facts);
		add_verdict(&s, &facts);
		result = history_flush(&b, out, d);
	}
	facts_free(&facts);
	buf_free(&b);
	return result;
}
