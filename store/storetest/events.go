package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var eventTests = []test{
	{"events come back as they were, newest first", func(s *suite) {
		equal(s, s.events(store.EventQuery{}), nil)
		full := store.Event{
			Time: now, Actor: "ada", Via: "api", Token: "tok_0000000000000000", Address: "2001:db8::1", Action: "token.update",
			Subject: "tok_1111111111111111", Name: "ünï \"côde\"", API: "articles", Owner: "bob",
			Before: json.RawMessage(`{"name": "old",  "n":1.0, "text":"<&>\u0000"}`), After: json.RawMessage(`{"name":"new"}`),
		}
		bare := store.Event{Time: now.Add(time.Second), Action: "sign-in.refused"}
		s.append(full, bare)
		got := s.events(store.EventQuery{})
		if len(got) != 2 || got[0].ID <= got[1].ID || got[1].ID <= 0 {
			s.Fatalf("%+v", got)
		}
		bare.ID, full.ID = got[0].ID, got[1].ID
		equal(s, got, []store.Event{bare, full})
		s.change(func(tx store.Tx) error {
			inside, err := tx.Events(s.ctx, store.EventQuery{})
			s.ok(err)
			equal(s, inside, got)
			return nil
		})
	}},
	{"texts from anywhere can be noted", func(s *suite) {
		s.append(store.Event{Time: now, Action: "sign-in.refused", Subject: "a\x00b", Name: "\xff'; DROP TABLE events; --", Actor: "🔑"})
		got := s.events(store.EventQuery{})
		equal(s, got[0].Subject, "a\ufffdb")
		equal(s, got[0].Name, "\ufffd'; DROP TABLE events; --")
		equal(s, got[0].Actor, "🔑")
	}},
	{"events are part of the change that they tell of", func(s *suite) {
		err := s.Store.Change(s.ctx, func(tx store.Tx) error {
			s.ok(tx.AppendEvent(s.ctx, store.Event{Time: now, Action: "token.create"}))
			return errOwn
		})
		s.isOnly(err, errOwn)
		equal(s, s.events(store.EventQuery{}), nil)
	}},
	{"events are found by each field, and in pages", testEventQueries},
	{"events end with the first after those that have enough bytes, if they have a limit", func(s *suite) {
		large := json.RawMessage(`"` + strings.Repeat("x", store.PageBytes/2) + `"`)
		for i := range 5 {
			s.append(store.Event{Time: now, Action: fmt.Sprint(i), Before: large})
		}
		var got []string
		for _, e := range s.events(store.EventQuery{Limit: 5}) {
			got = append(got, e.Action)
		}
		equal(s, got, []string{"4", "3", "2"})
		equal(s, len(s.events(store.EventQuery{})), 5)
		huge := json.RawMessage(`"` + strings.Repeat("x", store.PageBytes) + `"`)
		s.append(store.Event{Time: now, Action: "huge", After: huge})
		equal(s, len(s.events(store.EventQuery{Limit: 5})), 2)
	}},
	{"numbers of events grow over handles and are not given twice", func(s *suite) {
		second := s.Second(s.T)
		last := int64(0)
		for i := range 6 {
			handle := []store.Store{s.Store, second}[i%2]
			s.ok(handle.Change(s.ctx, func(tx store.Tx) error {
				return tx.AppendEvent(s.ctx, store.Event{Time: now.AddDate(0, 0, i-10), Action: fmt.Sprint(i)})
			}))
			newest := s.events(store.EventQuery{Limit: 1})
			if len(newest) != 1 || newest[0].ID <= last || newest[0].Action != fmt.Sprint(i) {
				s.Fatalf("after %d comes %+v", last, newest)
			}
			last = newest[0].ID
			if i == 4 {
				s.ok(s.Store.PruneManagement(s.ctx, now, now))
				equal(s, s.events(store.EventQuery{}), nil)
			}
		}
	}},
	{"pruning removes what is old and nothing else", testPrune},
	{"pruning many events takes all", func(s *suite) {
		s.change(func(tx store.Tx) error {
			for i := range 2_500 {
				s.ok(tx.AppendEvent(s.ctx, store.Event{Time: now.Add(time.Duration(i) * time.Millisecond), Action: "token.create"}))
			}
			return nil
		})
		s.ok(s.Store.PruneManagement(s.ctx, now, now.Add(2_300*time.Millisecond)))
		equal(s, len(s.events(store.EventQuery{})), 200)
	}},
	{"managing is told to nobody", testQuietManagement},
}

