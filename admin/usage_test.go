package admin_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func TestPermissionUsage(t *testing.T) {
	f, _ := newManagement(t)
	day := start.UTC().Truncate(24 * time.Hour)
	owner, stranger := f.member(t, "ann", admin.RoleMember), f.member(t, "bob", admin.RoleMember)
	tok, secret := f.create(t, func(d *admin.NewToken) {
		d.Grants = []string{"article.find", "article.*", "article.delete", "POST /api/search", "GET /a.b"}
	})
	readOnly, _ := f.create(t, func(d *admin.NewToken) { d.Name, d.Type, d.Grants = "reads", token.ReadOnly, nil })
	record := func(id string, days int, uses ...token.PermissionUse) {
		t.Helper()
		now := start.AddDate(0, 0, days)
		err := f.store.RecordUse(t.Context(), []token.Use{{
			TokenID: id, Secret: secret.Digest(), Day: day.AddDate(0, 0, days), Last: now, Address: fmt.Sprint("192.0.2.", days), Permissions: uses,
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	usage := func(id string, since time.Time) admin.PermissionUsage {
		t.Helper()
		u, err := f.PermissionUsage(t.Context(), owner, id, since)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	wantUnused := func(want ...string) {
		t.Helper()
		if got := usage(tok.ID, day).UnusedGrants; !reflect.DeepEqual(got, want) {
			t.Errorf("unused are %q, want %q", got, want)
		}
	}
	wantUnused("article.find", "article.*", "article.delete", "POST /api/search", "GET /a.b")

	record(tok.ID, 0, token.PermissionUse{Permission: "article.delete", Refused: 31}, token.PermissionUse{Permission: "POST /api/search", Allowed: 3})
	wantUnused("article.find", "article.*", "article.delete", "GET /a.b")
	record(tok.ID, 1, token.PermissionUse{Permission: "article.create", Allowed: 1}, token.PermissionUse{Permission: "article.find", Refused: 4}, token.PermissionUse{Refused: 7})
	wantUnused("article.find", "article.delete", "GET /a.b")
	want := admin.PermissionUsage{
		LastAddress: "192.0.2.1", UnusedGrants: []string{"article.find", "article.delete", "GET /a.b"},
		Permissions: []admin.PermissionUse{
			{Permission: "article.delete", Refused: 31},
			{Refused: 7},
			{Permission: "article.find", Refused: 4},
			{Permission: "POST /api/search", Allowed: 3},
			{Permission: "article.create", Allowed: 1},
		},
	}
	got := usage(tok.ID, day)
	if want.Since = got.Since; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := usage(tok.ID, day.AddDate(0, 0, 1)); len(got.Permissions) != 3 || got.LastAddress != "192.0.2.1" {
		t.Errorf("of the next day: %+v", got)
	}
	record(tok.ID, 0, token.PermissionUse{Allowed: 1}) // more names than are counted
	if got := usage(tok.ID, day).UnusedGrants; got != nil {
		t.Errorf("unused are %q although not all uses have a name", got)
	}
	record(readOnly.ID, 0, token.PermissionUse{Allowed: 1})
	if got := usage(readOnly.ID, day).UnusedGrants; got == nil || len(got) != 0 {
		t.Errorf("a read-only token has unused grants %q", got)
	}
	for _, who := range []admin.Actor{stranger, {}} {
		if u, err := f.PermissionUsage(t.Context(), who, tok.ID, day); err == nil || len(u.Permissions) != 0 || u.LastAddress != "" {
			t.Errorf("%s gets %+v, %v", who.Name(), u, err)
		}
	}
	if _, err := f.PermissionUsage(t.Context(), stranger, tok.ID, day); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

// What nobody counted was not "never used": since is when counting began.
func TestPermissionUsageSince(t *testing.T) {
	f := newFixture(t)
	sum, err := f.store.UseSummary(t.Context(), "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ asked, created, want time.Duration }{
		{-time.Hour, -2 * time.Hour, 0},
		{-time.Hour, time.Hour, time.Hour},
		{2 * time.Hour, time.Hour, 2 * time.Hour},
	} {
		f.now = sum.Counted.Add(test.created)
		tok, _ := f.create(t, func(d *admin.NewToken) { d.Name = fmt.Sprint(test.created, test.asked) })
		got, err := f.PermissionUsage(t.Context(), operator, tok.ID, sum.Counted.Add(test.asked))
		if err != nil || !got.Since.Equal(sum.Counted.Add(test.want)) {
			t.Errorf("since %v, %v; want %v after %v", got.Since, err, test.want, sum.Counted)
		}
	}
}
