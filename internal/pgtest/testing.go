package pgtest

import (
	"errors"
	"os"
	"sync"
	"testing"
)

// Start starts a server for one test.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := New("")
	needed(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var shared = sync.OnceValues(func() (*Server, error) { return New("") })

// Shared returns the server that all tests of a program share. It ends with the
// program; tests that stop a server start their own.
func Shared(t testing.TB) *Server {
	t.Helper()
	s, err := shared()
	needed(t, err)
	return s
}

// Database makes a new, empty database that is dropped at the end of the test,
// and returns its name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name, err := s.CreateDatabase()
	needed(t, err)
	t.Cleanup(func() {
		if err := s.DropDatabase(name); err != nil && s.running() {
			t.Error(err)
		}
	})
	return name
}

func (s *Server) running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process != nil
}

// Bouncer returns a connection string through PgBouncer, see BouncerDSN.
func (s *Server) Bouncer(t testing.TB, database string) string {
	t.Helper()
	dsn, err := s.BouncerDSN(database)
	needed(t, err)
	return dsn
}

// needed skips a test for want of a program, unless all tests must run.
func needed(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case (errors.Is(err, ErrMissing) || errors.Is(err, ErrNoBouncer)) && os.Getenv("TOKENREEVE_FULL") != "1":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}
