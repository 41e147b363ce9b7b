package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var failureTests = []test{
	{"a deadline that passed is an unavailable store (rule 15)", func(s *suite) {
		ctx, cancel := context.WithDeadline(s.ctx, now.AddDate(-10, 0, 0))
		defer cancel()
		for name, err := range s.calls(ctx) {
			s.Log(name)
			s.isOnly(err, store.ErrUnavailable)
			s.is(err, context.DeadlineExceeded)
		}
	}},
	{"a caller that went away is no unavailable store", func(s *suite) {
		ctx, cancel := context.WithCancel(s.ctx)
		cancel()
		for name, err := range s.calls(ctx) {
			s.Log(name)
			s.isOnly(err, context.Canceled)
		}
	}},
	{"a store works on after contexts that ended at any moment", func(s *suite) {
		t, digest := s.create("ci")
		for wait := time.Microsecond; wait < 5*time.Millisecond; wait += wait / 2 {
			ctx, cancel := context.WithTimeout(s.ctx, wait)
			for _, err := range s.calls(ctx) {
				if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrNotEmpty) {
					s.Fatal(err)
				}
			}
			cancel()
		}
		equal(s, s.lookup(digest).Token.ID, t.ID)
		s.change(func(tx store.Tx) error { return tx.DeleteToken(s.ctx, t.ID) })
		s.gone(t.ID, digest)
	}},
	{"a closed store is unavailable, and ends its watches", func(s *suite) {
		t, _ := s.create("ci")
		started, ended := make(chan struct{}, 1), make(chan error, 1)
		go func() {
			ended <- s.Store.Watch(s.ctx, func(store.Changed) {
				select {
				case started <- struct{}{}:
				default:
				}
			})
		}()
		<-started
		s.ok(s.Store.Close())
		s.is(<-ended, store.ErrUnavailable)
		for name, err := range s.calls(s.ctx) {
			s.Log(name)
			s.isOnly(err, store.ErrUnavailable)
		}
		s.is(s.Store.Watch(s.ctx, func(store.Changed) {}), store.ErrUnavailable)
		again := s.Second(s.T)
		_, err := again.Token(s.ctx, t.ID)
		s.ok(err)
	}},
}

// calls makes every kind of call and returns its error.
func (s *suite) calls(ctx context.Context) map[string]error {
	errs := map[string]error{}
	_, errs["Lookup"] = s.Store.Lookup(ctx, token.Hash("ci"))
	_, errs["Token"] = s.Store.Token(ctx, "tok_0000000000000000")
	_, errs["TokenByName"] = s.Store.TokenByName(ctx, "articles", "nobody")
	_, errs["Tokens"] = s.Store.Tokens(ctx, "")
	_, errs["TokensByID"] = s.Store.TokensByID(ctx, []string{"tok_0000000000000000"})
	_, errs["Usage"] = s.Store.Usage(ctx, "tok_0000000000000000", day)
	_, errs["UseSummary"] = s.Store.UseSummary(ctx, "tok_0000000000000000", day)
	_, errs["Catalogs"] = s.Store.Catalogs(ctx)
	errs["RecordUse"] = s.Store.RecordUse(ctx, []token.Use{{TokenID: "tok_0000000000000000", Day: day, Allowed: 1}})
	_, errs["TokenPage"] = s.Store.TokenPage(ctx, store.TokenQuery{Limit: 1})
	_, errs["Secrets"] = s.Store.Secrets(ctx, "tok_0000000000000000", now)
	_, errs["Account"] = s.Store.Account(ctx, "acc_nobody")
	_, errs["AccountByName"] = s.Store.AccountByName(ctx, "nobody")
	_, errs["AccountBySubject"] = s.Store.AccountBySubject(ctx, "nobody")
	_, errs["Accounts"] = s.Store.Accounts(ctx)
	_, errs["Roles"] = s.Store.Roles(ctx)
	_, errs["Session"] = s.Store.Session(ctx, token.Hash("nothing"))
	_, errs["Sessions"] = s.Store.Sessions(ctx, "")
	_, errs["Events"] = s.Store.Events(ctx, store.EventQuery{Subject: "nobody"})
	_, errs["Idempotent"] = s.Store.Idempotent(ctx, "acc_nobody", token.Hash("nothing"))
	errs["TouchSession"] = s.Store.TouchSession(ctx, "ses_nobody", now)
	_, errs["Draft"] = s.Store.Draft(ctx, "tok_0000000000000000")
	_, errs["Drafts"] = s.Store.Drafts(ctx, "")
	_, errs["Gone"] = s.Store.Gone(ctx, token.Hash("ci"))
	_, errs["Gateways"] = s.Store.Gateways(ctx)
	_, errs["CountTokens"] = s.Store.CountTokens(ctx, "")
	errs["SaveGateway"] = s.Store.SaveGateway(ctx, "1", []store.Gateway{sampleGateway("1", "a", "gw")})
	errs["PruneGateways"] = s.Store.PruneGateways(ctx, time.Hour)
	errs["PruneManagement"] = s.Store.PruneManagement(ctx, now, now)
	errs["PruneUse"] = s.Store.PruneUse(ctx, day)
	_, errs["Clock"] = s.Store.Clock(ctx)
	errs["Export"] = s.Store.Export(ctx, func(store.Record) error { return nil })
	errs["Import"] = s.Store.Import(ctx, sequence(nil))
	errs["Change"] = s.Store.Change(ctx, func(tx store.Tx) error {
		return tx.SaveCatalog(ctx, store.Catalog{API: "a", Updated: now})
	})
	return errs
}
