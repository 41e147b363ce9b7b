-- Names and owners without the difference between upper and lower case, to sort
-- by, and all that is searched in. Filled by the program, whose rules of folding
-- SQLite doesn't know.
ALTER TABLE tokens ADD COLUMN folded_name  TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN folded_owner TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN folded_text  TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN folded_hint  TEXT NOT NULL DEFAULT '';

-- What orders and filters by expiry read: the end of time for never.
ALTER TABLE tokens ADD COLUMN ends INTEGER NOT NULL GENERATED ALWAYS AS (coalesce(expiry, 9223372036854775807)) VIRTUAL;

-- One index per order, and those of filters that may pick few of very many.
CREATE INDEX tokens_by_name    ON tokens (folded_name, id);
CREATE INDEX tokens_by_api     ON tokens (api, id);
CREATE INDEX tokens_by_owner   ON tokens (folded_owner, id);
CREATE INDEX tokens_by_created ON tokens (created, id);
CREATE INDEX tokens_by_expiry  ON tokens (ends, id);
CREATE INDEX tokens_of_owner   ON tokens (owner);

-- When each token was used last: one row for every token, so that an index can
-- sort them, and apart from tokens, since it changes all the time.
CREATE TABLE last_uses (
	token_id  TEXT    NOT NULL PRIMARY KEY REFERENCES tokens (id) ON DELETE CASCADE,
	last_used INTEGER NOT NULL -- 0 for never
) STRICT, WITHOUT ROWID;

INSERT INTO last_uses (token_id, last_used)
	SELECT t.id, coalesce((SELECT max(u.last_used) FROM usage u WHERE u.token_id = t.id), 0) FROM tokens t;

CREATE INDEX last_uses_by_time ON last_uses (last_used, token_id);

CREATE TRIGGER tokens_have_last_uses AFTER INSERT ON tokens BEGIN
	INSERT INTO last_uses (token_id, last_used) VALUES (new.id, 0);
END;

-- One row per token, UTC day and secret; the secret is empty where it isn't known.
CREATE TABLE secret_usage (
	token_id  TEXT    NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
	day       INTEGER NOT NULL,
	secret    BLOB    NOT NULL CHECK (length(secret) IN (0, 32)),
	allowed   INTEGER NOT NULL,
	refused   INTEGER NOT NULL,
	last_used INTEGER NOT NULL, -- 0 for never, so that max() compares
	PRIMARY KEY (token_id, day, secret)
) STRICT, WITHOUT ROWID;

INSERT INTO secret_usage SELECT token_id, day, x'', allowed, refused, last_used FROM usage;
DROP TABLE usage;
ALTER TABLE secret_usage RENAME TO usage;

CREATE TABLE accounts (
	id        TEXT    NOT NULL PRIMARY KEY,
	name      TEXT    NOT NULL UNIQUE,
	role      TEXT    NOT NULL,
	password  TEXT    NOT NULL, -- a hash in PHC form, or empty
	subject   TEXT    UNIQUE,   -- NULL for nobody
	enabled   INTEGER NOT NULL, -- 0 or 1
	created   INTEGER NOT NULL,
	updated   INTEGER NOT NULL,
	signed_in INTEGER,
	version   INTEGER NOT NULL
) STRICT;

-- The next five are scopes of tokens: none, own or all. The lists are JSON arrays
-- of strings, NULL for everything.
CREATE TABLE roles (
	name           TEXT    NOT NULL PRIMARY KEY,
	description    TEXT    NOT NULL,
	may_read       TEXT    NOT NULL,
	may_create     TEXT    NOT NULL,
	may_update     TEXT    NOT NULL,
	may_regenerate TEXT    NOT NULL,
	may_delete     TEXT    NOT NULL,
	accounts       INTEGER NOT NULL, -- 0 or 1
	audit          INTEGER NOT NULL, -- 0 or 1
	apis           TEXT,
	types          TEXT,
	grants         TEXT,
	updated        INTEGER NOT NULL,
	version        INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
	id         TEXT    NOT NULL PRIMARY KEY,
	hash       BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
	account_id TEXT    REFERENCES accounts (id) ON DELETE CASCADE, -- NULL for a set-up link
	method     TEXT    NOT NULL,
	created    INTEGER NOT NULL,
	seen       INTEGER NOT NULL,
	expiry     INTEGER NOT NULL,
	address    TEXT    NOT NULL,
	agent      TEXT    NOT NULL
) STRICT;

CREATE INDEX sessions_of_account ON sessions (account_id);

-- The audit trail. Numbers are never given twice.
CREATE TABLE events (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	time    INTEGER NOT NULL,
	actor   TEXT    NOT NULL,
	via     TEXT    NOT NULL,
	token   TEXT    NOT NULL,
	address TEXT    NOT NULL,
	action  TEXT    NOT NULL,
	subject TEXT    NOT NULL,
	name    TEXT    NOT NULL,
	api     TEXT    NOT NULL,
	owner   TEXT    NOT NULL,
	before  TEXT, -- JSON, as is after
	after   TEXT
) STRICT;

CREATE INDEX events_of_subject ON events (subject, id);
CREATE INDEX events_of_actor   ON events (actor, id);
CREATE INDEX events_of_time    ON events (time);

-- Events are complete since then. Pruning moves it first, and only then may
-- remove what is older; a stray DELETE removes nothing.
CREATE TABLE retention (
	since INTEGER NOT NULL
) STRICT;

INSERT INTO retention (since) VALUES (-9223372036854775808);

CREATE TRIGGER events_stay_as_they_are BEFORE UPDATE ON events BEGIN
	SELECT RAISE(ABORT, 'the audit trail can be added to, not changed');
END;

CREATE TRIGGER events_stay BEFORE DELETE ON events WHEN old.time >= (SELECT since FROM retention) BEGIN
	SELECT RAISE(ABORT, 'the audit trail can be added to, not removed from');
END;

CREATE TRIGGER retention_only_grows BEFORE UPDATE ON retention WHEN new.since < old.since BEGIN
	SELECT RAISE(ABORT, 'what was removed from the audit trail is gone');
END;

CREATE TRIGGER retention_stays BEFORE DELETE ON retention BEGIN
	SELECT RAISE(ABORT, 'the audit trail needs its retention');
END;

-- What was created with an Idempotency-Key.
CREATE TABLE idempotents (
	account_id TEXT    NOT NULL,
	key        BLOB    NOT NULL CHECK (length(key) = 32),
	request    BLOB    NOT NULL CHECK (length(request) = 32),
	token_id   TEXT    NOT NULL,
	created    INTEGER NOT NULL,
	PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
