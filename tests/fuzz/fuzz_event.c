/* SPDX-License-Identifier: MIT */
/* A line that is taken, written and read again is the same event. */
#include "event.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void same(struct slice a, struct slice b)
{
	must(!a.ptr == !b.ptr && slice_equal(a, b));
}

/* White space in data may have changed from a line break to a blank. */
static void same_on_one_line(struct slice a, struct slice b)
{
	must(a.len == b.len);
	for (size_t i = 0; i < a.len; i++)
		must(a.ptr[i] == b.ptr[i] || ((a.ptr[i] == '\n' || a.ptr[i] == '\r') && b.ptr[i] == ' '));
}

static void same_event(const struct event *a, const struct event *b)
{
	same(a->id, b->id);
	same(a->source, b->source);
	same(a->type, b->type);
	same(a->subject, b->subject);
	same(a->time, b->time);
	same(a->content_type, b->content_type);
	same(a->destination, b->destination);
	same(a->map, b->map);
	same(a->skip, b->skip);
	same(a->error, b->error);
	same(a->extra, b->extra);
	must(a->recorded_at == b->recorded_at && a->attempt == b->attempt && a->claim == b->claim);
	must(a->body == b->body);
	if (a->body == EVENT_JSON)
		same_on_one_line(a->data, b->data);
	else
		same(a->data, b->data);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct event_parser first = EVENT_PARSER_INIT, second = EVENT_PARSER_INIT;
	static struct buf line = BUF_INIT;
	struct event a, b;
	struct diag d;
	if (event_parse(&first, (struct slice){(const char *)bytes, len}, &a, &d) < 0) {
		must(d.code == DIAG_DATA && d.text[0]);
		return 0;
	}
	buf_clear(&line);
	event_write(&line, &a);
	must(buf_ok(&line) && line.len <= event_line_size(&a, a.destination.len));
	must(!memchr(line.data, '\n', line.len - 1) && line.data[line.len - 1] == '\n');
	must(event_parse(&second, (struct slice){line.data, line.len - 1}, &b, &d) == 0);
	same_event(&a, &b);
	must((event_data_node(&second) != JTEXT_NOWHERE) == (b.body == EVENT_JSON));
	return 0;
}
