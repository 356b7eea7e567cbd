-- SPDX-License-Identifier: MIT
-- The journal's first shape. Migrations are applied in the order of their numbers under one write lock, each
-- raising user_version by one; one that has been released is never edited, only followed.
--
-- What is stable for other programs is the view `history`, at the end. The tables may change with any release.
--
-- Instants are milliseconds since the epoch (UTC). The shapes of keys and indexes were chosen by
-- tests/bench/journal_shapes.c (256,000 events through accept, claim, start and outcome in batches of 64;
-- accepted per second and whole lives per second, as ratios to a hashed id, all ids random):
--   the duplicate key as text (source, id) instead of a 64-bit hash        0.80  0.85
--   deliveries by rowid with a unique index instead of clustered           1.05  0.97
--   deliveries by one packed rowid: faster in, no gain over a life         1.08  1.01
--   without the index on received_at, which every report needs             1.05  1.06
--   without the index that keeps a subject's order                         1.04  1.09
--   one more index on (source, subject) as text                            0.69  0.75
-- The id stands in its index as it is, nevertheless: most senders' ids begin with a time or end in a counter (UUID version 7, ULID, KSUID,
-- numbers), and what comes together then lies together. Accepted per second in batches of 64, 120,000 events without a subject, to a
-- hashed id, which puts each on a page of its own: 1.66 for such ids, 0.81 for random ones. Through HTTP the former make 1.5.

CREATE TABLE event (
	seq          INTEGER PRIMARY KEY,  -- order of acceptance
	key          INTEGER NOT NULL,     -- first 64 bits of SHA-256 (id): what still tells a duplicate once the id is erased
	source       TEXT NOT NULL,
	id           TEXT NOT NULL,
	type         TEXT NOT NULL,
	subject      TEXT,                 -- the source record
	time         TEXT,                 -- as the sender wrote it
	received_at  INTEGER NOT NULL,
	content_type TEXT,
	extra        TEXT,                 -- other CloudEvents attributes, as JSON members: "a":1,"b":"x"
	body         INTEGER NOT NULL,     -- 0 none, 1 JSON text, 2 bytes
	size         INTEGER NOT NULL,     -- of the payload in bytes; stays when the payload has expired
	digest       BLOB NOT NULL,        -- SHA-256 of the payload; stays too
	conflicts    INTEGER NOT NULL DEFAULT 0  -- how often the same id came again with another payload
) STRICT;
CREATE INDEX event_id ON event (id);
CREATE INDEX event_received ON event (received_at);

-- Payloads as received, apart from what outlives them.
CREATE TABLE payload (
	event INTEGER PRIMARY KEY REFERENCES event (seq),
	data  BLOB NOT NULL
) STRICT;

-- One row per destination ever named: its breaker and what is reserved of its limits.
-- Row 0, without a name, stands for "no destination": events that were skipped or refused when they came.
CREATE TABLE destination (
	id         INTEGER PRIMARY KEY,
	name       TEXT UNIQUE,
	in_flight  INTEGER NOT NULL DEFAULT 0, -- deliveries with a start and no outcome yet
	rate_at    INTEGER NOT NULL DEFAULT 0, -- microseconds: when the next start would be due at the configured rate (GCRA)
	faults     INTEGER NOT NULL DEFAULT 0, -- in a row
	open_until INTEGER NOT NULL DEFAULT 0, -- 0: the breaker is closed
	open_ms    INTEGER NOT NULL DEFAULT 0, -- how long it was opened for last
	opened_at  INTEGER NOT NULL DEFAULT 0, -- since when it has been open without a break
	probe      INTEGER,                    -- the event that is trying whether the destination is back
	ramp       INTEGER NOT NULL DEFAULT 0  -- starts allowed at once while it recovers; 0: all
) STRICT;
INSERT INTO destination (id) VALUES (0);

-- What deliveries are of and for: one row for each source, type and destination that met. Deliveries carry its number, so that one
-- index leads to those of any of the three. There are at most 1000 with a type: behind that a type shares the row of all others.
CREATE TABLE kind (
	id          INTEGER PRIMARY KEY,
	source      TEXT NOT NULL,
	type        TEXT,                         -- NULL: any that has no row of its own
	destination INTEGER REFERENCES destination (id), -- NULL, then type is NULL too: the source itself, in counts of events
	UNIQUE (source, type, destination)
) STRICT;

-- Error texts, and why something was skipped, each once.
CREATE TABLE error (
	id   INTEGER PRIMARY KEY,
	text TEXT NOT NULL UNIQUE
) STRICT;
-- Which three bytes in a row (case of letters ignored) stand in 64 of them (id / 64), as bits of a hash: who looks for a part of a
-- text passes over those that cannot hold it, and who has found newer deliveries over those that are too old.
CREATE TABLE error_grams (
	block       INTEGER PRIMARY KEY,
	until_event INTEGER NOT NULL, -- no event behind this one has any of them; raised in steps of 1024
	bits        BLOB NOT NULL
) STRICT;

