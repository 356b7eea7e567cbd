/* SPDX-License-Identifier: MIT */
/* tallies: do the journal's counts equal what counting its rows gives? For the teardown of tests that change a journal. */
#ifndef EVT_TEST_TALLIES_H
#define EVT_TEST_TALLIES_H

#include <sqlite3.h>
#include <stdio.h>

/* The cells that differ, as "axis/slot/of/status: n", and deliveries of a wrong kind. Returns how many there are; -1 on error. */
static inline int tallies_differ(const char *path)
{
	static const char sql[] =
	    "WITH counted AS ("
	    "SELECT 0 AS axis, received_at / 3600000 AS slot, kind AS of, status, count(*) AS n "
	    "FROM delivery JOIN event ON seq = event GROUP BY 1, 2, 3, 4 UNION ALL "
	    "SELECT 1, updated_at / 600000, destination, iif(status = 2 AND attempts - spent > 1, 6, status), count(*) "
	    "FROM delivery WHERE status = 2 OR (status IN (3, 4) AND code IS NOT NULL) GROUP BY 1, 2, 3, 4 UNION ALL "
	    "SELECT 6, 0, kind, status, count(*) FROM delivery GROUP BY 3, 4), "
	    "kept AS (SELECT axis, slot, of, status, n FROM tally WHERE axis IN (0, 1, 6) AND n <> 0) "
	    "SELECT format('%d/%d/%d/%d: %d', axis, slot, of, status, n) FROM "
	    "(SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept) "
	    "UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted)) UNION ALL "
	    "SELECT format('delivery %d to %d: kind %d', d.event, d.destination, d.kind) FROM delivery d "
	    "JOIN event e ON e.seq = d.event LEFT JOIN kind k ON k.id = d.kind WHERE k.destination IS NOT d.destination "
	    "OR k.source <> e.source OR (k.type IS NOT NULL AND k.type <> e.type)";
	sqlite3 *db;
	sqlite3_stmt *statement;
	int differ = -1;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
		for (differ = 0; sqlite3_step(statement) == SQLITE_ROW; differ++)
			fprintf(stderr, "tally %s\n", (const char *)sqlite3_column_text(statement, 0));
		sqlite3_finalize(statement);
	}
	sqlite3_close(db);
	return differ;
}

#endif
