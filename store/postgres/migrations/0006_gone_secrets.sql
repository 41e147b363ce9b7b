-- Secrets that other systems minted and that ended here: they were replaced, or their
-- tokens deleted. The lists that they came from may have them still, and an import from
-- there must not bring them back. Hints of secrets that were minted here begin with trv_;
-- those are in no such list, and far more.
CREATE TABLE gone_secrets (
	hash bytea NOT NULL PRIMARY KEY CHECK (length(hash) = 32)
);

CREATE FUNCTION secrets_are_remembered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO gone_secrets (hash) VALUES (OLD.hash) ON CONFLICT DO NOTHING;
	RETURN NULL;
END $$;

CREATE TRIGGER secrets_are_remembered AFTER DELETE ON secrets FOR EACH ROW
	WHEN (left(OLD.hint, 4) <> 'trv_') EXECUTE FUNCTION secrets_are_remembered();
