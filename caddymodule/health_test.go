package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// health asks Caddy's admin endpoint.
func (p *postgresGateway) health() (int, healthReport) {
	p.t.Helper()
	return askHealth(p.t, p.endpoint)
}

func askHealth(t *testing.T, endpoint string) (status int, h healthReport) {
	t.Helper()
	resp, err := http.Get("http://" + endpoint + "/api_tokens/health")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&h); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, h
}

func TestHealth(t *testing.T) {
	endpoint := freeAddress(t)
	g := newArticles(t, startBackend(t, ""), map[string]string{"ENDPOINT": endpoint, "TOKENS": "flush_interval 1h"})
	defer func() {
		g.words["ENDPOINT"] = "off"
		g.mustLoad(articlesSite)
	}()
	g.ask("GET", "/x", g.bearer("full"))
	eventually(t, "changes are watched", func() bool { _, h := askHealth(t, endpoint); return h.Stores[0].Watched })
	status, h := askHealth(t, endpoint)
	s := h.Stores[0]
	if status != 200 || !h.Ready || len(h.Stores) != 1 || !s.Ready || !s.Up || s.Driver != "sqlite" || s.Answered == nil || s.LastUsePending != 1 || s.LastUseFailing || s.ClockOffset != 0 {
		t.Errorf("health is %d %+v", status, h)
	}
	if text := fetch(t, "http://"+endpoint+"/api_tokens/health"); strings.Contains(text, g.dir) || strings.Contains(text, "tokens.db") {
		t.Errorf("it says where the store is: %s", text)
	}
	if status := post(t, "http://"+endpoint+"/api_tokens/health", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("a POST: %d", status)
	}
	db := filepath.Join(g.dir, "tokens.db")
	if err := os.Rename(db, db+".away"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an idle gateway notices the loss", func() bool { _, h := askHealth(t, endpoint); return !h.Stores[0].Up })
	if status, h := askHealth(t, endpoint); status != 200 || !h.Stores[0].Ready || h.Stores[0].Since.Before(s.Since) {
		t.Errorf("health is %d %+v; tokens in memory work", status, h)
	}
	if err := os.Rename(db+".away", db); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an idle gateway notices the return", func() bool { _, h := askHealth(t, endpoint); return h.Stores[0].Up })
	if n := strings.Count(g.log(), saysAway); n != 1 {
		t.Errorf("%d log lines about the store; want 1", n)
	}
	config, err := adapt("{\n\tadmin " + endpoint + "\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	if status := post(t, "http://"+endpoint+"/load", string(config)); status != 200 {
		t.Fatal(status)
	}
	eventually(t, "nothing is protected, so nothing is ready", func() bool { status, h := askHealth(t, endpoint); return status == 503 && len(h.Stores) == 0 })
}

func post(t *testing.T, address, body string) int {
	t.Helper()
	resp, err := http.Post(address, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// Ready is a gateway while it can let anybody in.
func TestReady(t *testing.T) {
	now := time.Now()
	rt := &runtime{settings: settings{cacheTTL: 10 * time.Second, staleIfError: time.Minute}}
	for name, test := range map[string]struct {
		h    healthState
		want bool
	}{
		"well":            {healthState{up: true, last: now}, true},
		"well, quiet":     {healthState{up: true, last: now.Add(-time.Hour)}, true},
		"never reached":   {healthState{}, false},
		"away":            {healthState{last: now.Add(-69 * time.Second)}, true},
		"away for longer": {healthState{last: now.Add(-70 * time.Second)}, false},
		// Nothing that is too old is served then.
		"refusing":            {healthState{refused: true, last: now.Add(-14 * time.Second)}, true},
		"refusing for longer": {healthState{refused: true, last: now.Add(-15 * time.Second)}, false},
		"away, then refusing": {healthState{away: true, refused: true, last: now.Add(-15 * time.Second)}, false},
	} {
		if got := rt.ready(test.h, now); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	rt.settings = settings{cacheTTL: time.Second}
	if !rt.ready(healthState{last: now.Add(-14 * time.Second)}, now) {
		t.Error("not ready between two probes")
	}
}

// fakeStore answers what the test says.
type fakeStore struct {
	store.Store
	ahead  time.Duration
	err    error
	pruned func(before time.Time) error
}

func (f *fakeStore) Clock(context.Context) (time.Time, error) {
	return time.Now().Add(f.ahead).UTC().Round(0), f.err
}

func (f *fakeStore) Lookup(context.Context, token.Digest) (store.Found, error) {
	return store.Found{}, store.ErrNotFound
}

func (f *fakeStore) PruneUse(_ context.Context, before time.Time) error { return f.pruned(before) }

// bareRuntime is one whose log is seen.
func bareRuntime(t *testing.T) (*runtime, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	rt := &runtime{}
	rt.metrics = newMetrics(rt)
	rt.logger.Store(zap.New(core))
	return rt, logs
}

// Rule 19: a clock that is off is warned of, once.
func TestClockIsCompared(t *testing.T) {
	rt, logs := bareRuntime(t)
	s := &fakeStore{}
	for _, step := range []struct {
		ahead time.Duration
		says  string
	}{
		{0, ""},
		{1900 * time.Millisecond, ""},
		{-1900 * time.Millisecond, ""},
		{2100 * time.Millisecond, "differ by more than 2s"},
		{2100 * time.Millisecond, ""},
		{-time.Hour, ""},
		{0, "agree again"},
		{0, ""},
		{-2100 * time.Millisecond, "differ by more than 2s"},
	} {
		s.ahead = step.ahead
		offset, within, ok := rt.probe(t.Context(), s)
		if !ok || (offset-step.ahead).Abs() > within {
			t.Fatalf("the offset is %v within %v; want %v", offset, within, step.ahead)
		}
		rt.noteClock(offset, within)
		got := logs.TakeAll()
		if (step.says == "") != (len(got) == 0) || len(got) > 1 || len(got) == 1 && !strings.Contains(got[0].Message, step.says) {
			t.Errorf("%v: logged %v; want %q", step.ahead, got, step.says)
		}
	}
	// What a slow answer can't tell is no reason to warn.
	rt, logs = bareRuntime(t)
	rt.noteClock(3*time.Second, 1500*time.Millisecond)
	if n := logs.Len(); n != 0 {
		t.Errorf("%d lines about a clock that may be right", n)
	}
}

func TestProbeNotesFailures(t *testing.T) {
	rt, logs := bareRuntime(t)
	s := &fakeStore{err: store.ErrUnavailable}
	for range 100 {
		rt.probe(t.Context(), s)
	}
	s.err = nil
	for range 100 {
		rt.probe(t.Context(), s)
	}
	if n := logs.Len(); n != 2 || !rt.health.snapshot().up {
		t.Errorf("%d lines: %v", n, logs.All())
	}
	// Failures of single look-ups are no absence, and those that work no return.
	for range 100 {
		rt.event(gate.LookupFailed, errors.New("damaged"))
		rt.event(gate.LookupFound, nil)
	}
	if n := logs.Len(); n != 3 {
		t.Errorf("%d lines: %v", n, logs.All())
	}
}

// What the newest failure was counts: a store that comes back and refuses is not away.
func TestRefusalsAreNoted(t *testing.T) {
	var h health
	for _, step := range []struct {
		err           error
		away, refused bool
	}{
		{nil, false, false},
		{store.ErrUnavailable, true, false},
		{errors.New("the log-in is refused"), true, true},
		{context.DeadlineExceeded, true, false},
		{nil, false, false},
		{errors.New("the log-in is refused"), false, true},
		{nil, false, false},
	} {
		h.answered(step.err, time.Now())
		if s := h.snapshot(); s.away != step.away || s.refused != step.refused {
			t.Errorf("%v: %+v", step.err, s)
		}
	}
}

// codedError is one as Postgres answers.
type codedError struct{ error }

func (codedError) SQLState() string { return "42501" }

// Rule 14: who can't hear of changes says so, and why, until it can again.
func TestDeafness(t *testing.T) {
	resolver, err := gate.NewResolver(gate.Config{ // its goroutines don't end
		Lookup: func(context.Context, token.Digest) (token.Token, time.Time, error) {
			return token.Token{}, time.Time{}, gate.ErrUnknown
		},
		Now: time.Now, CacheSize: 100, TTL: time.Second, Event: func(gate.Event, error) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		rt, logs := bareRuntime(t)
		rt.resolver = resolver
		rt.noteStore(nil)
		rt.noteWatch(errNotWatchedYet)
		step := func(what string, after time.Duration, change *store.Changed, heard bool, reason, says string) {
			t.Helper()
			time.Sleep(after)
			if change != nil {
				rt.changed(*change)
			}
			rt.warnIfDeaf()
			rt.warnIfDeaf()
			h := rt.health.snapshot()
			if rt.hears() != heard || h.whyDeaf() != reason {
				t.Errorf("%s: hears %v, because %q; want %v, %q", what, rt.hears(), h.whyDeaf(), heard, reason)
			}
			got := logs.TakeAll()
			if (says == "") != (len(got) == 0) || len(got) > 1 || len(got) == 1 && !strings.Contains(got[0].Message, says) {
				t.Errorf("%s: logged %v; want %q", what, got, says)
			}
			for _, line := range got {
				if cause, _ := line.ContextMap()["error"].(string); line.Level == zap.WarnLevel && cause == "" {
					t.Errorf("%s: a warning without a cause", what)
				}
			}
		}
		all, own := &store.Changed{All: true}, &store.Changed{Digests: []token.Digest{{1}}}
		refused := &store.Changed{Lost: codedError{errors.New("hunter2 may not")}}
		away := &store.Changed{Lost: store.ErrUnavailable}
		const (
			notYet   = "watching has not begun yet"
			saysCode = "the store refuses it, with code 42501; see the log"
			saysGone = "the store can't be reached, or does not answer in time"
		)
		step("at first", 0, nil, false, notYet, "")
		step("an own change", 0, own, false, notYet, "")
		step("it has begun", time.Second, all, true, "", "")
		step("quiet", time.Hour, nil, true, "", "")
		step("lost", 0, refused, false, saysCode, "")
		step("an own change", 14*time.Second, own, false, saysCode, "")
		step("lost for longer", time.Second, nil, false, saysCode, "can't be watched")
		step("still lost", time.Hour, nil, false, saysCode, "")
		step("heard", 0, all, true, "", "watched again")
		step("lost for a moment", time.Hour, away, false, saysGone, "")
		step("heard", time.Second, all, true, "", "")

		// While the store is away, there is nothing more to say.
		rt.noteStore(store.ErrUnavailable)
		logs.TakeAll()
		step("away", 0, nil, false, saysGone, "")
		step("away", time.Second, away, false, saysGone, "")
		step("away for long", time.Hour, nil, false, saysGone, "")
		rt.noteStore(nil)
		logs.TakeAll()
		step("back, not heard yet", 14*time.Second, nil, false, saysGone, "")
		step("back for longer", time.Second, nil, false, saysGone, "can't be watched")
		step("heard", 0, all, true, "", "watched again")
		step("lost, and everything may have changed", 0, &store.Changed{All: true, Lost: store.ErrUnavailable}, false, saysGone, "")
	})
}

// Use is pruned daily, at times of each gateway's own.
func TestPrune(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, logs := bareRuntime(t)
		ctx, cancel := context.WithCancel(t.Context())
		var fails atomic.Bool
		var mu sync.Mutex
		var times []time.Time
		s := &fakeStore{pruned: func(before time.Time) error {
			mu.Lock()
			defer mu.Unlock()
			times = append(times, time.Now())
			if want := time.Now().UTC().AddDate(0, 0, -400); !before.Equal(want) {
				t.Errorf("pruned before %v; want %v", before, want)
			}
			if fails.Load() {
				return errors.New("no")
			}
			return nil
		}}
		after := func(d time.Duration) []time.Time {
			time.Sleep(d)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(times)
		}
		done := make(chan bool)
		go func() { defer close(done); rt.prune(ctx, s) }()
		if at := after(time.Hour); len(at) != 1 {
			t.Errorf("pruned %d times in the first hour", len(at))
		}
		at := after(9 * 25 * time.Hour)
		if len(at) != 10 {
			t.Errorf("pruned %d times in nine days and a half", len(at))
		}
		for i := 1; i < len(at); i++ {
			if pause := at[i].Sub(at[i-1]); pause < 24*time.Hour || pause > 25*time.Hour {
				t.Errorf("the pause was %v", pause)
			}
		}
		fails.Store(true)
		at = after(28 * time.Hour)
		failed := len(at) - 10
		if failed < 3 || logs.Len() != failed || at[len(at)-1].Sub(at[len(at)-2]) != time.Hour {
			t.Errorf("tried at %v, logged %v", at[10:], logs.All())
		}
		cancel()
		<-done
	})
}

// Invariant 4, whatever the watch does: an own change holds with the next request
// also when no watch has begun, or it has ended.
func TestOwnChangesWithoutAWatch(t *testing.T) {
	g := newArticles(t, startBackend(t, ""), nil)
	rt := g.runtime()
	eventually(t, "the watch has begun", rt.told.Load)
	deaf := &runtime{resolver: rt.resolver}
	other, err := sqlite.Open(t.Context(), filepath.Join(g.dir, "tokens.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	s := &ownStore{other, deaf} // the watch hears of it later, as of another process
	for _, enabled := range []bool{false, true, false} {
		if a := g.ask("GET", "/x", g.bearer("full")); (a.status == 200) == enabled {
			t.Fatalf("before: %v", a)
		}
		err := s.Change(t.Context(), func(tx store.Tx) error {
			tok, err := tx.Token(t.Context(), g.tokens["full"].id)
			if err != nil {
				return err
			}
			tok.Enabled = enabled
			return tx.UpdateToken(t.Context(), tok)
		})
		if err != nil {
			t.Fatal(err)
		}
		if a := g.ask("GET", "/x", g.bearer("full")); (a.status == 200) != enabled {
			t.Errorf("enabled %v: %v", enabled, a)
		}
	}
}
