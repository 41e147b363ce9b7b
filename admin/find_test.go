package admin_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func TestFind(t *testing.T) {
	f := newFixture(t)
	one, secret := f.create(t, nil)
	other, _ := f.create(t, func(d *admin.NewToken) { d.API = "orders" })
	single, _ := f.create(t, func(d *admin.NewToken) { d.Name = "single" })
	tests := []struct {
		name, api, token, want string
		err                    string
	}{
		{"by id", "", one.ID, one.ID, ""},
		{"by id and API", "articles", one.ID, one.ID, ""},
		{"by id in the wrong API", "orders", one.ID, "", "it belongs to API articles"},
		{"by name and API", "orders", "ci", other.ID, ""},
		{"by a name of one API", "", "single", single.ID, ""},
		{"by a name of two APIs", "", "ci", "", `2 APIs have a token "ci": articles, orders; say which`},
		{"in an API without it", "orders", "single", "", `token "single" in API orders: not found`},
		{"in an unknown API", "order", "ci", "", "there is articles, orders"},
		{"by secret", "", secret.Reveal(), "", "that is a secret; use the name or the id"},
		{"unknown", "", "\x1b[2J", "", `token "\x1b[2J": not found`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found, err := f.Find(t.Context(), operator, test.api, test.token)
			switch {
			case test.err == "" && (err != nil || found.ID != test.want):
				t.Errorf("got %+v, %v", found, err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("got %v; want %q", err, test.err)
			case err != nil && strings.Contains(err.Error(), secret.Reveal()):
				t.Error("the error shows the secret")
			case strings.Contains(test.err, "not found") && !errors.Is(err, store.ErrNotFound):
				t.Errorf("%v is not ErrNotFound", err)
			}
		})
	}
}

func TestList(t *testing.T) {
	f := newFixture(t)
	f.create(t, nil)
	f.create(t, func(d *admin.NewToken) { d.Name, d.Duration, d.Owner = "short", "1h", "bob" })
	f.create(t, func(d *admin.NewToken) { d.API, d.Type, d.Grants = "orders", token.ReadOnly, nil })
	off, _ := f.create(t, func(d *admin.NewToken) { d.Name = "off" })
	if _, err := f.SetEnabled(t.Context(), operator, off.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(time.Hour)
	for _, test := range []struct {
		filter admin.Filter
		want   string
	}{
		{admin.Filter{}, "articles/ci articles/off articles/short orders/ci"},
		{admin.Filter{API: "orders"}, "orders/ci"},
		{admin.Filter{Type: token.ReadOnly}, "orders/ci"},
		{admin.Filter{Owner: "bob"}, "articles/short"},
		{admin.Filter{Status: token.Expired}, "articles/short"},
		{admin.Filter{Status: token.Disabled}, "articles/off"},
		{admin.Filter{Status: token.Active, API: "articles"}, "articles/ci"},
	} {
		tokens, err := f.List(t.Context(), operator, test.filter)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, found := range tokens {
			names = append(names, found.API+"/"+found.Name)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%+v picks %s; want %s", test.filter, got, test.want)
		}
	}
	_, err := f.List(t.Context(), operator, admin.Filter{API: "order"})
	if fields := problems(t, err); fields != "api" {
		t.Errorf("got %v", err)
	}
}

// Scripts rely on the names, and on every field being there.
func TestRecordInJSON(t *testing.T) {
	f := newFixture(t)
	made, secret := f.create(t, func(d *admin.NewToken) { d.Type, d.Grants, d.Duration = token.FullAccess, nil, "unlimited" })
	got, err := json.Marshal(f.Record(&made))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"` + made.ID + `","api":"articles","name":"ci","description":"","type":"full-access","grants":[],` +
		`"owner":"ann","enabled":true,"status":"active","hint":"` + secret.Hint() + `","expiry":null,` +
		`"created":"2026-11-22T09:00:00.123Z","updated":"2026-11-22T09:00:00.123Z","last_used":null,"version":1,"draft":null}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// halfReadable is a store with a record that can't be understood.
type halfReadable struct{ store.Store }

func (h halfReadable) Tokens(ctx context.Context, api string) ([]token.Token, error) {
	tokens, err := h.Store.Tokens(ctx, api)
	return tokens, errors.Join(err, store.ErrUnreadable)
}

// One broken record must not hide the others.
func TestListWithAnUnreadableRecord(t *testing.T) {
	f := newFixture(t)
	f.create(t, nil)
	f.create(t, func(d *admin.NewToken) { d.Name, d.Owner = "other", "bob" })
	half := admin.New(halfReadable{f.store}, time.Now, rand.Reader)
	tokens, err := half.List(t.Context(), operator, admin.Filter{Owner: "bob"})
	if len(tokens) != 1 || tokens[0].Name != "other" || !errors.Is(err, store.ErrUnreadable) {
		t.Errorf("got %+v, %v", tokens, err)
	}
}
