package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
)

// The number in a migration's name is the version that it makes.
func TestMigrationsAreNumbered(t *testing.T) {
	files, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		if want := fmt.Sprintf("%04d_", i+1); !strings.HasPrefix(file.Name(), want) {
			t.Errorf("%s doesn't begin with %s", file.Name(), want)
		}
	}
}

// Both stores have the same tables with the same columns, after each migration.
func TestMigrationsAreTheSameAsOfSQLite(t *testing.T) {
	here, there := shape(t, "migrations"), shape(t, "../sqlite/migrations")
	if !slices.Equal(here, there) {
		t.Errorf("Postgres has\n%s\nSQLite has\n%s", strings.Join(here, "\n"), strings.Join(there, "\n"))
	}
}

var (
	tablePattern  = regexp.MustCompile(`(?ms)^CREATE TABLE (\w+) \(\n(.*?)^\)`)
	columnPattern = regexp.MustCompile(`(?m)^\t([a-z_]+) `)
	alterPattern  = regexp.MustCompile(`(?m)^ALTER TABLE .*(ADD|DROP|RENAME).*;$`)
)

// shape reads the number of each migration, its tables and their columns.
func shape(t *testing.T, folder string) (lines []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.sql"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %d files, %v", folder, len(names), err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		number := filepath.Base(name)[:4]
		for _, table := range tablePattern.FindAllStringSubmatch(string(text), -1) {
			for _, column := range columnPattern.FindAllStringSubmatch(table[2], -1) {
				lines = append(lines, number+" "+table[1]+"."+column[1])
			}
		}
		for _, alter := range alterPattern.FindAllString(string(text), -1) {
			fields := strings.Fields(alter) // ALTER TABLE x ADD COLUMN y
			lines = append(lines, number+" "+strings.Join(fields[:min(6, len(fields))], " "))
		}
	}
	slices.Sort(lines)
	return lines
}

func TestStoresOpenAtOnce(t *testing.T) {
	server := pgtest.Shared(t)
	c := Config{DSN: server.DSN(server.Database(t), pgtest.Superuser)}
	const stores = 8
	ended := make(chan error)
	for i := range stores {
		go func() {
			s, err := Open(t.Context(), c)
			if err == nil {
				err = errors.Join(add(t.Context(), s, fmt.Sprint("store-", i)), s.Close())
			}
			ended <- err
		}()
	}
	for range stores {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	s := open(t, c)
	for i := range stores {
		mustFind(t, s, fmt.Sprint("store-", i))
	}
}

func TestStatusAndMigrate(t *testing.T) {
	server := pgtest.Shared(t)
	c := Config{DSN: server.DSN(server.Database(t), pgtest.Superuser)}
	scripts, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	status := func(want int) {
		t.Helper()
		if got, err := ReadStatus(t.Context(), c); err != nil || got != (Status{want, len(scripts)}) {
			t.Errorf("status is %+v, %v", got, err)
		}
	}
	status(0)
	if tables := query[int](t, c, `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`); tables != 0 {
		t.Errorf("reading the status made %d tables", tables)
	}
	for _, from := range []int{0, len(scripts)} {
		if was, is, err := Migrate(t.Context(), c); err != nil || was != from || is != len(scripts) {
			t.Errorf("migrated from %d to %d, %v", was, is, err)
		}
	}
	status(len(scripts))
	mustAdd(t, open(t, c), "ci")
}

// Of many that migrate at once, one did each step, and nobody says so of another's.
func TestOneMigrates(t *testing.T) {
	server := pgtest.Shared(t)
	c := Config{DSN: server.DSN(server.Database(t), pgtest.Superuser)}
	scripts, err := migrations()
	check(t, err)
	var first, did atomic.Int64
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			from, to, err := Migrate(t.Context(), c)
			if err != nil {
				t.Error(err)
			}
			if from != to {
				did.Add(1)
			}
			if from == 0 {
				first.Add(1)
			}
		})
	}
	running.Wait()
	if first.Load() != 1 || did.Load() > int64(len(scripts)) {
		t.Errorf("%d say that they made the tables, %d that they migrated", first.Load(), did.Load())
	}
}

