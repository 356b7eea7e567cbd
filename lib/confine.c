/* SPDX-License-Identifier: MIT */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
/* The leak check of a sanitized build reads /proc, and the process's memory, at the end. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__linux__) && __has_include(<linux/landlock.h>) && !defined(SANITIZED)
#include <linux/landlock.h>
#include <sys/syscall.h>
#define HAS_LANDLOCK 1
#endif

int confine_user(const char *user, struct diag *d)
{
	const struct passwd *entry = getpwnam(user);
	if (!entry)
		return diag_fail(d, DIAG_USAGE, "there is no user %s", user);
	if (geteuid() == entry->pw_uid)
		return 0;
	if (initgroups(user, entry->pw_gid) < 0 || setgid(entry->pw_gid) < 0 || setuid(entry->pw_uid) < 0)
		return diag_errno(d, DIAG_UNAVAILABLE, errno, "cannot become the user %s", user);
	return 0;
}

void confine_memory(void)
{
	const struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
#if defined(__linux__) && !defined(SANITIZED)
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

#ifdef HAS_LANDLOCK
/* All that the first version of Landlock knows. */
static const unsigned long long all_rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

static bool allow(int rules, const char *file, unsigned long long rights)
{
	char folder[PATH_MAX];
	struct landlock_path_beneath_attr beneath = {.allowed_access = rights};
	if (strlen(file) >= sizeof folder)
		return false;
	memcpy(folder, file, strlen(file) + 1);
	beneath.parent_fd = open(dirname(folder), O_PATH | O_CLOEXEC);
	if (beneath.parent_fd < 0)
		return false;
	long result = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
	close(beneath.parent_fd);
	return result == 0;
}

bool confine_files(const char *file, const char *socket)
{
	struct landlock_ruleset_attr attributes = {.handled_access_fs = all_rights};
	int rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
	if (rules < 0)
		return false;
	bool held = allow(rules, file, all_rights & ~(unsigned long long)LANDLOCK_ACCESS_FS_EXECUTE) &&
		    (!socket || allow(rules, socket, LANDLOCK_ACCESS_FS_REMOVE_FILE)) &&
		    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	close(rules);
	return held;
}
#else
bool confine_files(const char *file, const char *socket)
{
	(void)file;
	(void)socket;
	return false;
}
#endif
