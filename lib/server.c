/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "connection.h"
#include "refusals.h"

enum {
	DESCRIPTORS_KEPT = 64, /* for the journal and the rest of the process */
	ACCEPTS = 64,          /* new connections in a turn */
	READY = 256,           /* sockets in a turn */
	TURN_ROWS = 2048,      /* of one transaction: about 30 ms */
	WAIT_MOST_MS = 1000,   /* also how often deadlines are looked at */
	STOP_MS = 5000,        /* for requests that are half in when the end comes */
	LOCK_MS = 2000,        /* senders give up after 3 s */
	LOCK_AGAIN_MS = 100,   /* when the journal was not to be had a moment ago */
	REOPEN_MS = 1000,      /* between two attempts to open it anew */
	BUCKETS = 1 << 14,
};

struct loop {
	struct server *server;
	struct connection_hall hall;
	struct refusals refusals;
	int epoll;
	int spare; /* a descriptor to give up when there are no more, so that somebody can be told: the last who was turned away */
	struct connection **all;
	size_t count, most;
	struct connection *waiting, **last; /* for the commit, in the order they came */
	struct journal_accept *rows;        /* of one transaction */
	size_t row_cap;
	int64_t swept_at, empty_at, written_at, reopened_at;
	uint32_t seed;
	uint16_t buckets[BUCKETS]; /* connections by origin */
	bool trouble;              /* the last commit failed, and somebody has been told */
	bool broken;               /* the journal is damaged: it is opened anew */
	bool deaf;                 /* the listener is not waited for: nobody more can be taken in */
};

/* ---- refusals ---- */

static void note_refusal(void *context, const struct request *r, const struct intake *in)
{
	struct loop *l = context;
	refusals_note(&l->refusals, r, in, l->hall.wall);
	diag_debug("%s: %s: %d: %s", r->peer, in->source ? in->source->name : "no source", in->status, in->why.text);
}

/* They can wait: while the journal is not to be had, or busy, they stay in memory. */
static void write_refusals(struct loop *l)
{
	struct diag d;
	if (l->trouble || l->refusals.count == 0)
		return;
	journal_patience(l->server->journal, LOCK_AGAIN_MS);
	if (refusals_write(&l->refusals, l->server->journal, l->hall.wall, &d) < 0)
		diag_debug("refusals are not written: %s", d.text);
}

/* ---- connections ---- */

static void leave(struct loop *l, struct connection *c)
{
	l->all[c->place] = l->all[--l->count];
	l->all[c->place]->place = c->place;
	if (c->bucket)
		l->buckets[c->bucket % BUCKETS]--;
	connection_close(&l->hall, c);
	if (l->count == 0)
		l->empty_at = l->hall.now;
}

/* After anything has happened to it. */
static void settle(struct loop *l, struct connection *c)
{
	bool out = c->phase == CONNECTION_ANSWER;
	if (c->phase == CONNECTION_OVER) {
		leave(l, c);
		return;
	}
	if (c->phase == CONNECTION_READY) {
		c->next = NULL;
		*l->last = c;
		l->last = &c->next;
	}
	if (out != c->polls_out) {
		struct epoll_event event = {.events = out ? EPOLLOUT : EPOLLIN, .data.ptr = c};
		epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &event);
		c->polls_out = out;
	}
}

static int enter(struct loop *l, int fd, const struct sockaddr *address)
{
	char peer[PEER_SIZE];
	struct connection *c = connection_open(&l->hall, fd, peer_name(address, peer));
	if (!c)
		return -1;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		connection_close(&l->hall, c);
		return -1;
	}
	c->bucket = peer_bucket(address, l->seed);
	if (c->bucket)
		l->buckets[c->bucket % BUCKETS]++;
	c->place = l->count;
	l->all[l->count++] = c;
	return 0;
}

/* Whoever has kept us waiting longest without a whole head goes, so that a real sender comes in. */
static bool make_room(struct loop *l)
{
	struct connection *oldest = NULL;
	for (size_t i = 0; i < l->count; i++)
		if (connection_is_idle(l->all[i]) && (!oldest || l->all[i]->began < oldest->began))
			oldest = l->all[i];
	if (oldest)
		leave(l, oldest);
	return oldest;
}

/* Tells it to come again. The descriptor is kept until the next one needs it: closed at once, with its request unread, the connection
 * would be reset before the answer is read. */
