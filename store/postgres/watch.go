package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
)

// Watch implements store.Store. Changes of this Store may be told twice: when
// they commit, and when they are read like those of others. While the database
// is away it tells these only, after saying that it hears nothing; when it is
// back, Watch tells of everything.
func (s *Store) Watch(ctx context.Context, notify func(store.Changed)) error {
	if s.closed.Load() {
		return errClosed
	}
	one := s.watchers.Add(notify)
	defer s.watchers.Remove(one)

	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	f := follower{settings: s.settings}
	defer f.stop()
	pause, lost := backoff{}, false
	for watching.Err() == nil {
		changed, err := f.look(watching)
		if err != nil {
			f.stop()
			// What is only to begin anew is no loss, unless it can't.
			if !lost && !errors.Is(err, errAnew) && watching.Err() == nil {
				lost = true
				one.Tell(store.Changed{Lost: s.failure(watching, err)})
			}
			pause.wait(watching)
			continue
		}
		pause, lost = backoff{}, false
		if changed.All || len(changed.Digests) > 0 {
			one.Tell(changed)
		}
		f.await(watching)
	}
	if s.closed.Load() {
		return errClosed
	}
	return ctx.Err()
}

const (
	shortestPause = 50 * time.Millisecond
	longestPause  = time.Second
)

// backoff waits longer each time, and some more or less, so that gateways
// don't come back all at once.
type backoff struct{ next time.Duration }

func (b *backoff) wait(ctx context.Context) {
	b.next = min(max(2*b.next, shortestPause), longestPause)
	var random [1]byte
	_, _ = rand.Read(random[:]) // never fails
	sleep(ctx, b.next/2+b.next/2*time.Duration(random[0])/256)
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
