package admin_test

import (
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
)

// Whoever only sees a token can't disable it, at once or as a draft.
func TestDisableNowTakesTheRight(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "other", admin.RoleMember)
	for role, want := range map[string]string{admin.RoleAuditor: "no", admin.RoleMember: "unknown", admin.RoleManager: "yes"} {
		a := f.member(t, "of-"+role, role)
		made, _ := f.create(t, func(d *admin.NewToken) { d.Owner, d.Name = "other", "for-"+role })
		for _, staged := range []bool{true, false} {
			f.stage(t, staged)
			if _, err := f.DisableNow(t.Context(), a, made.ID, 0); outcome(err) != want {
				t.Errorf("%s, staged %v: %v", role, staged, err)
			}
		}
		live, err := f.Find(t.Context(), operator, "articles", made.ID)
		if err != nil {
			t.Fatal(err)
		}
		if live.Enabled == (want == "yes") {
			t.Errorf("%s: enabled is %v", role, live.Enabled)
		}
	}
}
