/* SPDX-License-Identifier: MIT */
/* event: one event, and the line it travels as: a CloudEvents 1.0 JSON object (evt-event(5)). */
#ifndef EVT_EVENT_H
#define EVT_EVENT_H

#include <stdint.h>

#include "diag.h"
#include "jtext.h"

enum {
	EVENT_LINE_LIMIT = 1024 * 1024,          /* bytes of a finished line, unless a source says otherwise */
	EVENT_LINE_MOST = 16 * EVENT_LINE_LIMIT, /* what every stage reads: a map may make a line longer than it came */
	EVENT_NAME_LIMIT = 1024,                 /* bytes of an id, source, type, subject or destination */
};

enum event_body { EVENT_NONE, EVENT_JSON, EVENT_BYTES };

/* Text is decoded UTF-8 without control characters; an absent attribute is SLICE_NONE (or 0). */
struct event {
	struct slice id, source, type, subject;
	struct slice time;         /* as the sender wrote it, RFC 3339 */
	struct slice content_type; /* datacontenttype */
	int64_t recorded_at;       /* recordedtime: when the journal took it; 0 when absent */
	enum event_body body;
	struct slice data;  /* EVENT_JSON: the value's own text; EVENT_BYTES: the bytes themselves */
	struct slice extra; /* every other attribute, as JSON members: "a":1,"b":"x"; or empty */
	/* What concerns one delivery of it: */
	struct slice destination; /* evtdestination */
	int attempt;              /* evtattempt: the number the next attempt will have; 0 when absent */
	int64_t claim;            /* evtclaim; 0 when absent */
	struct slice map;         /* evtmap: the map that made `data` */
	struct slice mode;        /* evtmode: "binary", to be sent as CloudEvents in binary mode */
	struct slice raw; /* evtraw: JSON text, the payload as it came, where no claim names it and `data` is mapped */
	struct slice skip, error; /* evtskip, evterror: the line carries its own end */
};

/* The attributes, in the order in which they are written. */
enum event_attribute {
	EVENT_SPECVERSION,
	EVENT_ID,
	EVENT_SOURCE,
	EVENT_TYPE,
	EVENT_SUBJECT,
	EVENT_TIME,
	EVENT_RECORDEDTIME,
	EVENT_DATACONTENTTYPE,
	EVENT_EVTDESTINATION,
	EVENT_EVTATTEMPT,
	EVENT_EVTCLAIM,
	EVENT_EVTMAP,
	EVENT_EVTMODE,
	EVENT_EVTSKIP,
	EVENT_EVTERROR,
	EVENT_EVTRAW,
	EVENT_DATA_BASE64,
	EVENT_DATA,
};
#define EVENT_BIT(attribute) (1U << (attribute))

/* Memory that parsing reuses from line to line. */
struct event_parser {
	struct jtext json;
	struct buf text; /* decoded strings, extra members and decoded data_base64 */
};
#define EVENT_PARSER_INIT ((struct event_parser){.json = {.nodes = NULL}})
void event_parser_free(struct event_parser *p);

/* Parses one line. The event's slices point into `line` and `p`, and live until the next parse. -1 with DIAG_DATA and a
 * reason in plain words (which attribute, what was expected) when it is not JSON, not an object, not CloudEvents 1.0,
 * lacks id, source or type, or has an attribute of the wrong type, an empty or over-long name, or both data and
 * data_base64. p->json stays that of the line, so that a caller may look into data: event_data_node says where. */
int event_parse(struct event_parser *p, struct slice line, struct event *e, struct diag *d);
uint32_t event_data_node(const struct event_parser *p); /* JTEXT_NOWHERE when there is no data member */

/* Makes `e` independent of its line: what it points to is copied into `text`, which is cleared first. -1: out of memory. */
int event_keep(struct event *e, struct buf *text);

/* Appends the event as one line, its newline included, attributes in the order of evt-event(5). Data is made one
 * line. Absent attributes are left out. */
void event_write(struct buf *b, const struct event *e);

/* Appends the line that `p` has parsed, every member as it stands there; but those whose EVENT_BIT is in `changed`
 * have the value they have in `e`, or go. specversion is never among these. */
void event_rewrite(struct buf *b, struct event_parser *p, const struct event *e, unsigned changed);

/* The finished line's length at the most, to hold against the limit before it is journaled: counts the
 * line that event_write would write with `destination_len` bytes of destination and the largest counters. */
size_t event_line_size(const struct event *e, size_t destination_len);

/* Is `text` fit to be an id, source, type or subject: not empty, at
 * most EVENT_NAME_LIMIT bytes, UTF-8, no control characters? */
bool event_is_name(struct slice text);

#endif
