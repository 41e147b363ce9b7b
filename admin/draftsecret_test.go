package admin_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// Eve drafts a new secret of ann's token, and so has it; then mem changes the description. Whoever
// updates has to see that eve made the secret, and the audit trail has to keep it: the
// last who changed the draft is another.
func TestDraftsSayWhoMadeTheirSecret(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleMember)
	eve, mem := f.member(t, "eve", admin.RoleManager), f.member(t, "mem", admin.RoleManager)
	made, _ := f.create(t, nil)
	f.stage(t, true)
	if _, _, err := f.Regenerate(t.Context(), eve, made.ID, 0, 0); err != nil {
		t.Fatal(err)
	}
	fresh, _, err := f.Create(t.Context(), eve, newToken(func(d *admin.NewToken) { d.Name = "fresh" }))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{made.ID, fresh.ID} {
		if _, err := f.Update(t.Context(), mem, id, admin.Edit{Description: new("tidied")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range f.drafts(t, operator).Drafts {
		if d.Author != "mem" || d.SecretBy != "eve" {
			t.Errorf("%s is by %q, its secret by %q", d.Name, d.Author, d.SecretBy)
		}
	}
	f.update(t, operator)
	said := 0
	for _, e := range f.events(t) {
		if (e.Action == "token.regenerate" || e.Action == "token.create" && e.Subject == fresh.ID) && strings.Contains(string(e.After), `"secret_by":"eve"`) {
			said++
		}
	}
	if said != 2 {
		t.Errorf("%d events say who made the secret", said)
	}
}

// Eve drafts a new secret of ann's token and is removed. Her draft stays behind, and the next
// update would let her in for good: so the secret goes with her, and what others drafted stays.
func TestRemovalTakesDraftedSecretsAlong(t *testing.T) {
	for _, older := range []bool{false, true} { // rows that don't say who made the secret
		f, _ := newManagement(t)
		f.account(t, "ann", admin.RoleMember)
		eve, mem := f.member(t, "eve", admin.RoleManager), f.member(t, "mem", admin.RoleManager)
		alone, aloneSecret := f.create(t, func(d *admin.NewToken) { d.Name = "alone" })
		both, bothSecret := f.create(t, func(d *admin.NewToken) { d.Name = "both" })
		f.stage(t, true)
		var known []token.Secret
		if _, err := f.Update(t.Context(), mem, both.ID, admin.Edit{Description: new("tidied")}); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{alone.ID, both.ID} {
			_, secret, err := f.Regenerate(t.Context(), eve, id, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			known = append(known, secret)
		}
		if older {
			f.sql(t, `UPDATE drafts SET draft = json_remove(draft, '$.secret_author')`)
		} else if _, err := f.Update(t.Context(), mem, both.ID, admin.Edit{Description: new("tidied again")}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.DeleteAccount(t.Context(), operator, "eve", 0, admin.TokenPlan{}); err != nil {
			t.Fatal(err)
		}
		list := f.drafts(t, operator).Drafts
		if len(list) != 1 || list[0].TokenID != both.ID || list[0].NewSecret != "" || list[0].SecretBy != "" {
			t.Fatalf("drafts are %+v", list)
		}
		var after map[string]any
		if err := json.Unmarshal(list[0].After, &after); err != nil || len(after) != 1 || after["description"] == nil {
			t.Errorf("it changes %s", list[0].After)
		}
		told := 0
		for _, e := range f.events(t) {
			if strings.Contains(string(e.Before), `"secret_by":"eve"`) {
				told++
			}
		}
		if told != 2 {
			t.Errorf("%d events tell of it", told)
		}
		f.update(t, operator)
		if !f.works(t, aloneSecret) || !f.works(t, bothSecret) || f.works(t, known[0]) || f.works(t, known[1]) {
			t.Error("a secret of eve's works, or one of before doesn't")
		}
	}
}
