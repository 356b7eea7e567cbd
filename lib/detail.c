/* SPDX-License-Identifier: MIT */
#include "detail.h"

#include <inttypes.h>
#include <stdlib.h>

#include "digest.h"
#include "filter.h"
#include "history.h"
#include "jtext.h"
#include "pretty.h"

/* What is gathered of one event before its first delivery is shown. */
struct whole {
	struct buf time, digest, content_type, data;
	struct buf repeat_of; /* empty: none */
	int64_t conflicts, repeats, expired_at;
	bool stored;
	enum event_body body;
};

struct walk {
	struct detail *detail;
	struct journal *j;
	const struct journal_filter *filter;
	int64_t event;      /* whose deliveries are being shown; 0: none yet */
	int64_t deliveries; /* of it, so far */
	struct whole whole;
	bool *found; /* for each id of the filter */
	struct buf b, sent;
	struct diag *d;
	bool failed;
};

/* ---- gathering ---- */

static bool take_about(const struct journal_about *about, void *context)
{
	struct whole *whole = context;
	char hex[2 * DIGEST_MOST + 1] = "";
	buf_clear(&whole->time);
	buf_clear(&whole->digest);
	buf_clear(&whole->repeat_of);
	buf_add_slice(&whole->time, about->time);
	buf_add_slice(&whole->repeat_of, about->repeat_of);
	if (about->digest.len <= DIGEST_MOST)
		digest_hex((const unsigned char *)about->digest.ptr, about->digest.len, hex);
	buf_add_text(&whole->digest, hex);
	whole->conflicts = about->conflicts;
	whole->repeats = about->repeats;
	whole->expired_at = about->expired_at;
	return true;
}

static int gather(struct walk *w, int64_t event)
{
	struct whole *whole = &w->whole;
	if (journal_about(w->j, event, take_about, whole, w->d) < 0)
		return -1;
	return journal_payload(w->j, event, &whole->stored, &whole->body, &whole->content_type, &whole->data, w->d);
}

static void free_whole(struct whole *whole)
{
	buf_free(&whole->time);
	buf_free(&whole->digest);
	buf_free(&whole->repeat_of);
	buf_free(&whole->content_type);
	buf_free(&whole->data);
}

/* ---- text ---- */

static void begin_field(struct walk *w, const char *indent, const char *name)
{
	const struct show_style *style = &w->detail->style;
	buf_printf(&w->b, "%s%s%-10s%s ", indent, show_begin(SHOW_DIM, style), name, show_end(SHOW_DIM, style));
}

static void add_field(struct walk *w, const char *indent, const char *name, struct slice text)
{
	if (!text.ptr)
		return;
	begin_field(w, indent, name);
	show_add_line(&w->b, text);
	buf_add_char(&w->b, '\n');
}

static void add_time_field(struct walk *w, const char *indent, const char *name, int64_t at)
{
	if (!at)
		return;
	begin_field(w, indent, name);
	show_add_time(&w->b, at, &w->detail->style);
	buf_add_text(&w->b, " (");
	show_add_ago(&w->b, at, &w->detail->style);
	buf_add_text(&w->b, ")\n");
}

static void add_bytes_block(struct walk *w, struct slice bytes, const char *indent)
{
	struct buf laid_out = BUF_INIT;
	if (pretty_add(&laid_out, bytes))
		show_add_block(&w->b, buf_slice(&laid_out), indent);
	else if (jtext_is_utf8(bytes))
		show_add_block(&w->b, bytes, indent);
	else
		buf_printf(&w->b, "%s(%zu bytes that are not text)\n", indent, bytes.len);
	buf_free(&laid_out);
}

static void text_expired(struct walk *w)
{
	buf_add_text(&w->b, w->whole.digest.len ? "expired" : "erased on request");
	if (w->whole.expired_at) {
		buf_add_char(&w->b, ' ');
		show_add_time(&w->b, w->whole.expired_at, &w->detail->style);
	}
	buf_add_text(&w->b, "; it had ");
}

static void text_repeats(struct walk *w)
{
	if (w->whole.repeats) {
		begin_field(w, "", "repeats");
		buf_printf(&w->b,
			   "this payload came %" PRId64 " more times under other ids, which no signature covers\n",
			   w->whole.repeats);
	}
	if (w->whole.repeat_of.len) {
		begin_field(w, "", "repeats");
		buf_add_text(&w->b, "the payload of ");
		show_add_line(&w->b, buf_slice(&w->whole.repeat_of));
		buf_add_text(&w->b, ", under another id, which no signature covers\n");
	}
}

