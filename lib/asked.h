/* SPDX-License-Identifier: MIT */
/* asked: what evt-status is asked for, and which of its options go together. */
#ifndef EVT_ASKED_H
#define EVT_ASKED_H

#include "filter.h"
#include "history.h"
#include "options.h"
#include "web.h"

enum asked_for {
	ASKED_HISTORY,
	ASKED_EVENTS,
	ASKED_PAYLOAD,
	ASKED_SUMMARY,
	ASKED_VERDICT,
	ASKED_METRICS,
	ASKED_PAGES,
	ASKED_SOUNDNESS
};

struct asked {
	enum asked_for what;
	struct journal_filter filter;
	bool filtered, format_given;
	enum history_format format;
	bool html, follow;
	struct web web;
	bool web_given;
	struct show_style style;
};

extern const struct option asked_options[]; /* beside those of filter.h */
#define ASKED_SHORT_OPTIONS "d:fl:"

/* Reads all options into r, whose style is set; what is wrong goes to options_wrong. */
void asked_take(struct asked *r, struct options *o);

#endif
