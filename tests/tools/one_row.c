/* SPDX-License-Identifier: MIT */
/* The least that inetd's nowait can do: a process for one connection, which reads a request, inserts one row with
 * synchronous=FULL, and answers. What evt-receive is measured against (tests/bench/receive.sh).
 *   one_row FILE          into a table without an index
 *   one_row FILE event    into the events of a journal that evt has made: SQLite reads its whole schema, and keeps the indexes of that table */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char answer[] =
    "HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 15\r\n\r\n{\"accepted\":1}\n";

static const char plain[] = "INSERT INTO t VALUES (?)";
static const char event[] = "INSERT INTO event (key, source, id, type, received_at, extra, body, size, digest) VALUES "
			    "(random(), 'x', hex(randomblob(16)), 't', strftime('%s') * 1000, ?, 0, 0, zeroblob(32))";

/* The request's body, once all of it is there. */
static const char *find_body(const char *text, ssize_t len)
{
	const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "\r\nContent-Length:");
	long expected = length && length < end ? strtol(length + sizeof "\r\nContent-Length:" - 1, NULL, 10) : 0;
	return end && text + len - (end + 4) >= expected ? end + 4 : NULL;
}

int main(int argc, char **argv)
{
	char text[16384];
	ssize_t len = 0, n;
	sqlite3 *db;
	sqlite3_stmt *insert;
	const char *body = NULL;
	while (!body && len < (ssize_t)sizeof text - 1 &&
	       (n = read(0, text + len, sizeof text - 1 - (size_t)len)) > 0) {
		len += n;
		text[len] = '\0';
		body = find_body(text, len);
	}
	const char *sql = argc == 3 && strcmp(argv[2], "event") == 0 ? event : plain;
	if (argc < 2 || !body || sqlite3_open(argv[1], &db) != SQLITE_OK)
		return 1;
	sqlite3_busy_timeout(db, 10000);
	sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", NULL, NULL, NULL);
	if (sql == plain)
		sqlite3_exec(db, "CREATE TABLE IF NOT EXISTS t (data BLOB)", NULL, NULL, NULL);
	if (sqlite3_prepare_v2(db, sql, -1, &insert, NULL) != SQLITE_OK)
		return 1;
	sqlite3_bind_text(insert, 1, body, (int)(text + len - body), SQLITE_STATIC);
	if (sqlite3_step(insert) != SQLITE_DONE || sqlite3_finalize(insert) != SQLITE_OK ||
	    sqlite3_close(db) != SQLITE_OK)
		return 1;
	return write(1, answer, sizeof answer - 1) < 0;
}
