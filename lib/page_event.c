/* SPDX-License-Identifier: MIT */
/* One event whole: what came, its deliveries, and the journey of each. */
#include <inttypes.h>

#include "digest.h"
#include "html.h"
#include "jtext.h"
#include "page_internal.h"
#include "pretty.h"

/* ---- text of strangers in a box ---- */

static void add_box(struct page_draft *p, struct slice bytes)
{
	if (!jtext_is_utf8(bytes)) {
		buf_printf(p->b, "<p class=\"soft\">%zu bytes that are not text.</p>", bytes.len);
		return;
	}
	struct buf laid_out = BUF_INIT;
	buf_add_text(p->b, "<pre tabindex=\"0\">");
	html_add_block(p->b, pretty_add(&laid_out, bytes) ? buf_slice(&laid_out) : bytes);
	buf_add_text(p->b, "</pre>");
	p->b->failed = p->b->failed || laid_out.failed;
	buf_free(&laid_out);
}

static void add_folded(struct page_draft *p, const char *summary, struct slice bytes)
{
	if (!bytes.len)
		return;
	buf_printf(p->b, "<details><summary>%s</summary>", summary);
	add_box(p, bytes);
	buf_add_text(p->b, "</details>");
}

static void add_fact(struct page_draft *p, const char *name, struct slice text)
{
	if (!text.ptr)
		return;
	buf_printf(p->b, "<dt>%s</dt><dd>", name);
	html_add_bdi(p->b, text);
	buf_add_text(p->b, "</dd>");
}

static void add_time_fact(struct page_draft *p, const char *name, int64_t at)
{
	if (!at)
		return;
	buf_printf(p->b, "<dt>%s</dt><dd>", name);
	html_add_time(p->b, at, &p->page->style);
	buf_add_text(p->b, " <span class=\"soft\">");
	show_add_ago(p->b, at, &p->page->style);
	buf_add_text(p->b, "</span></dd>");
}

/* ---- the event ---- */

struct about_shown {
	struct page_draft *p;
	int64_t expired_at; /* out; 0: not, or nobody knows when */
	bool erased;        /* out: on request */
};

static bool take_about(const struct journal_about *about, void *context)
{
	struct about_shown *shown = context;
	struct page_draft *p = shown->p;
	shown->expired_at = about->expired_at;
	shown->erased = !about->digest.len;
	char hex[2 * DIGEST_MOST + 1];
	add_fact(p, "Time, as the sender wrote it", about->time);
	if (about->conflicts)
		buf_printf(p->b,
			   "<dt>Conflicts</dt><dd>this id came %" PRId64
			   " more times with another payload, which was not taken</dd>",
			   about->conflicts);
	if (about->repeats)
		buf_printf(p->b,
			   "<dt>Repeats</dt><dd>this payload came %" PRId64
			   " more times under other ids, which no signature covers</dd>",
			   about->repeats);
	add_fact(p, "Repeats the payload of", about->repeat_of);
	if (!shown->erased && about->digest.len <= DIGEST_MOST) {
		digest_hex((const unsigned char *)about->digest.ptr, about->digest.len, hex);
		buf_printf(p->b, "<dt>SHA-256</dt><dd><code>%s</code></dd>", hex);
	}
	return true;
}

static void add_expired(struct page_draft *p, const struct about_shown *about)
{
	buf_add_text(p->b, about->erased ? "<p>Erased on request" : "<p>Expired");
	if (about->expired_at) {
		buf_add_char(p->b, ' ');
		html_add_time(p->b, about->expired_at, &p->page->style);
	}
	buf_add_text(p->b,
		     about->erased ? ": only its size is left.</p>" : ": only its size and its digest are left.</p>");
}

static void add_payload(struct page_draft *p, const struct journal_row *row, struct slice data, bool stored,
			const struct about_shown *about)
{
	buf_add_text(p->b, "<section class=\"sheet\"><h2>Payload<small class=\"soft\">as received</small></h2>");
	if (!stored)
		add_expired(p, about);
	else
		add_box(p, data);
	if (stored && p->page->view) {
		buf_add_text(p->b, "<p class=\"pager\"><a download href=\"");
		view_add_event(p->b, row->source, row->id);
		buf_add_text(p->b, "&amp;raw=\">Download it, byte for byte</a></p>");
	}
	buf_add_text(p->b, "</section>");
}

static int add_event(struct page_draft *p, const struct journal_row *row, struct buf *type, struct buf *data)
{
	enum event_body body;
	bool stored;
	if (journal_payload(p->page->journal, row->key.event, &stored, &body, type, data, p->d) < 0)
		return -1;
	buf_add_text(p->b, "<section class=\"sheet\"><h2 class=\"event-title\">");
	html_add_bdi(p->b, row->id);
	buf_add_text(p->b, "</h2><dl class=\"facts\">");
	add_fact(p, "Type", row->type);
	add_fact(p, "Source", row->source);
	add_fact(p, "Subject", row->subject);
	add_time_fact(p, "Received", row->received_at);
	buf_add_text(p->b, "<dt>Size</dt><dd>");
	show_add_bytes(p->b, row->size);
	buf_add_text(p->b, "</dd>");
	if (type->len)
		add_fact(p, "Content type", buf_slice(type));
	struct about_shown about = {.p = p};
	if (journal_about(p->page->journal, row->key.event, take_about, &about, p->d) < 0)
		return -1;
	buf_add_text(p->b, "</dl></section>");
	add_payload(p, row, buf_slice(data), stored, &about);
	return 0;
}

/* ---- one delivery ---- */

