/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <ctype.h>
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "intake.h"

enum {
	TIMEOUT_S = 30,           /* of a connection on which nothing moves */
	CONNECTIONS_MOST = 1024,  /* each costs HEADERS_MOST, and a body while one is under way */
	DESCRIPTORS_KEPT = 64,    /* for the journal and the rest of the process */
	HEADERS_MOST = 16 * 1024, /* libmicrohttpd's memory for a connection; more: 431 */
	BODY_FIRST = 16 * 1024,   /* reserved on a sender's word alone */
	BODY_KEPT = 64 * 1024,    /* kept from request to request */
	UNKNOWN_MOST = 64 * 1024, /* of a body that no source wants */
	TURN_ROWS = 2048,         /* of one transaction: about 30 ms */
	WAIT_MOST_MS = 1000,
	STOP_MS = 5000, /* for requests that are half in when the end comes */
};

/* As strict as the library can be about what RFC 9112 forbids. */
#if MHD_VERSION >= 0x00097701
#define STRICT MHD_OPTION_CLIENT_DISCIPLINE_LVL, 3
#else
#define STRICT MHD_OPTION_STRICT_FOR_CLIENT, 1
#endif

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
	struct MHD_Daemon *daemon;
	struct exchange *pool;
	struct exchange *waiting, **last; /* in the order they came */
	struct journal_accept *rows;      /* of one transaction */
	size_t row_cap;
	struct MHD_Response *one_accepted; /* the answer that is given most */
	struct buf answer;
	unsigned connections, exchanges; /* open ones */
	bool trouble;                    /* the last commit failed, and somebody has been told */
};

/* ---- the request as intake sees it ---- */

struct search {
	const char *name;
	struct slice *value;
	int found;
};

static enum MHD_Result compare_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_len,
				      const char *value, size_t value_len)
{
	struct search *search = context;
	(void)kind;
	if (strncasecmp(name, search->name, name_len) == 0 && search->name[name_len] == '\0' && search->found++ == 0)
		*search->value = (struct slice){value ? value : "", value_len};
	return MHD_YES;
}

static int find_header(void *connection, const char *name, struct slice *value)
{
	struct search search = {name, value, 0};
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, compare_header, &search);
	return search.found;
}

static struct request describe(const struct exchange *x, const char *method, const char *path)
{
	return (struct request){.method = slice_of(method),
				.path = slice_of(path),
				.body = buf_slice(&x->body),
				.header = find_header,
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

/* ---- framing: RFC 9112 section 6. Where a body ends must not be open to two readings. ---- */

struct framing {
	int lengths, codings, hosts;
	struct slice length, coding;
	bool bad_name;
};

static bool is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && (!strchr("!#$%&'*+-.^_`|~", text[i]) || text[i] == '\0'))
			return false;
	return len > 0;
}

static bool is_digits(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return text.len > 0 && text.len < 19;
}

static bool is_name(const char *name, size_t len, struct slice expected)
{
	return len == expected.len && strncasecmp(name, expected.ptr, len) == 0;
}

static enum MHD_Result note_framing(void *context, enum MHD_ValueKind kind, const char *name, size_t name_len,
				    const char *value, size_t value_len)
{
	struct framing *f = context;
	struct slice text = {value ? value : "", value_len};
	(void)kind;
	if (is_name(name, name_len, SLICE("Content-Length"))) {
		f->lengths++;
		f->length = text;
	} else if (is_name(name, name_len, SLICE("Transfer-Encoding"))) {
		f->codings++;
		f->coding = text;
	} else if (is_name(name, name_len, SLICE("Host"))) {
		f->hosts++;
	} else if (!is_token(name, name_len)) {
		f->bad_name = true; /* "Content-Length : 5" is another header to the library, and a length to others */
	}
	return MHD_YES;
}

