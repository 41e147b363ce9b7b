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
	named   int          // permissions in unsaved
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
	// Limit is how many secrets' uses are kept while the store can't take them, with
	// some permissions each; beyond these, uses count for no permission by name.
	Limit int
	// Failed is told of writes that failed; the uses are kept for the next one.
	Failed func(error)
}

const (
	msPerDay     = 24 * 60 * 60 * 1000
	writeTimeout = 30 * time.Second

	// namesPerSecret is how many permissions are kept, on average, of what waits to
	// be written.
	namesPerSecret = 8
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

// Record notes what was decided about a request, and the address that it came
// from, if it is one. It does not wait, and where memory would grow too far it
// drops the count and says so in Stats.
func (r *Recorder) Record(d *Decision, address string, now time.Time) {
	if d.Tokens.First == nil {
		return
	}
	ms := now.UnixMilli()
	for i := range d.more {
		d.more[i].count(dayOf(ms))
	}
	r.record(d.Tokens.First.usage, d, address, ms)
	for _, k := range d.Tokens.Rest {
		r.record(k.usage, d, address, ms)
	}
	for _, k := range d.beside {
		r.record(k.usage, d, address, ms)
	}
}

// count comes before record, which sees to it that the count is collected.
func (c *counted) count(day int64) {
	u := c.known.usage
	u.on(day)
	u.permission(c.by, day).also.Add(1)
}

func (r *Recorder) record(u *usage, d *Decision, address string, ms int64) {
	day := dayOf(ms)
	today := u.on(day)
	counts := &today.others
	if d.Reason.inUse() {
		today.use(ms, address)
		if d.counts && (d.Reason == MissingPermission || u == d.Tokens.First.usage) {
			counts = u.permission(d.Permission, day)
		}
	}
	// The count comes last: who collects it finds day and time that belong to it.
	if d.Reason == Allow {
		counts.allowed.Add(1)
	} else {
		counts.refused.Add(1)
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
			_, use := u.take(i)
			r.dropped.Add(use.Allowed + use.Refused)
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
	r.named = 0
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
			r.merge(u.take(i))
		}
		u = next
	}
	r.backlog.Store(int64(len(r.unsaved)))
	r.pending.Add(-collected)
}

// merge adds a use to those that wait to be written.
func (r *Recorder) merge(key secretDay, fresh token.Use) {
	if fresh.Allowed+fresh.Refused == 0 && fresh.Permissions == nil {
		return
	}
	use, ok := r.unsaved[key]
	if !ok && len(r.unsaved) >= r.config.Limit {
		r.dropped.Add(fresh.Allowed + fresh.Refused)
		return
	}
	use.TokenID, use.Secret, use.Day = fresh.TokenID, fresh.Secret, fresh.Day
	use.Allowed += fresh.Allowed
	use.Refused += fresh.Refused
	if fresh.Last.After(use.Last) {
		use.Last, use.Address = fresh.Last, fresh.Address
	}
	for _, p := range fresh.Permissions {
		r.mergePermission(&use, p)
	}
	r.unsaved[key] = use
}

func (r *Recorder) mergePermission(use *token.Use, fresh token.PermissionUse) {
	find := func(p token.PermissionUse) bool { return p.Permission == fresh.Permission }
	i := slices.IndexFunc(use.Permissions, find)
	if i < 0 && r.named >= namesPerSecret*r.config.Limit {
		fresh.Permission = ""
		i = slices.IndexFunc(use.Permissions, find)
	}
	if i < 0 {
		use.Permissions = append(use.Permissions, fresh)
		r.named++
		return
	}
	use.Permissions[i].Allowed += fresh.Allowed
	use.Permissions[i].Refused += fresh.Refused
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
