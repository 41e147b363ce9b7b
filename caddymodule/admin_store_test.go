package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// awayStore can't be reached by those who manage.
type awayStore struct{ store.Store }

var errAway = fmt.Errorf("%w: test", store.ErrUnavailable)

func (awayStore) Session(context.Context, token.Digest) (store.Session, error) {
	return store.Session{}, errAway
}

func (awayStore) Token(context.Context, string) (token.Token, error) { return token.Token{}, errAway }

func (awayStore) AccountByName(context.Context, string) (store.Account, error) {
	return store.Account{}, errAway
}

func (awayStore) Accounts(context.Context) ([]store.Account, error) { return nil, errAway }

func (awayStore) Change(context.Context, func(store.Tx) error) error { return errAway }

// endlessStore has one event over and over, and fails at the third page.
type endlessStore struct {
	store.Store
	pages *atomic.Int64
}

func (s endlessStore) Events(ctx context.Context, q store.EventQuery) ([]store.Event, error) {
	if s.pages.Add(1) > 2 {
		return nil, errAway
	}
	one := q
	one.Limit = 1
	events, err := s.Store.Events(ctx, one)
	if err != nil || len(events) == 0 {
		return nil, errors.Join(err, errors.New("no events"))
	}
	for len(events) < q.Limit {
		events = append(events, events[0])
	}
	return events, nil
}

// An export that can't be finished is broken off: it must not look whole.
func TestAdminExportIsBrokenOff(t *testing.T) {
	g := newManagement(t, nil)
	g.account("ann", admin.RoleOwner, adminPassword)
	ann := g.signIn("ann")
	rt := g.runtime()
	pages := new(atomic.Int64)
	rt.managing.begin(endlessStore{rt.store.Load(), pages})
	g.words["INSIDE"] = "host a"
	g.mustLoad(adminSite)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+g.addr+"/api/v1/events/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", ann.headers[0][len("Cookie: "):])
	resp, err := http.DefaultTransport.RoundTrip(r)
	for end := time.Now().Add(patience); brokenConnection(err) && time.Now().Before(end); {
		resp, err = http.DefaultTransport.RoundTrip(r) // the listener has just changed
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK || len(text) == 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %d, %d bytes, %v", resp.StatusCode, len(text), err)
	}
	if pages.Load() != 3 {
		t.Errorf("%d pages were read", pages.Load())
	}
}

// What is older than audit_retention goes, and nothing else.
func TestAdminPrunesAuditTrail(t *testing.T) {
	for retention, want := range map[string]int{"": 1, "audit_retention 200d": 0, "audit_retention forever": 2} {
		g := newGateway(t, map[string]string{"LOGS": "", "INSIDE": retention})
		s, err := sqlite.Open(t.Context(), filepath.Join(g.dir, "tokens.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		err = s.Change(t.Context(), func(tx store.Tx) error {
			for _, days := range []int{300, 500} {
				e := store.Event{Time: time.Now().UTC().AddDate(0, 0, -days).Truncate(time.Millisecond), Actor: "old", Via: "command", Action: "token.create", Subject: "tok_x"}
				if err := tx.AppendEvent(t.Context(), e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		g.mustLoad(adminSite)
		eventually(t, "the audit trail was looked at", func() bool { return g.runtime().managing.pruned.Load() > 0 })
		count := func() int {
			events, err := s.Events(t.Context(), store.EventQuery{Actor: "old", Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			return len(events)
		}
		eventually(t, fmt.Sprintf("%q keeps %d", retention, want), func() bool { return count() == want })
	}
}
