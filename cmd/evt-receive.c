/* SPDX-License-Identifier: MIT */
/* evt-receive: takes events from HTTP senders, or records from standard input, into the journal. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cgi.h"
#include "clock.h"
#include "confine.h"
#include "inherited.h"
#include "listen.h"
#include "options.h"
#include "records.h"
#include "server.h"
#include "stop.h"

static const char usage[] =
    "usage: evt-receive [-qv] [-c DIR] [-j FILE] [-l [HOST:]PORT | -l unix:PATH]\n"
    "       evt-receive [-qv] [-c DIR] [-j FILE] -s SOURCE <RECORDS\n"
    "Journals the events that are posted to /SOURCE, answers when they are on disk, and writes each delivery's\n"
    "line to standard output when that is a pipe or a file. Without -l, standard input decides: a socket from inetd or\n"
    "systemd, CGI, or lines, each a JSON record of SOURCE.\n"
    "\n"
    "  -l, --listen ADDR    listen there; PORT alone: on all addresses; port 0: a free one\n"
    "  -s, --source SOURCE  read records from standard input\n"
    "  -u, --user USER      become this user after listening\n"
    "  -i, --idle SPAN      end when nobody has been connected for so long, such as 5m\n"
    "  -c, --config DIR   -j, --journal FILE   -v, --verbose   -q, --quiet   -h, --help   -V, --version\n";

static const struct option own[] = {{"listen", required_argument, NULL, 'l'},
				    {"source", required_argument, NULL, 's'},
				    {"idle", required_argument, NULL, 'i'},
				    {"user", required_argument, NULL, 'u'},
				    {NULL, 0, NULL, 0}};

enum { STOP_MS = 5000 }; /* how long the live output may take to end */
enum mode { MODE_NONE, MODE_LISTEN, MODE_CONNECTION, MODE_CGI, MODE_RECORDS };

struct receive {
	const char *address, *source; /* -l and -s */
	const char *user;             /* -u */
	const char *config, *journal;
	enum mode mode;
	int socket; /* inherited, or opened for -l; -1: none */
	int64_t idle_ms;
	struct reception reception;
	struct outlet outlet;
	const volatile sig_atomic_t *stop;
};

static enum mode find_mode(struct receive *r)
{
	if (r->address || r->source)
		return r->address ? MODE_LISTEN : MODE_RECORDS;
	if (getenv("GATEWAY_INTERFACE"))
		return MODE_CGI;
	enum inherited_kind kind = inherited_take(&r->socket);
	return kind == INHERITED_LISTENER ? MODE_LISTEN : kind == INHERITED_CONNECTION ? MODE_CONNECTION : MODE_NONE;
}

/* The path of a socket file that is ours, or NULL. */
static const char *socket_file(const struct receive *r)
{
	return r->address && r->socket >= 0 && strncmp(r->address, "unix:", 5) == 0 ? r->address + 5 : NULL;
}

/* The configuration is read, and addresses are bound: from now on the journal is all it needs. */
static void confine(const struct receive *r)
{
	if (!confine_files(r->journal, socket_file(r)))
		diag_debug("not confined: this kernel has no Landlock, or it is off");
}

static int serve(struct receive *r, const struct sources *sources, struct journal **journal, struct diag *d)
{
	char name[LISTEN_NAME_SIZE];
	struct server server = {.sources = sources,
				.reception = &r->reception,
				.journal = *journal,
				.outlet = &r->outlet,
				.listener = -1,
				.connection = -1,
				.idle_ms = r->idle_ms,
				.stop = r->stop};
	*(r->mode == MODE_LISTEN ? &server.listener : &server.connection) = r->socket;
	if (r->mode == MODE_LISTEN)
		diag_notice("listening on %s", listen_name(r->socket, name));
	outlet_wake(&r->outlet);
	int result = server_run(&server, d);
	*journal = server.journal;
	outlet_stop(&r->outlet, STOP_MS);
	return result;
}

static void add_count(struct buf *text, size_t count, const char *what)
{
	if (count)
		buf_printf(text, ", %zu %s", count, what);
}

