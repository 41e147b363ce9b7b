package sqlite

import (
	"context"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tokenreeve/tokenreeve/store"
)

var errClosed = fmt.Errorf("%w: it is closed", store.ErrUnavailable)

// code returns SQLite's extended result code of an error, or SQLITE_OK when it
// comes from elsewhere.
func code(err error) int {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return e.Code()
	}
	return sqlite3.SQLITE_OK
}

// primary returns the result code without what extends it.
func primary(err error) int { return code(err) & 0xff }

func isBusy(err error) bool {
	return primary(err) == sqlite3.SQLITE_BUSY || primary(err) == sqlite3.SQLITE_LOCKED
}

// failure says what to do about a technical error, and marks it as
// store.ErrUnavailable where that is what it is.
func (s *Store) failure(ctx context.Context, err error) error {
	if s.closed.Load() {
		return errClosed
	}
	if code := primary(err); code == sqlite3.SQLITE_OK || code == sqlite3.SQLITE_INTERRUPT {
		return contextFailure(ctx, err)
	}
	advice, away := s.advice(err)
	switch {
	case away:
		return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, advice, err)
	case advice != "":
		return fmt.Errorf("%s: %w", advice, err)
	}
	return fmt.Errorf("%s: %w", s.path, err)
}

// contextFailure marks an error as the end of the context, when it is that. A
// deadline that passed means a store that did not answer in time; a caller
// that went away says nothing about the store.
func contextFailure(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

// advice says what happened to the file and what to do, and whether the store
// is away, as opposed to broken.
func (s *Store) advice(err error) (advice string, away bool) {
	if code(err) == sqlite3.SQLITE_READONLY_DBMOVED {
		return s.path + " was moved or deleted while it was in use; bring it back, or restart", true
	}
	switch primary(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return s.path + " is locked by another process; try again when that is done", true
	case sqlite3.SQLITE_CANTOPEN:
		return s.path + " can't be opened; the user that runs this needs read and write access to the file and its folder", true
	case sqlite3.SQLITE_IOERR:
		return s.path + " can't be read or written; check its disk", true
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return s.path + " can't be written; the user that runs this needs write access to the file and its folder", false
	case sqlite3.SQLITE_FULL:
		return "the disk of " + s.path + " is full; make room", false
	case sqlite3.SQLITE_NOTADB:
		return s.path + " is not a SQLite database; use another file, or move this one away", false
	case sqlite3.SQLITE_CORRUPT:
		return s.path + " is damaged; bring it back from a backup", false
	}
	return "", false
}
