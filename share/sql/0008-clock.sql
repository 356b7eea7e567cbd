-- SPDX-License-Identifier: MIT
-- A clock that is set back must not make anything wait for so much longer.

-- The latest time at which anything was claimed, started or ended for it; one that lies ahead tells that the clock has been set back.
ALTER TABLE destination ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
-- Then its open deliveries are looked through, those due last first: those due until here are left. 0: there is nothing to be done.
ALTER TABLE destination ADD COLUMN mending INTEGER NOT NULL DEFAULT 0;
