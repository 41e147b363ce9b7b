package postgres

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// A primary that failed over comes back and doesn't know it: it has tokens that
// were revoked since. It is the first of the connection string.
func TestOldPrimaryIsRefused(t *testing.T) {
	t.Parallel()
	for name, poll := range map[string]time.Duration{"listening": 0, "polling": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, next, s := twoServers(t, poll)
			told := listen(t, s)
			check(t, old.Kill())
			check(t, next.Promote())
			eventually(t, "everything is told", told.all)
			eventually(t, "the token is revoked", func() bool { return disable(t.Context(), s, "ci") == nil })

			check(t, old.Start())
			for range 20 {
				for _, pool := range s.pools() {
					pool.Reset()
				}
				mustBeDisabled(t, s)
			}
			told.forget()
			check(t, next.Kill())
			eventually(t, "it is the only one left", func() bool {
				_, err := s.Lookup(t.Context(), token.Hash("ci"))
				if err == nil {
					t.Fatal("the old primary answered")
				}
				return strings.Contains(err.Error(), "old primary (timeline 1, while there is 2 already); fence it") && errors.Is(err, store.ErrUnavailable)
			})
			eventually(t, "Watch says that it hears nothing", func() bool {
				return told.has(func(c store.Changed) bool {
					return c.Lost != nil && errors.Is(c.Lost, store.ErrUnavailable)
				})
			})
			if told.all() {
				t.Error("it follows the old primary")
			}
			check(t, next.Start())
			eventually(t, "everything is told again", told.all)
			mustBeDisabled(t, s)
		})
	}
}

// Connections to a primary that lives on end when one that replaced it is met.
func TestReplacedPrimaryIsLeft(t *testing.T) {
	t.Parallel()
	old, next, s := twoServers(t, 0)
	told := listen(t, s)
	check(t, next.Promote()) // nobody fences the old one
	other := open(t, Config{DSN: next.DSN("tokens", pgtest.Superuser)})
	check(t, disable(t.Context(), other, "ci"))
	mustFind(t, s, "ci") // of the old one
	told.forget()
	if err := s.settings.servers.check(t.Context(), connTo(t, other)); err != nil {
		t.Fatal(err) // as any new connection to it would
	}
	check(t, old.Exec("tokens", "SELECT 1"))
	mustBeDisabled(t, s)
	eventually(t, "everything is told", told.all)
}

// Servers are told apart by roles that may only serve, too.
func TestIdentity(t *testing.T) {
	server := pgtest.Shared(t)
	database := server.Database(t)
	open(t, Config{DSN: server.DSN(database, pgtest.Superuser)})
	c := granted(t, server, database, "public", GrantsToServe)
	whole, err := identify(t.Context(), connTo(t, open(t, c)))
	if err != nil || whole.timeline != 1 || whole.system == "" {
		t.Errorf("%+v, %v", whole, err)
	}
	execute(t, server, database, `REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC`)
	part, err := identify(t.Context(), connTo(t, open(t, c)))
	if err != nil || part != (identity{timeline: 1}) {
		t.Errorf("without rights: %+v, %v", part, err)
	}
	execute(t, server, database, `REVOKE EXECUTE ON FUNCTION pg_current_wal_lsn() FROM PUBLIC`)
	nothing, err := identify(t.Context(), connTo(t, open(t, c)))
	if err != nil || nothing != (identity{}) {
		t.Errorf("of an engine that has none: %+v, %v", nothing, err)
	}
}

func TestServersAreCompared(t *testing.T) {
	var s servers
	for i, c := range []struct {
		id             identity
		moved, refused bool
	}{
		{identity{"a", 2}, false, false},
		{identity{"a", 2}, false, false},
		{identity{"a", 1}, false, true},
		{identity{"a", 3}, true, false},
		{identity{"b", 1}, true, false}, // restored elsewhere
		{identity{"b", 1}, false, false},
		{identity{"a", 2}, false, true},
		{identity{"a", 3}, true, false},
	} {
		moved, err := s.note(c.id)
		if moved != c.moved || (err != nil) != c.refused {
			t.Errorf("%d: moved is %v, %v", i, moved, err)
		}
	}
	if s.moves() != 3 {
		t.Errorf("%d moves", s.moves())
	}
}

// twoServers returns a primary and its standby, and a store on whichever of them
// is the primary, with one token.
func twoServers(t *testing.T, poll time.Duration) (primary, standby *pgtest.Server, s *Store) {
	t.Helper()
	primary = pgtest.Start(t)
	check(t, primary.Exec("postgres", "CREATE DATABASE tokens"))
	standby = primary.Standby(t)
	dsn := primary.DSN("tokens", pgtest.Superuser)
	both := strings.Replace(dsn, primary.Addr(), primary.Addr()+","+standby.Addr(), 1)
	s = open(t, Config{DSN: both, Poll: poll})
	mustAdd(t, s, "ci")
	copied := Config{DSN: standby.DSN("tokens", pgtest.Superuser)}
	eventually(t, "the standby has the token", func() bool {
		return query[int](t, copied, `SELECT count(*) FROM pg_tables WHERE tablename = 'tokens'`) == 1 &&
			query[int](t, copied, `SELECT count(*) FROM tokens`) == 1
	})
	return primary, standby, s
}

func mustBeDisabled(t *testing.T, s *Store) {
	t.Helper()
	found, err := s.Lookup(t.Context(), token.Hash("ci"))
	if err != nil || found.Token.Enabled {
		t.Fatalf("the revoked token is let in: %+v, %v", found.Token, err)
	}
}

// connTo returns a connection of a store, until the end of the test.
func connTo(t *testing.T, s *Store) *pgconn.PgConn {
	t.Helper()
	conn, err := s.reads.Acquire(t.Context())
	check(t, err)
	t.Cleanup(conn.Release)
	return conn.Conn().PgConn()
}
