package admin_test

import (
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Tokens that act for a leaver are deleted in any case, so whoever removes one must
// have the right to.
func TestRemovalDeletesNoTokensWithoutTheRight(t *testing.T) {
	f, _ := newManagement(t)
	f.role(t, store.Role{Name: "hr", Read: store.All, Update: store.All, Accounts: true})
	f.role(t, store.Role{Name: "empty", Read: store.Own})
	hr := f.member(t, "hr", "hr")
	f.account(t, "bob", admin.RoleMember)
	f.account(t, "ann", "empty")
	made, _ := f.create(t, nil)
	acting := f.through(t, "ann")
	_, err := f.DeleteAccount(t.Context(), hr, "ann", 0, admin.TokenPlan{HandTo: "bob"})
	if outcome(err) != "no" || !strings.HasPrefix(err.Error(), string(admin.TokenDelete)) {
		t.Errorf("got %v", err)
	}
	if _, err := f.Find(t.Context(), operator, "", made.ID); err != nil {
		t.Error(err)
	}
	if _, err := f.Delete(t.Context(), operator, acting.Token.ID, 0); err != nil {
		t.Fatal(err)
	}
	if done, err := f.DeleteAccount(t.Context(), hr, "ann", 0, admin.TokenPlan{HandTo: "bob"}); err != nil || done.HandedOver != 1 {
		t.Errorf("with nothing to delete: %+v, %v", done, err)
	}
}

// Nobody gets a right over tokens by removing their owner.
func TestRemovalGainsNothing(t *testing.T) {
	f, _ := newManagement(t)
	f.role(t, store.Role{Name: "hr", Read: store.All, Update: store.All, Regenerate: store.Own, Delete: store.All, Accounts: true})
	f.role(t, store.Role{Name: "empty", Read: store.Own})
	hr := f.member(t, "hr", "hr")
	f.account(t, "bob", admin.RoleMember)
	f.account(t, "ann", "empty")
	f.create(t, nil)
	if _, err := f.DeleteAccount(t.Context(), hr, "ann", 0, admin.TokenPlan{HandTo: "hr"}); outcome(err) != "no" {
		t.Errorf("to themself: %v", err)
	}
	if _, err := f.DeleteAccount(t.Context(), hr, "ann", 0, admin.TokenPlan{HandTo: "bob"}); err != nil {
		t.Errorf("to somebody else: %v", err)
	}
}

// Who gets a token that is mightier than their role is told of, not stopped.
func TestHandingOverSaysWhatIsMightier(t *testing.T) {
	f, _ := newManagement(t)
	f.role(t, store.Role{
		Name: "finders", Read: store.Own, Create: store.Own, Update: store.Own, Regenerate: store.Own, Delete: store.Own,
		Ceiling: store.Ceiling{Grants: []string{"article.find"}},
	})
	f.account(t, "finder", "finders")
	f.account(t, "reader", admin.RoleAuditor)
	f.account(t, "ann", admin.RoleMember)
	ann := f.member(t, "boss", admin.RoleOwner)
	small, _ := f.create(t, func(d *admin.NewToken) { d.Name, d.Grants = "small", []string{"article.find"} })
	big, secret := f.create(t, func(d *admin.NewToken) { d.Name = "big" })
	off, _ := f.create(t, func(d *admin.NewToken) { d.Name, d.Type, d.Grants = "off", token.FullAccess, nil })
	if _, err := f.SetEnabled(t.Context(), operator, off.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		id, owner string
		overreach bool
	}{
		{small.ID, "finder", false},
		{big.ID, "finder", true},
		{off.ID, "finder", false},
		{small.ID, "reader", true},
		{big.ID, "boss", false},
		{small.ID, "ann", false},
		{big.ID, "ann", false},
		{off.ID, "ann", false},
	} {
		change, err := f.Update(t.Context(), ann, test.id, admin.Edit{Owner: &test.owner})
		if err != nil || change.Overreach != test.overreach || change.Token.Owner != test.owner {
			t.Errorf("%s to %s: %+v, %v", test.id, test.owner, change, err)
		}
	}
	if change, err := f.Update(t.Context(), operator, big.ID, admin.Edit{Owner: new("nobody here")}); err != nil || change.Overreach {
		t.Errorf("to who is no account: %+v, %v", change, err)
	}
	if _, err := f.Update(t.Context(), operator, big.ID, admin.Edit{Owner: new("ann")}); err != nil {
		t.Fatal(err)
	}
	done, err := f.DeleteAccount(t.Context(), ann, "ann", 0, admin.TokenPlan{HandTo: "finder"})
	if err != nil || done.HandedOver != 3 || len(done.Overreach) != 1 || done.Overreach[0].ID != big.ID || done.Overreach[0].Owner != "finder" {
		t.Errorf("by removal: %+v, %v", done, err)
	}
	if !f.works(t, secret) {
		t.Error("it does not go on working")
	}
}
