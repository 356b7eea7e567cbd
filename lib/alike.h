/* SPDX-License-Identifier: MIT */
/* alike: which error texts say the same of different things. */
#ifndef EVT_ALIKE_H
#define EVT_ALIKE_H

#include "buf.h"

/* Appends the text with what differs from event to event replaced by "…": what stands in double quotes, in single
 * quotes or in backticks, and every word that holds a digit, "@" or "://", but for a status of three digits and a colon
 * at the beginning. Two errors are of one kind when this makes the same of both. At most 200 bytes are looked at. */
void alike_add(struct buf *b, struct slice text);

#endif
