// Package sqlite keeps tokens in one SQLite file, without cgo. Gateways and
// the command line may have the file open at once, on one machine; a change
// by one process is noticed by the others within a second.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/tokenreeve/tokenreeve/store"
)

var _ store.Store = (*Store)(nil)

// Store is a store.Store in a SQLite file. The functions given to Change and
// Watch must not call Change or RecordUse of the same Store: it has one
// connection for writing, and they would wait for themselves.
//
// When the file is moved, deleted or replaced while the Store is open, calls
// fail with store.ErrUnavailable from about a second later until the very same
// file is back; a new file at that place needs a new Store.
type Store struct {
	reader // outside of transactions, on readers

	path    string
	file    fs.FileInfo // the file that was opened
	writer  *sql.DB     // one connection
	readers *sql.DB

	lookups *sql.DB       // for Lookup alone, so that lists are not in its way
	lookup  *sql.Stmt     // on lookups
	slots   chan struct{} // one for each connection of lookups

	watchers store.Watchers

	missing atomic.Bool // another file, or none, is at path
	closed  atomic.Bool
	done    chan struct{} // closed by Close
	guard   sync.WaitGroup
}

// Open opens the store in the file at path, creates what is missing of it and
// its folders, for this user alone, and brings its tables up to date. It
// changes nothing in a file that is not Tokenreeve's own.
func Open(ctx context.Context, path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding the database: %w", err)
	}
	if err := createFile(path); err != nil {
		return nil, err
	}
	s := &Store{path: path, done: make(chan struct{})}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database: %w", err), s.closePools())
	}
	s.guard.Go(s.guardFile)
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if s.writer, err = openPool(s.path, writing); err != nil {
		return err
	}
	if s.readers, err = openPool(s.path, reading); err != nil {
		return err
	}
	if s.lookups, err = openPool(s.path, reading); err != nil {
		return err
	}
	s.slots = make(chan struct{}, reading.connections)
	if err := s.migrate(ctx); err != nil {
		return s.failure(ctx, err)
	}
	if err := s.useWAL(ctx); err != nil {
		return s.failure(ctx, err)
	}
	if s.lookup, err = s.lookups.PrepareContext(ctx, lookupSecret); err != nil {
		return s.failure(ctx, err)
	}
	s.reader = reader{db: s.readers, ready: s.ready, failure: s.failure}
	if s.file, err = os.Stat(s.path); err != nil {
		return err
	}
	return nil
}

// Close ends all watches and releases the file. Calls after it fail with
// store.ErrUnavailable.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	close(s.done)
	s.guard.Wait()
	return s.closePools()
}

// closePools closes the writer last: it is the connection that may tidy up the
// write-ahead log.
func (s *Store) closePools() error {
	var errs []error
	for _, db := range []*sql.DB{s.lookups, s.readers, s.writer} {
		if db == nil {
			continue
		}
		if err := db.Close(); err != nil {
			errs = append(errs, fmt.Errorf("closing %s: %w", s.path, err))
		}
	}
	return errors.Join(errs...)
}

// ready returns an error when no call can be answered.
func (s *Store) ready() error {
	switch {
	case s.closed.Load():
		return errClosed
	case s.missing.Load():
		return s.errMissing()
	default:
		return nil
	}
}
