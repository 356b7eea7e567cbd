/* SPDX-License-Identifier: MIT */
/* A folder of a test's own, and files in it. Include behind cmocka.h. */
#ifndef EVT_TESTS_SCRATCH_H
#define EVT_TESTS_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char scratch_dir[64];

/* The path of `name` in the folder; good until four more have been asked for. */
static inline const char *scratch_path(const char *name)
{
	static char paths[4][192];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", scratch_dir, name);
	return path;
}

/* Makes it, and a folder in it unless `inner` is NULL. For cmocka: 0 or -1. */
static inline int scratch_make(const char *inner)
{
	strcpy(scratch_dir, "/tmp/evt-unit.XXXXXX");
	if (!mkdtemp(scratch_dir))
		return -1;
	return inner ? mkdir(scratch_path(inner), 0700) : 0;
}

static inline int scratch_remove(void)
{
	char command[96];
	snprintf(command, sizeof command, "rm -rf %s", scratch_dir);
	return system(command);
}

static inline void scratch_put(const char *name, const char *text, mode_t mode)
{
	FILE *file = fopen(scratch_path(name), "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(scratch_path(name), mode), 0);
}

#endif
