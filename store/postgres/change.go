package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tokenreeve/tokenreeve/store"
)

// changeAttempts is how often a change is tried that something stood in the way of.
const changeAttempts = 4

// beginChange begins a transaction that no other change is in the middle of, as
// with SQLite: what it reads holds until it commits. The lock is one of the
// table changes and costs no rights. A process that hangs is cut off before
// those who wait give up. A commit is on disk when it is answered (rule 18).
const beginChange = `BEGIN;
	SET LOCAL statement_timeout = '10s';
	SET LOCAL lock_timeout = '10s';
	SET LOCAL idle_in_transaction_session_timeout = '5s';
	SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
	SELECT pg_advisory_xact_lock(x'54525643'::bigint << 32 | 'changes'::regclass::oid::bigint)`

// channel is the name under which changes are notified: one for each table of
// changes, whatever roles and search paths call it.
const channel = `'tokenreeve_' || 'changes'::regclass::oid`

// recordChange writes down the given hashes for other processes, drops what is
// old, and, where the %s is, notifies them.
const recordChange = `WITH last AS (SELECT coalesce(max(revision), 0) AS revision FROM changes),
	added AS (INSERT INTO changes (revision, hash)
		SELECT last.revision + fresh.n, fresh.hash FROM last, unnest($1::bytea[]) WITH ORDINALITY AS fresh (hash, n)
		RETURNING revision),
	pruned AS (DELETE FROM changes USING last WHERE changes.revision <= last.revision + cardinality($1::bytea[]) - $2::bigint)
	SELECT max(revision)%s FROM added`

var (
	recordLoudly  = fmt.Sprintf(recordChange, `, pg_notify(`+channel+`, max(revision)::text)::text`)
	recordQuietly = fmt.Sprintf(recordChange, ``)
)

// again says whether and how a transaction is worth another try.
type again int

const (
	never again = iota
	likewise
	quietly // without a notification
)

// Change implements store.Store. When it can't be known whether the
// transaction holds, it returns an error that says so, which is
// store.ErrUnavailable, and tells the watchers of everything.
func (s *Store) Change(ctx context.Context, fn func(tx store.Tx) error) error {
	if s.closed.Load() {
		return errClosed
	}
	ctx, cancel := s.bound(ctx, changeTimeout)
	defer cancel()
	record := recordLoudly
	for attempt := 1; ; attempt++ {
		retry, err := s.changeOnce(ctx, fn, record)
		if retry == never || attempt == changeAttempts || ctx.Err() != nil {
			return err
		}
		if retry == quietly {
			record = recordQuietly // others read of it soon all the same
		}
	}
}

func (s *Store) changeOnce(ctx context.Context, fn func(tx store.Tx) error, record string) (again, error) {
	conn, err := s.changes.Acquire(ctx)
	if err != nil {
		return never, fmt.Errorf("changing tokens: %w", s.failure(ctx, err))
	}
	defer conn.Release()
	sqlTx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: beginChange})
	if err != nil {
		return s.worth(err), fmt.Errorf("changing tokens: %w", s.failure(ctx, err))
	}
	defer rollBack(sqlTx) // does nothing after a commit

	t := newTx(s, sqlTx)
	t.ends, _ = ctx.Deadline()
	if err := fn(t); err != nil {
		return s.worth(t.cause), err
	}
	if t.failed != nil {
		return s.worth(t.cause), fmt.Errorf("changing tokens: %w", t.failed)
	}
	if retry, err := s.recordChanges(ctx, t, record); err != nil {
		return retry, fmt.Errorf("changing tokens: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return never, fmt.Errorf("changing tokens: %w", s.failure(ctx, err))
	}
	retry, err := s.commit(ctx, sqlTx)
	if err != nil {
		return retry, fmt.Errorf("changing tokens: %w", err)
	}
	s.tell(store.ChangedBy(t.touched, t.all))
	return never, nil
}

// worth says whether a transaction that met an error before its commit is to be
// tried again.
func (s *Store) worth(cause error) again {
	switch code(cause) {
	case serializationFailure, deadlockDetected, uniqueViolation: // of engines that know no advisory locks
		return likewise
	}
	if cause != nil && isBroken(cause) {
		s.changes.Reset()
		return likewise
	}
	return never
}

// recordChanges writes down for other processes what they must forget.
func (s *Store) recordChanges(ctx context.Context, t *tx, record string) (again, error) {
	changed := store.ChangedBy(t.touched, t.all)
	if !changed.All && len(changed.Digests) == 0 {
		return never, nil
	}
	hashes := [][]byte{nil}
	if !changed.All {
		hashes = hashes[:0]
		for _, digest := range changed.Digests {
			hashes = append(hashes, digest[:])
		}
	}
	_, err := t.exec(ctx, record, hashes, int64(store.KeptChanges))
	switch {
	case err == nil:
		return never, nil
	case s.worth(t.cause) == never && code(t.cause) != "" && record == recordLoudly:
		return quietly, err // it may be the notification that can't be made
	}
	return s.worth(t.cause), err
}

// commit commits, whatever the context does meanwhile, since a caller must know
// how it went. Only an answer of the server says that nothing holds:
// pgconn.SafeToRetry is true also for commits that were sent (pgx 5.12.0).
func (s *Store) commit(ctx context.Context, sqlTx pgx.Tx) (again, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if sqlTx.Conn().IsClosed() {
		return likewise, fmt.Errorf("%w: the connection was lost", store.ErrUnavailable) // nothing was sent
	}
	err := sqlTx.Commit(ctx)
	pgErr, answered := errors.AsType[*pgconn.PgError](err)
	switch {
	case err == nil:
		return never, nil
	case answered && pgErr.Code == programLimitExceeded:
		return quietly, s.failure(ctx, err) // the queue of notifications is full
	case answered && pgErr.Severity == "ERROR", errors.Is(err, pgx.ErrTxCommitRollback):
		return s.worth(err), s.failure(ctx, err)
	}
	s.tell(store.Changed{All: true})
	return never, fmt.Errorf("%w: the connection was lost during the commit, so it is not known whether the change holds; look before you repeat it: %w", store.ErrUnavailable, err)
}

// tell tells the watchers of this Store.
func (s *Store) tell(changed store.Changed) {
	if changed.All || len(changed.Digests) > 0 {
		s.watchers.Tell(changed)
	}
}

// rollBack takes little time when the server hangs: the connection is given up
// then, and the server rolls back when it notices.
func rollBack(sqlTx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = sqlTx.Rollback(ctx) // a commit was before, or the connection is lost
}
