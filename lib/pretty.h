/* SPDX-License-Identifier: MIT */
/* pretty: JSON laid out for reading. Every number and string stands there as it came. */
#ifndef EVT_PRETTY_H
#define EVT_PRETTY_H

#include "buf.h"

/* Appends `text`, a JSON value, with a line for each member and element,
 * and a newline behind. False, nothing added, when it is not JSON. */
bool pretty_add(struct buf *b, struct slice text);

#endif
