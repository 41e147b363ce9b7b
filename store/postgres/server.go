package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// identities ask a server who it is: its system, which its standbys share, and
// its timeline, which each promotion makes greater. A standby has none of its
// own. The second is for roles and servers that don't tell the system.
var identities = []string{
	`SELECT CASE WHEN pg_is_in_recovery() THEN '' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END,
		(SELECT system_identifier::text FROM pg_control_system())`,
	`SELECT CASE WHEN pg_is_in_recovery() THEN '' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END, ''`,
}

// identity is who a server is; zero where it doesn't say, as other engines don't.
type identity struct {
	system   string
	timeline uint64
}

// servers knows the newest primary that a Store has met. A former one that came
// back, and doesn't know that it was replaced, has tokens that were revoked
// since, and nobody tells it of any change: no connection may be to it.
type servers struct {
	mu     sync.Mutex
	system string            // of the server that was met last
	newest map[string]uint64 // timeline, of each system
	moved  int               // how often another primary was met
	pools  []*pgxpool.Pool
}

func (s *servers) add(pool *pgxpool.Pool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pools = append(s.pools, pool)
}

// reset lets all connections of the pools be made anew.
func (s *servers) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pool := range s.pools {
		pool.Reset()
	}
}

// moves returns a number that is another one after another primary was met.
func (s *servers) moves() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.moved
}

// check refuses a server that was replaced; one that tells nothing, such as a
// standby or another engine, is taken as it is. When it is one that replaced
// another, all connections to that are given up, and followers start anew.
func (s *servers) check(ctx context.Context, conn *pgconn.PgConn) error {
	id, err := identify(ctx, conn)
	if err != nil || id.timeline == 0 {
		return err
	}
	moved, err := s.note(id)
	if moved {
		s.reset()
	}
	return err
}

// note compares a primary with those that were met before.
func (s *servers) note(id identity) (moved bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest == nil {
		s.newest = map[string]uint64{}
	}
	newest := s.newest[id.system]
	if id.timeline < newest {
		return false, fmt.Errorf("the server is an old primary (timeline %d, while there is %d already); fence it, "+
			"or restart Tokenreeve if this is the one to use", id.timeline, newest)
	}
	first := len(s.newest) == 0
	// Another system is a database that was restored or moved, on purpose.
	moved = !first && (id.system != s.system || id.timeline > newest)
	s.system, s.newest[id.system] = id.system, id.timeline
	if moved {
		s.moved++
	}
	return moved, nil
}

// identify asks a server who it is.
func identify(ctx context.Context, conn *pgconn.PgConn) (identity, error) {
	for _, query := range identities {
		results, err := conn.Exec(ctx, query).ReadAll()
		if err == nil {
			row := results[0].Rows[0]
			timeline, _ := strconv.ParseUint(string(row[0]), 16, 64) // 0 of a standby
			return identity{system: string(row[1]), timeline: timeline}, nil
		}
		if !isUnsupported(err) {
			return identity{}, err
		}
	}
	return identity{}, nil
}

// isUnsupported reports whether a server lacks a function, or the role the right
// to call it.
func isUnsupported(err error) bool {
	pgErr, answered := errors.AsType[*pgconn.PgError](err)
	if !answered || pgErr.Severity == "FATAL" {
		return false
	}
	switch pgErr.Code[:min(2, len(pgErr.Code))] {
	case "42", "0A", "55": // undefined or no right, not supported, not in this state
		return true
	}
	return false
}
