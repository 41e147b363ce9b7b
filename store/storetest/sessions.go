package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var sessionTests = []test{
	{"sessions come back as they were, newest first", func(s *suite) {
		ada, bob := s.account("ada"), s.account("bob")
		first, second := s.session("first", ada.ID, 0), s.session("second", ada.ID, time.Minute)
		other, setUp := s.session("other", bob.ID, time.Hour), s.session("set-up", "", 2*time.Hour)
		got, err := s.Store.Session(s.ctx, first.Digest)
		s.ok(err)
		equal(s, got, first)
		equal(s, s.sessions(ada.ID), []store.Session{second, first})
		equal(s, s.sessions(""), []store.Session{setUp, other, second, first})
		equal(s, s.sessions("acc_nobody"), nil)
		_, err = s.Store.Session(s.ctx, token.Hash("nothing"))
		s.isOnly(err, store.ErrNotFound)
	}},
	{"a session needs its account, an id and a digest of its own", func(s *suite) {
		ada := s.account("ada")
		one := s.session("one", ada.ID, 0)
		s.change(func(tx store.Tx) error {
			lost, again, same := s.sampleSession("lost", "acc_nobody"), s.sampleSession("again", ada.ID), s.sampleSession("one", ada.ID)
			again.Digest, same.Digest = one.Digest, token.Hash("other")
			s.isOnly(tx.CreateSession(s.ctx, lost), store.ErrNotFound)
			s.isOnly(tx.CreateSession(s.ctx, again), store.ErrConflict)
			s.isOnly(tx.CreateSession(s.ctx, same), store.ErrConflict)
			return nil
		})
		equal(s, s.sessions(""), []store.Session{one})
	}},
	{"what browsers say of themselves may be anything", func(s *suite) {
		want := s.sampleSession("odd", "")
		given := want
		given.Agent, given.Address = "a\x00b\xff'; --", "\xfe"
		want.Agent, want.Address = "a\ufffdb\ufffd'; --", "\ufffd"
		s.change(func(tx store.Tx) error { return tx.CreateSession(s.ctx, given) })
		equal(s, s.sessions(""), []store.Session{want})
	}},
	{"a deleted session is gone, for all handles at once", func(s *suite) {
		one, other := s.session("one", "", 0), s.session("other", "", 0)
		second := s.Second(s.T)
		s.change(func(tx store.Tx) error { return tx.DeleteSession(s.ctx, one.ID) })
		for _, handle := range []store.Store{s.Store, second} {
			_, err := handle.Session(s.ctx, one.Digest)
			s.isOnly(err, store.ErrNotFound)
		}
		s.isOnly(s.Store.Change(s.ctx, func(tx store.Tx) error { return tx.DeleteSession(s.ctx, one.ID) }), store.ErrNotFound)
		equal(s, s.sessions(""), []store.Session{other})
	}},
	{"all sessions of an account but one can be deleted", func(s *suite) {
		ada, bob := s.account("ada"), s.account("bob")
		kept := s.session("kept", ada.ID, 0)
		s.session("gone", ada.ID, time.Minute)
		other, setUp := s.session("other", bob.ID, 0), s.session("set-up", "", 0)
		s.change(func(tx store.Tx) error { return tx.DeleteSessions(s.ctx, ada.ID, kept.ID) })
		equal(s, s.sessions(""), []store.Session{setUp, other, kept})
		s.change(func(tx store.Tx) error { return tx.DeleteSessions(s.ctx, "", "") })
		equal(s, s.sessions(""), []store.Session{other, kept})
		s.change(func(tx store.Tx) error { return tx.DeleteSessions(s.ctx, ada.ID, "") })
		equal(s, s.sessions(""), []store.Session{other})
	}},
	{"the use of a session only moves forward", func(s *suite) {
		one, other := s.session("one", "", 0), s.session("other", "", time.Hour)
		for _, after := range []time.Duration{2 * time.Minute, 5 * time.Minute, 3 * time.Minute} {
			s.ok(s.Store.TouchSession(s.ctx, one.ID, now.Add(after)))
		}
		one.Seen = now.Add(5 * time.Minute)
		equal(s, s.sessions(""), []store.Session{other, one})
		s.ok(s.Store.TouchSession(s.ctx, "ses_nobody", now)) // signed out meanwhile
	}},
	{"of two that use a set-up link at once, one does", testSetUpOnce},
	{"of two that create with the same key at once, one does", testSameKey},
	{"the memory of a key comes back, per account", func(s *suite) {
		want := s.idempotent("acc_ada", "key")
		s.change(func(tx store.Tx) error { return tx.SaveIdempotent(s.ctx, want) })
		got, err := s.Store.Idempotent(s.ctx, want.Account, want.Key)
		s.ok(err)
		equal(s, got, want)
		_, err = s.Store.Idempotent(s.ctx, "acc_bob", want.Key)
		s.isOnly(err, store.ErrNotFound)
		_, err = s.Store.Idempotent(s.ctx, want.Account, token.Hash("other"))
		s.isOnly(err, store.ErrNotFound)
		again := want
		again.TokenID, again.Request = "tok_other", token.Hash("other request")
		s.change(func(tx store.Tx) error {
			s.isOnly(tx.SaveIdempotent(s.ctx, again), store.ErrConflict)
			again.Account = "acc_bob"
			return tx.SaveIdempotent(s.ctx, again)
		})
		got, err = s.Store.Idempotent(s.ctx, want.Account, want.Key)
		s.ok(err)
		equal(s, got, want)
	}},
}

