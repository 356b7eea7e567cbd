/* SPDX-License-Identifier: MIT */
#include "page.h"

#include "filter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base64.h"
#include "detail.h"
#include "digest.h"
#include "html.h"
#include "page_files.h"
#include "page_internal.h"

enum { STYLE, SCRIPT }; /* of page_files */

/* ---- what pages share ---- */

const char *page_status_class(enum journal_status status)
{
	static const char *const classes[] = {
	    [SHOW_PLAIN] = "idle", [SHOW_DIM] = "idle",  [SHOW_BOLD] = "idle", [SHOW_GOOD] = "good",
	    [SHOW_BAD] = "bad",    [SHOW_CARE] = "care", [SHOW_BUSY] = "busy"};
	return classes[show_status_tone(status)];
}

void page_add_status(struct buf *b, enum journal_status status)
{
	const struct show_style style = {.utf8 = true};
	buf_printf(b, "<span class=\"mark pill %s\"><i aria-hidden=\"true\">%s</i>%s</span>", page_status_class(status),
		   show_status_glyph(status, &style), journal_status_name(status));
}

void page_add_event_link(struct page_draft *p, struct slice source, struct slice id)
{
	if (p->page->view) {
		buf_add_text(p->b, "<a href=\"");
		view_add_event(p->b, source, id);
		buf_add_text(p->b, "\">");
	}
	html_add_bdi(p->b, id);
	if (p->page->view)
		buf_add_text(p->b, "</a>");
}

void page_add_command(struct page_draft *p, const struct journal_row *row)
{
	struct buf command = BUF_INIT;
	if (detail_add_retry(&command, row, p->page->config_option, p->page->journal_option)) {
		buf_printf(p->b, "<div class=\"command\"><pre id=\"again-%" PRId64 "-%" PRId64 "\">", row->key.event,
			   row->key.destination);
		html_add_text(p->b, buf_slice(&command));
		buf_printf(p->b,
			   "</pre><button type=\"button\" hidden data-copy=\"again-%" PRId64 "-%" PRId64
			   "\">Copy</button></div>",
			   row->key.event, row->key.destination);
	}
	p->b->failed = p->b->failed || command.failed;
	buf_free(&command);
}

/* ---- the frame ---- */

static void add_source_hash(struct buf *b, const char *text)
{
	unsigned char hash[DIGEST_MOST];
	digest_hash(DIGEST_SHA256, slice_of(text), hash);
	buf_add_text(b, "'sha256-");
	base64_add(b, (struct slice){(const char *)hash, digest_size(DIGEST_SHA256)});
	buf_add_char(b, '\'');
}

void page_add_policy(struct buf *b, bool live)
{
	buf_add_text(b, "default-src 'none'; base-uri 'none'; style-src ");
	add_source_hash(b, page_files[STYLE]);
	buf_add_text(b, "; script-src ");
	add_source_hash(b, page_files[SCRIPT]);
	buf_add_text(b, live ? "; form-action 'self'; frame-ancestors 'none'" : "; form-action 'none'");
}

static void add_refresh(struct page_draft *p)
{
	const struct view *a = p->page->view;
	bool on = view_refresh_s(a) > 0;
	buf_add_text(p->b, "<a class=\"button\" href=\"");
	view_add(p->b, a, VIEW_REFRESH, on ? NULL : "30");
	buf_add_text(p->b, on ? "\">Stop updating</a>" : "\">Update every 30 s</a>");
}

static void add_header(struct page_draft *p)
{
	struct buf *b = p->b;
	const struct page *page = p->page;
	buf_add_text(b, "<a class=\"skip\" href=\"#history\">To the history</a><header><h1>");
	buf_add_text(b, page->view ? "<a href=\"?\">evt status</a>" : "evt status");
	buf_add_text(b, "</h1><p class=\"soft\">as of ");
	html_add_time(b, page->style.now, &page->style);
	buf_add_text(b, "</p>");
	if (page->view) {
		add_refresh(p);
		buf_add_text(
		    b, "<form role=\"search\"><input type=\"search\" name=\"event\" required aria-label=\"Event id\" "
		       "placeholder=\"Event id\" autocomplete=\"off\"><button>Open</button></form>");
	}
	buf_add_text(b, "</header>");
}

