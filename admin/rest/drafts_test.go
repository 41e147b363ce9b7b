package rest_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

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

// A request to create that is sent again makes no second draft, also when the draft is
// in force by then. It is 202 as long as it isn't: with 200, who asks again because the first answer
// was lost would take the secret for one that works.
func TestDraftOnce(t *testing.T) {
	f := newFixture(t)
	f.stage(t, "articles", true)
	ann := f.member(t, "ann", admin.RoleMember)
	for path, body := range map[string]object{
		"/tokens": newToken("made"), "/tokens/import": newToken("old", object{"secret": "from-another-system-1"}),
	} {
		do := func(status int, first bool) admin.Record {
			got := ann.do(t, "POST", path, body, "Idempotency-Key", path)
			got.want(t, status)
			if strings.HasSuffix(path, "import") {
				return read[admin.Record](t, got)
			}
			made := read[issued](t, got)
			if (made.Secret != nil) != first {
				t.Errorf("%s: the secret is there: %v", path, made.Secret != nil)
			}
			return made.Token
		}
		first, again := do(http.StatusAccepted, true), do(http.StatusAccepted, false)
		if again.ID != first.ID || *again.Draft != token.DraftCreate {
			t.Errorf("%s: got %+v", path, again)
		}
		ann.update(t).want(t, http.StatusOK)
		if again = do(http.StatusOK, false); again.ID != first.ID || again.Draft != nil || again.Status != token.Active {
			t.Errorf("%s: got %+v", path, again)
		}
	}
	ann.do(t, "POST", "/tokens", newToken("dropped"), "Idempotency-Key", "dropped").want(t, http.StatusAccepted)
	_, seen := ann.drafts(t)
	ann.do(t, "POST", "/apis/articles/drafts/discard", nil, "If-Match", seen).want(t, http.StatusOK)
	ann.do(t, "POST", "/tokens", newToken("dropped"), "Idempotency-Key", "dropped").refused(t, http.StatusConflict, "created_gone")
}

// Which requests would be answered otherwise, of as many days as are asked for.
func TestForesight(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	made := f.token(t, "ann", "ci")
	f.use(t, made.ID, "trv_whatever")
	f.stage(t, "articles", true)
	ann.do(t, "PATCH", "/tokens/"+made.ID, object{"grants": []string{"article.find", "article.delete"}}, "If-Match", "*").want(t, http.StatusAccepted)
	for _, query := range []string{"", "?days=1", "?days=90"} {
		got := read[admin.Drafts](t, ann.do(t, "GET", "/apis/articles/drafts"+query, nil).want(t, http.StatusOK))
		if answers := got.Drafts[0].Answers; answers.Allowed != 1 || len(answers.Permissions) != 1 || answers.Permissions[0].Permission != "article.delete" {
			t.Errorf("%s: got %+v", query, answers)
		}
	}
	f.wait(72 * time.Hour)
	ann = f.signIn(t, "ann")
	if got := read[admin.Drafts](t, ann.do(t, "GET", "/apis/articles/drafts?days=1", nil)); got.Drafts[0].Answers.Allowed != 0 {
		t.Errorf("got %+v", got.Drafts[0].Answers)
	}
	for _, bad := range []string{"0", "91", "-1", "x", "", "1&days=2", "1&limit=1"} {
		ann.do(t, "GET", "/apis/articles/drafts?days="+bad, nil).refused(t, http.StatusBadRequest, "invalid_parameter")
	}
}

// A token of API tokenreeve decides no more than it has permissions for.
func TestScriptAndDrafts(t *testing.T) {
	f := newFixture(t)
	_ = f.member(t, "ann", admin.RoleOwner)
	path := "/tokens/" + f.token(t, "ann", "ci").ID
	f.stage(t, "articles", true)
	seer, updater := f.scriptOf(t, "ann", "token.update", "draft.read"), f.scriptOf(t, "ann", "draft.read", "draft.update")
	discarder := f.scriptOf(t, "ann", "token.update", "draft.read", "draft.discard")
	blind := f.scriptOf(t, "ann", "token.read", "api.read")
	seer.do(t, "PATCH", path, object{"name": "build"}, "If-Match", "*").want(t, http.StatusAccepted)
	for _, path := range []string{"/apis/articles/drafts", path + "/draft"} {
		if p := blind.do(t, "GET", path, nil).refused(t, http.StatusForbidden, "missing_permission"); p.Permission != "draft.read" {
			t.Errorf("got %+v", p)
		}
	}
	_, seen := seer.drafts(t)
	for what, right := range map[string]string{"update": "draft.update", "discard": "draft.discard"} {
		p := seer.do(t, "POST", "/apis/articles/drafts/"+what, nil, "If-Match", seen).refused(t, http.StatusForbidden, "missing_permission")
		if p.Permission != right {
			t.Errorf("got %+v", p)
		}
	}
	seer.do(t, "DELETE", path+"/draft", nil).refused(t, http.StatusForbidden, "missing_permission")
	// Who puts in force what others drafted does what they did.
	p := updater.do(t, "POST", "/apis/articles/drafts/update", nil, "If-Match", seen).refused(t, http.StatusConflict, "drafts_refused")
	if len(p.Drafts) != 1 || p.Drafts[0].Permission != "token.update" {
		t.Errorf("got %+v", p)
	}
	discarder.do(t, "DELETE", path+"/draft", nil).want(t, http.StatusNoContent)
}