func (s *suite) append(events ...store.Event) {
	s.Helper()
	s.change(func(tx store.Tx) error {
		for _, e := range events {
			if err := tx.AppendEvent(s.ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *suite) events(q store.EventQuery) []store.Event {
	s.Helper()
	events, err := s.Store.Events(s.ctx, q)
	s.ok(err)
	return events
}

// testEventQueries compares the store with a filter in memory.
func testEventQueries(s *suite) {
	pick := func(i int, of ...string) string { return of[i%len(of)] }
	var given []store.Event
	for i := range 60 {
		given = append(given, store.Event{
			Time: now.Add(time.Duration(i*7%60) * time.Minute), Actor: pick(i, "ada", "bob", ""), Action: pick(i/3, "token.create", "token.update"),
			Subject: pick(i/2, "tok_1", "tok_2", "tok_3", ""), API: pick(i/5, "articles", "Articles", ""),
		})
	}
	s.append(given...)
	all := s.events(store.EventQuery{})
	equal(s, len(all), len(given))
	middle := now.Add(30*time.Minute + 300*time.Microsecond)
	queries := []store.EventQuery{
		{Actor: "ada"},
		{Action: "token.update"},
		{Subject: "tok_2"},
		{API: "Articles"},
		{Actor: "nobody"},
		{Actor: "a\x00b"},
		{Since: now.Add(30 * time.Minute)},
		{Until: now.Add(30 * time.Minute)},
		{Since: middle},
		{Until: middle},
		{Since: middle, Until: middle.Add(10 * time.Minute), Actor: "bob", Action: "token.create"},
		{Subject: "tok_1", Actor: "ada", API: "articles"},
	}
	for _, q := range queries {
		want := slices.DeleteFunc(slices.Clone(all), func(e store.Event) bool { return !passes(q, e) })
		got := s.events(q)
		equal(s, len(got), len(want))
		if len(want) > 0 {
			equal(s, got, want)
		}
		var paged []store.Event
		for q.Limit = 7; ; {
			page := s.events(q)
			if len(page) == 0 {
				break
			}
			paged = append(paged, page...)
			q.Before = page[len(page)-1].ID
		}
		equal(s, len(paged), len(want))
		if len(want) > 0 {
			equal(s, paged, want)
		}
	}
}

func passes(q store.EventQuery, e store.Event) bool {
	for _, pair := range [][2]string{{q.Actor, e.Actor}, {q.Action, e.Action}, {q.Subject, e.Subject}, {q.API, e.API}} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	return (q.Since.IsZero() || !e.Time.Before(q.Since)) && (q.Until.IsZero() || e.Time.Before(q.Until))
}

func testPrune(s *suite) {
	ended, live := s.sampleSession("ended", ""), s.sampleSession("live", "")
	ended.Expiry, live.Expiry = now, now.Add(time.Millisecond)
	old, fresh := s.idempotent("acc_ada", "old"), s.idempotent("acc_ada", "fresh")
	old.Created, fresh.Created = now.Add(-24*time.Hour-time.Millisecond), now.Add(-24*time.Hour)
	s.change(func(tx store.Tx) error {
		s.ok(tx.CreateSession(s.ctx, ended))
		s.ok(tx.CreateSession(s.ctx, live))
		s.ok(tx.SaveIdempotent(s.ctx, old))
		return tx.SaveIdempotent(s.ctx, fresh)
	})
	for _, days := range []int{-3, -1, -2, 0} { // clocks of gateways differ
		s.append(store.Event{Time: now.AddDate(0, 0, days), Action: fmt.Sprint(days)})
	}
	all := s.events(store.EventQuery{})

	s.ok(s.Store.PruneManagement(s.ctx, now, time.Time{}))
	equal(s, s.sessions(""), []store.Session{live})
	_, err := s.Store.Idempotent(s.ctx, old.Account, old.Key)
	s.isOnly(err, store.ErrNotFound)
	_, err = s.Store.Idempotent(s.ctx, fresh.Account, fresh.Key)
	s.ok(err)
	equal(s, s.events(store.EventQuery{}), all)

	s.ok(s.Store.PruneManagement(s.ctx, now, now.AddDate(0, 0, -1)))
	equal(s, s.events(store.EventQuery{}), []store.Event{all[0], all[2]})
	s.ok(s.Store.PruneManagement(s.ctx, now, now.AddDate(0, 0, -2))) // a longer retention, or a clock that went back
	equal(s, s.events(store.EventQuery{}), []store.Event{all[0], all[2]})
	s.append(store.Event{Time: now.AddDate(0, 0, -9), Action: "late"})
	equal(s, len(s.events(store.EventQuery{})), 3)
}

func testQuietManagement(s *suite) {
	marker, markerDigest := s.create("marker")
	here, there := s.listen(s.Store), s.listen(s.Second(s.T))
	s.change(func(tx store.Tx) error {
		a := store.Account{ID: "acc_ada", Name: "ada", Role: "editor", Created: now, Updated: now, Version: 1}
		role := s.sampleRole("editor")
		s.ok(tx.CreateRole(s.ctx, role))
		s.ok(tx.UpdateRole(s.ctx, role))
		s.ok(tx.CreateAccount(s.ctx, a))
		s.ok(tx.UpdateAccount(s.ctx, a))
		s.ok(tx.CreateSession(s.ctx, s.sampleSession("one", a.ID)))
		s.ok(tx.CreateSession(s.ctx, s.sampleSession("two", a.ID)))
		s.ok(tx.SaveIdempotent(s.ctx, s.idempotent(a.ID, "key")))
		return tx.AppendEvent(s.ctx, store.Event{Time: now, Action: "account.create"})
	})
	s.ok(s.Store.TouchSession(s.ctx, "ses_one", now.Add(time.Hour)))
	s.ok(s.Store.PruneManagement(s.ctx, now.AddDate(1, 0, 0), now.AddDate(1, 0, 0)))
	s.change(func(tx store.Tx) error {
		s.ok(tx.DeleteSessions(s.ctx, "acc_ada", ""))
		s.ok(tx.DeleteAccount(s.ctx, "acc_ada"))
		return tx.DeleteRole(s.ctx, "editor")
	})
	s.update(marker.ID, func(t *token.Token) { t.Enabled = false }) // told after whatever came before
	s.eventually("the marker is told", func() bool { return here.named(markerDigest) && there.named(markerDigest) })
	for _, l := range []*listener{here, there} {
		equal(s, l.digests(), digestSet([]token.Digest{markerDigest}))
		equal(s, l.all(), false)
	}
}
