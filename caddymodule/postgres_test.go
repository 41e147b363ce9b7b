package caddymodule

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	goruntime "runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/postgres"
)

// postgresGateway is a gateway on a Postgres database.
type postgresGateway struct {
	*gateway
	server   *pgtest.Server
	database string
	dsn      string // with a password
	endpoint string // Caddy's admin endpoint
}

// newPostgres prepares a gateway on a new database with the usual tokens.
func newPostgres(t *testing.T, server *pgtest.Server, words map[string]string) *postgresGateway {
	t.Helper()
	p := &postgresGateway{server: server, database: server.Database(t), endpoint: freeAddress(t)}
	p.dsn = server.DSN(p.database, pgtest.Superuser)
	t.Setenv("TOKENREEVE_TEST_DSN", p.dsn)
	all := map[string]string{
		"DRIVER": "postgres", "STORE": "{env.TOKENREEVE_TEST_DSN}", "ENDPOINT": p.endpoint, "TOKENS": "cache_ttl 1h",
		"BACKEND": startBackend(t, "").addr(), "MORE": "", "REST": "",
	}
	maps.Copy(all, words)
	p.gateway = newGateway(t, all)
	p.tokens = fillStore(t, p.another())
	t.Cleanup(func() { // the admin endpoint outlives caddy.Stop
		p.words["ENDPOINT"] = "off"
		p.words["DRIVER"], p.words["STORE"], p.words["TOKENS"] = "sqlite", "DIR/other.db", ""
		if err := p.load(""); err != nil {
			t.Error(err)
		}
	})
	return p
}

// another opens the store as another process would.
func (p *postgresGateway) another() store.Store {
	p.t.Helper()
	s, err := postgres.Open(p.t.Context(), postgres.Config{DSN: p.dsn})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { s.Close() })
	return s
}

