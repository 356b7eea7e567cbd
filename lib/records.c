/* SPDX-License-Identifier: MIT */
#include "records.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

#include "clock.h"
#include "lines.h"

/* A record whose rows wait for the commit, and the text that they point into. */
struct record {
	struct intake in;
	struct buf text;
};

struct batch {
	struct record records[RECORDS_BATCH];
	size_t count, bytes, row_count;
	struct journal_accept *rows;
	size_t row_cap;
};

static void refuse(struct records_result *result, uint64_t number, const char *why)
{
	diag_error("line %" PRIu64 ": %s", number, why);
	result->bad++;
}

static void add(const struct records *r, struct batch *b, struct slice line, uint64_t number,
		struct records_result *result)
{
	struct record *record = &b->records[b->count];
	result->lines++;
	intake_clear(&record->in);
	buf_clear(&record->text);
	buf_add_slice(&record->text, line);
	if (buf_ok(&record->text))
		intake_record(&record->in, r->source, buf_slice(&record->text), clock_now());
	else
		intake_refuse(&record->in, 503, "out of memory");
	if (record->in.status) {
		refuse(result, number, record->in.why.text);
		return;
	}
	b->count++;
	b->bytes += line.len;
	b->row_count += record->in.count;
}

static int gather(struct batch *b, struct diag *d)
{
	if (b->row_count > b->row_cap) {
		struct journal_accept *rows = realloc(b->rows, b->row_count * sizeof *rows);
		if (!rows)
			return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
		b->rows = rows;
		b->row_cap = b->row_count;
	}
	size_t at = 0;
	for (size_t i = 0; i < b->count; i++) {
		const struct intake *in = &b->records[i].in;
		if (in->count)
			memcpy(b->rows + at, in->rows, in->count * sizeof *in->rows);
		at += in->count;
	}
	return 0;
}

static int journal_rows(const struct records *r, struct batch *b, struct diag *d)
{
	if (b->row_count == 0)
		return 0;
	if (gather(b, d) < 0 || journal_begin(r->journal, d) < 0)
		return -1;
	if (journal_accept(r->journal, b->rows, b->row_count, clock_now(), d) == 0 &&
	    journal_commit(r->journal, d) == 0)
		return 0;
	journal_rollback(r->journal);
	return -1;
}

static int commit(const struct records *r, struct batch *b, struct records_result *result, struct diag *d)
{
	if (journal_rows(r, b, d) < 0)
		return -1;
	size_t at = 0;
	for (size_t i = 0; i < b->count; i++) {
		struct intake *in = &b->records[i].in;
		for (size_t k = 0; k < in->count; k++)
			in->rows[k].answer = b->rows[at++].answer;
		intake_count(in, &result->count);
	}
	b->count = b->bytes = b->row_count = 0;
	outlet_wake(r->outlet);
	return 0;
}

static bool is_full(const struct batch *b)
{
	return b->count == RECORDS_BATCH || b->bytes >= RECORDS_BATCH_BYTES || b->row_count >= INTAKE_EVENTS;
}

static bool more_is_there(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	return poll(&poll_fd, 1, 0) > 0;
}

/* Reads on; before it would wait for input, what has been read is committed. */
static int read_on(const struct records *r, struct batch *b, struct lines *l, struct records_result *result,
		   struct diag *d)
{
	if (!more_is_there(r->in) && commit(r, b, result, d) < 0)
		return -1;
	return lines_fill(l, d);
}

static int run(const struct records *r, struct batch *b, struct lines *l, struct records_result *result, struct diag *d)
{
	for (;;) {
		struct slice line;
		switch (lines_buffered(l, &line)) {
		case LINES_LINE:
			add(r, b, line, l->number, result);
			if (is_full(b) && commit(r, b, result, d) < 0)
				return -1;
			break;
		case LINES_TOO_LONG:
			result->lines++;
			refuse(result, l->number, "longer than the source's body_limit");
			break;
		case LINES_WAIT:
			if (read_on(r, b, l, result, d) < 0)
				return -1;
			break;
		default:
			return commit(r, b, result, d);
		}
	}
}

int records_run(const struct records *r, struct records_result *result, struct diag *d)
{
	struct lines l;
	struct batch *b = calloc(1, sizeof *b);
	*result = (struct records_result){0};
	if (!b)
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	lines_open(&l, r->in, r->source->body_limit);
	int status = run(r, b, &l, result, d);
	lines_close(&l);
	for (size_t i = 0; i < RECORDS_BATCH; i++) {
		intake_free(&b->records[i].in);
		buf_free(&b->records[i].text);
	}
	free(b->rows);
	free(b);
	return status;
}
