package admin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
)

// gateway notes one in front of the API articles that has been silent for some
// seconds. It has the catalog of the fixture, or another one.
func (f *fixture) gateway(t *testing.T, id, name string, silent int, permissions []permission.Permission) {
	t.Helper()
	fingerprint, err := permission.Fingerprint(permissions)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.SaveGateway(t.Context(), id, []store.Gateway{{API: "articles", Name: name, Version: "v1.0.0", Fingerprint: fingerprint, Started: start}}); err != nil {
		t.Fatal(err)
	}
	f.sql(t, `UPDATE gateways SET seen = seen - 1000 * ? WHERE id = ?`, silent, id)
}

func (f *fixture) apis(t *testing.T, actor admin.Actor) []admin.API {
	t.Helper()
	apis, err := f.APIs(t.Context(), actor)
	if err != nil {
		t.Fatal(err)
	}
	return apis
}

// What gateways are there, which of them live, and which have another catalog than
// the newest.
func TestGateways(t *testing.T) {
	f := newFixture(t)
	same := catalog(t, "articles").Permissions
	f.gateway(t, "1", "one", 0, same)
	f.gateway(t, "2", "two", 60, same[1:])
	f.gateway(t, "3", "three", 120, same)
	// Of one name: two that live, and those that crashed before them.
	f.gateway(t, "4", "many", 0, same)
	f.gateway(t, "5", "many", 10, nil)
	f.gateway(t, "6", "many", 120, same)
	// Of one that crashed twice and is not back, the newest stands for both.
	f.gateway(t, "7", "twice", 500, same)
	f.gateway(t, "8", "twice", 400, same[1:])
	want := []string{
		"many alive current", "many alive", "one alive current", "three current", "twice", "two alive",
	}
	apis := f.apis(t, operator)
	if len(apis) != 2 || apis[0].API != "articles" || len(apis[1].Gateways) != 0 || apis[1].Gateways == nil {
		t.Fatalf("%+v", apis)
	}
	var got []string
	for _, g := range apis[0].Gateways {
		line := g.Name
		if g.Alive {
			line += " alive"
		}
		if g.Current {
			line += " current"
		}
		got = append(got, line)
		if g.Version != "v1.0.0" || g.Seen.IsZero() || !g.Started.Equal(apis[0].Updated) {
			t.Errorf("%+v", g)
		}
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if apis[0].Gateways[4].Name != "twice" || apis[0].Gateways[4].Current {
		t.Errorf("the older one is shown: %+v", apis[0].Gateways[4])
	}
}

// Tokens are counted as far as they may be read (rule 21).
func TestCountsOfTokens(t *testing.T) {
	f, _ := newManagement(t)
	for i, owner := range []string{"ann", "ann", "ben", ""} {
		f.create(t, func(d *admin.NewToken) { d.Name, d.Owner = fmt.Sprint("token ", i), owner })
	}
	f.create(t, func(d *admin.NewToken) { d.API, d.Name, d.Owner = "orders", "other", "ben" })
	f.role(t, store.Role{Name: "blind"})
	for _, test := range []struct {
		actor admin.Actor
		want  string
	}{
		{operator, "articles 4, orders 1, "},
		{f.member(t, "olga", admin.RoleOwner), "articles 4, orders 1, "},
		{f.member(t, "ann", admin.RoleMember), "articles 2, orders 0, "},
		{f.member(t, "ben", admin.RoleMember), "articles 1, orders 1, "},
		{f.member(t, "cid", "blind"), "articles ?, orders ?, "},
		{f.through(t, "olga", "api.read"), "articles ?, orders ?, "},
	} {
		got := ""
		for _, api := range f.apis(t, test.actor) {
			count := "?"
			if api.Tokens != nil {
				count = fmt.Sprint(*api.Tokens)
			}
			if api.API != admin.ManagementAPI {
				got += api.API + " " + count + ", "
			}
		}
		if got != test.want {
			t.Errorf("%s: got %s; want %s", test.actor.Name(), got, test.want)
		}
	}
}
