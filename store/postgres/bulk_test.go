package postgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// roundTrips counts what waits for an answer of the server: a statement, or many that are
// sent together.
type roundTrips struct{ n atomic.Int64 }

func (r *roundTrips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	r.n.Add(1)
	return ctx
}

func (r *roundTrips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	r.n.Add(1)
	return ctx
}

func (*roundTrips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData)     {}
func (*roundTrips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*roundTrips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// counted opens a store in a new database whose round trips are counted.
func counted(t *testing.T) (*Store, *roundTrips) {
	t.Helper()
	server := pgtest.Shared(t)
	settings, err := Config{DSN: server.DSN(server.Database(t), pgtest.Superuser)}.parse()
	if err != nil {
		t.Fatal(err)
	}
	trips := &roundTrips{}
	settings.pool.ConnConfig.Tracer = trips
	s := &Store{settings: settings}
	s.life, s.end = context.WithCancel(context.Background())
	t.Cleanup(func() { _ = s.Close() })
	if err := s.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, trips
}

// Others wait for who changes all tokens of an account, and the database may be far. So
// what a change asks of it must not grow with every token.
func TestAllTokensOfAnAccountChangeInFewRoundTrips(t *testing.T) {
	t.Parallel()
	const tokens, most = 2 * bulk, 40
	operator := admin.Operator("root")
	for name, change := range map[string]func(context.Context, *admin.Service) (int, error){
		"deleted": func(ctx context.Context, s *admin.Service) (int, error) {
			done, err := s.DeleteAccount(ctx, operator, "bob", 0, admin.TokenPlan{Delete: true})
			return done.Deleted, err
		},
		"handed over to a role that hands out less": func(ctx context.Context, s *admin.Service) (int, error) {
			done, err := s.DeleteAccount(ctx, operator, "bob", 0, admin.TokenPlan{HandTo: "ann"})
			return min(done.HandedOver, len(done.Overreach)), err
		},
		"disabled with another role": func(ctx context.Context, s *admin.Service) (int, error) {
			done, err := s.UpdateAccount(ctx, operator, "bob", admin.AccountEdit{Role: new(admin.RoleAuditor), Disable: true})
			return len(done.Overreach.Tokens), err
		},
		"disabled with a role that changes": func(ctx context.Context, s *admin.Service) (int, error) {
			role := store.Role{Name: "finders", Read: store.Own, Create: store.None, Update: store.None, Regenerate: store.None, Delete: store.None}
			done, err := s.UpdateRole(ctx, operator, admin.RoleEdit{Role: role, Disable: true})
			return len(done.Overreach.Tokens), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, trips := counted(t)
			service := admin.New(s, func() time.Time { return now }, rand.Reader)
			withTokens(t, s, service, tokens)
			before := trips.n.Load()
			n, err := change(t.Context(), service)
			if err != nil || n != tokens {
				t.Fatalf("%d tokens, %v", n, err)
			}
			if n := trips.n.Load() - before; n > most {
				t.Errorf("%d round trips for %d tokens", n, tokens)
			}
			var unused int
			if err := s.reads.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM last_uses) - (SELECT count(*) FROM tokens)`).Scan(&unused); err != nil || unused != 0 {
				t.Errorf("%d tokens are gone but not their use, %v", unused, err)
			}
			events, err := s.Events(t.Context(), store.EventQuery{API: "articles"})
			if err != nil || len(events) != tokens {
				t.Errorf("%d events, %v", len(events), err)
			}
			for _, e := range events {
				if e.Owner == "" || e.Before == nil || e.After == nil && e.Action != "token.delete" {
					t.Fatalf("%+v", e)
				}
			}
		})
	}
}

// Drafts are saved one by one, but nothing else is asked for each of them. An API can have
// admin.MaxDrafts of them.
func TestAllDraftsOfAnAccountChangeInFewRoundTrips(t *testing.T) {
	t.Parallel()
	const drafts, each, most = 50, 3, 40
	operator := admin.Operator("root")
	for name, change := range map[string]func(context.Context, *admin.Service) (int, error){
		"dropped": func(ctx context.Context, s *admin.Service) (int, error) {
			done, err := s.DeleteAccount(ctx, operator, "bob", 0, admin.TokenPlan{Delete: true})
			return done.Deleted, err
		},
		"handed over": func(ctx context.Context, s *admin.Service) (int, error) {
			done, err := s.DeleteAccount(ctx, operator, "bob", 0, admin.TokenPlan{HandTo: "ann"})
			return done.HandedOver, err
		},
		"disabled": func(ctx context.Context, s *admin.Service) (int, error) {
			done, err := s.UpdateAccount(ctx, operator, "bob", admin.AccountEdit{Role: new(admin.RoleAuditor), Disable: true})
			return len(done.Overreach.Tokens), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, trips := counted(t)
			service := admin.New(s, func() time.Time { return now }, rand.Reader)
			withTokens(t, s, service, 0)
			err := s.Change(t.Context(), func(tx store.Tx) error {
				return tx.SaveCatalog(t.Context(), store.Catalog{API: "articles", Staged: true, Updated: now})
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range drafts {
				_, _, err := service.Create(t.Context(), operator, admin.NewToken{
					API: "articles", Name: fmt.Sprint(i), Type: token.FullAccess, Duration: "3d", Owner: "bob",
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			before := trips.n.Load()
			if n, err := change(t.Context(), service); err != nil || n != drafts {
				t.Fatalf("%d drafts, %v", n, err)
			}
			if n := trips.n.Load() - before; n > drafts*each+most {
				t.Errorf("%d round trips for %d drafts", n, drafts)
			}
		})
	}
}

// withTokens makes the accounts bob, with tokens that only some roles can hand out, and ann.
func withTokens(t *testing.T, s *Store, service *admin.Service, n int) {
	t.Helper()
	operator := admin.Operator("root")
	if _, err := service.CreateRole(t.Context(), operator, store.Role{
		Name: "finders", Read: store.Own, Create: store.Own, Update: store.Own, Regenerate: store.Own, Delete: store.Own,
	}); err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]string{"bob": "finders", "ann": admin.RoleAuditor} {
		if _, _, err := service.CreateAccount(t.Context(), operator, admin.NewAccount{Name: name, Role: role}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Change(t.Context(), func(tx store.Tx) error {
		for i := range n {
			name := fmt.Sprintf("%03d", i)
			if err := tx.CreateToken(t.Context(), token.Token{
				ID: "tok_" + strings.Repeat("0", 13) + name, API: "articles", Name: name, Type: token.FullAccess, Owner: "bob", Enabled: true, Created: now, Updated: now,
			}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
