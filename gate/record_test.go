package gate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// useTable merges uses as a store does.
type useTable struct {
	mu     sync.Mutex
	uses   map[string]token.Use // by token, day and secret
	writes int
	err    error

	permissions map[string]token.PermissionUse // by token and permission
	days        map[string]token.PermissionUse // by token, day and permission
}

func (s *useTable) write(_ context.Context, uses []token.Use) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.err != nil {
		return s.err
	}
	for _, u := range uses {
		key := u.TokenID + u.Day.Format(" 2006-01-02")
		if u.Secret != (token.Digest{}) {
			key += fmt.Sprintf(" %x", u.Secret[:2])
		}
		sum := s.uses[key]
		sum.Allowed += u.Allowed
		sum.Refused += u.Refused
		if u.Last.After(sum.Last) {
			sum.Last, sum.Address = u.Last, u.Address
		}
		if s.uses == nil {
			s.uses, s.permissions, s.days = map[string]token.Use{}, map[string]token.PermissionUse{}, map[string]token.PermissionUse{}
		}
		s.uses[key] = sum
		for _, p := range u.Permissions {
			addUse(s.permissions, u.TokenID+" "+p.Permission, p)
			addUse(s.days, u.TokenID+u.Day.Format(" 2006-01-02 ")+p.Permission, p)
		}
	}
	return nil
}

func addUse(sums map[string]token.PermissionUse, key string, p token.PermissionUse) {
	p.Allowed += sums[key].Allowed
	p.Refused += sums[key].Refused
	sums[key] = p
}

// named returns how often requests were counted for permissions, by the token.
func (s *useTable) named(id string) (sum uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, p := range s.permissions {
		if strings.HasPrefix(key, id) {
			sum += p.Allowed + p.Refused
		}
	}
	return sum
}

func (s *useTable) expectPermissions(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var got []string
	for key, p := range s.permissions {
		got = append(got, fmt.Sprintf("%s: %d+%d", key, p.Allowed, p.Refused))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("counted are %q, want %q", got, want)
	}
}

func (s *useTable) total() (sum uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.uses {
		sum += u.Allowed + u.Refused
	}
	return sum
}

func (s *useTable) expect(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var got []string
	for key, u := range s.uses {
		got = append(got, fmt.Sprintf("%s: %d+%d %s", key, u.Allowed, u.Refused, u.Last.Format("15:04:05")))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("written are %q, want %q", got, want)
	}
}

// used returns a known token of which only its uses matter.
func used(id string) *Known { return &Known{usage: &usage{tokenID: id}} }

func one(k *Known) Tokens { return Tokens{First: k} }

// decided returns a decision that counts for no permission.
func decided(tokens Tokens, reason Reason) *Decision {
	return &Decision{Tokens: tokens, Reason: reason}
}

// Security rule 17: counts and last use, per token and UTC day, moving forward only.
func TestRecord(t *testing.T) {
	s := &useTable{}
	r := newRecorder(t, func(c *RecorderConfig) { c.Write = s.write; c.Interval = time.Hour })
	a, b, c, refused := used("a"), used("b"), used("c"), used("d")
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.FixedZone("", 5*3600)) // 07:00 UTC
	r.Record(decided(one(a), Allow), "", noon)
	r.Record(decided(one(a), MissingPermission), "", noon.Add(2*time.Second))
	r.Record(decided(one(a), Allow), "", noon.Add(time.Second)) // a request that was overtaken
	r.Record(decided(one(a), AmbiguousRequest), "", noon.Add(9*time.Second))
	r.Record(decided(Tokens{First: b, Rest: []*Known{c}}, Allow), "", noon)
	r.Record(decided(one(refused), ExpiredToken), "", noon) // tried, but not in use
	r.Record(decided(Tokens{}, NoCredential), "", noon)
	if s.writes != 0 {
		t.Error("written before its time")
	}
	if err := r.Flush(t.Context()); err != nil || s.writes != 1 {
		t.Errorf("%d writes, %v", s.writes, err)
	}
	s.expect(t, "a 2026-11-22: 2+2 07:00:02", "b 2026-11-22: 1+0 07:00:00", "c 2026-11-22: 1+0 07:00:00", "d 2026-11-22: 0+1 00:00:00")
	if err := r.Flush(t.Context()); err != nil || s.writes != 1 {
		t.Errorf("%d writes although nothing happened, %v", s.writes, err)
	}
	r.Record(decided(one(a), Allow), "", noon.Add(-time.Hour)) // the clock was set back
	_ = r.Flush(t.Context())
	s.expect(t, "a 2026-11-22: 3+2 07:00:02", "b 2026-11-22: 1+0 07:00:00", "c 2026-11-22: 1+0 07:00:00", "d 2026-11-22: 0+1 00:00:00")
}

