-- SPDX-License-Identifier: MIT
-- A subject's order is kept for those destinations alone that ask for it. The index that finds the earlier open delivery of a subject is
-- spread by hash: each delivery that came or ended wrote a page of its own, half of all pages that a delivery wrote.

-- 0: no order is kept; 1: all open deliveries are in the index; else those of events from this number on, and the others follow.
ALTER TABLE destination ADD COLUMN ordered INTEGER NOT NULL DEFAULT 0;
-- 1: in the index while it is open.
ALTER TABLE delivery ADD COLUMN ordered INTEGER;

DROP INDEX delivery_order;
CREATE INDEX delivery_order ON delivery (destination, subject_key, event)
 WHERE due_at IS NOT NULL AND subject_key IS NOT NULL AND ordered = 1;
