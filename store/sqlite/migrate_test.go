package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

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

// A migration that fails leaves nothing behind, and the next start repeats it.
func TestMigrationThatFails(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tokens.db"))
	mustAdd(t, s, "ci")
	scripts, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	bad := append(scripts, `DELETE FROM tokens; CREATE TABLE more (x TEXT) STRICT; INSERT INTO nowhere VALUES (1)`)
	if _, err := s.migrateOnce(t.Context(), bad); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("migrating to version %d", len(bad))) {
		t.Error(err)
	}
	mustFind(t, s, "ci")
	good := append(scripts, `CREATE TABLE more (x TEXT) STRICT`)
	for _, want := range []bool{false, true} {
		if done, err := s.migrateOnce(t.Context(), good); done != want || err != nil {
			t.Errorf("done is %v, not %v, %v", done, want, err)
		}
	}
}

// A look-up reads by keys whatever the size of the tables.
func TestLookupScansNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tokens.db"))
	if plan := explain(t, s, lookupSecret, []byte{}); strings.Contains(plan, "SCAN") {
		t.Error(plan)
	}
}

// A throttled sign-in asks which networks the account signed in from. It read all
// that the account ever did: a second for each guess, for one that scripts use.
func TestSignInsAreFoundAmongManyEvents(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tokens.db"))
	query, args := eventsQuery(&store.EventQuery{Actor: "ci", Action: "session.create", Since: now, Limit: 100})
	if plan := explain(t, s, query, args...); !strings.Contains(plan, "(actor=? AND action=?)") || strings.Contains(plan, "B-TREE") {
		t.Error(plan)
	}
}

// explain returns the steps of a query.
func explain(t *testing.T, s *Store, query string, args ...any) string {
	t.Helper()
	rows, err := s.readers.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&plan, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}
