package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var errOwn = errors.New("the caller's own error")

var changeTests = []test{
	{"an error takes everything back and comes back itself", func(s *suite) {
		before, digest := s.create("before")
		created := s.sample("created")
		err := s.Store.Change(s.ctx, func(tx store.Tx) error {
			s.everything(tx, before, created)
			return errOwn
		})
		s.isOnly(err, errOwn)
		s.untouched(before, digest, created)
	}},
	{"a panic takes everything back and goes on", func(s *suite) {
		before, digest := s.create("before")
		created := s.sample("created")
		func() {
			defer func() { equal(s, recover(), any("the caller's own panic")) }()
			err := s.Store.Change(s.ctx, func(tx store.Tx) error {
				s.everything(tx, before, created)
				panic("the caller's own panic")
			})
			s.Fatalf("Change returned %v", err)
		}()
		s.untouched(before, digest, created)
	}},
	{"a context that ends takes everything back", func(s *suite) {
		before, digest := s.create("before")
		created := s.sample("created")
		ctx, cancel := context.WithCancel(s.ctx)
		err := s.Store.Change(ctx, func(tx store.Tx) error {
			s.everything(tx, before, created)
			cancel()
			return nil
		})
		s.is(err, context.Canceled)
		s.untouched(before, digest, created)
	}},
	{"a context that ends takes back what nobody is told of", func(s *suite) {
		created := s.sample("created")
		ctx, cancel := context.WithCancel(s.ctx)
		err := s.Store.Change(ctx, func(tx store.Tx) error {
			s.ok(tx.CreateToken(ctx, created)) // it has no secret
			cancel()
			return nil
		})
		s.is(err, context.Canceled)
		equal(s, s.tokens(""), nil)
	}},
	{"a failure inside can't be overlooked", func(s *suite) {
		before, digest := s.create("before")
		created := s.sample("created")
		ended, cancel := context.WithCancel(s.ctx)
		cancel()
		err := s.Store.Change(s.ctx, func(tx store.Tx) error {
			s.everything(tx, before, created)
			s.is(tx.DeleteToken(ended, before.ID), context.Canceled)
			return nil
		})
		s.is(err, context.Canceled)
		s.untouched(before, digest, created)
	}},
	{"a failure first takes back what comes after it", func(s *suite) {
		first, second := s.sample("first"), s.sample("second")
		ended, cancel := context.WithCancel(s.ctx)
		cancel()
		err := s.Store.Change(s.ctx, func(tx store.Tx) error {
			s.ok(tx.CreateToken(s.ctx, first))
			_, err := tx.Token(ended, first.ID)
			s.is(err, context.Canceled)
			_ = tx.CreateToken(s.ctx, second) // a caller that looks at no error
			return nil
		})
		s.is(err, context.Canceled)
		equal(s, s.tokens(""), nil)
	}},
	{"a refused step leaves the others to the caller", func(s *suite) {
		first, _ := s.create("first")
		second, _ := s.create("second")
		s.change(func(tx store.Tx) error {
			s.isOnly(tx.CreateToken(s.ctx, s.sample("first")), store.ErrNameTaken)
			s.isOnly(tx.AddSecret(s.ctx, first.ID, newSecret("second")), store.ErrSecretTaken)
			s.isOnly(tx.DeleteToken(s.ctx, "tok_0000000000000000"), store.ErrNotFound)
			t := first
			t.Name = "renamed"
			return tx.UpdateToken(s.ctx, t)
		})
		renamed := first
		renamed.Name, renamed.Version = "renamed", 2
		equal(s, s.tokens(""), []token.Token{renamed, second})
	}},
	{"a transaction reads what it wrote, others don't before it commits", func(s *suite) {
		t := s.sample("ci")
		s.change(func(tx store.Tx) error {
			s.ok(tx.CreateToken(s.ctx, t))
			inside, err := tx.TokenByName(s.ctx, t.API, t.Name)
			s.ok(err)
			equal(s, inside, t)
			s.gone(t.ID)
			return nil
		})
		equal(s, s.token(t.ID), t)
	}},
	{"look-ups don't wait for a change that is open", func(s *suite) {
		t, digest := s.create("ci")
		second := s.Second(s.T)
		s.change(func(tx store.Tx) error {
			renamed := t
			renamed.Name = "renamed"
			s.ok(tx.UpdateToken(s.ctx, renamed))
			for _, one := range []store.Store{s.Store, second} {
				found, err := one.Lookup(s.ctx, digest) // hangs, and fails by its context, if it waits
				s.ok(err)
				equal(s, found.Token, t)
			}
			return nil
		})
	}},
	{"another handle reads what was committed", func(s *suite) {
		t, digest := s.create("ci")
		second := s.Second(s.T)
		found, err := second.Lookup(s.ctx, digest)
		s.ok(err)
		equal(s, found.Token, t)
		s.update(t.ID, func(t *token.Token) { t.Enabled = false })
		found, err = second.Lookup(s.ctx, digest)
		s.ok(err)
		equal(s, found.Token.Enabled, false)
	}},
	{"simultaneous changes lose nothing", testConcurrentChanges},
}