static void text_payload(struct walk *w, const struct journal_row *row)
{
	const struct whole *whole = &w->whole;
	begin_field(w, "", "payload");
	if (!whole->stored)
		text_expired(w);
	show_add_bytes(&w->b, row->size);
	if (whole->content_type.len) {
		buf_add_text(&w->b, " of ");
		show_add_line(&w->b, buf_slice(&whole->content_type));
	}
	if (whole->digest.len)
		buf_printf(&w->b, ", SHA-256 %s", buf_slice(&whole->digest).ptr);
	buf_add_char(&w->b, '\n');
	if (whole->stored)
		add_bytes_block(w, buf_slice(&whole->data), "    ");
}

static void text_event(struct walk *w, const struct journal_row *row)
{
	if (w->detail->count > 1)
		buf_add_char(&w->b, '\n');
	add_field(w, "", "event", row->id);
	add_field(w, "", "source", row->source);
	add_field(w, "", "type", row->type);
	add_field(w, "", "subject", row->subject);
	add_time_field(w, "", "received", row->received_at);
	if (w->whole.time.len)
		add_field(w, "", "time", buf_slice(&w->whole.time));
	if (w->whole.conflicts) {
		begin_field(w, "", "conflicts");
		buf_printf(&w->b, "this id came %" PRId64 " more times with another payload, which was not taken\n",
			   w->whole.conflicts);
	}
	text_repeats(w);
	text_payload(w, row);
}

static void text_bytes(struct walk *w, const struct journal_attempt *attempt)
{
	if (attempt->sent_bytes < 0 || attempt->received_bytes < 0)
		return;
	buf_add_text(&w->b, ", ");
	show_add_bytes(&w->b, attempt->sent_bytes);
	buf_add_text(&w->b, " out, ");
	show_add_bytes(&w->b, attempt->received_bytes);
	buf_add_text(&w->b, " in");
}

static bool text_attempt(const struct journal_attempt *attempt, void *context)
{
	struct walk *w = context;
	char name[32];
	snprintf(name, sizeof name, "attempt %" PRId64, attempt->n);
	begin_field(w, "  ", name);
	show_add_time(&w->b, attempt->started_at, &w->detail->style);
	if (attempt->ended_at) {
		buf_add_text(&w->b, ", ");
		show_add_span(&w->b, attempt->ended_at - attempt->started_at);
	}
	text_bytes(w, attempt);
	buf_add_text(&w->b, ": ");
	show_add_line(&w->b, attempt->code.ptr ? attempt->code : SLICE("delivered"));
	if (attempt->error.ptr) {
		buf_add_text(&w->b, ": ");
		show_add_line(&w->b, attempt->error);
	}
	buf_add_char(&w->b, '\n');
	add_bytes_block(w, attempt->head, "    ");
	add_bytes_block(w, attempt->answer, "    ");
	return true;
}

/* One of the commands that send a delivery again, told what this one was told. */
static void add_program(struct buf *b, const char *name, const char *config_option, const char *journal_option)
{
	buf_add_text(b, name);
	if (config_option) {
		buf_add_text(b, " -c ");
		show_add_shell(b, slice_of(config_option));
	}
	if (journal_option) {
		buf_add_text(b, " -j ");
		show_add_shell(b, slice_of(journal_option));
	}
}

bool detail_add_retry(struct buf *b, const struct journal_row *row, const char *config_option,
		      const char *journal_option)
{
	if (row->status == JOURNAL_PROCESSING || !row->stored || !row->destination.ptr)
		return false;
	add_program(b, "evt-retry", config_option, journal_option);
	buf_add_text(b, " -d ");
	show_add_shell(b, row->destination);
	buf_add_text(b, row->id.len && row->id.ptr[0] == '-' ? " -- " : " ");
	show_add_shell(b, row->id);
	add_program(b, " | evt-transform", config_option, journal_option);
	add_program(b, " | evt-deliver", config_option, journal_option);
	return true;
}

static void add_command(struct walk *w, struct buf *b, const struct journal_row *row)
{
	detail_add_retry(b, row, w->detail->config_option, w->detail->journal_option);
}

static void text_again(struct walk *w, const struct journal_row *row)
{
	begin_field(w, "  ", "again");
	if (!row->stored)
		buf_add_text(&w->b, "not possible: the payload has expired");
	else if (row->status == JOURNAL_PROCESSING)
		buf_add_text(&w->b, "a pipeline has it; it is due again by itself when the lease ends");
	else if (!row->destination.ptr)
		buf_add_text(&w->b, "evt-retry -d DESTINATION sends it to a destination of your choice");
	else
		add_command(w, &w->b, row);
	buf_add_char(&w->b, '\n');
}

