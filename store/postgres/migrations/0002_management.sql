-- Names and owners without the difference between upper and lower case, to sort
-- by, and all that is searched in. Filled by the program, whose rules of folding
-- are those of all stores.
ALTER TABLE tokens ADD COLUMN folded_name  text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN folded_owner text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN folded_text  text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN folded_hint  text COLLATE "C" NOT NULL DEFAULT '';

-- What orders and filters by expiry read: the end of time for never.
ALTER TABLE tokens ADD COLUMN ends bigint NOT NULL GENERATED ALWAYS AS (coalesce(expiry, 9223372036854775807)) STORED;

-- One index per order, and that of a filter that may pick few of very many.
CREATE INDEX tokens_by_name    ON tokens (folded_name, id);
CREATE INDEX tokens_by_api     ON tokens (api, id);
CREATE INDEX tokens_by_owner   ON tokens (folded_owner, id);
CREATE INDEX tokens_by_created ON tokens (created, id);
CREATE INDEX tokens_by_expiry  ON tokens (ends, id);
CREATE INDEX tokens_of_owner   ON tokens (owner);

-- When each token was used last: one row for every token, so that an index can
-- sort them, and apart from tokens, since it changes all the time. Like usage, it
-- doesn't refer to tokens.
CREATE TABLE last_uses (
	token_id  text COLLATE "C" NOT NULL PRIMARY KEY,
	last_used bigint           NOT NULL -- 0 for never
) WITH (fillfactor = 80);

INSERT INTO last_uses (token_id, last_used)
	SELECT t.id, coalesce((SELECT max(u.last_used) FROM usage u WHERE u.token_id = t.id), 0) FROM tokens t;

CREATE INDEX last_uses_by_time ON last_uses (last_used, token_id);

-- One row per token, UTC day and secret; the secret is empty where it isn't
-- known. What 0001 says of usage holds for it.
CREATE TABLE secret_usage (
	token_id  text COLLATE "C" NOT NULL,
	day       bigint           NOT NULL,
	secret    bytea            NOT NULL CHECK (length(secret) IN (0, 32)),
	allowed   bigint           NOT NULL,
	refused   bigint           NOT NULL,
	last_used bigint           NOT NULL, -- 0 for never
	PRIMARY KEY (token_id, day, secret)
) WITH (fillfactor = 80);

INSERT INTO secret_usage SELECT token_id, day, '', allowed, refused, last_used FROM usage;
DROP TABLE usage;
ALTER TABLE secret_usage RENAME TO usage;

CREATE TABLE accounts (
	id        text COLLATE "C" NOT NULL PRIMARY KEY,
	name      text COLLATE "C" NOT NULL UNIQUE,
	role      text COLLATE "C" NOT NULL,
	password  text             NOT NULL, -- a hash in PHC form, or empty
	subject   text COLLATE "C" UNIQUE,   -- NULL for nobody
	enabled   boolean          NOT NULL,
	created   bigint           NOT NULL,
	updated   bigint           NOT NULL,
	signed_in bigint,
	version   bigint           NOT NULL
);

-- The next five are scopes of tokens: none, own or all. The lists are JSON arrays
-- of strings, NULL for everything.
CREATE TABLE roles (
	name           text COLLATE "C" NOT NULL PRIMARY KEY,
	description    text    NOT NULL,
	may_read       text    NOT NULL,
	may_create     text    NOT NULL,
	may_update     text    NOT NULL,
	may_regenerate text    NOT NULL,
	may_delete     text    NOT NULL,
	accounts       boolean NOT NULL,
	audit          boolean NOT NULL,
	apis           text,
	types          text,
	grants         text,
	updated        bigint  NOT NULL,
	version        bigint  NOT NULL
);

CREATE TABLE sessions (
	id         text COLLATE "C" NOT NULL PRIMARY KEY,
	hash       bytea  NOT NULL UNIQUE CHECK (length(hash) = 32),
	account_id text COLLATE "C" REFERENCES accounts (id) ON DELETE CASCADE, -- NULL for a set-up link
	method     text   NOT NULL,
	created    bigint NOT NULL,
	seen       bigint NOT NULL,
	expiry     bigint NOT NULL,
	address    text   NOT NULL,
	agent      text   NOT NULL
);

CREATE INDEX sessions_of_account ON sessions (account_id);

-- The audit trail. Changes run one after the other, so numbers grow with time.
CREATE TABLE events (
	id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	time    bigint NOT NULL,
	actor   text COLLATE "C" NOT NULL,
	via     text   NOT NULL,
	token   text   NOT NULL,
	address text   NOT NULL,
	action  text   NOT NULL,
	subject text COLLATE "C" NOT NULL,
	name    text   NOT NULL,
	api     text   NOT NULL,
	owner   text   NOT NULL,
	before  text, -- JSON, as is after
	after   text
);

CREATE INDEX events_of_subject ON events (subject, id);
CREATE INDEX events_of_actor   ON events (actor, id);
CREATE INDEX events_of_time    ON events (time);

-- Events are complete since then. Pruning moves it first, and only then may
-- remove what is older; a stray DELETE removes nothing.
CREATE TABLE retention (
	since bigint NOT NULL
);

INSERT INTO retention (since) VALUES (-9223372036854775808);

CREATE FUNCTION events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'DELETE' THEN
		IF OLD.time < (SELECT since FROM retention) THEN
			RETURN OLD;
		END IF;
	END IF;
	RAISE EXCEPTION 'the audit trail can be added to, not changed';
END $$;

CREATE TRIGGER events_stay BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION events_stay();
CREATE TRIGGER events_stay_all BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION events_stay();

CREATE FUNCTION retention_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'UPDATE' THEN
		IF NEW.since >= OLD.since THEN
			RETURN NEW;
		END IF;
	END IF;
	RAISE EXCEPTION 'the audit trail needs its retention';
END $$;

CREATE TRIGGER retention_stays BEFORE UPDATE OR DELETE ON retention FOR EACH ROW EXECUTE FUNCTION retention_stays();
CREATE TRIGGER retention_stays_all BEFORE TRUNCATE ON retention FOR EACH STATEMENT EXECUTE FUNCTION retention_stays();

-- What was created with an Idempotency-Key.
CREATE TABLE idempotents (
	account_id text COLLATE "C" NOT NULL,
	key        bytea  NOT NULL CHECK (length(key) = 32),
	request    bytea  NOT NULL CHECK (length(request) = 32),
	token_id   text   NOT NULL,
	created    bigint NOT NULL,
	PRIMARY KEY (account_id, key)
);
