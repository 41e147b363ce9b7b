package postgres

// GrantsToServe are the rights of a role that serves requests and manages
// tokens, but can't change the tables: gateways and the command line work with
// it once the owner of the tables has run `api-tokens migrate`. The owner runs
// these statements, with their own names for the schema and the role.
const GrantsToServe = `GRANT USAGE ON SCHEMA public TO tokenreeve_serve;
GRANT SELECT ON schema_version TO tokenreeve_serve;
GRANT SELECT, INSERT, UPDATE, DELETE ON tokens, secrets, usage, permission_usage, last_uses TO tokenreeve_serve;
GRANT SELECT, INSERT, UPDATE, DELETE ON drafts, accounts, roles, sessions, idempotents TO tokenreeve_serve;
GRANT SELECT, INSERT ON gone_secrets TO tokenreeve_serve;
GRANT SELECT, INSERT, DELETE ON events TO tokenreeve_serve;
GRANT SELECT, UPDATE ON retention, usage_retention TO tokenreeve_serve;
GRANT SELECT, INSERT, UPDATE ON catalogs TO tokenreeve_serve;
GRANT SELECT, INSERT, UPDATE, DELETE ON gateways TO tokenreeve_serve;
GRANT SELECT, INSERT, DELETE ON changes TO tokenreeve_serve;
`

// GrantsToGate are the rights of a role for gateways that only check tokens:
// all changes come from elsewhere.
const GrantsToGate = `GRANT USAGE ON SCHEMA public TO tokenreeve_gate;
GRANT SELECT ON schema_version, tokens, secrets, usage, permission_usage, last_uses, usage_retention, catalogs, gateways, changes TO tokenreeve_gate;
GRANT INSERT, UPDATE, DELETE ON usage, permission_usage, last_uses TO tokenreeve_gate;
GRANT UPDATE ON usage_retention TO tokenreeve_gate;
GRANT INSERT, UPDATE ON catalogs TO tokenreeve_gate;
GRANT INSERT, UPDATE, DELETE ON gateways TO tokenreeve_gate;
`
