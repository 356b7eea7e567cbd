/* SPDX-License-Identifier: MIT */
#include "volume.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#ifdef __linux__
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#endif

enum { FUSE = 0x65735546 };

static enum volume_kind named(enum volume_kind kind, const char *what, char name[VOLUME_NAME])
{
	snprintf(name, VOLUME_NAME, "%s", what);
	return kind;
}

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

/* The kernel says of all of these that they are FUSE; the word behind "fuse." is the program's own. */
static enum volume_kind judge_fuse(const char *type, char name[VOLUME_NAME])
{
	static const char *const networks[] = {
	    "virtiofs",      "afuse",     "alluxio-fuse", "blobfuse",    "blobfuse2",  "ceph",
	    "ceph-fuse",     "curlftpfs", "davfs",        "davfs2",      "gcsfuse",    "geesefs",
	    "glusterfs",     "goofys",    "gdfuse",       "grpcfuse",    "gvfsd-fuse", "hdfs",
	    "juicefs",       "JuiceFS",   "kio-fuse",     "lizardfs",    "mfs",        "moosefs",
	    "mountpoint-s3", "onedriver", "osxfs",        "prl_fsd",     "rclone",     "s3fs",
	    "seaweedfs",     "smbnetfs",  "sshfs",        "vmhgfs-fuse", "weed",       NULL};
	static const char *const locals[] = {
	    "fuseblk",   "bindfs",         "encfs",      "exfat",     "ext2",         "ext4",  "cryfs",    "dwarfs",
	    "fuse-ext2", "fuse-overlayfs", "fuse2fs",    "gocryptfs", "lklfuse",      "lxcfs", "mergerfs", "ntfs",
	    "ntfs-3g",   "overlayfs",      "squashfuse", "unionfs",   "unionfs-fuse", "zfs",   "zfs-fuse", NULL};
	const char *program = type && strncmp(type, "fuse.", 5) == 0 ? type + 5 : type;
	if (!program)
		return VOLUME_LOCAL;
	if (is_one_of(program, networks))
		return named(VOLUME_NETWORK, program, name);
	return is_one_of(program, locals) ? VOLUME_LOCAL : named(VOLUME_UNKNOWN, type, name);
}

enum volume_kind volume_judge(unsigned magic, const char *type, char name[VOLUME_NAME])
{
	static const struct {
		unsigned magic;
		const char *name;
	} networks[] = {
	    {0x6969, "NFS"},
	    {0x517b, "SMB"},
	    {0xff534d42, "CIFS"},
	    {0xfe534d42, "SMB"},
	    {0x564c, "NCP"},
	    {0x5346414f, "AFS"},
	    {0x6b414653, "AFS"},
	    {0x73757245, "Coda"},
	    {0x01021997, "9P"},
	    {0x00c36400, "Ceph"},
	    {0x0bd00bd0, "Lustre"},
	    {0x47504653, "GPFS"},
	    {0x01161970, "GFS2"},
	    {0x7461636f, "OCFS2"},
	    {0x19830326, "BeeGFS"},
	    {0x20030528, "OrangeFS"},
	    {0xaad7aaea, "PanFS"},
	    {0x61636673, "ACFS"},
	    {0xbeefdead, "StorNext"},
	    {0xbacbacbc, "VMware HGFS"},
	    {0x786f4256, "VirtualBox shared folder"},
	    {0x7c7c6673, "Parallels shared folder"},
	};
	for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++)
		if (networks[i].magic == magic)
			return named(VOLUME_NETWORK, networks[i].name, name);
	return magic == FUSE ? judge_fuse(type, name) : VOLUME_LOCAL;
}

#ifdef __linux__
/* The type of the mount with this number: the word behind " - " in its line, see proc(5). False when it cannot be told. */
static bool find_type(unsigned long long mount, char type[VOLUME_NAME])
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[4 * PATH_MAX];
	bool found = false;
	while (mounts && !found && fgets(line, sizeof line, mounts)) {
		unsigned long long number;
		const char *dash = strstr(line, " - ");
		found = sscanf(line, "%llu ", &number) == 1 && number == mount && dash &&
			sscanf(dash, " - %63s", type) == 1;
	}
	if (mounts)
		fclose(mounts);
	return found;
}

enum volume_kind volume_of(const char *path, char name[VOLUME_NAME])
{
	struct statfs fs;
	struct statx st;
	char type[VOLUME_NAME];
	if (statfs(path, &fs) < 0)
		return VOLUME_LOCAL; /* opening it will say more */
	bool told = fs.f_type == FUSE && statx(AT_FDCWD, path, 0, STATX_MNT_ID, &st) == 0 &&
		    (st.stx_mask & STATX_MNT_ID) && find_type(st.stx_mnt_id, type);
	return volume_judge((unsigned)fs.f_type, told ? type : NULL, name);
}
#else
enum volume_kind volume_of(const char *path, char name[VOLUME_NAME])
{
	(void)path;
	(void)name;
	return VOLUME_LOCAL;
}
#endif
