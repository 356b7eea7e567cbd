/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <stdlib.h>

#include "clock.h"
#include "httpd.h"
#include "intake.h"

enum {
	BODY_FIRST = 16 * 1024,   /* reserved on a sender's word alone */
	BODY_KEPT = 64 * 1024,    /* kept from request to request */
	UNKNOWN_MOST = 64 * 1024, /* of a body that no source wants */
	TURN_ROWS = 2048,         /* of one transaction: about 30 ms */
};

/* The life of a request. BODY: its body is coming in, or being passed over when it has been refused already. */
enum phase { PHASE_BODY, PHASE_WAITING, PHASE_DONE };

struct exchange {
	struct exchange *next; /* in the pool, or among those that wait for the commit */
	struct MHD_Connection *connection;
	const struct source *source; /* NULL: refused */
	enum phase phase;
	struct intake in;
	struct buf body;
	size_t passed_over;
};

struct loop {
	const struct server *server;
	struct httpd http;
	struct exchange *pool;
	struct exchange *waiting, **last; /* in the order they came */
	struct journal_accept *rows;      /* of one transaction */
	size_t row_cap;
	struct MHD_Response *one_accepted; /* the answer that is given most */
	struct buf answer;
	unsigned exchanges; /* open ones */
	bool trouble;       /* the last commit failed, and somebody has been told */
};

/* ---- the request as intake sees it ---- */

static struct request describe(const struct exchange *x, const char *method, const char *path)
{
	return (struct request){.method = slice_of(method),
				.path = slice_of(path),
				.body = buf_slice(&x->body),
				.header = httpd_header,
				.context = x->connection};
}

/* ---- answers ---- */

static bool is_one_accepted(const struct intake *in)
{
	return in->status == 0 && in->count == 1 && in->rows[0].answer == JOURNAL_ACCEPTED && !in->rows[0].error.ptr;
}

static struct MHD_Response *make_response(struct buf *text)
{
	struct MHD_Response *response =
	    buf_ok(text) ? MHD_create_response_from_buffer(text->len, text->data, MHD_RESPMEM_MUST_COPY) : NULL;
	if (response)
		MHD_add_response_header(response, "Content-Type", "application/json");
	return response;
}

/* After a refusal the connection ends: what follows on it may be the rest of what was refused. */
static void add_refusal_headers(struct MHD_Response *response, const struct intake *in)
{
	MHD_add_response_header(response, "Connection", "close");
	if (in->field)
		MHD_add_response_header(response, in->field, in->field_value);
	if (in->status == 503)
		MHD_add_response_header(response, "Retry-After", "5");
}

static enum MHD_Result answer(struct loop *l, struct exchange *x)
{
	x->phase = PHASE_DONE;
	if (is_one_accepted(&x->in))
		return MHD_queue_response(x->connection, MHD_HTTP_ACCEPTED, l->one_accepted);
	buf_clear(&l->answer);
	int status = intake_answer(&x->in, &l->answer);
	struct MHD_Response *response = make_response(&l->answer);
	if (!response)
		return MHD_NO;
	if (x->in.status)
		add_refusal_headers(response, &x->in);
	enum MHD_Result result = MHD_queue_response(x->connection, (unsigned)status, response);
	MHD_destroy_response(response);
	return result;
}

/* ---- the pool ---- */

static struct exchange *take_exchange(struct loop *l, struct MHD_Connection *connection)
{
	struct exchange *x = l->pool;
	if (x)
		l->pool = x->next;
	else
		x = calloc(1, sizeof *x);
	if (!x)
		return NULL;
	x->connection = connection;
	x->phase = PHASE_BODY;
	x->source = NULL;
	x->passed_over = 0;
	x->next = NULL;
	l->exchanges++;
	return x;
}

static void give_back(struct loop *l, struct exchange *x)
{
	intake_clear(&x->in);
	buf_clear(&x->body);
	if (x->body.cap > BODY_KEPT)
		buf_free(&x->body);
	x->next = l->pool;
	l->pool = x;
	l->exchanges--;
}

