/* SPDX-License-Identifier: MIT */
/* The journal among several processes, and when the disk gives out. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "journal.h"
#include "lock.h"
#include "scratch.h"

enum { ROUNDS = 150 };

/* What the processes share: transactions done by either writer, and whether it stands ready. */
struct shared {
	volatile int done[2], ready[2];
};

static char path[96];
static struct diag d;

static int set_up(void **state)
{
	(void)state;
	if (scratch_make(NULL) < 0)
		return -1;
	snprintf(path, sizeof path, "%s", scratch_path("journal.db"));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_remove();
}

/* 0, or -1 with d. */
static int accept_one(struct journal *j, const char *id, size_t size)
{
	char *data = malloc(size + 2);
	memset(data, '1', size + 2);
	struct event e = {
	    .id = slice_of(id), .source = SLICE("s"), .type = SLICE("t"), .body = EVENT_JSON, .data = {data, size}};
	struct slice to = SLICE("crm");
	struct journal_accept row = {.event = &e, .destinations = &to, .destination_count = 1};
	int result = journal_begin(j, &d);
	if (result == 0)
		result = journal_accept(j, &row, 1, clock_now(), &d);
	if (result == 0)
		result = journal_commit(j, &d);
	free(data);
	return result;
}

static bool count_row(const struct journal_row *row, void *context)
{
	(void)row;
	++*(int *)context;
	return true;
}

static int count_rows(struct journal *j)
{
	struct journal_filter all = {0};
	int count = 0;
	assert_int_equal(journal_list(j, &all, count_row, &count, &d), 0);
	return count;
}

/* ---- two writers, one reader ---- */

/* A child's whole life: ROUNDS transactions, counted where the others can see it. Its exit code is the first failure's. */
static pid_t spawn_writer(int which, struct shared *shared)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	struct journal *j = journal_open(path, JOURNAL_WRITE, &d);
	if (!j)
		_exit((int)d.code);
	shared->ready[which] = 1;
	while (!shared->ready[!which]) /* they begin together: a head start is no starving */
		sched_yield();
	for (int i = 0; i < ROUNDS; i++) {
		char id[32];
		snprintf(id, sizeof id, "%c%d", 'a' + which, i);
		if (accept_one(j, id, 2000) < 0)
			_exit((int)d.code);
		++shared->done[which];
	}
	journal_close(j);
	_exit(0);
}

static bool writers_are_done(const struct shared *shared)
{
	return shared->done[0] + shared->done[1] == 2 * ROUNDS;
}

static pid_t spawn_reader(const struct shared *shared)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	struct journal *j = NULL;
	while (!j && !writers_are_done(shared))
		j = journal_open(path, JOURNAL_READ, &d); /* until a writer has made it */
	while (j && !writers_are_done(shared)) {
		struct journal_filter all = {.limit = 50};
		int count = 0;
		if (journal_list(j, &all, count_row, &count, &d) < 0)
			_exit((int)d.code);
	}
	_exit(0);
}

static void two_writers_and_a_reader_never_find_it_locked(void **state)
{
	(void)state;
	struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	pid_t pids[] = {spawn_writer(0, shared), spawn_writer(1, shared), spawn_reader(shared)};
	int behind = ROUNDS; /* how far the slower one had come when the faster one was done */
	for (int left = 3; left > 0; left--) {
		int status;
		pid_t pid = wait(&status);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		if (left == 3 && pid != pids[2])
			behind = shared->done[pid == pids[0]];
	}
	assert_true(behind > ROUNDS / 4); /* neither starves */
	munmap(shared, sizeof *shared);
	struct journal *j = journal_open(path, JOURNAL_READ, &d);
	assert_non_null(j);
	assert_int_equal(count_rows(j), 2 * ROUNDS);
	struct journal_size size;
	assert_int_equal(journal_size(j, &size, &d), 0);
	assert_true(size.wal < 16 * 1024 * 1024);
	journal_close(j);
}

static void the_wait_for_the_lock_is_bounded(void **state)
{
	(void)state;
	struct lock ours, theirs;
	assert_int_equal(lock_open(&ours, path, 0600, &d), 0);
	assert_int_equal(lock_open(&theirs, path, 0600, &d), 0);
	assert_int_equal(lock_take(&theirs, 1000, &d), 0);
	assert_false(lock_try(&ours));
	assert_int_equal(lock_take(&ours, 150, &d), -1);
	assert_int_equal(d.code, DIAG_TRY_AGAIN);
	lock_drop(&theirs);
	assert_int_equal(lock_take(&ours, 150, &d), 0);
	lock_close(&ours);
	lock_close(&theirs);
}

