-- Times are unix milliseconds, NULL for never. Texts compare byte by byte.
-- Names of tables and columns are those of the SQLite store.

CREATE TABLE tokens (
	id          text COLLATE "C" NOT NULL PRIMARY KEY,
	api         text COLLATE "C" NOT NULL,
	name        text COLLATE "C" NOT NULL,
	description text             NOT NULL,
	type        text             NOT NULL,
	grants      jsonb            NOT NULL, -- an array of strings
	owner       text COLLATE "C" NOT NULL,
	enabled     boolean          NOT NULL,
	hint        text             NOT NULL,
	expiry      bigint,
	created     bigint           NOT NULL,
	updated     bigint           NOT NULL,
	version     bigint           NOT NULL,
	UNIQUE (api, name)
);

CREATE TABLE secrets (
	hash     bytea            NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
	scheme   text             NOT NULL, -- how hash is computed
	hint     text             NOT NULL,
	token_id text COLLATE "C" NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
	created  bigint           NOT NULL,
	expiry   bigint
);

CREATE INDEX secrets_of_token ON secrets (token_id);

-- One row per token and UTC day; day is its midnight. It doesn't refer to
-- tokens: a flush would lock their rows, and changes would wait for it. Rows
-- whose token is gone are not read, and pruned. No index has what a flush
-- changes, which makes its updates cheap.
CREATE TABLE usage (
	token_id  text COLLATE "C" NOT NULL,
	day       bigint           NOT NULL,
	allowed   bigint           NOT NULL,
	refused   bigint           NOT NULL,
	last_used bigint           NOT NULL, -- 0 for never
	PRIMARY KEY (token_id, day)
) WITH (fillfactor = 80);

CREATE TABLE catalogs (
	api         text COLLATE "C" NOT NULL PRIMARY KEY,
	permissions jsonb            NOT NULL, -- an array
	updated     bigint           NOT NULL
);

-- What other processes must forget, newest last; old rows are pruned. Numbers
-- have no gaps, and the row that a process read last tells whether it missed any.
CREATE TABLE changes (
	revision bigint NOT NULL PRIMARY KEY,
	hash     bytea CHECK (length(hash) = 32) -- of a secret whose token changed; NULL for all
);

INSERT INTO changes (revision) VALUES (1);
