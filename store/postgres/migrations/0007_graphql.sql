-- Where the gates of an API have its GraphQL; null if they have none.
ALTER TABLE catalogs ADD COLUMN graphql jsonb NOT NULL DEFAULT 'null';
