/* SPDX-License-Identifier: MIT */
#include "refusals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"

static char dir[] = "/tmp/evt-test-refusals.XXXXXX";
static char path[64];
static struct journal *journal;
static struct diag d;

static struct peer_proxies proxies;
static struct refusals all = {.proxies = &proxies};

static void note(const struct source *s, int status, const char *text, int64_t at)
{
	struct intake in = INTAKE_INIT;
	struct request_header headers[] = {{SLICE("Host"), SLICE("a")}, {SLICE("X-Sig"), SLICE("hidden")}};
	struct request r = {.method = SLICE("POST"),
			    .path = slice_of(text),
			    .headers = headers,
			    .header_count = 2,
			    .peer = "192.0.2.1"};
	in.source = s;
	intake_refuse(&in, status, "because of %s", text);
	refusals_note(&all, &r, &in, at);
}

struct seen {
	size_t rows;
	int64_t count;
	char first[512];
};

static bool see(const struct journal_refusal *r, void *context)
{
	struct seen *seen = context;
	if (seen->rows++ == 0)
		snprintf(seen->first, sizeof seen->first, "%.*s|%.*s|%d|%.*s|%.*s|%.*s", (int)r->source.len,
			 r->source.ptr, (int)r->cause.len, r->cause.ptr, r->status, (int)r->peer.len, r->peer.ptr,
			 (int)r->why.len, r->why.ptr, (int)r->sample.len, r->sample.ptr);
	seen->count += r->count;
	return true;
}

static struct seen look(int64_t since)
{
	struct seen seen = {0};
	assert_int_equal(journal_refusals(journal, since, see, &seen, &d), 0);
	return seen;
}

static void counted_and_shown(void **state)
{
	(void)state;
	struct source crm = {.name = (char *)"crm"};
	int64_t hour = 400000 * CLOCK_HOUR;
	for (int i = 0; i < 10; i++)
		note(&crm, 401, "/crm", hour + i);
	note(&crm, 413, "/crm", hour);
	note(NULL, 404, "/x\n\xff", hour);
	note(NULL, 404, "/y", hour);
	assert_int_equal(all.count, 3);
	assert_int_equal(refusals_write(&all, journal, hour, &d), 0);
	assert_int_equal(all.count, 0);
	note(&crm, 401, "/again", hour + CLOCK_HOUR);
	assert_int_equal(refusals_write(&all, journal, hour + CLOCK_HOUR, &d), 0);
	struct seen seen = look(hour);
	assert_int_equal(seen.rows, 3);
	assert_int_equal(seen.count, 14);
	assert_string_equal(seen.first,
			    "crm|signature|401|192.0.2.1|because of /again|POST /again\nHost: a\nX-Sig: (left out)");
	assert_int_equal(look(hour + CLOCK_HOUR).count, 1);
	assert_int_equal(look(hour + 3 * CLOCK_HOUR).count, 0);
}

static void a_head_that_was_not_read_is_said_to_be_so(void **state)
{
	(void)state;
	int64_t hour = 450000 * CLOCK_HOUR;
	struct intake in = INTAKE_INIT;
	struct request unread = {.method = SLICE(""), .peer = "192.0.2.2"};
	intake_refuse(&in, 503, "too many");
	refusals_note(&all, &unread, &in, hour);
	intake_free(&in);
	assert_int_equal(refusals_write(&all, journal, hour, &d), 0);
	assert_string_equal(look(hour).first, "|unavailable|503|192.0.2.2|too many|(no head was read)");
}

static void bounded_in_memory_and_time(void **state)
{
	(void)state;
	struct source sources[REFUSALS_ROWS + 50];
	char names[REFUSALS_ROWS + 50][8];
	int64_t at = 500000 * CLOCK_HOUR;
	for (size_t i = 0; i < REFUSALS_ROWS + 50; i++) {
		snprintf(names[i], sizeof names[i], "s%zu", i);
		sources[i] = (struct source){.name = names[i]};
		note(&sources[i], 400, "/s", at);
	}
	assert_int_equal(all.count, REFUSALS_ROWS);
	assert_int_equal(refusals_write(&all, journal, at, &d), 0);
	assert_int_equal(look(0).count, REFUSALS_ROWS); /* those of the test before are over 30 days old by now */
}

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/journal.db", dir);
	journal = journal_open(path, JOURNAL_WRITE, &d);
	return journal ? 0 : -1;
}

static int end(void **state)
{
	char command[128];
	(void)state;
	journal_close(journal);
	refusals_free(&all);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(counted_and_shown),
					   cmocka_unit_test(a_head_that_was_not_read_is_said_to_be_so),
					   cmocka_unit_test(bounded_in_memory_and_time)};
	return cmocka_run_group_tests(tests, begin, end);
}
