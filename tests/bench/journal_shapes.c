/* SPDX-License-Identifier: MIT */
/* Which keys and indexes should the journal have? The same events go through the same four steps (accept,
 * claim, start, outcome) under each shape, round after round in one run, so that the noise of the machine
 * falls on all of them; what counts is the ratio to the first. The shapes differ from it in one thing each.
 *   journal_shapes [EVENTS [ROUNDS]]     (in $TMPDIR) */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "digest.h"

enum { BATCH = 64, PAYLOAD = 1024, DESTINATIONS = 2 };

struct shape {
	const char *name;
	const char *schema;
	const char *delivery_key; /* how a step finds its delivery */
};

#define EVENT_COLUMNS                                                                                                  \
	"seq INTEGER PRIMARY KEY, key INTEGER, source TEXT, id TEXT, type TEXT, subject TEXT, time TEXT, "             \
	"received_at INTEGER, size INTEGER, digest BLOB"
#define DELIVERY_COLUMNS                                                                                               \
	"event INTEGER, destination INTEGER, status INTEGER, lane INTEGER, due_at INTEGER, claim INTEGER, "            \
	"attempts INTEGER, started_at INTEGER, updated_at INTEGER, subject_key INTEGER, http_status INTEGER, "         \
	"error TEXT, record TEXT"
#define PAYLOAD_TABLE "CREATE TABLE payload (event INTEGER PRIMARY KEY, data BLOB);"
#define DUE           "CREATE INDEX due ON delivery (destination, lane, due_at) WHERE due_at IS NOT NULL;"
#define HASH          "CREATE INDEX event_key ON event (key);"
#define RECEIVED      "CREATE INDEX event_received ON event (received_at);"
#define ORDERED                                                                                                        \
	"CREATE INDEX delivery_order ON delivery (destination, subject_key, event) "                                   \
	"WHERE due_at IS NOT NULL AND subject_key IS NOT NULL;"
#define CLUSTERED "CREATE TABLE delivery (" DELIVERY_COLUMNS ", PRIMARY KEY (event, destination)) WITHOUT ROWID;"
#define EVENTS    "CREATE TABLE event (" EVENT_COLUMNS ");"
#define BY_PAIR   "event = ?1 AND destination = ?2"

static const struct shape shapes[] = {
    {"as chosen: hashed key, deliveries clustered by event", EVENTS CLUSTERED PAYLOAD_TABLE HASH RECEIVED DUE ORDERED,
     BY_PAIR},
    {"duplicate key as text (source, id)",
     EVENTS CLUSTERED PAYLOAD_TABLE RECEIVED DUE ORDERED "CREATE UNIQUE INDEX event_key ON event (source, id);",
     BY_PAIR},
    {"deliveries by rowid and a unique index",
     EVENTS "CREATE TABLE delivery (" DELIVERY_COLUMNS
	    ", UNIQUE (event, destination));" PAYLOAD_TABLE HASH RECEIVED DUE ORDERED,
     BY_PAIR},
    {"deliveries by one packed rowid",
     EVENTS "CREATE TABLE delivery (packed INTEGER PRIMARY KEY, " DELIVERY_COLUMNS
	    ");" PAYLOAD_TABLE HASH RECEIVED DUE ORDERED,
     "packed = ?1 * 4096 + ?2"},
    {"no index on received_at", EVENTS CLUSTERED PAYLOAD_TABLE HASH DUE ORDERED, BY_PAIR},
    {"no index for order by subject", EVENTS CLUSTERED PAYLOAD_TABLE HASH RECEIVED DUE, BY_PAIR},
    {"one more index, on (source, subject)",
     EVENTS CLUSTERED PAYLOAD_TABLE HASH RECEIVED DUE ORDERED "CREATE INDEX event_subject ON event (source, subject);",
     BY_PAIR},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run(sqlite3 *db, const char *sql)
{
	char *message = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, message);
		exit(1);
	}
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement;
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		exit(1);
	}
	return statement;
}

static void step(sqlite3_stmt *statement)
{
	if (sqlite3_step(statement) != SQLITE_DONE) {
		fprintf(stderr, "%s\n", sqlite3_errmsg(sqlite3_db_handle(statement)));
		exit(1);
	}
	sqlite3_reset(statement);
}

/* The sender's ids are random, as a UUIDv4 is: the worst case for an index over them. */
static int64_t identify(int64_t n, char id[40])
{
	unsigned char hash[DIGEST_MOST];
	digest_hash(DIGEST_SHA256, (struct slice){(const char *)&n, sizeof n}, hash);
	for (int i = 0; i < 16; i++)
		snprintf(id + 2 * i, 3, "%02x", hash[i]);
	int64_t key;
	memcpy(&key, hash + 16, sizeof key);
	return key;
}

