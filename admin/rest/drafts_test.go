package rest_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// stage makes changes of an API drafts first, or holds them at once.
func (f *fixture) stage(t *testing.T, api string, staged bool) {
	t.Helper()
	catalogs, err := f.store.Catalogs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = f.store.Change(t.Context(), func(tx store.Tx) error {
		for _, c := range catalogs {
			if c.API == api {
				c.Staged = staged
				return tx.SaveCatalog(t.Context(), c)
			}
		}
		return errors.New("no such API")
	})
	if err != nil {
		t.Fatal(err)
	}
}

// works reports whether a gateway would find the secret.
func (f *fixture) works(t *testing.T, secret string) bool {
	t.Helper()
	found, err := f.store.Lookup(t.Context(), token.Hash(secret))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil && found.Token.Enabled
}

// drafts lists those of API articles, with their ETag.
func (c *client) drafts(t *testing.T) (admin.Drafts, string) {
	t.Helper()
	got := c.do(t, "GET", "/apis/articles/drafts", nil).want(t, http.StatusOK)
	return read[admin.Drafts](t, got), got.Header.Get("ETag")
}

// update puts all drafts of API articles in force.
func (c *client) update(t *testing.T) answer {
	t.Helper()
	_, seen := c.drafts(t)
	return c.do(t, "POST", "/apis/articles/drafts/update", nil, "If-Match", seen)
}

// The whole way of a new token: drafted, changed, put in force; and then of its changes.
func TestLifeOfADraft(t *testing.T) {
	f := newFixture(t)
	f.stage(t, "articles", true)
	ann := f.member(t, "ann", admin.RoleManager)
	created := ann.do(t, "POST", "/tokens", newToken("ci")).want(t, http.StatusAccepted)
	made := read[issued](t, created)
	path := "/tokens/" + made.Token.ID
	if made.Token.Status != token.Drafted || *made.Token.Draft != token.DraftCreate || created.Header.Get("Location") != admin.ManagementPath+path {
		t.Errorf("got %s", created.body)
	}
	if f.works(t, *made.Secret) {
		t.Error("a draft works")
	}
	shown := ann.do(t, "GET", path, nil).want(t, http.StatusOK)
	ann.do(t, "PATCH", path, object{"description": "for the build"}, "If-Match", shown.Header.Get("ETag")).want(t, http.StatusAccepted)
	if all := read[page[admin.Record]](t, ann.do(t, "GET", "/tokens", nil)); len(all.Items) != 0 {
		t.Errorf("the list has %+v", all.Items)
	}
	if got := read[struct{ Drafts, Overreach any }](t, ann.update(t).want(t, http.StatusOK)); got.Drafts != 1.0 {
		t.Errorf("got %+v", got)
	}
	if !f.works(t, *made.Secret) {
		t.Error("a token that was put in force doesn't work")
	}
	live := ann.do(t, "GET", path, nil).want(t, http.StatusOK)
	if got := read[admin.Record](t, live); got.Description != "for the build" || got.Status != token.Active || got.Draft != nil {
		t.Errorf("got %+v", got)
	}

	rotated := read[issued](t, ann.do(t, "POST", path+"/regenerate", object{"overlap": "1h"}).want(t, http.StatusAccepted))
	if f.works(t, *rotated.Secret) || !f.works(t, *made.Secret) {
		t.Error("a drafted secret works, or the live one doesn't")
	}
	// The live record has its own version; a further change begins with the draft.
	ann.do(t, "PATCH", path, object{"name": "build"}, "If-Match", live.Header.Get("ETag")).refused(t, http.StatusPreconditionFailed, "version_mismatch")
	drafted := ann.do(t, "GET", path+"/draft", nil).want(t, http.StatusOK)
	ann.do(t, "PATCH", path, object{"name": "build"}, "If-Match", drafted.Header.Get("ETag")).want(t, http.StatusAccepted)
	list, seen := ann.drafts(t)
	if len(list.Drafts) != 1 || !list.Staged || list.Unseen || seen != `"`+list.Seen+`"` {
		t.Fatalf("drafts are %+v", list)
	}
	d := list.Drafts[0]
	if d.Kind != token.DraftUpdate || d.Live.Name != "ci" || d.Drafted.Name != "build" || d.Overlap != 3600 || d.NewSecret != rotated.Token.Hint ||
		!strings.Contains(string(d.After), `"name":"build"`) || d.Author != "ann" {
		t.Errorf("got %+v", d)
	}
	ann.do(t, "POST", "/apis/articles/drafts/update", "{}", "If-Match", seen).want(t, http.StatusOK)
	if !f.works(t, *rotated.Secret) || !f.works(t, *made.Secret) {
		t.Error("the new secret doesn't work, or the overlap isn't kept")
	}

	gone := ann.do(t, "DELETE", path, nil).want(t, http.StatusAccepted)
	if got := read[admin.Record](t, gone); got.Name != "build" || *got.Draft != token.DraftDelete || !f.works(t, *rotated.Secret) {
		t.Errorf("got %s", gone.body)
	}
	again := ann.do(t, "DELETE", path, nil).want(t, http.StatusAccepted) // as often as one likes
	if again.Header.Get("ETag") != gone.Header.Get("ETag") {
		t.Error("asking again makes another draft")
	}
	for _, change := range []string{"/disable", "/regenerate"} {
		ann.do(t, "POST", path+change, nil).refused(t, http.StatusConflict, "draft_in_the_way")
	}
	ann.do(t, "PATCH", path, object{"name": "x"}, "If-Match", "*").refused(t, http.StatusConflict, "draft_in_the_way")
	ann.update(t).want(t, http.StatusOK)
	ann.do(t, "GET", path, nil).refused(t, http.StatusNotFound, "not_found")
	if f.works(t, *rotated.Secret) {
		t.Error("a deleted token works")
	}
}

