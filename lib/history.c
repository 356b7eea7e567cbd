/* SPDX-License-Identifier: MIT */
#include "history.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "filter.h"
#include "table.h"

enum { FLUSH_BYTES = 64 * 1024 };

/* ---- the table ---- */

enum { RECEIVED, ID, TYPE, SUBJECT, STATUS, DESTINATION, RECORD, TRIES, NEXT, ERROR, COLUMNS };

static const struct table_column columns[COLUMNS] = {
    [RECEIVED] = {"RECEIVED", "RECEIVED", .least = 0},
    [ID] = {"ID", "ID", .below = true},
    [TYPE] = {"TYPE", "TYPE", .least = 10},
    [SUBJECT] = {"SUBJECT", "SUBJECT", .least = 10},
    [STATUS] = {"STATUS", "STATUS", .least = 0},
    [DESTINATION] = {"DESTINATION", "TO", .least = 6},
    [RECORD] = {"RECORD", "RECORD", .least = 8},
    [TRIES] = {"TRIES", "#", .right = true},
    [NEXT] = {"NEXT TRY", "NEXT", .least = 0},
    [ERROR] = {"ERROR", "ERROR", .least = 30, .below = true},
};

static void add_text(struct table *t, struct slice text, enum show_tone tone)
{
	if (text.ptr)
		show_add_line(&t->text, text);
	table_end_cell(t, tone);
}

static void add_row(struct table *t, const struct journal_row *row, const struct show_style *style)
{
	enum show_tone tone = show_status_tone(row->status);
	show_add_short_time(&t->text, row->received_at, style);
	table_end_cell(t, SHOW_PLAIN);
	add_text(t, row->id, SHOW_PLAIN);
	add_text(t, row->type, SHOW_PLAIN);
	add_text(t, row->subject, SHOW_PLAIN);
	buf_printf(&t->text, "%s %s", show_status_glyph(row->status, style), journal_status_name(row->status));
	table_end_cell(t, tone);
	add_text(t, row->destination, SHOW_PLAIN);
	add_text(t, row->record, SHOW_PLAIN);
	buf_add_int(&t->text, row->attempts);
	table_end_cell(t, SHOW_PLAIN);
	if (row->next_attempt_at > style->now)
		show_add_ago(&t->text, row->next_attempt_at, style);
	else if (row->next_attempt_at)
		buf_add_text(&t->text, "due");
	table_end_cell(t, SHOW_PLAIN);
	add_text(t, row->error, tone);
}

/* ---- what programs read ---- */

static const char *payload_word(const struct journal_row *row)
{
	return row->stored ? "stored" : "expired";
}

static void add_tsv_text(struct buf *b, struct slice text)
{
	if (text.ptr)
		show_add_tsv(b, text);
	buf_add_char(b, '\t');
}

static void add_tsv_time(struct buf *b, int64_t at)
{
	char text[CLOCK_TEXT_SIZE];
	add_tsv_text(b, at ? slice_of(clock_format(at, text)) : SLICE_NONE);
}

static void add_tsv(struct buf *b, const struct journal_row *row)
{
	add_tsv_text(b, row->source);
	add_tsv_text(b, row->id);
	add_tsv_text(b, row->type);
	add_tsv_text(b, row->subject);
	add_tsv_text(b, row->destination);
	add_tsv_text(b, slice_of(journal_status_name(row->status)));
	add_tsv_time(b, row->received_at);
	add_tsv_time(b, row->updated_at);
	buf_add_int(b, row->attempts);
	buf_add_char(b, '\t');
	add_tsv_time(b, row->next_attempt_at);
	add_tsv_text(b, row->record);
	if (row->http_status)
		buf_add_int(b, row->http_status);
	buf_add_char(b, '\t');
	add_tsv_text(b, row->error);
	buf_printf(b, "%s\n", payload_word(row));
}

static void add_member(struct buf *b, const char *name, struct slice text)
{
	buf_printf(b, "\"%s\":", name);
	show_add_json(b, text);
	buf_add_char(b, ',');
}

static void add_time_member(struct buf *b, const char *name, int64_t at)
{
	buf_printf(b, "\"%s\":", name);
	show_add_json_time(b, at);
	buf_add_char(b, ',');
}

