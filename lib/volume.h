/* SPDX-License-Identifier: MIT */
/* volume: does a file lie on this machine's own disks? A journal must: WAL needs memory that all its users share, and
 * locks that hold between them, which a file system that several hosts write does not give
 * (https://sqlite.org/wal.html). */
#ifndef EVT_VOLUME_H
#define EVT_VOLUME_H

#include <stddef.h>

enum volume_kind {
	VOLUME_LOCAL,   /* as far as can be told */
	VOLUME_NETWORK, /* other hosts may write there */
	VOLUME_UNKNOWN, /* a program serves it (FUSE), and it is not one of those that we know */
};

enum { VOLUME_NAME = 64 };

/* Of the file system with `magic` (statfs(2)), mounted as `type`: the word in /proc/self/mountinfo such as
 * "fuse.sshfs", or NULL when it cannot be told, as in a process of ours that has confined itself: the one that started
 * it has looked. `name` is filled when it is not local. */
enum volume_kind volume_judge(unsigned magic, const char *type, char name[VOLUME_NAME]);

/* Of the file or folder `path`. One that is not there, or a system other than Linux, is local. */
enum volume_kind volume_of(const char *path, char name[VOLUME_NAME]);

#endif
