/* SPDX-License-Identifier: MIT */
#include "monitor.h"

#include <poll.h>
#include <time.h>

#include "clock.h"
#include "history.h"

static void write_unknown(struct buf *b, bool json, const struct diag *d)
{
	if (!json) {
		buf_printf(b, "EVT UNKNOWN - %s\n", d->text);
		return;
	}
	buf_add_text(b, "{\"severity\":\"UNKNOWN\",\"findings\":[],\"error\":");
	show_add_json(b, slice_of(d->text));
	buf_add_text(b, "}\n");
}

static void write_known(struct buf *b, bool json, const struct facts *facts, const struct verdict *verdict,
			const struct show_style *style)
{
	if (!json) {
		verdict_write(b, verdict, facts, style);
		return;
	}
	verdict_write_json(b, verdict);
	buf_add_char(b, '\n');
}

enum verdict_severity monitor_check(const char *path, bool json, const struct show_style *style, FILE *out)
{
	struct diag d;
	struct facts facts = {.now = 0};
	struct verdict verdict = {.severity = VERDICT_UNKNOWN};
	struct buf b = BUF_INIT;
	struct journal *j = journal_open(path, JOURNAL_READ, &d);
	if (j && facts_gather(&facts, j, style->now, &d) == 0) {
		verdict_judge(&facts, &verdict);
		write_known(&b, json, &facts, &verdict, style);
	} else {
		write_unknown(&b, json, &d);
	}
	if (history_flush(&b, out, &d) < 0)
		verdict.severity = VERDICT_UNKNOWN;
	journal_close(j);
	facts_free(&facts);
	buf_free(&b);
	return verdict.severity;
}

/* ---- follow ---- */

enum { JUDGE_EVERY_MS = 60 * 1000, JUDGE_AT_MOST_EVERY_MS = 1000 };

/* A finding that has been told: its name and whose it is, without what changes all the time. */
struct told {
	struct buf key;
	enum verdict_severity severity;
	bool still;
};

struct following {
	struct journal *j;
	struct show_style style;
	FILE *out;
	struct told told[VERDICT_FINDINGS];
	size_t count;
	struct buf b;
};

static void add_key(struct buf *b, const struct finding *finding)
{
	buf_add_text(b, finding->name);
	if (finding->destination.ptr) {
		buf_add_text(b, " to ");
		show_add_line(b, finding->destination);
	}
	if (finding->source.ptr) {
		buf_add_text(b, " from ");
		show_add_line(b, finding->source);
	}
}

static struct told *find_told(struct following *f, struct slice key)
{
	for (size_t i = 0; i < f->count; i++)
		if (slice_equal(buf_slice(&f->told[i].key), key))
			return &f->told[i];
	return NULL;
}

static void tell(struct following *f, const struct finding *finding)
{
	struct buf key = BUF_INIT;
	add_key(&key, finding);
	struct told *told = find_told(f, buf_slice(&key));
	bool news = !told || told->severity != finding->severity;
	if (!told && f->count < VERDICT_FINDINGS) {
		told = &f->told[f->count++];
		*told = (struct told){.key = key};
		key = BUF_INIT;
	}
	if (told) {
		told->severity = finding->severity;
		told->still = true;
	}
	if (news && told) {
		show_add_time(&f->b, f->style.now, &f->style);
		buf_add_text(&f->b, " found ");
		verdict_write_finding(&f->b, finding, &f->style);
	}
	buf_free(&key);
}

static void tell_cleared(struct following *f)
{
	size_t kept = 0;
	for (size_t i = 0; i < f->count; i++) {
		if (f->told[i].still) {
			f->told[kept++] = f->told[i];
			continue;
		}
		show_add_time(&f->b, f->style.now, &f->style);
		buf_add_text(&f->b, " cleared ");
		buf_add_slice(&f->b, buf_slice(&f->told[i].key));
		buf_add_char(&f->b, '\n');
		buf_free(&f->told[i].key);
	}
	f->count = kept;
}

static int judge_once(struct following *f, struct diag *d)
{
	struct facts facts;
	struct verdict verdict;
	f->style.now = clock_now();
	int result = facts_gather(&facts, f->j, f->style.now, d);
	if (result == 0) {
		verdict_judge(&facts, &verdict);
		for (size_t i = 0; i < f->count; i++)
			f->told[i].still = false;
		for (size_t i = 0; i < verdict.count; i++)
			if (verdict.findings[i].severity != VERDICT_OK)
				tell(f, &verdict.findings[i]);
		tell_cleared(f);
		if (f->b.len || f->b.failed)
			result = history_flush(&f->b, f->out, d);
	}
	facts_free(&facts);
	return result;
}

/* Until the journal has changed, or a minute has passed. False when the reader has gone. The pause comes behind the change: what woke
 * us is seen in the WAL before its commit can be read, and a reader cannot wait for the writer's lock. */
static bool wait_for_change(struct following *f)
{
	const struct timespec pause = {JUDGE_AT_MOST_EVERY_MS / 1000, 0};
	struct pollfd fds[] = {{.fd = fileno(f->out), .events = 0}, {.fd = journal_watch(f->j), .events = POLLIN}};
	poll(fds, 2, JUDGE_EVERY_MS);
	journal_watched(f->j);
	nanosleep(&pause, NULL);
	return !(fds[0].revents & (POLLERR | POLLHUP));
}

int monitor_follow(const char *path, const struct show_style *style, FILE *out, struct diag *d)
{
	struct following f = {.style = *style, .out = out, .j = journal_open(path, JOURNAL_READ, d)};
	int result = f.j ? 0 : -1;
	if (f.j)
		journal_watch(f.j); /* from before the first look on, or what is written meanwhile is missed */
	while (result == 0) {
		result = judge_once(&f, d);
		if (result == 0 && !wait_for_change(&f))
			break;
	}
	for (size_t i = 0; i < f.count; i++)
		buf_free(&f.told[i].key);
	buf_free(&f.b);
	journal_close(f.j);
	return result;
}
