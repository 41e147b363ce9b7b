package admin_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// countingStore counts what changes call, each of which may be a round trip to a database.
type countingStore struct {
	store.Store

	calls map[string]int
}

func (s *countingStore) Change(ctx context.Context, fn func(store.Tx) error) error {
	return s.Store.Change(ctx, func(tx store.Tx) error {
		clear(s.calls)
		return fn(countingTx{tx, s.calls})
	})
}

type countingTx struct {
	store.Tx

	calls map[string]int
}

func (t countingTx) Catalogs(ctx context.Context) ([]store.Catalog, error) {
	t.calls["Catalogs"]++
	return t.Tx.Catalogs(ctx)
}

func (t countingTx) Roles(ctx context.Context) ([]store.Role, error) {
	t.calls["Roles"]++
	return t.Tx.Roles(ctx)
}

func (t countingTx) AccountByName(ctx context.Context, name string) (store.Account, error) {
	t.calls["AccountByName"]++
	return t.Tx.AccountByName(ctx, name)
}

func (t countingTx) Token(ctx context.Context, id string) (token.Token, error) {
	t.calls["Token"]++
	return t.Tx.Token(ctx, id)
}

func (t countingTx) TokenByName(ctx context.Context, api, name string) (token.Token, error) {
	t.calls["TokenByName"]++
	return t.Tx.TokenByName(ctx, api, name)
}

func (t countingTx) Draft(ctx context.Context, id string) (store.Draft, error) {
	t.calls["Draft"]++
	return t.Tx.Draft(ctx, id)
}

func (t countingTx) DeleteDraft(ctx context.Context, id string) error {
	t.calls["DeleteDraft"]++
	return t.Tx.DeleteDraft(ctx, id)
}

func (t countingTx) CreateToken(ctx context.Context, n token.Token) error {
	t.calls["CreateToken"]++
	return t.Tx.CreateToken(ctx, n)
}

func (t countingTx) UpdateToken(ctx context.Context, n token.Token) error {
	t.calls["UpdateToken"]++
	return t.Tx.UpdateToken(ctx, n)
}

func (t countingTx) DeleteToken(ctx context.Context, id string) error {
	t.calls["DeleteToken"]++
	return t.Tx.DeleteToken(ctx, id)
}

func (t countingTx) AddSecret(ctx context.Context, id string, s store.Secret) error {
	t.calls["AddSecret"]++
	return t.Tx.AddSecret(ctx, id, s)
}

func (t countingTx) EndSecrets(ctx context.Context, id string, now, until time.Time) error {
	t.calls["EndSecrets"]++
	return t.Tx.EndSecrets(ctx, id, now, until)
}

// An update reads once what all drafts need: nobody else can change anything meanwhile, and
// the database may be far.
func TestUpdateAsksOnce(t *testing.T) {
	f, _ := newManagement(t)
	manager := f.member(t, "max", admin.RoleManager)
	f.member(t, "ann", admin.RoleMember)
	counting := &countingStore{f.store, map[string]int{}}
	f.Service = admin.New(counting, func() time.Time { return f.now }, rand.Reader)
	const each = 5
	named := func(kind string, i int) func(*admin.NewToken) {
		return func(d *admin.NewToken) { d.Name = fmt.Sprint(kind, i) }
	}
	var ids []string
	for i := range 3 * each {
		made, _ := f.create(t, named("live", i))
		ids = append(ids, made.ID)
	}
	f.stage(t, true)
	for i, id := range ids {
		var err error
		switch i % 3 {
		case 0:
			_, err = f.Update(t.Context(), manager, id, admin.Edit{Name: new(fmt.Sprint("renamed", i)), Grants: &[]string{"article.delete"}})
		case 1:
			_, _, err = f.Regenerate(t.Context(), operator, id, 0, 0)
		case 2:
			_, err = f.Delete(t.Context(), manager, id, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range each {
		f.create(t, named("new", i))
	}
	f.update(t, manager)
	want := map[string]int{
		"DeleteDraft": 3 * each, "CreateToken": each, "AddSecret": 2 * each, "EndSecrets": each, "DeleteToken": each,
		"UpdateToken": 3 * each, // those with another name twice
	}
	once := map[string]int{}
	for name, n := range counting.calls {
		if want[name] == 0 {
			once[name], want[name] = n, n
		}
	}
	if !maps.Equal(counting.calls, want) {
		t.Errorf("got  %v\nwant %v", counting.calls, want)
	}
	for name, n := range once {
		if n > 3 {
			t.Errorf("%s is asked %d times", name, n)
		}
	}
}
