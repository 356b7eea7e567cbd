/* SPDX-License-Identifier: MIT */
/* confine: a process that reads from the open internet gives up what it will not need. */
#ifndef EVT_CONFINE_H
#define EVT_CONFINE_H

#include "diag.h"

/* Becomes this user, with the user's groups, for good. Does nothing when it is that user already. 0, or -1 with
 * DIAG_USAGE for a user that there is not, DIAG_UNAVAILABLE when it may not. */
int confine_user(const char *user, struct diag *d);

/* From now on this process leaves no core file, and other processes of its user cannot read its memory (Linux): called
 * by whoever has read a secret. Children inherit it until they execute a program. */
void confine_memory(void);

/* From now on files can be read and written only in the folder of `file`, removed also in that of `socket` (NULL: none), and no
 * program can be executed or gain rights. Landlock, Linux 5.13 and later: elsewhere it has no effect. Descriptors that are
 * open stay so. True when it holds. */
bool confine_files(const char *file, const char *socket);

#endif
