/* SPDX-License-Identifier: MIT */
#include "scrub.h"

#include <stdlib.h>
#include <string.h>

enum {
	HEADER = 100,     /* of the file, in front of page 1 */
	POINTER_SIZE = 5, /* of an entry of a pointer page: a type, and the page above */
	POINTS_TO_ROOT = 1,
	POINTS_TO_BTREE = 5,
	INTERIOR = 12, /* sizes of the headers of B-tree pages */
	LEAF = 8,
	IS_LEAF = 8, /* the bit in their type */
};

static unsigned read_2(const unsigned char *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}

static int read_page(struct scrub *s, int64_t page, unsigned char *into)
{
	return s->file->pMethods->xRead(s->file, into, s->page_size, (page - 1) * s->page_size);
}

int scrub_open(struct scrub *s, sqlite3 *db)
{
	unsigned char header[HEADER];
	sqlite3_int64 size = 0;
	*s = (struct scrub){.file = NULL};
	int result = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &s->file);
	if (result == SQLITE_OK)
		result = s->file->pMethods->xRead(s->file, header, HEADER, 0);
	if (result == SQLITE_OK)
		result = s->file->pMethods->xFileSize(s->file, &size);
	if (result != SQLITE_OK)
		return result;
	bool has_pointers = header[52] || header[53] || header[54] || header[55];
	s->page_size = (int)read_2(header + 16) == 1 ? 65536 : (int)read_2(header + 16);
	s->usable = s->page_size - header[20];
	if (!has_pointers || s->page_size < 512 || s->usable < 480)
		return SQLITE_FORMAT;
	s->span = s->usable / POINTER_SIZE + 1;
	s->pages = size / s->page_size;
	s->map = malloc((size_t)s->page_size);
	s->page = malloc((size_t)s->page_size);
	return s->map && s->page ? SQLITE_OK : SQLITE_NOMEM;
}

void scrub_close(struct scrub *s)
{
	free(s->map);
	free(s->page);
	*s = (struct scrub){.file = NULL};
}

int64_t scrub_spans(const struct scrub *s)
{
	return s->pages < 2 ? 0 : (s->pages - 2) / s->span + 1;
}

/* The page at the first GiB is never used. */
static int64_t lock_page(const struct scrub *s)
{
	return 0x40000000 / s->page_size + 1;
}

/* The unallocated space of a B-tree page: between the list of its cells and the first of them. False where that makes no sense. */
static bool find_gap(const struct scrub *s, unsigned *from, unsigned *to)
{
	const unsigned char *page = s->page;
	unsigned type = page[0], content = read_2(page + 5);
	if (type != 2 && type != 5 && type != 10 && type != 13)
		return false;
	*from = (type & IS_LEAF ? LEAF : INTERIOR) + 2 * read_2(page + 3);
	*to = content ? content : 65536;
	return *from <= *to && *to <= (unsigned)s->usable;
}

static bool is_zero(const unsigned char *bytes, size_t len)
{
	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

static int overwrite(struct scrub *s, int64_t page, unsigned from, unsigned to)
{
	memset(s->page + from, 0, to - from);
	return s->file->pMethods->xWrite(s->file, s->page + from, (int)(to - from),
					 (page - 1) * s->page_size + (int64_t)from);
}

/* Goes through the B-tree pages of the span, until one is dirty, or overwriting all that are. */
static int go_through(struct scrub *s, int64_t span, bool clean, bool *dirty)
{
	int64_t map = 2 + span * s->span, end = map + s->span;
	*dirty = false;
	if (map == lock_page(s))
		map++;
	int result = read_page(s, map, s->map);
	for (int64_t page = map + 1; result == SQLITE_OK && page < end && page <= s->pages && (clean || !*dirty);
	     page++) {
		unsigned from, to;
		unsigned char type = s->map[POINTER_SIZE * (page - map - 1)];
		if (type != POINTS_TO_ROOT && type != POINTS_TO_BTREE)
			continue;
		result = read_page(s, page, s->page);
		if (result != SQLITE_OK || !find_gap(s, &from, &to) || is_zero(s->page + from, to - from))
			continue;
		*dirty = true;
		if (clean)
			result = overwrite(s, page, from, to);
	}
	return result == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : result; /* the file has become shorter meanwhile */
}

int scrub_look(struct scrub *s, int64_t span, bool *dirty)
{
	return go_through(s, span, false, dirty);
}

int scrub_clean(struct scrub *s, int64_t span)
{
	bool dirty;
	return go_through(s, span, true, &dirty);
}

int scrub_sync(struct scrub *s)
{
	return s->file->pMethods->xSync(s->file, SQLITE_SYNC_NORMAL);
}
