package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// gates are where the gateway listens in front of one backend.
type gates struct {
	closed string // as it is without further words
	opened string // with everything open that can be
}

// differentialGateway starts a gateway with gates in front of each address.
func differentialGateway(t *testing.T, upstreams []string) (g *gateway, fronts []gates) {
	t.Helper()
	g = &gateway{t: t, binary: readyBinary(t), dir: t.TempDir(), admin: freeAddress(t), secrets: map[string]string{}}
	g.config = filepath.Join(g.dir, "Caddyfile")
	g.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.dir, "XDG_DATA_HOME=" + g.dir, "XDG_CONFIG_HOME=" + g.dir}
	config := "{\n\tadmin " + g.admin + "\n\tlog {\n\t\tlevel FATAL\n\t}\n\tapi_tokens {\n\t\tstore sqlite " + filepath.Join(g.dir, "tokens.db") + "\n\t}\n}\n"
	var held []net.Listener // so that nobody takes the addresses meanwhile
	listen := func(upstream, openings string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, l)
		_, port, _ := net.SplitHostPort(l.Addr().String())
		config += fmt.Sprintf(differentialSite, port, openings, upstream)
		return l.Addr().String()
	}
	for _, upstream := range upstreams {
		fronts = append(fronts, gates{listen(upstream, ""), listen(upstream, everythingOpen)})
	}
	if err := os.WriteFile(g.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	g.create("name", "--grant", "GET /public/{name}")
	g.create("tail", "--grant", "public.read")
	g.create("reader", "--type", "read-only")
	g.create("full", "--type", "full-access")
	for _, l := range held {
		l.Close()
	}
	g.addr = fronts[0].closed
	g.start()
	return g, fronts
}

// differentialSite is for any host, since the absolute form of a target brings
// its own. What is secret is marked as writing, by every method that counts as
// reading: that is what keeps it from read-only tokens.
const differentialSite = `http://:%s {
	bind 127.0.0.1
	api_tokens articles {
		from authorization Bearer
		from query api_token
		permission public.read {
			GET /public/*
		}
		permission secret.read write {
			GET /secret
			GET /secret/*
		}
%s	}
	reverse_proxy %s
}
`

const everythingOpen = `		open encoded_slash /*
		open encoded_percent /*
		open encoded_delimiter /*
		open semicolon /*
		open method_override /*
`
