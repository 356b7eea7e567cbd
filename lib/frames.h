/* SPDX-License-Identifier: MIT */
/* frames: a VFS of SQLite that writes a commit's frames together. SQLite writes each page of a commit to the WAL with two calls, its
 * header and the page; a lone event touches eight pages, and the calls cost a quarter of what the sync that follows them costs. They adjoin
 * each other, so that they are gathered here and go to the file in one piece when SQLite syncs it.
 *
 * For connections with synchronous=FULL: they sync the WAL before others are told of the commit. What has not been synced when the
 * write lock is given up was rolled back, and is dropped; another process may write in its place. */
#ifndef EVT_FRAMES_H
#define EVT_FRAMES_H

/* Its name, for sqlite3_open_v2; NULL, which stands for SQLite's own, when it cannot be registered. */
const char *frames_vfs(void);

#endif
