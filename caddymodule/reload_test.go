package caddymodule

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/tokenreeve/tokenreeve/store/sqlite"
)

// load is traffic through a gateway: some of it on connections that are kept,
// some on new ones.
type load struct {
	stop     chan struct{}
	wg       sync.WaitGroup
	answered atomic.Int64 // with 200 of the backend
	sent     atomic.Int64 // requests that were written, repeated ones included
	broken   atomic.Int64 // connections that ended without a byte of an answer
	mu       sync.Mutex
	lost     []string
}

func startLoad(g *gateway, kinds ...string) *load {
	l := &load{stop: make(chan struct{})}
	for _, kind := range kinds {
		for _, keep := range []bool{true, false} {
			l.wg.Go(func() { l.run(g.addr, g.tokens[kind].secret, keep) })
		}
	}
	return l
}

func (l *load) run(addr, secret string, keep bool) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: !keep}}
	defer client.CloseIdleConnections()
	trace := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		WroteHeaders: func() { l.sent.Add(1) },
	})
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		r, _ := http.NewRequestWithContext(trace, http.MethodGet, "http://"+addr+"/x", nil)
		r.Header.Set("Authorization", "Bearer "+secret)
		resp, err := client.Do(r)
		if brokenConnection(err) {
			l.broken.Add(1)
			continue
		}
		if err != nil {
			l.lose(err.Error())
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || string(body) != "backend" {
			l.lose(fmt.Sprint(resp.StatusCode, string(body), err))
			continue
		}
		l.answered.Add(1)
	}
}

func (l *load) lose(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = append(l.lost, what)
}

// end stops the traffic; none of it may have been lost.
func (l *load) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.wg.Wait()
	t.Logf("%d requests were answered, %d broke with their connection", l.answered.Load(), l.broken.Load())
	for i, what := range l.lost {
		if t.Errorf("lost: %s", what); i == 4 {
			t.Fatalf("and %d more", len(l.lost)-5)
		}
	}
}

// more waits until so many more requests were answered.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	want := l.answered.Load() + n
	eventually(t, "requests are answered", func() bool { return l.answered.Load() >= want })
}

const (
	decided = `tokenreeve_decisions_total{api="articles",outcome="allowed",reason="allowed"}`
	lookups = `tokenreeve_lookups_total{result="found"}`
)

// stored returns how many uses of all tokens the store knows.
func (g *gateway) stored() (allowed int64) {
	g.t.Helper()
	s, err := sqlite.Open(context.Background(), filepath.Join(g.dir, "tokens.db"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer s.Close()
	for _, tok := range g.tokens {
		uses, err := s.Usage(context.Background(), tok.id, time.Unix(0, 0))
		if err != nil {
			g.t.Fatal(err)
		}
		for _, u := range uses {
			allowed += int64(u.Allowed)
		}
	}
	return allowed
}

// Invariant 5 and design section 7: a reload under load loses no request, no
// cached token and no last-use.
func TestReloadUnderLoad(t *testing.T) {
	b := startBackend(t, "")
	g := newArticles(t, b, map[string]string{"TOKENS": "cache_ttl 1h\n\t\tflush_interval 100ms"})
	rt := g.runtime()
	l := startLoad(g, "full", "readonly")
	l.more(t, 200)
	eventually(t, "both tokens are cached", func() bool {
		before := g.metric(lookups)
		l.more(t, 50)
		return g.metric(lookups) == before
	})
	looked := g.metric(lookups)
	for range 10 {
		g.mustLoad(articlesSite)
		l.more(t, 20)
	}
	l.end(t)
	if now := g.metric(lookups); now != looked {
		t.Errorf("look-ups rose from %v to %v: cached tokens were lost", looked, now)
	}
	if g.runtime() != rt {
		t.Error("the runtime is another one, though its settings are the same")
	}
	counted := int64(g.metric(decided))
	if counted < l.answered.Load() || counted > min(l.sent.Load(), l.answered.Load()+l.broken.Load()) {
		t.Errorf("%d decisions for %d answers and %d requests", counted, l.answered.Load(), l.sent.Load())
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the runtime is released", func() bool { return runtimeCount() == 0 })
	if strings.Contains(g.log(), "panic") {
		t.Error("something panicked")
	}
	if stored := g.stored(); stored != counted {
		t.Errorf("the store knows of %d uses; want %d", stored, counted)
	}
}

// Also when the settings change, no request and no last-use is lost, and what
// the old settings needed is released: files, goroutines, memory.
func TestReloadWithOtherSettings(t *testing.T) {
	b := startBackend(t, "")
	g := newArticles(t, b, map[string]string{"TOKENS": "cache_ttl 1h\n\t\tflush_interval 1h"})
	l := startLoad(g, "full", "readonly")
	for i := range 8 {
		l.more(t, 20)
		rt := g.runtime()
		g.words["TOKENS"] = fmt.Sprintf("cache_ttl 1h\n\t\tflush_interval %dm", i+1)
		g.mustLoad(articlesSite)
		eventually(t, "the old runtime is released", func() bool { return runtimeCount() == 1 && g.runtime() != rt })
		eventually(t, "its background work has ended", func() bool { return closed(rt.stopped) })
	}
	l.end(t)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the runtime is released", func() bool { return runtimeCount() == 0 })
	// A request whose connection broke may have been let through before.
	if stored := g.stored(); stored < l.answered.Load() || stored > l.answered.Load()+l.broken.Load() {
		t.Errorf("the store knows of %d uses; %d requests were answered, %d broke", stored, l.answered.Load(), l.broken.Load())
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// A new store is a new runtime; of the old one nothing stays open.
func TestReloadWithAnotherStore(t *testing.T) {
	b := startBackend(t, "")
	g := newArticles(t, b, nil)
	if a := g.ask("GET", "/x", g.bearer("full")); a.status != 200 || openFiles(t, "tokens.db") == 0 {
		t.Fatal(a)
	}
	g.words["STORE"] = "DIR/other.db"
	g.mustLoad(articlesSite)
	if a := g.ask("GET", "/x", g.bearer("full")); a.status != 401 {
		t.Errorf("a token of the old store: %v", a)
	}
	eventually(t, "the old store is closed", func() bool { return openFiles(t, "tokens.db") == 0 })
	g.words["STORE"] = "DIR/tokens.db"
	g.mustLoad(articlesSite)
	if a := g.ask("GET", "/x", g.bearer("full")); a.status != 200 {
		t.Errorf("a token of the store that is back: %v", a)
	}
	eventually(t, "the other store is closed", func() bool { return openFiles(t, "other.db") == 0 })
}

// openFiles counts what this process has open of the database with that name.
func openFiles(t *testing.T, name string) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(links) == 0 {
		t.Skip("no /proc/self/fd here")
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.Contains(to, t.Name()) && strings.Contains(to, "/"+name) {
			n++
		}
	}
	return n
}