func (s *suite) sampleSession(name, account string) store.Session {
	return store.Session{
		ID: "ses_" + name, Digest: token.Hash("session " + name), Account: account, Method: "password",
		Created: now, Seen: now.Add(time.Minute), Expiry: now.Add(12 * time.Hour), Address: "192.0.2.7", Agent: "Mozilla/5.0 (ünï)",
	}
}

// session adds a session that began some time after now.
func (s *suite) session(name, account string, after time.Duration) store.Session {
	s.Helper()
	one := s.sampleSession(name, account)
	one.Created = now.Add(after)
	s.change(func(tx store.Tx) error { return tx.CreateSession(s.ctx, one) })
	return one
}

func (s *suite) sessions(account string) []store.Session {
	s.Helper()
	sessions, err := s.Store.Sessions(s.ctx, account)
	s.ok(err)
	return sessions
}

func (s *suite) idempotent(account, key string) store.Idempotent {
	return store.Idempotent{
		Account: account, Key: token.Hash(key), Request: token.Hash("request"), TokenID: "tok_0000000000000000", Created: now,
	}
}

// race runs a change on two handles, several times at once, and returns how many
// of them were done. The others must fail with the given error.
func (s *suite) race(other error, change func(tx store.Tx, n int) error) int {
	const racers = 8
	handles := []store.Store{s.Store, s.Second(s.T)}
	var done atomic.Int64
	var running sync.WaitGroup
	for n := range racers {
		running.Go(func() {
			err := handles[n%2].Change(s.ctx, func(tx store.Tx) error { return change(tx, n) })
			switch {
			case err == nil:
				done.Add(1)
			case !errors.Is(err, other):
				s.Error(err)
			}
		})
	}
	running.Wait()
	return int(done.Load())
}

func testSetUpOnce(s *suite) {
	link := s.session("link", "", 0)
	done := s.race(store.ErrNotFound, func(tx store.Tx, n int) error {
		if err := tx.DeleteSession(s.ctx, link.ID); err != nil {
			return err
		}
		return tx.CreateAccount(s.ctx, store.Account{
			ID: fmt.Sprint("acc_", n), Name: fmt.Sprint("owner ", n), Role: "owner", Enabled: true, Created: now, Updated: now,
		})
	})
	equal(s, done, 1)
	equal(s, len(s.accounts()), 1)
}

func testSameKey(s *suite) {
	done := s.race(store.ErrConflict, func(tx store.Tx, n int) error {
		t := s.sample(fmt.Sprint("token ", n))
		if err := tx.CreateToken(s.ctx, t); err != nil {
			return err
		}
		memory := s.idempotent("acc_ada", "key")
		memory.TokenID = t.ID
		return tx.SaveIdempotent(s.ctx, memory)
	})
	equal(s, done, 1)
	memory, err := s.Store.Idempotent(s.ctx, "acc_ada", token.Hash("key"))
	s.ok(err)
	tokens := s.tokens("")
	equal(s, len(tokens), 1)
	equal(s, tokens[0].ID, memory.TokenID)
}
