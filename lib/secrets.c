/* SPDX-License-Identifier: MIT */
#include "secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "confine.h"
#include "digest.h"
#include "place.h"

enum { SECRETS_LIMIT = 64 * 1024 };

char *secrets_find(const char *folder, const char *path)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	if (path[0] == '/')
		return strdup(path);
	char *found = place_join(folder, path);
	if (!found || !credentials || access(found, F_OK) == 0 || errno != ENOENT)
		return found;
	free(found);
	return place_join(credentials, path);
}

static int open_file(const char *folder, const char *path)
{
	char *found = secrets_find(folder, path);
	int fd = found ? open(found, O_RDONLY | O_CLOEXEC) : -1;
	int error = errno;
	free(found);
	errno = error;
	return fd;
}

int secrets_check(const struct stat *st, const char *path, struct diag *d)
{
	if (!S_ISREG(st->st_mode))
		return diag_fail(d, DIAG_CONFIG, "%s: not a regular file", path);
	if (st->st_mode & S_IRWXO)
		return diag_fail(d, DIAG_CONFIG, "%s: others can reach it (mode %03o): chmod 600 it", path,
				 (unsigned)(st->st_mode & 0777));
	return 0;
}

static int split_lines(struct secrets *s)
{
	size_t lines = 1;
	for (size_t i = 0; i < s->storage_len; i++)
		lines += s->storage[i] == '\n';
	s->lines = calloc(lines, sizeof *s->lines);
	if (!s->lines)
		return -1;
	char *end = s->storage + s->storage_len;
	for (char *p = s->storage; p < end;) {
		char *newline = memchr(p, '\n', (size_t)(end - p));
		char *stop = newline ? newline : end;
		size_t len = (size_t)(stop - p);
		if (len && p[len - 1] == '\r')
			len--;
		if (len)
			s->lines[s->count++] = (struct slice){p, len};
		p = stop + 1;
	}
	return 0;
}

static int read_file(int fd, const char *path, struct secrets *s, struct diag *d)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return diag_errno(d, DIAG_CONFIG, errno, "%s", path);
	if (secrets_check(&st, path, d) < 0)
		return -1;
	if (st.st_size > SECRETS_LIMIT)
		return diag_fail(d, DIAG_CONFIG, "%s: larger than %d bytes", path, SECRETS_LIMIT);
	s->storage = malloc(SECRETS_LIMIT + 1);
	if (!s->storage)
		return diag_fail(d, DIAG_CONFIG, "out of memory");
	ssize_t got;
	while ((got = read(fd, s->storage + s->storage_len, SECRETS_LIMIT - s->storage_len)) > 0)
		s->storage_len += (size_t)got;
	if (got < 0)
		return diag_errno(d, DIAG_CONFIG, errno, "%s", path);
	if (split_lines(s) < 0)
		return diag_fail(d, DIAG_CONFIG, "out of memory");
	if (s->count == 0)
		return diag_fail(d, DIAG_CONFIG, "%s: holds no secret", path);
	return 0;
}

int secrets_read(struct secrets *s, const char *folder, const char *path, struct diag *d)
{
	*s = (struct secrets){0};
	int fd = open_file(folder, path);
	if (fd < 0)
		return diag_errno(d, DIAG_CONFIG, errno, "%s", path);
	confine_memory();
	int result = read_file(fd, path, s, d);
	close(fd);
	return result;
}

void secrets_free(struct secrets *s)
{
	if (s->storage)
		digest_wipe(s->storage, s->storage_len);
	free(s->storage);
	free(s->lines);
	*s = (struct secrets){0};
}