void history_add_members(struct buf *b, const struct journal_row *row)
{
	add_member(b, "source", row->source);
	add_member(b, "id", row->id);
	add_member(b, "type", row->type);
	add_member(b, "subject", row->subject);
	add_member(b, "destination", row->destination);
	add_member(b, "status", slice_of(journal_status_name(row->status)));
	add_time_member(b, "received_at", row->received_at);
	add_time_member(b, "updated_at", row->updated_at);
	buf_add_text(b, "\"attempts\":");
	buf_add_int(b, row->attempts);
	buf_add_char(b, ',');
	add_time_member(b, "next_attempt_at", row->next_attempt_at);
	add_member(b, "destination_record", row->record);
	buf_add_text(b, "\"http_status\":");
	if (row->http_status)
		buf_add_int(b, row->http_status);
	else
		buf_add_text(b, "null");
	buf_add_char(b, ',');
	add_member(b, "error", row->error);
	buf_printf(b, "\"payload\":\"%s\"", payload_word(row));
}

/* ---- row by row ---- */

struct writing {
	struct history *history;
	struct journal *journal;
	const struct journal_filter *filter;
	bool *found; /* for each of its ids */
	struct table table;
	struct buf b;
	struct diag *d;
	bool failed;
};

int history_flush(struct buf *b, FILE *out, struct diag *d)
{
	if (!buf_ok(b))
		return diag_fail(d, DIAG_IO, "out of memory");
	bool written = fwrite(b->data ? b->data : "", 1, b->len, out) == b->len && fflush(out) == 0;
	buf_clear(b);
	return written ? 0 : diag_errno(d, DIAG_IO, errno, "standard output");
}

/* False when its payload has expired, or the journal failed. */
static bool add_event(struct writing *w, const struct journal_row *row)
{
	bool stored;
	w->failed = journal_line(w->journal, row->key, row->destination, &stored, &w->b, w->d) < 0;
	w->history->expired += !w->failed && !stored;
	return !w->failed && stored;
}

static bool take_row(const struct journal_row *row, void *context)
{
	struct writing *w = context;
	struct history *h = w->history;
	h->more = w->filter->limit && h->count == w->filter->limit;
	if (h->more)
		return false;
	switch (h->format) {
	case HISTORY_TABLE:
		add_row(&w->table, row, &h->style);
		break;
	case HISTORY_TSV:
		add_tsv(&w->b, row);
		break;
	case HISTORY_JSON:
	case HISTORY_JSONL:
		buf_add_text(&w->b, h->format == HISTORY_JSONL ? "{" : h->count ? ",\n{" : "\n{");
		history_add_members(&w->b, row);
		buf_add_text(&w->b, h->format == HISTORY_JSONL ? "}\n" : "}");
		break;
	case HISTORY_EVENT:
		break;
	}
	filter_mark_found(w->filter, w->found, row->id);
	if (h->format == HISTORY_EVENT && !add_event(w, row))
		return !w->failed;
	h->count++;
	h->last = row->key;
	if (w->b.len >= FLUSH_BYTES || w->b.failed)
		w->failed = history_flush(&w->b, h->out, w->d) < 0;
	return !w->failed;
}

static void finish(struct writing *w)
{
	struct history *h = w->history;
	if (h->format == HISTORY_JSON)
		buf_add_text(&w->b, h->count ? "\n]\n" : "]\n");
	if (h->format == HISTORY_TABLE && h->count && !table_write(&w->table, &w->b, &h->style))
		w->b.failed = true;
}

static int write_rows(struct writing *w)
{
	struct history *h = w->history;
	struct journal_filter one_more = *w->filter;
	one_more.limit = w->filter->limit ? w->filter->limit + 1 : 0; /* to know whether there is more */
	if (!w->found)
		return diag_fail(w->d, DIAG_IO, "out of memory");
	if (h->format == HISTORY_JSON)
		buf_add_char(&w->b, '[');
	if (journal_list(w->journal, &one_more, take_row, w, w->d) < 0 || w->failed)
		return -1;
	finish(w);
	if (history_flush(&w->b, h->out, w->d) < 0)
		return -1;
	h->missing_count = h->more ? 0 : filter_tell_missing(w->filter, w->found, h->missing);
	return 0;
}

int history_write(struct history *h, struct journal *j, const struct journal_filter *filter, struct diag *d)
{
	struct writing w = {.history = h, .journal = j, .filter = filter, .b = BUF_INIT, .d = d};
	h->count = h->expired = h->missing_count = 0;
	h->more = false;
	w.found = calloc(filter->id_count + 1, sizeof *w.found);
	table_open(&w.table, columns, COLUMNS);
	int result = write_rows(&w);
	table_close(&w.table);
	buf_free(&w.b);
	free(w.found);
	return result;
}
