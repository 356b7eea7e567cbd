/* SPDX-License-Identifier: MIT */
/* source: sources/NAME.json, who may send events, where in a request their parts stand, and which destinations
 * they go to (evt-config(5)). */
#ifndef EVT_SOURCE_H
#define EVT_SOURCE_H

#include "conf.h"
#include "handshake.h"
#include "jtext.h"
#include "verify.h"

enum { SOURCE_PIECES = 8 };               /* of a list joined with "/" */
enum { SOURCE_BODY_LIMIT = 1024 * 1024 }; /* bytes of a request's body, unless the file says otherwise */

enum source_piece_kind { SOURCE_POINTER, SOURCE_HEADER, SOURCE_CONST };

struct source_piece {
	enum source_piece_kind kind;
	char *text;       /* as written, for messages: "/a/b", "header:X", "const:x" */
	const char *rest; /* of `text`: the header's name, or the constant */
	struct jtext_pointer pointer;
};

/* One of id, type, subject, time: its pieces, joined with "/". No pieces: the file does not name it. */
struct source_value {
	struct source_piece pieces[SOURCE_PIECES];
	size_t count;
};

struct source_route {
	char *destination;
	char **globs; /* glob(7) over the event type */
	size_t glob_count;
};

/* How a body that is no JSON of the source's own is read. */
enum source_format { SOURCE_PLAIN, SOURCE_CLOUDEVENTS };
enum source_form {
	SOURCE_FORM_BYTES,
	SOURCE_FORM_OBJECT,
	SOURCE_FORM_FIELD
}; /* as it is; as an object; JSON in one field */

/* What is answered in the place of 202 and 200, for senders that want something of their own. */
struct source_reply {
	int status; /* 0: nothing of the kind */
	char *type, *body;
};

struct source {
	char *name;
	struct verify verify;
	char *split; /* as written, for messages; NULL: a request is one event */
	struct jtext_pointer split_at;
	struct source_value id, type, subject, time;
	bool id_unsigned; /* there is a signature, but who has seen a signed body can post it under another id */
	struct source_route *routes; /* in the order of the file */
	size_t route_count;
	size_t body_limit;
	enum source_format format;
	enum source_form form;
	char *form_field; /* SOURCE_FORM_FIELD */
	struct handshake handshake;
	struct source_reply reply;
};

/* Reads and checks one file. New, for source_free; NULL with DIAG_CONFIG. */
struct source *source_load(const char *dir, struct slice name, struct diag *d);
void source_free(struct source *s);

/* Does the value depend on the text of the element, so that the body must be JSON? */
bool source_value_reads(const struct source_value *value, enum source_piece_kind kind);
bool source_reads_json(const struct source *s);

bool source_route_takes(const struct source_route *route, const char *type);

/* All files of DIR/sources. One broken file fails them all, with
 * DIAG_CONFIG; so does a folder that is missing or holds none. */
struct sources {
	const char *dir; /* borrowed */
	struct source **list;
	size_t count;
};
int sources_load(struct sources *all, const char *dir, struct diag *d);
int sources_load_one(struct sources *all, const char *dir, struct slice name, struct diag *d); /* this file alone */
void sources_free(struct sources *all);
struct source *sources_find(const struct sources *all, struct slice name); /* borrowed, or NULL */

#endif
