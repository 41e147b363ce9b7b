package admin_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

const foreign = "legacy-secret-0123456789"

func TestImport(t *testing.T) {
	f := newFixture(t)
	made, err := f.Import(t.Context(), operator, newToken(nil), foreign)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := token.Import(foreign)
	if !f.works(t, secret) || made.Hint != "…6789" {
		t.Errorf("got %+v; the secret works: %v", made, f.works(t, secret))
	}
}

func TestImportRefuses(t *testing.T) {
	f := newFixture(t)
	if _, err := f.Import(t.Context(), operator, newToken(nil), foreign); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, secret, token, fields string }{
		{"short", "only-eighteen-char", "a", "secret"},
		{"empty", "", "a", "secret"},
		{"long", strings.Repeat("x", 513), "a", "secret"},
		{"blank within", "legacy secret 0123456789", "a", "secret"},
		{"our prefix with a bad checksum", "trv_" + strings.Repeat("x", 38), "a", "secret"},
		{"in use", foreign, "a", "secret"},
		{"bad secret and name taken", "short", "ci", "secret name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := f.Import(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Name = test.token }), test.secret)
			if fields := problems(t, err); fields != test.fields {
				t.Errorf("got fields %q in %q; want %q", fields, err, test.fields)
			}
			if test.secret != "" && strings.Contains(err.Error(), test.secret) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
	if all, _ := f.List(t.Context(), operator, admin.Filter{}); len(all) != 1 {
		t.Errorf("the store has %d tokens; want the first alone", len(all))
	}
}

func TestUpdate(t *testing.T) {
	f := newFixture(t)
	old, secret := f.create(t, nil)
	f.now = f.now.Add(time.Hour)
	kind := token.ReadOnly
	change, err := f.Update(t.Context(), operator, old.ID, admin.Edit{
		Version: 1, Name: new("renamed"), Description: new("d"), Type: &kind, Duration: new("unlimited"), Owner: new(""),
	})
	if err != nil {
		t.Fatal(err)
	}
	switch changed := change.Token; {
	case changed.Name != "renamed" || changed.Description != "d" || changed.Owner != "" || !changed.Expiry.IsZero():
		t.Errorf("got %+v", changed)
	case changed.Type != token.ReadOnly || len(changed.Grants) != 0:
		t.Errorf("type %s has grants %q; a token that is no longer custom must lose them", changed.Type, changed.Grants)
	case changed.Version <= old.Version || !changed.Updated.Equal(old.Updated.Add(time.Hour)):
		t.Errorf("version %d, updated %v", changed.Version, changed.Updated)
	case changed.ID != old.ID || !changed.Created.Equal(old.Created) || !f.works(t, secret):
		t.Error("id, creation or secret changed")
	}
	// Its own name is not taken.
	if _, err := f.Update(t.Context(), operator, old.ID, admin.Edit{Name: new("renamed")}); err != nil {
		t.Error(err)
	}
}

func TestUpdateRefuses(t *testing.T) {
	f := newFixture(t)
	f.create(t, func(d *admin.NewToken) { d.Name = "taken" })
	custom, _ := f.create(t, nil)
	reader, _ := f.create(t, func(d *admin.NewToken) { d.Name, d.Type, d.Grants = "reader", token.ReadOnly, nil })
	customType, badType := token.Custom, token.Type("root")
	tests := []struct {
		name   string
		id     string
		edit   admin.Edit
		fields string
	}{
		{"name taken", custom.ID, admin.Edit{Name: new("taken")}, "name"},
		{"past date", custom.ID, admin.Edit{Duration: new("2020-01-31")}, "duration"},
		{"unknown type", reader.ID, admin.Edit{Type: &badType}, "type"},
		{"custom without grants", reader.ID, admin.Edit{Type: &customType}, "grants"},
		{"last grant away", custom.ID, admin.Edit{Grants: &[]string{}}, "grants"},
		{"unknown permission", custom.ID, admin.Edit{Grants: &[]string{"article.finds"}}, "grants"},
		{"held grant twice", custom.ID, admin.Edit{Grants: &[]string{"article.find", "article.find"}}, "grants"},
		{"grants of read-only", reader.ID, admin.Edit{Grants: &[]string{"article.find"}}, "grants"},
		{"several", custom.ID, admin.Edit{Name: new("taken"), Description: new("\x00")}, "description name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := f.Update(t.Context(), operator, test.id, test.edit)
			if fields := problems(t, err); fields != test.fields {
				t.Errorf("got fields %q in %q; want %q", fields, err, test.fields)
			}
		})
	}
	if now, err := f.Find(t.Context(), operator, "", custom.ID); err != nil || now.Version != custom.Version {
		t.Errorf("a refused edit left version %d, %v", now.Version, err)
	}
}