// While a regenerated token has two secrets, what came with either counts apart.
func TestRecordPerSecret(t *testing.T) {
	s := &useTable{}
	r := newRecorder(t, func(c *RecorderConfig) { c.Write = s.write; c.Interval = time.Hour })
	old := &Known{usage: &usage{tokenID: "a", secret: token.Digest{1, 1}}}
	fresh := &Known{usage: &usage{tokenID: "a", secret: token.Digest{2, 2}}}
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for i := range 3 {
		r.Record(decided(one(old), Allow), "", noon.Add(time.Duration(i)*time.Second))
	}
	r.Record(decided(Tokens{First: fresh, Rest: []*Known{old}}, AmbiguousRequest), "", noon)
	_ = r.Flush(t.Context())
	s.expect(t, "a 2026-11-22 0101: 3+1 12:00:02", "a 2026-11-22 0202: 0+1 00:00:00")
}

// A request counts for the day on which it came, not for that of the flush.
func TestRecordAtMidnight(t *testing.T) {
	s := &useTable{}
	r := newRecorder(t, func(c *RecorderConfig) { c.Write = s.write; c.Interval = time.Hour })
	a := used("a")
	midnight := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	r.Record(decided(one(a), Allow), "", midnight.Add(-time.Millisecond))
	r.Record(decided(one(a), Allow), "", midnight)
	r.Record(decided(one(a), AmbiguousRequest), "", midnight.Add(-time.Second))
	_ = r.Flush(t.Context())
	s.expect(t, "a 2026-12-31: 1+1 23:59:59", "a 2027-01-01: 1+0 00:00:00")
	r.Record(decided(one(a), AmbiguousRequest), "", midnight.Add(24*time.Hour))
	_ = r.Flush(t.Context())
	s.expect(t, "a 2026-12-31: 1+1 23:59:59", "a 2027-01-01: 1+0 00:00:00", "a 2027-01-02: 0+1 00:00:00")
}

// Security rule 17: a write that fails keeps what it should have written, and the next
// one brings it along, in one statement.
func TestFailedWriteKeepsAndMerges(t *testing.T) {
	s := &useTable{err: errors.New("disk full")}
	var told []error
	r := newRecorder(t, func(c *RecorderConfig) {
		c.Write, c.Interval, c.Failed = s.write, time.Hour, func(err error) { told = append(told, err) }
	})
	a, b := used("a"), used("b")
	day := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r.Record(decided(one(a), Allow), "", day)
	if err := r.Flush(t.Context()); !errors.Is(err, s.err) || len(told) != 1 || r.Stats() != (Stats{Pending: 1, Writes: 1, Failed: 1}) {
		t.Errorf("%v, told %v, %+v", err, told, r.Stats())
	}
	r.Record(decided(one(a), AmbiguousRequest), "", day.Add(time.Hour))
	r.Record(decided(one(b), Allow), "", day.Add(time.Hour))
	_ = r.Flush(t.Context())
	s.err = nil
	if err := r.Flush(t.Context()); err != nil || r.Stats() != (Stats{Writes: 3, Failed: 2}) {
		t.Errorf("%v, %+v", err, r.Stats())
	}
	s.expect(t, "a 2026-11-22: 1+1 12:00:00", "b 2026-11-22: 1+0 13:00:00")
}

