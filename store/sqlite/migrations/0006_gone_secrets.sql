-- Secrets that other systems minted and that ended here: they were replaced, or their
-- tokens deleted. The lists that they came from may have them still, and an import from
-- there must not bring them back. Hints of secrets that were minted here begin with trv_;
-- those are in no such list, and far more.
CREATE TABLE gone_secrets (
	hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER secrets_are_remembered AFTER DELETE ON secrets WHEN substr(old.hint, 1, 4) <> 'trv_' BEGIN
	INSERT INTO gone_secrets (hash) VALUES (old.hash) ON CONFLICT DO NOTHING;
END;
