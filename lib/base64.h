/* SPDX-License-Identifier: MIT */
/* base64: RFC 4648 section 4, with padding. */
#ifndef EVT_BASE64_H
#define EVT_BASE64_H

#include "buf.h"

void base64_add(struct buf *b, struct slice bytes); /* encoded, appended */
/* Decoded, appended; -1, nothing appended, when it is not strict base64. */
int base64_add_decoded(struct buf *b, struct slice text);

#endif
