/* SPDX-License-Identifier: MIT */
#include "refusals.h"

#include <stdio.h>
#include <stdlib.h>

struct refusals_row {
	const char *source; /* the name of one that lives as long as the receiver; "": none */
	const char *cause;
	int64_t count, last_at;
	int status;
	char peer[PEER_SIZE], why[256], sample[REFUSALS_SAMPLE];
};

/* ---- the sample ---- */

/* Printable ASCII; anything else becomes a question mark. Cut where the room ends. */
static size_t add(char *text, size_t at, struct slice piece)
{
	for (size_t i = 0; i < piece.len && at + 1 < REFUSALS_SAMPLE; i++)
		text[at++] = (char)(piece.ptr[i] >= ' ' && piece.ptr[i] <= '~' ? piece.ptr[i] : '?');
	text[at] = '\0';
	return at;
}

/* Shown by name are only headers that tell what a sender is, and hold no secret anywhere; of the others stands that they were there. */
static bool is_harmless(struct slice name)
{
	static const char *const harmless[] = {"Host",
					       "User-Agent",
					       "Content-Type",
					       "Content-Length",
					       "Content-Encoding",
					       "Transfer-Encoding",
					       "Accept",
					       "Date",
					       "X-Forwarded-For",
					       "X-Forwarded-Proto",
					       "Via",
					       "Connection",
					       "Expect",
					       "ce-type",
					       "ce-specversion",
					       "webhook-id",
					       "webhook-timestamp",
					       "X-GitHub-Event",
					       "X-GitHub-Delivery",
					       "X-Shopify-Topic",
					       "X-Slack-Request-Timestamp",
					       "X-HubSpot-Request-Timestamp"};
	for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
		if (name.len == strlen(harmless[i]) && strncasecmp(name.ptr, harmless[i], name.len) == 0)
			return true;
	return false;
}

/* The query is left out: some senders put tokens there. */
static void take_sample(char text[REFUSALS_SAMPLE], const struct request *r)
{
	size_t at = add(text, 0, r->method.len ? r->method : SLICE("(no head was read)"));
	if (r->path.len) {
		at = add(text, at, SLICE(" "));
		at = add(text, at, (struct slice){r->path.ptr, r->path.len < 256 ? r->path.len : 256});
	}
	for (size_t i = 0; i < r->header_count && at + 2 < REFUSALS_SAMPLE; i++) {
		text[at++] = '\n';
		at = add(text, at, r->headers[i].name);
		at = add(text, at, SLICE(": "));
		at = add(text, at, is_harmless(r->headers[i].name) ? r->headers[i].value : SLICE("(left out)"));
	}
}

/* ---- counting ---- */

/* NULL when all are in use: then somebody writes them soon. */
static struct refusals_row *find(struct refusals *all, const char *source, const char *cause)
{
	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->rows[i].source, source) == 0 && strcmp(all->rows[i].cause, cause) == 0)
			return &all->rows[i];
	if (!all->rows)
		all->rows = malloc(REFUSALS_ROWS * sizeof *all->rows);
	if (!all->rows || all->count == REFUSALS_ROWS)
		return NULL;
	struct refusals_row *row = &all->rows[all->count++];
	*row = (struct refusals_row){.source = source, .cause = cause};
	return row;
}

void refusals_note(struct refusals *all, const struct request *r, const struct intake *in, int64_t now)
{
	struct refusals_row *row = find(all, in->source ? in->source->name : "", in->cause);
	if (!row)
		return;
	/* Under a flood the sample of every thousandth is recent enough. */
	if (row->count++ % 1000 == 0) {
		take_sample(row->sample, r);
		snprintf(row->why, sizeof row->why, "%.255s", in->why.text);
		peer_sender(all->proxies, r, row->peer);
	}
	row->last_at = now;
	row->status = in->status;
}

int refusals_write(struct refusals *all, struct journal *j, int64_t now, struct diag *d)
{
	struct journal_refusal rows[REFUSALS_ROWS];
	if (all->count == 0)
		return 0;
	for (size_t i = 0; i < all->count; i++) {
		const struct refusals_row *row = &all->rows[i];
		rows[i] = (struct journal_refusal){.source = slice_of(row->source),
						   .cause = slice_of(row->cause),
						   .count = row->count,
						   .last_at = row->last_at,
						   .status = row->status,
						   .peer = slice_of(row->peer),
						   .why = slice_of(row->why),
						   .sample = slice_of(row->sample)};
	}
	if (journal_begin(j, d) < 0)
		return -1;
	if (journal_refuse(j, rows, all->count, now, d) == 0 && journal_commit(j, d) == 0) {
		all->count = 0;
		return 0;
	}
	journal_rollback(j);
	return -1;
}

void refusals_free(struct refusals *all)
{
	free(all->rows);
	*all = (struct refusals){.rows = NULL};
}