static void begin(struct page_draft *p, struct slice title)
{
	struct buf *b = p->b;
	int64_t refresh_s = p->page->view ? view_refresh_s(p->page->view) : 0;
	buf_add_text(b, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
	if (!p->page->view) {
		buf_add_text(b, "<meta http-equiv=\"Content-Security-Policy\" content=\"");
		page_add_policy(b, false);
		buf_add_text(b, "\"><meta name=\"referrer\" content=\"no-referrer\">");
	}
	if (refresh_s > 0)
		buf_printf(b, "<meta http-equiv=\"refresh\" content=\"%" PRId64 "\">", refresh_s);
	buf_add_text(b, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>");
	html_add_text(b, title);
	buf_printf(b, " · evt status</title><style>%s</style></head><body>", page_files[STYLE]);
	add_header(p);
	buf_add_text(b, "<main>");
}

static void end(struct page_draft *p)
{
	struct buf *b = p->b;
	buf_add_text(b, "</main><footer>evt " EVT_VERSION);
	if (p->page->journal_path) {
		buf_add_text(b, " · journal ");
		html_add_bdi(b, slice_of(p->page->journal_path));
	}
	buf_printf(b, "</footer><script>%s</script></body></html>\n", page_files[SCRIPT]);
}

static int finish(struct page_draft *p, int result)
{
	if (result < 0)
		return -1;
	return p->failed || !buf_ok(p->b) ? diag_fail(p->d, DIAG_IO, "out of memory") : 0;
}

/* ---- the filters ---- */

static void add_field(struct page_draft *p, enum view_key key, const char *label, const char *hint, const char *list)
{
	const char *value = p->page->view->values[key];
	buf_printf(
	    p->b,
	    "<div%s><label for=\"by-%s\">%s</label><input type=\"text\" id=\"by-%s\" name=\"%s\" placeholder=\"%s\" "
	    "autocomplete=\"off\" spellcheck=\"false\"%s%s%s value=\"",
	    key == VIEW_ERROR ? " class=\"wide\"" : "", view_name(key), label, view_name(key), view_name(key), hint,
	    list ? " list=\"" : "", list ? list : "", list ? "\"" : "");
	html_add_text(p->b, slice_of(value ? value : ""));
	buf_add_text(p->b, "\"></div>");
}

/* Among the words of the address, which may say what is not understood. */
static bool is_named(const struct view *view, const char *status)
{
	const char *list = view->values[VIEW_STATUS] ? view->values[VIEW_STATUS] : "", *at = list;
	for (size_t len = strlen(status); (at = strstr(at, status)); at += len)
		if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
			return true;
	return false;
}

static void add_status_box(struct page_draft *p, int status)
{
	bool checked = p->page->view ? is_named(p->page->view, journal_status_name((enum journal_status)status))
				     : p->page->filter.statuses & 1u << status;
	const struct show_style style = {.utf8 = true};
	buf_printf(
	    p->b,
	    "<label><input type=\"checkbox\" name=\"status\" value=\"%s\"%s><span class=\"mark %s\"><i aria-hidden=\"true\">%s</i>%s"
	    "</span></label>",
	    journal_status_name((enum journal_status)status), checked ? " checked" : "",
	    page_status_class((enum journal_status)status), show_status_glyph((enum journal_status)status, &style),
	    journal_status_name((enum journal_status)status));
}

static void add_statuses(struct page_draft *p)
{
	buf_add_text(p->b, "<fieldset><legend>Status</legend>");
	for (int status = 0; status < JOURNAL_STATUSES; status++)
		add_status_box(p, status);
	buf_add_text(p->b, "</fieldset>");
}

static void add_names(struct page_draft *p, const struct facts *facts)
{
	buf_add_text(
	    p->b,
	    "<datalist id=\"spans\"><option>1h<option>24h<option>today<option>yesterday<option>7d<option>30d</datalist>"
	    "<datalist id=\"destinations\">");
	for (size_t i = 0; i < facts->destination_count; i++)
		if (facts->destinations[i].name.ptr) {
			buf_add_text(p->b, "<option>");
			html_add_text(p->b, facts->destinations[i].name);
			buf_add_text(p->b, "</option>");
		}
	buf_add_text(p->b, "</datalist>");
}

static void add_form(struct page_draft *p)
{
	buf_add_text(p->b, "<section class=\"sheet\" aria-label=\"Filters\"><form class=\"filters\">");
	add_field(p, VIEW_SINCE, "Received since", "2h, today, 2026-11-23", "spans");
	add_field(p, VIEW_UNTIL, "and before", "1h, 2026-11-24", "spans");
	add_field(p, VIEW_TYPE, "Type", "contact.*", NULL);
	add_field(p, VIEW_DESTINATION, "Destination", "any", "destinations");
	add_field(p, VIEW_SOURCE, "Source", "any", NULL);
	add_field(p, VIEW_SUBJECT, "Source record", "contact/501", NULL);
	add_field(p, VIEW_ERROR, "Text in the error", "any", NULL);
	add_statuses(p);
	buf_add_text(
	    p->b,
	    "<div class=\"ends\"><a href=\"?\">Clear</a><button class=\"main\">Filter</button></div></form></section>");
}

static const char *refusal_heading(int status)
{
	return status == 400   ? "That was not understood"
	       : status == 401 ? "Not without a password"
	       : status == 404 ? "There is nothing here"
	       : status == 421 ? "Not by that name"
	       : status == 429 ? "Not so fast"
			       : "Not to be had at the moment";
}

void page_add_refusal(struct buf *b, struct page *page, int status, const char *why)
{
	struct page_draft p = {.b = b, .page = page};
	begin(&p, slice_of(refusal_heading(status)));
	buf_printf(b, "<section class=\"sheet notice bad\"><h2>%s</h2><p>", refusal_heading(status));
	html_add_text(b, slice_of(why));
	buf_add_text(b, "</p></section>");
	if (status == 400)
		add_form(&p);
	end(&p);
}

/* A file filters what it holds; without a script it shows all of it. */
static void add_file_filter(struct page_draft *p)
{
	buf_add_text(p->b, "<form id=\"filter\" class=\"filters\" hidden><div><label for=\"words\">Rows with</label>"
			   "<input type=\"search\" id=\"words\" autocomplete=\"off\"></div>");
	add_statuses(p);
	buf_add_text(p->b, "<output class=\"ends soft\" for=\"words\"></output></form>");
}

/* ---- the history ---- */

struct listing {
	struct page_draft *p;
	int64_t shown;
	bool more;
	struct journal_key last;
};

static void add_next(struct page_draft *p, const struct journal_row *row)
{
	const struct show_style *style = &p->page->style;
	if (row->attempts > 1)
		buf_printf(p->b, "<small>%" PRId64 " tries</small>", row->attempts);
	if (!row->next_attempt_at || row->status != JOURNAL_RETRYING)
		return;
	buf_add_text(p->b, "<small>next ");
	if (row->next_attempt_at > style->now)
		html_add_ago(p->b, row->next_attempt_at, style);
	else
		buf_add_text(p->b, "is due");
	buf_add_text(p->b, "</small>");
}

static void add_what(struct page_draft *p, const struct journal_row *row)
{
	html_add_bdi(p->b, row->type);
	if (row->subject.ptr) {
		buf_add_text(p->b, " <span class=\"soft\">");
		html_add_bdi(p->b, row->subject);
		buf_add_text(p->b, "</span>");
	}
	buf_add_text(p->b, "<small>");
	html_add_bdi(p->b, row->source);
	buf_add_text(p->b, " · ");
	page_add_event_link(p, row->source, row->id);
	buf_add_text(p->b, "</small>");
}

static void add_to(struct page_draft *p, const struct journal_row *row)
{
	if (row->destination.ptr)
		html_add_bdi(p->b, row->destination);
	else
		buf_add_text(p->b, "<span class=\"soft\">none</span>");
	if (row->record.ptr) {
		buf_add_text(p->b, "<small>as ");
		html_add_bdi(p->b, row->record);
		buf_add_text(p->b, "</small>");
	}
}

static void add_why(struct page_draft *p, const struct journal_row *row)
{
	if (row->error.ptr) {
		buf_add_text(p->b, "<span class=\"error\">");
		html_add_bdi(p->b, row->error);
		buf_add_text(p->b, "</span>");
	}
	if (p->page->view || row->status != JOURNAL_FAILED || !row->stored)
		return;
	buf_add_text(p->b, "<details><summary>send again</summary>");
	page_add_command(p, row);
	buf_add_text(p->b, "</details>");
}

static bool take_row(const struct journal_row *row, void *context)
{
	struct listing *l = context;
	struct page_draft *p = l->p;
	l->more = l->shown == p->page->filter.limit;
	if (l->more)
		return false;
	l->shown++;
	l->last = row->key;
	buf_printf(p->b, "<tr role=\"row\" data-status=\"%s\"><td role=\"cell\" class=\"when\">",
		   journal_status_name(row->status));
	html_add_short_time(p->b, row->received_at, &p->page->style);
	buf_add_text(p->b, "</td><td role=\"cell\" class=\"what\">");
	add_what(p, row);
	buf_add_text(p->b, "</td><td role=\"cell\" class=\"to\">");
	add_to(p, row);
	buf_add_text(p->b, "</td><td role=\"cell\" class=\"status\">");
	page_add_status(p->b, row->status);
	add_next(p, row);
	buf_add_text(p->b, "</td><td role=\"cell\" class=\"why\">");
	add_why(p, row);
	buf_add_text(p->b, "</td></tr>");
	return buf_ok(p->b);
}

static const char table_head[] =
    "<table id=\"history\" role=\"table\" aria-label=\"Deliveries, the newest first\"><thead role=\"rowgroup\"><tr role=\"row\">"
    "<th role=\"columnheader\" scope=\"col\">Received</th><th role=\"columnheader\" scope=\"col\">Event</th>"
    "<th role=\"columnheader\" scope=\"col\">Destination</th><th role=\"columnheader\" scope=\"col\">Status</th>"
    "<th role=\"columnheader\" scope=\"col\">Error or reason</th></tr></thead><tbody role=\"rowgroup\">";

static void add_pager(struct listing *l)
{
	struct page_draft *p = l->p;
	const struct view *a = p->page->view;
	struct buf after = BUF_INIT;
	buf_add_text(p->b, "<nav class=\"pager\" aria-label=\"Pages\"><span>");
	if (a && a->values[VIEW_AFTER]) {
		buf_add_text(p->b, "<a href=\"");
		view_add(p->b, a, VIEW_AFTER, NULL);
		buf_add_text(p->b, "\">← Newest</a>");
	}
	buf_add_text(p->b, "</span><span>");
	if (l->more && a) {
		filter_add_after(&after, l->last);
		buf_add_text(p->b, "<a rel=\"next\" href=\"");
		view_add(p->b, a, VIEW_AFTER, buf_slice(&after).ptr);
		buf_add_text(p->b, "\">Older →</a>");
	} else if (l->more) {
		buf_printf(p->b, "There are older ones: these are the newest %" PRId64 ".", l->shown);
	}
	buf_add_text(p->b, "</span></nav>");
	buf_free(&after);
}

static int add_history(struct page_draft *p)
{
	struct listing l = {.p = p};
	struct journal_filter one_more = p->page->filter;
	one_more.limit++;
	buf_add_text(p->b, "<section class=\"sheet\"><h2>History<small class=\"soft\">newest first</small></h2>");
	if (!p->page->view)
		add_file_filter(p);
	size_t at = p->b->len;
	buf_add_text(p->b, table_head);
	if (journal_list(p->page->journal, &one_more, take_row, &l, p->d) < 0)
		return -1;
	buf_add_text(p->b, "</tbody></table>");
	if (!l.shown && buf_ok(p->b)) {
		p->b->len = at;
		buf_add_text(p->b, "<p id=\"history\" class=\"nothing\">Nothing matches.</p>");
	}
	add_pager(&l);
	buf_add_text(p->b, "</section>");
	p->page->count = l.shown;
	return 0;
}

static void add_live_form(struct page_draft *p, const struct facts *facts)
{
	add_form(p);
	add_names(p, facts);
}

static int add_body(struct page_draft *p, const struct facts *facts)
{
	bool first = !p->page->filter.before.event;
	if (page_add_verdict(p, facts, !first) < 0)
		return -1;
	if (p->page->view)
		add_live_form(p, facts);
	if (first && page_add_overview(p, facts) < 0)
		return -1;
	return add_history(p);
}

int page_add_history(struct buf *b, struct page *page, struct diag *d)
{
	struct page_draft p = {.b = b, .page = page, .d = d};
	struct facts facts;
	if (!page->filter.limit)
		page->filter.limit = PAGE_FILE_ROWS;
	begin(&p, SLICE("History"));
	int result = facts_gather(&facts, page->journal, page->style.now, d);
	if (result == 0)
		result = add_body(&p, &facts);
	facts_free(&facts);
	end(&p);
	return finish(&p, result);
}

int page_add_events(struct buf *b, struct page *page, struct diag *d)
{
	struct page_draft p = {.b = b, .page = page, .d = d};
	page->filter.limit = 0;
	begin(&p, page->filter.ids[0]);
	int result = page_add_event_list(&p);
	end(&p);
	return finish(&p, result);
}
