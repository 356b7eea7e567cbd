/* SPDX-License-Identifier: MIT */
/* The least that inetd's nowait can do: a process for one connection, which reads a request, inserts one row with
 * synchronous=FULL, and answers. What evt-receive is measured against (tests/bench/receive.sh). */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char answer[] =
    "HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 15\r\n\r\n{\"accepted\":1}\n";

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
		body = strstr(text, "\r\n\r\n");
	}
	if (argc != 2 || !body || sqlite3_open(argv[1], &db) != SQLITE_OK)
		return 1;
	sqlite3_busy_timeout(db, 10000);
	sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS t (data BLOB)",
		     NULL, NULL, NULL);
	if (sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?)", -1, &insert, NULL) != SQLITE_OK)
		return 1;
	sqlite3_bind_blob(insert, 1, body + 4, (int)(text + len - body - 4), SQLITE_STATIC);
	if (sqlite3_step(insert) != SQLITE_DONE || sqlite3_finalize(insert) != SQLITE_OK ||
	    sqlite3_close(db) != SQLITE_OK)
		return 1;
	return write(1, answer, sizeof answer - 1) < 0;
}