// A migration takes as long as its context allows, and so does waiting for it;
// limits of the session, stood for here by short ones, don't end it.
func TestLongMigration(t *testing.T) {
	s, c := fresh(t, pgtest.Shared(t))
	scripts, err := migrations()
	check(t, err)
	c.DSN += "&statement_timeout=2000&lock_timeout=2000"
	hasty := open(t, c)
	more := append(slices.Clone(scripts), `SELECT pg_sleep(2.5); CREATE TABLE more (x int)`)
	var running sync.WaitGroup
	for _, pool := range []*pgxpool.Pool{s.changes, hasty.changes, hasty.reads} {
		running.Go(func() {
			if _, to, err := migrateTo(t.Context(), pool, more); err != nil || to != len(more) {
				t.Errorf("to %d, %v", to, err)
			}
		})
	}
	running.Wait()

	blocked, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	holder, err := s.changes.BeginTx(t.Context(), pgx.TxOptions{BeginQuery: migrationLock})
	check(t, err)
	defer holder.Rollback(t.Context())
	_, _, err = migrateTo(blocked, hasty.changes, append(more, `SELECT 1`))
	mustBeAway(t, "a migration whose context ended", err)
}

// The caller's deadline counts, if there is one.
func TestMigrateHasADeadline(t *testing.T) {
	server := pgtest.Shared(t)
	c := Config{DSN: server.DSN(server.Database(t), pgtest.Superuser)}
	for _, given := range []time.Duration{0, time.Hour} {
		ctx := t.Context()
		if given > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, given)
			defer cancel()
		}
		check(t, c.withPool(ctx, func(ctx context.Context, _ *pgxpool.Pool) error {
			end, bounded := ctx.Deadline()
			left, want := time.Until(end).Round(time.Minute/2), max(given, openTimeout)
			if !bounded || left != want {
				t.Errorf("%v are left, not %v", left, want)
			}
			return nil
		}))
	}
}

// A migration that fails leaves nothing behind, and the next start repeats it.
func TestMigrationThatFails(t *testing.T) {
	s, c := fresh(t, pgtest.Shared(t))
	mustAdd(t, s, "ci")
	scripts, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	bad := append(slices.Clone(scripts), `DELETE FROM tokens; CREATE TABLE more (x text); INSERT INTO nowhere VALUES (1)`)
	if _, _, err := migrateTo(t.Context(), s.changes, bad); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("migrating to version %d", len(bad))) {
		t.Error(err)
	}
	mustFind(t, s, "ci")
	good := append(slices.Clone(scripts), `CREATE TABLE more (x text)`)
	for _, from := range []int{len(scripts), len(good)} {
		if was, is, err := migrateTo(t.Context(), s.changes, good); was != from || is != len(good) || err != nil {
			t.Errorf("from %d to %d, %v", was, is, err)
		}
	}
	if _, err := Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("newer Tokenreeve: they have version %d, this one knows %d; upgrade Tokenreeve", len(good), len(scripts))) {
		t.Error(err)
	}
}