// Two editors: the second must not overwrite what the first changed.
func TestUpdateOfAnOldVersion(t *testing.T) {
	f := newFixture(t)
	made, _ := f.create(t, nil)
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Version: made.Version, Owner: new("bob")}); err != nil {
		t.Fatal(err)
	}
	_, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Version: made.Version, Owner: new("eve")})
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v; want ErrConflict", err)
	}
}

// A grant that is gone must not stand in the way of other changes, but nobody
// can add it anew.
func TestUpdateKeepsGrantsThatAreGone(t *testing.T) {
	f := newFixture(t)
	made, _ := f.create(t, func(d *admin.NewToken) { d.Grants = []string{"article.find", "article.create", "GET /a"} })
	less := catalog(t, "articles")
	less.Permissions = less.Permissions[:1] // article.find
	saveCatalog(t, f.store, less)
	gone, err := f.Gone(t.Context(), &made)
	if err != nil || !slices.Equal(gone, []string{"article.create"}) {
		t.Errorf("gone are %q, %v; want article.create", gone, err)
	}
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Name: new("x")}); err != nil {
		t.Error(err)
	}
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Grants: &[]string{"article.find"}}); err != nil {
		t.Error(err)
	}
	_, err = f.Update(t.Context(), operator, made.ID, admin.Edit{Grants: &[]string{"article.find", "article.create"}})
	if fields := problems(t, err); fields != "grants" {
		t.Errorf("got %v", err)
	}
}

func TestSetEnabled(t *testing.T) {
	f := newFixture(t)
	made, secret := f.create(t, nil)
	off, err := f.SetEnabled(t.Context(), operator, made.ID, 0, false)
	if err != nil || off.Enabled || off.Version == made.Version || f.works(t, secret) {
		t.Errorf("got %+v, %v", off, err)
	}
	same, err := f.SetEnabled(t.Context(), operator, made.ID, 0, false)
	if err != nil || same.Version != off.Version {
		t.Errorf("switching off twice made version %d of %d, %v", same.Version, off.Version, err)
	}
	if on, err := f.SetEnabled(t.Context(), operator, made.ID, 0, true); err != nil || !on.Enabled || !f.works(t, secret) {
		t.Errorf("got %+v, %v", on, err)
	}
}

func TestRegenerate(t *testing.T) {
	f := newFixture(t)
	made, first := f.create(t, nil)
	changed, second, err := f.Regenerate(t.Context(), operator, made.ID, 0, 0)
	if err != nil || f.works(t, first) || !f.works(t, second) {
		t.Fatalf("%v; first works: %v, second works: %v", err, f.works(t, first), f.works(t, second))
	}
	if changed.Hint != second.Hint() || changed.Version == made.Version {
		t.Errorf("got %+v", changed)
	}
	_, third, err := f.Regenerate(t.Context(), operator, made.ID, 0, 24*time.Hour)
	if err != nil || !f.works(t, second) || !f.works(t, third) {
		t.Fatalf("%v; second works: %v, third works: %v", err, f.works(t, second), f.works(t, third))
	}
	f.now = f.now.Add(24 * time.Hour)
	if f.works(t, second) || !f.works(t, third) {
		t.Errorf("after the overlap: second works: %v, third works: %v", f.works(t, second), f.works(t, third))
	}
	_, _, err = f.Regenerate(t.Context(), operator, made.ID, 0, -time.Hour)
	if fields := problems(t, err); fields != "overlap" {
		t.Errorf("got %v", err)
	}
}

