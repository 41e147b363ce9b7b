// Package postgres keeps tokens in a Postgres database, for several gateways.
//
// A Store opens few connections, as it needs them: up to pool_max_conns of its
// connection string (4, or the number of CPUs if that is more) for look-ups
// alone, 2 for other reads, 2 for changes, 1 for the use of tokens, and 1 for
// each Watch. A gateway on a machine of 4 CPUs has 10 at most.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tokenreeve/tokenreeve/store"
)

var _ store.Store = (*Store)(nil)

// Connections for what is no look-up.
const (
	readConnections   = 2
	changeConnections = 2
	useConnections    = 1
)

// Store is a store.Store in a Postgres database.
type Store struct {
	reader // outside of transactions, on reads

	settings *settings
	// Each kind of work has connections of its own, so that none waits for another.
	lookups, reads, changes, use *pgxpool.Pool

	watchers store.Watchers

	life   context.Context // ends with Close
	end    context.CancelFunc
	closed atomic.Bool
}

// Open opens the store and brings its tables up to date, if the role may.
func Open(ctx context.Context, c Config) (*Store, error) {
	settings, err := c.parse()
	if err != nil {
		return nil, err
	}
	s := &Store{settings: settings}
	s.life, s.end = context.WithCancel(context.Background())
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database: %w", err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	for _, p := range []struct {
		pool **pgxpool.Pool
		most int32
	}{
		{&s.lookups, s.settings.pool.MaxConns},
		{&s.reads, readConnections},
		{&s.changes, changeConnections},
		{&s.use, useConnections},
	} {
		config := s.settings.pool.Copy()
		config.MaxConns = p.most
		if *p.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
			return err
		}
		s.settings.servers.add(*p.pool)
	}
	s.reader = reader{run: s.read}
	ctx, cancel := s.bound(ctx, openTimeout)
	defer cancel()
	_, _, err = migrate(ctx, s.changes)
	return err
}

// closePatience is how long Close waits for connections that don't answer. They
// are given up by themselves later.
const closePatience = 3 * time.Second

// Close ends all watches and calls, and releases the connections. Calls after
// it fail with store.ErrUnavailable.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.end()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		for _, pool := range s.pools() {
			if pool != nil {
				pool.Close()
			}
		}
	}()
	select {
	case <-closed:
	case <-time.After(closePatience):
	}
	return nil
}

func (s *Store) pools() []*pgxpool.Pool {
	return []*pgxpool.Pool{s.lookups, s.reads, s.changes, s.use}
}

// bound returns a context that ends when the Store is closed, and after the
// given time if nothing else bounds it.
func (s *Store) bound(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	var cancel context.CancelFunc
	if _, bounded := ctx.Deadline(); bounded {
		ctx, cancel = context.WithCancel(ctx)
	} else {
		ctx, cancel = context.WithTimeout(ctx, most)
	}
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// Clock implements store.Store. It asks as look-ups do, and so says whether
// these can be answered.
func (s *Store) Clock(ctx context.Context) (now time.Time, err error) {
	err = s.readOn(ctx, s.lookups, func(ctx context.Context, db queryer) error {
		return db.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("the database's clock: %w", err)
	}
	return now.UTC(), nil
}
