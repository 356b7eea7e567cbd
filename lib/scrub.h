/* SPDX-License-Identifier: MIT */
/* scrub: overwrites what SQLite leaves behind inside pages that are in use. PRAGMA secure_delete zeroes a row where it is
 * deleted, and pages that become free; but when rows move between pages, because neighbours came or went, copies of them stay
 * in the unallocated space of the page they left, and outlive the row. Nothing in the file refers to that space (Database
 * File Format, 1.6), so that zeroes may be put there at any time, even by a process that is killed meanwhile.
 *
 * The file is written beside SQLite, on its own descriptor. Precondition of scrub_clean: the calling connection holds the write lock
 * and the WAL is empty; afterwards it must drop its page cache and commit a change, which makes all others drop theirs. */
#ifndef EVT_SCRUB_H
#define EVT_SCRUB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct scrub {
	sqlite3_file *file;  /* borrowed */
	int64_t pages, span; /* of the file; of one step, which is what one page of pointers describes */
	int page_size, usable;
	unsigned char *map, *page; /* one page each; owned */
};

/* A SQLite result code. SQLITE_FORMAT for a file without pointer pages (auto_vacuum), which evt does not make. */
int scrub_open(struct scrub *s, sqlite3 *db);
void scrub_close(struct scrub *s);

/* Spans are numbered from 0; the last is the one before `scrub_spans`. */
int64_t scrub_spans(const struct scrub *s);
int scrub_look(struct scrub *s, int64_t span, bool *dirty); /* only reads: is there anything to be overwritten? */
int scrub_clean(struct scrub *s, int64_t span);             /* overwrites it; on disk for certain after: */
int scrub_sync(struct scrub *s);

#endif
