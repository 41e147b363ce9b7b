package admin_test

import (
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
)

// A manager drafts that ann's token shall be bob's, under another name. Ann may not know of bob's
// tokens: neither the history nor the record of her token tells her of it. What she changes about
// her own token is refused since a draft is in the way, not as if she had no such token.
func TestDraftThatHidesFromTheOwner(t *testing.T) {
	f, _ := newManagement(t)
	ann, man := f.member(t, "ann", admin.RoleMember), f.member(t, "man", admin.RoleManager)
	f.account(t, "bob", admin.RoleMember)
	made, secret := f.create(t, nil)
	f.stage(t, true)
	if _, err := f.Update(t.Context(), ann, made.ID, admin.Edit{Description: new("mine")}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Update(t.Context(), man, made.ID, admin.Edit{Owner: new("bob")}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Update(t.Context(), man, made.ID, admin.Edit{Name: new("bobs")}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Draft(t.Context(), ann, made.ID); outcome(err) != "unknown" {
		t.Errorf("the draft: %v", err)
	}
	history, err := f.TokenEvents(t.Context(), ann, made.ID, admin.Paging{})
	if err != nil || len(history.Items) != 2 { // that it was made, and her own draft
		t.Errorf("her history is %+v, %v", history.Items, err)
	}
	for _, e := range history.Items {
		if text := string(e.Before) + string(e.After) + e.Name + e.Owner; strings.Contains(text, "bob") {
			t.Errorf("it tells %s", text)
		}
	}
	if all, err := f.TokenEvents(t.Context(), man, made.ID, admin.Paging{}); err != nil || len(all.Items) != 4 {
		t.Errorf("the manager's is %+v, %v", all.Items, err)
	}
	found, err := f.Find(t.Context(), ann, "", made.ID)
	page, pageErr := f.Tokens(t.Context(), ann, store.TokenQuery{})
	list, listErr := f.List(t.Context(), ann, admin.Filter{})
	if err != nil || pageErr != nil || listErr != nil || found.Draft != "" || page.Tokens[0].Draft != "" || list[0].Draft != "" {
		t.Errorf("her token has a draft: %+v, %+v, %+v", found, page.Tokens, list)
	}
	if _, err := f.Find(t.Context(), ann, "articles", "bobs"); outcome(err) != "unknown" {
		t.Errorf("by the drafted name: %v", err)
	}
	for name, change := range map[string]func() error{
		"update": func() error {
			_, err := f.Update(t.Context(), ann, made.ID, admin.Edit{Description: new("x")})
			return err
		},
		"disable":    func() error { _, err := f.SetEnabled(t.Context(), ann, made.ID, 0, false); return err },
		"regenerate": func() error { _, _, err := f.Regenerate(t.Context(), ann, made.ID, 0, 0); return err },
		"delete":     func() error { _, err := f.Delete(t.Context(), ann, made.ID, 0); return err },
	} {
		if err := change(); problems(t, err) != "draft" || strings.Contains(err.Error(), "bob") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.DisableNow(t.Context(), ann, made.ID, 0); err != nil || f.works(t, secret) {
		t.Errorf("at once: %v", err)
	}
}

// A name that is drafted of a token finds it, and no token that has the name already is hidden by that.
func TestFindByDraftedName(t *testing.T) {
	f := newFixture(t)
	made, _ := f.create(t, nil)
	f.stage(t, true)
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Name: new("tmp")}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ci", "tmp"} {
		for _, api := range []string{"articles", ""} {
			if found, err := f.Find(t.Context(), operator, api, name); err != nil || found.ID != made.ID {
				t.Errorf("%q of API %q: %+v, %v", name, api, found, err)
			}
		}
	}
	second, _, err := f.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Name = "ci" }))
	if err != nil {
		t.Fatal(err)
	}
	if found, err := f.Find(t.Context(), operator, "articles", "ci"); err != nil || found.ID != made.ID {
		t.Errorf("the name of one that works, and of the draft %s: %+v, %v", second.ID, found, err)
	}
}