func TestDiscard(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleManager)
	path := "/tokens/" + f.token(t, "ann", "ci").ID
	f.stage(t, "articles", true)
	ann.do(t, "GET", path+"/draft", nil).refused(t, http.StatusNotFound, "not_found")
	ann.do(t, "DELETE", path+"/draft", nil).refused(t, http.StatusNotFound, "not_found")
	ann.do(t, "POST", path+"/disable", nil).want(t, http.StatusAccepted)
	if got := read[admin.Record](t, ann.do(t, "GET", path, nil)); !got.Enabled || *got.Draft != token.DraftUpdate {
		t.Errorf("got %+v", got)
	}
	ann.do(t, "DELETE", path+"/draft", nil).want(t, http.StatusNoContent)
	ann.do(t, "DELETE", path+"/draft", nil).refused(t, http.StatusNotFound, "not_found")
	if got := read[admin.Record](t, ann.do(t, "GET", path, nil)); !got.Enabled || got.Draft != nil {
		t.Errorf("got %+v", got)
	}
	// A new one that is only a draft goes with it, and so does one that is deleted.
	made := read[issued](t, ann.do(t, "POST", "/tokens", newToken("new")).want(t, http.StatusAccepted))
	ann.do(t, "DELETE", "/tokens/"+made.Token.ID, nil).want(t, http.StatusNoContent)
	ann.do(t, "GET", "/tokens/"+made.Token.ID, nil).refused(t, http.StatusNotFound, "not_found")

	ann.do(t, "POST", "/tokens", newToken("new")).want(t, http.StatusAccepted)
	ann.do(t, "POST", path+"/disable", nil).want(t, http.StatusAccepted)
	_, seen := ann.drafts(t)
	got := ann.do(t, "POST", "/apis/articles/drafts/discard", nil, "If-Match", seen).want(t, http.StatusOK)
	if string(got.body) != `{"drafts":2}`+"\n" {
		t.Errorf("got %s", got.body)
	}
	if list, _ := ann.drafts(t); len(list.Drafts) != 0 {
		t.Errorf("there are %+v", list)
	}
}

