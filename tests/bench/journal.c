/* SPDX-License-Identifier: MIT */
/* How fast are the journal's transitions, against the same rows written by plain SQL in batches of the same size? Every
 * step is given per second and as a ratio to the plain insert of one row with its payload, in the same run.
 *   journal [EVENTS [ROUNDS]]     (in $TMPDIR) */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "clock.h"
#include "journal.h"

enum { BATCH = 64, PAYLOAD = 1024 };

static const struct journal_route route = {.destination = "crm", .attempts = 3};
static const struct journal_limits limits = {.concurrency = 1000000, .timeout_ms = 30000};
static char data[PAYLOAD];
static struct diag d;

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int result)
{
	if (result >= 0)
		return;
	fprintf(stderr, "%s\n", d.text);
	exit(1);
}

static void name(char id[24], int n)
{
	snprintf(id, 24, "evt_%d", n);
}

static double plain_inserts(const char *path, int events)
{
	sqlite3 *db;
	sqlite3_stmt *insert;
	if (sqlite3_open(path, &db) != SQLITE_OK)
		exit(1);
	sqlite3_exec(
	    db,
	    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, data BLOB)",
	    NULL, NULL, NULL);
	sqlite3_prepare_v2(db, "INSERT INTO t (name, data) VALUES (?, ?)", -1, &insert, NULL);
	double began = seconds();
	for (int n = 0; n < events; n++) {
		char id[24];
		name(id, n);
		if (n % BATCH == 0)
			sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		sqlite3_bind_text(insert, 1, id, -1, SQLITE_TRANSIENT);
		sqlite3_bind_blob(insert, 2, data, PAYLOAD, SQLITE_STATIC);
		sqlite3_step(insert);
		sqlite3_reset(insert);
		if ((n + 1) % BATCH == 0)
			sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	}
	double took = seconds() - began;
	sqlite3_finalize(insert);
	sqlite3_close(db);
	return took;
}

static double accepts(struct journal *j, int events, bool id_unsigned)
{
	static char payloads[BATCH][PAYLOAD];
	struct slice to = SLICE("crm");
	double began = seconds();
	for (int n = 0; n < events; n += BATCH) {
		struct event e[BATCH];
		struct journal_accept rows[BATCH];
		char ids[BATCH][24], subjects[BATCH][24];
		for (int i = 0; i < BATCH; i++) {
			name(ids[i], n + i);
			snprintf(subjects[i], 24, "contact/%d", (n + i) % 5000);
			memcpy(payloads[i], data, PAYLOAD);
			memcpy(payloads[i], ids[i], sizeof ids[i]); /* no two are alike */
			e[i] = (struct event){.id = slice_of(ids[i]),
					      .source = SLICE("hubspot"),
					      .type = SLICE("contact.created"),
					      .subject = slice_of(subjects[i]),
					      .body = EVENT_JSON,
					      .data = {payloads[i], PAYLOAD}};
			rows[i] = (struct journal_accept){
			    .event = &e[i], .destinations = &to, .destination_count = 1, .id_unsigned = id_unsigned};
		}
		must(journal_begin(j, &d));
		must(journal_accept(j, rows, BATCH, clock_now(), &d));
		must(journal_commit(j, &d));
	}
	return seconds() - began;
}

static double claims(struct journal *j, int events)
{
	static struct journal_batch batch;
	double began = seconds();
	for (int left = events; left > 0; left -= (int)batch.count) {
		must(journal_claim(j, &route, 1, JOURNAL_CLAIM_ROWS, clock_now(), &batch, &d));
		if (batch.count == 0)
			break;
	}
	return seconds() - began;
}

static struct journal_ref ref(char id[24], int n)
{
	name(id, n);
	return (struct journal_ref){
	    .source = SLICE("hubspot"), .id = slice_of(id), .destination = SLICE("crm"), .claim = 1};
}

