/* SPDX-License-Identifier: MIT */
/* gunzip: unpacks gzip (RFC 1952), up to a limit: a small body can hold gigabytes. */
#ifndef EVT_GUNZIP_H
#define EVT_GUNZIP_H

#include "buf.h"

enum gunzip_result { GUNZIP_DONE, GUNZIP_BAD, GUNZIP_TOO_LARGE, GUNZIP_NO_MEMORY };

/* Appends what is in `packed`, all of which must be one gzip member. At most `limit` bytes. */
enum gunzip_result gunzip(struct slice packed, size_t limit, struct buf *out);

#endif