// Nobody puts in force, or drops, what they have not seen.
func TestDraftsThatWereNotSeen(t *testing.T) {
	f := newFixture(t)
	ann, ben := f.member(t, "ann", admin.RoleManager), f.member(t, "ben", admin.RoleManager)
	path := "/tokens/" + f.token(t, "ann", "ci").ID
	f.stage(t, "articles", true)
	ann.do(t, "PATCH", path, object{"description": "ann's"}, "If-Match", `"1"`).want(t, http.StatusAccepted)
	_, seen := ann.drafts(t)
	version := ben.do(t, "GET", path+"/draft", nil).want(t, http.StatusOK).Header.Get("ETag")
	ben.do(t, "PATCH", path, object{"description": "ben's"}, "If-Match", version).want(t, http.StatusAccepted)
	ann.do(t, "PATCH", path, object{"description": "ann's"}, "If-Match", version).refused(t, http.StatusPreconditionFailed, "version_mismatch")
	for _, what := range []string{"update", "discard"} {
		decide := "/apis/articles/drafts/" + what
		ann.do(t, "POST", decide, nil, "If-Match", seen).refused(t, http.StatusPreconditionFailed, "version_mismatch")
		ann.do(t, "POST", decide, nil).refused(t, http.StatusPreconditionRequired, "version_needed")
		for _, bad := range []string{"*", strings.Trim(seen, `"`), "W/" + seen, seen + ", " + seen, `""`, `"`} {
			ann.do(t, "POST", decide, nil, "If-Match", bad).refused(t, http.StatusBadRequest, "invalid_header")
		}
		ann.do(t, "POST", decide, object{"sure": true}, "If-Match", seen).refused(t, http.StatusBadRequest, "malformed_body")
		ann.do(t, "POST", decide+"?days=3", nil, "If-Match", seen).refused(t, http.StatusBadRequest, "invalid_parameter")
	}
	// What was done to the token at once is not what was seen either.
	_, seen = ann.drafts(t)
	ben.do(t, "POST", path+"/disable", object{"now": true}).want(t, http.StatusOK)
	ann.do(t, "POST", "/apis/articles/drafts/update", nil, "If-Match", seen).refused(t, http.StatusPreconditionFailed, "version_mismatch")
	ann.update(t).want(t, http.StatusOK)
	if got := read[admin.Record](t, ann.do(t, "GET", path, nil)); got.Description != "ben's" || got.Enabled {
		t.Errorf("got %+v", got)
	}
}

// A change that begins with a draft is one of the draft's version, like an edit; what is done at once
// is done to the token as it works now.
func TestIfMatchOfDrafts(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleManager)
	path := "/tokens/" + f.token(t, "ann", "ci").ID
	f.stage(t, "articles", true)
	version := func(path string) string { return ann.do(t, "GET", path, nil).want(t, http.StatusOK).Header.Get("ETag") }
	live := version(path)
	ann.do(t, "POST", path+"/disable", nil, "If-Match", live).want(t, http.StatusAccepted)
	stale := version(path + "/draft")
	ann.do(t, "PATCH", path, object{"description": "x"}, "If-Match", stale).want(t, http.StatusAccepted)
	for _, other := range []string{live, stale} {
		for _, change := range []string{"POST /enable", "POST /disable", "POST /regenerate", "DELETE ", "DELETE /draft"} {
			method, of, _ := strings.Cut(change, " ")
			ann.do(t, method, path+of, nil, "If-Match", other).refused(t, http.StatusPreconditionFailed, "version_mismatch")
		}
	}
	for _, change := range []string{"/regenerate", "/enable", "/disable"} {
		ann.do(t, "POST", path+change, nil, "If-Match", version(path+"/draft")).want(t, http.StatusAccepted)
	}
	gone := ann.do(t, "DELETE", path, nil, "If-Match", version(path+"/draft")).want(t, http.StatusAccepted).Header.Get("ETag")
	ann.do(t, "POST", path+"/disable", object{"now": true}, "If-Match", gone).refused(t, http.StatusPreconditionFailed, "version_mismatch")
	ann.do(t, "POST", path+"/disable", object{"now": true}, "If-Match", live).want(t, http.StatusOK)
	ann.do(t, "DELETE", path+"/draft", nil, "If-Match", stale).refused(t, http.StatusPreconditionFailed, "version_mismatch")
	ann.do(t, "DELETE", path+"/draft", nil, "If-Match", gone).want(t, http.StatusNoContent)
	made := ann.do(t, "POST", "/tokens", newToken("new")).want(t, http.StatusAccepted)
	path = "/tokens/" + read[issued](t, made).Token.ID
	ann.do(t, "DELETE", path, nil, "If-Match", `"1"`).refused(t, http.StatusPreconditionFailed, "version_mismatch")
	ann.do(t, "DELETE", path, nil, "If-Match", made.Header.Get("ETag")).want(t, http.StatusNoContent)
}

