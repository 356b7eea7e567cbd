-- SPDX-License-Identifier: MIT
-- Counts, kept in the same transactions as what they count, so that nobody who asks how things stand has to go
-- through millions of rows; and the indexes that let any filter of the history begin near what it looks for.
--
-- One row per cell. What one transaction changes is gathered in memory and written just before its commit, so that a
-- batch of 64 events costs a few rows. The axes, and what `of` is the number of:
--   0  kind         deliveries as they stand, by the hour in which they were received, and status
--   1  destination  deliveries as they stand that have had an outcome, by the ten minutes of the last one, and status
--                   (6: delivered after more than one attempt); last_at is the time of the last one there
--   2  kind         events of a source, by the ten minutes of receipt, with the first and the last of them; outlives them
--   3  kind         for ever: how often deliveries came into a status
--   4  kind         for ever: events of a source
--   5  destination  attempts that failed, by the hour, whatever became of the delivery
--   6  kind         deliveries as they stand, of any hour, by status
--   7  kind         events of a source whose payload had come before under another id (0007), by the ten minutes of receipt
-- A slot is the instant divided by its length. Axes 0, 1 and 6 equal what counting the rows gives, at every commit; to
-- fill them, and to check them, see below. A cell of 0 means nothing and goes when evt-prune comes by.
CREATE TABLE tally (
	axis        INTEGER NOT NULL,
	slot        INTEGER NOT NULL,
	of          INTEGER NOT NULL,
	status      INTEGER NOT NULL,
	n           INTEGER NOT NULL,
	last_at     INTEGER NOT NULL,
	first_event INTEGER,
	last_event  INTEGER,
	PRIMARY KEY (axis, slot, of, status)
) STRICT, WITHOUT ROWID;

INSERT INTO tally
SELECT 0, e.received_at / 3600000, d.kind, d.status, count(*), max(d.updated_at), NULL, NULL
  FROM delivery d JOIN event e ON e.seq = d.event GROUP BY 1, 2, 3, 4;
INSERT INTO tally
SELECT 1, updated_at / 600000, destination, iif(status = 2 AND attempts - spent > 1, 6, status), count(*),
       max(updated_at), NULL, NULL
  FROM delivery WHERE status = 2 OR (status IN (3, 4) AND code IS NOT NULL) GROUP BY 1, 2, 3, 4;
INSERT INTO kind (source) SELECT DISTINCT source FROM event;
INSERT INTO tally
SELECT 2, received_at / 600000, k.id, 0, count(*), max(received_at), min(seq), max(seq)
  FROM event e JOIN kind k ON k.source = e.source AND k.destination IS NULL GROUP BY 1, 2, 3, 4;
INSERT INTO tally
SELECT 3, 0, d.kind, 0, count(*), max(e.received_at), NULL, NULL
  FROM delivery d JOIN event e ON e.seq = d.event WHERE d.destination > 0 GROUP BY 1, 2, 3;
INSERT INTO tally
SELECT 3, 0, kind, status, count(*), max(updated_at), NULL, NULL
  FROM delivery WHERE status IN (2, 3, 4, 5) GROUP BY 1, 2, 3, 4;
INSERT INTO tally SELECT 4, 0, of, 0, sum(n), max(last_at), NULL, NULL FROM tally WHERE axis = 2 GROUP BY of;
INSERT INTO tally
SELECT 5, ended_at / 3600000, destination, 0, count(*), max(ended_at), NULL, NULL
  FROM attempt WHERE code IS NOT NULL AND ended_at IS NOT NULL GROUP BY 1, 2, 3;
INSERT INTO tally SELECT 6, 0, of, status, sum(n), max(last_at), NULL, NULL FROM tally WHERE axis = 0 GROUP BY 3, 4;

-- Kinds are few, so that each new row goes to the end of a run, on a page that is at hand. What a filter asks for is a number of
-- such runs, each of which holds nothing else.
CREATE INDEX delivery_kind ON delivery (kind, status, event);
CREATE INDEX delivery_error ON delivery (error, kind, status, event) WHERE error IS NOT NULL;
-- By subject, within runs of 32768 events, so that what is written lies on few pages; who searches goes from run to run.
CREATE INDEX event_subject ON event (seq >> 15, subject) WHERE subject IS NOT NULL;
-- What is in trouble, by when it got there. Deliveries that never fail are not in it.
CREATE INDEX delivery_trouble ON delivery (destination, updated_at, status, code, error) WHERE status IN (3, 4);

-- When evt-prune removed the payload.
ALTER TABLE event ADD COLUMN expired_at INTEGER;
