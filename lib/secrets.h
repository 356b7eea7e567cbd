/* SPDX-License-Identifier: MIT */
/* secrets: a file of its own for each, outside of the configuration that names it. A line each, blank lines and trailing
 * CR left out; all verify, the first signs. Errors are DIAG_CONFIG, and never quote what stands there. */
#ifndef EVT_SECRETS_H
#define EVT_SECRETS_H

#include <sys/stat.h>

#include "diag.h"
#include "slice.h"

struct secrets {
	struct slice *lines;
	size_t count;
	char *storage;
	size_t storage_len;
};

/* Where a file is that a configuration names: relative paths are relative to its folder, then to $CREDENTIALS_DIRECTORY.
 * New, or NULL with errno. */
char *secrets_find(const char *folder, const char *path);

/* Is it a regular file that others have no permission on (mode & 007)? 0 or -1. */
int secrets_check(const struct stat *st, const char *path, struct diag *d);

/* Reads the file, which secrets_find finds, secrets_check accepts, and which is not empty. 0, or -1; secrets_free in either
 * case. */
int secrets_read(struct secrets *s, const char *folder, const char *path, struct diag *d);
void secrets_free(struct secrets *s); /* and wipes them */

#endif