static void accept_events(sqlite3 *db, const struct shape *shape, int64_t first, int64_t count)
{
	sqlite3_stmt *event = prepare(db, "INSERT INTO event VALUES (?1, ?2, 'hubspot', ?3, 'contact.created', ?4, "
					  "'2026-11-23T06:31:39Z', ?5, 1024, zeroblob(32))");
	sqlite3_stmt *payload = prepare(db, "INSERT INTO payload VALUES (?1, zeroblob(1024))");
	int packed = strstr(shape->delivery_key, "packed") != NULL;
	sqlite3_stmt *delivery = prepare(
	    db, packed ? "INSERT INTO delivery VALUES (?1 * 4096 + ?2, ?1, ?2, 0, 0, ?3, 0, 0, NULL, ?3, ?4, NULL, "
			 "NULL, NULL)"
		       : "INSERT INTO delivery VALUES (?1, ?2, 0, 0, ?3, 0, 0, NULL, ?3, ?4, NULL, NULL, NULL)");
	for (int64_t n = first; n < first + count; n++) {
		char id[40], subject[40];
		int64_t key = identify(n, id), now = 1795000000000 + n;
		snprintf(subject, sizeof subject, "contact/%" PRId64, key & 0xfffff);
		sqlite3_bind_int64(event, 1, n);
		sqlite3_bind_int64(event, 2, key);
		sqlite3_bind_text(event, 3, id, -1, SQLITE_STATIC);
		sqlite3_bind_text(event, 4, subject, -1, SQLITE_STATIC);
		sqlite3_bind_int64(event, 5, now);
		step(event);
		sqlite3_bind_int64(payload, 1, n);
		step(payload);
		sqlite3_bind_int64(delivery, 1, n);
		sqlite3_bind_int64(delivery, 2, 1 + n % DESTINATIONS);
		sqlite3_bind_int64(delivery, 3, now);
		sqlite3_bind_int64(delivery, 4, key & 0xfffff);
		step(delivery);
	}
	sqlite3_finalize(event);
	sqlite3_finalize(payload);
	sqlite3_finalize(delivery);
}

static void update(sqlite3 *db, const struct shape *shape, const char *set, int64_t first, int64_t count)
{
	char sql[512];
	snprintf(sql, sizeof sql, "UPDATE delivery SET %s WHERE %s", set, shape->delivery_key);
	sqlite3_stmt *statement = prepare(db, sql);
	for (int64_t n = first; n < first + count; n++) {
		sqlite3_bind_int64(statement, 1, n);
		sqlite3_bind_int64(statement, 2, 1 + n % DESTINATIONS);
		sqlite3_bind_int64(statement, 3, 1795000900000 + n);
		step(statement);
	}
	sqlite3_finalize(statement);
}

static const char *const claim = "status = 1, lane = 2, due_at = ?3, claim = claim + 1";
static const char *const start = "attempts = attempts + 1, started_at = ?3, lane = 1, due_at = ?3";
static const char *const outcome = "status = 2, due_at = NULL, started_at = NULL, updated_at = ?3, record = 'rec_1', "
				   "http_status = 201";

/* Accepts events in batches and takes each batch through its life some batches later. */
static double live(sqlite3 *db, const struct shape *shape, int64_t first, int64_t count, double *accepting)
{
	double began = seconds();
	*accepting = 0;
	for (int64_t n = first; n < first + count; n += BATCH) {
		double at = seconds();
		run(db, "BEGIN IMMEDIATE");
		accept_events(db, shape, n, BATCH);
		run(db, "COMMIT");
		*accepting += seconds() - at;
		const char *const steps[] = {claim, start, outcome};
		for (int i = 0; i < 3; i++) {
			run(db, "BEGIN IMMEDIATE");
			update(db, shape, steps[i], n, BATCH);
			run(db, "COMMIT");
		}
	}
	return seconds() - began;
}

static sqlite3 *create(const struct shape *shape, const char *path)
{
	sqlite3 *db;
	unlink(path);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		exit(1);
	run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000");
	run(db, shape->schema);
	return db;
}

int main(int argc, char **argv)
{
	int64_t events = argc > 1 ? atoll(argv[1]) : getenv("BENCH_QUICK") ? 2000 : 64000;
	int rounds = argc > 2 ? atoi(argv[2]) : 4;
	const char *dir = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
	sqlite3 *dbs[SHAPES];
	double total[SHAPES] = {0}, accepting[SHAPES] = {0};
	char path[256];
	for (int i = 0; i < SHAPES; i++) {
		snprintf(path, sizeof path, "%s/journal_shapes.%d.db", dir, i);
		dbs[i] = create(&shapes[i], path);
	}
	int64_t slice = events / rounds / BATCH * BATCH;
	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < SHAPES; i++) {
			double part;
			total[i] += live(dbs[i], &shapes[i], 1 + round * slice, slice, &part);
			accepting[i] += part;
		}
	}
	printf("%-55s %9s %7s %9s %7s %9s\n", "shape", "accept/s", "ratio", "life/s", "ratio", "bytes/ev");
	for (int i = 0; i < SHAPES; i++) {
		sqlite3_stmt *size =
		    prepare(dbs[i], "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
		sqlite3_step(size);
		double done = (double)(slice * rounds);
		printf("%-55s %9.0f %7.2f %9.0f %7.2f %9.0f\n", shapes[i].name, done / accepting[i],
		       accepting[0] / accepting[i], done / total[i], total[0] / total[i],
		       (double)sqlite3_column_int64(size, 0) / done);
		sqlite3_finalize(size);
		snprintf(path, sizeof path, "%s/journal_shapes.%d.db", dir, i);
		sqlite3_close(dbs[i]);
		unlink(path);
	}
	return 0;
}
