package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// fillIns are run after the scripts of some versions, in their transactions.
var fillIns = map[int]func(context.Context, pgx.Tx) error{2: foldTokens}

// migrations returns the scripts in order; the first makes version 1.
func migrations() ([]string, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	scripts := make([]string, len(names))
	for i, name := range names {
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		scripts[i] = string(text)
	}
	return scripts, nil
}

// Status is the version of the tables, and the one that this program needs.
type Status struct{ Version, Needed int }

// ReadStatus returns the version of the tables, 0 if there are none, and
// changes nothing.
func ReadStatus(ctx context.Context, c Config) (Status, error) {
	var status Status
	err := c.withPool(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		scripts, err := migrations()
		if err != nil {
			return err
		}
		version, err := readVersion(ctx, pool)
		status = Status{Version: version, Needed: len(scripts)}
		return err
	})
	return status, err
}

// Migrate brings the tables to the newest version and returns which they had
// and have. Many may do so at once; those that waited for another find its
// work. It takes as long as the context allows, or half a minute.
func Migrate(ctx context.Context, c Config) (from, to int, err error) {
	err = c.withPool(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		from, to, err = migrate(ctx, pool)
		return err
	})
	return from, to, err
}

// withPool runs do with a pool of one connection.
func (c Config) withPool(ctx context.Context, do func(context.Context, *pgxpool.Pool) error) error {
	settings, err := c.parse()
	if err != nil {
		return err
	}
	settings.pool.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(ctx, settings.pool)
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, openTimeout)
		defer cancel()
	}
	return do(ctx, pool)
}

// migrate brings the tables to the newest version, one transaction each.
func migrate(ctx context.Context, pool *pgxpool.Pool) (from, to int, err error) {
	scripts, err := migrations()
	if err != nil {
		return 0, 0, err
	}
	return migrateTo(ctx, pool, scripts)
}

func migrateTo(ctx context.Context, pool *pgxpool.Pool, scripts []string) (from, to int, err error) {
	if from, err = readVersion(ctx, pool); err != nil {
		return 0, 0, err
	}
	to = from
	for first := true; to < len(scripts); first = false {
		was, is, err := migrateOnce(ctx, pool, scripts)
		if c := code(err); c == insufficientRights || c == readOnlyTransaction {
			return from, to, fmt.Errorf("the tables have version %d, this Tokenreeve needs %d, and the role may not change them; run `api-tokens migrate` with a role that may: %w", to, len(scripts), err)
		}
		if err != nil {
			return from, to, fmt.Errorf("migrating to version %d: %w", to+1, failure(ctx, err))
		}
		if first {
			from = was // another may have migrated while this one waited
		}
		to = is
	}
	if to > len(scripts) {
		return to, to, fmt.Errorf("the tables have been used by a newer Tokenreeve: they have version %d, this one knows %d; upgrade Tokenreeve or use another database", to, len(scripts))
	}
	return from, to, nil
}

// migrationLock is a number that nobody else has for advisory locks: "TRVMIGRA".
// Who waits for it does so until its context ends, and a migration may take long;
// only for the tables it waits briefly, since look-ups wait behind it.
const migrationLock = `BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
	SELECT pg_advisory_xact_lock(x'5452564d49475241'::bigint);
	SET LOCAL lock_timeout = '10s'`

// migrateOnce runs the next migration, unless another process has, and returns
// the versions that the tables had and have.
func migrateOnce(ctx context.Context, pool *pgxpool.Pool, scripts []string) (was, is int, err error) {
	tx, err := pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: migrationLock})
	if err != nil {
		return 0, 0, err
	}
	defer rollBack(tx)
	if was, err = readVersion(ctx, tx); err != nil || was >= len(scripts) {
		return was, was, err
	}
	if err := runMigration(ctx, tx, was, scripts[was]); err != nil {
		return was, was, err
	}
	return was, was + 1, tx.Commit(ctx)
}

// runMigration runs the script that follows a version.
func runMigration(ctx context.Context, tx pgx.Tx, version int, script string) error {
	if version == 0 {
		const versions = `CREATE TABLE schema_version (
			tokenreeve integer NOT NULL, -- the version; the column's name says whose it is
			single     boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (single)
		); INSERT INTO schema_version (tokenreeve) VALUES (0)`
		if _, err := tx.Exec(ctx, versions); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, script); err != nil {
		return err
	}
	if fill := fillIns[version+1]; fill != nil {
		if err := fill(ctx, tx); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `UPDATE schema_version SET tokenreeve = $1`, version+1)
	return err
}

// schemaFacts says where the tables are or would be. Other schemas of the
// search_path don't count: their tables are someone else's.
const schemaFacts = `SELECT current_database()::text, coalesce(current_schema()::text, ''), current_setting('server_encoding'),
	EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.version AND a.attname = 'tokenreeve'),
	coalesce((SELECT string_agg(o.relname, ', ' ORDER BY o.relname) FROM pg_class o WHERE o.relnamespace = c.namespace
		AND o.relname IN ('schema_version', 'tokens', 'secrets', 'usage', 'permission_usage', 'last_uses', 'catalogs', 'changes',
			'accounts', 'roles', 'sessions', 'events', 'retention', 'usage_retention', 'idempotents', 'gateways', 'drafts', 'gone_secrets')), '')
	FROM (SELECT n.oid AS namespace, v.oid AS version FROM (SELECT current_schema() AS name) s
		LEFT JOIN pg_namespace n ON n.nspname = s.name
		LEFT JOIN pg_class v ON v.relnamespace = n.oid AND v.relname = 'schema_version') c`

// readVersion returns the version of the tables, 0 if there are none, and an
// error for tables of another program.
func readVersion(ctx context.Context, db queryer) (version int, err error) {
	var database, schema, encoding, present string
	var ours bool
	if err := db.QueryRow(ctx, schemaFacts).Scan(&database, &schema, &encoding, &ours, &present); err != nil {
		return 0, failure(ctx, err)
	}
	switch {
	case encoding != "UTF8":
		return 0, fmt.Errorf("database %q has the encoding %s, which can't have every name; make one with CREATE DATABASE … ENCODING 'UTF8'", database, encoding)
	case schema == "":
		return 0, fmt.Errorf("no schema in the search_path of database %q exists for this role; create it and GRANT USAGE on it, or set search_path in the connection string", database)
	case !ours && present != "":
		return 0, fmt.Errorf("schema %q of database %q has tables of another program (%s); use another database, or another schema with search_path in the connection string", schema, database, present)
	case !ours:
		return 0, nil
	}
	err = db.QueryRow(ctx, `SELECT tokenreeve FROM schema_version`).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("table schema_version in schema %q of database %q is empty; bring its row back from a backup", schema, database)
	}
	return version, failure(ctx, err)
}