static int text_delivery(struct walk *w, const struct journal_row *row)
{
	const struct show_style *style = &w->detail->style;
	enum show_tone tone = show_status_tone(row->status);
	bool sent;
	buf_printf(&w->b, "\n%sto ", show_begin(SHOW_BOLD, style));
	show_add_line(&w->b, row->destination.ptr ? row->destination : SLICE("no destination"));
	buf_printf(&w->b, "%s  %s%s %s%s\n", show_end(SHOW_BOLD, style), show_begin(tone, style),
		   show_status_glyph(row->status, style), journal_status_name(row->status), show_end(tone, style));
	add_field(w, "  ", row->status == JOURNAL_SKIPPED ? "reason" : "error", row->error);
	add_field(w, "  ", "code", row->code);
	add_field(w, "  ", "record", row->record);
	add_time_field(w, "  ", "updated", row->updated_at);
	add_time_field(w, "  ", "claimed", row->claimed_at);
	add_time_field(w, "  ", "sent", row->started_at);
	add_time_field(w, "  ", "next try", row->next_attempt_at);
	if (journal_attempts(w->j, row->key, text_attempt, w, w->d) < 0 ||
	    journal_sent(w->j, row->key, &sent, &w->sent, w->d) < 0)
		return -1;
	if (sent) {
		add_field(w, "  ", "sent", SLICE("last, as mapped:"));
		add_bytes_block(w, buf_slice(&w->sent), "    ");
	}
	text_again(w, row);
	return 0;
}

/* ---- JSON ---- */

static void add_member(struct buf *b, const char *name, struct slice text)
{
	buf_printf(b, ",\"%s\":", name);
	show_add_json(b, text);
}

static void add_time_member(struct buf *b, const char *name, int64_t at)
{
	buf_printf(b, ",\"%s\":", name);
	show_add_json_time(b, at);
}

static void json_event(struct walk *w, const struct journal_row *row)
{
	const struct whole *whole = &w->whole;
	struct buf *b = &w->b;
	buf_add_text(b, w->detail->format == DETAIL_JSONL ? "{" : w->detail->count > 1 ? ",\n{" : "\n{");
	buf_add_text(b, "\"source\":");
	show_add_json(b, row->source);
	add_member(b, "id", row->id);
	add_member(b, "type", row->type);
	add_member(b, "subject", row->subject);
	add_member(b, "time", whole->time.len ? buf_slice(&whole->time) : SLICE_NONE);
	add_time_member(b, "received_at", row->received_at);
	buf_printf(b, ",\"size\":%" PRId64 ",\"conflicts\":%" PRId64 ",\"repeats\":%" PRId64, row->size,
		   whole->conflicts, whole->repeats);
	add_member(b, "repeat_of", whole->repeat_of.len ? buf_slice(&whole->repeat_of) : SLICE_NONE);
	add_member(b, "sha256", whole->digest.len ? buf_slice(&whole->digest) : SLICE_NONE);
	add_member(b, "payload", whole->stored ? SLICE("stored") : SLICE("expired"));
	add_time_member(b, "expired_at", whole->expired_at);
	add_member(b, "content_type", whole->content_type.len ? buf_slice(&whole->content_type) : SLICE_NONE);
	buf_add_char(b, ',');
	show_add_json_bytes(b, "data", whole->stored ? buf_slice(&whole->data) : SLICE_NONE);
	buf_add_text(b, ",\"deliveries\":[");
}

/* null where it is not known. */
static void add_bytes_member(struct buf *b, const char *name, int64_t bytes)
{
	buf_printf(b, ",\"%s\":", name);
	if (bytes < 0)
		buf_add_text(b, "null");
	else
		buf_add_int(b, bytes);
}

static bool json_attempt(const struct journal_attempt *attempt, void *context)
{
	struct buf *b = &((struct walk *)context)->b;
	buf_printf(b, "%s{\"n\":%" PRId64, b->len && b->data[b->len - 1] == '[' ? "" : ",", attempt->n);
	add_time_member(b, "started_at", attempt->started_at);
	add_time_member(b, "ended_at", attempt->ended_at);
	if (attempt->ended_at)
		buf_printf(b, ",\"duration_ms\":%" PRId64, attempt->ended_at - attempt->started_at);
	else
		buf_add_text(b, ",\"duration_ms\":null");
	add_bytes_member(b, "sent_bytes", attempt->sent_bytes);
	add_bytes_member(b, "received_bytes", attempt->received_bytes);
	if (attempt->http_status)
		buf_printf(b, ",\"http_status\":%d", attempt->http_status);
	else
		buf_add_text(b, ",\"http_status\":null");
	add_member(b, "code", attempt->code);
	add_member(b, "error", attempt->error);
	buf_add_char(b, ',');
	show_add_json_bytes(b, "head", attempt->head);
	buf_add_char(b, ',');
	show_add_json_bytes(b, "answer", attempt->answer);
	buf_add_char(b, '}');
	return true;
}

