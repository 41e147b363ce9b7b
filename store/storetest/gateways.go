package storetest

import (
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var gatewayTests = []test{
	{"gateways come back as they were, sorted by API, name and start", func(s *suite) {
		equal(s, s.gateways(), nil)
		late, early := sampleGateway("2", "b", "gw"), sampleGateway("1", "b", "gw")
		late.Started = now.Add(time.Millisecond)
		first, last := sampleGateway("2", "a", "gw"), sampleGateway("3", "b", "other")
		s.saveGateway("2", late, first)
		s.saveGateway("3", last)
		s.saveGateway("1", early)
		equal(s, s.gateways(), []store.Gateway{first, early, late, last})
	}},
	{"saving again replaces all of that gateway, and nothing of others", func(s *suite) {
		other := sampleGateway("1", "a", "gw")
		s.saveGateway("1", other)
		s.saveGateway("2", sampleGateway("2", "a", "gw"), sampleGateway("2", "b", "gw"))
		changed := store.Gateway{ID: "2", API: "b", Name: "renamed", Version: "v2.0.0", Fingerprint: "other", Started: now.Add(time.Hour)}
		s.saveGateway("2", changed, sampleGateway("2", "c", "gw"))
		equal(s, s.gateways(), []store.Gateway{other, changed, sampleGateway("2", "c", "gw")})
		s.saveGateway("2")
		equal(s, s.gateways(), []store.Gateway{other})
		s.saveGateway("2") // stopped twice
		equal(s, s.gateways(), []store.Gateway{other})
	}},
	{"when a gateway was seen goes by the store's clock, and moves with each time", testSeen},
	{"a gateway that has been silent for long enough is pruned", func(s *suite) {
		s.saveGateway("1", sampleGateway("1", "a", "gw"), sampleGateway("1", "b", "gw"))
		s.ok(s.Store.PruneGateways(s.ctx, time.Hour))
		equal(s, len(s.gateways()), 2)
		s.ok(s.Store.PruneGateways(s.ctx, 0))
		equal(s, s.gateways(), nil)
		s.saveGateway("1", sampleGateway("1", "a", "gw")) // it is back
		equal(s, len(s.gateways()), 1)
	}},
	{"what a machine calls itself may be anything", func(s *suite) {
		odd := sampleGateway("1", "a", "\x00\xff'; --")
		s.saveGateway("1", odd)
		equal(s, s.gateways()[0].Name, "\ufffd\ufffd'; --")
	}},
	{"gateways are told to nobody, and moved to no other store", func(s *suite) {
		_, digest := s.create("marker")
		here, there := s.listen(s.Store), s.listen(s.Second(s.T))
		s.saveGateway("1", sampleGateway("1", "a", "gw"))
		s.ok(s.Store.PruneGateways(s.ctx, time.Hour))
		s.update(s.tokens("")[0].ID, func(t *token.Token) { t.Enabled = false }) // told after whatever came before
		s.eventually("the marker is told", func() bool { return here.named(digest) && there.named(digest) })
		equal(s, here.digests(), digestSet([]token.Digest{digest}))
		equal(s, there.digests(), digestSet([]token.Digest{digest}))
		to := s.Another(s.T)
		_, err := store.Copy(s.ctx, s.Store, to)
		s.ok(err)
		moved, err := to.Gateways(s.ctx)
		s.ok(err)
		equal(s, moved, nil)
	}},
	{"tokens are counted by API, all or those of an owner", func(s *suite) {
		equal(s, s.counts(""), map[string]int{})
		for _, t := range []struct{ api, name, owner string }{
			{"articles", "one", "ada"}, {"articles", "two", "bob"}, {"articles", "three", ""}, {"orders", "one", "ada"},
		} {
			made := s.sample(t.name)
			made.API, made.Owner = t.api, t.owner
			s.change(func(tx store.Tx) error { return tx.CreateToken(s.ctx, made) })
		}
		equal(s, s.counts(""), map[string]int{"articles": 3, "orders": 1})
		equal(s, s.counts("ada"), map[string]int{"articles": 1, "orders": 1})
		equal(s, s.counts("bob"), map[string]int{"articles": 1})
		equal(s, s.counts("nobody\x00"), map[string]int{})
	}},
}

func testSeen(s *suite) {
	clock := func() time.Time {
		clock, err := s.Store.Clock(s.ctx)
		s.ok(err)
		return clock.Truncate(time.Millisecond)
	}
	one := sampleGateway("1", "a", "gw")
	one.Seen = now // of no account
	before := clock()
	s.saveGateway("1", one)
	after := clock()
	seen := s.read()[0].Seen
	if seen.Before(before) || seen.After(after) {
		s.Fatalf("seen at %v, not between %v and %v", seen, before, after)
	}
	s.eventually("it is silent", func() bool { return s.read()[0].Silent >= 5*time.Millisecond })
	s.eventually("it is seen again, at another time", func() bool {
		s.saveGateway("1", one)
		return s.read()[0].Seen.After(seen)
	})
}

// sampleGateway returns one without the times that the store gives it.
func sampleGateway(id, api, name string) store.Gateway {
	return store.Gateway{ID: id, API: api, Name: name, Version: "v1.2.3", Fingerprint: "f-" + api, Started: now}
}

func (s *suite) saveGateway(id string, apis ...store.Gateway) {
	s.Helper()
	s.ok(s.Store.SaveGateway(s.ctx, id, apis))
}

func (s *suite) read() []store.Gateway {
	s.Helper()
	gateways, err := s.Store.Gateways(s.ctx)
	s.ok(err)
	return gateways
}

// gateways are those in the store, without the times that it gives them.
func (s *suite) gateways() []store.Gateway {
	s.Helper()
	gateways := s.read()
	for i := range gateways {
		if gateways[i].Seen.IsZero() || gateways[i].Silent < 0 || gateways[i].Silent > 5*patience {
			s.Fatalf("%+v has no such times", gateways[i])
		}
		gateways[i].Seen, gateways[i].Silent = time.Time{}, 0
	}
	return gateways
}

func (s *suite) counts(owner string) map[string]int {
	s.Helper()
	counts, err := s.Store.CountTokens(s.ctx, owner)
	s.ok(err)
	return counts
}
