package admin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// A token that is only a draft is there for those who manage it, and for nobody else.
func TestTokenThatIsOnlyADraft(t *testing.T) {
	f := newFixture(t)
	f.stage(t, true)
	made, secret := f.create(t, nil)
	if record := f.Record(&made); record.Status != token.Drafted || record.Draft == nil || *record.Draft != token.DraftCreate {
		t.Errorf("got %+v", record)
	}
	for _, name := range []string{made.ID, "ci"} {
		if found, err := f.Find(t.Context(), operator, "articles", name); err != nil || found.ID != made.ID || found.Status(f.now) != token.Drafted {
			t.Errorf("found %+v, %v", found, err)
		}
	}
	e, err := f.Explain(t.Context(), operator, made.ID, gate.Asked{Method: "GET", Target: "/api/articles"})
	if err != nil || e.Reason != gate.UnknownToken {
		t.Errorf("explained as %+v, %v", e, err)
	}
	if uses, err := f.Usage(t.Context(), operator, made.ID, time.Time{}); err != nil || len(uses) != 0 {
		t.Errorf("used %v, %v", uses, err)
	}
	if secrets, err := f.Secrets(t.Context(), operator, made.ID); err != nil || len(secrets) != 0 {
		t.Errorf("secrets %v, %v", secrets, err)
	}
	if list, err := f.List(t.Context(), operator, admin.Filter{}); err != nil || len(list) != 0 {
		t.Errorf("the list has %v, %v", list, err)
	}
	_, second, err := f.Regenerate(t.Context(), operator, made.ID, 0, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Name: new("renamed")}); err != nil {
		t.Fatal(err)
	}
	f.update(t, operator)
	if f.works(t, secret) || f.gated(t, second) != "renamed custom [article.find POST /api/search] active" {
		t.Errorf("the first secret is %s, the second %s", f.gated(t, secret), f.gated(t, second))
	}
	stored, err := f.store.Token(t.Context(), made.ID)
	if err != nil || stored.Version != 1 || stored.Hint != second.Hint() {
		t.Errorf("it is %+v, %v", stored, err)
	}
	made, secret = f.create(t, func(d *admin.NewToken) { d.Name = "dropped" })
	if _, err := f.Delete(t.Context(), operator, made.ID, 0); err != nil {
		t.Fatal(err)
	}
	if f.events(t)[0].Action != "draft.discard" || len(f.drafts(t, operator).Drafts) != 0 || f.works(t, secret) {
		t.Error("it was not dropped")
	}
}

// Whoever wants to change a token that is to be deleted is told of that first.
func TestTokenThatIsToBeDeleted(t *testing.T) {
	f := newFixture(t)
	made, secret := f.create(t, nil)
	f.stage(t, true)
	if _, err := f.Delete(t.Context(), operator, made.ID, 0); err != nil {
		t.Fatal(err)
	}
	_, edit := f.Update(t.Context(), operator, made.ID, admin.Edit{Name: new("renamed")})
	_, disable := f.SetEnabled(t.Context(), operator, made.ID, 0, false)
	_, _, regenerate := f.Regenerate(t.Context(), operator, made.ID, 0, 0)
	for i, err := range []error{edit, disable, regenerate} {
		if problems(t, err) != "draft" {
			t.Errorf("%d: %v", i, err)
		}
	}
	events := len(f.events(t))
	if again, err := f.Delete(t.Context(), operator, made.ID, 0); err != nil || again.Draft != token.DraftDelete || len(f.events(t)) != events {
		t.Errorf("asking again: %+v, %v", again, err)
	}
	if _, err := f.DisableNow(t.Context(), operator, made.ID, 0); err != nil || f.works(t, secret) {
		t.Errorf("disabled at once: %v, %v", err, f.works(t, secret))
	}
	f.discard(t)
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Name: new("renamed")}); err != nil {
		t.Error(err)
	}
}

