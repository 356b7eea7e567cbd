-- SPDX-License-Identifier: MIT
-- Requests that evt-receive turned away: counted, never kept. One row for each source, hour and cause, so that nobody can fill the
-- disk with them: sources that do not exist share the row of ''.

CREATE TABLE refusal (
	hour_at INTEGER NOT NULL, -- when the hour began
	source  TEXT NOT NULL,    -- '': no such source, or the request could not be read so far
	cause   TEXT NOT NULL,    -- signature, timestamp, not-json … (INTAKE_CAUSES)
	count   INTEGER NOT NULL,
	last_at INTEGER NOT NULL,
	status  INTEGER NOT NULL, -- the HTTP status of the last one
	peer    TEXT NOT NULL,    -- who sent the last one
	why     TEXT NOT NULL,    -- what it was told
	sample  TEXT NOT NULL,    -- its request line and headers, without what could be a secret
	PRIMARY KEY (hour_at, source, cause)
) STRICT, WITHOUT ROWID;