// Security rule 17: memory is bounded whatever the store does, and what is dropped is
// counted. Tokens that have room keep counting.
func TestRecorderIsBounded(t *testing.T) {
	s := &useTable{err: errors.New("disk full")}
	r := newRecorder(t, func(c *RecorderConfig) { c.Write, c.Interval, c.Limit = s.write, time.Hour, 100 })
	day := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	first := used("first")
	for round := range 5 {
		r.Record(decided(one(first), Allow), "", day)
		for i := range 1000 {
			r.Record(decided(one(used(fmt.Sprintf("%d-%d", round, i))), Allow), "", day)
		}
		_ = r.Flush(t.Context())
		if p := r.Stats().Pending; p > 200 {
			t.Fatalf("%d tokens are pending, with a limit of 100", p)
		}
	}
	s.mu.Lock()
	s.err = nil
	s.mu.Unlock()
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept, dropped := s.total(), r.Stats().Dropped; kept+dropped != 5005 || kept < 100 || kept > 200 {
		t.Errorf("%d written and %d dropped of 5005", kept, dropped)
	}
	if u := s.uses["first 2026-11-22"]; u.Allowed != 5 {
		t.Errorf("a token that had its place counts %d of 5", u.Allowed)
	}
	r.Record(decided(one(first), Allow), "", day)
	_ = r.Flush(t.Context())
	if u := s.uses["first 2026-11-22"]; u.Allowed != 6 {
		t.Errorf("after the failure it counts %d of 6", u.Allowed)
	}
}

// Half of the limit flushes before its time.
func TestRecorderFlushesEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &useTable{}
		r := newRecorder(t, func(c *RecorderConfig) { c.Write, c.Interval, c.Limit = s.write, time.Hour, 100 })
		for i := range 51 {
			if synctest.Wait(); s.writes != 0 {
				t.Fatalf("written with %d tokens", i)
			}
			r.Record(decided(one(used(strconv.Itoa(i))), Allow), "", time.Now())
		}
		if synctest.Wait(); s.writes != 1 || s.total() != 51 {
			t.Errorf("%d writes, %d requests", s.writes, s.total())
		}
		r.Record(decided(one(used("last")), Allow), "", time.Now())
		time.Sleep(time.Hour)
		if synctest.Wait(); s.writes != 2 || s.total() != 52 {
			t.Errorf("at its time: %d writes, %d requests", s.writes, s.total())
		}
	})
}

// Invariant 5: a request never waits for a write, not even for one that hangs,
// and Close does not wait for longer than it is told.
func TestRecordDoesNotWaitForAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &useTable{}
		r := NewRecorder(RecorderConfig{
			Interval: time.Second, Limit: 100, Failed: func(error) {},
			Write: func(ctx context.Context, uses []token.Use) error { <-release; return s.write(ctx, uses) },
		})
		a := used("a")
		r.Record(decided(one(a), Allow), "", time.Now())
		time.Sleep(2 * time.Second)
		began := time.Now()
		for i := range 1000 {
			r.Record(decided(one(a), Allow), "", time.Now())
			r.Record(decided(one(used(strconv.Itoa(i))), Allow), "", time.Now())
		}
		if time.Since(began) != 0 {
			t.Error("Record waited")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := r.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 5*time.Second {
			t.Errorf("Close returned %v after %v", err, time.Since(began))
		}
		close(release)
		if err := r.Close(t.Context()); err != nil || s.total()+r.Stats().Dropped != 2001 {
			t.Errorf("%v; %d written, %d dropped", err, s.total(), r.Stats().Dropped)
		}
	})
}

// A write that is under way when the recorder closes is not broken off: one
// that the store did all the same would be repeated and count twice.
func TestCloseLetsAWriteFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &useTable{}
		r := NewRecorder(RecorderConfig{
			Interval: time.Second, Limit: 100, Failed: func(error) {},
			Write: func(ctx context.Context, uses []token.Use) error {
				_ = s.write(ctx, uses) // committed
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(500 * time.Millisecond):
					return nil
				}
			},
		})
		r.Record(decided(one(used("a")), Allow), "", time.Now())
		time.Sleep(1200 * time.Millisecond)
		if err := r.Close(t.Context()); err != nil || s.total() != 1 {
			t.Errorf("%v; 1 request counts %d times", err, s.total())
		}
	})
}