// A member could give their token thousands of secrets, one overlap after the other:
// each change of it then went through all, and made others wait for seconds.
func TestSecretsOfATokenAreFew(t *testing.T) {
	f := newFixture(t)
	made, _ := f.create(t, nil)
	for n := 1; n < admin.MaxSecrets; n++ {
		if _, _, err := f.Regenerate(t.Context(), operator, made.ID, 0, time.Duration(n)*time.Hour); err != nil {
			t.Fatal(n, err)
		}
	}
	if _, _, err := f.Regenerate(t.Context(), operator, made.ID, 0, time.Hour); problems(t, err) != "overlap" {
		t.Errorf("one more: %v", err)
	}
	if list, err := f.Secrets(t.Context(), operator, made.ID); err != nil || len(list) != admin.MaxSecrets {
		t.Errorf("%d secrets, %v", len(list), err)
	}
	f.now = f.now.Add(time.Hour)
	if _, _, err := f.Regenerate(t.Context(), operator, made.ID, 0, time.Hour); err != nil {
		t.Error("when one has ended:", err)
	}
	if _, _, err := f.Regenerate(t.Context(), operator, made.ID, 0, 0); err != nil {
		t.Error("without overlap:", err)
	}
	if list, err := f.Secrets(t.Context(), operator, made.ID); err != nil || len(list) != 1 {
		t.Errorf("%d secrets, %v", len(list), err)
	}
}

// A form that is sent twice makes one secret: the second is of a version that is past.
func TestRegenerateOfAVersion(t *testing.T) {
	f := newFixture(t)
	made, first := f.create(t, nil)
	changed, second, err := f.Regenerate(t.Context(), operator, made.ID, made.Version, 0)
	if err != nil || f.works(t, first) || !f.works(t, second) {
		t.Fatalf("%v; first works: %v, second works: %v", err, f.works(t, first), f.works(t, second))
	}
	if _, _, err := f.Regenerate(t.Context(), operator, made.ID, made.Version, 0); !errors.Is(err, store.ErrConflict) || !f.works(t, second) {
		t.Errorf("%v; second works: %v", err, f.works(t, second))
	}
	if _, _, err := f.Regenerate(t.Context(), operator, made.ID, changed.Version, 0); err != nil {
		t.Error(err)
	}
}

func TestDelete(t *testing.T) {
	f := newFixture(t)
	made, secret := f.create(t, nil)
	gone, err := f.Delete(t.Context(), operator, made.ID, 0)
	if err != nil || gone.Name != "ci" || f.works(t, secret) {
		t.Errorf("got %+v, %v", gone, err)
	}
	f.create(t, nil) // its name is free again
}

func TestUnknownToken(t *testing.T) {
	f := newFixture(t)
	const id = "tok_0123456789abcdef"
	for name, call := range map[string]func() error{
		"update":     func() error { _, err := f.Update(t.Context(), operator, id, admin.Edit{Name: new("x")}); return err },
		"disable":    func() error { _, err := f.SetEnabled(t.Context(), operator, id, 0, false); return err },
		"regenerate": func() error { _, _, err := f.Regenerate(t.Context(), operator, id, 0, 0); return err },
		"delete":     func() error { _, err := f.Delete(t.Context(), operator, id, 0); return err },
		"find":       func() error { _, err := f.Find(t.Context(), operator, "", id); return err },
	} {
		if err := call(); !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), id) {
			t.Errorf("%s: got %v; want ErrNotFound with the id", name, err)
		}
	}
}
