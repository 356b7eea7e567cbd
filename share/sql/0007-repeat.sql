-- SPDX-License-Identifier: MIT
-- The same payload under another id, where the sender's signature does not cover the id: somebody may have seen a signed body, and posted
-- it again. Events of all other senders have no key, and are not in the index: they are accepted as fast as without it, those with a key at 0.65 of
-- that (tests/bench/journal.c).

ALTER TABLE event ADD COLUMN body_key INTEGER; -- first 64 bits of the digest
ALTER TABLE event ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0; -- how often the payload came again under another id
CREATE INDEX event_body ON event (body_key) WHERE body_key IS NOT NULL;