static void turn_away(struct loop *l, int fd, const struct sockaddr *address, const char *why)
{
	static char nowhere[16 * 1024];
	struct buf answer = BUF_INIT;
	struct intake in = INTAKE_INIT;
	char peer[PEER_SIZE];
	struct request unread = {.method = SLICE(""), .peer = peer_name(address, peer)};
	intake_refuse(&in, 503, "%s", why);
	note_refusal(l, &unread, &in);
	connection_turn_away(&answer, why);
	while (recv(fd, nowhere, sizeof nowhere, 0) > 0)
		continue;
	if (buf_ok(&answer))
		send(fd, answer.data, answer.len, MSG_NOSIGNAL);
	buf_free(&answer);
	shutdown(fd, SHUT_WR);
	if (l->spare >= 0)
		close(l->spare);
	l->spare = fd;
}

static int take_next(struct loop *l, struct sockaddr_storage *address)
{
	socklen_t len = sizeof *address;
	*address = (struct sockaddr_storage){.ss_family = AF_UNSPEC};
	return accept4(l->server->listener, (struct sockaddr *)address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void hear(struct loop *l, bool listening)
{
	struct epoll_event event = {.events = listening ? EPOLLIN : 0, .data.ptr = NULL};
	epoll_ctl(l->epoll, EPOLL_CTL_MOD, l->server->listener, &event);
	l->deaf = !listening;
}

/* No descriptor is left, which is said even when nobody comes: somebody idle goes, or the next in the queue is told to come again.
 * False when it must wait. */
static bool go_short(struct loop *l)
{
	struct sockaddr_storage address;
	if (make_room(l))
		return true;
	if (l->spare < 0)
		return false;
	close(l->spare);
	l->spare = -1;
	int fd = take_next(l, &address);
	if (fd >= 0)
		turn_away(l, fd, (struct sockaddr *)&address, "no connection is free at the moment: try again");
	return fd >= 0;
}

static bool is_crowd(const struct loop *l, const struct sockaddr *address)
{
	uint32_t bucket = peer_bucket(address, l->seed);
	return bucket && l->buckets[bucket % BUCKETS] >= l->server->reception->connections_per_address;
}

static bool somebody_comes(int listener)
{
	struct pollfd fd = {.fd = listener, .events = POLLIN};
	return poll(&fd, 1, 0) > 0;
}

static void accept_all(struct loop *l)
{
	struct sockaddr_storage address;
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = take_next(l, &address);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
			if (!somebody_comes(l->server->listener))
				return;
			if (go_short(l))
				continue;
			hear(l, false); /* until the next look at the deadlines */
			return;
		}
		if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINVAL || errno == EBADF))
			return;
		if (fd < 0)
			continue;
		if (is_crowd(l, (struct sockaddr *)&address))
			turn_away(l, fd, (struct sockaddr *)&address, "too many connections from this address");
		else if (l->count >= l->most && !make_room(l))
			turn_away(l, fd, (struct sockaddr *)&address, "too many connections: try again");
		else
			enter(l, fd, (struct sockaddr *)&address);
	}
}

static void sweep(struct loop *l)
{
	l->swept_at = l->hall.now;
	if (l->spare < 0)
		l->spare = fcntl(l->epoll, F_DUPFD_CLOEXEC, 0);
	if (l->deaf)
		hear(l, true);
	for (size_t i = l->count; i-- > 0;) {
		struct connection *c = l->all[i];
		if (c->phase == CONNECTION_READY || c->deadline > l->hall.now)
			continue;
		connection_expire(&l->hall, c);
		settle(l, c);
	}
}

/* ---- the commit ---- */

/* The requests from `first` on that one transaction takes, and their rows. At least one. */
static size_t gather(struct loop *l, const struct connection *first, const struct connection **end)
{
	size_t count = 0;
	const struct connection *c = first;
	for (; c && (c == first || count + c->x->in.count <= TURN_ROWS); c = c->next) {
		const struct intake *in = &c->x->in;
		if (count + in->count > l->row_cap) {
			size_t cap = count + in->count + TURN_ROWS;
			struct journal_accept *rows = realloc(l->rows, cap * sizeof *rows);
			if (!rows)
				break;
			l->rows = rows;
			l->row_cap = cap;
		}
		memcpy(l->rows + count, in->rows, in->count * sizeof *in->rows);
		count += in->count;
	}
	*end = c;
	return count;
}

