-- Where the gates of an API have its GraphQL, as JSON; null if they have none.
ALTER TABLE catalogs ADD COLUMN graphql TEXT NOT NULL DEFAULT 'null';