static double starts_and_outcomes(struct journal *j, int events)
{
	double began = seconds();
	static struct journal_start starts[BATCH];
	for (int n = 0; n < events; n += BATCH) {
		struct journal_outcome outcomes[BATCH];
		char ids[BATCH][24];
		must(journal_begin(j, &d));
		for (int i = 0; i < BATCH; i++) {
			starts[i].ref = ref(ids[i], n + i);
			starts[i].limits = &limits;
		}
		must(journal_start(j, starts, BATCH, clock_now(), &d));
		must(journal_commit(j, &d));
		for (int i = 0; i < BATCH; i++)
			outcomes[i] = (struct journal_outcome){.ref = starts[i].ref,
							       .attempt = starts[i].attempt,
							       .verdict = JOURNAL_OK,
							       .started_at = clock_now(),
							       .ended_at = clock_now(),
							       .http_status = 201,
							       .record = SLICE("rec_1"),
							       .answer = SLICE("{\"id\":\"rec_1\"}")};
		must(journal_begin(j, &d));
		must(journal_outcome(j, outcomes, BATCH, clock_now(), &d));
		must(journal_commit(j, &d));
	}
	return seconds() - began;
}

enum { PLAIN, ACCEPT, UNSIGNED, CLAIM, OUTCOME, STEPS, MOST_ROUNDS = 16 };

static const struct {
	const char *name, *words, *goal;
} steps[STEPS] = {[PLAIN] = {"plain", "a plain insert of a row", "-"},
		  [ACCEPT] = {"accept", "events accepted", "-"},
		  [UNSIGNED] = {"accept-unsigned", "events accepted under ids that no signature covers", "-"},
		  [CLAIM] = {"claim", "due events claimed, and their lines made", ">=50000"},
		  [OUTCOME] = {"outcome", "starts and outcomes of deliveries", "-"}};

static void run_round(int events, double rates[STEPS])
{
	char dir[256], path[300], command[300];
	snprintf(dir, sizeof dir, "%s/bench_journal.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(dir))
		exit(1);
	snprintf(path, sizeof path, "%s/plain.db", dir);
	rates[PLAIN] = events / plain_inserts(path, events);
	snprintf(path, sizeof path, "%s/journal.db", dir);
	struct journal *j = journal_open(path, JOURNAL_WRITE, &d);
	must(j ? 0 : -1);
	rates[ACCEPT] = events / accepts(j, events, false);
	rates[CLAIM] = events / claims(j, events);
	rates[OUTCOME] = events / starts_and_outcomes(j, events);
	journal_close(j);
	snprintf(path, sizeof path, "%s/unsigned.db", dir);
	j = journal_open(path, JOURNAL_WRITE, &d);
	must(j ? 0 : -1);
	rates[UNSIGNED] = events / accepts(j, events, true);
	journal_close(j);
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	if (system(command) != 0)
		exit(1);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* As tests/bench/lib.sh has it. */
static void tell(int step, double *values, int rounds, const char *kind, const char *unit, const char *goal)
{
	qsort(values, (size_t)rounds, sizeof *values, ascending);
	int digits = *kind ? 2 : 0;
	double median = (values[(rounds - 1) / 2] + values[rounds / 2]) / 2;
	printf("RESULT journal-%s%s %.*f %.*f %.*f %s %s %s%s\n", steps[step].name, kind, digits, median, digits,
	       values[0], digits, values[rounds - 1], unit, goal, steps[step].words,
	       *kind ? ", of a plain insert" : "");
}

int main(int argc, char **argv)
{
	bool quick = getenv("BENCH_QUICK") != NULL;
	int events = (argc > 1 ? atoi(argv[1]) : quick ? 6400 : 100000) / BATCH * BATCH;
	int rounds = argc > 2 ? atoi(argv[2]) : quick ? 1 : 3;
	static double rates[MOST_ROUNDS][STEPS], values[MOST_ROUNDS];
	memset(data, '1', sizeof data);
	if (rounds < 1 || rounds > MOST_ROUNDS)
		return 64;
	for (int r = 0; r < rounds; r++)
		run_round(events, rates[r]);
	for (int step = 0; step < STEPS; step++) {
		for (int r = 0; r < rounds; r++)
			values[r] = rates[r][step];
		tell(step, values, rounds, "", "events/s", steps[step].goal);
		for (int r = 0; step != PLAIN && r < rounds; r++)
			values[r] = rates[r][step] / rates[r][PLAIN];
		if (step != PLAIN)
			tell(step, values, rounds, "-ratio", "x", "-");
	}
	return 0;
}
