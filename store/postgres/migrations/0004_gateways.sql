-- Which gateways are there: one row for each process and API that it protects.
-- It changes all the time, and no index has what changes.
CREATE TABLE gateways (
	id          text COLLATE "C" NOT NULL, -- of the process; random
	api         text COLLATE "C" NOT NULL,
	name        text COLLATE "C" NOT NULL, -- of its machine
	version     text             NOT NULL,
	fingerprint text             NOT NULL, -- of its catalog
	started     bigint           NOT NULL,
	seen        bigint           NOT NULL, -- by the clock of the database
	PRIMARY KEY (id, api)
) WITH (fillfactor = 80);
