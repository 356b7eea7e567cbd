/* SPDX-License-Identifier: MIT */
#include "place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *place_join(const char *dir, const char *rest)
{
	size_t size = strlen(dir) + strlen(rest) + 2;
	char *path = malloc(size);
	if (path)
		snprintf(path, size, "%s/%s", dir, rest);
	return path;
}

/* An empty variable counts as none. */
static const char *variable(const char *name)
{
	const char *text = getenv(name);
	return text && *text ? text : NULL;
}

static char *below_home(const struct place *p)
{
	const char *home = variable("HOME");
	char *base = home ? place_join(home, p->xdg_home) : NULL;
	char *path = base ? place_join(base, p->rest) : NULL;
	free(base);
	return path;
}

char *place_find(const struct place *p, const char *option)
{
	const char *text = option ? option : variable(p->variable);
	if (text)
		return strdup(text);
	if (geteuid() == 0)
		return strdup(p->for_root);
	text = variable(p->xdg);
	return text ? place_join(text, p->rest) : below_home(p);
}
