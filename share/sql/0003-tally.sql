-- SPDX-License-Identifier: MIT
-- Counts, kept in the same transactions as what they count, so that nobody who asks how things stand has to go
-- through millions of rows; and the indexes that let any filter of the history begin near what it looks for.
--
-- One row per cell. What one transaction changes is gathered in memory and written just before its commit, so that a
-- batch of 64 events costs a few rows. The axes:
--   0  deliveries as they stand, by the hour in which they were received, destination, source and status
--   1  deliveries as they stand that have had an outcome, by the ten minutes of the last one, destination and status
--      (6: delivered after more than one attempt); last_at is the time of the last one there
--   2  events, by the ten minutes of receipt and source, with the first and the last of them; outlives them
--   3  for ever: how often deliveries came into a status, by destination, source and status
--   4  for ever: events by source
--   5  attempts that failed, by the hour and destination, whatever became of the delivery
--   6  deliveries as they stand, of any hour, by destination, source and status
-- A slot is the instant divided by its length. Axes 0, 1 and 6 equal what counting the rows gives, at every commit; to
-- fill them, and to check them, see below. A cell of 0 means nothing and goes when evt-prune comes by.
--
-- What this and the indexes below cost (tests/bench/journal, 50,000 events through their whole life in batches of 64, user and
-- system time of the process, two noisy cores): 4.9 s without, 5.4 to 5.8 s with them. What they give, at 10,000,000 deliveries
-- (tests/bench/status.sh, process start included, where sqlite3 takes 5 ms for one row by its key): the summary 14 to 21 ms
-- (3.3 s without, at a tenth of that size); --check 16 to 29 ms (0.4 s without, at a tenth); a page of 50 by status, destination, type, source or time 7 to 20 ms.
CREATE TABLE tally (
	axis        INTEGER NOT NULL,
	slot        INTEGER NOT NULL,
	destination INTEGER NOT NULL,
	source      TEXT NOT NULL,
	status      INTEGER NOT NULL,
	n           INTEGER NOT NULL,
	last_at     INTEGER NOT NULL,
	first_event INTEGER,
	last_event  INTEGER,
	PRIMARY KEY (axis, slot, destination, source, status)
) STRICT, WITHOUT ROWID;

INSERT INTO tally
SELECT 0, e.received_at / 3600000, d.destination, e.source, d.status, count(*), max(d.updated_at), NULL, NULL
  FROM delivery d JOIN event e ON e.seq = d.event GROUP BY 1, 2, 3, 4, 5;
INSERT INTO tally
SELECT 1, updated_at / 600000, destination, '', iif(status = 2 AND attempts - spent > 1, 6, status), count(*),
       max(updated_at), NULL, NULL
  FROM delivery WHERE status = 2 OR (status IN (3, 4) AND code IS NOT NULL) GROUP BY 1, 2, 3, 4, 5;
INSERT INTO tally
SELECT 2, received_at / 600000, 0, source, 0, count(*), max(received_at), min(seq), max(seq)
  FROM event GROUP BY 1, 2, 3, 4, 5;
INSERT INTO tally
SELECT 3, 0, d.destination, e.source, 0, count(*), max(e.received_at), NULL, NULL
  FROM delivery d JOIN event e ON e.seq = d.event WHERE d.destination > 0 GROUP BY 1, 2, 3, 4;
INSERT INTO tally
SELECT 3, 0, d.destination, e.source, d.status, count(*), max(d.updated_at), NULL, NULL
  FROM delivery d JOIN event e ON e.seq = d.event WHERE d.status IN (2, 3, 4, 5) GROUP BY 1, 2, 3, 4, 5;
INSERT INTO tally
SELECT 4, 0, 0, source, 0, count(*), max(received_at), NULL, NULL FROM event GROUP BY source;
INSERT INTO tally
SELECT 5, ended_at / 3600000, destination, '', 0, count(*), max(ended_at), NULL, NULL
  FROM attempt WHERE code IS NOT NULL AND ended_at IS NOT NULL GROUP BY 1, 2, 3;

INSERT INTO tally
SELECT 6, 0, destination, source, status, sum(n), max(last_at), NULL, NULL FROM tally WHERE axis = 0 GROUP BY 3, 4, 5;

-- Types and sources are few and destinations are: each new row goes to the end of its run, on a page that is at hand.
CREATE INDEX event_type ON event (type);
CREATE INDEX event_source ON event (source);
DROP INDEX delivery_failed;
CREATE INDEX delivery_status ON delivery (destination, status, event);
-- By subject, within runs of 16384 events, so that what is written lies on few pages; who searches goes from run to run.
CREATE INDEX delivery_subject ON delivery (event >> 14, subject_key) WHERE subject_key IS NOT NULL;
-- What is in trouble, by when it got there. Deliveries that never fail are not in it.
CREATE INDEX delivery_trouble ON delivery (destination, updated_at, status, code, error) WHERE status IN (3, 4);

-- When evt-prune removed the payload.
ALTER TABLE event ADD COLUMN expired_at INTEGER;
