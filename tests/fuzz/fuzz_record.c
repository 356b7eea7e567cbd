/* SPDX-License-Identifier: MIT */
/* What a program says has come of its lines (evt-deliver --record): recorded of a delivery that was started, or refused; either way the
 * journal's counts stay what counting its rows gives. */
#include <sys/mman.h>

#include "folder.h"
#include "program.h"

enum { RUNS = 2000 }; /* of one journal: attempts are added to it */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct journal *j;
static int in;

static void remove_folder(void)
{
	char command[128];
	journal_close(j);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	must(system(command) == 0);
}

/* With the event "a" of the source "s", started for the destination "x" under its first claim. */
static void make_journal(void)
{
	static const struct journal_limits limits = {.concurrency = 1, .timeout_ms = 1000};
	const struct event e = {.id = SLICE("a"),
				.source = SLICE("s"),
				.type = SLICE("t"),
				.subject = SLICE("u"),
				.destination = SLICE("x"),
				.body = EVENT_JSON,
				.data = SLICE("{}")};
	struct journal_start start = {.ref = {.source = e.source, .id = e.id, .destination = e.destination},
				      .limits = &limits};
	struct diag d;
	char path[64], command[160];
	journal_close(j);
	snprintf(path, sizeof path, "%s/journal.db", folder);
	snprintf(command, sizeof command, "rm -f %s*", path);
	must(system(command) == 0 && (j = journal_open(path, JOURNAL_WRITE, &d)));
	must(journal_begin(j, &d) == 0);
	must(journal_adopt(j, &e, 1000, JOURNAL_LEASE_MS, &start.ref.claim, &d) == 0);
	must(journal_start(j, &start, 1, 1000, &d) == 0 && start.answer == JOURNAL_STARTED);
	must(journal_commit(j, &d) == 0);
	buf_free(&start.record);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[64];
	(void)argc;
	(void)argv;
	folder_make();
	snprintf(path, sizeof path, "%s/destinations", folder);
	must(mkdir(path, 0700) == 0);
	folder_put("destinations/x.json", "{\"program\":true,\"retry\":{\"schedule\":[\"1m\",\"2m\"]}}");
	atexit(remove_folder);
	in = memfd_create("in", 0);
	must(in >= 0);
	return 0;
}

static bool add_up(const struct journal_row *row, void *context)
{
	int64_t *counts = context;
	must(row->status < JOURNAL_STATUSES && (!row->record.ptr || event_is_name(row->record)));
	counts[row->status]++;
	return true;
}

static void check_counts(void)
{
	const struct journal_filter everything = {.since = 0};
	struct journal_tally tally;
	struct diag d;
	int64_t counts[JOURNAL_STATUSES] = {0};
	must(journal_list(j, &everything, add_up, counts, &d) == 0 && journal_tally(j, &everything, &tally, &d) == 0);
	must(memcmp(counts, tally.by_status, sizeof counts) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static int runs;
	struct delivery_report report;
	struct diag d = {.code = DIAG_OK};
	if (runs++ % RUNS == 0)
		make_journal();
	const struct delivery_options options = {
	    .journal = j, .config = folder, .input = in, .output = -1, .signals = -1};
	must(ftruncate(in, 0) == 0 && pwrite(in, bytes, len, 0) == (ssize_t)len && lseek(in, 0, SEEK_SET) == 0);
	must(program_record(&options, &report, &d) == 0);
	must(report.lost == 0 && report.skipped == 0 && report.returned == 0);
	must(report.delivered + report.retrying + report.failed + report.bad <= len / 2 + 1);
	check_counts();
	return 0;
}
