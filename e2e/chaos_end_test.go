package e2e

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// finish looks at everything when nothing is done any more.
func (x *chaos) finish() {
	x.t.Helper()
	x.report()
	if x.t.Failed() {
		return
	}
	all, err := readAll(x.t.Context(), x.direct)
	if err != nil {
		x.t.Fatal(err)
	}
	for _, l := range x.lanes {
		if err := l.check(all); err != nil {
			x.t.Errorf("%s: %v", l.name, err)
		}
	}
	x.lookAtUseOnce(x.t.Context())
	x.countExactly(all)
	x.lookAtGateways()
	for i, g := range x.gateways {
		if code := g.process.stop(interrupt); code != 0 {
			x.t.Errorf("gateway %d ended with code %d", i, code)
		}
	}
}

// report writes down what happened.
func (x *chaos) report() {
	var text []string
	x.mu.Lock()
	for what, n := range x.actions {
		text = append(text, fmt.Sprintf("%s %d", what, n))
	}
	x.mu.Unlock()
	slices.Sort(text)
	x.t.Logf("seed %d: %s", x.seed, strings.Join(text, ", "))
	text = nil
	for status := range x.tally.answers {
		if n := x.tally.answers[status].Load(); n > 0 {
			text = append(text, fmt.Sprintf("%d × %d", n, status))
		}
	}
	x.t.Logf("requests: %s, without answer %d; %d held against cache_ttl alone; wrong answers and other problems: %d",
		strings.Join(text, ", "), x.tally.unanswered.Load(), x.judge.strict.Load(), x.problems.Load())
	x.t.Logf("changes: %d answered, %d without answer, of which %d had been made and %d not; use looked at %d times; all was well within %v",
		x.tally.changed.Load(), x.tally.ambiguous.Load(), x.tally.made.Load(), x.tally.lost.Load(), x.tally.samples.Load(), x.slowest)
	twice := uint64(0)
	for _, n := range x.counted.twice {
		twice += n
	}
	x.t.Logf("use: %d requests more were counted than sent, with %d tokens", twice, len(x.counted.twice))
	for _, status := range []int{200, 401, 403, 503} {
		if x.tally.answers[status].Load() == 0 {
			x.t.Errorf("nothing was answered with %d; this run shows too little", status)
		}
	}
	if x.tally.changed.Load() == 0 || x.tally.samples.Load() == 0 {
		x.t.Error("nothing was changed, or use never looked at; this run shows nothing")
	}
}

// countExactly sends requests while all is well: each of them is counted, once.
func (x *chaos) countExactly(all map[string]state) {
	const each = 7
	for _, g := range x.gateways {
		eventually(x.t, "what was used before is written", func() bool { return g.metric("tokenreeve_last_use_pending") == "0" })
	}
	before := x.counts()
	var used []string
	for _, one := range x.book.all() {
		s := all[one.id]
		if slices.Contains(used, one.id) || s.verdict(token.Hash(one.secret), "GET", time.Now().Add(time.Minute)) != 200 {
			continue
		}
		used = append(used, one.id)
		for i := range gateways {
			to := x.caller(i)
			for range each {
				x.ask(to, "GET", one)
			}
			to.close()
		}
	}
	if len(used) == 0 {
		x.t.Error("no token is left that could be used")
	}
	for _, id := range used {
		eventually(x.t, "all use is written", func() bool { return x.counts()[id] >= before[id]+each*gateways })
		if got := x.counts()[id] - before[id]; got != each*gateways {
			x.t.Errorf("%d requests were counted for %s; want %d", got, id, each*gateways)
		}
	}
}

func (x *chaos) counts() map[string]uint64 {
	x.t.Helper()
	x.lookAtUseOnce(x.t.Context())
	x.counted.mu.Lock()
	defer x.counted.mu.Unlock()
	counts := map[string]uint64{}
	for id, seen := range x.counted.seen {
		counts[id] = seen.count
	}
	return counts
}

// lookAtGateways looks at what they take of the machine after all that.
func (x *chaos) lookAtGateways() {
	for i, g := range x.gateways {
		f := g.footprint()
		x.t.Logf("gateway %d: %d goroutines, %d open files, %d MiB, %d bytes logged", i, f.goroutines, f.files, f.megabytes, len(g.process.out.String()))
		if f.goroutines > 150 || f.files > 150 || f.megabytes > 400 {
			x.t.Errorf("gateway %d takes %+v", i, f)
		}
	}
}
