package caddymodule

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// provisioned returns the handlers of a configuration that is checked, not run.
// With OFF in front automatic HTTPS is off, with PORTS the ports are others.
func provisioned(t *testing.T, caddyfile string) []*Admin {
	t.Helper()
	options := "admin off"
	if rest, off := strings.CutPrefix(caddyfile, "OFF "); off {
		caddyfile, options = rest, options+"\n\tauto_https off"
	}
	if rest, ports := strings.CutPrefix(caddyfile, "PORTS "); ports {
		caddyfile, options = rest, options+"\n\thttp_port 8080\n\thttps_port 8443"
	}
	text, err := adapt("{\n\t" + options + "\n\tstorage file_system " + t.TempDir() + "\n\tapi_tokens {\n\t\tstore sqlite " + t.TempDir() + "/tokens.db\n\t}\n}\n" + caddyfile)
	if err != nil {
		t.Fatal(err)
	}
	var config caddy.Config
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	ctx, err := caddy.ProvisionContext(&config)
	if err != nil {
		t.Fatal(err)
	}
	app, err := ctx.App("api_tokens")
	if err != nil {
		t.Fatal(err)
	}
	app.(*App).ctx = ctx
	return app.(*App).admins
}

func TestAdminSite(t *testing.T) {
	const directive = " {\n\tapi_tokens_admin\n}\n"
	for name, test := range map[string]struct {
		caddyfile, address string
		hosts              []string
		plain              bool
	}{
		"a name":               {"tokens.example.com" + directive, "https://tokens.example.com", []string{"tokens.example.com"}, false},
		"a name and a port":    {"tokens.example.com:8443" + directive, "https://tokens.example.com:8443", []string{"tokens.example.com"}, false},
		"two names":            {"b.example.com, a.example.com" + directive, "https://b.example.com", []string{"a.example.com", "b.example.com"}, false},
		"a wildcard":           {"*.example.com {\n\ttls internal\n\tapi_tokens_admin\n}\n", "https://localhost", []string{"*.example.com"}, false},
		"http":                 {"http://tokens.example.com" + directive, "http://tokens.example.com", []string{"tokens.example.com"}, true},
		"http and a port":      {"http://tokens.example.com:8080" + directive, "http://tokens.example.com:8080", []string{"tokens.example.com"}, true},
		"a port":               {":8080" + directive, "http://localhost:8080", nil, true},
		"port 80":              {":80" + directive, "http://localhost", nil, true},
		"port 443":             {"https://" + " {\n\ttls internal {\n\t\ton_demand\n\t}\n\tapi_tokens_admin\n}\n", "https://localhost", nil, false},
		"auto_https off":       {"OFF tokens.example.com" + directive, "https://tokens.example.com", []string{"tokens.example.com"}, false},
		"https_port":           {"PORTS tokens.example.com" + directive, "https://tokens.example.com:8443", []string{"tokens.example.com"}, false},
		"http_port":            {"PORTS http://tokens.example.com" + directive, "http://tokens.example.com:8080", []string{"tokens.example.com"}, true},
		"localhost":            {"localhost" + directive, "https://localhost", []string{"localhost"}, false},
		"http and localhost":   {"http://localhost:8080" + directive, "http://localhost:8080", []string{"localhost"}, true},
		"http and 127.0.0.1":   {"http://127.0.0.1:8080" + directive, "http://127.0.0.1:8080", []string{"127.0.0.1"}, true},
		"http and ::1":         {"http://[::1]:8080" + directive, "http://[::1]:8080", []string{"::1"}, true},
		"and bound to it":      {"http://localhost:8080 {\n\tbind localhost\n\tapi_tokens_admin\n}\n", "http://localhost:8080", []string{"localhost"}, false},
		"localhost and others": {"http://localhost:8080, http://gw.internal:8080" + directive, "http://localhost:8080", []string{"gw.internal", "localhost"}, true},
		"bound to loopback":    {":8080 {\n\tbind 127.0.0.1 ::1\n\tapi_tokens_admin\n}\n", "http://127.0.0.1:8080", nil, false},
		"bound to a LAN":       {":8080 {\n\tbind 10.0.0.1\n\tapi_tokens_admin\n}\n", "http://10.0.0.1:8080", nil, true},
		"a socket":             {"http://tokens.example.com {\n\tbind unix//run/a.sock\n\tapi_tokens_admin\n}\n", "http://tokens.example.com", []string{"tokens.example.com"}, false},
		"in a block":           {"a.example.com, b.example.com {\n\t@b host b.example.com\n\thandle @b {\n\t\troute /api/* {\n\t\t\tapi_tokens_admin\n\t\t}\n\t}\n}\n", "https://b.example.com", []string{"b.example.com"}, false},
		"among others":         {"http://x.example.com {\n\trespond x\n}\na.example.com" + directive, "https://a.example.com", []string{"a.example.com"}, false},
		"invoked":              {"&(manage) {\n\tapi_tokens_admin\n}\n:8080 {\n\tinvoke manage\n}\n", "http://localhost:8080", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			handlers := provisioned(t, test.caddyfile)
			if len(handlers) != 1 {
				t.Fatalf("%d handlers", len(handlers))
			}
			s := handlers[0].app.siteOf(handlers[0])
			if !slices.Equal(s.hosts, test.hosts) || s.address != test.address || (len(s.plain) > 0) != test.plain {
				t.Errorf("got %+v", s)
			}
		})
	}
}

// Caddy never has TLS on the HTTP port, whatever the server says.
func TestAdminSiteOnHTTPPort(t *testing.T) {
	var s site
	for _, port := range []uint{80, 443} {
		l := caddy.NetworkAddress{Network: "tcp", StartPort: port, EndPort: port}
		s.add(&l, true, []string{"a.example.com"}, 80)
	}
	if s.address != "https://a.example.com" || len(s.plain) != 1 {
		t.Errorf("got %+v", s)
	}
}

// Of several addresses the link gets one with TLS.
func TestAdminLinkPrefersTLS(t *testing.T) {
	handlers := provisioned(t, "http://a.example.com, https://a.example.com {\n\tapi_tokens_admin\n}\n")
	app, plain := handlers[0].app, 0
	for _, h := range handlers {
		h.site = app.siteOf(h)
		plain += len(h.site.plain)
	}
	if address, ok := app.linkAddress(); len(handlers) != 2 || plain != 1 || !ok || address != "https://a.example.com" {
		t.Errorf("%d handlers, %d plain, %s", len(handlers), plain, address)
	}
}

func TestAdminWarnsOfPlain(t *testing.T) {
	const says = "TOKENS ARE MANAGED WITHOUT TLS"
	g := newManagement(t, nil) // bound to loopback
	if strings.Contains(g.log(), says) {
		t.Error("it warns of loopback")
	}
	g.mustLoad(strings.Replace(adminSite, "bind 127.0.0.1", "", 1))
	if !strings.Contains(g.log(), says) {
		t.Error("it doesn't warn")
	}
}
