package gate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// usage counts what happens with one secret of a token until the next flush. A
// request costs a few atomic additions; nothing waits for anything.
type usage struct {
	tokenID string
	secret  token.Digest
	days    [2]dayUsage // today and, around midnight, the other day: by parity
	dirty   atomic.Bool // it is, or will at once be, in the recorder's list
	next    *usage      // in that list
}

type dayUsage struct {
	day     atomic.Int64 // unix days
	last    atomic.Int64 // unix milliseconds
	allowed atomic.Uint64
	refused atomic.Uint64
}

// Recorder keeps the use of tokens, by their secrets, in memory and writes it in batches. It is
// safe for concurrent use.
type Recorder struct {
	config  RecorderConfig
	touched atomic.Pointer[usage] // list of all that have counts
	pending atomic.Int64          // its length
	dropped atomic.Uint64
	failed  atomic.Uint64
	writes  atomic.Uint64
	early   chan struct{} // asks for a flush before its time

	flush   sync.Mutex // held by the one that flushes
	unsaved map[secretDay]token.Use
	backlog atomic.Int64 // length of unsaved

	stop    context.CancelFunc
	stopped chan struct{}
}

// RecorderConfig is what a Recorder is made of.
type RecorderConfig struct {
	// Write saves uses in one statement.
	Write func(context.Context, []token.Use) error
	// Interval is how often uses are written.
	Interval time.Duration
	// Limit is how many secrets' uses are kept while the store can't take them.
	Limit int
	// Failed is told of writes that failed; the uses are kept for the next one.
	Failed func(error)
}

const (
	msPerDay     = 24 * 60 * 60 * 1000
	writeTimeout = 30 * time.Second
)

// secretDay is what uses are added up by. The token is part of it, since an id
// that is given anew, and with it the secret, is another token.
type secretDay struct {
	id     string
	secret token.Digest
	day    int64 // unix days
}

// NewRecorder starts a recorder. Close stops it.
func NewRecorder(c RecorderConfig) *Recorder {
	ctx, stop := context.WithCancel(context.Background())
	r := &Recorder{
		config: c, early: make(chan struct{}, 1), unsaved: map[secretDay]token.Use{},
		stop: stop, stopped: make(chan struct{}),
	}
	go r.run(ctx)
	return r
}

// Record notes what was decided about a request with these tokens. It does not
// wait, and where memory would grow too far it drops the count and says so in
// Stats.
func (r *Recorder) Record(tokens Tokens, reason Reason, now time.Time) {
	if tokens.First == nil {
		return
	}
	r.record(tokens.First.usage, reason, now)
	for _, k := range tokens.Rest {
		r.record(k.usage, reason, now)
	}
}

func (r *Recorder) record(u *usage, reason Reason, now time.Time) {
	ms := now.UnixMilli()
	day := ms / msPerDay
	d := &u.days[day&1]
	if d.day.Load() != day {
		d.day.Store(day)
	}
	// A disabled or expired token is not in use, however often it is tried.
	if reason == Allow || reason == MissingPermission {
		for last := d.last.Load(); ms > last && !d.last.CompareAndSwap(last, ms); {
			last = d.last.Load()
		}
	}
	// The counts come last: who collects them finds day and time that belong to them.
	if reason == Allow {
		d.allowed.Add(1)
	} else {
		d.refused.Add(1)
	}
	if !u.dirty.Load() && u.dirty.CompareAndSwap(false, true) {
		r.enlist(u)
	}
}

// enlist puts a usage on the list of those that have counts.
func (r *Recorder) enlist(u *usage) {
	switch n := r.pending.Add(1); {
	case n > int64(r.config.Limit):
		r.pending.Add(-1)
		u.dirty.Store(false) // before the counts are taken, as in collect
		for i := range u.days {
			r.dropped.Add(u.days[i].allowed.Swap(0) + u.days[i].refused.Swap(0))
		}
		return
	case n > int64(r.config.Limit)/2:
		select {
		case r.early <- struct{}{}:
		default:
		}
	}
	for {
		u.next = r.touched.Load()
		if r.touched.CompareAndSwap(u.next, u) {
			return
		}
	}
}

func (r *Recorder) run(ctx context.Context) {
	defer close(r.stopped)
	ticker := time.NewTicker(r.config.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-r.early:
		}
		// Closing does not end a write that is under way: one that was done all
		// the same would count twice. Failed is told, and the uses are kept.
		writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
		_ = r.Flush(writing)
		cancel()
	}
}

// Flush writes all that was recorded before it was called. What can't be
// written is kept for the next time.
func (r *Recorder) Flush(ctx context.Context) error {
	r.flush.Lock()
	defer r.flush.Unlock()
	r.collect()
	if len(r.unsaved) == 0 {
		return nil
	}
	uses := slices.Collect(maps.Values(r.unsaved))
	r.writes.Add(1)
	if err := r.config.Write(ctx, uses); err != nil {
		r.failed.Add(1)
		r.config.Failed(err)
		return err
	}
	clear(r.unsaved)
	r.backlog.Store(0)
	return nil
}

// collect moves the counts of the list into unsaved. A usage leaves the list
// before its counts are taken: a request that counts in between puts it there
// again, so nothing is missed or taken twice.
func (r *Recorder) collect() {
	collected := int64(0)
	for u := r.touched.Swap(nil); u != nil; collected++ {
		next := u.next
		u.next = nil
		u.dirty.Store(false)
		for i := range u.days {
			d := &u.days[i]
			allowed, refused := d.allowed.Swap(0), d.refused.Swap(0) // before day and time, see record
			r.merge(secretDay{u.tokenID, u.secret, d.day.Load()}, d.last.Load(), allowed, refused)
		}
		u = next
	}
	r.backlog.Store(int64(len(r.unsaved)))
	r.pending.Add(-collected)
}

func (r *Recorder) merge(key secretDay, last int64, allowed, refused uint64) {
	if allowed+refused == 0 {
		return
	}
	use, ok := r.unsaved[key]
	if !ok && len(r.unsaved) >= r.config.Limit {
		r.dropped.Add(allowed + refused)
		return
	}
	use.TokenID, use.Secret, use.Day = key.id, key.secret, time.Unix(key.day*24*60*60, 0).UTC()
	use.Allowed += allowed
	use.Refused += refused
	if t := time.UnixMilli(last).UTC(); last/msPerDay == key.day && t.After(use.Last) {
		use.Last = t
	}
	r.unsaved[key] = use
}

// Close stops the recorder and writes what is left. An error means that it
// could not be written and is lost.
func (r *Recorder) Close(ctx context.Context) error {
	r.stop()
	select {
	case <-r.stopped:
		return r.Flush(ctx)
	case <-ctx.Done():
		return fmt.Errorf("a write is still under way: %w", ctx.Err())
	}
}

// Stats is what a recorder has at hand and has done.
type Stats struct {
	Pending int64  // secrets with uses that are not written yet
	Writes  uint64 // statements, failed ones included
	Failed  uint64 // statements that failed; their uses are kept
	Dropped uint64 // requests not counted, since too many uses were pending
}

// Stats returns what the recorder has at hand and has done.
func (r *Recorder) Stats() Stats {
	return Stats{
		Pending: r.pending.Load() + r.backlog.Load(), Writes: r.writes.Load(),
		Failed: r.failed.Load(), Dropped: r.dropped.Load(),
	}
}
