-- What shall become of tokens whose API has its changes staged. The token may not
-- be there yet, so nothing refers to tokens; who removes one removes its draft. No
-- look-up reads this, and so none finds the secrets in it.
CREATE TABLE drafts (
	token_id text COLLATE "C" NOT NULL PRIMARY KEY,
	api      text COLLATE "C" NOT NULL,
	version  bigint           NOT NULL, -- the time of its last change
	draft    jsonb            NOT NULL  -- all the rest
);

CREATE INDEX drafts_of_api ON drafts (api, token_id);

-- Whether changes are drafts first.
ALTER TABLE catalogs ADD COLUMN staged boolean NOT NULL DEFAULT false;
