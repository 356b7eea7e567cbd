/* SPDX-License-Identifier: MIT */
/* What the files of the intake module share. Nobody else includes it. */
#ifndef EVT_INTAKE_INTERNAL_H
#define EVT_INTAKE_INTERNAL_H

#include "intake.h"

/* Memory of the request; NULL after refusing it when there is none. */
void *intake_keep(struct intake *in, size_t size);

/* A copy that lives as long as the rows. SLICE_NONE when out of memory,
 * which reads as an absent value: the request is refused by then. */
struct slice intake_keep_text(struct intake *in, struct slice text);

/* Rows and their events, all at once: a row points to its event, which must not move. NULL: refused. */
struct event *intake_make_room(struct intake *in, size_t count);

/* Ends a row whose event is complete but for its source: destinations by type, the limit of its line. */
void intake_route(struct intake *in, const struct source *s, struct event *event, struct journal_accept *row);

/* "text/plain; charset=utf-8" is text/plain. */
struct slice intake_media_type(struct slice content_type);
bool intake_same_word(struct slice text, const char *word);
bool intake_says_json(struct slice media_type);

/* An id for an element that has none: the same text comes to the same id. */
struct slice intake_derived_id(struct intake *in, struct slice raw);

/* CloudEvents over HTTP: structured, in a batch, or binary, by the content type. The rows, or a refusal. */
void intake_cloudevents(struct intake *in, const struct source *s, const struct request *r);

#endif