/* ---- one request, as libmicrohttpd hands it over ---- */

static size_t body_limit(const struct exchange *x)
{
	return x->source ? x->source->body_limit : UNKNOWN_MOST;
}

static void refuse_size(struct exchange *x)
{
	intake_refuse(&x->in, 413, "a body of more than %zu bytes", body_limit(x));
}

/* The headers are in. A refusal whose body is small waits for it to be in too: closed at once, the connection could be reset before
 * its sender has read why. */
static enum MHD_Result begin(struct loop *l, struct exchange *x, const char *method, const char *path)
{
	size_t length;
	struct request r = describe(x, method, path);
	const char *wrong = httpd_misframed(x->connection, &length);
	if (wrong) {
		intake_refuse(&x->in, 400, "%s", wrong);
		return answer(l, x);
	}
	x->source = intake_open(&x->in, l->server->sources, &r);
	if (length > body_limit(x)) {
		if (x->source)
			refuse_size(x);
		return answer(l, x);
	}
	if (x->source && length && !buf_reserve(&x->body, length < BODY_FIRST ? length : BODY_FIRST))
		intake_refuse(&x->in, 503, "out of memory");
	return MHD_YES;
}

/* Nothing is kept of what is refused already, and not much of it is waited for. */
static enum MHD_Result take_body(struct exchange *x, const char *bytes, size_t *len)
{
	if (x->in.status == 0 && x->body.len + *len > body_limit(x))
		refuse_size(x);
	if (x->in.status) {
		x->passed_over += *len;
	} else {
		buf_add(&x->body, bytes, *len);
		if (!buf_ok(&x->body))
			intake_refuse(&x->in, 503, "out of memory");
	}
	*len = 0;
	return x->passed_over > body_limit(x) ? MHD_NO : MHD_YES;
}

static enum MHD_Result finish(struct loop *l, struct exchange *x, const char *method, const char *path)
{
	struct request r = describe(x, method, path);
	if (x->in.status == 0)
		intake_body(&x->in, x->source, &r, clock_now());
	if (x->in.status || x->in.count == 0)
		return answer(l, x);
	x->phase = PHASE_WAITING;
	*l->last = x;
	l->last = &x->next;
	MHD_suspend_connection(x->connection);
	return MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *bytes, size_t *len, void **state)
{
	struct loop *l = context;
	struct exchange *x = *state;
	(void)version;
	if (!x) {
		*state = x = take_exchange(l, connection);
		return x ? begin(l, x, method, path) : MHD_NO;
	}
	if (*len)
		return take_body(x, bytes, len);
	return x->phase == PHASE_BODY ? finish(l, x, method, path) : answer(l, x);
}

static void on_end(void *context, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
	(void)connection;
	(void)code;
	if (*state)
		give_back(context, *state);
	*state = NULL;
}

/* ---- the commit ---- */

/* The requests from `first` on that one transaction takes, and their rows. At least one. */
static size_t gather(struct loop *l, const struct exchange *first, const struct exchange **end)
{
	size_t count = 0;
	const struct exchange *x = first;
	for (; x && (x == first || count + x->in.count <= TURN_ROWS); x = x->next) {
		if (count + x->in.count > l->row_cap) {
			size_t cap = count + x->in.count + TURN_ROWS;
			struct journal_accept *rows = realloc(l->rows, cap * sizeof *rows);
			if (!rows)
				break;
			l->rows = rows;
			l->row_cap = cap;
		}
		memcpy(l->rows + count, x->in.rows, x->in.count * sizeof *x->in.rows);
		count += x->in.count;
	}
	*end = x;
	return count;
}

static void hand_answers(const struct loop *l, struct exchange *first, const struct exchange *end)
{
	size_t at = 0;
	for (struct exchange *x = first; x != end; x = x->next)
		for (size_t i = 0; i < x->in.count; i++)
			x->in.rows[i].answer = l->rows[at++].answer;
}

