package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/tokenreeve/tokenreeve/internal/porttest"
)

// Standby starts a server for one test that follows this one, until Promote.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	standby, err := s.newStandby()
	needed(t, err)
	t.Cleanup(func() {
		if err := standby.Close(); err != nil {
			t.Error(err)
		}
	})
	return standby
}

func (s *Server) newStandby() (*Server, error) {
	dir, err := serverFolder("")
	if err != nil {
		return nil, err
	}
	standby := &Server{dir: dir, bin: s.bin}
	if standby.guard, err = startGuard(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if standby.port, err = porttest.Free(porttest.Postgres); err == nil {
		err = standby.copyFrom(s)
	}
	if err == nil {
		err = standby.Start()
	}
	if err != nil {
		return nil, errors.Join(err, standby.Close())
	}
	return standby, nil
}

// copyFrom copies the data of a running server, which this one is to follow.
func (s *Server) copyFrom(primary *Server) error {
	command := s.command(filepath.Join(s.bin, "pg_basebackup"), "--pgdata", s.data(), "--write-recovery-conf",
		"--wal-method", "stream", "--checkpoint", "fast", "--no-sync",
		"--host", primary.dir, "--port", strconv.Itoa(primary.port), "--username", Superuser)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	conf, err := os.OpenFile(filepath.Join(s.data(), "postgresql.auto.conf"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(conf, "port = %d\nunix_socket_directories = '%s'\n", s.port, s.dir) // the last ones count
	return errors.Join(err, conf.Close())
}

// Promote makes a standby a primary, whatever became of the one that it followed.
func (s *Server) Promote() error { return s.Exec("postgres", "SELECT pg_promote()") }