func TestDisableNow(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	path := "/tokens/" + f.token(t, "ann", "ci").ID + "/disable"
	for _, staged := range []bool{true, false} {
		f.stage(t, "articles", staged)
		got := read[admin.Record](t, ann.do(t, "POST", path, object{"now": true}).want(t, http.StatusOK))
		if got.Enabled || got.Draft != nil {
			t.Errorf("got %+v", got)
		}
		f.stage(t, "articles", false)
		ann.do(t, "POST", strings.Replace(path, "/disable", "/enable", 1), nil).want(t, http.StatusOK)
	}
	ann.do(t, "POST", path, object{"now": "yes"}).refused(t, http.StatusBadRequest, "malformed_body")
	ann.do(t, "POST", path+"?now=true", nil).refused(t, http.StatusBadRequest, "invalid_parameter")
	ann.do(t, "POST", strings.Replace(path, "/disable", "/enable", 1), object{"now": true}).refused(t, http.StatusBadRequest, "malformed_body")
}

// If changes are no longer staged, they hold at once, and drafts of before are there
// until somebody decides.
func TestDraftsOfBefore(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	path := "/tokens/" + f.token(t, "ann", "ci").ID
	gone := "/tokens/" + f.token(t, "ann", "gone").ID
	f.stage(t, "articles", true)
	ann.do(t, "PATCH", path, object{"name": "build"}, "If-Match", "*").want(t, http.StatusAccepted)
	ann.do(t, "DELETE", gone, nil).want(t, http.StatusAccepted)
	f.stage(t, "articles", false)
	shown := ann.do(t, "GET", path, nil).want(t, http.StatusOK)
	if got := read[admin.Record](t, shown); *got.Draft != token.DraftUpdate {
		t.Errorf("got %+v", got)
	}
	ann.do(t, "PATCH", path, object{"description": "at once"}, "If-Match", shown.Header.Get("ETag")).want(t, http.StatusOK)
	ann.do(t, "DELETE", gone, nil).want(t, http.StatusNoContent)
	if list, _ := ann.drafts(t); list.Staged || len(list.Drafts) != 1 {
		t.Errorf("drafts are %+v", list)
	}
	ann.update(t).want(t, http.StatusOK)
	if got := read[admin.Record](t, ann.do(t, "GET", path, nil)); got.Name != "build" || got.Description != "at once" {
		t.Errorf("got %+v", got)
	}
}