static int json_delivery(struct walk *w, const struct journal_row *row)
{
	struct buf *b = &w->b, command = BUF_INIT;
	bool sent;
	buf_add_text(b, w->deliveries > 1 ? ",{" : "{");
	history_add_members(b, row);
	add_member(b, "code", row->code);
	add_time_member(b, "claimed_at", row->claimed_at);
	add_time_member(b, "started_at", row->started_at);
	buf_add_text(b, ",\"attempt_log\":[");
	int result = journal_attempts(w->j, row->key, json_attempt, w, w->d);
	if (result == 0)
		result = journal_sent(w->j, row->key, &sent, &w->sent, w->d);
	buf_add_text(b, "],");
	show_add_json_bytes(b, "sent", result == 0 && sent ? buf_slice(&w->sent) : SLICE_NONE);
	add_command(w, &command, row);
	add_member(b, "retry", command.len ? buf_slice(&command) : SLICE_NONE);
	buf_add_char(b, '}');
	buf_free(&command);
	return result;
}

/* ---- the walk over deliveries, those of one event one after the other ---- */

static void end_event(struct walk *w)
{
	if (w->event && w->detail->format != DETAIL_TEXT)
		buf_add_text(&w->b, w->detail->format == DETAIL_JSONL ? "]}\n" : "]}");
}

static int begin_event(struct walk *w, const struct journal_row *row)
{
	end_event(w);
	if (history_flush(&w->b, w->detail->out, w->d) < 0 || gather(w, row->key.event) < 0)
		return -1;
	w->event = row->key.event;
	w->deliveries = 0;
	w->detail->count++;
	filter_mark_found(w->filter, w->found, row->id);
	if (w->detail->format == DETAIL_TEXT)
		text_event(w, row);
	else
		json_event(w, row);
	return 0;
}

static bool take_row(const struct journal_row *row, void *context)
{
	struct walk *w = context;
	int result = row->key.event == w->event ? 0 : begin_event(w, row);
	w->deliveries++;
	if (result == 0)
		result = w->detail->format == DETAIL_TEXT ? text_delivery(w, row) : json_delivery(w, row);
	w->failed = result < 0;
	return !w->failed;
}

static int walk(struct walk *w)
{
	struct detail *detail = w->detail;
	if (!w->found)
		return diag_fail(w->d, DIAG_IO, "out of memory");
	if (detail->format == DETAIL_JSON)
		buf_add_char(&w->b, '[');
	if (journal_list(w->j, w->filter, take_row, w, w->d) < 0 || w->failed)
		return -1;
	end_event(w);
	if (detail->format == DETAIL_JSON)
		buf_add_text(&w->b, detail->count ? "\n]\n" : "]\n");
	if (history_flush(&w->b, detail->out, w->d) < 0)
		return -1;
	detail->missing_count = filter_tell_missing(w->filter, w->found, detail->missing);
	return 0;
}

int detail_write(struct detail *detail, struct journal *j, const struct journal_filter *filter, struct diag *d)
{
	struct walk w = {.detail = detail, .j = j, .filter = filter, .d = d};
	detail->count = detail->missing_count = 0;
	w.found = calloc(filter->id_count, sizeof *w.found);
	int result = walk(&w);
	free(w.found);
	free_whole(&w.whole);
	buf_free(&w.b);
	buf_free(&w.sent);
	return result;
}

/* ---- raw ---- */

struct search {
	int64_t event;
	bool several;
};

static bool note_event(const struct journal_row *row, void *context)
{
	struct search *search = context;
	search->several = search->event && search->event != row->key.event;
	search->event = row->key.event;
	return !search->several;
}

int detail_find(struct journal *j, const struct journal_filter *filter, int64_t *event, bool *several, struct diag *d)
{
	struct search search = {.event = 0};
	int result = journal_list(j, filter, note_event, &search, d);
	*event = search.event;
	*several = search.several;
	return result;
}

int detail_write_raw(FILE *out, struct journal *j, const struct journal_filter *filter, struct diag *d)
{
	int64_t event;
	bool several;
	if (detail_find(j, filter, &event, &several, d) < 0)
		return -1;
	if (!event)
		return diag_fail(d, DIAG_NO, "%.200s: no such event", filter->ids[0].ptr);
	if (several)
		return diag_fail(d, DIAG_NO, "%.200s: several sources have that id: choose with --source",
				 filter->ids[0].ptr);
	bool stored;
	enum event_body body;
	struct buf type = BUF_INIT, data = BUF_INIT;
	int result = journal_payload(j, event, &stored, &body, &type, &data, d);
	if (result == 0 && !stored)
		result = diag_fail(d, DIAG_NO, "%.200s: its payload has expired", filter->ids[0].ptr);
	if (result == 0)
		result = history_flush(&data, out, d);
	buf_free(&type);
	buf_free(&data);
	return result;
}
