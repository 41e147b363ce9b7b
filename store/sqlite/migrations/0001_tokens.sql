-- Times are unix milliseconds, NULL for never. Texts compare byte by byte.

CREATE TABLE tokens (
	id          TEXT    NOT NULL PRIMARY KEY,
	api         TEXT    NOT NULL,
	name        TEXT    NOT NULL,
	description TEXT    NOT NULL,
	type        TEXT    NOT NULL,
	grants      TEXT    NOT NULL, -- a JSON array of strings
	owner       TEXT    NOT NULL,
	enabled     INTEGER NOT NULL, -- 0 or 1
	hint        TEXT    NOT NULL,
	expiry      INTEGER,
	created     INTEGER NOT NULL,
	updated     INTEGER NOT NULL,
	version     INTEGER NOT NULL,
	UNIQUE (api, name)
) STRICT;

CREATE TABLE secrets (
	hash     BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
	scheme   TEXT    NOT NULL, -- how hash is computed
	hint     TEXT    NOT NULL,
	token_id TEXT    NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
	created  INTEGER NOT NULL,
	expiry   INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX secrets_of_token ON secrets (token_id);

-- One row per token and UTC day; day is its midnight.
CREATE TABLE usage (
	token_id  TEXT    NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
	day       INTEGER NOT NULL,
	allowed   INTEGER NOT NULL,
	refused   INTEGER NOT NULL,
	last_used INTEGER NOT NULL, -- 0 for never, so that max() compares
	PRIMARY KEY (token_id, day)
) STRICT, WITHOUT ROWID;

-- Makes a token's newest last_used one step, however many days it has.
CREATE INDEX usage_last ON usage (token_id, last_used);

CREATE TABLE catalogs (
	api         TEXT    NOT NULL PRIMARY KEY,
	permissions TEXT    NOT NULL, -- a JSON array
	updated     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What other processes must forget, newest last; old rows are pruned. Numbers
-- have no gaps, and the row that a process read last tells whether it missed any.
CREATE TABLE changes (
	revision INTEGER PRIMARY KEY AUTOINCREMENT,
	hash     BLOB -- of a secret whose token changed; NULL for all
) STRICT;

INSERT INTO changes (hash) VALUES (NULL);