// A write that hangs is given up, so that one lost connection does not end the
// recording for good.
func TestWriteHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &useTable{}
		hang := true
		r := newRecorder(t, func(c *RecorderConfig) {
			c.Write = func(ctx context.Context, uses []token.Use) error {
				if hang {
					hang = false
					<-ctx.Done()
					return ctx.Err()
				}
				return s.write(ctx, uses)
			}
		})
		r.Record(decided(one(used("a")), Allow), "", time.Now())
		time.Sleep(2 * time.Minute)
		if synctest.Wait(); s.total() != 1 {
			t.Error("a write that hung stopped the recorder")
		}
	})
}

// Nothing is lost or counted twice, whatever runs at once: requests, flushes,
// failures, a small limit, and Close at the end. And the last use is the newest.
func TestRecorderCountsExactly(t *testing.T) {
	for _, limit := range []int{3, 1000} {
		s := &useTable{}
		var failing atomic.Uint64
		r := NewRecorder(RecorderConfig{
			Interval: 100 * time.Microsecond, Limit: limit, Failed: func(error) {},
			Write: func(ctx context.Context, uses []token.Use) error {
				if failing.Add(1)%3 == 0 {
					return errors.New("busy")
				}
				return s.write(ctx, uses)
			},
		})
		var tokens [8]*Known
		for i := range tokens {
			tokens[i] = used(strconv.Itoa(i))
		}
		began := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		const workers, each = 6, 30_000
		var clock atomic.Int64
		var wg sync.WaitGroup
		for w := range uint64(workers) {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(1, w))
				for range each {
					now := began.Add(time.Duration(clock.Add(1)) * time.Millisecond)
					r.Record(countedFor(tokens[random.IntN(len(tokens))], Allow, strconv.Itoa(random.IntN(5))), "", now)
					if random.IntN(100) == 0 {
						_ = r.Flush(context.Background())
					}
				}
			})
		}
		wg.Wait()
		for r.Close(context.Background()) != nil {
		}
		if written, dropped := s.total(), r.Stats().Dropped; written+dropped != workers*each || limit == 1000 && dropped > 0 {
			t.Errorf("limit %d: %d written and %d dropped of %d", limit, written, dropped, workers*each)
		}
		if named, written := s.named(""), s.total(); named != written {
			t.Errorf("limit %d: %d are written, %d by permission", limit, written, named)
		}
		if p := r.Stats().Pending; p != 0 {
			t.Errorf("limit %d: %d pending in the end", limit, p)
		}
	}
}

// The same where every token is dropped or is the last: counts that nobody
// takes any more would show.
func TestRecorderForgetsNoDrop(t *testing.T) {
	for range 3000 {
		s := &useTable{}
		r := NewRecorder(RecorderConfig{Interval: time.Hour, Limit: 1, Failed: func(error) {}, Write: s.write})
		a, b := used("a"), used("b")
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 5 {
					r.Record(decided(Tokens{First: a, Rest: []*Known{b}}, Allow), "", time.Now())
				}
			})
		}
		wg.Wait()
		if err := r.Close(t.Context()); err != nil || s.total()+r.Stats().Dropped != 40 {
			t.Fatalf("%v; %d written and %d dropped of 40", err, s.total(), r.Stats().Dropped)
		}
	}
}

// The newest of requests that run at once is the last use.
func TestLastUseIsTheNewest(t *testing.T) {
	began := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for range 300 {
		s := &useTable{}
		r := NewRecorder(RecorderConfig{Interval: time.Hour, Limit: 10, Failed: func(error) {}, Write: s.write})
		k := used("a")
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 50 {
					r.Record(decided(one(k), Allow), "", began.Add(time.Duration(8*j+i)*time.Millisecond))
				}
			})
		}
		wg.Wait()
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if u := s.uses["a 2026-11-22"]; u.Allowed != 400 || u.Last != began.Add(399*time.Millisecond) {
			t.Fatalf("%d requests, the last at %v", u.Allowed, u.Last)
		}
	}
}