// everything does one step of each kind to a token and creates another.
func (s *suite) everything(tx store.Tx, t, created token.Token) {
	s.Helper()
	renamed := t
	renamed.Name = "renamed"
	s.ok(tx.UpdateToken(s.ctx, renamed))
	s.ok(tx.EndSecrets(s.ctx, t.ID, now, now))
	s.ok(tx.AddSecret(s.ctx, t.ID, newSecret("within")))
	s.ok(tx.CreateToken(s.ctx, created))
	s.ok(tx.SaveCatalog(s.ctx, store.Catalog{API: "within", Updated: now}))
	s.ok(tx.CreateRole(s.ctx, s.sampleRole("within")))
	s.ok(tx.CreateAccount(s.ctx, store.Account{ID: "acc_within", Name: "within", Created: now, Updated: now}))
	s.ok(tx.CreateSession(s.ctx, s.sampleSession("within", "acc_within")))
	s.ok(tx.AppendEvent(s.ctx, store.Event{Time: now, Action: "token.update"}))
	s.ok(tx.SaveIdempotent(s.ctx, s.idempotent("acc_within", "key")))
}

// untouched fails if anything is left of everything.
func (s *suite) untouched(t token.Token, digest token.Digest, created token.Token) {
	s.Helper()
	equal(s, s.tokens(""), []token.Token{t})
	equal(s, s.lookup(digest), store.Found{Token: t})
	s.gone(created.ID, token.Hash("within"))
	catalogs, err := s.Store.Catalogs(s.ctx)
	s.ok(err)
	equal(s, catalogs, nil)
	equal(s, s.roles(), nil)
	equal(s, s.accounts(), nil)
	equal(s, s.sessions(""), nil)
	equal(s, s.events(store.EventQuery{}), nil)
	_, err = s.Store.Idempotent(s.ctx, "acc_within", token.Hash("key"))
	s.isOnly(err, store.ErrNotFound)
}

// testConcurrentChanges lets many writers on two handles raise one token's
// version, by the lock of the transaction or by trying again.
func testConcurrentChanges(s *suite) {
	const writers, times = 8, 10
	t, digest := s.create("ci")
	stores := []store.Store{s.Store, s.Second(s.T)}
	errs := make(chan error, writers)
	var running sync.WaitGroup
	for i := range writers {
		running.Go(func() {
			for n := range times {
				if err := s.raise(stores[i%len(stores)], t.ID, fmt.Sprintf("%d %d", i, n)); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	running.Wait()
	close(errs)
	for err := range errs {
		s.Error(err)
	}
	equal(s, s.lookup(digest).Token.Version, 1+writers*times)
}

func (s *suite) raise(on store.Store, id, description string) error {
	for {
		err := on.Change(s.ctx, func(tx store.Tx) error {
			t, err := tx.Token(s.ctx, id)
			if err != nil {
				return err
			}
			t.Description, t.Updated = description, t.Updated.Add(time.Millisecond)
			return tx.UpdateToken(s.ctx, t)
		})
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}
