/* SPDX-License-Identifier: MIT */
/* dest: destinations/NAME.json, where events go and how (evt-config(5)). */
#ifndef EVT_DEST_H
#define EVT_DEST_H

#include "answer.h"
#include "conf.h"
#include "journal.h"
#include "signing.h"
#include "token.h"

enum dest_auth { DEST_AUTH_NONE, DEST_AUTH_BEARER, DEST_AUTH_BASIC, DEST_AUTH_HEADER, DEST_AUTH_OAUTH2 };

enum { DEST_STEPS = 32, DEST_STATUSES = 32 };

/* "2xx" or "409": the statuses from least to most. */
struct dest_statuses {
	struct {
		int least, most;
	} ranges[DEST_STATUSES];
	size_t count;
};

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
	char *update_url,
	    *update_method; /* used once the subject's destination record is known (PATCH unless told); NULL: always `url` */
	bool plain_http;       /* plain http to other hosts than this one is wanted */
	struct dest_map *maps; /* in the order of the file: the first whose type fits */
	size_t map_count;
	bool has_when; /* conditions on events; maps.h reads and keeps them */
	struct dest_header *headers;
	size_t header_count;
	enum dest_auth auth;
	char *auth_header;         /* DEST_AUTH_HEADER: its name */
	char *auth_user;           /* DEST_AUTH_BASIC */
	struct secrets secret;     /* the first line is the token, password or value */
	struct token_config oauth; /* DEST_AUTH_OAUTH2 */
	struct signing signing;
	char *ca_file;              /* NULL: the system's authorities */
	char *cert_file, *key_file; /* what proves who we are; NULL: nothing */
	bool tls_13;                /* TLS 1.3 at least, else 1.2 */
	char *proxy;                /* NULL: as the environment has it; "": none */
	char *proxy_user, *proxy_password;
	bool public_only; /* "private_addresses": false */
	struct dest_statuses success;
	struct answer_conditions refused_when; /* an answer of success that says no all the same */
	struct dest_statuses exists; /* and one of these, if `exists_when` is empty or met, counts as delivered */
	struct answer_conditions exists_when;
	struct answer_place record,
	    exists_record;          /* where the destination record's id stands in either; may be nowhere */
	struct answer_place reason; /* where the words of a refusal stand; nowhere: in the usual places */
	char *idempotency_header;   /* NULL: none is sent ("idempotency_header": "") */
	int64_t timeout_ms;
	int concurrency;
	double rate_per_ms;              /* 0: no limit */
	bool ordered;                    /* "order": "subject", or implied by `update` */
	bool ambiguous_fails;            /* "ambiguous": "fail" */
	bool gone_retries;               /* "gone": "retry"; the default is "fail" */
	int64_t schedule_ms[DEST_STEPS]; /* the wait before attempt 2, 3, ... */
	size_t schedule_count;           /* attempts in all: this + 1 */
	double jitter;                   /* 0 to 1: the share of a step by which it may grow or shrink */
	struct dest_statuses retry_on;   /* statuses that are transient besides the usual ones */
};

/* Reads and checks one file. New, for dest_free; NULL with DIAG_CONFIG. */
struct dest *dest_load(const char *dir, struct slice name, struct diag *d);
void dest_free(struct dest *dest);

bool dest_statuses_hold(const struct dest_statuses *s, int status);

/* The map for events of this type. *map is NULL when the destination has no "map" at all; -1 when it has, but none fits. */
int dest_map_for(const struct dest *dest, struct slice type, const char **map);

/* What the journal needs to know of it. Borrows the name. */
struct journal_route dest_route(const struct dest *dest);

/* All files of DIR/destinations, each read once. A broken one is told on standard error (once) and left out. */
struct dests {
	const char *dir; /* borrowed */
	struct dest **list;
	size_t count;
	int broken;
};
int dests_load(struct dests *all, const char *dir, struct diag *d); /* a missing folder is an empty list */
void dests_free(struct dests *all);
struct dest *dests_find(const struct dests *all, struct slice name); /* borrowed, or NULL */

#endif
