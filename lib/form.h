/* SPDX-License-Identifier: MIT */
/* form: bodies of type application/x-www-form-urlencoded. */
#ifndef EVT_FORM_H
#define EVT_FORM_H

#include "buf.h"

enum { FORM_FIELDS = 1000 }; /* more are refused */

struct form_field {
	struct slice name, value; /* decoded */
};

struct form {
	struct form_field fields[FORM_FIELDS];
	size_t count;
	struct buf text; /* what the slices point into */
};

/* New, for form_free. NULL with *why, a literal, when it is none, or out of memory. */
struct form *form_read(struct slice body, const char **why);
void form_free(struct form *f);

struct slice form_value(const struct form *f, struct slice name); /* the first of that name, or SLICE_NONE */

/* Appends it as a JSON object; a name that stands more than once has an array of its values. False, nothing appended that
 * counts, when something in it is not UTF-8. */
bool form_add_json(const struct form *f, struct buf *b);

/* Appends names and values, one after the other, in the order of names and
 * then values, each pair once: what Twilio signs. Sorts the fields. */
void form_add_sorted(struct form *f, struct buf *b);

#endif
