package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
)

// TestKilledOnSQLite kills, with SIGKILL, a gateway and processes that change
// tokens, all of them on one file, at random moments, and others go on meanwhile. What
// was answered is there after; what was not is there wholly or not at all.
//
//	KILLS  how many (25)
//	KILLS_SEED
func TestKilledOnSQLite(t *testing.T) {
	k := newKills(t, number(t, "KILLS", 25), uint64(number(t, "KILLS_SEED", 1)))
	var lanes sync.WaitGroup
	for i := range 3 {
		lanes.Go(func() { k.writers(fmt.Sprintf("writer%d", i)) })
	}
	lanes.Go(func() { k.commands("command") })
	k.gateways() // in the goroutine of the test, since its helpers end it
	lanes.Wait()
	k.finish()
}

// kills is one run.
type kills struct {
	t       *testing.T
	seed    uint64
	gateway *gateway
	path    string
	used    *lane       // tokens that nobody changes, for requests
	store   store.Store // to look into the file
	raw     *sql.DB     // to ask SQLite itself

	left                        atomic.Int64 // kills to do
	answered, begun, made, lost atomic.Int64 // changes: answered, interrupted, and what came of these
	killed                      [3]atomic.Int64

	mu       sync.Mutex
	finished []*lane
}

// Who is killed.
const (
	killedWriter = iota
	killedCommand
	killedGateway
)

func newKills(t *testing.T, n int, seed uint64) *kills {
	t.Helper()
	g := newGateway(t, readyBinary(t), startBackend(t), quiet("flush_interval 50ms\n\t\tcache_ttl 1s")...)
	g.env = append(g.env, "LOG_LEVEL=WARN")
	k := &kills{t: t, seed: seed, gateway: g, path: filepath.Join(g.dir, "store", "tokens.db")}
	k.left.Store(int64(n))
	g.start() // makes the file, and writes the catalog that grants are checked by
	opened, err := sqlite.Open(t.Context(), k.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	k.store = opened
	if k.raw, err = sql.Open("sqlite", k.path+"?_pragma=busy_timeout(60000)"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.raw.Close() })
	k.used = newLane(seed, "used", 5, time.Hour)
	for range 5 {
		s := k.used.planCreate(time.Now().UTC().Truncate(time.Millisecond))
		if err := s.run(t.Context(), opened); err != nil {
			t.Fatal(err)
		}
		k.used.now(s.ID, s.after(state{}))
	}
	k.done(k.used)
	return k
}

// quiet are changes to Caddyfile.example: no access log, and the given settings.
func quiet(settings string) []string {
	return []string{"# output file /var/log/caddy/access.log", "output discard", "flush_interval 10s", settings}
}

// more reports whether there are kills to do, and takes one on.
func (k *kills) more(who int) bool {
	if k.t.Failed() || k.left.Add(-1) < 0 {
		return false
	}
	k.killed[who].Add(1)
	return true
}

// writers kills one writer after the other.
func (k *kills) writers(name string) {
	l := newLane(k.seed, name, 12, time.Hour)
	for k.more(killedWriter) {
		w, err := startWriter(k.t, k.path)
		if err != nil {
			k.t.Error(err)
			return
		}
		// A change takes some milliseconds, so the moment of the kill is anywhere in one.
		moment := time.Duration(l.rng.Int64N(int64(100 * time.Millisecond)))
		first := make(chan struct{})
		go func() {
			<-first
			time.Sleep(moment)
			_ = w.cmd.Process.Kill()
		}()
		err = k.writeUntilKilled(l, w, first)
		w.end()
		if err == nil {
			err = k.look(l)
		}
		if err != nil {
			k.t.Errorf("%s: %v", name, err)
			return
		}
	}
	k.done(l)
}

// writeUntilKilled has changes made until the writer is gone. first is closed
// when the first is answered, for a process takes its time to start.
func (k *kills) writeUntilKilled(l *lane, w *writer, first chan struct{}) error {
	for n := 0; ; n++ {
		s := l.plan(time.Now())
		before := l.tokens[s.ID]
		after := s.after(before)
		answered, err := w.make(s)
		if n == 0 {
			close(first)
		}
		if err != nil {
			return err
		}
		if answered {
			k.answered.Add(1)
			l.now(s.ID, after)
			continue
		}
		all, err := readAll(context.Background(), k.store)
		if err != nil {
			return err
		}
		return k.interrupted(l, s, before, after, all[s.ID])
	}
}

// interrupted notes what came of a change that was not answered.
func (k *kills) interrupted(l *lane, s step, before, after, got state) error {
	k.begun.Add(1)
	switch {
	case got.equal(&after):
		k.made.Add(1)
	case got.equal(&before):
		k.lost.Add(1)
	default:
		return fmt.Errorf("half a change %+v: the store has\n%v\nbefore it was\n%v\nafter it\n%v", s, &got, &before, &after)
	}
	l.now(s.ID, got)
	return nil
}

// look looks at the whole file after a kill.
func (k *kills) look(l *lane) error {
	all, err := readAll(context.Background(), k.store)
	if err != nil {
		return err
	}
	if err := l.check(all); err != nil {
		return err
	}
	var result string
	if err := k.raw.QueryRow(`PRAGMA integrity_check`).Scan(&result); err != nil || result != "ok" {
		return fmt.Errorf("the file is damaged: %s, %w", result, err)
	}
	var broken int
	if err := k.raw.QueryRow(`SELECT count(*) FROM pragma_foreign_key_check`).Scan(&broken); err != nil || broken > 0 {
		return fmt.Errorf("%d rows refer to what is not there: %w", broken, err)
	}
	return nil
}

func (k *kills) done(l *lane) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.finished = append(k.finished, l)
}