static int write_rows(struct loop *l, size_t count, struct diag *d)
{
	struct journal *j = l->server->journal;
	if (count == 0)
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	if (journal_begin(j, d) < 0)
		return -1;
	if (journal_accept(j, l->rows, count, clock_now(), d) == 0 && journal_commit(j, d) == 0)
		return 0;
	journal_rollback(j);
	return -1;
}

/* Told when it begins and when it is over: a full disk is no reason to fill the log. */
static void note_trouble(struct loop *l, const struct diag *d)
{
	if (d && !l->trouble)
		diag_error("%s (answering 503 until it is over)", d->text);
	if (!d && l->trouble)
		diag_notice("the journal takes events again");
	l->trouble = d != NULL;
}

static int journal_waiting(struct loop *l, struct diag *d)
{
	for (struct exchange *x = l->waiting; x;) {
		const struct exchange *end;
		size_t count = gather(l, x, &end);
		if (write_rows(l, count, d) < 0)
			return -1;
		hand_answers(l, x, end);
		while (x != end) {
			l->waiting = x->next;
			x->next = NULL;
			MHD_resume_connection(x->connection);
			x = l->waiting;
		}
	}
	return 0;
}

static void commit(struct loop *l)
{
	struct diag d;
	bool failed = journal_waiting(l, &d) < 0;
	note_trouble(l, failed ? &d : NULL);
	for (struct exchange *x = l->waiting, *next; x; x = next) {
		next = x->next;
		intake_refuse(&x->in, 503, "the journal cannot take events at the moment: try again");
		MHD_resume_connection(x->connection);
	}
	l->waiting = NULL;
	l->last = &l->waiting;
	if (!failed)
		outlet_wake(l->server->outlet);
}

/* ---- the loop ---- */

/* Waits for sockets, for the outlet's end, for a signal. Whoever has just been resumed must not wait. */
static void wait_for_work(struct loop *l, bool busy)
{
	bool reaped;
	if (httpd_wait(&l->http, busy, l->server->outlet->gone, &reaped))
		journal_idle(l->server->journal);
	if (reaped)
		outlet_reaped(l->server->outlet);
}

/* One turn; true when there is more to do at once. libmicrohttpd can take in new requests while it answers those that were resumed:
 * they are committed before anybody waits. */
static bool turn(struct loop *l, bool busy)
{
	wait_for_work(l, busy);
	MHD_run(l->http.daemon);
	busy = l->waiting;
	if (busy)
		commit(l);
	return busy;
}

static void serve(struct loop *l)
{
	const struct server *s = l->server;
	bool busy = false;
	while (!*s->stop && (s->listener >= 0 || l->http.connections))
		busy = turn(l, busy);
	if (s->listener >= 0)
		MHD_quiesce_daemon(l->http.daemon);
	int64_t until = clock_monotonic() + HTTPD_STOP_MS;
	while ((busy || l->exchanges) && clock_monotonic() < until)
		busy = turn(l, busy);
}

static int begin_serving(struct loop *l, struct diag *d)
{
	l->last = &l->waiting;
	buf_add_text(&l->answer, "{\"accepted\":1}\n");
	l->one_accepted = make_response(&l->answer);
	if (!l->one_accepted)
		return diag_fail(d, DIAG_UNAVAILABLE, "cannot start the HTTP server: out of memory");
	return httpd_open(&l->http, d);
}

int server_run(const struct server *server, struct diag *d)
{
	struct loop l = {.server = server};
	l.http = (struct httpd){.listener = server->listener,
				.connection = server->connection,
				.on_request = on_request,
				.on_end = on_end,
				.context = &l};
	int result = begin_serving(&l, d);
	if (result == 0)
		serve(&l);
	httpd_close(&l.http);
	if (l.one_accepted)
		MHD_destroy_response(l.one_accepted);
	for (struct exchange *x; (x = l.pool);) {
		l.pool = x->next;
		intake_free(&x->in);
		buf_free(&x->body);
		free(x);
	}
	buf_free(&l.answer);
	free(l.rows);
	return result;
}