static void begin_step(struct page_draft *p, const char *class, int64_t at)
{
	buf_printf(p->b, "<li class=\"%s\">", class);
	html_add_time(p->b, at, &p->page->style);
	buf_add_text(p->b, " ");
}

static bool take_attempt(const struct journal_attempt *attempt, void *context)
{
	struct page_draft *p = context;
	bool delivered = attempt->ended_at && !attempt->code.ptr;
	begin_step(p, delivered ? "good" : "bad", attempt->started_at);
	buf_printf(p->b, "<b>attempt %" PRId64 "</b>: ", attempt->n);
	html_add_bdi(p->b, attempt->code.ptr ? attempt->code
			   : delivered       ? SLICE("delivered")
					     : SLICE("outcome unknown"));
	if (attempt->ended_at) {
		buf_add_text(p->b, " <span class=\"soft\">after ");
		show_add_span(p->b, attempt->ended_at - attempt->started_at);
		if (attempt->sent_bytes >= 0 && attempt->received_bytes >= 0) {
			buf_add_text(p->b, ", ");
			show_add_bytes(p->b, attempt->sent_bytes);
			buf_add_text(p->b, " out, ");
			show_add_bytes(p->b, attempt->received_bytes);
			buf_add_text(p->b, " in");
		}
		buf_add_text(p->b, "</span>");
	}
	if (attempt->error.ptr) {
		buf_add_text(p->b, "<p class=\"error\">");
		html_add_bdi(p->b, attempt->error);
		buf_add_text(p->b, "</p>");
	}
	add_folded(p, "Head of the answer", attempt->head);
	add_folded(p, "Body of the answer", attempt->answer);
	buf_add_text(p->b, "</li>");
	return true;
}

static int add_journey(struct page_draft *p, const struct journal_row *row)
{
	buf_add_text(p->b, "<ol class=\"journey\">");
	begin_step(p, "good", row->received_at);
	buf_add_text(p->b, "received</li>");
	if (journal_attempts(p->page->journal, row->key, take_attempt, p, p->d) < 0)
		return -1;
	if (row->claimed_at) {
		begin_step(p, "busy", row->claimed_at);
		buf_add_text(p->b, "claimed by a pipeline</li>");
	}
	if (row->started_at) {
		begin_step(p, "busy", row->started_at);
		buf_add_text(p->b, "sent; no outcome yet</li>");
	}
	if (row->next_attempt_at) {
		begin_step(p, "care", row->next_attempt_at);
		buf_add_text(p->b, row->next_attempt_at > p->page->style.now ? "next try</li>" : "due since then</li>");
	}
	buf_add_text(p->b, "</ol>");
	return 0;
}

static void add_again(struct page_draft *p, const struct journal_row *row)
{
	buf_add_text(p->b, "<h3>Send it again</h3>");
	if (!row->stored)
		buf_add_text(p->b, "<p class=\"soft\">Not possible: the payload has expired.</p>");
	else if (row->status == JOURNAL_PROCESSING)
		buf_add_text(p->b,
			     "<p class=\"soft\">A pipeline has it; it is due again by itself when the lease ends.</p>");
	else if (!row->destination.ptr)
		buf_add_text(
		    p->b,
		    "<p class=\"soft\"><code>evt-retry -d DESTINATION</code> sends it to a destination of your choice.</p>");
	else
		page_add_command(p, row);
}

static int add_delivery(struct page_draft *p, const struct journal_row *row, struct buf *body)
{
	bool sent;
	buf_add_text(p->b, "<section class=\"sheet\"><div class=\"delivery-head\"><h2>");
	if (row->destination.ptr) {
		buf_add_text(p->b, "To ");
		html_add_bdi(p->b, row->destination);
	} else {
		buf_add_text(p->b, "To no destination");
	}
	buf_add_text(p->b, "</h2>");
	page_add_status(p->b, row->status);
	buf_add_text(p->b, "</div><dl class=\"facts\">");
	add_fact(p, row->status == JOURNAL_SKIPPED ? "Reason" : "Error", row->error);
	add_fact(p, "Code", row->code);
	add_fact(p, "Record at the destination", row->record);
	buf_add_text(p->b, "</dl>");
	if (add_journey(p, row) < 0 || journal_sent(p->page->journal, row->key, &sent, body, p->d) < 0)
		return -1;
	if (sent)
		add_folded(p, "What was sent last", buf_slice(body));
	add_again(p, row);
	buf_add_text(p->b, "</section>");
	return 0;
}

/* ---- the page ---- */

struct walk {
	struct page_draft *p;
	int64_t event; /* the last one shown */
	struct buf type, data;
};

static void end_event(struct walk *w)
{
	if (w->event)
		buf_add_text(w->p->b, "</div></div>");
}

static int begin_event(struct walk *w, const struct journal_row *row)
{
	end_event(w);
	w->event = row->key.event;
	buf_add_text(w->p->b, "<div class=\"pair\"><div class=\"stack\">");
	if (add_event(w->p, row, &w->type, &w->data) < 0)
		return -1;
	buf_add_text(w->p->b, "</div><div class=\"stack\">");
	return 0;
}

static bool take_row(const struct journal_row *row, void *context)
{
	struct walk *w = context;
	int result = row->key.event == w->event ? 0 : begin_event(w, row);
	if (result == 0)
		result = add_delivery(w->p, row, &w->data);
	w->p->page->count++;
	w->p->failed = result < 0;
	return result == 0;
}

int page_add_event_list(struct page_draft *p)
{
	struct walk w = {.p = p};
	int result = journal_list(p->page->journal, &p->page->filter, take_row, &w, p->d);
	end_event(&w);
	buf_free(&w.type);
	buf_free(&w.data);
	return result < 0 || p->failed ? -1 : 0;
}
