/* SPDX-License-Identifier: MIT */
/* Sources from files, for targets that need them: a folder that is gone again once they are read. */
#ifndef EVT_FUZZ_FOLDER_H
#define EVT_FUZZ_FOLDER_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "must.h"
#include "source.h"

static char folder[] = "/tmp/evt-fuzz.XXXXXX";

__attribute__((format(printf, 2, 3))) static inline void folder_put(const char *name, const char *format, ...)
{
	va_list args;
	char path[256];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	va_start(args, format);
	must(file && vfprintf(file, format, args) > 0 && fclose(file) == 0 && chmod(path, 0600) == 0);
	va_end(args);
}

/* With the secrets "s", any text, and "k", of Standard Webhooks: one to share and one that is public. */
static inline void folder_make(void)
{
	char path[256];
	must(mkdtemp(folder) != NULL);
	snprintf(path, sizeof path, "%s/sources", folder);
	must(mkdir(path, 0700) == 0);
	folder_put("s", "12345\n");
	folder_put("k", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nwhpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=\n");
}

static inline void folder_read(struct sources *all)
{
	char command[128];
	struct diag d = {.code = DIAG_OK};
	int result = sources_load(all, folder, &d);
	if (result < 0)
		fprintf(stderr, "%s\n", d.text);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	must(system(command) == 0 && result == 0);
}

#endif
