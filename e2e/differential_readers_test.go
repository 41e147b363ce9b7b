package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// readers are what apps read requests with: what they find in one that the gate let
// through must be what the gate found in it.
type readers struct {
	what   string // for the table
	seed   uint64
	count  int    // for each backend
	token  string // by name
	grants []string
	make   func(mutator) sample
	wrong  func(read string) bool
}

// sample is a request in some spelling.
type sample interface {
	bytes(credential string) []byte
	isOrdinary() bool // it is written as clients write it, and must pass
}

func (r readers) run(t *testing.T) {
	backends := startReaders(t)
	var upstreams []string
	for _, b := range backends {
		upstreams = append(upstreams, b.address)
	}
	g, fronts := differentialGateway(t, upstreams)
	var grants []string
	for _, grant := range r.grants {
		grants = append(grants, "--grant", grant)
	}
	g.create(r.token, grants...)

	table := fmt.Sprintf(readersRow, "backend", r.what, "ordinary", "refused", "forwarded", "otherwise", "without the gate")
	for i, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			d := &readersDifferential{readers: r, reporter: reporter{t: t}, backend: b, gate: fronts[i].closed, bearer: g.bearer(r.token), seed: seedOf(b, r.seed)}
			d.run()
			table += fmt.Sprintf(readersRow, b.name, r.count, d.ordinary.Load(), d.refused.Load(), d.forwarded.Load(), d.through.Load(), d.direct.Load())
		})
	}
	t.Logf("seed %d\n%s", r.seed, table)
	if code := g.process.stop(interrupt); code != 0 {
		t.Errorf("the gateway ended with code %d", code)
	}
}

const readersRow = "%-24v %7v %9v %9v %10v %13v %17v\n"

// readerFamilies are the readers of forms, queries and JSON there are, see backendFamilies.
var readerFamilies = []struct {
	name  string
	find  func(*testing.T) string
	start func(t *testing.T, path string) []backend
}{
	{"Node.js", installed, func(t *testing.T, node string) []backend {
		return startApps(t, []string{"Express 4 qs", "Express 5 querystring"}, node, inDifferential("readers.js"))
	}},
	{"Python", finds("python3"), func(t *testing.T, python string) []backend {
		return startApps(t, []string{"Python email", "Python email HTTP"}, python, inDifferential("readers.py"))
	}},
	{"PHP", finds("php"), func(t *testing.T, php string) []backend {
		backends := named(t, "PHP")
		answering(start(t, t.TempDir(), os.Environ(), php, "-d", "display_errors=0", "-S", backends[0].address, inDifferential("readers.php")), backends)
		return backends
	}},
	{"Tomcat", findTomcat, func(t *testing.T, jar string) []backend {
		return startApps(t, []string{"Tomcat getParameter"}, "java", "-XX:TieredStopAtLevel=1", "-cp", jar, inDifferential("Readers.java"), t.TempDir())
	}},
	{"Ruby", finds("ruby"), func(t *testing.T, ruby string) []backend {
		return startApps(t, []string{"Rack"}, ruby, inDifferential("readers.rb"))
	}},
}

func startReaders(t *testing.T) []backend {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "read:%v:", readByGo(r))
	}))
	t.Cleanup(server.Close)
	backends := []backend{{"Go FormValue", server.Listener.Addr().String()}}
	for _, family := range readerFamilies {
		path := ""
		t.Run(family.name, func(t *testing.T) { path = family.find(t) })
		if path != "" {
			backends = append(backends, family.start(t, path)...)
		}
	}
	return backends
}

// readByGo returns what is asked for: the method, or the value of app.
func readByGo(r *http.Request) any {
	if !strings.HasPrefix(r.URL.Path, valuesPath) {
		if method := r.FormValue("_method"); method != "" {
			return method
		}
		return r.Method
	}
	if r.Method == http.MethodGet {
		return r.URL.Query().Get("app")
	}
	var body struct{ App any }
	_ = json.NewDecoder(r.Body).Decode(&body)
	return body.App
}

// readersDifferential is what happens with one backend.
type readersDifferential struct {
	readers
	reporter
	backend backend
	gate    string
	bearer  string
	seed    uint64

	ordinary, refused, forwarded atomic.Int64
	through, direct              atomic.Int64 // read in another way, with and without the gate
}

func (d *readersDifferential) run() {
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			gate, backend := &rawClient{address: d.gate}, &rawClient{address: d.backend.address}
			defer gate.close()
			defer backend.close()
			for i := w; i < d.count && !d.enough(); i += workers {
				s := d.make(newMutator(d.seed, i))
				d.pass(gate, s)
				if i < directly {
					d.past(backend, s)
				}
			}
		})
	}
	wait.Wait()
	if d.t.Failed() {
		return
	}
	if d.direct.Load()*100 < int64(min(d.count, directly)) {
		d.t.Errorf("without the gate %d of %d %s were read in another way; want 1 in 100", d.direct.Load(), d.count, d.what)
	}
	if d.forwarded.Load()*10 < int64(d.count) {
		d.t.Errorf("%d of %d %s were forwarded; want 1 in 10", d.forwarded.Load(), d.count, d.what)
	}
}

// pass sends a request through the gate.
func (d *readersDifferential) pass(client *rawClient, s sample) {
	status, got, err := client.ask(s.bytes(d.bearer))
	if err != nil || len(got) == 0 {
		d.report("no answer to %q: %v", s.bytes(""), err)
	}
	if s.isOrdinary() {
		d.ordinary.Add(1)
	}
	read, forwarded := readOf(got)
	switch {
	case bytes.Contains(got, []byte("application/problem+json")):
		d.refused.Add(1)
		if s.isOrdinary() {
			d.report("an ordinary request was refused: %q\n%q", s.bytes(""), got)
		}
		return
	case forwarded && d.wrong(read):
		d.through.Add(1)
		d.report("%s read %q (%d):\n%q", d.backend.name, read, status, s.bytes(""))
	}
	d.forwarded.Add(1)
}

// past sends a request past the gate. What comes of it is for counting.
func (d *readersDifferential) past(client *rawClient, s sample) {
	_, got, err := client.ask(s.bytes("Authorization: Bearer none"))
	if err != nil {
		d.report("%s alone: %v", d.backend.name, err)
	}
	if read, ok := readOf(got); ok && d.wrong(read) {
		d.direct.Add(1)
	}
}

// readOf is what a backend says it read.
func readOf(got []byte) (read string, ok bool) {
	_, rest, found := bytes.Cut(got, []byte("read:"))
	end := bytes.LastIndexByte(rest, ':')
	if !found || end < 0 {
		return "", false
	}
	return string(rest[:end]), true
}
