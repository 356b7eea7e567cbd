/* SPDX-License-Identifier: MIT */
/* frames: a VFS of SQLite that writes a commit's frames together. SQLite writes each page of a commit to the WAL with two calls, its
 * header and the page; a lone event touches eight pages, and the calls cost a quarter of what the sync that follows them costs. They adjoin
 * each other, so that they are gathered here and go to the file in one piece when SQLite syncs it.
 *
 * For connections with synchronous=FULL: they sync the WAL before others are told of the commit. What has not been synced when the
 * write lock is given up was rolled back, and is dropped; another process may write in its place. */
#ifndef EVT_FRAMES_H
#define EVT_FRAMES_H

#include <sqlite3.h>
#include <stdbool.h>

/* Its name, for sqlite3_open_v2; NULL, which stands for SQLite's own, when it cannot be registered. */
const char *frames_vfs(void);

/* Of a connection that was opened with it: shall a checkpoint of SQLITE_CHECKPOINT_TRUNCATE keep the file's blocks, and
 * blank the WAL's header? That says as well that nothing is in it, and neither gives blocks back nor takes them anew;
 * but what stood there stays. */
void frames_keep(sqlite3 *db, bool keep);

/* Shall its commits be written, and left to the next sync of the WAL, whoever's that is? A power cut may undo them
 * until then, the last ones first; a crash does not. Never while a checkpoint is made. */
void frames_defer(sqlite3 *db, bool defer);

#endif
