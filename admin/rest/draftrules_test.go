package rest_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

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
// force until it is dropped, which whoever hits upon it is told how to do.
func TestUnreadableDraft(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleManager)
	bad := "/tokens/" + f.token(t, "ann", "bad").ID
	f.stage(t, "articles", true)
	ann.do(t, "POST", bad+"/disable", nil).want(t, http.StatusAccepted)
	ann.do(t, "POST", "/tokens", newToken("good")).want(t, http.StatusAccepted)
	fresh := "/tokens/" + read[issued](t, ann.do(t, "POST", "/tokens", newToken("fresh")).want(t, http.StatusAccepted)).Token.ID
	f.sql(t, `UPDATE drafts SET draft = '{}' WHERE '/tokens/' || token_id IN (?, ?)`, bad, fresh)
	list, seen := ann.drafts(t)
	if len(list.Drafts) != 1 || !list.Unseen || f.failed.Load() != 1 {
		t.Errorf("told %d times: %+v", f.failed.Load(), list)
	}
	ann.do(t, "POST", bad+"/disable", nil).refused(t, http.StatusConflict, "draft_in_the_way")
	told := regexp.MustCompile("DELETE " + admin.ManagementPath + "(/tokens/[^/]*/draft)")
	for _, refused := range []answer{
		ann.do(t, "GET", bad+"/draft", nil), ann.do(t, "GET", fresh+"/draft", nil),
		ann.do(t, "PATCH", fresh, object{"description": "x"}, "If-Match", "*"), ann.do(t, "POST", fresh+"/disable", nil),
	} {
		p := refused.refused(t, http.StatusInternalServerError, "unreadable_record")
		asked := refused.Request.URL.Path
		if way := told.FindStringSubmatch(p.Detail); way == nil || !strings.HasPrefix(asked, admin.ManagementPath+strings.TrimSuffix(way[1], "/draft")) {
			t.Errorf("%s: got %q", asked, p.Detail)
		}
	}
	ann.do(t, "DELETE", bad+"/draft", nil, "If-Match", `"1"`).refused(t, http.StatusPreconditionFailed, "version_mismatch")
	for range 2 { // one is told after the other
		p := ann.do(t, "POST", "/apis/articles/drafts/update", nil, "If-Match", seen).refused(t, http.StatusInternalServerError, "unreadable_record")
		way := told.FindStringSubmatch(p.Detail)
		if way == nil {
			t.Fatalf("got %q", p.Detail)
		}
		ann.do(t, "DELETE", way[1], nil).want(t, http.StatusNoContent)
	}
	ann.update(t).want(t, http.StatusOK)
}

// sql runs a statement on the file of the store.
func (f *fixture) sql(t *testing.T, statement string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
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
