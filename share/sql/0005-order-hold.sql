-- SPDX-License-Identifier: MIT
-- Failed deliveries of a subject, for destinations that go no further with a subject until somebody has looked
-- ("order_on_failure": "hold"). Deliveries that never fail are not in it.

CREATE INDEX delivery_failed ON delivery (destination, subject_key, event) WHERE status = 3 AND subject_key IS NOT NULL;