func (p *postgresGateway) do(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// start loads sites and waits until changes are watched: that begins with
// forgetting everything.
func (p *postgresGateway) start(sites string) {
	p.t.Helper()
	p.mustLoad(sites)
	eventually(p.t, "changes are watched", func() bool { return p.runtime().hears() })
}

func (p *postgresGateway) wantLines(n int, messages ...string) {
	p.t.Helper()
	for _, message := range messages {
		if got := strings.Count(p.log(), `"msg":"`+message); got != n {
			p.t.Errorf("%d lines say %q; want %d", got, message, n)
		}
	}
}

const (
	saysAway     = "the token store is unavailable"
	saysBack     = "the token store is back"
	saysUnsaved  = "writing last-use times failed"
	saysSavedNow = "last-use times are written again"
)

// Invariant 4 over Postgres: a change holds here with the next request, and soon
// if another process made it, by either way to hear of it.
func TestPostgresChanges(t *testing.T) {
	for _, invalidation := range []string{"listen", "poll 100ms"} {
		t.Run(invalidation, func(t *testing.T) {
			p := newPostgres(t, pgtest.Shared(t), map[string]string{"TOKENS": "cache_ttl 1h\n\t\tinvalidation " + invalidation})
			p.start(articlesSite)
			elsewhere := admin.New(p.another(), time.Now, rand.Reader)
			here := p.manage()
			full := p.tokens["full"]
			if a := p.ask("GET", "/x", p.bearer("custom")); a.status != 403 {
				t.Errorf("a custom token: %v", a)
			}
			for range 5 {
				for _, enabled := range []bool{false, true} {
					want := map[bool]int{true: 200, false: 401}[enabled]
					if _, err := here.SetEnabled(t.Context(), operator, full.id, 0, enabled); err != nil {
						t.Fatal(err)
					}
					if a := p.ask("GET", "/x", p.bearer("full")); a.status != want {
						t.Errorf("after a change here: %v; want %d", a, want)
					}
				}
				for _, enabled := range []bool{false, true} {
					want := map[bool]int{true: 200, false: 401}[enabled]
					if _, err := elsewhere.SetEnabled(t.Context(), operator, full.id, 0, enabled); err != nil {
						t.Fatal(err)
					}
					began := time.Now()
					eventually(t, "a change elsewhere holds", func() bool { return p.ask("GET", "/x", p.bearer("full")).status == want })
					t.Logf("it held after %v", time.Since(began).Round(time.Millisecond))
				}
			}
		})
	}
}

// Rule 15: the database goes away and comes back.
func TestPostgresOutage(t *testing.T) {
	p := newPostgres(t, pgtest.Start(t), map[string]string{"TOKENS": "cache_ttl 500ms\n\t\tflush_interval 100ms"})
	p.start(articlesSite)
	if a := p.ask("GET", "/x", p.bearer("full")); a.status != 200 {
		t.Fatal(a)
	}
	p.do(p.server.Stop(syscall.SIGINT))
	for i := range 1000 {
		kind, want := "full", http.StatusOK
		if i%2 == 0 {
			kind, want = "readonly", http.StatusServiceUnavailable // never seen before
		}
		a := p.ask("GET", "/x", p.bearer(kind))
		if a.status != want || (want == http.StatusServiceUnavailable) != (a.header.Get("Retry-After") != "") {
			t.Fatalf("request %d, %s: %v; want %d", i, kind, a, want)
		}
	}
	p.wantLines(1, saysAway, saysUnsaved)
	if up, pending := p.metric("tokenreeve_store_up"), p.metric("tokenreeve_last_use_pending"); up != 0 || pending == 0 {
		t.Errorf("the store is up: %v, %v uses are pending", up, pending)
	}
	if status, h := p.health(); status != 200 || !h.Ready || len(h.Stores) != 1 || h.Stores[0].Up || h.Stores[0].Watched || !h.Stores[0].LastUseFailing || h.Stores[0].Driver != "postgres" {
		t.Errorf("health is %d %+v", status, h)
	}
	p.do(p.server.Start())
	eventually(t, "a token that was not known works", func() bool { return p.ask("GET", "/x", p.bearer("readonly")).status == 200 })
	eventually(t, "uses are written", func() bool { return p.metric("tokenreeve_last_use_pending") == 0 })
	p.wantLines(1, saysAway, saysBack, saysUnsaved, saysSavedNow)
	if status, h := p.health(); status != 200 || !h.Stores[0].Up || h.Stores[0].LastUseFailing {
		t.Errorf("health is %d %+v", status, h)
	}
	p.wantUses("full", 501)

	// The bound: cache_ttl and stale_if_error.
	p.words["TOKENS"] = "cache_ttl 200ms\n\t\tstale_if_error 1s\n\t\tflush_interval 100ms"
	p.start(articlesSite)
	p.ask("GET", "/x", p.bearer("full"))
	p.do(p.server.Stop(syscall.SIGINT))
	away := time.Now()
	last := away // when a request began that was let in
	eventually(t, "a known token stops", func() bool {
		began := time.Now()
		a := p.ask("GET", "/x", p.bearer("full"))
		if a.status == 200 {
			last = began
		}
		return a.status == 503
	})
	if took := last.Sub(away); took > 1200*time.Millisecond {
		t.Errorf("it worked for %v", took)
	}
	p.do(p.server.Start())
	eventually(t, "a known token works again", func() bool { return p.ask("GET", "/x", p.bearer("full")).status == 200 })
}

// wantUses waits until the database has at least so many uses of a token; a
// write that was cut off can have been done all the same.
func (p *postgresGateway) wantUses(kind string, least uint64) {
	p.t.Helper()
	s := p.another()
	allowed := uint64(0)
	eventually(p.t, "the uses are in the database", func() bool {
		uses, err := s.Usage(context.Background(), p.tokens[kind].id, time.Unix(0, 0))
		allowed = 0
		for _, u := range uses {
			allowed += u.Allowed
		}
		return err == nil && allowed >= least
	})
	if allowed != least {
		p.t.Errorf("%d uses of %s; want %d", allowed, kind, least)
	}
}

// A database that can only be read, as after a failover that went wrong, serves
// requests; what can't be written is kept.
func TestPostgresReadOnly(t *testing.T) {
	p := newPostgres(t, pgtest.Start(t), map[string]string{"TOKENS": "flush_interval 100ms"})
	p.start(articlesSite)
	const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`
	p.do(p.server.Exec("postgres", "ALTER DATABASE "+p.database+" SET default_transaction_read_only = on; "+cut))
	for range 20 {
		if a := p.ask("GET", "/x", p.bearer("full")); a.status != 200 {
			t.Errorf("a token that was not known: %v", a)
		}
	}
	eventually(t, "writing fails", func() bool { _, h := p.health(); return h.Stores[0].LastUseFailing })
	if _, err := p.manage().SetEnabled(t.Context(), operator, p.tokens["full"].id, 0, false); err == nil {
		t.Error("a token could be changed")
	}
	if status, h := p.health(); status != 200 || !h.Stores[0].Up {
		t.Errorf("health is %d %+v", status, h)
	}
	if err := p.load(articlesSite); err != nil {
		t.Errorf("a reload: %v", err)
	}
	if err := p.load(strings.Replace(articlesSite, "article.create", "article.make", 1)); err != nil {
		t.Errorf("a reload with other permissions: %v", err)
	}
	p.do(p.server.Exec("postgres", "ALTER DATABASE "+p.database+" RESET default_transaction_read_only; "+cut))
	p.wantUses("full", 20)
	p.wantLines(1, saysUnsaved, saysSavedNow)
	p.wantCatalog("article.make")
}

// wantCatalog waits until the database has a permission.
func (p *postgresGateway) wantCatalog(permission string) {
	p.t.Helper()
	s := p.another()
	eventually(p.t, "the database has permission "+permission, func() bool {
		catalogs, err := s.Catalogs(context.Background())
		return err == nil && strings.Contains(fmt.Sprint(catalogs), permission)
	})
}

// lookupGoroutines counts goroutines that decide, look up, or wait for the
// database. Others belong to connections that are kept for the next request.
func lookupGoroutines() (n int) {
	stacks := make([]byte, 8<<20)
	stacks = stacks[:goruntime.Stack(stacks, true)]
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "tokenreeve/gate.") || strings.Contains(stack, "tokenreeve/store") || strings.Contains(stack, "jackc/p") {
			n++
		}
	}
	return n
}

// A database that hangs: requests are answered in time, and nothing piles up.
func TestPostgresHangs(t *testing.T) {
	p := newPostgres(t, pgtest.Start(t), map[string]string{"TOKENS": "cache_ttl 500ms\n\t\tflush_interval 100ms"})
	p.start(articlesSite)
	if a := p.ask("GET", "/x", p.bearer("full")); a.status != 200 {
		t.Fatal(a)
	}
	before := lookupGoroutines()
	p.do(p.server.Signal(syscall.SIGSTOP))
	stopped := true
	defer func() {
		if stopped {
			_ = p.server.Signal(syscall.SIGCONT)
		}
	}()
	const atOnce = 100
	known := uint64(1)
	for range 5 {
		var clients sync.WaitGroup
		for i := range atOnce {
			kind, want := "full", http.StatusOK
			if i%2 == 0 {
				kind, want = "unknown", http.StatusServiceUnavailable
			}
			clients.Go(func() {
				began := time.Now()
				if a := <-p.askBeside("GET", "/x", p.bearer(kind)); a.status != want {
					t.Errorf("%s: %v; want %d", kind, a, want)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("%s took %v", kind, took)
				}
			})
		}
		clients.Wait()
		known += atOnce / 2
		if now := lookupGoroutines(); now > before+100 {
			t.Errorf("there are %d goroutines; before there were %d", now, before)
		}
	}
	p.wantLines(1, saysAway)
	began := time.Now()
	if err := p.load(articlesSite); err != nil {
		t.Errorf("a reload: %v", err)
	}
	t.Logf("a reload took %v", time.Since(began).Round(time.Millisecond))
	if a := p.ask("GET", "/x", p.bearer("full")); a.status != 200 {
		t.Errorf("after a reload: %v", a)
	}
	known++
	p.do(p.server.Signal(syscall.SIGCONT))
	stopped = false
	eventually(t, "a token that was not known works", func() bool { return p.ask("GET", "/x", p.bearer("readonly")).status == 200 })
	eventually(t, fmt.Sprintf("no more than %d goroutines and a few", before), func() bool { return lookupGoroutines() <= before+5 })
	p.wantUsesOrMore("full", known)
}

// wantUsesOrMore is for writes that were cut off while the database hung: it may
// do them when it goes on, and the gateway writes them again.
func (p *postgresGateway) wantUsesOrMore(kind string, least uint64) {
	p.t.Helper()
	s := p.another()
	eventually(p.t, "the uses are in the database", func() bool {
		uses, err := s.Usage(context.Background(), p.tokens[kind].id, time.Unix(0, 0))
		allowed := uint64(0)
		for _, u := range uses {
			allowed += u.Allowed
		}
		return err == nil && allowed >= least
	})
}

// A reload while the database is away: with the same settings it works, and with
// others the old configuration goes on, with what it has in memory.
func TestPostgresReloadWhileAway(t *testing.T) {
	p := newPostgres(t, pgtest.Start(t), nil)
	p.start(articlesSite)
	p.ask("GET", "/x", p.bearer("full"))
	rt := p.runtime()
	p.do(p.server.Stop(syscall.SIGINT))
	if err := p.load(strings.Replace(articlesSite, "article.create", "article.make", 1)); err != nil {
		t.Errorf("a reload with the same settings: %v", err)
	}
	p.words["TOKENS"] = "cache_ttl 30m"
	err := p.load(articlesSite)
	if err == nil || !strings.Contains(err.Error(), ", at Caddyfile:") || strings.Contains(err.Error(), pgtest.Password) {
		t.Errorf("a reload with other settings: %v", err)
	}
	if a := p.ask("GET", "/x", p.bearer("full")); a.status != 200 || p.runtime() != rt {
		t.Errorf("afterwards: %v", a)
	}
	p.do(p.server.Start())
	p.wantCatalog("article.make")
	if err := p.load(articlesSite); err != nil {
		t.Errorf("when the database is back: %v", err)
	}
	if p.runtime() == rt {
		t.Error("the runtime is the old one")
	}
}

// A database that hangs is not waited for by a gateway that looks for it.
func TestPostgresReopenHangs(t *testing.T) {
	p := newPostgres(t, pgtest.Start(t), nil)
	locked := make(chan error, 1)
	go func() {
		locked <- p.server.Exec(p.database, "BEGIN; LOCK TABLE schema_version IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600); COMMIT")
	}()
	const isLocked = `DO $$ BEGIN
		IF NOT EXISTS (SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'schema_version'::regclass) THEN RAISE 'not yet'; END IF;
		END $$`
	eventually(t, "the table is locked", func() bool { return p.server.Exec(p.database, isLocked) == nil })
	rt := &runtime{settings: settings{store: StoreConfig{Driver: driverPostgres, Source: p.dsn, resolved: true}}}
	if err := rt.reopen(t.Context()); !isAway(err) || rt.store.Load() != nil {
		t.Error(err)
	}
	p.do(p.server.Exec(p.database, isLocked)) // still: it did not wait for that
	p.do(p.server.Exec(p.database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"))
	if err := <-locked; err == nil {
		t.Error("the lock ended by itself")
	}
}

// A role that may look up but not see changes: health says that nothing is heard,
// and why, and ready goes by what works.
func TestPostgresDeaf(t *testing.T) {
	server := pgtest.Start(t)
	p := newPostgres(t, server, map[string]string{"TOKENS": "cache_ttl 1h"})
	p.do(server.CreateRole("tokenreeve_serve"))
	p.do(server.Exec(p.database, postgres.GrantsToServe+"REVOKE SELECT ON changes FROM tokenreeve_serve"))
	t.Setenv("TOKENREEVE_TEST_DSN", server.DSN(p.database, "tokenreeve_serve"))
	p.mustLoad(articlesSite)
	eventually(t, "health says why", func() bool {
		_, h := p.health()
		return h.Stores[0].WatchFailure == "the store refuses it, with code 42501; see the log"
	})
	if status, h := p.health(); status != 200 || !h.Ready || h.Stores[0].Watched || p.metric("tokenreeve_store_watched") != 0 {
		t.Errorf("health is %d %+v", status, h)
	}
	if a := p.ask("GET", "/x", p.bearer("full")); a.status != 200 {
		t.Error(a)
	}
	p.do(server.Exec(p.database, postgres.GrantsToServe))
	eventually(t, "changes are watched", func() bool {
		_, h := p.health()
		return h.Stores[0].Watched && h.Stores[0].WatchFailure == "" && p.metric("tokenreeve_store_watched") == 1
	})
	p.do(server.Exec("postgres", "ALTER ROLE tokenreeve_serve NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tokenreeve_serve'"))
	eventually(t, "the loss is noticed", func() bool { _, h := p.health(); return !h.Stores[0].Watched && h.Stores[0].WatchFailure != "" })
	p.do(server.Exec("postgres", "ALTER ROLE tokenreeve_serve LOGIN"))
	eventually(t, "changes are watched again", func() bool { _, h := p.health(); return h.Stores[0].Watched })
}

// A gateway starts while the database is away, and lets nobody in until it is there.
func TestPostgresStartWithoutIt(t *testing.T) {
	p := newPostgres(t, pgtest.Start(t), nil)
	p.do(p.server.Stop(syscall.SIGINT))
	began := time.Now()
	p.mustLoad(articlesSite)
	t.Logf("the start took %v", time.Since(began).Round(time.Millisecond))
	for range 200 {
		if a := p.ask("GET", "/x", p.bearer("full")); a.status != 503 || a.header.Get("Retry-After") == "" {
			t.Fatal(a)
		}
	}
	if status, h := p.health(); status != 503 || h.Ready || len(h.Stores) != 1 || h.Stores[0].Answered != nil {
		t.Errorf("health is %d %+v", status, h)
	}
	p.wantLines(1, saysAway)
	if err := p.load(articlesSite); err != nil {
		t.Errorf("a reload: %v", err)
	}
	p.do(p.server.Start())
	eventually(t, "the token works", func() bool { return p.ask("GET", "/x", p.bearer("full")).status == 200 })
	p.wantLines(1, saysAway, saysBack)
	p.wantCatalog("article.create")
	if status, h := p.health(); status != 200 || !h.Stores[0].Up {
		t.Errorf("health is %d %+v", status, h)
	}
	if _, err := p.manage().SetEnabled(t.Context(), operator, p.tokens["full"].id, 0, false); err != nil {
		t.Fatal(err)
	}
	if a := p.ask("GET", "/x", p.bearer("full")); a.status != 401 {
		t.Errorf("a disabled token: %v", a)
	}
}

// Also a gateway that never reached its database stops.
func TestPostgresStopWithoutIt(t *testing.T) {
	p := newPostgres(t, pgtest.Start(t), nil)
	p.do(p.server.Stop(syscall.SIGINT))
	p.mustLoad(articlesSite)
	p.ask("GET", "/x", p.bearer("full"))
	if err := caddy.Stop(); err != nil {
		t.Error(err)
	}
	eventually(t, "the runtime is released", func() bool { return runtimeCount() == 0 && len(liveRuntimes()) == 0 })
}

// What does not pass by itself is an error at the start, without the password.
func TestPostgresStartErrors(t *testing.T) {
	server := pgtest.Shared(t)
	for name, test := range map[string]struct {
		dsn  func(p *postgresGateway) string
		says string
	}{
		"a wrong password": {func(p *postgresGateway) string { return strings.Replace(p.dsn, pgtest.Password, "hunter2-wrong", 1) }, "log-in"},
		"no database":      {func(*postgresGateway) string { return server.DSN("nowhere", pgtest.Superuser) }, "doesn't exist"},
		"no DSN":           {func(*postgresGateway) string { return "postgres://gw:hunter2@host:port/x" }, "can't be read"},
		"no pairs":         {func(*postgresGateway) string { return "hunter2 password=hunter2 'x" }, "can't be read"},
		"an empty one":     {func(*postgresGateway) string { return "" }, "{env.TOKENREEVE_TEST_DSN}"},
		"a newer version": {func(p *postgresGateway) string {
			p.do(p.server.Exec(p.database, "UPDATE schema_version SET tokenreeve = 999"))
			return p.dsn
		}, "newer"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPostgres(t, server, nil)
			t.Setenv("TOKENREEVE_TEST_DSN", test.dsn(p))
			err := p.load(articlesSite)
			if err == nil {
				t.Fatal("it started")
			}
			text := err.Error()
			if !strings.Contains(text, test.says) || !strings.Contains(text, ", at Caddyfile:") {
				t.Errorf("it says %q; want %q and a line in it", text, test.says)
			}
			if strings.Contains(text, "hunter2") || strings.Contains(text, pgtest.Password) || strings.Contains(p.log(), "hunter2") {
				t.Errorf("the password is in %q or in the log", text)
			}
			if n := len(liveRuntimes()); n != 0 {
				t.Errorf("%d runtimes are left", n)
			}
		})
	}
}

// Rule 20: the password of the database is in nothing that the gateway shows.
func TestPostgresPasswordNowhere(t *testing.T) {
	p := newPostgres(t, pgtest.Start(t), map[string]string{"TOKENS": "cache_ttl 200ms\n\t\tflush_interval 100ms"})
	file := p.dir + "/password"
	write(t, file, pgtest.Password+"\n")
	p.words["STORE"] = strings.Replace(p.dsn, pgtest.Password, "{file."+file+"}", 1)
	p.start(articlesSite)
	search := func(when string) {
		t.Helper()
		texts := map[string]string{"the log": p.log()}
		for _, path := range []string{"/config/", "/metrics", "/api_tokens/health", "/debug/vars", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2"} {
			texts[path] = fetch(t, "http://"+p.endpoint+path)
		}
		for where, text := range texts {
			if strings.Contains(strings.ToLower(percentDecoded(jsonDecoded(text))), pgtest.Password) {
				t.Errorf("%s: %s has the password", when, where)
			}
		}
		if !strings.Contains(texts["/config/"], "{file."+file+"}") {
			t.Error("the configuration has no placeholder; does it have the store?")
		}
	}
	if a := p.ask("GET", "/x", p.bearer("full")); a.status != 200 {
		t.Fatal(a)
	}
	search("at first")
	p.do(p.server.Stop(syscall.SIGINT))
	eventually(t, "reading and writing fail", func() bool {
		p.ask("GET", "/x", p.bearer("full")) // works on, and its use is to be written
		_, h := p.health()
		return !h.Stores[0].Up && h.Stores[0].LastUseFailing
	})
	p.words["TOKENS"] = "cache_ttl 1m"
	if err := p.load(articlesSite); err == nil || strings.Contains(err.Error(), pgtest.Password) {
		t.Errorf("a reload: %v", err)
	}
	search("while the database is away")
	p.do(p.server.Start())
	eventually(t, "it works again", func() bool { return p.ask("GET", "/x", p.bearer("readonly")).status == 200 })
	search("when it is back")
}
