package strapi_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/internal/strapi"
)

// While Strapi writes, nobody can read its file: the import waits for it.
func TestReadWhileStrapiWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	fill(t, "sqlite", path, strings.ReplaceAll(tables(version5, "datetime"), "EXPIRY", "1801398600123"))
	db := lock(t, path)
	read := make(chan error, 1)
	go func() {
		_, err := strapi.Read(t.Context(), path, time.UTC)
		read <- err
	}()
	select { // what waits has nothing to say, however long this takes
	case err := <-read:
		t.Fatalf("it ended while the file was locked: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if _, err := db.ExecContext(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
}

func TestExplain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	fill(t, "sqlite", path, "CREATE TABLE a (b)")
	db := lock(t, path)
	checkExplained(t, path, "its file is locked while Strapi writes to it; try again: database is locked")
	if _, err := db.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	checkExplained(t, path+"?mode=ro", "run this as the user of Strapi, or copy the file together with those of its name with -wal and -shm behind it")
}

// lock keeps everybody else from a SQLite file, as a long transaction of Strapi does.
func lock(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	return db
}

// checkExplained writes to a database, which fails.
func checkExplained(t *testing.T, source, want string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "INSERT INTO a VALUES (1)")
	if err == nil || !strings.Contains(strapi.Explain(err).Error(), want) {
		t.Errorf("got %v; want %s", strapi.Explain(err), want)
	}
}

// A role that may not read the tables is not told that there are none.
func TestReadNeedsSelect(t *testing.T) {
	server := pgtest.Shared(t)
	database := server.Database(t)
	if err := server.CreateRole("reader"); err != nil {
		t.Fatal(err)
	}
	if err := server.Exec(database, `CREATE SCHEMA cms; SET search_path = cms; `+strings.ReplaceAll(tables(version5, "timestamp(6)"), "EXPIRY", "NULL")); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ grant, want string }{
		{"SELECT", "the role may not use its schema"},
		{"GRANT USAGE ON SCHEMA cms TO reader", "the role needs the right to SELECT from this table: ERROR: permission denied for table strapi_api_token_permissions"},
		{"GRANT SELECT ON ALL TABLES IN SCHEMA cms TO reader", ""},
	} {
		if err := server.Exec(database, step.grant); err != nil {
			t.Fatal(err)
		}
		_, err := strapi.Read(t.Context(), server.DSN(database, "reader")+"&search_path=cms", time.UTC)
		if step.want == "" && err != nil || step.want != "" && (err == nil || !strings.Contains(err.Error(), step.want)) {
			t.Errorf("%s: %v", step.grant, err)
		}
	}
}
