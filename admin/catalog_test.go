package admin_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func TestManagementCatalog(t *testing.T) {
	permissions := admin.ManagementPermissions()
	if _, err := permission.NewCatalog(permissions); err != nil {
		t.Fatal(err)
	}
	var names []admin.Right
	operations := map[string]string{}
	for _, p := range permissions {
		names = append(names, admin.Right(p.Name))
		for _, op := range p.Operations {
			if other := operations[op.String()]; other != "" {
				t.Errorf("%s belongs to %s and %s", op, other, p.Name)
			}
			operations[op.String()] = p.Name
		}
	}
	if !slices.Equal(names, admin.Rights()) {
		t.Errorf("permissions %q, rights %q", names, admin.Rights())
	}
}

// What a token of that API may do is what its type and grants say, whatever catalog a store has.
func TestPermissionsOfActingTokens(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleOwner)
	everything, err := permission.ParseOperation("GET /*")
	if err != nil {
		t.Fatal(err)
	}
	saveCatalog(t, f.store, store.Catalog{API: admin.ManagementAPI, Updated: start, Permissions: []permission.Permission{
		{Name: "token.read", Mark: permission.Read, Operations: []permission.Operation{everything}},
	}})
	reads := "[account.read api.read audit.read draft.read role.read session.read token.explain token.read]"
	for i, test := range []struct {
		kind   token.Type
		grants []string
		want   string
	}{
		{token.ReadOnly, nil, reads},
		{token.Custom, []string{"token.read"}, "[token.read]"},
		{token.Custom, []string{"role.*", "DELETE /api/v1/tokens/{id}"}, "[role.manage role.read token.delete]"},
		{token.Custom, []string{"GET /api/v1/tokens"}, "[token.read]"},
		{token.Custom, []string{"GET /other"}, "[]"},
	} {
		made, _ := f.create(t, func(d *admin.NewToken) {
			*d = admin.NewToken{API: admin.ManagementAPI, Name: fmt.Sprint(i), Type: test.kind, Grants: test.grants, Duration: "1d", Owner: "ann"}
		})
		actor, err := f.TokenActor(t.Context(), made.ID, home)
		if got := fmt.Sprint(actor.Permissions); err != nil || got != test.want {
			t.Errorf("%s %q: %s, %v; want %s", test.kind, test.grants, got, err, test.want)
		}
		for _, right := range admin.Rights() {
			want := store.None
			if slices.Contains(actor.Permissions, right) {
				want = store.All
			}
			if got := actor.Scope(right); got != want {
				t.Errorf("%s %q: %s of %s", test.kind, test.grants, right, got)
			}
		}
	}
	full := f.through(t, "ann")
	if len(full.Permissions) != len(admin.Rights()) || full.Via != admin.ViaAPI {
		t.Errorf("full access has %q by %s", full.Permissions, full.Via)
	}
	f.now = f.now.Add(30 * 24 * time.Hour)
	if _, err := f.Catalogs(t.Context(), full); err == nil {
		t.Error("an expired token acts")
	}
}
