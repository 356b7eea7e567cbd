/* SPDX-License-Identifier: MIT */
/* verdict: is all well, and if not, what is wrong, since when, and what to do? Rules over facts, pure: each is a
 * function of its own, and its formula stands in evt-status(1). */
#ifndef EVT_VERDICT_H
#define EVT_VERDICT_H

#include "facts.h"
#include "show.h"

/* The values are the exit codes of monitoring plugins. */
enum verdict_severity { VERDICT_OK, VERDICT_WARNING, VERDICT_CRITICAL, VERDICT_UNKNOWN };
const char *verdict_severity_name(enum verdict_severity severity); /* "OK", "WARNING" ... */

/* Texts are borrowed from the facts or literals. */
struct finding {
	const char *name;
	enum verdict_severity severity;
	struct slice destination; /* SLICE_NONE: it concerns none, or those that have none */
	struct slice source;      /* SLICE_NONE: it concerns none in particular */
	int64_t count;
	const char *what; /* reads on from the count */
	struct slice first_id, last_id;
	int64_t first_at, last_at; /* 0: not told */
	struct slice error;        /* SLICE_NONE: none */
	const char *advice;        /* in plain words; NULL when there is nothing to do */
};

enum { VERDICT_FINDINGS = 256 };

struct verdict {
	enum verdict_severity severity; /* the worst finding's */
	struct finding findings[VERDICT_FINDINGS];
	size_t count; /* the worst first */
};

void verdict_judge(const struct facts *facts, struct verdict *verdict);

/* "rejected (crm), stuck (crm)": the findings that call for somebody. How many there are. */
size_t verdict_add_names(struct buf *b, const struct verdict *verdict);

/* As a monitoring plugin says it: "EVT OK - ...|performance data", then a line for each finding. */
void verdict_write(struct buf *b, const struct verdict *verdict, const struct facts *facts,
		   const struct show_style *style);
void verdict_write_finding(struct buf *b, const struct finding *finding, const struct show_style *style); /* a line */
void verdict_write_json(struct buf *b, const struct verdict *verdict); /* one object, no newline */

#endif
