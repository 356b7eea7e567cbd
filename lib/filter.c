/* SPDX-License-Identifier: MIT */
#include "filter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "clock.h"

const struct option filter_options[] = {
    {"since", required_argument, NULL, FILTER_SINCE},     {"until", required_argument, NULL, FILTER_UNTIL},
    {"status", required_argument, NULL, FILTER_STATUS},   {"type", required_argument, NULL, FILTER_TYPE},
    {"source", required_argument, NULL, FILTER_SOURCE},   {"destination", required_argument, NULL, 'd'},
    {"subject", required_argument, NULL, FILTER_SUBJECT}, {"error", required_argument, NULL, FILTER_ERROR},
    {"limit", required_argument, NULL, FILTER_LIMIT},     {NULL, 0, NULL, 0},
};

static const char *option_name(int option)
{
	const struct option *o = filter_options;
	while (o->name && o->val != option)
		o++;
	return o->name;
}

static int wrong(struct diag *d, int option, const char *value, const char *expected)
{
	return diag_fail(d, DIAG_USAGE, "--%s '%.200s': expected %s", option_name(option), value, expected);
}

static int take_instant(struct journal_filter *f, int option, const char *value, int64_t now, struct diag *d)
{
	int64_t at;
	if (clock_parse_when(slice_of(value), now, &at) < 0)
		return wrong(
		    d, option, value,
		    "a time such as 2026-11-23T06:30:00Z, 2026-11-23, @1795415400, 2h (ago), today or yesterday");
	if (at < 1) /* 0 means "not asked for", and nothing was received before 1970 */
		at = 1;
	if (option == FILTER_SINCE)
		f->since = at;
	else
		f->until = at;
	if (f->since && f->until && f->until <= f->since)
		return diag_fail(d, DIAG_USAGE,
				 "--%s '%.200s': --until is not later than --since: nothing lies between",
				 option_name(option), value);
	return 1;
}

static int status_bit(struct slice name)
{
	for (int status = 0; status < JOURNAL_STATUSES; status++)
		if (slice_is(name, journal_status_name((enum journal_status)status)))
			return 1 << status;
	return 0;
}

static int take_statuses(struct journal_filter *f, const char *value, struct diag *d)
{
	for (const char *at = value;; at++) {
		size_t len = strcspn(at, ",");
		int bit = status_bit((struct slice){at, len});
		if (!bit)
			return wrong(
			    d, FILTER_STATUS, value,
			    "one or more, by commas, of received, processing, delivered, failed, retrying, skipped");
		f->statuses |= (unsigned)bit;
		at += len;
		if (!*at)
			return 1;
	}
}

static int take_limit(struct journal_filter *f, const char *value, struct diag *d)
{
	size_t len = strlen(value);
	if (len < 1 || len > 18 || strspn(value, "0123456789") != len || strtoll(value, NULL, 10) < 1)
		return wrong(d, FILTER_LIMIT, value, "a number from 1");
	f->limit = strtoll(value, NULL, 10);
	return 1;
}

static int take_name(struct slice *member, int option, const char *value, struct diag *d)
{
	if (!event_is_name(slice_of(value)))
		return wrong(d, option, value, "a text of 1 to 1024 bytes of UTF-8 without control characters");
	*member = slice_of(value);
	return 1;
}

int filter_take(struct journal_filter *f, int option, const char *value, int64_t now, struct diag *d)
{
	switch (option) {
	case FILTER_SINCE:
	case FILTER_UNTIL:
		return take_instant(f, option, value, now, d);
	case FILTER_STATUS:
		return take_statuses(f, value, d);
	case FILTER_TYPE:
		return take_name(&f->type, option, value, d);
	case FILTER_SOURCE:
		return take_name(&f->source, option, value, d);
	case 'd':
		return take_name(&f->destination, option, value, d);
	case FILTER_SUBJECT:
		return take_name(&f->subject, option, value, d);
	case FILTER_ERROR:
		return take_name(&f->error, option, value, d);
	case FILTER_LIMIT:
		return take_limit(f, value, d);
	default:
		return 0;
	}
}

struct slice *filter_take_ids(struct journal_filter *f, char **operands, int count, struct diag *d)
{
	struct slice *ids = calloc((size_t)count + 1, sizeof *ids);
	if (!ids) {
		diag_fail(d, DIAG_IO, "out of memory");
		return NULL;
	}
	for (int i = 0; i < count; i++) {
		ids[i] = slice_of(operands[i]);
		if (!event_is_name(ids[i])) {
			diag_fail(d, DIAG_USAGE, "'%.200s' cannot be the id of an event", operands[i]);
			free(ids);
			return NULL;
		}
	}
	f->ids = ids;
	f->id_count = (size_t)count;
	return ids;
}

void filter_mark_found(const struct journal_filter *f, bool *found, struct slice id)
{
	for (size_t i = 0; i < f->id_count; i++)
		found[i] = found[i] || slice_equal(f->ids[i], id);
}

int64_t filter_tell_missing(const struct journal_filter *f, const bool *found, void (*missing)(struct slice id))
{
	int64_t count = 0;
	for (size_t i = 0; i < f->id_count; i++) {
		if (found[i])
			continue;
		missing(f->ids[i]);
		count++;
	}
	return count;
}

void filter_add_after(struct buf *b, struct journal_key key)
{
	buf_printf(b, "%" PRId64 "-%" PRId64, key.event, key.destination);
}

int filter_take_after(struct journal_filter *f, const char *text)
{
	char *end;
	size_t digits = strspn(text, "0123456789"),
	       more = text[digits] == '-' ? strspn(text + digits + 1, "0123456789") : 0;
	if (!digits || !more || text[digits + 1 + more] != '\0')
		return -1;
	errno = 0;
	f->before.event = strtoll(text, &end, 10);
	f->before.destination = strtoll(end + 1, NULL, 10);
	return errno || f->before.event == 0 ? -1 : 0;
}
