/* SPDX-License-Identifier: MIT */
/* token: a destination's OAuth 2 access token (RFC 6749, client credentials and refresh token; RFC 6750), kept in memory and in
 * a file of mode 0600 beside the journal, so that other processes and the next run use it too. Sends nothing itself. */
#ifndef EVT_TOKEN_H
#define EVT_TOKEN_H

#include "buf.h"
#include "conf.h"
#include "lock.h"

/* What the destination's file says. */
struct token_config {
	char *url, *client_id, *scope, *audience; /* the last two may be NULL */
	struct secrets client_secret;             /* may be empty for a refresh token */
	struct secrets refresh_token;             /* empty: client credentials */
	bool in_body;                             /* the client's name and secret go into the body, not a header */
};
void token_config_load(struct token_config *c, struct conf_object *auth);
void token_config_free(struct token_config *c);

struct token {
	const struct token_config *config;
	char *file; /* NULL: in memory alone */
	struct lock lock;
	bool unsaved;               /* the file holds an older one */
	struct buf access, refresh; /* refresh: the one in force, where the server has replaced the configured one */
	int64_t expires_at;
	unsigned generation; /* grows with each new access token */
};

/* `file` may be NULL; copied. -1: out of memory. */
int token_init(struct token *t, const struct token_config *config, const char *file);
void token_free(struct token *t);

bool token_usable(const struct token *t, int64_t now);

/* The destination did not take the token of that generation. */
void token_reject(struct token *t, unsigned generation);

enum token_turn {
	TOKEN_READY, /* another process has left one */
	TOKEN_FETCH, /* fetch one, then call token_take or token_drop: until then all other processes wait */
	TOKEN_WAIT,  /* another process is fetching one: ask again soon */
};
enum token_turn token_begin(struct token *t, int64_t now);

/* The request for a new one: its body, and its Authorization header (empty: none). */
void token_request(const struct token *t, struct buf *body, struct buf *authorization);

/* What the token endpoint answered. 0, or -1 with `why` in plain words, which hold nothing secret. Ends the turn. */
int token_take(struct token *t, int status, struct slice body, int64_t now, struct diag *why);
void token_drop(struct token *t); /* there was no answer; ends the turn */

#endif
