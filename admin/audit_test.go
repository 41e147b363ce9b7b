package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// everything does each thing that the audit trail knows, and returns the secrets
// that came up.
func everything(t *testing.T, f *fixture) (secrets []string) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	link, err := f.SetUpLink(t.Context(), admin.Actor{Via: admin.ViaGateway})
	check(err)
	in, err := f.SetUp(t.Context(), link.Reveal(), "ann", password, admin.From{Address: home})
	check(err)
	ann := f.session(t, in.Secret)
	made, secret, err := f.Create(t.Context(), ann, newToken(func(d *admin.NewToken) { d.Owner = "" }))
	check(err)
	_, err = f.Import(t.Context(), ann, newToken(func(d *admin.NewToken) { d.Name = "imported" }), foreign)
	check(err)
	_, err = f.Update(t.Context(), ann, made.ID, admin.Edit{Name: new("renamed"), Grants: &[]string{"article.find"}})
	check(err)
	_, err = f.SetEnabled(t.Context(), ann, made.ID, 0, false)
	check(err)
	_, err = f.SetEnabled(t.Context(), ann, made.ID, 0, true)
	check(err)
	_, second, err := f.Regenerate(t.Context(), ann, made.ID, 0, time.Hour)
	check(err)
	_, _, err = f.CreateAccount(t.Context(), ann, admin.NewAccount{Name: "bob", Role: admin.RoleMember, Password: password + "2"})
	check(err)
	_, err = f.UpdateAccount(t.Context(), ann, "bob", admin.AccountEdit{Role: new(admin.RoleManager), Password: new(password + "3")})
	check(err)
	renewed, err := f.ChangePassword(t.Context(), ann, password, password+"4")
	check(err)
	ann = f.session(t, renewed)
	_, err = f.CreateRole(t.Context(), ann, role("team"))
	check(err)
	r := role("team")
	r.Audit = true
	_, err = f.UpdateRole(t.Context(), ann, admin.RoleEdit{Role: r})
	check(err)
	check(f.DeleteRole(t.Context(), ann, "team", 0))
	_, err = f.SignIn(t.Context(), "bob", password+"wrong", admin.From{Address: home})
	if !errors.Is(err, admin.ErrSignInRefused) {
		t.Fatal(err)
	}
	_, err = f.SignIn(t.Context(), password+"typed as name", "x", admin.From{Address: home})
	if !errors.Is(err, admin.ErrSignInRefused) {
		t.Fatal(err)
	}
	bob, err := f.SignIn(t.Context(), "bob", password+"3", admin.From{Address: home})
	check(err)
	check(f.DeleteSession(t.Context(), ann, bob.Session.ID))
	_, err = f.Delete(t.Context(), f.through(t, "ann"), made.ID, 0)
	check(err)
	_, err = f.DeleteAccount(t.Context(), ann, "bob", 0, admin.TokenPlan{})
	check(err)
	check(f.SignOut(t.Context(), ann))
	return []string{link.Reveal(), in.Secret.Reveal(), secret.Reveal(), second.Reveal(), foreign, bob.Secret.Reveal(), password, "$quick$"}
}

// everythingDrafted does all that drafts are about and returns the secrets in it.
func everythingDrafted(t *testing.T, f *fixture) (secrets []string) {
	t.Helper()
	ann := f.member(t, "drafter", admin.RoleManager)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f.stage(t, true)
	made, secret, err := f.Create(t.Context(), ann, newToken(func(d *admin.NewToken) { d.Name, d.Owner = "drafted", "" }))
	check(err)
	_, err = f.Import(t.Context(), ann, newToken(func(d *admin.NewToken) { d.Name, d.Owner = "drafted import", "" }), foreign+"2")
	check(err)
	f.update(t, ann)
	_, err = f.Update(t.Context(), ann, made.ID, admin.Edit{Description: new("drafted")})
	check(err)
	for _, enabled := range []bool{false, true} {
		_, err = f.SetEnabled(t.Context(), ann, made.ID, 0, enabled)
		check(err)
	}
	_, second, err := f.Regenerate(t.Context(), ann, made.ID, 0, time.Hour)
	check(err)
	check(f.DiscardDraft(t.Context(), ann, made.ID, 0))
	_, err = f.Delete(t.Context(), ann, made.ID, 0)
	check(err)
	f.discard(t)
	_, err = f.Delete(t.Context(), ann, made.ID, 0)
	check(err)
	f.update(t, ann)
	f.stage(t, false)
	return []string{secret.Reveal(), second.Reveal(), foreign + "2"}
}