static void a_dead_holder_gives_the_lock_up(void **state)
{
	(void)state;
	struct journal *j = journal_open(path, JOURNAL_WRITE, &d);
	assert_non_null(j);
	pid_t pid = fork();
	if (pid == 0) {
		struct journal *other = journal_open(path, JOURNAL_WRITE, &d);
		if (!other || journal_begin(other, &d) < 0)
			_exit(1);
		raise(SIGKILL);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(accept_one(j, "e1", 10), 0);
	journal_close(j);
}

/* ---- a disk that is full ---- */

/* No file may grow past so many bytes: what a full disk looks like to a write(2). */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	signal(SIGXFSZ, SIG_IGN);
}

static void a_full_disk_loses_nothing_that_was_committed(void **state)
{
	(void)state;
	struct journal *j = journal_open(path, JOURNAL_WRITE, &d);
	assert_non_null(j);
	limit_files(400 * 1024);
	int accepted = 0;
	char id[32];
	do {
		snprintf(id, sizeof id, "e%d", accepted);
	} while (accept_one(j, id, 20000) == 0 && ++accepted < 1000);
	enum diag_code code = d.code;
	limit_files(RLIM_INFINITY);
	assert_in_range(accepted, 1, 999);
	assert_int_equal(code, DIAG_IO);
	assert_int_equal(count_rows(j), accepted);
	assert_int_equal(accept_one(j, id, 20000), 0); /* room again: it goes on without being opened anew */
	assert_int_equal(count_rows(j), accepted + 1);
	journal_close(j);
	j = journal_open(path, JOURNAL_READ, &d);
	assert_non_null(j);
	assert_int_equal(count_rows(j), accepted + 1);
	journal_close(j);
}

/* ---- watching, pages ---- */

static void a_watcher_hears_of_other_processes_commits(void **state)
{
	(void)state;
	struct journal *j = journal_open(path, JOURNAL_WRITE, &d), *other = journal_open(path, JOURNAL_WRITE, &d);
	assert_non_null(j);
	assert_non_null(other);
	struct pollfd watch = {.fd = journal_watch(j), .events = POLLIN};
	journal_watched(j);
	assert_int_equal(poll(&watch, 1, 0), 0);
	assert_int_equal(accept_one(other, "e1", 10), 0);
	if (watch.fd >= 0) /* where the system has it */
		assert_int_equal(poll(&watch, 1, 5000), 1);
	journal_watched(j);
	assert_int_equal(poll(&watch, 1, 0), 0);
	assert_int_equal(count_rows(j), 1);
	journal_close(other);
	journal_close(j);
}

static void a_long_list_comes_in_pages_without_gap_or_repeat(void **state)
{
	(void)state;
	struct journal *j = journal_open(path, JOURNAL_WRITE, &d);
	assert_non_null(j);
	struct slice to[] = {SLICE("a"), SLICE("b"), SLICE("c")};
	assert_int_equal(journal_begin(j, &d), 0);
	for (int i = 0; i < 700;
	     i++) { /* all received in one millisecond; three deliveries each: pages end amidst an event */
		char id[32];
		snprintf(id, sizeof id, "e%d", i);
		struct event e = {.id = slice_of(id), .source = SLICE("s"), .type = SLICE("t"), .body = EVENT_NONE};
		struct journal_accept row = {.event = &e, .destinations = to, .destination_count = 3};
		assert_int_equal(journal_accept(j, &row, 1, 1795000000000, &d), 0);
	}
	assert_int_equal(journal_commit(j, &d), 0);
	assert_int_equal(count_rows(j), 2100);
	struct journal_filter some = {.limit = 1000, .destination = SLICE("b")};
	int count = 0;
	assert_int_equal(journal_list(j, &some, count_row, &count, &d), 0);
	assert_int_equal(count, 700);
	some = (struct journal_filter){.limit = 513};
	count = 0;
	assert_int_equal(journal_list(j, &some, count_row, &count, &d), 0);
	assert_int_equal(count, 513);
	journal_close(j);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(two_writers_and_a_reader_never_find_it_locked),
	    EACH(the_wait_for_the_lock_is_bounded),
	    EACH(a_dead_holder_gives_the_lock_up),
	    EACH(a_full_disk_loses_nothing_that_was_committed),
	    EACH(a_watcher_hears_of_other_processes_commits),
	    EACH(a_long_list_comes_in_pages_without_gap_or_repeat),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
