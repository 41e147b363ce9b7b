package admin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// What an account has can be more than an answer should hold: then it is told of in short, and
// still kept whole.
func TestOverreachIsToldInShort(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleManager)
	team := role("team")
	team.Read, team.Create, team.Update, team.Ceiling = store.Own, store.Own, store.Own, store.Ceiling{Grants: []string{"article.find"}}
	f.role(t, team)
	large := []string{"GET /" + strings.Repeat("x", store.PageBytes/2)}
	const many = 6
	err := f.store.Change(t.Context(), func(tx store.Tx) error {
		for i := range many {
			one := token.Token{
				ID: fmt.Sprintf("tok_%016d", i), API: "articles", Name: fmt.Sprint(i), Description: "large", Type: token.Custom,
				Grants: large, Owner: "ann", Enabled: true, Created: f.now, Updated: f.now, Version: 1,
			}
			if i == 3 { // beside others that are mightier, and after the answer is full
				one.Grants = []string{"article.find"}
			}
			if err := tx.CreateToken(t.Context(), one); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, edit := range []admin.AccountEdit{{Role: new("team"), DryRun: true}, {Role: new("team"), Disable: true}} {
		change, err := f.UpdateAccount(t.Context(), operator, "ann", edit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, one := range change.Overreach.Tokens {
			got = append(got, fmt.Sprint(one.Name, " ", one.Description, " ", len(one.Grants)))
		}
		if want := []string{"0 large 1", "1 large 1", "2  0", "4  0", "5  0"}; !slices.Equal(got, want) {
			t.Errorf("got %q; want %q", got, want)
		}
	}
	for i := range many {
		kept, err := f.store.Token(t.Context(), fmt.Sprintf("tok_%016d", i))
		if err != nil || kept.Description != "large" || len(kept.Grants) != 1 || kept.Enabled != (i == 3) {
			t.Errorf("%d: %v, enabled %t, %d grants, %v", i, kept.Description, kept.Enabled, len(kept.Grants), err)
		}
	}
}
