-- Where the last use came from: an IP address, or empty.
ALTER TABLE last_uses ADD COLUMN address TEXT NOT NULL DEFAULT '';

-- One row per token, UTC day and permission, or grant written out; empty for what
-- has no name.
CREATE TABLE permission_usage (
	token_id   TEXT    NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
	day        INTEGER NOT NULL,
	permission TEXT    NOT NULL,
	allowed    INTEGER NOT NULL,
	refused    INTEGER NOT NULL,
	PRIMARY KEY (token_id, day, permission)
) STRICT, WITHOUT ROWID;

-- All that was done since then is counted in permission_usage. Pruning moves it.
CREATE TABLE usage_retention (
	since INTEGER NOT NULL
) STRICT;

INSERT INTO usage_retention (since) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER));
