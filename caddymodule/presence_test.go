package caddymodule

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/postgres"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
)

// wantGateways waits until the store has gateways, each as a list of APIs that end
// with "(other)" if the gateway has another catalog than the newest, and returns them.
func wantGateways(t *testing.T, s store.Store, want ...string) []store.Gateway {
	t.Helper()
	var found []store.Gateway
	got := ""
	eventually(t, fmt.Sprintf("the gateways are %q", want), func() bool {
		var err error
		if found, err = s.Gateways(t.Context()); err != nil {
			t.Fatal(err)
		}
		got = gatewaysText(t, s, found)
		return got == strings.Join(want, "; ")
	})
	if t.Failed() {
		t.Fatalf("got %q", got)
	}
	return found
}

// gatewaysText writes gateways in the order in which they come first.
func gatewaysText(t *testing.T, s store.Store, gateways []store.Gateway) string {
	t.Helper()
	catalogs, err := s.Catalogs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	newest := map[string]string{}
	for _, c := range catalogs {
		if newest[c.API], err = permission.Fingerprint(c.Permissions); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	apis := map[string]string{}
	for _, g := range gateways {
		word := " " + g.API
		if g.Fingerprint != newest[g.API] {
			word += "(other)"
		}
		if apis[g.ID] == "" {
			ids = append(ids, g.ID)
		}
		apis[g.ID] += word
	}
	for i, id := range ids {
		ids[i] = apis[id][1:]
	}
	return strings.Join(ids, "; ")
}

// Which APIs a gateway protects, and since when, follows its configuration: through
// reloads, those that fail too, and until it stops.
func TestPresence(t *testing.T) {
	g := newArticles(t, startBackend(t, ""), nil)
	s, err := sqlite.Open(t.Context(), filepath.Join(g.dir, "tokens.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	first := wantGateways(t, s, "articles")[0]
	if first.Name != host || time.Since(first.Started) > patience || first.Started.After(time.Now()) {
		t.Errorf("%+v", first)
	}

	second := strings.Replace(strings.Replace(articlesSite, "api_tokens articles", "api_tokens orders", 1), "http://GATE", "http://other.test"+anyHost(g.addr), 1)
	g.mustLoad(articlesSite + second)
	both := wantGateways(t, s, "articles orders")
	if both[0].ID != first.ID || !both[0].Started.Equal(first.Started) || both[1].ID != first.ID {
		t.Errorf("after a reload: %+v; it was %+v", both, first)
	}

	// A configuration that fails after this app has started is as if it had not been.
	before := g.runtime().presence.apis()
	taken := "http://:1 {\n\tbind 192.0.2.1\n}\n"
	for range 10 { // Caddy starts apps in any order
		if err := g.load(articlesSite + taken); err == nil {
			t.Fatal("it loaded")
		}
	}
	if after := g.runtime().presence.apis(); !slices.Equal(after, before) || len(after) != 2 {
		t.Errorf("after reloads that failed: %+v; want %+v", after, before)
	}
	wantGateways(t, s, "articles orders")

	g.mustLoad(strings.Replace(articlesSite, "article.create", "article.make", 1))
	changed := first
	eventually(t, "it has another catalog", func() bool {
		changed = wantGateways(t, s, "articles")[0]
		return changed.Fingerprint != first.Fingerprint
	})
	if changed.ID != first.ID || !changed.Started.After(first.Started) {
		t.Errorf("with another catalog: %+v; it was %+v", changed, first)
	}

	g.words["TOKENS"] = "cache_ttl 1m" // another runtime
	g.mustLoad(articlesSite)
	eventually(t, "the runtime of before is gone", func() bool { return wantGateways(t, s, "articles")[0].ID != first.ID })
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	wantGateways(t, s)
}

// Two gateways on one store, of which one has another catalog than the newest: the
// one that was started last.
func TestGatewaysOfOneStore(t *testing.T) {
	g := newArticles(t, startBackend(t, ""), nil)
	s, err := sqlite.Open(t.Context(), filepath.Join(g.dir, "tokens.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	first := wantGateways(t, s, "articles")[0]

	other := g.startOther(strings.Replace(articlesSite, "article.create", "article.make", 1))
	found := wantGateways(t, s, "articles(other)", "articles")
	if found[0].ID != first.ID {
		t.Errorf("%+v; the first was %+v", found, first)
	}
	if err := other.Process.Kill(); err != nil { // it can't say so
		t.Fatal(err)
	}
	_ = other.Wait()
	wantGateways(t, s, "articles(other)", "articles")

	third := g.startOther(articlesSite)
	wantGateways(t, s, "articles", "articles(other)", "articles")
	if err := third.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := third.Wait(); err != nil {
		t.Error(err)
	}
	wantGateways(t, s, "articles", "articles(other)")
}

// startOther starts another process with the given sites on the same store.
func (g *gateway) startOther(sites string) *exec.Cmd {
	g.t.Helper()
	addr, metrics := g.addr, g.metrics
	g.addr, g.metrics = freeAddress(g.t), freeAddress(g.t)
	config, err := adapt(g.fill(preamble + sites))
	g.addr, g.metrics = addr, metrics
	if err != nil {
		g.t.Fatal(err)
	}
	file := filepath.Join(g.t.TempDir(), "caddy.json")
	write(g.t, file, string(config))
	cmd := exec.Command("caddy", "run", "--config", file)
	cmd.Env = append(os.Environ(), "HOME="+g.dir, "XDG_DATA_HOME="+g.dir+"/data", "XDG_CONFIG_HOME="+g.dir+"/config")
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

// That this can't be written keeps neither a start nor a request from anything. It
// is logged once, and once when it works again.
func TestPresenceThatCantBeWritten(t *testing.T) {
	server := pgtest.Start(t)
	p := newPostgres(t, server, nil)
	p.do(server.CreateRole("tokenreeve_serve"))
	p.do(server.Exec(p.database, postgres.GrantsToServe+"REVOKE INSERT ON gateways FROM tokenreeve_serve"))
	t.Setenv("TOKENREEVE_TEST_DSN", server.DSN(p.database, "tokenreeve_serve"))
	const failed, works = "noting this gateway in the store failed", "this gateway is noted in the store again"
	p.mustLoad(articlesSite)
	eventually(t, "it is logged", func() bool { return strings.Contains(p.log(), failed) })
	if a := p.ask("GET", "/x", p.bearer("full")); a.status != 200 {
		t.Error(a)
	}
	p.mustLoad(articlesSite) // which tries again
	p.mustLoad(articlesSite)
	p.do(server.Exec(p.database, postgres.GrantsToServe))
	p.mustLoad(articlesSite)
	wantGateways(t, p.another(), "articles")
	eventually(t, "that is logged", func() bool { return strings.Contains(p.log(), works) })
	p.wantLines(1, failed, works)
}

// A gateway that started while the database was away says so when it is there, and
// one that loses it comes back.
func TestPresenceOnPostgres(t *testing.T) {
	p := newPostgres(t, pgtest.Start(t), nil)
	p.do(p.server.Stop(syscall.SIGINT))
	p.mustLoad(articlesSite)
	p.do(p.server.Start())
	s := p.another()
	found := wantGateways(t, s, "articles")
	if found[0].Silent > patience {
		t.Errorf("%+v", found)
	}
	p.words["TOKENS"] = "cache_ttl 30m"
	p.mustLoad(articlesSite)
	eventually(t, "the runtime of before is gone", func() bool { return wantGateways(t, s, "articles")[0].ID != found[0].ID })
}
