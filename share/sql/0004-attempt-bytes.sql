-- SPDX-License-Identifier: MIT
-- How much an attempt sent and got: bytes of the bodies. NULL where nobody counted: a program acted, or no outcome was recorded.

ALTER TABLE attempt ADD COLUMN sent_bytes INTEGER;
ALTER TABLE attempt ADD COLUMN received_bytes INTEGER;
