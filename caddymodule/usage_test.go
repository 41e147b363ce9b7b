package caddymodule

import (
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// What a token did, by permission, and the address that Caddy says it came from.
func TestUseByPermission(t *testing.T) {
	for name, test := range map[string]struct{ servers, address string }{
		"a client":                 {"", "127.0.0.1"},
		"behind a proxy":           {"servers {\n\t\ttrusted_proxies static 127.0.0.1\n\t}", "192.0.2.7"},
		"with a header of its own": {"servers {\n\t\ttrusted_proxies static 10.0.0.1\n\t}", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newArticles(t, startBackend(t, ""), map[string]string{"TOKENS": "flush_interval 50ms", "SERVERS": test.servers})
			g.useByPermission(test.address)
		})
	}
}

func (g *gateway) useByPermission(address string) {
	for _, request := range []struct {
		method, path, kind string
		status             int
	}{
		{"GET", "/api/articles", "finder", http.StatusOK},
		{"GET", "/api/articles/1", "finder", http.StatusOK},
		{"POST", "/api/articles", "finder", http.StatusForbidden},
		{"DELETE", "/never/named", "finder", http.StatusForbidden},
		{"GET", "/api/articles/1", "custom", http.StatusOK},
	} {
		if a := g.ask(request.method, request.path, g.bearer(request.kind), "X-Forwarded-For: 192.0.2.7"); a.status != request.status {
			g.t.Errorf("%s %s: %v", request.method, request.path, a)
		}
	}
	for kind, permissions := range map[string][]token.PermissionUse{
		"finder": {{Refused: 1}, {Permission: "article.create", Refused: 1}, {Permission: "article.find", Allowed: 2}},
		"custom": {{Permission: "GET /api/articles/{id}", Allowed: 1}},
	} {
		var sum store.UseSummary
		eventually(g.t, kind+" is counted", func() bool {
			var err error
			sum, err = g.runtime().store.Load().UseSummary(g.t.Context(), g.tokens[kind].id, time.Now().AddDate(0, 0, -1))
			return err == nil && reflect.DeepEqual(sum.Permissions, permissions)
		})
		if sum.Address != address {
			g.t.Errorf("%s came from %q, want %q; %+v", kind, sum.Address, address, sum)
		}
	}
}

func TestMissingRows(t *testing.T) {
	var uses []admin.PermissionUse
	for i, name := range []string{"a.allowed", "a.few", "", "\x1b[2J", "a.b", "a.c", "a.d", "a.e"} {
		uses = append(uses, admin.PermissionUse{Permission: name, Allowed: 9, Refused: uint64(i)})
	}
	want := [][2]string{
		{"missing", "a.e  asked for 7 times"},
		{"", "a.d  asked for 6 times"},
		{"", "a.c  asked for 5 times"},
		{"", "a.b  asked for 4 times"},
		{"", `"\x1b[2J"  asked for 3 times`},
	}
	if got := missingRows(uses); !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	want = [][2]string{{"missing", "what no permission names  asked for 2 times"}, {"", "a.few  asked for once"}}
	if got := missingRows(uses[:3]); !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	if got := missingRows(uses[:1]); got != nil {
		t.Errorf("%q", got)
	}
}