func TestDraftsOfWhatIsNotThere(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleManager)
	ann.do(t, "GET", "/apis/nothing/drafts", nil).refused(t, http.StatusNotFound, "not_found")
	for _, what := range []string{"update", "discard"} {
		ann.do(t, "POST", "/apis/nothing/drafts/"+what, nil, "If-Match", `"x"`).refused(t, http.StatusNotFound, "not_found")
		list := ann.do(t, "GET", "/apis/articles/drafts", nil).want(t, http.StatusOK)
		if got := read[struct{ Drafts int }](t, ann.do(t, "POST", "/apis/articles/drafts/"+what, nil, "If-Match", list.Header.Get("ETag")).want(t, http.StatusOK)); got.Drafts != 0 {
			t.Errorf("got %+v", got)
		}
	}
	for _, method := range []string{"GET", "DELETE"} {
		ann.do(t, method, "/tokens/ci/draft", nil).refused(t, http.StatusNotFound, "not_found")
	}
}

// An API that has as many drafts as it can have takes no more; those that are there can be changed.
func TestTooManyDrafts(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleManager)
	live := "/tokens/" + f.token(t, "ann", "live").ID
	f.stage(t, "articles", true)
	made := read[issued](t, ann.do(t, "POST", "/tokens", newToken("first")).want(t, http.StatusAccepted))
	err := f.store.Change(t.Context(), func(tx store.Tx) error {
		d, err := tx.Draft(t.Context(), made.Token.ID)
		for i := 1; i < admin.MaxDrafts && err == nil; i++ {
			more := *d.Token
			more.ID, more.Name = fmt.Sprintf("tok_%016d", i), fmt.Sprint("token ", i)
			d.TokenID, d.Token, d.Secret = more.ID, &more, nil
			err = tx.SaveDraft(t.Context(), d, 0)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ann.do(t, "POST", "/tokens", newToken("one more")).refused(t, http.StatusConflict, "draft_in_the_way")
	ann.do(t, "POST", "/tokens/import", newToken("one more", object{"secret": "from-another-system-1"})).refused(t, http.StatusConflict, "draft_in_the_way")
	for _, change := range []string{"/disable", "/regenerate"} {
		ann.do(t, "POST", live+change, nil).refused(t, http.StatusConflict, "draft_in_the_way")
	}
	ann.do(t, "DELETE", live, nil).refused(t, http.StatusConflict, "draft_in_the_way")
	ann.do(t, "POST", live+"/disable", object{"now": true}).want(t, http.StatusOK)
	ann.do(t, "POST", live+"/enable", nil).refused(t, http.StatusConflict, "draft_in_the_way")
	ann.do(t, "PATCH", "/tokens/"+made.Token.ID, object{"name": "other"}, "If-Match", "*").want(t, http.StatusAccepted)
}

// No answer about a draft has a secret, but the one to whoever makes it.
func TestSecretsOfDrafts(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleOwner)
	path := "/tokens/" + f.token(t, "ann", "ci").ID
	f.stage(t, "articles", true)
	secrets := []string{"from-another-system-1"}
	secrets = append(secrets, *read[issued](t, ann.do(t, "POST", "/tokens", newToken("new")).want(t, http.StatusAccepted)).Secret)
	secrets = append(secrets, *read[issued](t, ann.do(t, "POST", path+"/regenerate", nil).want(t, http.StatusAccepted)).Secret)
	ann.do(t, "POST", "/tokens/import", newToken("old", object{"secret": secrets[0]})).want(t, http.StatusAccepted)
	answers := []answer{
		ann.do(t, "GET", "/apis/articles/drafts", nil), ann.do(t, "GET", path+"/draft", nil), ann.do(t, "GET", path, nil),
		ann.do(t, "GET", path+"/secrets", nil), ann.do(t, "GET", "/events", nil), ann.do(t, "POST", path+"/disable", nil),
		ann.update(t), ann.do(t, "GET", "/events", nil), ann.do(t, "GET", "/events/export", nil),
	}
	for _, a := range answers {
		if a.StatusCode >= http.StatusBadRequest {
			t.Errorf("got %d: %s", a.StatusCode, a.body)
		}
		for _, secret := range secrets {
			digest := fmt.Sprintf("%x", token.Hash(secret))
			if strings.Contains(string(a.body), secret) || strings.Contains(string(a.body), digest) {
				t.Errorf("%s %s has a secret", a.Request.Method, a.Request.URL.Path)
			}
		}
	}
}

// A draft that can't be understood hides no other one, and keeps all from being put in
// force until it is dropped.
func TestUnreadableDraft(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleManager)
	bad := "/tokens/" + f.token(t, "ann", "bad").ID
	f.stage(t, "articles", true)
	ann.do(t, "POST", bad+"/disable", nil).want(t, http.StatusAccepted)
	ann.do(t, "POST", "/tokens", newToken("good")).want(t, http.StatusAccepted)
	db, err := sql.Open("sqlite", f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE drafts SET draft = '{}' WHERE '/tokens/' || token_id = ?`, bad); err != nil {
		t.Fatal(err)
	}
	list, seen := ann.drafts(t)
	if len(list.Drafts) != 1 || !list.Unseen || f.failed.Load() != 1 {
		t.Errorf("told %d times: %+v", f.failed.Load(), list)
	}
	ann.do(t, "POST", "/apis/articles/drafts/update", nil, "If-Match", seen).refused(t, http.StatusInternalServerError, "unreadable_record")
	ann.do(t, "POST", bad+"/disable", nil).refused(t, http.StatusConflict, "draft_in_the_way")
	ann.do(t, "DELETE", bad+"/draft", nil).want(t, http.StatusNoContent)
	ann.update(t).want(t, http.StatusOK)
}

// A manager drafts that ann's token shall be bob's. To ann that draft isn't there, and yet she is told
// that one is in the way, and not that she has no such token.
func TestDraftInTheWayOfTheOwner(t *testing.T) {
	f := newFixture(t)
	ann, man := f.member(t, "ann", admin.RoleMember), f.member(t, "man", admin.RoleManager)
	f.member(t, "bob", admin.RoleMember)
	path := "/tokens/" + f.token(t, "ann", "ci").ID
	f.stage(t, "articles", true)
	man.do(t, "PATCH", path, object{"owner": "bob"}, "If-Match", "*").want(t, http.StatusAccepted)
	shown := ann.do(t, "GET", path, nil).want(t, http.StatusOK)
	if got := read[admin.Record](t, shown); got.Draft != nil {
		t.Errorf("got %+v", got)
	}
	ann.do(t, "GET", path+"/draft", nil).refused(t, http.StatusNotFound, "not_found")
	if got := ann.do(t, "GET", path+"/events", nil).want(t, http.StatusOK); strings.Contains(string(got.body), "bob") {
		t.Errorf("the history is %s", string(got.body))
	}
	ann.do(t, "PATCH", path, object{"description": "x"}, "If-Match", "*").refused(t, http.StatusConflict, "draft_in_the_way")
	for _, change := range []string{"/disable", "/regenerate"} {
		ann.do(t, "POST", path+change, nil).refused(t, http.StatusConflict, "draft_in_the_way")
	}
	ann.do(t, "DELETE", path, nil).refused(t, http.StatusConflict, "draft_in_the_way")
	ann.do(t, "POST", path+"/disable", object{"now": true}).want(t, http.StatusOK)
}

// Before an update, scripts see which tokens become mightier than the role of their owner, and who
// made their secrets; after it, the former again.
func TestDraftsSayWhatIsMightier(t *testing.T) {
	f := newFixture(t)
	ann, eve := f.member(t, "ann", admin.RoleManager), f.member(t, "eve", admin.RoleManager)
	made := f.token(t, "bob", "ci")
	f.member(t, "bob", admin.RoleAuditor) // who may hand out nothing
	f.stage(t, "articles", true)
	eve.do(t, "POST", "/tokens/"+made.ID+"/regenerate", nil).want(t, http.StatusAccepted)
	ann.do(t, "PATCH", "/tokens/"+made.ID, object{"description": "x"}, "If-Match", "*").want(t, http.StatusAccepted)
	list, _ := ann.drafts(t)
	if d := list.Drafts[0]; !d.Overreach || d.SecretBy != "eve" || d.Author != "ann" {
		t.Errorf("got %+v", d)
	}
	done := read[struct{ Overreach []admin.Record }](t, ann.update(t).want(t, http.StatusOK))
	if len(done.Overreach) != 1 || done.Overreach[0].ID != made.ID {
		t.Errorf("got %+v", done)
	}
}
