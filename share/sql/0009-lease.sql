-- SPDX-License-Identifier: MIT
-- A clock that is set forward must not end the lease of a request that is under way.

-- started_at on the clock that nobody sets (milliseconds since the machine started): the lease has not ended before as much of that has
-- passed. NULL: nothing is known of it.
ALTER TABLE delivery ADD COLUMN started_tick INTEGER;