static int take_records(struct receive *r, const struct source *source, struct journal *journal, struct diag *d)
{
	struct records records = {source, journal, &r->outlet, STDIN_FILENO};
	struct records_result result;
	outlet_wake(&r->outlet);
	int status = records_run(&records, &result, d);
	struct buf text = BUF_INIT;
	buf_printf(&text, "%" PRIu64 " records: %zu accepted", result.lines, result.count.accepted);
	add_count(&text, result.count.duplicates, "duplicates");
	add_count(&text, result.count.conflicts, "conflicts");
	add_count(&text, result.count.failed, "of the accepted failed");
	add_count(&text, result.bad, "refused");
	diag_notice("%s", buf_slice(&text).ptr);
	buf_free(&text);
	outlet_stop(&r->outlet, -1);
	return status < 0 ? -1 : result.bad ? DIAG_NO : DIAG_OK;
}

/* The end of a process for one connection. All that it has is given back faster in one go than bit by bit, and nothing that is committed
 * waits for it. */
static _Noreturn void leave(struct journal *journal, int result, struct diag *d)
{
	journal_leave(journal);
	_exit(result < 0 ? diag_report(d) : result);
}

static int receive(struct receive *r, const struct sources *sources, struct diag *d)
{
	if (r->mode == MODE_CGI) {
		confine(r);
		return cgi_run(sources, &r->reception, r->journal, STDIN_FILENO, STDOUT_FILENO, d);
	}
	if (r->mode != MODE_RECORDS)
		r->stop = stop_hold();
	if (r->address && (r->socket = listen_open(r->address, d)) < 0)
		return -1;
	if (r->user && confine_user(r->user, d) < 0)
		return -1;
	if (outlet_wanted(r->socket) && outlet_start(&r->outlet, r->journal, r->config, r->socket, d) < 0)
		return -1;
	struct journal *journal = journal_open(r->journal, JOURNAL_WRITE, d);
	if (!journal)
		return -1;
	confine(r);
	int result =
	    r->mode == MODE_RECORDS ? take_records(r, sources->list[0], journal, d) : serve(r, sources, &journal, d);
	if (r->mode == MODE_CONNECTION)
		leave(journal, result, d);
	journal_close(journal);
	return result;
}

static int run(struct receive *r)
{
	struct diag d;
	struct sources sources = {.list = NULL};
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a full disk, not the end */
	int result = r->source ? sources_load_one(&sources, r->config, slice_of(r->source), &d)
			       : sources_load(&sources, r->config, &d);
	if (result == 0)
		result = reception_load(&r->reception, r->config, &d);
	if (result == 0)
		result = receive(r, &sources, &d);
	if (socket_file(r))
		unlink(socket_file(r));
	outlet_stop(&r->outlet, 0);
	sources_free(&sources);
	return result < 0 ? diag_report(&d) : result;
}

static void take_option(struct options *o, struct receive *r, int option)
{
	if (option == 'i' && (clock_parse_span(slice_of(optarg), &r->idle_ms) < 0 || r->idle_ms == 0))
		options_wrong(o, "-i: expected a duration, such as 90s or 5m");
	else if (option != 'i')
		*(option == 'l' ? &r->address : option == 's' ? &r->source : &r->user) = optarg;
}

int main(int argc, char **argv)
{
	struct options o;
	struct receive r = {.socket = -1, .outlet = OUTLET_NONE};
	options_open(&o, "evt-receive", usage, "l:s:i:u:", own, argc, argv);
	for (int c; (c = options_next(&o)) != OPTIONS_END;)
		take_option(&o, &r, c);
	if (r.address && r.source)
		options_wrong(&o, "-l listens, -s reads records: not both");
	if (!options_ready(&o, 0))
		return options_close(&o);
	r.mode = find_mode(&r);
	if (r.mode == MODE_NONE)
		options_wrong(&o, "nothing to receive from: give -l ADDR, or -s SOURCE and records on standard input");
	r.config = o.config;
	r.journal = o.journal;
	if (!o.ended)
		o.exit_code = run(&r);
	return options_close(&o);
}