func (f *fixture) events(t *testing.T) []admin.EventRecord {
	t.Helper()
	var all []admin.EventRecord
	err := f.ExportEvents(t.Context(), operator, admin.EventQuery{}, func(e admin.EventRecord) error {
		all = append(all, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every action leaves its event; none has a secret, a password or a hash in it.
func TestAuditTrailIsCompleteAndHasNoSecrets(t *testing.T) {
	f, _ := newManagement(t)
	secrets := append(everything(t, f), everythingDrafted(t, f)...)
	for _, account := range []string{"ann"} {
		a, err := f.store.AccountByName(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, a.Password)
	}
	seen := map[string]bool{}
	for _, e := range f.events(t) {
		seen[e.Action] = true
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s shows %q: %s", e.Action, secret, text)
			}
		}
		if e.Actor == "" && e.Action != "set-up.link" && e.Action != "sign-in.refused" {
			t.Errorf("%s is by nobody", text)
		}
		if e.Via == "" || e.Via == "page" && e.Address != home {
			t.Errorf("%s does not say from where", text)
		}
	}
	for _, action := range admin.Actions() {
		if !seen[action] {
			t.Errorf("there is no %s", action)
		}
	}
}

func TestEventsSayWhatChanged(t *testing.T) {
	f, _ := newManagement(t)
	everything(t, f)
	want := map[string][2]string{
		"token.update":     {`{"grants":["POST /api/search"],"name":"ci"}`, `{"grants":[],"name":"renamed"}`},
		"token.disable":    {`{"enabled":true}`, `{"enabled":false}`},
		"account.update":   {`{"password":null,"role":"member"}`, `{"password":"changed","role":"manager"}`},
		"account.password": {"", `{"password":"changed"}`},
		"role.update":      {`{"audit":false}`, `{"audit":true}`},
		"sign-in.refused":  {"", `{"method":"password","reason":"wrong password"}`},
	}
	for _, e := range f.events(t) {
		w, ok := want[e.Action]
		if !ok || e.Action == "sign-in.refused" && e.Name == "" {
			continue
		}
		if string(e.Before) != w[0] || string(e.After) != w[1] {
			t.Errorf("%s: %s -> %s", e.Action, e.Before, e.After)
		}
		delete(want, e.Action)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	deleted, err := f.Events(t.Context(), operator, admin.EventQuery{Action: "token.delete"}, admin.Paging{})
	if err != nil || len(deleted.Items) != 1 || deleted.Items[0].After != nil || deleted.Items[0].Via != "api" ||
		!token.IsID(deleted.Items[0].Token) || deleted.Items[0].Actor != "ann" || deleted.Items[0].Owner != "ann" || deleted.Items[0].API != "articles" {
		t.Errorf("got %+v, %v", deleted, err)
	}
}

// A list of grants can be long, and a change of one of them small.
func TestEventsOfEditsKeepOnlyOtherGrants(t *testing.T) {
	f := newFixture(t)
	made, _ := f.create(t, func(d *admin.NewToken) { d.Grants = []string{"article.find", "GET /api/a", "GET /api/b"} })
	change := func(grants ...string) {
		if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Grants: &grants}); err != nil {
			t.Fatal(err)
		}
	}
	change("article.find", "GET /api/a", "GET /api/c")
	change("GET /api/a", "article.find", "GET /api/c")
	change("GET /api/a", "article.find", "GET /api/c", "GET /api/d")
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Type: new(token.ReadOnly)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Delete(t.Context(), operator, made.ID, 0); err != nil {
		t.Fatal(err)
	}
	page, err := f.Events(t.Context(), operator, admin.EventQuery{Subject: made.ID}, admin.Paging{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range page.Items {
		var before, after struct{ Grants []string }
		for text, into := range map[string]any{string(e.Before): &before, string(e.After): &after} {
			if text != "" && json.Unmarshal([]byte(text), into) != nil {
				t.Fatal(text)
			}
		}
		got = append(got, fmt.Sprint(e.Action, " ", before.Grants, " ", after.Grants))
	}
	want := []string{
		"token.delete [] []",
		"token.update [GET /api/a article.find GET /api/c GET /api/d] []",
		"token.update [] [GET /api/d]",
		"token.update [] []", // in another order
		"token.update [GET /api/b] [GET /api/c]",
		"token.create [] [article.find GET /api/a GET /api/b]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// failing is a store whose audit trail is full.
type failing struct{ store.Store }

type failingTx struct{ store.Tx }

func (f failing) Change(ctx context.Context, fn func(store.Tx) error) error {
	return f.Store.Change(ctx, func(tx store.Tx) error { return fn(failingTx{tx}) })
}

func (failingTx) AppendEvent(context.Context, store.Event) error { return errors.New("full") }

func (failingTx) AppendEvents(context.Context, []store.Event) error { return errors.New("full") }

// What is not in the trail did not happen.
func TestChangesAndEventsAreOne(t *testing.T) {
	f, _ := newManagement(t)
	made, _ := f.create(t, nil)
	before := len(f.events(t))
	// Refused changes leave no event.
	_, _, err := f.Create(t.Context(), operator, newToken(nil))
	if outcome(err) != "invalid" || len(f.events(t)) != before {
		t.Errorf("%v, %d events; had %d", err, len(f.events(t)), before)
	}
	broken := admin.New(failing{f.store}, func() time.Time { return f.now }, nil)
	if _, err := broken.SetEnabled(t.Context(), operator, made.ID, 0, false); err == nil {
		t.Error("changed without a trace")
	}
	if now, err := f.Find(t.Context(), operator, "", made.ID); err != nil || !now.Enabled {
		t.Errorf("got %+v, %v", now, err)
	}
}

func TestEventPages(t *testing.T) {
	f, _ := newManagement(t)
	for i := range 7 {
		f.create(t, func(d *admin.NewToken) { d.Name = fmt.Sprint("t", i) })
	}
	var names []string
	p := admin.Paging{Limit: 3}
	for {
		page, err := f.Events(t.Context(), operator, admin.EventQuery{Action: "token.create", API: "articles"}, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Items {
			names = append(names, e.Name)
		}
		if p.After = page.Next; p.After == "" {
			break
		}
	}
	if want := []string{"t6", "t5", "t4", "t3", "t2", "t1", "t0"}; !slices.Equal(names, want) {
		t.Errorf("got %q", names)
	}
	for _, after := range []string{"x", "-1", "0"} {
		if _, err := f.Events(t.Context(), operator, admin.EventQuery{}, admin.Paging{After: after}); !errors.Is(err, store.ErrBadCursor) {
			t.Errorf("%q: %v", after, err)
		}
	}
}

// The history of a token is for those who may read it, the addresses of others
// for those who read the trail.
func TestTokenEvents(t *testing.T) {
	f, _ := newManagement(t)
	ann := f.member(t, "ann", admin.RoleMember)
	boss := f.member(t, "boss", admin.RoleOwner)
	made, _, err := f.Create(t.Context(), ann, newToken(nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.SetEnabled(t.Context(), boss, made.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	page, err := f.TokenEvents(t.Context(), ann, made.ID, admin.Paging{})
	if err != nil || len(page.Items) != 2 || page.Items[0].Actor != "boss" || page.Items[0].Address != "" || page.Items[1].Address != home {
		t.Errorf("got %+v, %v", page, err)
	}
	if page, err := f.TokenEvents(t.Context(), boss, made.ID, admin.Paging{}); err != nil || page.Items[0].Address != home {
		t.Errorf("got %+v, %v", page, err)
	}
}

func TestPrune(t *testing.T) {
	f, _ := newManagement(t)
	f.member(t, "ann", admin.RoleMember)
	f.now = f.now.Add(48 * time.Hour)
	if err := f.Prune(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if sessions, err := f.store.Sessions(t.Context(), ""); err != nil || len(sessions) != 0 || len(f.events(t)) != 2 {
		t.Errorf("%d sessions, %d events, %v", len(sessions), len(f.events(t)), err)
	}
	if err := f.Prune(t.Context(), 24*time.Hour); err != nil || len(f.events(t)) != 0 {
		t.Errorf("%d events, %v", len(f.events(t)), err)
	}
}

func TestCreateOnce(t *testing.T) {
	f, _ := newManagement(t)
	ann, bob := f.member(t, "ann", admin.RoleMember), f.member(t, "bob", admin.RoleMember)
	key := admin.Idempotency{Key: "6f1c", Request: token.Hash("request")}
	own := func(name string) admin.NewToken {
		return newToken(func(d *admin.NewToken) { d.Name, d.Owner = name, "" })
	}
	made, secret, replayed, err := f.CreateOnce(t.Context(), ann, own("a"), key)
	if err != nil || replayed || !f.works(t, secret) {
		t.Fatalf("got %+v, %v, %v", made, replayed, err)
	}
	same, none, replayed, err := f.CreateOnce(t.Context(), ann, own("a"), key)
	if err != nil || !replayed || same.ID != made.ID || none.Reveal() != "" {
		t.Errorf("replay: %+v, %v, %v", same, replayed, err)
	}
	key.Request = token.Hash("another request")
	if _, _, _, err := f.CreateOnce(t.Context(), ann, own("b"), key); !errors.Is(err, admin.ErrKeyReused) {
		t.Errorf("another request: %v", err)
	}
	if other, _, replayed, err := f.CreateOnce(t.Context(), bob, own("b"), key); err != nil || replayed || other.ID == made.ID {
		t.Errorf("the key of another account: %+v, %v, %v", other, replayed, err)
	}
	for _, bad := range []string{"", "a b", "ä", strings.Repeat("x", 256)} {
		if _, _, _, err := f.CreateOnce(t.Context(), ann, own("c"), admin.Idempotency{Key: bad}); problems(t, err) != "idempotency_key" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, _, _, err := f.CreateOnce(t.Context(), ann, own(""), admin.Idempotency{Key: "refused"}); problems(t, err) != "name" {
		t.Error(err)
	}
	if _, _, replayed, err := f.CreateOnce(t.Context(), ann, own("d"), admin.Idempotency{Key: "refused"}); err != nil || replayed {
		t.Errorf("after a refusal: %v, %v", replayed, err)
	}
}

func TestCreateOnceAtOnce(t *testing.T) {
	f, _ := newManagement(t)
	ids := make(chan string, 8)
	for range cap(ids) {
		go func() {
			made, _, _, err := f.CreateOnce(t.Context(), operator, newToken(nil), admin.Idempotency{Key: "k"})
			if err != nil {
				t.Error(err)
			}
			ids <- made.ID
		}()
	}
	first := <-ids
	for range cap(ids) - 1 {
		if id := <-ids; id != first {
			t.Errorf("made %s and %s", first, id)
		}
	}
}

func TestPagesOfEventsEndAtSomeBytes(t *testing.T) {
	f := newFixture(t)
	large := json.RawMessage(`{"description":"` + strings.Repeat("x", store.PageBytes/3) + `"}`)
	const many = 11
	err := f.store.Change(t.Context(), func(tx store.Tx) error {
		for i := range many {
			e := store.Event{Time: f.now, Action: "token.update", Subject: "tok_0000000000000000", Name: fmt.Sprint(i), Before: large}
			if i%4 == 3 {
				e.Before = nil
			}
			if err := tx.AppendEvent(t.Context(), e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	names, pages := "", 0
	for p := (admin.Paging{Limit: admin.MaxLimit}); pages == 0 || p.After != ""; pages++ {
		page, err := f.Events(t.Context(), operator, admin.EventQuery{}, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Items {
			names += e.Name + " "
		}
		p.After = page.Next
	}
	if want := "10 9 8 7 6 5 4 3 2 1 0 "; names != want || pages != 3 {
		t.Errorf("got %s on %d pages; want %s on 3", names, pages, want)
	}
	exported := 0
	if err := f.ExportEvents(t.Context(), operator, admin.EventQuery{}, func(admin.EventRecord) error { exported++; return nil }); err != nil || exported != many {
		t.Errorf("exported %d: %v", exported, err)
	}
}
