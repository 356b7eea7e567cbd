/* SPDX-License-Identifier: MIT */
/* reason: why a delivery failed, in one line of plain words. What a stranger wrote is bounded, its white space
 * folded, and its control characters and bytes that are not UTF-8 written visibly (\x1b). Pure. */
#ifndef EVT_REASON_H
#define EVT_REASON_H

#include <curl/curl.h>

#include "jtext.h"

enum { REASON_LIMIT = 600 }; /* bytes, about */

struct reason_answer {
	int status;
	struct slice content_type, location, body; /* SLICE_NONE: absent */
	const struct jtext *json;                  /* the body parsed; NULL when it is not JSON */
	struct slice own; /* the words from where the destination's file says; before all others */
};

/* Appends "422: email is not valid": the words of an RFC 9457 problem (title, detail), else of the members `error`,
 * `message`, `error_description`, with those of `errors`; else the start of a body that is text, without tags; else
 * "HTTP 422 Unprocessable Entity". */
void reason_of_answer(struct buf *b, const struct reason_answer *answer);

struct reason_transfer {
	const char *code;   /* as outcome_decide gave it */
	struct slice host;  /* HOST or HOST:PORT */
	const char *detail; /* libcurl's own words, or "" */
	int os_error;       /* errno of a failed connect; 0: not known */
	int64_t timeout_ms;
	bool sent;
};

/* Appends the words for a transfer that got no answer: "no answer within 30 s". */
void reason_of_transfer(struct buf *b, const struct reason_transfer *transfer);

#endif
