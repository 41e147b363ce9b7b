package admin_test

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// newSpoilable is a fixture whose records can be made such that nobody understands them.
func newSpoilable(t *testing.T) (f *fixture, spoil func(tokenID string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f = &fixture{store: s, now: start}
	f.Service = admin.New(s, func() time.Time { return f.now }, rand.Reader)
	saveCatalog(t, s, catalog(t, "articles"))
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return f, func(tokenID string) {
		t.Helper()
		if _, err := db.Exec(`UPDATE tokens SET type = 'scoped' WHERE id = ?`, tokenID); err != nil {
			t.Fatal(err)
		}
	}
}

// A token whose record can't be understood can still be got rid of, and its name
// is taken until then.
func TestUnreadableTokenCanBeDeleted(t *testing.T) {
	f, spoil := newSpoilable(t)
	made, _ := f.create(t, nil)
	spoil(made.ID)
	var taken *token.FieldError
	if _, _, err := f.Create(t.Context(), operator, newToken(nil)); !errors.As(err, &taken) || taken.Field != "name" {
		t.Errorf("another of the same name: %v", err)
	}
	if gone, err := f.Delete(t.Context(), operator, made.ID, 0); err != nil || gone.ID != made.ID {
		t.Errorf("deleting: %v, %v", gone, err)
	}
	if _, _, err := f.Create(t.Context(), operator, newToken(nil)); err != nil {
		t.Errorf("the name is free again: %v", err)
	}
}

// Nor does one hang when its owner is removed.
func TestUnreadableTokensOfARemovedAccount(t *testing.T) {
	f, spoil := newSpoilable(t)
	for _, name := range []string{"ann", "bob"} {
		if _, _, err := f.CreateAccount(t.Context(), operator, admin.NewAccount{Name: name, Role: admin.RoleMember}); err != nil {
			t.Fatal(err)
		}
	}
	good, _ := f.create(t, nil)
	bad, _ := f.create(t, func(d *admin.NewToken) { d.Name = "bad" })
	spoil(bad.ID)
	_, err := f.DeleteAccount(t.Context(), operator, "ann", 0, admin.TokenPlan{})
	if plan, ok := errors.AsType[*admin.PlanError](err); !ok || plan.Tokens != 2 {
		t.Errorf("without a plan: %v", err)
	}
	_, err = f.DeleteAccount(t.Context(), operator, "ann", 0, admin.TokenPlan{HandTo: "bob"})
	if problems(t, err) != "hand_to" || !strings.Contains(err.Error(), bad.ID) {
		t.Errorf("handing over: %v", err)
	}
	done, err := f.DeleteAccount(t.Context(), operator, "ann", 0, admin.TokenPlan{Delete: true})
	if err != nil || done.Deleted != 2 {
		t.Errorf("deleting: %+v, %v", done, err)
	}
	for _, id := range []string{good.ID, bad.ID} {
		if _, err := f.store.Token(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("it is still there: %v", err)
		}
	}
	odd, _ := f.create(t, func(d *admin.NewToken) { d.Owner = "carl" })
	spoil(odd.ID)
	if _, inherited, err := f.CreateAccount(t.Context(), operator, admin.NewAccount{Name: "carl", Role: admin.RoleMember}); err != nil || inherited != 1 {
		t.Errorf("a new account of that name inherits %d, %v", inherited, err)
	}
}
