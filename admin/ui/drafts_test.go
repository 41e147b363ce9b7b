package ui_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// stage says whether changes of an API are drafts first, as gateways would.
func (f *site) stage(t *testing.T, api string, staged bool) {
	t.Helper()
	catalogs, err := f.store.Catalogs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range catalogs {
		if c.API != api {
			continue
		}
		c.Staged = staged
		if err := f.store.Change(t.Context(), func(tx store.Tx) error { return tx.SaveCatalog(t.Context(), c) }); err != nil {
			t.Fatal(err)
		}
	}
}

var seenDrafts = regexp.MustCompile(`name="seen" value="(\w+)"`)

// drafts is the fingerprint of the drafts that a page shows.
func (s seen) drafts() string {
	s.t.Helper()
	match := seenDrafts.FindStringSubmatch(s.text)
	if match == nil {
		s.t.Fatalf("%s names no drafts: %s", s.what, s.plain())
	}
	return match[1]
}

// allow records what a token did yesterday by a permission.
func (f *site) allow(t *testing.T, id, permission string, allowed, refused uint64) {
	t.Helper()
	at := f.now().UTC().AddDate(0, 0, -1)
	err := f.store.RecordUse(t.Context(), []token.Use{{
		TokenID: id, Day: at.Truncate(24 * time.Hour), Last: at, Allowed: allowed, Refused: refused,
		Permissions: []token.PermissionUse{{Permission: permission, Allowed: allowed, Refused: refused}},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func (f *site) live(t *testing.T, id string) token.Token {
	t.Helper()
	live, err := f.store.Token(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return live
}

// saveEdit sends the form of a token with these grants.
func (b *browser) saveEdit(id string, grants ...string) seen {
	b.t.Helper()
	form := url.Values{
		"version": {b.get("/tokens/" + id + "/edit").is(http.StatusOK).version()}, "name": {"ci"},
		"type": {"custom"}, "duration": {"keep"}, "grant": grants,
	}
	return b.do(http.MethodPost, "/tokens/"+id+"/edit", form)
}

func TestDraftOfNewToken(t *testing.T) {
	f := newSite(t)
	f.stage(t, "articles", true)
	b := f.as(t, "owner")
	b.get("/tokens/new?api=orders").saysAll().is(http.StatusOK, "Make the token").lacks("a draft first")
	form := b.get("/tokens/new?api=articles").saysAll().is(http.StatusOK, "What you save here is a draft first. It holds once API articles is updated.", "Make a draft of it")
	part := b.swap(http.MethodPost, "/tokens/new", "permissions", url.Values{"api": {"articles"}})
	part.has(`id="staged" hx-swap-oob="innerHTML"><p class="draft-band">`, "Make a draft of it")
	b.swap(http.MethodPost, "/tokens/new", "permissions", url.Values{"api": {"orders"}}).has(`id="staged" hx-swap-oob="innerHTML"></div>`, "Make the token")

	made := b.post("/tokens", "nonce", form.nonce(), "api", "articles", "name", "<b>new</b>", "type", "read-only", "duration", "7d").saysAll().
		is(http.StatusOK, "Your new token", "so its secret is refused until API articles is updated", "Done, go to the drafts").lacks("<b>new")
	secret := secrets.FindString(made.text)
	if _, err := f.store.Lookup(t.Context(), token.Hash(secret)); err == nil {
		t.Fatal("the secret of a draft is known")
	}
	b.get("/tokens").saysAll().is(http.StatusOK, "articles : 1 change is a draft and doesn't hold yet.", `href="/apis/articles/drafts"`).listed("")
	list := b.get("/apis/articles/drafts").saysAll().is(http.StatusOK, "1 new token", "New", "<b>new</b>", "What it will be", "Type: read-only", "by owner", secret[len(secret)-4:], "nobody has used it yet").
		lacks("<b>new")
	id := strings.TrimPrefix(list.link("&lt;b&gt;new&lt;/b&gt;"), "/tokens/")
	b.get("/tokens/"+id).saysAll().is(http.StatusOK, "Draft", "it works once API articles is updated", "See the draft", "It works once the API is updated.", "new token drafted").
		lacks("Disable", "Secrets that work", "Requests per day").
		lacks(`href="/tokens/`+id+`/delete"`, `href="/try?token=`+id)
	b.get("/tokens/" + id + "/delete").leads("/tokens/" + id + "/draft/discard")
	b.get("/tokens/"+id+"/edit").saysAll().is(http.StatusOK, "Save as a draft", `value="&lt;b&gt;new&lt;/b&gt;"`)
	b.get("/try?token="+id+"&path=/api/articles").saysAll().is(http.StatusOK, "its secret is known nowhere")

	other := b.post("/tokens/"+id+"/regenerate", "version", b.get("/tokens/"+id+"/regenerate").saysAll().
		is(http.StatusOK, "There is a draft with a new secret already", "that one will never work").lacks("When should the old secrets").version(), "overlap", "now").
		saysAll().is(http.StatusOK, "so its secret is refused until API articles is updated")
	ask := b.get("/apis/articles/drafts/update?seen="+b.get("/apis/articles/drafts").drafts()).saysAll().is(http.StatusOK, "Update the API: articles", "1 draft will be in force", "<b>new</b>")
	b.post("/apis/articles/drafts/update", "seen", ask.drafts()).leads("/apis/articles/drafts?notice=api-updated")
	b.get("/apis/articles/drafts?notice=api-updated").saysAll().is(http.StatusOK, "Updated.", "No drafts", "Make a token")
	f.works(t, secrets.FindString(other.text), id)
	b.get("/tokens").listed("<b>new</b>").lacks("is a draft")
}

func TestDraftOfChange(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", custom("article.find", "article.delete"))
	f.allow(t, made.ID, "article.delete", 34, 0)
	f.allow(t, made.ID, "article.create", 0, 1)
	f.stage(t, "articles", true)
	b := f.as(t, "owner")
	b.get("/tokens/"+made.ID+"/edit").saysAll().is(http.StatusOK, "What you save here is a draft first", "Save as a draft").lacks("There is a draft")
	b.saveEdit(made.ID, "article.find", "article.create").leads("/tokens/" + made.ID + "?notice=draft-saved")
	b.get("/tokens/"+made.ID+"?notice=draft-saved").saysAll().is(http.StatusOK, "Saved as a draft", "There is a draft that changes it.", "Active", "DELETE /api/articles/{id}", "token change drafted").
		lacks("POST /api/articles")
	b.get("/tokens").saysAll().is(http.StatusOK, "Active draft").listed("ci")
	b.get("/tokens/"+made.ID+"/edit").saysAll().is(http.StatusOK, "The form begins with what is drafted", `value="article.create" checked`).lacks(`value="article.delete" checked`)

	list := b.get("/apis/articles/drafts").saysAll().is(http.StatusOK, "1 changed", "Permissions: removed − article.delete added + article.create",
		"34 requests with article.delete that were allowed would be refused.", "1 request with article.create that was refused would be allowed.",
		"34 requests that were allowed would be refused.", "Of the requests of the last 30 days", `aria-current="true">30 days`)
	b.get("/apis/articles/drafts?days=7").saysAll().has("Of the requests of the last 7 days", `name="days" value="7"`, `aria-current="true">7 days`)
	b.get("/apis/articles/drafts?days=9999").saysAll().is(http.StatusOK, "last 30 days")
	b.get("/apis").saysAll().is(http.StatusOK, "1 draft")
	b.get("/apis/articles").saysAll().is(http.StatusOK, "1 change is a draft")
	if live := f.live(t, made.ID); strings.Join(live.Grants, " ") != "article.find article.delete" {
		t.Errorf("a draft holds: %v", live.Grants)
	}

	// What somebody adds meanwhile is shown before it is put in force.
	f.token(t, "other", "member", nil)
	b.get("/apis/articles/drafts/update?seen="+list.drafts()).saysAll().is(http.StatusConflict, "The drafts changed meanwhile", "1 new token, 1 changed")
	for _, what := range []string{"update", "discard"} {
		b.post("/apis/articles/drafts/"+what, "seen", list.drafts()).saysAll().is(http.StatusConflict, "The drafts changed meanwhile", "other")
	}
	b.post("/apis/articles/drafts/update").is(http.StatusConflict)
	if live := f.live(t, made.ID); len(live.Grants) != 2 || live.Grants[1] != "article.delete" {
		t.Errorf("a draft holds: %v", live.Grants)
	}
	now := b.get("/apis/articles/drafts").drafts()
	b.get("/apis/articles/drafts/update?seen="+now).saysAll().is(http.StatusOK, "2 drafts will be in force", "34 requests that were allowed would be refused.")
	b.post("/apis/articles/drafts/update", "seen", now).leads("/apis/articles/drafts?notice=api-updated")
	if live := f.live(t, made.ID); strings.Join(live.Grants, " ") != "article.find article.create" {
		t.Errorf("an update does not hold: %v", live.Grants)
	}
	b.saveEdit(made.ID, "article.find", "article.create").leads("/tokens/" + made.ID + "?notice=draft-same")
	f.as(t, "auditor").get("/audit").saysAll().is(http.StatusOK, "updated the API articles", "drafted a change of the token ci", "changed the permissions of the token ci", "Drafted by")
}

// Somebody else changes the draft while a form of it is filled in.
func TestDraftConflict(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", custom("article.find"))
	f.stage(t, "articles", true)
	b := f.as(t, "owner")
	version := b.get("/tokens/" + made.ID + "/edit").version()
	f.as(t, "manager").saveEdit(made.ID, "article.find", "article.create").leads("/tokens/" + made.ID + "?notice=draft-saved")
	page := b.post("/tokens/"+made.ID+"/edit", "version", version, "name", "ci", "type", "custom", "duration", "keep", "grant", "article.update").saysAll().
		is(http.StatusConflict, "manager changed this token", "article.create", `value="article.update" checked`)
	b.post("/tokens/"+made.ID+"/edit", "version", page.version(), "name", "ci", "type", "custom", "duration", "keep", "grant", "article.update").leads("/tokens/" + made.ID + "?notice=draft-saved")
	b.get("/apis/articles/drafts").has("+ article.update").lacks("article.create")
}

func TestDraftOfNewSecret(t *testing.T) {
	f := newSite(t)
	f.stage(t, "articles", false)
	made := f.token(t, "ci", "member", nil)
	f.past.Add(int64(24 * time.Hour)) // the secret was there yesterday
	f.allow(t, made.ID, "article.find", 120, 0)
	f.stage(t, "articles", true)
	b := f.as(t, "member")
	ask := b.get("/tokens/"+made.ID+"/regenerate").saysAll().is(http.StatusOK, "it works once API articles is updated", "24 hours after the update", "With the update")
	shown := b.post("/tokens/"+made.ID+"/regenerate", "version", ask.version(), "overlap", "24h").saysAll().
		is(http.StatusOK, "New secret", "the secrets from before work until then", "Done, go to the drafts")
	b.post("/tokens/"+made.ID+"/regenerate", "version", ask.version(), "overlap", "24h").saysAll().is(http.StatusConflict, "Nothing was done just now", "There is a draft with a new secret already")
	secret := secrets.FindString(shown.text)
	list := b.get("/apis/articles/drafts").saysAll().is(http.StatusOK, "New secret: trv_…"+secret[len(secret)-4:], "and the old ones for 1 day after it",
		"120 requests that were allowed came with old secrets").lacks(secret)
	if n := strings.Count(list.plain(), secret[len(secret)-4:]); n != 1 {
		t.Errorf("the hint of the new secret stands there %d times", n)
	}
	b.post("/apis/articles/drafts/update", "seen", list.drafts()).leads("/apis/articles/drafts?notice=api-updated")
	f.works(t, secret, made.ID)
}

func TestDraftsOfSwitching(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", nil)
	f.allow(t, made.ID, "article.find", 5, 0)
	f.stage(t, "articles", true)
	b := f.as(t, "member")
	b.get("/tokens/"+made.ID).saysAll().is(http.StatusOK, "Disable", "Disable now", "Changes here are drafts first", "Delete")
	b.post("/tokens/" + made.ID + "/disable").leads("/tokens/" + made.ID + "?notice=draft-saved")
	b.get("/tokens/"+made.ID).saysAll().is(http.StatusOK, "Active", "Disable now", "Enable", `action="/tokens/`+made.ID+`/enable"`).lacks(`action="/tokens/` + made.ID + `/disable"`)
	b.get("/apis/articles/drafts?notice=api-updated").is(http.StatusOK).lacks("Updated.")
	b.get("/apis/articles/drafts?notice=drafts-discarded").is(http.StatusOK).lacks("All drafts are discarded")
	b.get("/tokens/" + made.ID + "?notice=draft-same").is(http.StatusOK).lacks("so there is no draft of it")
	b.get("/tokens/" + made.ID + "?notice=draft-deletion").is(http.StatusOK).lacks("Saved as a draft")
	b.get("/apis/articles/drafts").saysAll().is(http.StatusOK, "Enabled: yes → became no", "5 requests with article.find that were allowed would be refused.")
	b.post("/tokens/" + made.ID + "/enable").leads("/tokens/" + made.ID + "?notice=draft-same")
	b.get("/apis/articles/drafts").saysAll().is(http.StatusOK, "No drafts")

	b.post("/tokens/" + made.ID + "/disable-now").leads("/tokens/" + made.ID + "?notice=token-off")
	if f.live(t, made.ID).Enabled {
		t.Error("the token is enabled")
	}
	b.get("/tokens/"+made.ID+"?notice=token-off").saysAll().is(http.StatusOK, "no draft enables it again", "Disabled", "Enable").lacks("Disable now")
	b.post("/tokens/" + made.ID + "/enable").leads("/tokens/" + made.ID + "?notice=draft-saved")
	b.get("/tokens/"+made.ID+"?notice=token-off").is(http.StatusOK, "Disabled").lacks("no draft enables it again")
	f.stage(t, "articles", false)
	b.get("/tokens/"+made.ID).saysAll().is(http.StatusOK).lacks("Disable now", "drafts")
	f.as(t, "auditor").post("/tokens/" + made.ID + "/disable-now").is(http.StatusForbidden)
}

func TestDraftOfDeletion(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", nil)
	f.stage(t, "articles", true)
	b := f.as(t, "owner")
	b.get("/tokens/"+made.ID+"/delete").saysAll().is(http.StatusOK, "This is a draft first", "Draft its deletion").lacks("To delete it, type", "is gone for good, and requests")
	b.post("/tokens/" + made.ID + "/delete").leads("/tokens/" + made.ID + "?notice=draft-deletion")
	b.get("/tokens/"+made.ID+"?notice=draft-deletion").saysAll().is(http.StatusOK, "will be deleted when API articles is updated", "Disable now").
		lacks(`href="/tokens/`+made.ID+`/edit"`, `href="/tokens/`+made.ID+`/regenerate"`, `href="/tokens/`+made.ID+`/delete"`)
	b.get("/tokens").has("draft: delete")
	b.get("/tokens/"+made.ID+"/edit").saysAll().is(http.StatusConflict, "It can't be drafted", "discard that draft first")
	b.post("/tokens/" + made.ID + "/enable").saysAll().is(http.StatusSeeOther)
	b.post("/tokens/"+made.ID+"/disable").saysAll().is(http.StatusConflict, "It can't be drafted", "to be deleted")
	b.get("/apis/articles/drafts").saysAll().is(http.StatusOK, "To be deleted", "What will be gone", "1 to be deleted")

	b.get("/tokens/"+made.ID+"/draft/discard").saysAll().is(http.StatusOK, "Discard the draft: ci", "The token stays, and goes on to work.")
	b.post("/tokens/" + made.ID + "/draft/discard").leads("/apis/articles/drafts?notice=draft-discarded")
	b.get("/tokens/"+made.ID).saysAll().is(http.StatusOK, "draft discarded").lacks("will be deleted")
	b.post("/tokens/" + made.ID + "/draft/discard").is(http.StatusNotFound)
	b.get("/tokens/tok_x/draft/discard").is(http.StatusNotFound)
}

func TestDraftsRefused(t *testing.T) {
	f := newSite(t)
	f.saveAPI(t, "articles", "article", "comment")
	made := f.token(t, "ci", "member", custom("article.find"))
	fine := f.token(t, "fine", "member", nil)
	f.stage(t, "articles", true)
	b := f.as(t, "owner")
	b.saveEdit(made.ID, "article.find", "comment.find").leads("/tokens/" + made.ID + "?notice=draft-saved")
	b.post("/tokens/" + fine.ID + "/disable")
	f.saveAPI(t, "articles", "article")
	f.stage(t, "articles", true)
	b.post("/apis/articles/drafts/update", "seen", b.get("/apis/articles/drafts").drafts()).saysAll().
		is(http.StatusUnprocessableEntity, "The API was not updated", `href="#draft-`+made.ID+`"`, `class="problem"`, "comment.find").
		lacks(`href="#draft-` + fine.ID + `"`)
	if !f.live(t, fine.ID).Enabled {
		t.Error("a part of the drafts was put in force")
	}
	b.get("/apis/articles/drafts/discard?seen="+b.get("/apis/articles/drafts").drafts()).saysAll().is(http.StatusOK, "Discard all drafts: articles", "Discard 2 drafts", "ci", "fine")
	b.post("/apis/articles/drafts/discard", "seen", b.get("/apis/articles/drafts").drafts()).leads("/apis/articles/drafts?notice=drafts-discarded")
	b.get("/apis/articles/drafts").saysAll().is(http.StatusOK, "No drafts")
}

func TestDraftsByRole(t *testing.T) {
	f := newSite(t)
	theirs, mine := f.token(t, "theirs", "manager", nil), f.token(t, "mine", "member", nil)
	f.stage(t, "articles", true)
	f.as(t, "manager").post("/tokens/" + theirs.ID + "/disable")
	m := f.as(t, "member")
	m.get("/apis/articles/drafts").saysAll().is(http.StatusOK, "all of them of tokens that you may not see").lacks("theirs", "Update the API")
	m.get("/tokens").lacks("is a draft")
	m.post("/tokens/" + mine.ID + "/disable").leads("/tokens/" + mine.ID + "?notice=draft-saved")
	m.get("/apis/articles/drafts").saysAll().is(http.StatusOK, "mine", "There are also drafts of tokens that you may not see", "1 changed").lacks("theirs", "Update the API …", "Discard all …")
	m.get("/tokens").has("1 change is a draft")
	m.post("/apis/articles/drafts/update", "seen", "x").saysAll().is(http.StatusForbidden, "tokens that you may not see")
	m.get("/tokens/" + theirs.ID + "/draft/discard").is(http.StatusNotFound)
	m.post("/tokens/" + theirs.ID + "/draft/discard").is(http.StatusNotFound)

	a := f.as(t, "auditor")
	page := a.get("/apis/articles/drafts").saysAll().is(http.StatusOK, "Your role auditor can't put drafts in force", "mine", "theirs").lacks("Update the API …", "Discard", "Edit")
	if seenDrafts.MatchString(page.text) {
		t.Error("an auditor is offered to do something")
	}
	a.post("/apis/articles/drafts/update", "seen", "x").is(http.StatusForbidden)
	f.as(t, "manager").get("/apis/articles/drafts").saysAll().is(http.StatusOK, "2 changed", "Update the API …")
	f.as(t, "manager").get("/apis/nothing/drafts").is(http.StatusNotFound)
	m.post("/tokens/" + mine.ID + "/draft/discard").leads("/apis/articles/drafts?notice=draft-discarded")

	// A draft that hands a token over to somebody whose tokens the member may not see: it isn't there
	// for them, and what they change is refused since it is in the way, not as if they had no token.
	if _, err := f.Update(t.Context(), operator, mine.ID, admin.Edit{Owner: new("manager")}); err != nil {
		t.Fatal(err)
	}
	m.get("/tokens/"+mine.ID).saysAll().is(http.StatusOK, "Disable now").lacks("See the draft", "Owner: manager")
	const inTheWay = "omebody else has a draft of this token that you may not see"
	m.saveEdit(mine.ID, "article.find").is(http.StatusUnprocessableEntity, inTheWay)
	m.post("/tokens/"+mine.ID+"/disable").is(http.StatusConflict, inTheWay)
	m.post("/tokens/" + mine.ID + "/disable-now").leads("/tokens/" + mine.ID + "?notice=token-off")
}

func TestSelectedAreDrafts(t *testing.T) {
	f := newSite(t)
	staged := f.token(t, "staged", "member", nil)
	direct := f.token(t, "direct", "member", func(d *admin.NewToken) { d.API = "orders" })
	f.stage(t, "articles", true)
	b := f.as(t, "owner")
	form := []string{"action", "delete", "id", staged.ID, "id", direct.ID}
	b.post("/tokens/selected", form...).saysAll().is(http.StatusOK, "will be deleted will be a draft", "will be deleted", "Those marked as drafts hold", `href="/apis/articles/drafts"`).
		lacks(`href="/apis/orders/drafts"`)
	b.post("/tokens/selected", append(form, "sure", "yes", "number", "2")...).saysAll().is(http.StatusOK, "1 token is deleted. 1 change is a draft.", "drafted", "Deleted")
	b.get("/tokens").listed("staged")
	b.post("/tokens/selected", "action", "disable", "id", staged.ID).saysAll().is(http.StatusOK, "These are drafts first").lacks("from now on")
	b.post("/tokens/selected", "action", "disable", "id", staged.ID, "sure", "yes").saysAll().is(http.StatusOK, "to be deleted").lacks("It failed here")
	if f.failed.Load() > 0 {
		t.Error("it failed")
	}
}

// Drafts of an API that is no longer staged are there still.
func TestDraftsLeft(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", custom("article.find"))
	f.stage(t, "articles", true)
	b := f.as(t, "owner")
	b.get("/apis/articles").saysAll().has("is a draft first, until somebody updates the API")
	b.saveEdit(made.ID, "article.find", "article.create")
	f.stage(t, "articles", false)
	b.get("/apis/articles").has("1 change is a draft")
	b.get("/apis/articles/drafts").saysAll().is(http.StatusOK, "Changes of this API hold at once by now", "Update the API …", "+ article.create")
	b.get("/tokens/"+made.ID+"/edit").saysAll().lacks("draft first", `value="article.create" checked`)
	b.post("/tokens/" + made.ID + "/disable").leads("/tokens/" + made.ID + "?notice=token-disabled")
	b.post("/apis/articles/drafts/update", "seen", b.get("/apis/articles/drafts").drafts()).leads("/apis/articles/drafts?notice=api-updated")
	if live := f.live(t, made.ID); live.Enabled || len(live.Grants) != 2 {
		t.Errorf("got %+v", live)
	}
	b.get("/apis/articles/drafts").saysAll().is(http.StatusOK, "holds at once")
}

// Who gets a token by an update may not be allowed to hand out as much.
func TestUpdateTellsOfOverreach(t *testing.T) {
	f := newSite(t)
	f.role(t, store.Role{Name: "readers", Read: store.Own, Ceiling: store.Ceiling{Types: []token.Type{token.ReadOnly}}})
	f.account(t, "reader", "readers")
	made := f.token(t, "ci", "owner", custom("article.find"))
	f.stage(t, "articles", true)
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Owner: new("reader")}); err != nil {
		t.Fatal(err)
	}
	b := f.as(t, "owner")
	b.post("/apis/articles/drafts/update", "seen", b.get("/apis/articles/drafts").drafts()).saysAll().
		is(http.StatusOK, "1 draft is in force.", "may do more than the role of their owner allows", "ci", "reader", `value="`+made.ID+`"`)
}

// Many permissions are summed up, and told one by one below.
func TestManyAnswers(t *testing.T) {
	f := newSite(t)
	f.saveAPI(t, "articles", "article", "comment")
	made := f.token(t, "ci", "member", func(d *admin.NewToken) { d.Type = token.FullAccess })
	for i, action := range []string{"article.find", "article.create", "article.update", "article.delete", "comment.find"} {
		f.allow(t, made.ID, action, uint64(i+1), 0)
	}
	f.allow(t, made.ID, "", 1000, 0)
	f.stage(t, "articles", true)
	b := f.as(t, "owner")
	b.post("/tokens/" + made.ID + "/delete")
	b.get("/apis/articles/drafts").saysAll().is(http.StatusOK, "1,015 requests that were allowed would be refused. Show by permission",
		"5 requests with comment.find that were allowed would be refused.", "1,000 requests that no permission was counted for, and that were allowed, would be refused.")
}

// The page says of each draft who made its secret and whether it will be mightier than the role of its
// owner, so that nobody puts it in force without a word; the page of a role lists drafts as well.
func TestDraftsSayWhatIsMightier(t *testing.T) {
	f := newSite(t)
	f.stage(t, "articles", true)
	b := f.as(t, "owner")
	operator := admin.Operator("eve")
	_, _, err := f.Create(t.Context(), operator, admin.NewToken{API: "articles", Name: "pf", Type: token.FullAccess, Duration: "7d", Owner: "member"})
	if err != nil {
		t.Fatal(err)
	}
	b.get("/apis/articles/drafts").saysAll().is(http.StatusOK, "made by eve, who may know it; works from the update on").lacks("It will be able to do more")
	role := admin.RoleAuditor
	asked, err := f.UpdateAccount(t.Context(), operator, "member", admin.AccountEdit{Role: &role, DryRun: true})
	if err != nil || asked.Overreach.Count() != 1 {
		t.Fatalf("got %+v, %v", asked, err)
	}
	if _, err := f.UpdateAccount(t.Context(), operator, "member", admin.AccountEdit{Role: &role}); err != nil {
		t.Fatal(err)
	}
	const mightier = "It will be able to do more than the role of its owner, member, allows to hand out."
	seen := b.get("/apis/articles/drafts").saysAll().is(http.StatusOK, mightier).drafts()
	b.get("/apis/articles/drafts/update?seen="+seen).saysAll().is(http.StatusOK, mightier)
	b.post("/apis/articles/drafts/update", "seen", seen).saysAll().
		is(http.StatusOK, "Some of the tokens may do more than the role of their owner allows to hand out.", "pf")
}
