/* SPDX-License-Identifier: MIT */
/* uuid: identifiers that nobody else makes and that sort by time (RFC 9562, version 7). */
#ifndef EVT_UUID_H
#define EVT_UUID_H

#include <stdint.h>

enum { UUID_TEXT_SIZE = 37 };

/* `now` in milliseconds since the epoch. -1 when the system has no randomness to give. */
int uuid_v7(int64_t now, char text[UUID_TEXT_SIZE]);

#endif
