package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// graphQLServers are the scripts in e2e/graphql that are servers.
var graphQLServers = []string{"yoga", "apollo"}

// graphQLServer is a server that says which root fields it has run: what a
// request did is what ran, whatever it was answered with.
type graphQLServer struct {
	t             *testing.T
	name          string
	addr, journal string
	wire          *wire // between the gateway and the server
	// Where the gateway listens: with nothing let in that is not by itself, with
	// all that can be, and with introspection denied.
	closed, opened, denied string
}

func startGraphQL(t *testing.T, name string) *graphQLServer {
	t.Helper()
	p := start(t, t.TempDir(), os.Environ(), installed(t), filepath.Join(root, "e2e", "graphql", name+".mjs"))
	ready := regexp.MustCompile(`ready on (\d+) and (\d+)\.`)
	var ports []string
	eventually(t, name+" is ready", func() bool {
		select {
		case <-p.done:
			t.Fatalf("%s has ended: %v", name, p.err)
		default:
		}
		ports = ready.FindStringSubmatch(p.out.String())
		return ports != nil
	})
	s := &graphQLServer{t: t, name: name, addr: "127.0.0.1:" + ports[1], journal: "127.0.0.1:" + ports[2]}
	s.wire = tap(t, s.addr)
	return s
}

// ran returns the root fields that the server has run since the last call.
func (s *graphQLServer) ran() (fields []string) {
	s.t.Helper()
	got := graphQLRequest{method: "GET", target: "/"}.send(s.t, s.journal, "")
	if err := json.Unmarshal([]byte(got.body), &fields); err != nil {
		s.t.Fatalf("the journal of %s is %q", s.name, got.body)
	}
	return fields
}

// graphQLToken is a token, by what it may do.
type graphQLToken struct {
	name string
	may  []string // operations as grants have them
}

// graphQLTokens hold what the tests say about rights in a second way, as flat
// lists. The permission article.find is written out in its list, and the reader's
// lacks the query that a permission marks as writing.
var graphQLTokens = []graphQLToken{
	{"full", []string{"query *", "query __schema", "query __type", "mutation *", "mutation __typename", "subscription *", "GET /graphql", "OPTIONS /graphql"}},
	{"reader", []string{"query articles", "query article", "query __schema", "query __type", "GET /graphql", "OPTIONS /graphql"}},
	{"finder", []string{"query articles", "query article"}},
	{"queries", []string{"query *"}},
	{"creator", []string{"mutation createArticle"}},
	{"mutations", []string{"mutation *"}},
	{"uploader", []string{"mutation attach"}},
	{"introspector", []string{"query __schema", "query __type"}},
	{"subscriber", []string{"subscription *"}},
	{"follower", []string{"subscription articleAdded"}},
	{"visitor", []string{"GET /graphql"}},
}

// mayAll reports whether the token may do all operations, which are separated by commas.
func (k graphQLToken) mayAll(operations string) bool {
	for op := range strings.SplitSeq(operations, ", ") {
		if op != "" && !k.mayDo(op) {
			return false
		}
	}
	return true
}

func (k graphQLToken) mayDo(op string) bool {
	for _, grant := range k.may {
		kind, all := strings.CutSuffix(grant, "*")
		if op == grant || all && strings.HasPrefix(op, kind) && !strings.HasPrefix(op, kind+"__") {
			return true
		}
	}
	return false
}

// graphQLGateway starts a gateway with three gates in front of each server, and
// makes the tokens.
func graphQLGateway(t *testing.T, servers ...*graphQLServer) *gateway {
	t.Helper()
	g := &gateway{t: t, binary: readyBinary(t), dir: t.TempDir(), admin: freeAddress(t), secrets: map[string]string{}}
	g.config = filepath.Join(g.dir, "Caddyfile")
	g.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.dir, "XDG_DATA_HOME=" + g.dir, "XDG_CONFIG_HOME=" + g.dir}
	config := "{\n\tadmin " + g.admin + "\n\tapi_tokens {\n\t\tstore sqlite " + filepath.Join(g.dir, "tokens.db") + "\n\t}\n}\n"
	documents := filepath.Join(g.dir, "documents.json")
	text, err := json.Marshal(map[string]string{hashOf(registeredQuery): registeredQuery, hashOf(registeredMutation): registeredMutation})
	if err != nil {
		t.Fatal(err)
	}
	var held []net.Listener // so that nobody takes the addresses meanwhile
	listen := func(s *graphQLServer, words ...string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, l)
		_, port, _ := net.SplitHostPort(l.Addr().String())
		config += fmt.Sprintf(graphQLSite, port, strings.Join(words, "\n\t\t\t"), s.wire.addr())
		return l.Addr().String()
	}
	for _, s := range servers {
		s.closed = listen(s)
		s.opened = listen(s, "introspection allow", "accept documents uploads gzip", "documents "+documents)
		s.denied = listen(s, "introspection deny")
	}
	for name, content := range map[string]string{g.config: config, documents: string(text)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range graphQLTokens {
		switch k.name {
		case "full":
			g.create("full", "--type", "full-access")
		case "reader":
			g.create("reader", "--type", "read-only")
		case "finder":
			g.create("finder", "--grant", "article.find")
		default:
			var flags []string
			for _, grant := range k.may {
				flags = append(flags, "--grant", grant)
			}
			g.create(k.name, flags...)
		}
	}
	g.create("gone")
	g.command("delete", "gone", "--yes")
	for _, l := range held {
		l.Close()
	}
	g.addr = servers[0].closed
	g.start()
	return g
}

const graphQLSite = `http://:%s {
	bind 127.0.0.1
	api_tokens articles {
		permission article.find {
			GET /api/articles
			query articles article
		}
		permission article.create {
			mutation createArticle
		}
		permission article.search write {
			query search
		}
		graphql /graphql {
			max_body 64KiB
			%s
		}
	}
	reverse_proxy %s
}
`

// Documents that the opened gates know by their hashes from the beginning.
const (
	registeredQuery    = "query Registered { articles { id } }"
	registeredMutation = "mutation Registered { createArticle(title: \"Registered\") { id } }"
)

// graphQLRequest is a request as it is written on the wire, more or less.
type graphQLRequest struct {
	method, target, body string
	headers              []string // "Name: value"
}

// graphQLClient keeps its connections, or the table would take twice as long.
var graphQLClient = &http.Client{Timeout: patience, Transport: &http.Transport{DisableCompression: true}}

// send sends the request to an address, with a secret unless it is "". What
// comes of an upgrade is not read.
func (q graphQLRequest) send(t *testing.T, address, secret string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), q.method, "http://"+address+q.target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if q.body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(q.body)), int64(len(q.body))
	}
	for _, h := range q.headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Transfer-Encoding" {
			r.ContentLength = -1
			continue
		}
		r.Header.Add(name, value)
	}
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	resp, err := graphQLClient.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", q.method, q.target, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return answer{resp.StatusCode, resp.Header, ""}
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // a server that wants no body may hang up amid its answer
		t.Fatalf("%s %s: %v", q.method, q.target, err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}