static bool is_framed(struct exchange *x, size_t *length)
{
	struct framing f = {0};
	MHD_get_connection_values_n(x->connection, MHD_HEADER_KIND, note_framing, &f);
	*length = 0;
	if (f.bad_name)
		intake_refuse(&x->in, 400, "a header whose name is none");
	else if (f.hosts > 1)
		intake_refuse(&x->in, 400, "more than one Host");
	else if (f.lengths + f.codings > 1)
		intake_refuse(&x->in, 400, "the length of the body is told twice");
	else if (f.lengths && !is_digits(f.length))
		intake_refuse(&x->in, 400, "Content-Length: expected digits");
	else if (f.codings && !is_name(f.coding.ptr, f.coding.len, SLICE("chunked")))
		intake_refuse(&x->in, 400, "Transfer-Encoding: expected chunked");
	else if (f.lengths)
		*length = strtoull(f.length.ptr, NULL, 10);
	return x->in.status == 0;
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
	if (!is_framed(x, &length))
		return answer(l, x);
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

static void on_connection(void *context, struct MHD_Connection *connection, void **state,
			  enum MHD_ConnectionNotificationCode code)
{
	struct loop *l = context;
	(void)connection;
	(void)state;
	l->connections += code == MHD_CONNECTION_NOTIFY_STARTED ? 1U : -1U;
}

/* Paths are compared as they came: nothing in a source's name needs an escape. */
static size_t leave_escapes(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strlen(text);
}

static void on_message(void *context, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void on_message(void *context, const char *format, va_list args)
{
	char text[512];
	(void)context;
	vsnprintf(text, sizeof text, format, args);
	text[strcspn(text, "\n")] = '\0';
	diag_debug("%s", text);
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
	MHD_UNSIGNED_LONG_LONG due;
	int64_t wait = WAIT_MOST_MS;
	if (MHD_get_timeout(l->daemon, &due) == MHD_YES && due < (MHD_UNSIGNED_LONG_LONG)wait)
		wait = (int64_t)due;
	if (busy)
		wait = 0;
	struct timespec time = {wait / 1000, wait % 1000 * 1000000};
	struct pollfd fds[2] = {
	    {.fd = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, .events = POLLIN},
	    {.fd = l->server->outlet->gone, .events = POLLIN}};
	sigset_t none;
	sigemptyset(&none);
	int ready = ppoll(fds, 2, &time, &none);
	if (ready == 0 && wait > 0)
		journal_idle(l->server->journal);
	if (ready > 0 && fds[1].revents)
		outlet_reaped(l->server->outlet);
}

/* One turn; true when there is more to do at once. libmicrohttpd can take in new requests while it answers those that were resumed:
 * they are committed before anybody waits. */
static bool turn(struct loop *l, bool busy)
{
	wait_for_work(l, busy);
	MHD_run(l->daemon);
	busy = l->waiting;
	if (busy)
		commit(l);
	return busy;
}

static void serve(struct loop *l)
{
	const struct server *s = l->server;
	bool busy = false;
	while (!*s->stop && (s->listener >= 0 || l->connections))
		busy = turn(l, busy);
	if (s->listener >= 0)
		MHD_quiesce_daemon(l->daemon);
	int64_t until = clock_monotonic() + STOP_MS;
	while ((busy || l->exchanges) && clock_monotonic() < until)
		busy = turn(l, busy);
}

static unsigned connection_limit(void)
{
	struct rlimit limit;
	unsigned most = CONNECTIONS_MOST;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < most + DESCRIPTORS_KEPT)
		most = limit.rlim_cur > 2 * DESCRIPTORS_KEPT ? (unsigned)limit.rlim_cur - DESCRIPTORS_KEPT
							     : DESCRIPTORS_KEPT;
	return most;
}

static struct MHD_Daemon *start(struct loop *l)
{
	int listener = l->server->listener;
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
			 (listener < 0 ? (unsigned)MHD_USE_NO_LISTEN_SOCKET : 0);
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, l, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
				MHD_OPTION_NOTIFY_COMPLETED, on_end, l, MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
				MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, NULL, MHD_OPTION_CONNECTION_TIMEOUT,
				(unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_LIMIT, connection_limit(),
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MOST, STRICT,
				listener < 0 ? MHD_OPTION_END : MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_END);
}

static int take_connection(struct loop *l, int fd, struct diag *d)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof peer;
	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
		return diag_errno(d, DIAG_IO, errno, "the client's socket");
	if (MHD_add_connection(l->daemon, fd, (struct sockaddr *)&peer, len) == MHD_YES)
		return 0;
	return diag_fail(d, DIAG_UNAVAILABLE, "cannot serve the client's socket");
}

static int begin_serving(struct loop *l, struct diag *d)
{
	l->last = &l->waiting;
	buf_add_text(&l->answer, "{\"accepted\":1}\n");
	l->one_accepted = make_response(&l->answer);
	l->daemon = l->one_accepted ? start(l) : NULL;
	if (!l->daemon)
		return diag_fail(d, DIAG_UNAVAILABLE, "cannot start the HTTP server");
	return l->server->listener < 0 ? take_connection(l, l->server->connection, d) : 0;
}

int server_run(const struct server *server, struct diag *d)
{
	struct loop l = {.server = server};
	int result = begin_serving(&l, d);
	if (result == 0)
		serve(&l);
	if (l.daemon)
		MHD_stop_daemon(l.daemon);
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
