/* SPDX-License-Identifier: MIT */
#include "web.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base64.h"
#include "clock.h"
#include "conf.h"
#include "detail.h"
#include "digest.h"
#include "http.h"
#include "httpd.h"
#include "inherited.h"
#include "listen.h"
#include "page.h"
#include "stop.h"

/* Wrong passwords of one address: that many at once, then one in that time. Addresses share places by a hash. */
enum { GUESSERS = 256, GUESSES_AT_ONCE = 10, GUESS_MS = 2000 };

struct serving {
	const struct web *web;
	struct httpd http;
	struct secrets passwords;
	struct journal *journal;      /* NULL until it is there */
	struct buf policy;            /* the Content-Security-Policy */
	bool alone;                   /* only this machine can connect */
	int64_t guesses_at[GUESSERS]; /* monotonic: until when wrong passwords from such addresses are paid for */
};

/* An answer while it is made. */
struct reply {
	struct serving *s;
	const struct request *request;
	struct httpd_answer *to;
	struct view view;
	const char *type;
};

static struct page page_of(const struct reply *r)
{
	const struct web *web = r->s->web;
	return (struct page){.view = &r->view,
			     .journal_path = web->journal,
			     .journal_option = web->journal_option,
			     .config_option = web->config_option,
			     .style = {.utf8 = true, .utc = web->utc, .now = clock_now()}};
}

