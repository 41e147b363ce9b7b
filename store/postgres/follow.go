package postgres

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

const (
	// heartbeat is how often a follower looks that hears nothing. It finds what
	// no notification came for within a second (invariant 4), and connections
	// that are open at this end only.
	heartbeat = 500 * time.Millisecond
	// lookTimeout bounds one look, so that a hanging server is a lost one.
	lookTimeout = time.Second
	// farewell bounds the end of a connection.
	farewell = 100 * time.Millisecond
)

var (
	// errAnew makes the follower start anew, and so tell of everything.
	errAnew = errors.New("changes may have been missed")
	// errStandby is the same for a server that is not the primary any more.
	errStandby = errors.New("the server is a standby now")
)

// follower finds the changes that other processes made.
type follower struct {
	settings *settings
	conn     *pgx.Conn // nil while there is none
	origin   string    // which server and table revision is of
	revision int64     // newest row of the table changes that was told
	moves    int       // of the servers, when it started
	heard    int64     // newest revision that notifications told since the last look
}

// look returns what changed since the last call. After an error the follower
// must be stopped; the first look of a new connection returns everything.
func (f *follower) look(ctx context.Context) (store.Changed, error) {
	if f.conn == nil {
		return store.Changed{All: true}, f.start(ctx)
	}
	if f.moves != f.settings.servers.moves() {
		return store.Changed{}, errAnew // a pool met another primary
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if err := f.recheck(ctx); err != nil {
		return store.Changed{}, err
	}
	origin, newest, err := f.position(ctx)
	switch {
	case err != nil:
		return store.Changed{}, err
	case origin != f.origin:
		f.settings.servers.reset() // the pools may go to what was before
		return store.Changed{}, errAnew
	case newest < f.revision:
		return store.Changed{}, errAnew
	case newest == f.revision:
		return store.Changed{}, nil
	}
	return f.changes(ctx)
}

// recheck looks who the server is, behind a pooler, which can have moved on to
// another under connections that stay open. The pools' connections go the same
// way, so they are checked again too when something is wrong.
func (f *follower) recheck(ctx context.Context) error {
	if f.settings.poll == 0 {
		return nil
	}
	err := f.settings.servers.check(ctx, f.conn.PgConn())
	if err != nil {
		f.settings.servers.reset()
	}
	return err
}

// start connects and listens before it notes the newest revision, so that
// nothing is missed in between. Connecting is bounded for each address alone:
// those that are silent must not use up the time of the one that answers.
func (f *follower) start(ctx context.Context) (err error) {
	f.moves = f.settings.servers.moves()
	config := f.settings.pool.ConnConfig.Copy()
	config.OnNotification = f.hear
	if f.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if f.settings.poll == 0 {
		if err := f.listen(ctx); err != nil {
			return err
		}
	}
	before := f.origin
	f.origin, f.revision, err = f.position(ctx)
	if err == nil && before != "" && before != f.origin {
		f.settings.servers.reset() // the pools may be connected to what was before
	}
	return err
}

func (f *follower) listen(ctx context.Context) error {
	var name string
	if err := f.conn.QueryRow(ctx, `SELECT `+channel).Scan(&name); err != nil {
		return err
	}
	_, err := f.conn.Exec(ctx, `LISTEN `+pgx.Identifier{name}.Sanitize())
	return err
}

// position returns the newest revision, and where it is from: behind a pooler,
// the server can be another one from one query to the next, and a table can be
// replaced. Revisions of another mean nothing.
func (f *follower) position(ctx context.Context) (origin string, newest int64, err error) {
	var standby bool
	err = f.conn.QueryRow(ctx, `SELECT 'changes'::regclass::oid::text || ' ' || pg_postmaster_start_time()::text, pg_is_in_recovery(),
		(SELECT coalesce(max(revision), 0) FROM changes)`).Scan(&origin, &standby, &newest)
	if err == nil && standby && f.settings.primaryOnly {
		err = errStandby
	}
	return origin, newest, err
}

// changes reads the rows after the last one that was told. That one is read
// again: when it is gone, it was pruned, and maybe others with it.
func (f *follower) changes(ctx context.Context) (store.Changed, error) {
	var changed store.Changed
	known, last := false, f.revision
	err := each(ctx, f.conn, `SELECT revision, hash FROM changes WHERE revision >= $1 ORDER BY revision`, []any{f.revision}, func(rows pgx.Rows) error {
		var hash []byte
		if err := rows.Scan(&last, &hash); err != nil {
			return err
		}
		switch {
		case last == f.revision:
			known = true
		case len(hash) == len(token.Digest{}):
			changed.Digests = append(changed.Digests, token.Digest(hash))
		default:
			changed.All = true
		}
		return nil
	})
	if err == nil && !known {
		err = errAnew
	}
	if err == nil {
		f.revision = last
	}
	return changed, err
}

// await waits until it is worth looking: for a notification of something new,
// or for a while. A connection that fails is found by the look that follows.
func (f *follower) await(ctx context.Context) {
	if f.settings.poll > 0 {
		sleep(ctx, f.settings.poll)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, f.settings.heartbeat)
	defer cancel()
	// The number is of one of our own or already read changes, often.
	for f.heard <= f.revision {
		if err := f.conn.PgConn().WaitForNotification(ctx); err != nil {
			break
		}
	}
	f.heard = 0
}

// hear keeps the newest number of all notifications, and nothing else: everyone
// who may connect to the database can send any number of them, of any text.
func (f *follower) hear(_ *pgconn.PgConn, n *pgconn.Notification) {
	if revision, err := strconv.ParseInt(n.Payload, 10, 64); err == nil {
		f.heard = max(f.heard, revision)
	}
}

// stop releases the connection.
func (f *follower) stop() {
	if f.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = f.conn.Close(ctx) // there is nobody to tell
	f.conn = nil
}
