package e2e

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// TestDifferential looks for a spelling of a path that the gate reads in one way
// and a backend in another: requests with a token for one resource, in thousands
// of spellings, must never be answered with another one. The backends are real
// servers, each with its own reading of paths, and their resource is read by the
// same requests without the gate between.
//
//	DIFFERENTIAL_SEED   what the requests are made from (1; others are for long runs, since what a run says must not change by itself)
//	DIFFERENTIAL_COUNT  how many for each backend
func TestDifferential(t *testing.T) {
	seed := uint64(number(t, "DIFFERENTIAL_SEED", 1))
	count := number(t, "DIFFERENTIAL_COUNT", 2000)
	t.Logf("DIFFERENTIAL_SEED=%d DIFFERENTIAL_COUNT=%d", seed, count)

	s := newSite(t)
	backends := startBackends(t, s)
	var taps []*targetTap
	var upstreams []string
	for _, b := range backends {
		tap, err := newTargetTap(b.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(tap.close)
		taps, upstreams = append(taps, tap), append(upstreams, tap.addr())
	}
	g, fronts := differentialGateway(t, upstreams)

	table := fmt.Sprintf(differentialRow, "", "through the gate:", "", "", "", "without it:", "secret, by", "")
	table += fmt.Sprintf(differentialRow, "backend", "requests", "refused", "forwarded", "secret", "requests", "custom", "read-only")
	for i, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			d := &differential{reporter: reporter{t: t}, site: s, backend: b, gates: fronts[i], tap: taps[i], gateway: g, seed: seedOf(b, seed), count: count}
			d.controls()
			d.run()
			table += d.row()
		})
	}
	t.Logf("DIFFERENTIAL_SEED=%d\n%s", seed, table)
	if code := g.process.stop(interrupt); code != 0 {
		t.Errorf("the gateway ended with code %d", code)
	}
}

// seedOf gives each backend requests of its own, which stay the same when others
// are missing.
func seedOf(b backend, seed uint64) uint64 {
	h := fnv.New64a()
	h.Write([]byte(b.name))
	return h.Sum64() ^ seed
}

// number returns the number in an environment variable.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	if os.Getenv(name) == "" {
		return otherwise
	}
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// differential is what happens with one backend.
type differential struct {
	reporter
	site    site
	backend backend
	gates   gates
	tap     *targetTap
	gateway *gateway
	seed    uint64
	count   int

	refused, forwarded, through atomic.Int64
	asked                       atomic.Int64 // how many were also sent without the gate,
	out, direct                 atomic.Int64 // and got at the secret resource: out of the public one, or straight
}

const differentialRow = "%-26v %16v %9v %9v %7v   %11v %10v %9v\n"

func (d *differential) row() string {
	return fmt.Sprintf(differentialRow, d.backend.name, d.count, d.refused.Load(), d.forwarded.Load(), d.through.Load(),
		d.asked.Load(), d.out.Load(), d.direct.Load())
}

// controls makes sure that a test that finds nothing means something: the tokens
// work, the openings are open, and the secret resource is there for those who
// may read it.
func (d *differential) controls() {
	for _, c := range []struct{ token, gate, target, want string }{
		{"name", d.gates.closed, "/public/hello", d.site.public},
		{"tail", d.gates.closed, "/public/hello", d.site.public},
		{"reader", d.gates.closed, "/public/hello", d.site.public},
		{"full", d.gates.closed, "/secret/report", d.site.secret},
		{"full", d.gates.opened, "/secret/report", d.site.secret},
		{"tail", d.gates.opened, "/public/a%2Fb", ""},
		{"tail", d.gates.opened, "/public/a;b=c", ""},
	} {
		m := mutation{method: "GET", target: c.target, version: "HTTP/1.1", token: c.token}
		client := &rawClient{address: c.gate}
		status, got, err := client.ask(m.bytes(0, d.gateway.bearer(c.token)))
		client.close()
		if target, _ := d.tap.take(0); err != nil || target != c.target || !bytes.Contains(got, []byte(c.want)) {
			d.t.Fatalf("a token %s got %d for %s (%q at the backend): %s %v", c.token, status, c.target, target, got, err)
		}
	}
}

// Workers share the requests among themselves, each with its own connections.
const workers = 4

// directly is how many requests at most are also sent without the gate.
const directly = 20_000

func (d *differential) run() {
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			closed, opened, backend := &rawClient{address: d.gates.closed}, &rawClient{address: d.gates.opened}, &rawClient{address: d.backend.address}
			defer closed.close()
			defer opened.close()
			defer backend.close()
			for i := w; i < d.count && !d.enough(); i += workers {
				m := newMutator(d.seed, i).mutation(tokenKinds)
				if m.opened {
					d.pass(opened, m, i+1)
				} else {
					d.pass(closed, m, i+1)
				}
				if i < directly {
					d.past(backend, m)
				}
			}
		})
	}
	wait.Wait()
	if d.t.Failed() {
		return
	}
	// A generator that never gets at the secret resource shows nothing, nor does
	// one whose requests are all refused.
	if hits := d.out.Load() + d.direct.Load(); hits*100 < d.asked.Load() {
		d.t.Errorf("without the gate %d of %d requests got the secret resource; want 1 in 100", hits, d.asked.Load())
	}
	if d.forwarded.Load()*20 < int64(d.count) {
		d.t.Errorf("%d of %d requests were forwarded; want 1 in 20", d.forwarded.Load(), d.count)
	}
	if left := d.tap.left(); len(left) > 0 {
		d.t.Errorf("the backend got requests that nobody sent: %v", left)
	}
}

// pass sends a request through the gate.
func (d *differential) pass(client *rawClient, m mutation, number int) {
	request := m.bytes(number, d.gateway.bearer(m.token))
	status, got, err := client.ask(request)
	target, reached := d.tap.take(number)
	if bytes.Contains(got, []byte(d.site.secret)) {
		d.through.Add(1)
		d.report("a token %s got the secret resource (openings: %v):\n%q\n%q", m.token, m.opened, request, got)
	}
	if err != nil || len(got) == 0 {
		d.report("no answer to %q: %v", request, err)
	}
	if !reached {
		d.refused.Add(1)
		return
	}
	d.forwarded.Add(1)
	if target != m.path() {
		d.report("the backend got the target %q of the request %q (%d)", target, request, status)
	}
}

// past sends a request past the gate. What comes of it is for counting.
func (d *differential) past(client *rawClient, m mutation) {
	_, got, err := client.ask(m.bytes(0, "Authorization: Bearer none"))
	if err != nil {
		d.report("%s alone: %v", d.backend.name, err)
	}
	d.asked.Add(1)
	if !bytes.Contains(got, []byte(d.site.secret)) {
		return
	}
	if m.token == "reader" {
		d.direct.Add(1)
	} else {
		d.out.Add(1)
	}
}

// reporter fails a test. One fault shows in many requests; some of them will do.
type reporter struct {
	t       *testing.T
	reports atomic.Int64
}

const mostReports = 20

// enough says that more reports would tell nothing new.
func (r *reporter) enough() bool { return r.reports.Load() >= mostReports }

func (r *reporter) report(format string, args ...any) {
	if r.reports.Add(1) <= mostReports {
		r.t.Errorf(format, args...)
	} else {
		r.t.Fail()
	}
}
