-- Where the last use came from: an IP address, or empty.
ALTER TABLE last_uses ADD COLUMN address text NOT NULL DEFAULT '';

-- One row per token, UTC day and permission, or grant written out; empty for what
-- has no name. What 0001 says of usage holds for it.
CREATE TABLE permission_usage (
	token_id   text COLLATE "C" NOT NULL,
	day        bigint           NOT NULL,
	permission text COLLATE "C" NOT NULL,
	allowed    bigint           NOT NULL,
	refused    bigint           NOT NULL,
	PRIMARY KEY (token_id, day, permission)
) WITH (fillfactor = 80);

-- All that was done since then is counted in permission_usage. Pruning moves it.
CREATE TABLE usage_retention (
	since bigint NOT NULL
);

INSERT INTO usage_retention (since) VALUES (ceil(extract(epoch FROM clock_timestamp()) * 1000));
