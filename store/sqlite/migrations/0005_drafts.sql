-- What shall become of tokens whose API has its changes staged. The token may not
-- be there yet, so nothing refers to tokens; who removes one removes its draft. No
-- look-up reads this, and so none finds the secrets in it.
CREATE TABLE drafts (
	token_id TEXT    NOT NULL PRIMARY KEY,
	api      TEXT    NOT NULL,
	version  INTEGER NOT NULL, -- the time of its last change
	draft    TEXT    NOT NULL  -- JSON: all the rest
) STRICT;

CREATE INDEX drafts_of_api ON drafts (api, token_id);

-- Whether changes are drafts first: 0 or 1.
ALTER TABLE catalogs ADD COLUMN staged INTEGER NOT NULL DEFAULT 0;
