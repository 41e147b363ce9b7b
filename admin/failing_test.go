package admin_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// failingLists is a store whose lists can't be read.
type failingLists struct {
	store.Store

	drafts, tokens, accounts, sessions error
}

func (f *failingLists) Drafts(ctx context.Context, api string) ([]store.Draft, error) {
	list, err := f.Store.Drafts(ctx, api)
	return list, errors.Join(err, f.drafts)
}

func (f *failingLists) TokensByID(ctx context.Context, ids []string) ([]token.Token, error) {
	if f.tokens != nil {
		return nil, f.tokens
	}
	return f.Store.TokensByID(ctx, ids)
}

func (f *failingLists) Accounts(ctx context.Context) ([]store.Account, error) {
	list, err := f.Store.Accounts(ctx)
	return list, errors.Join(err, f.accounts)
}

func (f *failingLists) Sessions(ctx context.Context, account string) ([]store.Session, error) {
	list, err := f.Store.Sessions(ctx, account)
	return list, errors.Join(err, f.sessions)
}

// A store that fails has no empty lists, and none without names. Records that can't be
// understood are missing alone.
func TestListsOfAStoreThatFails(t *testing.T) {
	f, _ := newManagement(t)
	ann := f.member(t, "ann", admin.RoleMember)
	f.stage(t, true)
	f.create(t, nil)
	for _, test := range []struct {
		name     string
		store    failingLists
		drafts   error
		sessions error
	}{
		{"none fails", failingLists{}, nil, nil},
		{"no drafts", failingLists{drafts: store.ErrUnavailable}, store.ErrUnavailable, nil},
		{"no tokens", failingLists{tokens: store.ErrUnavailable}, store.ErrUnavailable, nil},
		{"no accounts", failingLists{accounts: store.ErrUnavailable}, nil, store.ErrUnavailable},
		{"no sessions", failingLists{sessions: store.ErrUnavailable}, nil, store.ErrUnavailable},
		{"an odd draft", failingLists{drafts: store.ErrUnreadable}, store.ErrUnreadable, nil},
		{"an odd account", failingLists{accounts: store.ErrUnreadable}, nil, nil},
		{"an odd session", failingLists{sessions: store.ErrUnreadable}, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.store.Store = f.store
			s := admin.New(&test.store, func() time.Time { return f.now }, rand.Reader)
			drafts, err := s.Drafts(t.Context(), operator, "articles", 0)
			if failed := errors.Is(err, store.ErrUnavailable); !errors.Is(err, test.drafts) || (len(drafts.Drafts) == 1) == failed {
				t.Errorf("drafts: got %+v, %v, want %v", drafts, err, test.drafts)
			}
			// Who may not read all is not told which records can't be understood, but that the store fails.
			drafts, err = s.Drafts(t.Context(), ann, "articles", 0)
			if failed := errors.Is(test.drafts, store.ErrUnavailable); errors.Is(err, store.ErrUnavailable) != failed || (err == nil && len(drafts.Drafts) == 1) == failed {
				t.Errorf("drafts of ann: got %+v, %v, want %v", drafts, err, test.drafts)
			}
			page, err := s.Sessions(t.Context(), operator, "*", admin.Paging{})
			if !errors.Is(err, test.sessions) || (len(page.Items) == 1 && page.Items[0].Account == "ann") != (test.sessions == nil) {
				t.Errorf("sessions: got %+v, %v, want %v", page, err, test.sessions)
			}
		})
	}
}
