package docstest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store/postgres"
)

// The marks of pages that have a Postgres server: an empty one, or one with the
// roles, the database and the tables that docs/operations.md makes.
const (
	emptyPostgres  = "<!-- test: postgres -->"
	filledPostgres = "<!-- test: postgres tokens -->"
)

// startPostgres starts a server for a page that asks for one, and returns the
// variables that lead there.
func startPostgres(t *testing.T, text string) []string {
	t.Helper()
	filled := strings.Contains(text, filledPostgres)
	if !filled && !strings.Contains(text, emptyPostgres) {
		return nil
	}
	server := pgtest.Start(t)
	urls := postgresURLs(server)
	if filled {
		fill(t, server, strings.TrimPrefix(urls[1], "OWNER_URL="))
	}
	return urls
}

func fill(t *testing.T, server *pgtest.Server, owner string) {
	t.Helper()
	for _, statement := range []string{
		"CREATE ROLE tokenreeve_owner LOGIN PASSWORD 'change-me'", "CREATE ROLE tokenreeve_serve LOGIN PASSWORD 'change-me'",
		"CREATE DATABASE tokens OWNER tokenreeve_owner",
	} {
		if err := server.Exec("postgres", statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := postgres.Migrate(t.Context(), postgres.Config{DSN: owner}); err != nil {
		t.Fatal(err)
	}
	if err := server.Exec("tokens", postgres.GrantsToServe); err != nil {
		t.Fatal(err)
	}
}

// postgresURLs are the variables that lead to a server: for its administrator,
// for the owner of the tables, and for gateways. The latter two, their password
// and the database are what a page makes.
func postgresURLs(s *pgtest.Server) []string {
	url := func(role string) string {
		return fmt.Sprintf("postgres://%s:change-me@%s/tokens?sslmode=disable", role, s.Addr())
	}
	return []string{
		"ADMIN_URL=" + s.DSN("postgres", pgtest.Superuser),
		"OWNER_URL=" + url("tokenreeve_owner"), "DATABASE_URL=" + url("tokenreeve_serve"),
	}
}

// runSQL runs statements as psql does, with the URL in a variable.
func (p *page) runSQL(variable, statements string) error {
	path := filepath.Join(p.dir, "statements.sql")
	if err := os.WriteFile(path, []byte(statements), 0o600); err != nil {
		return err
	}
	output, code, err := p.shell.do(fmt.Sprintf("psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --file=%s \"$%s\"\n", path, variable))
	if err == nil && code != 0 {
		err = fmt.Errorf("psql ended with code %d:\n%s", code, output)
	}
	return err
}

// The page has the rights of the roles as the driver's own tests use them.
func TestGrantsAreDocumented(t *testing.T) {
	prose := readFile(t, "docs/operations.md")
	for _, grants := range []string{postgres.GrantsToServe, postgres.GrantsToGate} {
		if !strings.Contains(prose, grants) {
			t.Errorf("docs/operations.md does not have\n%s", grants)
		}
	}
}
