package storetest

import (
	"context"
	"sync"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var watchTests = []test{
	{"a change is told before Change returns, with all secrets of the token (invariant 4)", testOwnChanges},
	{"a change by another handle is told soon", testOtherChanges},
	{"what doesn't commit is not told", func(s *suite) {
		t, digest := s.create("ci")
		other, otherDigest := s.create("other")
		l := s.listen(s.Store)
		err := s.Store.Change(s.ctx, func(tx store.Tx) error {
			s.ok(tx.DeleteToken(s.ctx, t.ID))
			return errOwn
		})
		s.is(err, errOwn)
		s.update(other.ID, func(t *token.Token) { t.Enabled = false })
		equal(s, l.named(otherDigest), true)
		equal(s, l.named(digest), false)
	}},
	{"use and catalogs are told to nobody (rule 17)", func(s *suite) {
		t, _ := s.create("ci")
		marker, markerDigest := s.create("marker")
		here, there := s.listen(s.Store), s.listen(s.Second(s.T))
		s.recordUse(token.Use{TokenID: t.ID, Day: day, Last: now, Allowed: 1})
		s.saveCatalogs(s.catalog("a", "GET /a"))
		s.update(marker.ID, func(t *token.Token) { t.Enabled = false }) // told after whatever came before
		s.eventually("the marker is told", func() bool { return here.named(markerDigest) && there.named(markerDigest) })
		for _, l := range []*listener{here, there} {
			equal(s, l.digests(), digestSet([]token.Digest{markerDigest}))
		}
	}},
	{"a change of many tokens names them or says all", func(s *suite) {
		const many = 3000
		here, there := s.listen(s.Store), s.listen(s.Second(s.T))
		digests := s.createMany(many)
		for _, l := range []*listener{here, there} {
			s.eventually("all are told", func() bool { return l.all() || len(l.digests()) == many })
			if !l.all() {
				equal(s, l.digests(), digestSet(digests))
			}
		}
	}},
	{"all watches of a store are told", func(s *suite) {
		first, second := s.listen(s.Store), s.listen(s.Store)
		_, digest := s.create("ci")
		equal(s, first.named(digest), true)
		equal(s, second.named(digest), true)
		first.stop()
		_, digest = s.create("later")
		equal(s, first.named(digest), false)
		equal(s, second.named(digest), true)
	}},
	{"a watch ends with its context", func(s *suite) {
		l := s.listen(s.Store)
		l.stop() // fails the test if Watch doesn't return the context's error
		ctx, cancel := context.WithDeadline(s.ctx, now.AddDate(-10, 0, 0))
		defer cancel()
		s.is(s.Store.Watch(ctx, func(store.Changed) {}), context.DeadlineExceeded)
	}},
}

// listener is a running Watch and what it was told.
type listener struct {
	s     *suite
	end   context.CancelFunc
	ended chan struct{}

	mu      sync.Mutex
	changes []store.Changed
}

// listen starts a Watch and waits until it listens. What it tells at the
// beginning is forgotten.
func (s *suite) listen(on store.Store) *listener {
	s.Helper()
	ctx, cancel := context.WithCancel(s.ctx)
	l := &listener{s: s, end: cancel, ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		if err := on.Watch(ctx, l.note); err != context.Canceled { //nolint:errorlint // the contract: the context's error itself
			s.Errorf("Watch returned %v", err)
		}
	}()
	s.Cleanup(l.stop)
	s.eventually("Watch tells of everything once it listens", l.all)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes = nil
	return l
}

func (l *listener) note(changed store.Changed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if changed.Lost != nil {
		if changed.All || len(changed.Digests) > 0 {
			l.s.Errorf("a loss is not told alone: %+v", changed)
		}
		return // a busy machine; all is told when it is over
	}
	l.changes = append(l.changes, changed)
}

func (l *listener) stop() {
	l.end()
	<-l.ended
}

func (l *listener) all() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, changed := range l.changes {
		if changed.All {
			return true
		}
	}
	return false
}

func (l *listener) digests() map[token.Digest]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	var digests []token.Digest
	for _, changed := range l.changes {
		digests = append(digests, changed.Digests...)
	}
	return digestSet(digests)
}

// named reports whether the listener was told of a secret, by name.
func (l *listener) named(digest token.Digest) bool { return l.digests()[digest] }

// tellingChanges are the ways to change a token of two secrets. Each must name
// both, the last one also the new one.
func (s *suite) tellingChanges(id string) []func(tx store.Tx) error {
	return []func(tx store.Tx) error{
		func(tx store.Tx) error {
			t, err := tx.Token(s.ctx, id)
			s.ok(err)
			t.Enabled = !t.Enabled
			return tx.UpdateToken(s.ctx, t)
		},
		func(tx store.Tx) error { return tx.AddSecret(s.ctx, id, newSecret("third")) },
		func(tx store.Tx) error { return tx.EndSecrets(s.ctx, id, now, now.Add(time.Hour)) },
		func(tx store.Tx) error { return tx.EndSecrets(s.ctx, id, now, now) },
	}
}

func testOwnChanges(s *suite) {
	l := s.listen(s.Store)
	t, first := s.create("ci")
	equal(s, l.named(first), true)
	second := newSecret("second")
	s.change(func(tx store.Tx) error { return tx.AddSecret(s.ctx, t.ID, second) })
	for _, change := range s.tellingChanges(t.ID) {
		l.forget()
		s.change(change)
		if !l.named(first) || !l.named(second.Digest) {
			s.Fatal("a change was not told before Change returned")
		}
	}
	other, digest := s.create("other")
	l.forget()
	s.change(func(tx store.Tx) error { return tx.DeleteToken(s.ctx, other.ID) })
	equal(s, l.named(digest), true)
}

func (l *listener) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes = nil
}

func testOtherChanges(s *suite) {
	t, first := s.create("ci")
	second := newSecret("second")
	s.change(func(tx store.Tx) error { return tx.AddSecret(s.ctx, t.ID, second) })
	l := s.listen(s.Second(s.T))
	for _, change := range s.tellingChanges(t.ID) {
		l.forget()
		s.change(change)
		s.eventually("the change is told", func() bool { return l.named(first) && l.named(second.Digest) })
	}
	other, digest := s.create("other")
	s.eventually("the new secret is told", func() bool { return l.named(digest) })
	l.forget()
	s.change(func(tx store.Tx) error { return tx.DeleteToken(s.ctx, other.ID) })
	s.eventually("the deletion is told", func() bool { return l.named(digest) })
}

// createMany adds tokens with a secret each in one transaction.
func (s *suite) createMany(many int) []token.Digest {
	s.Helper()
	var digests []token.Digest
	s.change(func(tx store.Tx) error {
		digests = nil
		for range many {
			t := s.sample("")
			t.Name, t.Grants = t.ID, nil
			secret := newSecret(t.ID)
			s.ok(tx.CreateToken(s.ctx, t))
			s.ok(tx.AddSecret(s.ctx, t.ID, secret))
			digests = append(digests, secret.Digest)
		}
		return nil
	})
	return digests
}
