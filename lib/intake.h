/* SPDX-License-Identifier: MIT */
/* intake: one HTTP request, or one line of records, to the rows it means for the journal, or to the reason why it
 * is refused. Pure: it knows neither sockets nor the journal's file, and is told the time.
 *
 *   source = intake_open(&in, sources, &request);              headers are in: is it ours at all?
 *   if (source) intake_body(&in, source, &request, now);       the body is in too
 *   in.status == 0: journal in.rows (there may be none), commit, answer with intake_answer; else refuse with in.status and in.why. */
#ifndef EVT_INTAKE_H
#define EVT_INTAKE_H

#include "journal.h"
#include "source.h"

enum { INTAKE_EVENTS = 4096 }; /* of one request: more would hold a transaction open too long */

struct intake {
	int status;                      /* 0: take the rows; else the HTTP status of the refusal */
	struct diag why;                 /* of a refusal, for the sender */
	const struct source *source;     /* whose it is, also of a refusal; NULL: of none */
	const char *cause;               /* of a refusal, a word of INTAKE_CAUSES */
	const char *field, *field_value; /* a header that belongs to the refusal (Allow, WWW-Authenticate), or NULL */
	struct journal_accept *rows; /* with what they point to, until intake_clear, and no longer than the request */
	size_t count;
	/* An answer that the source's file, or a handshake, asks for, instead of the count of events; reply_status 0: none */
	int reply_status;
	const char *reply_type;
	struct slice reply;
	/* Memory that is kept from request to request. */
	struct jtext json;
	struct buf scratch;
	struct buf plain; /* an unpacked body */
	struct event_parser parser;
	struct intake_chunk *chunks;
};

/* Why requests are refused, as they are counted: a word for each that somebody would look into by itself. */
#define INTAKE_CAUSES                                                                                                  \
	"malformed", "not-json", "signature", "timestamp", "source", "method", "timeout", "too-large", "type",         \
	    "headers", "unavailable", "handshake"

#define INTAKE_INIT ((struct intake){.status = 0})
void intake_free(struct intake *in);
void intake_clear(struct intake *in); /* before the next request: forgets the rows, keeps what memory is small */

/* Before the body: finds the source a request is for. NULL when it is refused. Looks at method, path and headers only. */
const struct source *intake_open(struct intake *in, const struct sources *all, const struct request *r);

/* With the body: signature, content type, JSON, and a row for each event. An element that lacks its id or type becomes
 * a row with an error, under an id made from its text, so that a repeat of it is known for one. */
void intake_body(struct intake *in, const struct source *s, const struct request *r, int64_t now);

/* A record of a scheduled pull: a body that needs no signature. Precondition: `in` is clear. */
void intake_record(struct intake *in, const struct source *s, struct slice record, int64_t now);

void intake_refuse(struct intake *in, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What became of the rows, once they are committed. */
struct intake_count {
	size_t accepted, duplicates, conflicts;
	size_t repeats; /* of the accepted: with a payload that is known under another id */
	size_t failed;  /* of the accepted: that can go nowhere */
};
void intake_count(const struct intake *in, struct intake_count *count); /* adds */

/* Appends the body of the answer, to a refusal too, and says its type; returns its
 * HTTP status: 202 something is new, 200 nothing is, reply_status, or in->status. */
int intake_answer(const struct intake *in, struct buf *body, const char **type);

#endif
