package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	driver "modernc.org/sqlite"
)

// role is what the connections of a pool are for.
type role struct {
	connections int
	query       url.Values
}

const (
	// busyPatience is how long a write waits for another process at most. The
	// writer's busy_timeout is shorter, because SQLite can't be interrupted
	// while it waits, and contexts must be honoured.
	busyPatience = 10 * time.Second
	// busyPause lies between two attempts, since SQLite doesn't wait at all
	// where it fears a deadlock, as when several turn the write-ahead log on.
	busyPause = 5 * time.Millisecond
)

var (
	// writing is for everything that changes. FULL, since with NORMAL a loss of
	// power can undo a revocation (rule 18).
	writing = role{1, url.Values{
		"mode":    {"rw"}, // never create: createFile has done so
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(250)", "foreign_keys(1)", "synchronous(FULL)", "trusted_schema(0)"},
		// Without it, errors are described by the message of an earlier one at times.
		"_error_rc": {"1"},
	}}
	// reading never waits for the writer, thanks to the write-ahead log.
	reading = role{4, url.Values{
		"mode":      {"rw"},
		"_pragma":   {"busy_timeout(1000)", "query_only(1)", "trusted_schema(0)"},
		"_error_rc": {"1"},
	}}
	// following is for one Watch: PRAGMA data_version means something on one
	// and the same connection only.
	following = role{1, reading.query}
)

// openPool prepares connections and opens none.
func openPool(path string, r role) (*sql.DB, error) {
	connector, err := driver.NewConnector(dataSource(path, r.query))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(r.connections)
	db.SetMaxIdleConns(r.connections)
	return db, nil
}

// dataSource writes an absolute path as a URI, in which any character may stand.
func dataSource(path string, query url.Values) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/tokens.db
	}
	name := url.URL{Path: path}
	return "file:" + name.EscapedPath() + "?" + query.Encode()
}

// useWAL turns the write-ahead log on, which the file remembers.
func (s *Store) useWAL(ctx context.Context) error {
	var mode string
	err := retryBusy(ctx, func() error {
		return s.writer.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
	})
	if err == nil && mode != "wal" {
		err = fmt.Errorf("the file system of %s can't share memory between processes, as the write-ahead log needs it; use a local disk", s.path)
	}
	return err
}

// retryBusy runs do until another process doesn't stand in its way.
func retryBusy(ctx context.Context, do func() error) error {
	giveUp := time.After(busyPatience)
	for {
		err := do()
		if !isBusy(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-giveUp:
			return err
		case <-time.After(busyPause):
		}
	}
}
