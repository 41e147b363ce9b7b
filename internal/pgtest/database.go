package pgtest

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// execTimeout bounds one statement of the tests.
const execTimeout = time.Minute

// Exec runs statements in a database as the superuser.
func (s *Server) Exec(database, statements string) error {
	ctx, cancel := context.WithTimeout(context.Background(), execTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DSN(database, Superuser))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.PgConn().Exec(ctx, statements).ReadAll(); err != nil {
		return fmt.Errorf("%s: %w", statements, err)
	}
	return nil
}

// CreateDatabase makes a new, empty database and returns its name.
func (s *Server) CreateDatabase() (string, error) {
	s.mu.Lock()
	s.counter++
	name := fmt.Sprint("test_", s.counter)
	s.mu.Unlock()
	return name, s.Exec("postgres", "CREATE DATABASE "+name)
}

// DropDatabase removes a database and ends its connections.
func (s *Server) DropDatabase(name string) error {
	return s.Exec("postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

// CreateRole makes a role that may log in, unless it is there.
func (s *Server) CreateRole(name string) error {
	return s.Exec("postgres", fmt.Sprintf(`DO $$ BEGIN
		CREATE ROLE %s LOGIN PASSWORD '%s';
	EXCEPTION WHEN duplicate_object THEN NULL; END $$`, name, Password))
}
