/* SPDX-License-Identifier: MIT */
#include "view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "filter.h"
#include "html.h"
#include "http.h"

enum { VALUE_MOST = 4096, REFRESH_LEAST_S = 5, REFRESH_MOST_S = 3600 };

static const struct {
	const char *name;
	int option; /* of filter.h, or 0 */
} keys[VIEW_KEYS] = {
    [VIEW_SINCE] = {"since", FILTER_SINCE},
    [VIEW_UNTIL] = {"until", FILTER_UNTIL},
    [VIEW_STATUS] = {"status", FILTER_STATUS},
    [VIEW_TYPE] = {"type", FILTER_TYPE},
    [VIEW_SOURCE] = {"source", FILTER_SOURCE},
    [VIEW_DESTINATION] = {"destination", 'd'},
    [VIEW_SUBJECT] = {"subject", FILTER_SUBJECT},
    [VIEW_ERROR] = {"error", FILTER_ERROR},
    [VIEW_LIMIT] = {"limit", FILTER_LIMIT},
    [VIEW_AFTER] = {"after", 0},
    [VIEW_EVENT] = {"event", 0},
    [VIEW_RAW] = {"raw", 0},
    [VIEW_REFRESH] = {"refresh", 0},
};

const char *view_name(enum view_key key)
{
	return keys[key].name;
}

void view_free(struct view *a)
{
	for (int i = 0; i < VIEW_KEYS; i++)
		free(a->values[i]);
	*a = (struct view){.untidy = false};
}

/* ---- reading ---- */

static bool has_nul(const struct buf *b)
{
	return b->len && memchr(b->data, '\0', b->len);
}

static int key_named(struct slice name)
{
	int key = 0;
	while (key < VIEW_KEYS && !slice_is(name, keys[key].name))
		key++;
	return key;
}

/* Statuses add up, as checked boxes send them; of the others the last counts. */
static int keep(struct view *a, int key, struct buf *value, struct diag *d)
{
	if (key == VIEW_STATUS && a->values[key]) {
		struct buf all = BUF_INIT;
		buf_printf(&all, "%s,%s", a->values[key], value->data);
		buf_free(value);
		*value = all;
		a->untidy = true;
	}
	if (!buf_ok(value))
		return diag_fail(d, DIAG_IO, "out of memory");
	if (value->len > VALUE_MOST)
		return diag_fail(d, DIAG_USAGE, "%s: expected text of at most %d bytes", keys[key].name, VALUE_MOST);
	free(a->values[key]);
	a->values[key] = value->data;
	*value = BUF_INIT;
	return 0;
}

int view_take(struct view *a, struct slice key_text, struct slice text, struct diag *d)
{
	struct buf value = BUF_INIT;
	int key = key_named(key_text), result = 0;
	if (key == VIEW_KEYS)
		result = diag_fail(d, DIAG_USAGE, "'%.*s': no such parameter",
				   (int)(key_text.len < 100 ? key_text.len : 100), key_text.ptr);
	else if (text.len == 0 && key != VIEW_RAW)
		a->untidy = true;
	else if (http_unescape(&value, text, true) < 0 || has_nul(&value))
		result = diag_fail(d, DIAG_USAGE, "%s: expected percent-encoded text", keys[key].name);
	else {
		buf_add_text(&value, ""); /* makes an empty one a string too */
		result = keep(a, key, &value, d);
	}
	buf_free(&value);
	return result;
}

/* Digits up to `end`, which is passed over. */
static bool take_digits(const char **text, char end, int64_t *value)
{
	size_t len = strspn(*text, "0123456789");
	bool fits = len > 0 && len < 19 && (*text)[len] == end;
	*value = fits ? strtoll(*text, NULL, 10) : 0;
	*text += len + 1;
	return fits;
}

int64_t view_refresh_s(const struct view *a)
{
	const char *text = a->values[VIEW_REFRESH];
	int64_t seconds;
	if (!text)
		return 0;
	return take_digits(&text, '\0', &seconds) && seconds >= REFRESH_LEAST_S && seconds <= REFRESH_MOST_S ? seconds
													     : -1;
}

static int take_after(struct journal_filter *f, const char *text, struct diag *d)
{
	return filter_take_after(f, text) < 0 ? diag_fail(d, DIAG_USAGE, "after: not a place in the history") : 0;
}

static int take_event(struct view *a, struct journal_filter *f, struct diag *d)
{
	a->event = slice_of(a->values[VIEW_EVENT]);
	if (!event_is_name(a->event))
		return diag_fail(d, DIAG_USAGE, "event: '%.200s' cannot be the id of an event", a->event.ptr);
	f->ids = &a->event;
	f->id_count = 1;
	return 0;
}

int view_filter(struct view *a, struct journal_filter *f, int64_t now, struct diag *d)
{
	*f = (struct journal_filter){.since = 0};
	for (int key = 0; key < VIEW_KEYS; key++)
		if (a->values[key] && keys[key].option && filter_take(f, keys[key].option, a->values[key], now, d) < 0)
			return -1;
	if (!f->limit)
		f->limit = VIEW_ROWS;
	if (f->limit > VIEW_ROWS_MOST)
		return diag_fail(d, DIAG_USAGE, "limit: expected at most %d", VIEW_ROWS_MOST);
	if (view_refresh_s(a) < 0)
		return diag_fail(d, DIAG_USAGE, "refresh: expected seconds, %d to %d", REFRESH_LEAST_S, REFRESH_MOST_S);
	if (a->values[VIEW_AFTER] && take_after(f, a->values[VIEW_AFTER], d) < 0)
		return -1;
	return a->values[VIEW_EVENT] ? take_event(a, f, d) : 0;
}

/* ---- writing ---- */

static void add_parameter(struct buf *b, bool *first, const char *between, enum view_key key, const char *value)
{
	buf_printf(b, "%s%s=", *first ? "?" : between, keys[key].name);
	html_add_query(b, slice_of(value));
	*first = false;
}

static void add_all(struct buf *b, const struct view *a, const char *between, int changed, const char *value)
{
	bool first = true;
	for (int key = 0; key < VIEW_KEYS; key++) {
		const char *now = key == changed ? value : a->values[key];
		if (key == VIEW_AFTER && changed >= 0 && changed != VIEW_AFTER)
			continue;
		if (now)
			add_parameter(b, &first, between, (enum view_key)key, now);
	}
	if (first)
		buf_add_char(b, '?');
}

void view_add(struct buf *b, const struct view *a, enum view_key key, const char *value)
{
	add_all(b, a, "&amp;", (int)key, value);
}

void view_add_whole(struct buf *b, const struct view *a)
{
	add_all(b, a, "&", -1, NULL);
}

void view_add_event(struct buf *b, struct slice source, struct slice id)
{
	buf_add_text(b, "?event=");
	html_add_query(b, id);
	if (source.ptr) {
		buf_add_text(b, "&amp;source=");
		html_add_query(b, source);
	}
}
