/* SPDX-License-Identifier: MIT */
/* conf: reads configuration files strictly (evt-config(5)). Each key is asked for by name and type; what nobody asked
 * for is an error, keys that begin with "#" apart. The first error of a file is kept, names the file, the JSON Pointer
 * (but for the root, whose pointer is empty) and what was expected, and turns every later call into a no-op, so that a
 * reader may take all its keys in a straight line and look once at the end. Errors are DIAG_CONFIG. */
#ifndef EVT_CONF_H
#define EVT_CONF_H

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "diag.h"
#include "secrets.h"

enum { CONF_FILE_LIMIT = 4 * 1024 * 1024 };

struct conf {
	json_t *root;      /* owned */
	char file[512];    /* path, for messages */
	const char *dir;   /* the configuration folder, borrowed; what relative paths are relative to */
	struct diag *diag; /* borrowed; where the first error goes */
	bool failed;
};

/* An object being read. `at` is its JSON Pointer. */
struct conf_object {
	struct conf *conf;
	json_t *json; /* borrowed from conf->root; NULL when the object is absent or the file has failed */
	char at[256];
	json_t *asked; /* the keys that were asked for */
};

/* The configuration folder: `option` (-c), else $EVT_CONFIG, else $XDG_CONFIG_HOME/evt, else ~/.config/evt; /etc/evt for root.
 * New, to be freed. NULL when out of memory or there is no home. */
char *conf_folder(const char *option);

/* Can it name a source, destination or map? [A-Za-z0-9._-]+, not starting with a dot, at most 200 bytes. */
bool conf_is_name(struct slice name);

bool conf_is_one_of(const char *text, const char *const *list); /* ended by NULL; in either case */

/* Where the file DIR/KIND/NAME.json is (`kind` NULL: DIR/NAME.json); refuses names other than [A-Za-z0-9._-]+, or
 * starting with a dot, and paths over `size`. 0, or -1 with DIAG_CONFIG. */
int conf_path(char *path, size_t size, const char *dir, const char *kind, struct slice name, struct diag *d);

/* Calls `each` with the name of every file DIR/KIND/NAME.json, in the order of names, until one returns -1. How many there were
 * (none in a folder that is missing), or -1 with *d. */
int conf_each(const char *dir, const char *kind, int (*each)(struct slice name, void *context, struct diag *d),
	      void *context, struct diag *d);

/* Reads DIR/KIND/NAME.json ("sources", "destinations", "maps"). 0, or -1 with DIAG_CONFIG. The object is the file's root. */
int conf_open(struct conf *c, const char *dir, const char *kind, struct slice name, struct conf_object *root,
	      struct diag *d);
/* The same of DIR/NAME.json, which may be missing: then nothing stands in it. */
int conf_open_optional(struct conf *c, const char *dir, struct slice name, struct conf_object *root, struct diag *d);
int conf_close(struct conf *c); /* frees; 0 when all went well, else -1 */

/* Ends the reading of an object: complains of every key that was not asked for. */
void conf_end(struct conf_object *o);

bool conf_has(struct conf_object *o, const char *key); /* does not count as asking */

/* Each returns what it found, or the default; conf_span milliseconds ("30s"), conf_choice an index into a list that
 * NULL ends. conf_child reads an object, which wants a conf_end of its own; conf_any takes whatever stands there,
 * borrowed, NULL when absent. Strings are new: the caller owns and frees them; a NULL default is handed back as NULL.
 * `required` makes absence an error. */
enum conf_need { CONF_OPTIONAL, CONF_REQUIRED };
char *conf_string(struct conf_object *o, const char *key, enum conf_need need, const char *otherwise);
int64_t conf_integer(struct conf_object *o, const char *key, int64_t least, int64_t most, int64_t otherwise);
double conf_number(struct conf_object *o, const char *key, double least, double most, double otherwise);
bool conf_bool(struct conf_object *o, const char *key, bool otherwise);
int64_t conf_span(struct conf_object *o, const char *key, int64_t least_ms, int64_t most_ms, int64_t otherwise_ms);
int conf_choice(struct conf_object *o, const char *key, const char *const *choices, int otherwise);
void conf_child(struct conf_object *o, const char *key, enum conf_need need, struct conf_object *child);
json_t *conf_any(struct conf_object *o, const char *key);

/* Records an error at `at` followed by "/key" (key may be NULL): what was
 * expected, and what stood there when `met` is not NULL. Returns -1. */
int conf_expected(struct conf_object *o, const char *key, const char *expected, const json_t *met);
int conf_fail(struct conf_object *o, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Makes `child` the object `json`, which stands at `o`'s pointer followed by
 * /key/index (index < 0: none), for objects inside arrays. Fails unless it is one. */
void conf_element(struct conf_object *o, const char *key, int index, json_t *json, struct conf_object *child);

/* The path of a file named by `key`, found like a secret's, and looked at: it must be there, and readable; one that is
 * secret must not be within reach of others. New; NULL when the key is absent. */
enum conf_file { CONF_FILE_OPEN, CONF_FILE_SECRET };
char *conf_file(struct conf_object *o, const char *key, enum conf_file kind);

/* Reads the secrets in the file named by `key`. */
void conf_secrets(struct conf_object *o, const char *key, enum conf_need need, struct secrets *s);

/* For jconf, whose errors read the same: tells what is wrong at a place of a file, -1; and gathers what an unknown key
 * could have been. */
int conf_tell(const char *file, const char *at, struct diag *d, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));
void conf_add_key(struct buf *why, const char *key);

#endif
