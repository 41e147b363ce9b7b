package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// pollTimeout bounds one look at the file, so that a stuck one is a failed one.
const pollTimeout = time.Second

// errPruned makes the follower start anew, and so tell of everything.
var errPruned = errors.New("changes have been pruned that were not read")

// follower finds the changes that other processes made.
type follower struct {
	path     string
	db       *sql.DB
	conn     *sql.Conn // nil while the file can't be read
	version  int64     // of PRAGMA data_version; moves with any change by another connection
	revision int64     // newest row of the table changes that was told
}

// poll returns what changed since the last call. A call that fails starts the
// follower anew, and the first call of a new follower that succeeds returns everything.
func (f *follower) poll(ctx context.Context) (store.Changed, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	changed, err := f.look(ctx)
	if err != nil {
		f.stop()
		return store.Changed{}, err
	}
	return changed, nil
}

func (f *follower) look(ctx context.Context) (store.Changed, error) {
	if f.conn == nil {
		return store.Changed{All: true}, f.start(ctx)
	}
	version, err := f.dataVersion(ctx)
	if err != nil || version == f.version {
		return store.Changed{}, err
	}
	changed, err := f.changes(ctx)
	f.version = version
	return changed, err
}

// start notes where the file is. The version comes before the revision, so
// that a change in between is looked for.
func (f *follower) start(ctx context.Context) (err error) {
	if f.db, err = openPool(f.path, following); err != nil {
		return err
	}
	if f.conn, err = f.db.Conn(ctx); err != nil {
		return err
	}
	if f.version, err = f.dataVersion(ctx); err != nil {
		return err
	}
	return f.conn.QueryRowContext(ctx, `SELECT coalesce(max(revision), 0) FROM changes`).Scan(&f.revision)
}

// stop releases the connection.
func (f *follower) stop() {
	if f.conn != nil {
		f.conn.Close()
		f.conn = nil
	}
	if f.db != nil {
		f.db.Close()
		f.db = nil
	}
}

func (f *follower) dataVersion(ctx context.Context) (version int64, err error) {
	err = f.conn.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&version)
	return version, err
}

// changes reads the rows after the last one that was told. That one is read
// again: when it is gone, it was pruned, and maybe others with it.
func (f *follower) changes(ctx context.Context) (store.Changed, error) {
	rows, err := f.conn.QueryContext(ctx, `SELECT revision, hash FROM changes WHERE revision >= ? ORDER BY revision`, f.revision)
	if err != nil {
		return store.Changed{}, err
	}
	defer rows.Close()
	var changed store.Changed
	known, last := false, f.revision
	for rows.Next() {
		var revision int64
		var hash sql.RawBytes
		if err := rows.Scan(&revision, &hash); err != nil {
			return store.Changed{}, err
		}
		switch {
		case revision == f.revision:
			known = true
		case len(hash) == len(token.Digest{}):
			changed.Digests = append(changed.Digests, token.Digest(hash))
		default:
			changed.All = true
		}
		last = revision
	}
	if err := rows.Err(); err != nil {
		return store.Changed{}, err
	}
	if !known {
		return store.Changed{}, errPruned
	}
	f.revision = last
	return changed, nil
}