// A draft that is taken back leaves nothing, and one that changes nothing is none.
func TestDiscard(t *testing.T) {
	f := newFixture(t)
	made, secret := f.create(t, nil)
	f.stage(t, true)
	for _, enabled := range []bool{false, true} {
		if _, err := f.SetEnabled(t.Context(), operator, made.ID, 0, enabled); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(f.drafts(t, operator).Drafts); n != 0 {
		t.Errorf("%d drafts change nothing", n)
	}
	if err := f.DiscardDraft(t.Context(), operator, made.ID, 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	_, fresh, err := f.Regenerate(t.Context(), operator, made.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.create(t, func(d *admin.NewToken) { d.Name = "second" })
	if n, err := f.DiscardAPI(t.Context(), operator, "articles", f.drafts(t, operator).Seen); n != 2 || err != nil {
		t.Errorf("%d were dropped, %v", n, err)
	}
	f.update(t, operator)
	if !f.works(t, secret) || f.works(t, fresh) || len(f.drafts(t, operator).Drafts) != 0 {
		t.Error("something is left of them")
	}
}

// Whoever sends a request to create again gets the draft of then, until that is gone.
func TestCreateOnceWithDrafts(t *testing.T) {
	f := newFixture(t)
	f.stage(t, true)
	key := admin.Idempotency{Key: "once", Request: token.Hash("request")}
	create := func() (token.Token, bool, error) {
		made, _, replayed, err := f.CreateOnce(t.Context(), operator, newToken(nil), key)
		return made, replayed, err
	}
	first, _, err := create()
	if err != nil {
		t.Fatal(err)
	}
	if again, replayed, err := create(); err != nil || !replayed || again.ID != first.ID || again.Draft != token.DraftCreate {
		t.Errorf("got %+v, %v, %v", again, replayed, err)
	}
	f.update(t, operator)
	if again, replayed, err := create(); err != nil || !replayed || again.ID != first.ID || again.Draft != "" {
		t.Errorf("once it is in force: %+v, %v, %v", again, replayed, err)
	}
	key.Key = "twice"
	second := newToken(func(d *admin.NewToken) { d.Name = "second" })
	if _, _, _, err := f.CreateOnce(t.Context(), operator, second, key); err != nil {
		t.Fatal(err)
	}
	f.discard(t)
	if _, _, _, err := f.CreateOnce(t.Context(), operator, second, key); !errors.Is(err, admin.ErrCreatedGone) {
		t.Errorf("once it is dropped: %v", err)
	}
}

// A secret belongs to one token, be that a draft or not.
func TestSecretsOfDraftsAreTaken(t *testing.T) {
	f := newFixture(t)
	if _, err := f.Import(t.Context(), operator, newToken(nil), foreign); err != nil {
		t.Fatal(err)
	}
	f.stage(t, true)
	named := func(name string) admin.NewToken { return newToken(func(d *admin.NewToken) { d.Name = name }) }
	if _, err := f.Import(t.Context(), operator, named("of a token"), foreign); problems(t, err) != "secret" {
		t.Errorf("got %v", err)
	}
	if _, err := f.Import(t.Context(), operator, named("new"), foreign+"2"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Import(t.Context(), operator, named("of a draft"), foreign+"2"); problems(t, err) != "secret" {
		t.Errorf("got %v", err)
	}
	list := []admin.Foreign{{NewToken: named("new"), Secret: foreign + "2"}, {NewToken: named("third"), Secret: foreign + "3"}}
	for i := range 2 { // it can run again
		taken, err := f.TakeOver(t.Context(), operator, list, true)
		if err != nil || !taken[0].There || taken[1].There != (i == 1) || taken[1].Token.Draft != token.DraftCreate {
			t.Errorf("got %+v, %v", taken, err)
		}
	}
	// Another API may take it first; then the update says so.
	_, err := f.Import(t.Context(), operator, newToken(func(d *admin.NewToken) { d.API = "orders" }), foreign+"3")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.UpdateAPI(t.Context(), operator, "articles", f.drafts(t, operator).Seen)
	if _, ok := errors.AsType[admin.DraftErrors](err); !ok || !strings.Contains(err.Error(), `token "third": secret: belongs to a token already`) {
		t.Errorf("got %v", err)
	}
}

func TestDraftsAreBounded(t *testing.T) {
	f := newFixture(t)
	f.stage(t, true)
	list := make([]admin.Foreign, admin.MaxDrafts+1)
	for i := range list {
		list[i] = admin.Foreign{NewToken: newToken(func(d *admin.NewToken) { d.Name = fmt.Sprint("token ", i) }), Secret: fmt.Sprint(foreign, i), Where: fmt.Sprint(i)}
	}
	taken, err := f.TakeOver(t.Context(), operator, list, true)
	if err != nil {
		t.Fatal(err)
	}
	if problem := taken[admin.MaxDrafts].Problems.Error(); !strings.Contains(problem, "has 500 drafts") || len(taken[0].Problems) > 0 {
		t.Errorf("got %q", problem)
	}
	if n := len(f.drafts(t, operator).Drafts); n != 0 {
		t.Errorf("%d are drafts all the same", n)
	}
	if taken, err = f.TakeOver(t.Context(), operator, list[:admin.MaxDrafts], true); err != nil || len(taken[0].Problems) > 0 {
		t.Fatal(err)
	}
	_, _, err = f.Create(t.Context(), operator, newToken(nil))
	if problems(t, err) != "draft" || !strings.Contains(err.Error(), "update it or discard some first") {
		t.Errorf("got %v", err)
	}
	if done := f.update(t, operator); done.Drafts != admin.MaxDrafts {
		t.Errorf("%d are in force", done.Drafts)
	}
}

// One account can't take the place of all: a member once filled an API with drafts, and
// nobody could change a token of it.
func TestDraftsOfOneAccountAreBounded(t *testing.T) {
	f, _ := newManagement(t)
	member, manager := f.member(t, "mem", "member"), f.member(t, "man", "manager")
	f.stage(t, true)
	draft := func(a admin.Actor, i int) error {
		_, _, err := f.Create(t.Context(), a, newToken(func(d *admin.NewToken) { d.Name, d.Owner = fmt.Sprint(a.Name(), i), "" }))
		return err
	}
	for i := range admin.MaxOwnDrafts {
		if err := draft(member, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := draft(member, -1); err == nil || !strings.Contains(err.Error(), "100 drafts of API articles are yours") {
		t.Errorf("one more: %v", err)
	}
	for i := range admin.MaxOwnDrafts + 1 {
		if err := draft(manager, i); err != nil {
			t.Fatal(err)
		}
	}
}

// No view of drafts has a secret or the hash of one, and none is in what the API says of itself.
func TestDraftsShowNoSecret(t *testing.T) {
	f := newFixture(t)
	live, _ := f.create(t, nil)
	f.stage(t, true)
	_, fresh, err := f.Regenerate(t.Context(), operator, live.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	list := f.drafts(t, operator)
	one, err := f.Draft(t.Context(), operator, live.ID)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal([]any{list, one})
	if err != nil {
		t.Fatal(err)
	}
	digest := fresh.Digest()
	for _, secret := range []string{fresh.Reveal(), fmt.Sprintf("%x", digest[:]), strings.TrimSuffix(fmt.Sprint(digest), "]")} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%s shows %s", text, secret)
		}
	}
}

func TestAPIsCountDrafts(t *testing.T) {
	f, _ := newManagement(t)
	ann, other := f.member(t, "ann", admin.RoleMember), f.member(t, "other", admin.RoleMember)
	f.stage(t, true)
	f.create(t, nil)
	for i, test := range []struct {
		actor admin.Actor
		want  int
	}{{operator, 1}, {ann, 1}, {other, 0}} {
		apis, err := f.APIs(t.Context(), test.actor)
		if err != nil || !apis[0].Staged || *apis[0].Drafts != test.want || *apis[1].Drafts != 0 || apis[1].Staged {
			t.Errorf("%d: %+v, %v", i, apis, err)
		}
	}
}

// Tokens that act for their owner here are never drafts, whatever the store says.
func TestManagementIsNeverStaged(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleOwner)
	saveCatalog(t, f.store, store.Catalog{API: admin.ManagementAPI, Staged: true})
	actor := f.through(t, "ann")
	if _, err := f.SetEnabled(t.Context(), operator, actor.Token.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	if _, err := f.APIs(t.Context(), actor); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("got %v", err)
	}
}

// A token is drafted for a day, and its API updated two days later: it would be expired from the
// first moment on, so the update says so instead.
func TestExpiryThatPassesBeforeTheUpdate(t *testing.T) {
	f := newFixture(t)
	made, _ := f.create(t, nil)
	f.stage(t, true)
	brief, _, err := f.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Name, d.Duration = "brief", "1d" }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Duration: new("1d")}); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(48 * time.Hour)
	_, err = f.UpdateAPI(t.Context(), operator, "articles", f.drafts(t, operator).Seen)
	failed, _ := errors.AsType[admin.DraftErrors](err)
	if len(failed) != 2 || problems(t, failed[0].Err) != "duration" || problems(t, failed[1].Err) != "duration" {
		t.Fatalf("got %v", err)
	}
	for _, id := range []string{made.ID, brief.ID} {
		if _, err := f.Update(t.Context(), operator, id, admin.Edit{Duration: new("7d")}); err != nil {
			t.Fatal(err)
		}
	}
	f.update(t, operator)
	// What ended by itself is in nobody's way.
	f.now = f.now.Add(8 * 24 * time.Hour)
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Description: new("ended")}); err != nil {
		t.Fatal(err)
	}
	f.update(t, operator)
}

// Clients of another system may want to hear that their token expired, so one that was
// imported like that is put in force.
func TestImportedExpiredIsPutInForce(t *testing.T) {
	f := newFixture(t)
	f.stage(t, true)
	expired := foreignToken("old", func(x *admin.Foreign) { x.Expiry = f.now.Add(-time.Hour) })
	if _, err := f.TakeOver(t.Context(), operator, []admin.Foreign{expired}, true); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(time.Hour)
	if done := f.update(t, operator); done.Drafts != 1 {
		t.Errorf("got %+v", done)
	}
	if got := f.names(t); !slices.Contains(got, "old") {
		t.Errorf("got %q", got)
	}
}
