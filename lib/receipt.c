/* SPDX-License-Identifier: MIT */
#include "receipt.h"

#include <inttypes.h>

#include "show.h"

static void add_member(struct buf *b, const char *name, struct slice text)
{
	buf_printf(b, ",\"%s\":", name);
	show_add_json(b, text);
}

static void add_number(struct buf *b, const char *name, int64_t number)
{
	buf_printf(b, ",\"%s\":%" PRId64, name, number);
}

static void add_time(struct buf *b, const char *name, int64_t at)
{
	buf_printf(b, ",\"%s\":", name);
	show_add_json_time(b, at);
}

void receipt_add_event(struct buf *b, const struct journal_forgotten *event, bool dry_run)
{
	const char *done = event->in_flight ? "left: it is being sent" : dry_run ? "would be erased" : "erased";
	buf_printf(b, "{\"event\":\"%s\"", done);
	add_member(b, "source", event->source);
	add_member(b, "id", event->id);
	add_member(b, "type", event->type);
	add_time(b, "received_at", event->received_at);
	if (event->payload >= 0)
		add_number(b, "payload_bytes", event->payload);
	add_number(b, "sent", event->sent);
	add_number(b, "answers", event->answers);
	add_number(b, "errors", event->errors);
	add_number(b, "deliveries_stopped", event->in_flight ? 0 : event->stopped);
	buf_add_text(b, "}\n");
}

void receipt_add_end(struct buf *b, const struct journal_forget *forget, const char *journal, int64_t now)
{
	const char *state = forget->dry_run     ? "nothing was changed"
			    : !forget->erased   ? "not yet erased"
			    : forget->in_flight ? "erased, but for what is being sent"
						: "erased";
	buf_printf(b, "{\"receipt\":\"%s\"", state);
	add_member(b, "source", buf_slice(&forget->known_source));
	add_member(b, "subject", forget->subject);
	add_member(b, "journal", slice_of(journal));
	add_time(b, "at", now);
	add_number(b, "events", forget->events);
	add_number(b, "left", forget->in_flight);
	add_number(b, "destination_records", forget->records);
	add_number(b, "bytes_given_back", forget->bytes);
	buf_add_text(b, "}\n");
}