// A database that isn't ours is left as it is.
func TestOpenRefuses(t *testing.T) {
	server := pgtest.Shared(t)
	for _, c := range []struct{ name, statements, want string }{
		{"tables of another program", `CREATE TABLE tokens (jwt text); CREATE TABLE usage (x int)`, "tables of another program (tokens, usage)"},
		{"the versions of another program", `CREATE TABLE schema_version (version int)`, "tables of another program (schema_version)"},
		{"a view", `CREATE VIEW secrets AS SELECT 1`, "tables of another program (secrets)"},
		{"no version", `CREATE TABLE schema_version (tokenreeve int)`, "is empty"},
		{"newer version", `CREATE TABLE schema_version (tokenreeve int); INSERT INTO schema_version VALUES (99)`, "newer Tokenreeve: they have version 99, this one knows"},
		{"no schema", `DROP SCHEMA public`, "no schema in the search_path"},
	} {
		t.Run(c.name, func(t *testing.T) {
			database := server.Database(t)
			execute(t, server, database, c.statements)
			config := Config{DSN: server.DSN(database, pgtest.Superuser)}
			const everything = `SELECT coalesce(string_agg(relname || relfilenode, ' ' ORDER BY relname), '') FROM pg_class WHERE relnamespace > 16384 OR relnamespace = 2200`
			before := query[string](t, config, everything)
			s, err := Open(t.Context(), config)
			if err == nil {
				s.Close()
				t.Fatal("it opened")
			}
			if !strings.Contains(err.Error(), c.want) || errors.Is(err, store.ErrUnavailable) {
				t.Error(err)
			}
			if after := query[string](t, config, everything); after != before {
				t.Errorf("tables changed from %s to %s", before, after)
			}
		})
	}
	t.Run("encoding", func(t *testing.T) {
		execute(t, server, "postgres", `CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`)
		t.Cleanup(func() { server.DropDatabase("latin") })
		_, err := Open(t.Context(), Config{DSN: server.DSN("latin", pgtest.Superuser)})
		if err == nil || !strings.Contains(err.Error(), "encoding LATIN1") {
			t.Error(err)
		}
	})
}

// Other schemas of the search path are someone else's.
func TestSchemas(t *testing.T) {
	server := pgtest.Shared(t)
	database := server.Database(t)
	execute(t, server, database, `CREATE TABLE tokens (x int); CREATE SCHEMA "Ours, too"; CREATE SCHEMA theirs`)
	dsn := server.DSN(database, pgtest.Superuser)
	s := open(t, Config{DSN: dsn + `&search_path=%22Ours%2C%20too%22,public`})
	mustAdd(t, s, "ci")
	if other := open(t, inSchema(dsn, "theirs")); other != nil {
		tokens, err := other.Tokens(t.Context(), "")
		if err != nil || len(tokens) != 0 {
			t.Errorf("%d tokens in another schema, %v", len(tokens), err)
		}
	}
	mustFind(t, s, "ci")
}

// A role that may not change tables opens them when they are up to date, and
// says what to do when they aren't.
func TestRoleThatMayNotMigrate(t *testing.T) {
	server := pgtest.Shared(t)
	database := server.Database(t)
	schema := newSchema(t, server, database)
	owner := inSchema(server.DSN(database, pgtest.Superuser), schema)
	if err := server.CreateRole("tokenreeve_serve"); err != nil {
		t.Fatal(err)
	}
	serving := inSchema(server.DSN(database, "tokenreeve_serve"), schema)

	scripts, err := migrations()
	check(t, err)
	newest := strconv.Itoa(len(scripts))
	_, err = Open(t.Context(), serving)
	wantText(t, err, "no schema in the search_path")
	execute(t, server, database, "GRANT USAGE ON SCHEMA "+schema+" TO tokenreeve_serve")
	_, err = Open(t.Context(), serving)
	wantText(t, err, "the tables have version 0, this Tokenreeve needs "+newest+", and the role may not change them; run `api-tokens migrate` with a role that may")

	open(t, owner)
	_, err = Open(t.Context(), serving)
	wantText(t, err, "the role lacks rights")
	s := open(t, granted(t, server, database, schema, GrantsToServe))
	for _, statement := range []string{
		`CREATE TABLE more (x int)`, `ALTER TABLE tokens ADD COLUMN x int`, `DROP TABLE tokens`, `TRUNCATE tokens`,
		`UPDATE schema_version SET tokenreeve = 9`, `UPDATE changes SET revision = 9`,
	} {
		if _, err := s.changes.Exec(t.Context(), statement); code(err) != insufficientRights {
			t.Errorf("%s: %v", statement, err)
		}
	}
	_, _, err = migrateTo(t.Context(), s.changes, append(scripts, `ALTER TABLE tokens ADD COLUMN x int`))
	wantText(t, err, "version "+newest+", this Tokenreeve needs "+strconv.Itoa(len(scripts)+1)+", and the role may not change them; run `api-tokens migrate`")
}

