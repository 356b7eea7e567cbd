/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "program_internal.h"

void program_open(struct program *p, const struct delivery_options *options, struct delivery_report *report)
{
	*report = (struct delivery_report){.delivered = 0};
	*p = (struct program){.options = options, .report = report};
	lines_open(&p->lines, options->input, PROGRAM_LINE_LIMIT);
}

void program_close(struct program *p)
{
	for (struct lane *l; (l = p->lanes);) {
		p->lanes = l->next;
		lane_free(l);
	}
	lines_close(&p->lines);
	event_parser_free(&p->parser);
}

struct lane *program_lane(struct program *p, struct slice name)
{
	struct diag d;
	for (struct lane *l = p->lanes; l; l = l->next)
		if (slice_is(name, l->name))
			return l;
	struct lane *l = lane_new(p->options->config, p->options->tokens, name, LANE_PROGRAM, &d);
	if (!l)
		return NULL;
	if (!l->usable) {
		diag_error("%s", d.text);
		p->report->broken++;
	}
	l->next = p->lanes;
	p->lanes = l;
	return l;
}

void program_refuse(struct program *p, const char *why)
{
	diag_error("line %llu: %s", (unsigned long long)p->lines.number, why);
	p->report->bad++;
}

static bool is_wanted(struct program *p, const struct event *e)
{
	if (!e->destination.ptr) {
		program_refuse(p, "attribute 'evtdestination' is missing: nobody says where to");
		return false;
	}
	if (!p->options->only.ptr || slice_equal(e->destination, p->options->only))
		return true;
	p->report->passed_over++;
	return false;
}

int program_next(struct program *p, struct event *e)
{
	struct slice line;
	struct diag d;
	for (;;) {
		switch (lines_buffered(&p->lines, &line)) {
		case LINES_LINE:
			if (event_parse(&p->parser, line, e, &d) < 0)
				program_refuse(p, d.text);
			else if (is_wanted(p, e))
				return 1;
			break;
		case LINES_TOO_LONG:
			program_refuse(p, "too long");
			break;
		case LINES_END:
			p->input_ended = true;
			return 0;
		default:
			return 0;
		}
	}
}

int program_wait(struct program *p, bool full, int watch, int timeout_ms, struct diag *d)
{
	struct pollfd fds[] = {{.fd = full || p->input_ended ? -1 : p->lines.fd, .events = POLLIN},
			       {.fd = p->options->signals, .events = POLLIN},
			       {.fd = watch, .events = POLLIN}};
	char wishes[16];
	if (poll(fds, 3, timeout_ms) < 0)
		return errno == EINTR ? 0 : diag_errno(d, DIAG_IO, errno, "standard input");
	if (fds[1].revents && read(p->options->signals, wishes, sizeof wishes) > 0)
		p->stopping = true;
	if (fds[2].revents)
		journal_watched(p->options->journal);
	return fds[0].revents ? lines_fill(&p->lines, d) : 0;
}
