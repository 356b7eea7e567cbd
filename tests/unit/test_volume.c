/* SPDX-License-Identifier: MIT */
#include "volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
	EXT4 = 0xef53,
	XFS = 0x58465342,
	BTRFS = 0x9123683e,
	TMPFS = 0x01021994,
	OVERLAY = 0x794c7630,
	ZFS = 0x2fc12fc1,
	FUSE = 0x65735546
};

static void expect(unsigned magic, const char *type, enum volume_kind kind, const char *says)
{
	char name[VOLUME_NAME] = "";
	assert_int_equal(volume_judge(magic, type, name), kind);
	assert_string_equal(name, says);
}

static void disks_are_local(void **state)
{
	(void)state;
	static const unsigned disks[] = {EXT4, XFS, BTRFS, TMPFS, OVERLAY, ZFS, 0};
	for (size_t i = 0; i < sizeof disks / sizeof disks[0]; i++)
		expect(disks[i], NULL, VOLUME_LOCAL, "");
}

static void what_hosts_share_is_told_by_its_number(void **state)
{
	(void)state;
	expect(0x6969, NULL, VOLUME_NETWORK, "NFS");
	expect(0xff534d42, "cifs", VOLUME_NETWORK, "CIFS");
	expect(0x01021997, "9p", VOLUME_NETWORK, "9P");
	expect(0x00c36400, "ceph", VOLUME_NETWORK, "Ceph");
	expect(0x5346414f, "afs", VOLUME_NETWORK, "AFS");
}

static void fuse_is_told_by_its_program(void **state)
{
	(void)state;
	expect(FUSE, "fuse.sshfs", VOLUME_NETWORK, "sshfs");
	expect(FUSE, "fuse.s3fs", VOLUME_NETWORK, "s3fs");
	expect(FUSE, "fuse.rclone", VOLUME_NETWORK, "rclone");
	expect(FUSE, "fuse.glusterfs", VOLUME_NETWORK, "glusterfs");
	expect(FUSE, "virtiofs", VOLUME_NETWORK, "virtiofs");
	expect(FUSE, "fuseblk", VOLUME_LOCAL, "");
	expect(FUSE, "fuse.ntfs-3g", VOLUME_LOCAL, "");
	expect(FUSE, "fuse.mergerfs", VOLUME_LOCAL, "");
}

static void fuse_of_others_is_not_known(void **state)
{
	(void)state;
	expect(FUSE, "fuse.somebodys", VOLUME_UNKNOWN, "fuse.somebodys");
	expect(FUSE, "fuse", VOLUME_UNKNOWN, "fuse");
	expect(FUSE, "fuse.sshfs2", VOLUME_UNKNOWN, "fuse.sshfs2");
	expect(FUSE, NULL, VOLUME_LOCAL, "");
}

static void what_is_not_there_is_local(void **state)
{
	(void)state;
	char name[VOLUME_NAME];
	assert_int_equal(volume_of("/no/such/folder", name), VOLUME_LOCAL);
	assert_int_equal(volume_of("/proc", name), VOLUME_LOCAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(disks_are_local),
	    cmocka_unit_test(what_hosts_share_is_told_by_its_number),
	    cmocka_unit_test(fuse_is_told_by_its_program),
	    cmocka_unit_test(fuse_of_others_is_not_known),
	    cmocka_unit_test(what_is_not_there_is_local),
	};
	return cmocka_run_group_tests_name("volume", tests, NULL, NULL);
}
