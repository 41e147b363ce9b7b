package strapi_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/internal/strapi"
)

// tables are those of a version, with what it has of the columns. Strapi's query
// builder (knex) makes these types of its own in both databases.
func tables(link, moment string) string {
	return `CREATE TABLE strapi_api_tokens (id integer PRIMARY KEY, name varchar(255), description varchar(255),
			type varchar(255), access_key varchar(255), last_used_at ` + moment + `, expires_at ` + moment + `, lifespan bigint,
			created_at ` + moment + `, updated_at ` + moment + `, created_by_id integer);
		CREATE TABLE strapi_api_token_permissions (id integer PRIMARY KEY, action varchar(255));
		CREATE TABLE ` + link + ` (id integer PRIMARY KEY, api_token_permission_id integer, api_token_id integer);
		INSERT INTO strapi_api_token_permissions (id, action) VALUES (1, 'api::article.article.find'), (2, 'api::article.article.create'), (3, 'api::page.page.find');
		INSERT INTO ` + link + ` (id, api_token_permission_id, api_token_id) VALUES (1, 1, 2), (2, 2, 2), (3, 3, 3);
		INSERT INTO strapi_api_tokens (id, name, description, type, access_key, expires_at) VALUES
			(1, 'site', NULL, 'read-only', 'aa', NULL),
			(2, 'editor', 'of the editors', 'custom', 'bb', EXPIRY),
			(3, 'pages', '', 'custom', 'cc', NULL);`
}

const (
	version4 = "strapi_api_token_permissions_token_links"
	version5 = "strapi_api_token_permissions_token_lnk"
)

var expiry = time.Date(2027, 1, 31, 12, 30, 0, 123e6, time.UTC)

var want = []admin.StrapiToken{
	{Name: "editor", Description: "of the editors", Type: "custom", Hash: "bb", Expiry: expiry, Actions: []string{"api::article.article.create", "api::article.article.find"}},
	{Name: "pages", Type: "custom", Hash: "cc", Actions: []string{"api::page.page.find"}},
	{Name: "site", Type: "read-only", Hash: "aa"},
}

func fill(t *testing.T, driver, source, statements string) {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRead(t *testing.T) {
	server := pgtest.Shared(t)
	database := server.Database(t)
	for name, link := range map[string]string{"4": version4, "5": version5} {
		t.Run("SQLite, version "+name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data #1.db")
			fill(t, "sqlite", path, strings.ReplaceAll(tables(link, "datetime"), "EXPIRY", "1801398600123"))
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			check(t, path)
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("the file was written to: %v", err)
			}
		})
		t.Run("Postgres, version "+name, func(t *testing.T) {
			schema := "v" + name
			dsn := server.DSN(database, pgtest.Superuser)
			fill(t, "pgx", dsn, "CREATE SCHEMA "+schema+"; SET search_path = "+schema+"; "+
				strings.ReplaceAll(tables(link, "timestamp(6)"), "EXPIRY", "'2027-01-31 12:30:00.123'"))
			if _, err := strapi.Read(t.Context(), dsn, time.UTC); !errors.Is(err, strapi.ErrNotStrapi) {
				t.Errorf("of another schema: %v", err)
			}
			check(t, dsn+"&search_path="+schema)
		})
	}
}

func check(t *testing.T, source string) {
	t.Helper()
	got, err := strapi.Read(t.Context(), source, time.UTC)
	if err != nil || !reflect.DeepEqual(got.Tokens, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

// A database without the table that says what tokens may do is not taken for one
// in which they may do nothing.
func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	fill(t, "sqlite", filepath.Join(dir, "unlinked.db"), "CREATE TABLE strapi_api_tokens (id integer); CREATE TABLE strapi_api_token_permissions (id integer)")
	if _, err := strapi.Read(t.Context(), filepath.Join(dir, "unlinked.db"), time.UTC); err == nil || !strings.Contains(err.Error(), version5) {
		t.Errorf("got %v", err)
	}
	if _, err := strapi.Read(t.Context(), filepath.Join(dir, "none.db"), time.UTC); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "none.db")); err == nil {
		t.Error("a file was made")
	}
}

// What is the address of another database may have a password in it, which nothing
// repeats.
func TestReadRefusesOtherDatabases(t *testing.T) {
	for _, source := range []string{
		"mysql://strapi:very-secret@localhost/strapi", "mysql://localhost/strapi", "mysql:/strapi:very-secret@localhost/strapi", "strapi:very-secret@tcp(localhost)/strapi",
		"server=localhost;password=very-secret", "Postgres://strapi:very-secret@localhost/strapi", "//strapi:very-secret@localhost/strapi",
	} {
		_, err := strapi.Read(t.Context(), source, time.UTC)
		if err == nil || strings.Contains(err.Error(), "very-secret") || !strings.Contains(err.Error(), "hmac-sha512") || !strings.Contains(err.Error(), "postgres://") {
			t.Errorf("%s: %v", source, err)
		}
	}
	path := filepath.Join(t.TempDir(), "a:b=c@d.db")
	fill(t, "sqlite", path, strings.ReplaceAll(tables(version5, "datetime"), "EXPIRY", "1801398600123"))
	check(t, path)
	check(t, "sqlite:"+path)
}