/* The journal may be damaged, or be taken away, while we run: what is in its place once it is good again is opened anew. */
static int have_journal(struct loop *l, struct diag *d)
{
	struct server *s = l->server;
	if (!l->broken && !journal_is_replaced(s->journal))
		return 0;
	l->broken = true;
	if (l->reopened_at && l->hall.now - l->reopened_at < REOPEN_MS)
		return diag_fail(d, DIAG_IO, "the journal cannot be opened");
	l->reopened_at = l->hall.now;
	struct journal *fresh = journal_renew(s->journal, d);
	if (!fresh)
		return -1;
	if (journal_is_replaced(s->journal) && s->outlet->pid) {
		diag_notice("another journal is in place: live output, which reads the former one, ends");
		outlet_stop(s->outlet, 0);
	}
	journal_close(s->journal);
	s->journal = fresh;
	l->broken = false;
	return 0;
}

static int write_rows(struct loop *l, size_t count, struct diag *d)
{
	if (count == 0)
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	if (have_journal(l, d) < 0)
		return -1;
	struct journal *j = l->server->journal;
	journal_patience(j, l->trouble ? LOCK_AGAIN_MS : LOCK_MS);
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

/* Answering may take in the next request of the same connection, which waits for the next commit. */
static void answer_until(struct loop *l, struct connection *c, const struct connection *end)
{
	for (struct connection *next; c != end; c = next) {
		next = c->next;
		connection_answer(&l->hall, c);
		settle(l, c);
	}
}

static void hand_answers(const struct loop *l, struct connection *first, const struct connection *end)
{
	size_t at = 0;
	for (struct connection *c = first; c != end; c = c->next)
		for (size_t i = 0; i < c->x->in.count; i++)
			c->x->in.rows[i] = l->rows[at++];
}

static void refuse_all(struct connection *c)
{
	for (; c; c = c->next)
		intake_refuse(&c->x->in, 503, "the journal cannot take events at the moment: try again");
}

static void commit(struct loop *l)
{
	struct diag d;
	struct connection *c = l->waiting;
	const struct connection *end = NULL;
	bool failed = false;
	l->waiting = NULL;
	l->last = &l->waiting;
	while (c && !failed) {
		struct connection *first = c;
		failed = write_rows(l, gather(l, first, &end), &d) < 0;
		if (failed) {
			refuse_all(first);
			end = NULL;
		} else {
			hand_answers(l, first, end);
		}
		c = (struct connection *)end;
		answer_until(l, first, end);
	}
	l->broken |= failed && d.code == DIAG_DATA;
	note_trouble(l, failed ? &d : NULL);
	if (!failed)
		outlet_wake(l->server->outlet);
}

/* ---- the loop ---- */

static void tell_time(struct loop *l)
{
	l->hall.now = clock_monotonic();
	l->hall.wall = clock_now();
}

static void handle(struct loop *l, const struct epoll_event *event)
{
	struct connection *c = event->data.ptr;
	if (event->data.ptr == NULL) {
		accept_all(l);
	} else if (event->data.ptr == l) {
		outlet_reaped(l->server->outlet); /* closes the descriptor, which leaves epoll by that */
	} else {
		if (c->phase == CONNECTION_READY)
			return;
		if (c->phase == CONNECTION_ANSWER)
			connection_write(&l->hall, c);
		else
			connection_read(&l->hall, c);
		settle(l, c);
	}
}

/* The listener comes last: taking somebody in may close another, whose event would still stand in the list. */
static void handle_all(struct loop *l, const struct epoll_event *events, int count)
{
	const struct epoll_event *listener = NULL;
	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr)
			handle(l, &events[i]);
		else
			listener = &events[i];
	}
	if (listener)
		handle(l, listener);
}

/* Waits for sockets, for the outlet's end, for a signal; then one step of each that is ready, and one commit for all. */
static void turn(struct loop *l)
{
	struct epoll_event events[READY];
	sigset_t none;
	sigemptyset(&none);
	int wait = l->waiting ? 0 : WAIT_MOST_MS;
	int ready = epoll_pwait(l->epoll, events, READY, wait, &none);
	if (ready == 0 && wait)
		journal_idle(l->server->journal);
	tell_time(l);
	handle_all(l, events, ready);
	if (l->hall.now - l->swept_at >= WAIT_MOST_MS)
		sweep(l);
	if (l->waiting)
		commit(l);
	if (l->refusals.count && l->hall.now - l->written_at >= WAIT_MOST_MS) {
		l->written_at = l->hall.now;
		write_refusals(l);
	}
}

