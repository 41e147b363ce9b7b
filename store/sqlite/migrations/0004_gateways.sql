-- Which gateways are there: one row for each process and API that it protects.
CREATE TABLE gateways (
	id          TEXT    NOT NULL, -- of the process; random
	api         TEXT    NOT NULL,
	name        TEXT    NOT NULL, -- of its machine
	version     TEXT    NOT NULL,
	fingerprint TEXT    NOT NULL, -- of its catalog
	started     INTEGER NOT NULL,
	seen        INTEGER NOT NULL,
	PRIMARY KEY (id, api)
) STRICT, WITHOUT ROWID;
