/* SPDX-License-Identifier: MIT */
/* jconf: reads configuration files whose values are used as they are written: a number in a map reaches the destination
 * with its own digits, which conf, standing on jansson, cannot do. As strict as conf: the first error is kept, and
 * names the file, the JSON Pointer and what was expected. Errors are DIAG_CONFIG. */
#ifndef EVT_JCONF_H
#define EVT_JCONF_H

#include "diag.h"
#include "jtext.h"

struct jconf {
	char file[512];
	struct buf bytes;   /* the file */
	struct jtext json;  /* what stands in it */
	struct buf strings; /* decoded strings */
	struct diag *diag;  /* borrowed; where the first error goes */
	bool failed;
};

/* Reads DIR/KIND/NAME.json, whose root must be an object. 0, or -1. Everything handed out lives until jconf_close. */
int jconf_open(struct jconf *c, const char *dir, const char *kind, struct slice name, struct diag *d);
void jconf_close(struct jconf *c);

/* The members of `object`: values[i] is that of keys[i] (a NULL-ended list), or JTEXT_NOWHERE. A key that is not in the
 * list or comes twice is an error; those that begin with "#" are comments. */
int jconf_members(struct jconf *c, uint32_t object, const char *const *keys, uint32_t *values);

/* Each complains unless the value is what it is asked for. */
int jconf_is(struct jconf *c, uint32_t node, enum jtext_type type);
struct slice jconf_string(struct jconf *c, uint32_t node); /* decoded; SLICE_NONE when it is none */
int jconf_bool(struct jconf *c, uint32_t node, bool *value);
int jconf_count(struct jconf *c, uint32_t node, int64_t *value); /* an integer, 0 or more */
int jconf_pointer(struct jconf *c, uint32_t node, struct jtext_pointer *p);

/* Records an error at `node`. Both return -1. */
int jconf_expected(struct jconf *c, uint32_t node, const char *expected); /* and tells what stands there */
int jconf_fail(struct jconf *c, uint32_t node, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