-- One event for one destination.
CREATE TABLE delivery (
	event         INTEGER NOT NULL REFERENCES event (seq),
	destination   INTEGER NOT NULL REFERENCES destination (id),
	kind          INTEGER NOT NULL REFERENCES kind (id),
	status        INTEGER NOT NULL,           -- 0 received 1 processing 2 delivered 3 failed 4 retrying 5 skipped
	lane          INTEGER NOT NULL DEFAULT 0, -- 0 first attempts, 1 retries, 2 claims that lapse, 3 held by an earlier one of the subject
	due_at        INTEGER,                    -- when it may be claimed: for new ones, retries and the end of leases; NULL: it has ended
	claim         INTEGER NOT NULL DEFAULT 0, -- number of the last claim, release or reopening
	claimed_at    INTEGER,
	lapses        INTEGER NOT NULL DEFAULT 0, -- claims in a row that nobody started
	attempts      INTEGER NOT NULL DEFAULT 0, -- starts, over its whole life
	spent         INTEGER NOT NULL DEFAULT 0, -- starts before it was last reopened: the schedule begins anew behind them
	started_at    INTEGER,                    -- of the start that has no outcome yet
	updated_at    INTEGER NOT NULL,
	subject_key   INTEGER,                    -- hash of (source, subject)
	http_status   INTEGER,
	code          TEXT,                       -- of the last error: http-422, timeout-response, map …
	error         INTEGER REFERENCES error (id), -- the same in plain words; for skipped: why
	record        TEXT,                       -- the destination's record
	PRIMARY KEY (event, destination)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (destination, lane, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX delivery_order ON delivery (destination, subject_key, event) WHERE due_at IS NOT NULL AND subject_key IS NOT NULL;

-- Attempts that have an outcome, or whose lease ended without one (code 'unknown').
CREATE TABLE attempt (
	event       INTEGER NOT NULL,
	destination INTEGER NOT NULL,
	n           INTEGER NOT NULL,
	started_at  INTEGER NOT NULL,
	ended_at    INTEGER,
	http_status INTEGER,
	code        TEXT,    -- NULL: delivered
	error       TEXT,
	PRIMARY KEY (event, destination, n)
) STRICT, WITHOUT ROWID;

-- What was sent last (only where it is not the payload as received), and what was answered: payload, as far as retention goes.
CREATE TABLE sent (
	event       INTEGER NOT NULL,
	destination INTEGER NOT NULL,
	body        BLOB NOT NULL,
	PRIMARY KEY (event, destination)
) STRICT, WITHOUT ROWID;
CREATE TABLE answer (
	event       INTEGER NOT NULL,
	destination INTEGER NOT NULL,
	n           INTEGER NOT NULL,
	head        TEXT NOT NULL,
	body        BLOB NOT NULL,
	PRIMARY KEY (event, destination, n)
) STRICT, WITHOUT ROWID;

-- The destination's record of a source record: what makes an update of the next event. Outlives pruning.
CREATE TABLE record (
	destination INTEGER NOT NULL REFERENCES destination (id),
	source      TEXT NOT NULL,
	subject     TEXT NOT NULL,
	record      TEXT NOT NULL,
	PRIMARY KEY (destination, source, subject)
) STRICT, WITHOUT ROWID;

CREATE VIEW history AS
SELECT e.source, e.id, e.type, e.subject, n.name AS destination,
       CASE d.status WHEN 0 THEN 'received' WHEN 1 THEN 'processing' WHEN 2 THEN 'delivered'
                     WHEN 3 THEN 'failed' WHEN 4 THEN 'retrying' ELSE 'skipped' END AS status,
       strftime('%Y-%m-%dT%H:%M:%S', e.received_at / 1000, 'unixepoch') || printf('.%03dZ', e.received_at % 1000) AS received_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.updated_at / 1000, 'unixepoch') || printf('.%03dZ', d.updated_at % 1000) AS updated_at,
       d.attempts,
       CASE WHEN d.status IN (0, 4)
            THEN strftime('%Y-%m-%dT%H:%M:%S', d.due_at / 1000, 'unixepoch') || printf('.%03dZ', d.due_at % 1000)
       END AS next_attempt_at,
       d.record AS destination_record, d.http_status, x.text AS error,
       CASE WHEN EXISTS (SELECT 1 FROM payload p WHERE p.event = e.seq) THEN 'stored' ELSE 'expired' END AS payload
  FROM delivery d
  JOIN event e ON e.seq = d.event
  JOIN destination n ON n.id = d.destination
  LEFT JOIN error x ON x.id = d.error;
