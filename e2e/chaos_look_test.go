package e2e

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// useCounts is what was sent with each token, and what the store says of it.
type useCounts struct {
	mu       sync.Mutex
	requests map[string][]sent
	seen     map[string]useSeen
	twice    map[string]uint64 // by token: what was counted though it was not sent
}

type sent struct {
	at      time.Time
	gateway int
}

type useSeen struct {
	last  time.Time
	count uint64
}

func (u *useCounts) send(id string, gateway int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.requests == nil {
		u.requests, u.seen, u.twice = map[string][]sent{}, map[string]useSeen{}, map[string]uint64{}
	}
	u.requests[id] = append(u.requests[id], sent{time.Now(), gateway})
}

// atRisk returns how many of the requests may be counted twice. A gateway whose
// write gets no answer writes the same again, and can't know whether the
// first was done: it rather counts twice than not at all. So that can be what it
// had at hand in a trouble: from a flush or two before it until it was over.
func (x *chaos) atRisk(requests []sent) (n uint64) {
	for _, r := range requests {
		if x.judge.trouble[r.gateway].during(r.at.Add(-recovery), r.at.Add(time.Second)) {
			n++
		}
	}
	return n
}

// stillMore reports whether so many are more than those at risk once all trouble is known.
func (x *chaos) stillMore(twice uint64, requests []sent) bool {
	x.awaitLooks()
	return twice > x.atRisk(requests)
}

// lookAtUse looks at the use of all tokens again and again.
func (x *chaos) lookAtUse(ctx context.Context) {
	for ctx.Err() == nil {
		if !x.halted.Load() {
			x.lookAtUseOnce(ctx)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// lookAtUseOnce reports last use that goes backwards or lies ahead, counts that
// shrink, and such as nobody can have made.
func (x *chaos) lookAtUseOnce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	var records []store.Record
	if err := x.direct.Export(ctx, func(r store.Record) error {
		records = append(records, r)
		return nil
	}); err != nil {
		return // settle reports a store that stays away
	}
	x.tally.samples.Add(1)
	now := time.Now()
	x.counted.mu.Lock()
	defer x.counted.mu.Unlock()
	for _, r := range records {
		got := useSeen{last: r.Token.LastUsed}
		for _, use := range r.Uses {
			got.count += use.Allowed + use.Refused
		}
		before := x.counted.seen[r.Token.ID]
		requests := x.counted.requests[r.Token.ID]
		twice := uint64(0)
		if n := x.counted.twice[r.Token.ID] + uint64(len(requests)); got.count > n {
			twice = got.count - uint64(len(requests))
			x.counted.twice[r.Token.ID] = twice
		}
		switch {
		case got.last.Before(before.last):
			x.problem("last use of %s goes back from %v to %v", r.Token.Name, before.last, got.last)
		case got.count < before.count:
			x.problem("use of %s goes back from %d to %d", r.Token.Name, before.count, got.count)
		case got.last.After(now):
			x.problem("last use of %s is %v, later than now, %v", r.Token.Name, got.last, now)
		case twice > x.atRisk(requests) && x.stillMore(twice, requests):
			x.problem("use of %s is %d, and only %d requests were sent, %d of them around trouble", r.Token.Name, got.count, len(requests), x.atRisk(requests))
		}
		if x.counted.seen != nil {
			x.counted.seen[r.Token.ID] = got
		}
	}
}

// lookAtMachine notes when this machine itself is slow: a test that does not run
// for a while can't expect of a gateway or of Postgres that they do. Whatever
// takes longer than a third of what a look-up may take is trouble for all.
func (x *chaos) lookAtMachine(ctx context.Context) {
	const slow = 300 * time.Millisecond
	for ctx.Err() == nil {
		begin := time.Now()
		time.Sleep(50 * time.Millisecond)
		if !x.halted.Load() {
			_, _ = x.direct.Lookup(ctx, token.Digest{}) // how long it takes is what counts
		}
		if end := time.Now(); end.Sub(begin) > 50*time.Millisecond+slow {
			x.did("the machine was slow")
			for _, one := range x.judge.trouble {
				one.was(begin, end)
			}
		}
		x.looks.Add(1)
	}
	x.looks.Add(math.MaxInt32) // nobody shall wait for more
}

// awaitLooks waits until lookAtMachine knows whether the machine was slow up to
// now: it says so only when that is over.
func (x *chaos) awaitLooks() {
	for seen := x.looks.Load(); x.looks.Load() < seen+2 && x.looks.Load() < math.MaxInt32; {
		time.Sleep(10 * time.Millisecond)
	}
}

// troubled reports whether gateway i had trouble with its store since then.
func (x *chaos) troubled(i int, since time.Time) bool {
	until := time.Now()
	x.awaitLooks()
	return x.judge.trouble[i].during(since, until)
}

// settle ends all disturbances and changes, and waits until every gateway answers
// for every token as the store has it.
func (x *chaos) settle(ctx context.Context) {
	x.t.Helper()
	x.network.Lock()
	defer x.network.Unlock()
	x.quiet.Lock()
	defer x.quiet.Unlock()
	if ctx.Err() != nil || x.t.Failed() {
		return
	}
	x.did("looked at the whole")
	begin := time.Now()
	all := x.book.all()
	for i := range gateways {
		to := x.caller(i)
		for _, one := range all {
			x.settleOne(to, one)
		}
		to.close()
	}
	x.slowest = max(x.slowest, time.Since(begin))
}

func (x *chaos) settleOne(to *caller, of given) {
	x.t.Helper()
	var status, want int
	eventually(x.t, "a gateway answers as the store has it", func() bool {
		now, ok := x.history.certain(of.id)
		if !ok {
			x.t.Fatalf("nobody knows what token %s is", of.id)
		}
		status = x.ask(to, "GET", of)
		want = now.verdict(token.Hash(of.secret), "GET", time.Now())
		return status == want
	})
}