// Drafts of tokens that one may not see are in no list, and keep one from deciding
// about all: without a word of what they are.
func TestDraftsOfOthers(t *testing.T) {
	f := newFixture(t)
	ann, ben := f.member(t, "ann", admin.RoleMember), f.member(t, "ben", admin.RoleManager)
	other := "/tokens/" + f.token(t, "ben", "his secret plan").ID
	f.stage(t, "articles", true)
	made := read[issued](t, ann.do(t, "POST", "/tokens", newToken("hers")).want(t, http.StatusAccepted))
	ben.do(t, "DELETE", other, nil).want(t, http.StatusAccepted)
	list := ann.do(t, "GET", "/apis/articles/drafts", nil).want(t, http.StatusOK)
	if got := read[admin.Drafts](t, list); len(got.Drafts) != 1 || !got.Unseen || strings.Contains(string(list.body), "plan") {
		t.Errorf("got %s", list.body)
	}
	for _, what := range []string{"update", "discard"} {
		p := ann.do(t, "POST", "/apis/articles/drafts/"+what, nil, "If-Match", list.Header.Get("ETag")).refused(t, http.StatusForbidden, "forbidden")
		if p.Permission != "draft."+what || strings.Contains(p.Detail, "plan") {
			t.Errorf("got %+v", p)
		}
	}
	ann.do(t, "GET", other+"/draft", nil).refused(t, http.StatusNotFound, "not_found")
	ann.do(t, "DELETE", other+"/draft", nil).refused(t, http.StatusNotFound, "not_found")
	ann.do(t, "DELETE", "/tokens/"+made.Token.ID+"/draft", nil).want(t, http.StatusNoContent)
	counts := read[struct {
		Staged bool
		Drafts *int `json:"draft_count"`
	}](t, ann.do(t, "GET", "/apis/articles", nil).want(t, http.StatusOK))
	if !counts.Staged || counts.Drafts == nil || *counts.Drafts != 0 {
		t.Errorf("counts are %+v", counts)
	}
}

// All are put in force or none; what is wrong is told by token.
func TestDraftsThatCannotBePutInForce(t *testing.T) {
	f := newFixture(t)
	clerk := store.Role{Name: "clerk", Read: store.All, Create: store.Own, Update: store.Own, Regenerate: store.None, Delete: store.None}
	if _, err := f.CreateRole(t.Context(), operator, clerk); err != nil {
		t.Fatal(err)
	}
	ann, cleo := f.member(t, "ann", admin.RoleManager), f.member(t, "cleo", "clerk")
	_ = f.member(t, "ben", admin.RoleMember)
	live := f.token(t, "ann", "live")
	f.stage(t, "articles", true)
	ann.do(t, "DELETE", "/tokens/"+live.ID, nil).want(t, http.StatusAccepted)
	made := read[issued](t, ann.do(t, "POST", "/tokens", newToken("for ben", object{"owner": "ben"})).want(t, http.StatusAccepted))

	_, seen := cleo.drafts(t)
	p := cleo.do(t, "POST", "/apis/articles/drafts/update", nil, "If-Match", seen).refused(t, http.StatusConflict, "drafts_refused")
	if len(p.Drafts) != 2 || p.Drafts[0].TokenID != live.ID || p.Drafts[0].Name != "live" || p.Drafts[0].Permission != "token.delete" || p.Drafts[0].Detail == "" {
		t.Errorf("got %+v", p)
	}
	p = cleo.do(t, "POST", "/apis/articles/drafts/discard", nil, "If-Match", seen).refused(t, http.StatusConflict, "drafts_refused")
	if len(p.Drafts) != 2 || p.Drafts[1].TokenID != made.Token.ID || p.Drafts[1].Permission != "token.create" {
		t.Errorf("got %+v", p)
	}
	for _, d := range []string{live.ID, made.Token.ID} {
		cleo.do(t, "DELETE", "/tokens/"+d+"/draft", nil).refused(t, http.StatusForbidden, "forbidden")
	}

	disabled := false
	if _, err := f.UpdateAccount(t.Context(), operator, "ben", admin.AccountEdit{Enabled: &disabled}); err != nil {
		t.Fatal(err)
	}
	p = ann.update(t).refused(t, http.StatusConflict, "drafts_refused")
	if len(p.Drafts) != 1 || p.Drafts[0].Name != "for ben" || len(p.Drafts[0].Errors) != 1 || p.Drafts[0].Errors[0].Field != "owner" {
		t.Errorf("got %+v", p)
	}
	ann.do(t, "GET", "/tokens/"+live.ID, nil).want(t, http.StatusOK)
	ann.do(t, "DELETE", "/tokens/"+made.Token.ID+"/draft", nil).want(t, http.StatusNoContent)
	ann.update(t).want(t, http.StatusOK)
	ann.do(t, "GET", "/tokens/"+live.ID, nil).refused(t, http.StatusNotFound, "not_found")
}