static bool is_wanted(const struct loop *l)
{
	const struct server *s = l->server;
	if (*s->stop)
		return false;
	if (s->listener < 0)
		return l->count;
	return s->idle_ms == 0 || l->count || l->hall.now - l->empty_at < s->idle_ms;
}

/* Those between requests are closed; those within one may come to its end. */
static bool has_requests(struct loop *l)
{
	bool found = l->waiting;
	for (size_t i = l->count; i-- > 0;) {
		if (l->all[i]->phase == CONNECTION_HEAD && l->all[i]->in.len == 0)
			leave(l, l->all[i]);
		else
			found = true;
	}
	return found;
}

/* At once: whoever comes now is refused by the kernel, or waits for the one whom the launcher, which has the socket too, starts next.
 * A socket file must not look like one that a crash has left, as long as its owner is there to remove it. */
static void stop_listening(struct loop *l)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof address;
	if (l->server->listener < 0)
		return;
	l->deaf = false;
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, l->server->listener, NULL);
	getsockname(l->server->listener, (struct sockaddr *)&address, &len);
	if (address.ss_family == AF_UNIX)
		return;
	close(l->server->listener);
	l->server->listener = -1;
}

static void serve(struct loop *l)
{
	while (is_wanted(l))
		turn(l);
	stop_listening(l);
	int64_t until = clock_monotonic() + STOP_MS;
	while (has_requests(l) && clock_monotonic() < until)
		turn(l);
}

/* ---- beginning and end ---- */

static void find_limit(struct loop *l)
{
	struct rlimit limit;
	l->most = l->server->listener < 0 ? 1 : l->server->reception->connections;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_cur < l->most + DESCRIPTORS_KEPT && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int add_listener(struct loop *l)
{
	int on = 1, fd = l->server->listener;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* those it accepts have it from the listener */
	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Some launchers put a socket of their own between: systemd (Accept=yes), tcpserver and socat say who is behind it. */
static void name_peer(struct connection *c)
{
	static const char *const variables[] = {"TCPREMOTEIP", "SOCAT_PEERADDR", "REMOTE_ADDR"};
	const char *told = NULL;
	for (size_t i = 0; i < sizeof variables / sizeof variables[0] && !told; i++)
		told = getenv(variables[i]);
	if (told && (!*c->peer || strcmp(c->peer, "unix") == 0))
		strncpy(c->peer, told, sizeof c->peer - 1);
}

static int add_connection(struct loop *l)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof address;
	int fd = l->server->connection;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	getpeername(fd, (struct sockaddr *)&address, &len); /* one that has gone already is read to its end */
	if (enter(l, fd, (struct sockaddr *)&address) < 0)
		return -1;
	name_peer(l->all[0]);
	return 0;
}

static int begin(struct loop *l, struct diag *d)
{
	struct epoll_event gone = {.events = EPOLLIN, .data.ptr = l};
	l->last = &l->waiting;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->spare = fcntl(l->epoll, F_DUPFD_CLOEXEC, 0);
	find_limit(l);
	l->all = calloc(l->most, sizeof(struct connection *));
	tell_time(l);
	l->empty_at = l->swept_at = l->hall.now;
	if (getrandom(&l->seed, sizeof l->seed, GRND_NONBLOCK) < 0)
		l->seed = (uint32_t)l->hall.wall;
	bool outlet = l->server->outlet->gone >= 0;
	if (l->epoll < 0 || !l->all ||
	    (outlet && epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->server->outlet->gone, &gone) < 0) ||
	    (l->server->listener >= 0 ? add_listener(l) : add_connection(l)) < 0)
		return diag_errno(d, DIAG_UNAVAILABLE, errno, "cannot serve the socket");
	return 0;
}

int server_run(struct server *server, struct diag *d)
{
	struct loop *l = calloc(1, sizeof *l);
	if (!l)
		return diag_fail(d, DIAG_UNAVAILABLE, "out of memory");
	l->server = server;
	l->refusals = (struct refusals){.proxies = &server->reception->proxies};
	l->hall = (struct connection_hall){.sources = server->sources, .refused = note_refusal, .context = l};
	int result = begin(l, d);
	if (result == 0)
		serve(l);
	write_refusals(l);
	refusals_free(&l->refusals);
	while (l->count)
		leave(l, l->all[l->count - 1]);
	connection_hall_free(&l->hall);
	if (l->epoll >= 0)
		close(l->epoll);
	if (l->spare >= 0)
		close(l->spare);
	if (server->listener >= 0)
		close(server->listener);
	free(l->all);
	free(l->rows);
	free(l);
	return result;
}
