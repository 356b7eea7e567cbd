/* SPDX-License-Identifier: MIT */
/* dest: destinations/NAME.json, where events go and how (evt-config(5)). */
#ifndef EVT_DEST_H
#define EVT_DEST_H

#include "answer.h"
#include "auth.h"
#include "backoff.h"
#include "journal.h"
#include "proxy.h"
#include "signing.h"
#include "statuses.h"
#include "tls.h"

struct dest_header {
	char *name, *value;
};

struct dest_map {
	char *type; /* glob(7) over the event type */
	char *map;  /* name in maps/ */
};

struct dest {
	char *name;
	bool program;       /* served by a program of the user's own: no url */
	char *url, *method; /* RFC 6570 level 1 expressions after the host part; method in capitals */
	/* Used once the subject's destination record is known (PATCH unless told); NULL: always `url`. */
	char *update_url, *update_method;
	bool plain_http;       /* plain http to other hosts than this one is wanted */
	struct dest_map *maps; /* in the order of the file: the first whose type fits */
	size_t map_count;
	bool has_when; /* conditions on events; maps.h reads and keeps them */
	struct dest_header *headers;
	size_t header_count;
	struct auth auth;
	struct signing signing;
	struct tls tls;
	struct proxy proxy;
	bool public_only; /* "private_addresses": false */
	struct statuses success;
	struct answer_conditions refused_when; /* an answer of success that says no all the same */
	struct statuses exists; /* and one of these, if `exists_when` is empty or met, counts as delivered */
	struct answer_conditions exists_when;
	/* Where the destination record's id stands in either; may be nowhere. */
	struct answer_place record, exists_record;
	struct answer_place reason; /* where the words of a refusal stand; nowhere: in the usual places */
	char *idempotency_header;   /* NULL: none is sent ("idempotency_header": "") */
	int64_t timeout_ms;
	int concurrency;
	double rate_per_ms;   /* 0: no limit */
	bool ordered;         /* "order": "subject", or implied by `update` */
	bool failed_hold;     /* "order_on_failure": "hold" */
	bool ambiguous_fails; /* "ambiguous": "fail" */
	bool gone_retries;    /* "gone": "retry"; the default is "fail" */
	struct backoff backoff;
	struct statuses retry_on; /* statuses that are transient besides the usual ones */
};

/* Reads and checks one file. New, for dest_free; NULL with DIAG_CONFIG. */
struct dest *dest_load(const char *dir, struct slice name, struct diag *d);
void dest_free(struct dest *dest);

/* The map for events of this type. *map is NULL when the destination has no "map" at all; -1 when it has, but none fits. */
int dest_map_for(const struct dest *dest, struct slice type, const char **map);

/* What the journal needs to know of it. Borrows the name. */
struct journal_route dest_route(const struct dest *dest);

#endif
