package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestDifferentialForms looks for a form in which a backend finds another method
// than the one of its request, and the gate does not: forms of a token that may
// only POST, with the field _method in thousands of spellings, and readers of
// forms that apps are written with. The same forms are sent without the gate
// between, to see that the backends do find the field; ordinary ones must pass.
//
//	FORMS_SEED   what the forms are made from (1; others are for long runs, since what a run says must not change by itself)
//	FORMS_COUNT  how many for each backend
func TestDifferentialForms(t *testing.T) {
	seed := uint64(number(t, "FORMS_SEED", 1))
	count := number(t, "FORMS_COUNT", 1000)
	t.Logf("FORMS_SEED=%d FORMS_COUNT=%d", seed, count)

	backends := startFormBackends(t)
	var upstreams []string
	for _, b := range backends {
		upstreams = append(upstreams, b.address)
	}
	g, fronts := differentialGateway(t, upstreams)
	g.create("poster", "--grant", "POST /public/{name}")

	table := fmt.Sprintf(formsRow, "backend", "forms", "ordinary", "refused", "forwarded", "other method", "without the gate")
	for i, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			d := &formsDifferential{t: t, backend: b, gate: fronts[i].closed, bearer: g.bearer("poster"), seed: seedOf(b, seed), count: count}
			d.run()
			table += fmt.Sprintf(formsRow, b.name, count, d.ordinary.Load(), d.refused.Load(), d.forwarded.Load(), d.through.Load(), d.direct.Load())
		})
	}
	t.Logf("FORMS_SEED=%d\n%s", seed, table)
	if code := g.process.stop(interrupt); code != 0 {
		t.Errorf("the gateway ended with code %d", code)
	}
}

const formsRow = "%-24v %7v %9v %9v %10v %13v %17v\n"

// formFamilies are the readers of forms there are, see backendFamilies.
var formFamilies = []struct {
	name  string
	find  func(*testing.T) string
	start func(t *testing.T, path string) []backend
}{
	{"Node.js", installed, func(t *testing.T, node string) []backend {
		return startApps(t, []string{"Express 4 qs", "Express 5 querystring"}, node, inDifferential("forms.js"))
	}},
	{"Python", finds("python3"), func(t *testing.T, python string) []backend {
		return startApps(t, []string{"Python email", "Python email HTTP"}, python, inDifferential("forms.py"))
	}},
	{"PHP", finds("php"), func(t *testing.T, php string) []backend {
		backends := named(t, "PHP")
		answering(start(t, t.TempDir(), os.Environ(), php, "-d", "display_errors=0", "-S", backends[0].address, inDifferential("forms.php")), backends)
		return backends
	}},
	{"Tomcat", findTomcat, func(t *testing.T, jar string) []backend {
		return startApps(t, []string{"Tomcat getParameter"}, "java", "-XX:TieredStopAtLevel=1", "-cp", jar, inDifferential("Forms.java"), t.TempDir())
	}},
	{"Ruby", finds("ruby"), func(t *testing.T, ruby string) []backend {
		return startApps(t, []string{"Rack"}, ruby, inDifferential("forms.rb"))
	}},
}

func startFormBackends(t *testing.T) []backend {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.FormValue("_method")
		if method == "" {
			method = r.Method
		}
		fmt.Fprintf(w, "read:%s:", method)
	}))
	t.Cleanup(server.Close)
	backends := []backend{{"Go FormValue", server.Listener.Addr().String()}}
	for _, family := range formFamilies {
		path := ""
		t.Run(family.name, func(t *testing.T) { path = family.find(t) })
		if path != "" {
			backends = append(backends, family.start(t, path)...)
		}
	}
	return backends
}

// formsDifferential is what happens with one backend.
type formsDifferential struct {
	t       *testing.T
	backend backend
	gate    string
	bearer  string
	seed    uint64
	count   int

	ordinary, refused, forwarded atomic.Int64
	through, direct              atomic.Int64 // taken for another method, with and without the gate
	reports                      atomic.Int64
}

func (d *formsDifferential) run() {
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			gate, backend := &rawClient{address: d.gate}, &rawClient{address: d.backend.address}
			defer gate.close()
			defer backend.close()
			for i := w; i < d.count && d.reports.Load() < 20; i += workers {
				f := newMutator(d.seed, i).form()
				d.pass(gate, f)
				if i < directly {
					d.past(backend, f)
				}
			}
		})
	}
	wait.Wait()
	if d.t.Failed() {
		return
	}
	if d.direct.Load()*100 < int64(min(d.count, directly)) {
		d.t.Errorf("without the gate %d of %d forms were taken for another method; want 1 in 100", d.direct.Load(), d.count)
	}
	if d.forwarded.Load()*10 < int64(d.count) {
		d.t.Errorf("%d of %d forms were forwarded; want 1 in 10", d.forwarded.Load(), d.count)
	}
}

// pass sends a form through the gate.
func (d *formsDifferential) pass(client *rawClient, f form) {
	status, got, err := client.ask(f.bytes(d.bearer))
	if err != nil || len(got) == 0 {
		d.report("no answer to %q: %v", f.bytes(""), err)
	}
	if f.ordinary {
		d.ordinary.Add(1)
	}
	method, forwarded := methodRead(got)
	switch {
	case bytes.Contains(got, []byte("application/problem+json")):
		d.refused.Add(1)
		if f.ordinary {
			d.report("an ordinary form was refused: %q\n%q", f.bytes(""), got)
		}
		return
	case forwarded && method != http.MethodPost:
		d.through.Add(1)
		d.report("%s took for %q (%d):\n%q", d.backend.name, method, status, f.bytes(""))
	}
	d.forwarded.Add(1)
}

// past sends a form past the gate. What comes of it is for counting.
func (d *formsDifferential) past(client *rawClient, f form) {
	_, got, err := client.ask(f.bytes("Authorization: Bearer none"))
	if err != nil {
		d.report("%s alone: %v", d.backend.name, err)
	}
	if method, ok := methodRead(got); ok && method != http.MethodPost {
		d.direct.Add(1)
	}
}

func (d *formsDifferential) report(format string, args ...any) {
	if d.reports.Add(1) <= 20 {
		d.t.Errorf(format, args...)
	} else {
		d.t.Fail()
	}
}

// methodRead is the method that a backend says it took a request for.
func methodRead(got []byte) (method string, ok bool) {
	_, rest, found := bytes.Cut(got, []byte("read:"))
	end := bytes.LastIndexByte(rest, ':')
	if !found || end < 0 {
		return "", false
	}
	return strings.ToUpper(strings.Trim(string(rest[:end]), " \t\r\n")), true
}
