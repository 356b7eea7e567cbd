#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a journal of many deliveries by plain SQL through the real schema, far quicker than they could be received: 30 days of
# them until now, three sources, five types, four destinations, 1 % failed, some retrying, waiting and in processing, payloads
# for the last 7 days. The counts and its indexes are made by the migration itself, from the rows; what searches errors by evt-prune,
# which finds nothing else to do.
#   make_journal.sh FILE [DELIVERIES]
set -eu
[ $# -ge 1 ] || { echo "usage: make_journal.sh FILE [DELIVERIES]" >&2; exit 64; }
file=$1
deliveries=${2:-1000000}
sql=$(cd "$(dirname "$0")/../../share/sql" && pwd)

# Whoever is asked for by id must be found by it: the first 64 bits of SHA-256, as this machine has them.
key() {
	printf '%b' "$1" | openssl dgst -sha256 -binary | od -An -N8 -td8 | tr -d ' '
}

rm -f "$file"
sqlite3 -bail "$file" >/dev/null <<END
PRAGMA auto_vacuum=INCREMENTAL;
PRAGMA journal_mode=OFF;
PRAGMA synchronous=OFF;
PRAGMA cache_size=-400000;
PRAGMA temp_store=FILE;
.read $sql/0001-journal.sql
BEGIN;
INSERT INTO destination (id, name) VALUES (1, 'crm'), (2, 'warehouse'), (3, 'ledger'), (4, 'alerts');
DROP INDEX event_id;
DROP INDEX event_received;
DROP INDEX delivery_due;
DROP INDEX delivery_order;
CREATE TEMP TABLE span AS SELECT strftime('%s', 'now') * 1000 AS until, 30 * 86400000 AS length;

-- Each event goes to one destination; alerts get one in 5000, and one type is as rare.
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $deliveries)
INSERT INTO event (seq, key, source, id, type, subject, received_at, content_type, body, size, digest)
SELECT i, abs(i * 2654435761 * 40503) % 9223372036854775807,
       CASE WHEN i % 10 < 6 THEN 'hubspot' WHEN i % 10 < 9 THEN 'stripe' ELSE 'orders' END, 'evt_' || i,
       CASE WHEN i % 5003 = 0 THEN 'contact.merged' ELSE
       CASE i % 4 WHEN 0 THEN 'contact.created' WHEN 1 THEN 'contact.updated' WHEN 2 THEN 'deal.won' ELSE 'invoice.paid' END END,
       'contact/' || (i * 7919 % ($deliveries / 5)),
       until - length + length / $deliveries * i - length / $deliveries, 'application/json', 1, 13, zeroblob(32)
  FROM n, span;
INSERT INTO payload SELECT seq, CAST('{"n":"1.10"}' AS BLOB) FROM event, span WHERE received_at > until - 7 * 86400000;

CREATE TEMP TABLE raw (i INTEGER PRIMARY KEY, destination, status, at, hash, text);
-- What is open is of the last minutes; failures come all the time, and all of a bad hour three days ago.
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $deliveries),
made (i, at, hash, status) AS (SELECT i, until - length + length / $deliveries * i - length / $deliveries, i * 7919 % 9973,
       CASE WHEN i > $deliveries - 300 THEN i % 2 WHEN i * 7919 % 9973 < 100
		 OR (i > $deliveries * 0.9 AND i < $deliveries * 0.9014 AND i % 2) THEN 3
	    WHEN i * 7919 % 9973 < 110 AND i > $deliveries * 0.97 THEN 4 WHEN i * 7919 % 9973 < 200 THEN 5 ELSE 2 END
  FROM n, span)
INSERT INTO raw SELECT i, CASE WHEN i % 5000 = 0 THEN 4 ELSE 1 + i % 3 END, status, at, hash,
       CASE status WHEN 3 THEN '422: value "' || i || '" of field ' || (i % 7) || ' is not allowed' WHEN 4 THEN '503: busy' WHEN 5 THEN 'not wanted' END
  FROM made;
INSERT INTO kind (source, type, destination) SELECT DISTINCT source, type, destination FROM raw JOIN event ON seq = i;
INSERT INTO error (text) SELECT DISTINCT text FROM raw WHERE text IS NOT NULL ORDER BY i;
INSERT INTO delivery (event, destination, kind, status, lane, due_at, claim, claimed_at, attempts, updated_at, subject_key, http_status, code, error, record)
SELECT i, r.destination, k.id, status,
       CASE status WHEN 1 THEN 2 WHEN 4 THEN 1 ELSE 0 END,
       CASE WHEN status IN (0, 1, 4) THEN max(at, until - 60000) + 900000 END, 1, at + 1, 1 + (hash % 50 = 0), at + 40,
       i * 7919 % ($deliveries / 5) * 922337203,
       CASE status WHEN 2 THEN 201 WHEN 3 THEN 422 WHEN 4 THEN 503 END,
       CASE status WHEN 3 THEN 'http-422' WHEN 4 THEN 'http-503' END,
       (SELECT id FROM error x WHERE x.text = r.text),
       CASE status WHEN 2 THEN 'rec_' || i END
  FROM raw r CROSS JOIN event e ON e.seq = i JOIN kind k ON k.source = e.source AND k.type = e.type AND k.destination = r.destination, span;
UPDATE event SET key = $(key evt_7) WHERE seq = 7;
UPDATE event SET key = $(key "evt_$((deliveries / 2))") WHERE seq = $deliveries / 2;
CREATE INDEX event_id ON event (id);
CREATE INDEX event_received ON event (received_at);
CREATE INDEX delivery_due ON delivery (destination, lane, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX delivery_order ON delivery (destination, subject_key, event) WHERE due_at IS NOT NULL AND subject_key IS NOT NULL;
COMMIT;
END
for migration in "$sql"/*.sql; do
	case $migration in
	*/0001-*) ;;
	*) printf 'PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-400000; BEGIN;\n.read %s\nCOMMIT;\n' "$migration" |
		sqlite3 -bail "$file" >/dev/null ;;
	esac
done
# shellcheck disable=SC2012 # names made here
sqlite3 "$file" "PRAGMA application_id = $((0x4556544a)); PRAGMA user_version = $(ls "$sql"/*.sql | wc -l); PRAGMA journal_mode=WAL" >/dev/null
"${BUILD:-build}/evt-prune" -q -j "$file" --payloads 3650d --events 3650d