// A read-only session opens tables that are up to date.
func TestOpenReadOnly(t *testing.T) {
	_, c := fresh(t, pgtest.Shared(t))
	c.DSN += "&default_transaction_read_only=on"
	open(t, c)
	empty := Config{DSN: pgtest.Shared(t).DSN(pgtest.Shared(t).Database(t), pgtest.Superuser) + "&default_transaction_read_only=on"}
	_, err := Open(t.Context(), empty)
	wantText(t, err, "run `api-tokens migrate`")
}

func wantText(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, without %q", err, want)
	}
}

// A look-up reads by keys whatever the size of the tables.
func TestLookupScansNothing(t *testing.T) {
	s, _ := fresh(t, pgtest.Shared(t))
	err := s.reads.AcquireFunc(t.Context(), func(conn *pgxpool.Conn) error {
		if _, err := conn.Exec(t.Context(), `SET enable_seqscan = off`); err != nil { // the tables are too small otherwise
			return err
		}
		rows, err := conn.Query(t.Context(), `EXPLAIN `+strings.ReplaceAll(lookupSecret, "$1", `'\x00'`))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var step string
			if err := rows.Scan(&step); err != nil {
				return err
			}
			if strings.Contains(step, "Seq Scan") {
				t.Error(step)
			}
		}
		_, err = conn.Exec(context.WithoutCancel(t.Context()), `RESET enable_seqscan`)
		return errors.Join(rows.Err(), err)
	})
	if err != nil && !strings.Contains(err.Error(), "busy") {
		t.Error(err)
	}
}

// What was there before the tables of version 2 is found like all else.
func TestMigrationOfTokens(t *testing.T) {
	server := pgtest.Shared(t)
	c := Config{DSN: server.DSN(server.Database(t), pgtest.Superuser)}
	scripts, err := migrations()
	check(t, err)
	check(t, c.withPool(t.Context(), func(ctx context.Context, pool *pgxpool.Pool) error {
		if _, _, err := migrateTo(ctx, pool, scripts[:1]); err != nil {
			return err
		}
		_, err := pool.Exec(ctx, `INSERT INTO tokens VALUES ('tok_1', 'articles', 'Ärger', 'für Öl', 'custom', '[]', 'Ünal', true, 'trv_…Ab3d', NULL, 1, 1, 4);
			INSERT INTO tokens VALUES ('tok_2', 'articles', 'unused', '', 'custom', '[]', '', true, 'trv_…', NULL, 1, 1, 1);
			INSERT INTO usage VALUES ('tok_1', 86400000, 3, 1, 86400007), ('tok_1', 172800000, 2, 0, 172800009), ('tok_1', 259200000, 0, 5, 0)`)
		return err
	}))
	s := open(t, c)
	page, err := s.TokenPage(t.Context(), store.TokenQuery{Sort: store.ByLastUsed, Descending: true, Limit: 5})
	if err != nil || len(page.Tokens) != 2 || page.Tokens[0].ID != "tok_1" || page.Tokens[0].LastUsed.UnixMilli() != 172800009 || page.Tokens[0].Version != 4 {
		t.Errorf("%+v, %v", page, err)
	}
	for _, search := range []string{"ÄRGER", "öl", "ünAL", "ab3D"} {
		page, err := s.TokenPage(t.Context(), store.TokenQuery{Search: search, Limit: 5})
		if err != nil || len(page.Tokens) != 1 {
			t.Errorf("%s finds %d, %v", search, len(page.Tokens), err)
		}
	}
	uses, err := s.Usage(t.Context(), "tok_1", time.Time{})
	if err != nil || len(uses) != 3 || uses[0].Allowed != 3 || uses[2].Refused != 5 {
		t.Errorf("%+v, %v", uses, err)
	}
}
