/* SPDX-License-Identifier: MIT */
/* lookup: tables that maps look values up in: an object in the map itself, or a file beside it: NAME.lookup.json, an object, or
 * NAME.csv (RFC 4180, UTF-8), whose first line names the columns and whose first column is the key. */
#ifndef EVT_LOOKUP_H
#define EVT_LOOKUP_H

#include "rule.h"

struct lookup_entry {
	struct slice key;
	struct rule_value value;
	uint32_t node; /* the value's place in the map or file, for messages; CSV: the line */
};

struct lookup {
	struct lookup_entry *entries; /* in the order of their keys */
	size_t count;
	struct jconf file; /* NAME.lookup.json */
	struct buf text;   /* NAME.csv, its values decoded and as JSON */
	bool csv;
};

/* Loads the table at `node` of a map: an object, or the name of a file in the folder DIR/maps; `column` of a CSV file
 * (SLICE_NONE: the second). 0, or -1 with the error in `c`; lookup_free is due in either case. */
int lookup_load(struct lookup *t, struct jconf *c, uint32_t node, const char *dir, struct slice column);
void lookup_free(struct lookup *t);

/* Does NAME.json in the folder of maps hold a table, and no map? */
bool lookup_is_file(struct slice name);

const struct rule_value *lookup_find(const struct lookup *t, struct slice key); /* or NULL */

#endif
