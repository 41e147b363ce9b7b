package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/storetest"
	"github.com/tokenreeve/tokenreeve/token"
)

// patience is how long a test waits for what must happen. It only ever passes
// in a test that fails.
const patience = time.Minute

var now = time.Date(2026, time.November, 3, 14, 15, 16, 0, time.UTC)

func TestMain(m *testing.M) { os.Exit(storetest.RunLeakFree(m)) }

func TestConformance(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	conformance(t, server, server.Database(t), "")
}

// The role that only serves is all that a gateway and the command line need.
func TestConformanceOfServingRole(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	conformance(t, server, server.Database(t), GrantsToServe)
}

// Through a pooler that gives each transaction any connection, polling. It refuses
// a search path, so all tests have the same schema, anew.
func TestConformanceBehindPooler(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	database := server.Database(t)
	c := Config{DSN: server.Bouncer(t, database), Poll: 100 * time.Millisecond}
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		t.Cleanup(func() { execute(t, server, database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public") })
		return subject(t, server, database, "public", c)
	})
}

// conformance runs the suite, each test in a schema of its own, as the owner of
// the tables or as a role with the given rights.
func conformance(t *testing.T, server *pgtest.Server, database, grants string) {
	t.Helper()
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		schema := newSchema(t, server, database)
		owner := inSchema(server.DSN(database, pgtest.Superuser), schema)
		if grants == "" {
			return subject(t, server, database, schema, owner)
		}
		open(t, owner).Close()
		return subject(t, server, database, schema, granted(t, server, database, schema, grants))
	})
}

var schemas atomic.Int64

// newSchema makes a schema, which is quicker than a database.
func newSchema(t testing.TB, server *pgtest.Server, database string) string {
	t.Helper()
	name := fmt.Sprint("schema_", schemas.Add(1))
	execute(t, server, database, "CREATE SCHEMA "+name)
	return name
}

func inSchema(dsn, schema string) Config { return Config{DSN: dsn + "&search_path=" + schema} }

// granted makes a role with the given rights to the tables in a schema.
func granted(t testing.TB, server *pgtest.Server, database, schema, grants string) Config {
	t.Helper()
	role := "tokenreeve_serve"
	if !strings.Contains(grants, role) {
		role = "tokenreeve_gate"
	}
	if err := server.CreateRole(role); err != nil {
		t.Fatal(err)
	}
	execute(t, server, database, "SET search_path = "+schema+"; "+strings.ReplaceAll(grants, "SCHEMA public", "SCHEMA "+schema))
	return inSchema(server.DSN(database, role), schema)
}

func subject(t *testing.T, server *pgtest.Server, database, schema string, c Config) storetest.Subject {
	t.Helper()
	return storetest.Subject{
		Store:  open(t, c),
		Second: func(t *testing.T) store.Store { t.Helper(); return open(t, c) },
		Another: func(t *testing.T) store.Store {
			t.Helper()
			return open(t, inSchema(server.DSN(database, pgtest.Superuser), newSchema(t, server, database)))
		},
		Spoil: func(t *testing.T, id string) {
			t.Helper()
			execute(t, server, database, "UPDATE "+schema+".tokens SET type = 'mighty' WHERE id = '"+id+"'")
			execute(t, server, database, "UPDATE "+schema+`.drafts SET draft = replace(draft::text, '"custom"', '"mighty"')::jsonb WHERE token_id = '`+id+"'")
		},
	}
}

// open opens a store and closes it at the end of the test.
func open(t testing.TB, c Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fresh opens a store in a new database.
func fresh(t testing.TB, server *pgtest.Server) (*Store, Config) {
	t.Helper()
	c := Config{DSN: server.DSN(server.Database(t), pgtest.Superuser)}
	return open(t, c), c
}

// execute does what the contract can't.
func execute(t testing.TB, server *pgtest.Server, database, statement string) {
	t.Helper()
	if err := server.Exec(database, statement); err != nil {
		t.Fatal(err)
	}
}

// query returns the one value that a query has.
func query[T any](t testing.TB, c Config, text string) (value T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), text).Scan(&value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

// add creates a token whose id, name and secret are all the given text.
func add(ctx context.Context, s store.Store, name string) error {
	return s.Change(ctx, func(tx store.Tx) error {
		err := tx.CreateToken(ctx, token.Token{
			ID: name, API: "articles", Name: name, Type: token.ReadOnly, Enabled: true, Created: now, Updated: now,
		})
		if err != nil {
			return err
		}
		return tx.AddSecret(ctx, name, store.Secret{
			Digest: token.Hash(name), Scheme: token.SHA256, Hint: "…" + name[len(name)-1:], Created: now,
		})
	})
}

func mustAdd(t testing.TB, s store.Store, name string) {
	t.Helper()
	if err := add(t.Context(), s, name); err != nil {
		t.Fatal(err)
	}
}

// disable switches a token off.
func disable(ctx context.Context, s store.Store, id string) error {
	return s.Change(ctx, func(tx store.Tx) error {
		t, err := tx.Token(ctx, id)
		if err != nil {
			return err
		}
		t.Enabled = false
		return tx.UpdateToken(ctx, t)
	})
}

func mustFind(t testing.TB, s store.Store, name string) {
	t.Helper()
	found, err := s.Lookup(t.Context(), token.Hash(name))
	if err != nil || found.Token.ID != name {
		t.Fatalf("looking up %s: %q, %v", name, found.Token.ID, err)
	}
}

func mustBeAway(t testing.TB, what string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%s: %v", what, err)
	}
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}