static void refuse(struct reply *r, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void refuse(struct reply *r, int status, const char *format, ...)
{
	struct diag d;
	struct page page = page_of(r);
	va_list args;
	va_start(args, format);
	vsnprintf(d.text, sizeof d.text, format, args);
	va_end(args);
	buf_clear(&r->to->body);
	r->to->status = status;
	page.journal_path = NULL; /* not told to whoever has not been let in */
	page_add_refusal(&r->to->body, &page, status, d.text);
}

/* ---- may it be asked at all? ---- */

static bool is_loopback(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	if (address->ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	if (address->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
		       (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127);
	return address->ss_family == AF_UNIX;
}

static bool is_ours_alone(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof address;
	return getsockname(fd, (struct sockaddr *)&address, &len) == 0 && is_loopback(&address);
}

static bool ends_in(struct slice text, struct slice end)
{
	return text.len >= end.len && strncasecmp(text.ptr + text.len - end.len, end.ptr, end.len) == 0;
}

static bool is_name(struct slice text, const char *name)
{
	return text.len == strlen(name) && strncasecmp(text.ptr, name, text.len) == 0;
}

/* "127.0.0.1", and what else is written with digits and dots behind a 127. */
static bool is_loopback_v4(struct slice host)
{
	size_t i = 4;
	if (host.len < 5 || memcmp(host.ptr, "127.", 4) != 0)
		return false;
	while (i < host.len && ((host.ptr[i] >= '0' && host.ptr[i] <= '9') || host.ptr[i] == '.'))
		i++;
	return i == host.len;
}

static struct slice without_port(struct slice host)
{
	size_t len = host.len;
	while (len && host.ptr[len - 1] >= '0' && host.ptr[len - 1] <= '9')
		len--;
	bool has_port = len && len < host.len && host.ptr[len - 1] == ':';
	return has_port ? (struct slice){host.ptr, len - 1} : host;
}

/* A page of somebody else's, whose name was made to point here (DNS rebinding), calls us by that name. */
static bool is_called_right(const struct serving *s, struct slice host)
{
	host = without_port(host);
	if (s->web->host && is_name(host, s->web->host))
		return true;
	if (!s->alone)
		return !s->web->host;
	return is_name(host, "localhost") || ends_in(host, SLICE(".localhost")) || is_name(host, "[::1]") ||
	       is_loopback_v4(host);
}

static bool equals(struct slice a, struct slice b)
{
	unsigned char left[DIGEST_MOST], right[DIGEST_MOST];
	digest_hash(DIGEST_SHA256, a, left);
	digest_hash(DIGEST_SHA256, b, right);
	return digest_equal(left, right, digest_size(DIGEST_SHA256));
}

/* RFC 7617. All lines are compared, so that time tells nothing. */
static bool is_known(const struct serving *s, struct slice authorization)
{
	struct buf pair = BUF_INIT;
	bool known = false;
	if (authorization.len < 6 || strncasecmp(authorization.ptr, "Basic ", 6) != 0 ||
	    base64_add_decoded(&pair, (struct slice){authorization.ptr + 6, authorization.len - 6}) < 0)
		return false;
	for (size_t i = 0; i < s->passwords.count; i++)
		known |= equals(s->passwords.lines[i], buf_slice(&pair));
	buf_free(&pair);
	return known;
}

static int64_t *guesses_of(struct serving *s, const char *peer)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (; *peer; peer++)
		hash = (hash ^ (unsigned char)*peer) * 16777619u;
	return &s->guesses_at[hash % GUESSERS];
}

/* Whoever has guessed too often is not told whether this one would have been right. */
static bool is_let_in(struct reply *r)
{
	struct slice authorization;
	int64_t now = clock_monotonic(), *until = guesses_of(r->s, r->request->peer);
	bool tried = request_header(r->request, "Authorization", &authorization) == 1;
	if (*until < now)
		*until = now;
	if (tried && *until - now >= GUESSES_AT_ONCE * GUESS_MS) {
		refuse(r, 429, "Too many wrong passwords came from your address: wait some seconds.");
		buf_printf(&r->to->fields, "Retry-After: %d\r\n", GUESS_MS / 1000);
		return false;
	}
	if (tried && is_known(r->s, authorization))
		return true;
	*until += tried ? GUESS_MS : 0;
	refuse(r, 401, "A user name and a password are asked for.");
	buf_add_text(&r->to->fields, "WWW-Authenticate: Basic realm=\"evt status\", charset=\"UTF-8\"\r\n");
	return false;
}

/* True when it has been refused. */
static bool is_barred(struct reply *r)
{
	struct slice host;
	if (request_header(r->request, "Host", &host) && !is_called_right(r->s, host)) {
		refuse(r, 421, "%.*s is not a name of this server: evt-status --host allows one more",
		       (int)(host.len < 200 ? host.len : 200), host.ptr);
		return true;
	}
	return r->s->passwords.count && !is_let_in(r);
}

/* ---- what is asked for ---- */

static int take_query(struct reply *r, struct diag *d)
{
	struct slice rest = r->request->query, name, value;
	while (http_next_field(&rest, &name, &value))
		if (view_take(&r->view, name, value, d) < 0)
			return -1;
	return 0;
}

static int status_of(const struct diag *d)
{
	return d->code == DIAG_USAGE ? 400 : d->code == DIAG_NO_JOURNAL || d->code == DIAG_TRY_AGAIN ? 503 : 500;
}

static int add_raw(struct reply *r, struct page *page, struct diag *d);

/* Opened when first asked for, and again after a failure: it may come later than we do. */
static int add_answer(struct reply *r, struct page *page, struct diag *d)
{
	struct serving *s = r->s;
	if (!s->journal)
		s->journal = journal_open(s->web->journal, JOURNAL_READ, d);
	page->journal = s->journal;
	if (!s->journal)
		return -1;
	if (r->view.values[VIEW_RAW])
		return add_raw(r, page, d);
	if (!page->filter.id_count)
		return page_add_history(&r->to->body, page, d);
	if (page_add_events(&r->to->body, page, d) < 0)
		return -1;
	return page->count
		   ? 0
		   : diag_fail(d, DIAG_NO, "There is no such event in the journal: %.200s", page->filter.ids[0].ptr);
}

/* A form sends what is empty, too: the address that is left without it is the one to share. */
static bool is_tidied(struct reply *r)
{
	if (!r->view.untidy)
		return false;
	r->to->status = 303;
	buf_add_text(&r->to->fields, "Location: ");
	view_add_whole(&r->to->fields, &r->view);
	buf_add_text(&r->to->fields, "\r\n");
	return true;
}

static void answer(struct reply *r)
{
	struct diag d;
	struct page page = page_of(r);
	if (take_query(r, &d) < 0 || view_filter(&r->view, &page.filter, page.style.now, &d) < 0) {
		refuse(r, 400, "%s", d.text + strspn(d.text, "-")); /* named as options are */
	} else if (!is_tidied(r) && add_answer(r, &page, &d) < 0) {
		if (d.code != DIAG_NO && d.code != DIAG_USAGE) {
			diag_error("%s", d.text);
			journal_close(r->s->journal);
			r->s->journal = NULL;
		}
		refuse(r, d.code == DIAG_NO ? 404 : status_of(&d), "%s", d.text);
	}
}

/* ---- raw ---- */

/* Never shown as what it says it is: to the browser it is a file. */
static int add_raw(struct reply *r, struct page *page, struct diag *d)
{
	int64_t event;
	bool several;
	struct buf type = BUF_INIT;
	enum event_body body;
	bool stored = false;
	if (!page->filter.id_count)
		return diag_fail(d, DIAG_USAGE, "raw: of which event?");
	page->filter.limit = 0;
	if (detail_find(page->journal, &page->filter, &event, &several, d) < 0)
		return -1;
	if (several)
		return diag_fail(d, DIAG_NO, "Several sources have an event of that id: choose one of them.");
	int result = event ? journal_payload(page->journal, event, &stored, &body, &type, &r->to->body, d) : 0;
	buf_free(&type);
	if (result == 0 && !stored)
		return diag_fail(d, DIAG_NO, "There is no such payload in the journal.");
	r->type = "application/octet-stream";
	buf_add_text(&r->to->fields, "Content-Disposition: attachment; filename=\"payload\"\r\n");
	return result;
}

/* ---- one request ---- */

static void add_fields(const struct reply *r)
{
	buf_printf(&r->to->fields,
		   "Content-Type: %s\r\n"
		   "Content-Security-Policy: %s\r\n"
		   "X-Content-Type-Options: nosniff\r\n"
		   "X-Frame-Options: DENY\r\n"
		   "Referrer-Policy: no-referrer\r\n"
		   "Cross-Origin-Resource-Policy: same-origin\r\n"
		   "Cross-Origin-Opener-Policy: same-origin\r\n"
		   "Cache-Control: no-store\r\n%s",
		   r->type, buf_slice(&r->s->policy).ptr, r->to->status == 503 ? "Retry-After: 5\r\n" : "");
}

static void on_request(const struct request *request, struct httpd_answer *to, void *context)
{
	struct reply r = {.s = context, .request = request, .to = to, .type = "text/html; charset=utf-8"};
	if (!is_barred(&r)) {
		if (slice_is(request->path, "/"))
			answer(&r);
		else
			refuse(&r, 404, "There is only one page here.");
	}
	add_fields(&r);
	view_free(&r.view);
}

/* ---- serving ---- */

static int load_passwords(struct serving *s, struct diag *d)
{
	if (!s->web->auth_file)
		return 0;
	if (secrets_read(&s->passwords, s->web->config, s->web->auth_file, d) < 0)
		return -1;
	for (size_t i = 0; i < s->passwords.count; i++)
		if (!memchr(s->passwords.lines[i].ptr, ':', s->passwords.lines[i].len))
			return diag_fail(d, DIAG_CONFIG, "%s: line %zu: expected user:password", s->web->auth_file,
					 i + 1);
	return 0;
}

static int take_socket(struct serving *s, int *fd, struct diag *d)
{
	enum inherited_kind kind = INHERITED_LISTENER;
	if (!s->web->address)
		kind = inherited_take(fd);
	else if ((*fd = listen_open(s->web->address, d)) < 0)
		return -1;
	if (kind == INHERITED_NONE)
		return diag_fail(d, DIAG_USAGE, "--http: give -l ADDR, or start it from inetd or systemd");
	s->http.listener = kind == INHERITED_LISTENER ? *fd : -1;
	s->http.connection = kind == INHERITED_CONNECTION ? *fd : -1;
	s->alone = is_ours_alone(*fd);
	if (!s->alone && !s->web->any_address)
		return diag_fail(d, DIAG_USAGE,
				 "others than this machine could connect to it: listen on 127.0.0.1, or say "
				 "--any-address");
	return 0;
}

static void announce(const struct serving *s, int fd)
{
	char name[LISTEN_NAME_SIZE];
	if (s->http.listener >= 0)
		diag_notice("listening on %s", listen_name(fd, name));
	if (!s->alone && !s->passwords.count)
		diag_notice("anyone who can connect can read every payload: --auth FILE asks for a password");
}

static int serve(struct serving *s, struct diag *d)
{
	int fd = -1;
	if (load_passwords(s, d) < 0)
		return -1;
	page_add_policy(&s->policy, true);
	if (!buf_ok(&s->policy))
		return diag_fail(d, DIAG_IO, "out of memory");
	s->http.stop = stop_hold();
	if (take_socket(s, &fd, d) < 0)
		return -1;
	announce(s, fd);
	return httpd_run(&s->http, d);
}

int web_serve(const struct web *web, struct diag *d)
{
	struct serving s = {.web = web};
	s.http = (struct httpd){.listener = -1, .connection = -1, .answer = on_request, .context = &s};
	int result = serve(&s, d);
	if (web->address && strncmp(web->address, "unix:", 5) == 0 && s.http.listener >= 0)
		unlink(web->address + 5);
	journal_close(s.journal);
	secrets_free(&s.passwords);
	buf_free(&s.policy);
	return result;
}
