package ui_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var (
	nonces  = regexp.MustCompile(`name="nonce" value="([^"]+)"`)
	secrets = regexp.MustCompile(`trv_\w{20,}`)
)

// nonce is the one of a form for a new token.
func (s seen) nonce() string {
	s.t.Helper()
	match := nonces.FindStringSubmatch(s.text)
	if match == nil {
		s.t.Fatalf("%s has no nonce: %s", s.what, s.plain())
	}
	return match[1]
}

// tokens are all, as people name them.
func (f *site) tokens(t *testing.T) map[string]token.Token {
	t.Helper()
	all, err := f.List(t.Context(), operator, admin.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]token.Token{}
	for _, one := range all {
		byName[one.Name] = one
	}
	return byName
}

func TestCreate(t *testing.T) {
	f := newSite(t)
	f.place = ui.Place{Address: "https://api.example.com", Header: "X-API-Key"}
	b := f.as(t, "owner")
	nonce := b.get("/tokens/new?api=articles").saysAll().is(http.StatusOK, "GET /<wbr>api/<wbr>articles", `value="article.*"`, `<option value="articles" selected>`, `<option selected>owner`).nonce()
	form := []string{
		"nonce", nonce, "api", "articles", "name", " <script>alert(1)</script> ", "description", "two\r\nlines", "type", "custom", "duration", "7d",
		"grant", "article.find", "grant", "article.create", "written", "POST /api/search\r\n\r\n article.find \r\nPOST /api/search", "owner", "member",
	}
	made := b.post("/tokens", form...).saysAll().is(http.StatusOK, "Your new token", "will not be shown again",
		`curl -H "X-API-Key: trv_`, `https://api.example.com/api/articles`, "urllib", "fetch(").lacks("<script>alert")
	secret := secrets.FindString(made.text)
	if found := secrets.FindAllString(made.text, -1); len(found) != 4 {
		t.Errorf("the secret stands there %d times", len(found))
	}
	if got := made.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	got := f.tokens(t)["<script>alert(1)</script>"]
	if grants := strings.Join(got.Grants, " "); got.Owner != "member" || got.Description != "two\nlines" || grants != "article.find article.create POST /api/search" ||
		got.Expiry.Sub(got.Created) != 7*24*time.Hour || got.Hint != "trv_…"+secret[len(secret)-4:] {
		t.Errorf("got %+v", got)
	}
	made.has(`data-leads-to="/tokens/`+got.ID+`"`, `href="/tokens/`+got.ID+`"`)
	f.works(t, secret, got.ID)

	// Sent again, it neither makes nor shows anything.
	b.post("/tokens", form...).leads("/tokens/" + got.ID + "?notice=made-already")
	again := b.post("/tokens", append([]string{"name", "another"}, form...)...).saysAll().is(http.StatusConflict, "made a token already", `value="another"`)
	if again.nonce() == nonce || len(f.tokens(t)) != 1 || secrets.MatchString(again.text) {
		t.Errorf("%d tokens: %s", len(f.tokens(t)), again.plain())
	}
	b.post("/tokens", append([]string{"nonce", again.nonce(), "name", "another"}, form...)...).is(http.StatusOK, "Your new token: another")
	for _, path := range []string{"/tokens", "/tokens/" + got.ID + "/edit"} {
		if page := b.get(path); strings.Contains(page.text, secret) {
			t.Errorf("%s has the secret", path)
		}
	}
}

// works wants that a secret is the token's.
func (f *site) works(t *testing.T, secret, id string) {
	t.Helper()
	if found, err := f.store.Lookup(t.Context(), token.Hash(secret)); err != nil || found.Token.ID != id {
		t.Errorf("the secret is of %q, %v", found.Token.ID, err)
	}
}

func TestCreateWithMistakes(t *testing.T) {
	f := newSite(t)
	f.token(t, "taken", "member", nil)
	b := f.as(t, "owner")
	long := strings.Repeat("ö", 201)
	page := b.post("/tokens", "nonce", "n", "api", "articles", "name", "taken", "description", long, "type", "custom", "duration", "date", "date", "",
		"grant", "article.find", "written", "GET /api/x\r\n\r\narticle.fnid\r\nGET nopath", "owner", "nobody").saysAll().
		is(http.StatusUnprocessableEntity, `id="problems"`, "has a token", "Shorten it by 1 character", "choose the last day", "no account that is enabled",
			"Line 2: there is no permission \"article.fnid\"; did you mean article.find?", "Line 3:",
			`value="taken"`, long, `value="article.find" checked`, "GET /api/x\narticle.fnid\nGET nopath</textarea>", `value="date" checked`, `name="nonce" value="n"`)
	for _, field := range []string{"name", "description", "date", "owner", "written"} {
		if !regexp.MustCompile(`id="` + field + `"[^>]*aria-invalid="true"`).MatchString(page.text) {
			t.Errorf("the field %s is not marked", field)
		}
	}
	b.post("/tokens", "name", "x", "duration", "7d").saysAll().is(http.StatusUnprocessableEntity, "choose the API", "choose what it may do")
	b.post("/tokens", "api", "articles", "name", "x", "type", "custom", "duration", "7d").saysAll().is(http.StatusUnprocessableEntity, "Permissions: choose at least one", "Choose at least one, or write", `href="#grants"`)
	b.post("/tokens", "api", "articles", "name", "x", "type", "read-only", "duration", "date", "date", "2001-02-03").saysAll().is(http.StatusUnprocessableEntity, "not over yet", `value="2001-02-03"`)
	b.post("/tokens", "api", "articles", "name", "x", "type", "read-only", "duration", "date", "date", "soon").is(http.StatusUnprocessableEntity, "choose the last day")
	b.post("/tokens", "api", "articles", "name", "x", "type", "read-only", "duration", "", "grant", "article.find").is(http.StatusUnprocessableEntity, "Duration")
	if len(f.tokens(t)) != 1 {
		t.Errorf("there are %d tokens", len(f.tokens(t)))
	}
}

// A day ends where the reader is, if that is known and can be.
func TestCreateUntil(t *testing.T) {
	f := newSite(t)
	b := f.as(t, "owner")
	day := time.Now().UTC().AddDate(0, 0, 10).Truncate(24 * time.Hour)
	next := day.AddDate(0, 0, 1)
	for name, test := range map[string]struct {
		until string
		want  time.Time
	}{
		"UTC":         {"", next},
		"Kolkata":     {next.Add(-5*time.Hour - 30*time.Minute).Format("2006-01-02T15:04:05.000Z"), next.Add(-5*time.Hour - 30*time.Minute)},
		"Kiritimati":  {next.Add(-14 * time.Hour).Format(time.RFC3339), next.Add(-14 * time.Hour)},
		"a made-up":   {next.AddDate(1, 0, 0).Format(time.RFC3339), next},
		"no time":     {"tomorrow", next},
		"another day": {next.AddDate(0, 0, 1).Format(time.RFC3339), next},
	} {
		b.post("/tokens", "api", "articles", "name", name, "type", "read-only", "duration", "date", "date", day.Format(time.DateOnly), "until", test.until).is(http.StatusOK)
		if got := f.tokens(t)[name].Expiry; !got.Equal(test.want) {
			t.Errorf("%s: ends at %v; want %v", name, got, test.want)
		}
	}
}

// Another API has other permissions; what was ticked for the first one comes back with it.
func TestCreateForAnotherAPI(t *testing.T) {
	f := newSite(t)
	b := f.as(t, "owner")
	b.get("/tokens/new").saysAll().is(http.StatusOK, "Choose an API first")
	form := url.Values{
		"api": {"tokenreeve"}, "name": {"typed"}, "description": {"typed too"}, "type": {"custom"}, "duration": {"90d"},
		"grant": {"article.find", "article.*"}, "written": {"GET /x"}, "nonce": {"n"}, "owner": {"member"},
	}
	part := b.swap(http.MethodPost, "/tokens/new", "permissions", form).
		is(http.StatusOK, `name="kept" value="article.find"`, `name="kept" value="article.*"`, `value="token.read"`, "GET /x</textarea>", "manages tokens for its owner").lacks("<html", `name="grant" value="article`)
	form.Set("api", "articles")
	form["kept"], form["grant"] = form["grant"], []string{"token.read"}
	b.swap(http.MethodPost, "/tokens/new", "permissions", form).
		is(http.StatusOK, `value="article.find" checked`, `value="article.*" checked`, `name="kept" value="token.read"`)
	b.do(http.MethodPost, "/tokens/new", form).saysAll().is(http.StatusOK, `value="typed"`, "typed too</textarea>", `value="90d" checked`,
		`name="nonce" value="n"`, `<option selected>member`, `value="article.find" checked`, "GET /x</textarea>")
	if part.status != http.StatusOK || len(f.tokens(t)) != 0 {
		t.Error("it made a token")
	}
	f.as(t, "auditor").do(http.MethodPost, "/tokens/new", form).is(http.StatusForbidden)
}

func TestEdit(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", func(d *admin.NewToken) {
		d.Type, d.Grants = token.Custom, []string{"article.find", "article.*", "POST /api/search"}
	})
	b := f.as(t, "member")
	b.get("/tokens/"+made.ID+"/edit").saysAll().is(http.StatusOK, `value="ci"`, `value="article.find" checked`, `value="article.*" checked`,
		">POST /api/search</textarea>", `value="keep" checked`, `name="version" value="1"`, "As it is").lacks(`name="api"`, `name="owner"`, `name="nonce"`)
	b.post("/tokens/"+made.ID+"/edit", "version", "1", "name", "cd", "description", "why", "type", "custom", "duration", "keep", "grant", "article.create").
		leads("/tokens/" + made.ID + "?notice=token-saved")
	got := f.tokens(t)["cd"]
	if got.Description != "why" || strings.Join(got.Grants, " ") != "article.create" || !got.Expiry.Equal(made.Expiry) || got.Owner != "member" {
		t.Errorf("got %+v", got)
	}
	b.post("/tokens/"+made.ID+"/edit", "version", "2", "name", "cd", "type", "read-only", "duration", "unlimited", "grant", "article.create").
		leads("/tokens/" + made.ID + "?notice=token-saved")
	if got := f.tokens(t)["cd"]; len(got.Grants) != 0 || !got.Expiry.IsZero() || got.Type != token.ReadOnly || got.Description != "" {
		t.Errorf("got %+v", got)
	}
	b.post("/tokens/"+made.ID+"/edit", "version", "3", "name", "", "description", "kept", "type", "custom", "duration", "30d", "written", "nope").saysAll().
		is(http.StatusUnprocessableEntity, "Edit the token: cd", "kept</textarea>", "Line 1:", `value="30d" checked`, `name="version" value="3"`)
	owner := f.as(t, "owner")
	owner.get("/tokens/"+made.ID+"/edit").is(http.StatusOK, `name="owner"`, `<option selected>member`)
	owner.post("/tokens/"+made.ID+"/edit", "version", "3", "name", "cd", "type", "read-only", "duration", "keep", "owner", "manager").
		leads("/tokens/" + made.ID + "?notice=token-saved")
	if got := f.tokens(t)["cd"]; got.Owner != "manager" {
		t.Errorf("the owner is %s", got.Owner)
	}
	b.get("/tokens/" + made.ID + "/edit").is(http.StatusNotFound)
	b.post("/tokens/"+made.ID+"/edit", "name", "mine").is(http.StatusNotFound)
	b.get("/tokens/cd/edit").is(http.StatusNotFound)
	auditor := f.as(t, "auditor")
	auditor.get("/tokens/"+made.ID+"/edit").is(http.StatusForbidden, "role auditor")
	auditor.post("/tokens/"+made.ID+"/edit", "name", "mine").is(http.StatusForbidden)
	auditor.get("/tokens/new").is(http.StatusForbidden, "role auditor")
	auditor.post("/tokens", "api", "articles", "name", "mine", "type", "read-only", "duration", "7d").is(http.StatusForbidden)
}

func TestEditChangedMeanwhile(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", nil)
	name, unlimited := "<b>theirs</b>", "unlimited"
	kind, grants := token.Custom, []string{"article.find"}
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Name: &name, Duration: &unlimited, Type: &kind, Grants: &grants}); err != nil {
		t.Fatal(err)
	}
	b := f.as(t, "owner")
	form := []string{"name", "mine", "type", "custom", "duration", "7d", "grant", "article.create", "owner", "member"}
	page := b.post("/tokens/"+made.ID+"/edit", append(form, "version", "1")...).saysAll().
		is(http.StatusConflict, "changed this token just now", "Name <b>theirs</b> mine", "Expires Unlimited 7 days", "Permissions article.find article.create",
			`name="version" value="2"`, `value="mine"`, `value="article.create" checked`).lacks("<b>theirs", "Owner member", `value="article.find" checked`)
	if !strings.Contains(page.text, `role="alert"`) {
		t.Error("nobody is alerted")
	}
	if _, there := f.tokens(t)["<b>theirs</b>"]; !there {
		t.Error("it was saved")
	}
	b.post("/tokens/"+made.ID+"/edit", append(form, "version", "2")...).leads("/tokens/" + made.ID + "?notice=token-saved")
	if _, there := f.tokens(t)["mine"]; !there {
		t.Error("it was not saved")
	}
}

// What the form did not change is not taken back by it.
func TestEditTakesOverWhatOthersChanged(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", func(d *admin.NewToken) {
		d.Description, d.Type, d.Grants = "old", token.Custom, []string{"article.find", "GET /x"}
	})
	b := f.as(t, "owner")
	began := b.get("/tokens/" + made.ID + "/edit").began()
	form := func(more ...string) []string {
		return append([]string{"version", "1", "began", began, "description", "old", "type", "custom", "duration", "keep", "grant", "article.find", "written", "GET /x", "owner", "member"}, more...)
	}
	description, owner := "theirs", "manager"
	grants := []string{"article.create", "GET /y"}
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Description: &description, Owner: &owner, Grants: &grants}); err != nil {
		t.Fatal(err)
	}
	met := b.post("/tokens/"+made.ID+"/edit", form("name", "mine")...).saysAll().
		is(http.StatusConflict, "changed this token just now", "Description, Permissions, Owner.", "Nothing was saved yet", ">theirs</textarea>",
			`value="article.create" checked`, ">GET /y</textarea>", `<option selected>manager`, `value="mine"`, `name="version" value="2"`).
		lacks("As you typed it", `value="article.find" checked`)
	if met.began() == began {
		t.Error("the form does not begin anew")
	}
	// Only what both changed is told.
	empty := form("name", "mine")
	empty[5] = ""
	b.post("/tokens/"+made.ID+"/edit", empty...).saysAll().is(http.StatusConflict, "Description theirs (empty)", "Permissions, Owner.").lacks("Name ci")
	b.post("/tokens/"+made.ID+"/edit", "version", "2", "began", met.began(), "name", "mine", "description", "theirs", "type", "custom", "duration", "keep",
		"grant", "article.create", "written", "GET /y", "owner", "manager").leads("/tokens/" + made.ID + "?notice=token-saved")
	if got := f.tokens(t)["mine"]; got.Description != "theirs" || got.Owner != "manager" || strings.Join(got.Grants, " ") != "article.create GET /y" {
		t.Errorf("got %+v", got)
	}
}

var beginnings = regexp.MustCompile(`name="began" value="([^"]+)"`)

// began is what a form says that it began with.
func (s seen) began() string {
	s.t.Helper()
	match := beginnings.FindStringSubmatch(s.text)
	if match == nil {
		s.t.Fatalf("%s does not say what it began with: %s", s.what, s.plain())
	}
	return html.UnescapeString(match[1])
}

var hiddenFields = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// hidden are the fields, which nobody sees, of the form that is sent to a path.
func (s seen) hidden(action string) (pairs []string) {
	_, form, _ := strings.Cut(s.text, `action="`+action+`"`)
	form, _, _ = strings.Cut(form, "</form>")
	for _, match := range hiddenFields.FindAllStringSubmatch(form, -1) {
		pairs = append(pairs, match[1], html.UnescapeString(match[2]))
	}
	return pairs
}

// What was typed outlives the session: it is in the form again, which is not sent.
func TestEditAfterTheSessionEnded(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", nil)
	b := f.as(t, "member")
	began := b.get("/tokens/" + made.ID + "/edit").began()
	b.post("/sign-out").leads("/sign-in?notice=signed-out")
	form := []string{
		"nonce", "n", "api", "articles", "name", `"><script>x`, "description", "two\r\nlines", "type", "custom", "duration", "90d", "grant", "article.find",
		"grant", "article.create", "written", "GET /x", "password", "hunter2", "other", "kept out",
	}
	asked := b.post("/tokens", form...).saysAll().is(http.StatusUnauthorized, "You were signed out meanwhile", `name="typed.grant" value="article.create"`).
		lacks("hunter2", "kept out", `"><script>`)
	wrong := b.post("/sign-in", append(asked.hidden("/sign-in"), "name", "member", "password", "wrong")...).saysAll().is(http.StatusUnauthorized, `name="typed.grant" value="article.create"`)
	again := b.post("/sign-in", append(wrong.hidden("/sign-in"), "name", "member", "password", password)...).saysAll().
		is(http.StatusOK, "Nothing was saved yet", `name="nonce" value="n"`, "two\nlines</textarea>", `value="90d" checked`, `value="article.find" checked`,
			`value="article.create" checked`, ">GET /x</textarea>", "Sign out").lacks(`"><script>`)
	if len(f.tokens(t)) != 1 {
		t.Errorf("it made %d tokens", len(f.tokens(t))-1)
	}
	b.post("/tokens", append(form, "nonce", again.nonce())...).is(http.StatusOK, "Your new token")

	b.post("/sign-out").leads("/sign-in?notice=signed-out")
	path := "/tokens/" + made.ID + "/edit"
	edit := []string{"version", "1", "began", began, "name", "renamed", "type", "read-only", "duration", "keep"}
	asked = b.post(path, edit...).is(http.StatusUnauthorized)
	b.post("/sign-in", append(asked.hidden("/sign-in"), "name", "manager", "password", password)...).
		is(http.StatusOK, "Edit the token: ci", `value="renamed"`, `name="version" value="1"`, `action="`+path+`"`)
	b.post("/sign-out").leads("/sign-in?notice=signed-out")
	b.post("/sign-in", append(asked.hidden("/sign-in"), "name", "auditor", "password", password)...).is(http.StatusForbidden)

	// Who signs in at a provider does so in another tab, and then asks for it.
	b.post("/sign-out").leads("/sign-in?notice=signed-out")
	asked = b.post("/tokens", form...).is(http.StatusUnauthorized, `href="/sign-in/oidc" target="_blank"`, "Show what I typed")
	early := b.post("/sign-in/typed", asked.hidden("/sign-in/typed")...).saysAll().is(http.StatusUnauthorized, "You were signed out meanwhile")
	b.post("/sign-in", "name", "member", "password", password).leads("/")
	b.post("/sign-in/typed", early.hidden("/sign-in/typed")...).saysAll().
		is(http.StatusOK, "Nothing was saved yet", "two\nlines</textarea>", `value="article.create" checked`, ">GET /x</textarea>").lacks(`"><script>`)
	b.post("/sign-in/typed", "typed-path", "/accounts", "typed.name", "x").is(http.StatusBadRequest)
	if len(f.tokens(t)) != 2 {
		t.Errorf("there are %d tokens", len(f.tokens(t)))
	}

	// Nothing else is carried, and nothing that is very long.
	b.post("/sign-out").leads("/sign-in?notice=signed-out")
	for _, other := range []string{"/tokens/" + made.ID + "/delete", "/tokens/selected", "/accounts", "/tokens/x/edit"} {
		b.post(other, edit...).leads("/sign-in?notice=signed-out-meanwhile")
	}
	b.post("/tokens", "name", strings.Repeat("x", 200_000)).leads("/sign-in?notice=signed-out-meanwhile")
	b.post("/sign-in", "typed-path", "//evil.example", "typed.name", "x", "name", "member", "password", password).leads("/")
}

// Permissions can go while tokens have them: they are shown as such, and stay until unticked.
func TestEditWithGoneGrants(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", func(d *admin.NewToken) { d.Type, d.Grants = token.Custom, []string{"article.find", "article.delete"} })
	op, err := permission.ParseOperation("GET /api/articles")
	if err != nil {
		t.Fatal(err)
	}
	f.change(t, store.Catalog{API: "articles", Permissions: []permission.Permission{{Name: "article.find", Operations: []permission.Operation{op}}}})
	b := f.as(t, "member")
	b.get("/tokens/"+made.ID+"/edit").saysAll().is(http.StatusOK, "Permissions that are gone", `name="grant" value="article.delete" checked`)
	b.post("/tokens/"+made.ID+"/edit", "version", "1", "name", "", "type", "custom", "duration", "keep", "grant", "article.find").
		is(http.StatusUnprocessableEntity, `name="grant" value="article.delete" aria-`, `value="article.find" checked`)
	b.post("/tokens/"+made.ID+"/edit", "version", "1", "name", "ci", "type", "custom", "duration", "keep", "grant", "article.find", "grant", "article.delete").
		leads("/tokens/" + made.ID + "?notice=token-saved")
	b.post("/tokens/"+made.ID+"/edit", "version", "1", "name", "ci", "type", "custom", "duration", "keep", "grant", "article.find").
		leads("/tokens/" + made.ID + "?notice=token-saved")
	if got := f.tokens(t)["ci"]; len(got.Grants) != 1 {
		t.Errorf("got %v", got.Grants)
	}
	b.get("/tokens/" + made.ID + "/edit").lacks("Permissions that are gone")
}

// A token like another one has all but its name and secret, and what its API has lost.
func TestMakeOneLikeIt(t *testing.T) {
	f := newSite(t)
	f.saveAPI(t, "articles", "article", "comment")
	made := f.token(t, "ci", "member", func(d *admin.NewToken) {
		custom("article.find", "comment.*", "PUT /api/cover/{id}")(d)
		d.Description = "builds at night"
	})
	f.saveAPI(t, "articles", "article")
	b := f.as(t, "member")
	link := "/tokens/new?like=" + made.ID
	b.get("/tokens/"+made.ID).is(http.StatusOK, `<a class="button" href="`+link+`">Make one like it</a>`)
	form := b.get(link).is(http.StatusOK, `<option value="articles" selected>`, ">builds at night</textarea>", `value="custom" checked`,
		`name="grant" value="article.find" checked`, ">PUT /api/cover/{id}</textarea>", `name="name" dir="auto" value=""`,
		`<option value="tokenreeve">tokenreeve (to manage tokens)</option>`).lacks("comment.")
	b.post("/tokens", "nonce", form.nonce(), "api", "articles", "name", "other", "type", "custom", "duration", "7d", "grant", "article.find").
		is(http.StatusOK, "Your new token")

	others := f.token(t, "others", "manager", nil)
	b.get("/tokens/new?like=" + others.ID).is(http.StatusNotFound)
	f.as(t, "auditor").get("/tokens/" + made.ID).is(http.StatusOK).lacks("Make one like it")
}

func (f *site) change(t *testing.T, c store.Catalog) {
	t.Helper()
	c.Updated = f.now().UTC().Truncate(time.Millisecond)
	if err := f.store.Change(t.Context(), func(tx store.Tx) error { return tx.SaveCatalog(t.Context(), c) }); err != nil {
		t.Fatal(err)
	}
}

// What the role can't hand out is there to see, and can't be chosen.
func TestEditWithinCeiling(t *testing.T) {
	f := newSite(t)
	f.role(t, store.Role{
		Name: "finders", Read: store.Own, Create: store.Own, Update: store.Own,
		Ceiling: store.Ceiling{APIs: []string{"articles"}, Grants: []string{"article.find", "article.find_one"}},
	})
	f.account(t, "ann", "finders")
	b := f.as(t, "ann")
	page := b.get("/tokens/new").saysAll().is(http.StatusOK, "Your role finders doesn't hand this out", "doesn't hand out what is greyed out",
		`value="read-only" disabled`, `value="full-access" disabled`, `value="custom" checked aria`,
		`<option value="articles" selected>`, `<option value="orders" disabled>`, `value="article.create" disabled`, `value="article.*" disabled`)
	if regexp.MustCompile(`value="article.find"[^>]* disabled`).MatchString(page.text) {
		t.Error("article.find can't be chosen")
	}
	b.post("/tokens", "api", "articles", "name", "x", "type", "custom", "duration", "7d", "grant", "article.create", "written", "GET /api/x").saysAll().
		is(http.StatusUnprocessableEntity, "may not hand out article.create", "Line 1: your role finders may not hand out GET /api/x")
	b.post("/tokens", "api", "articles", "name", "x", "type", "custom", "duration", "7d", "grant", "article.find", "owner", "member").saysAll().
		is(http.StatusForbidden, "Not saved")
	b.post("/tokens", "api", "articles", "name", "x", "type", "custom", "duration", "7d", "grant", "article.find").is(http.StatusOK)

	// What the token has already is not taken from it by not being sent.
	mighty := f.token(t, "mighty", "ann", func(d *admin.NewToken) { d.Type, d.Grants = token.Custom, []string{"article.delete"} })
	b.get("/tokens/"+mighty.ID+"/edit").is(http.StatusOK, `value="article.create" disabled`, `value="article.delete" checked aria`)
	b.post("/tokens/"+mighty.ID+"/edit", "version", strconv.FormatInt(mighty.Version, 10), "name", "mighty", "type", "custom", "duration", "keep", "grant", "article.delete").
		is(http.StatusUnprocessableEntity, "may not hand out article.delete")
}

// A record that can't be understood is an error of its page, and of no other.
func TestEditUnreadable(t *testing.T) {
	f := newSite(t)
	bad := f.token(t, "bad", "member", nil)
	f.execute(t, `UPDATE tokens SET type = 'scoped'`)
	f.as(t, "owner").get("/tokens/"+bad.ID+"/edit").is(http.StatusInternalServerError, "can't be understood")
	f.as(t, "member").get("/tokens/" + bad.ID + "/edit").is(http.StatusNotFound)
}

// The trail says that it was done on a page, and has no secret.
func TestCreateIsInTheTrail(t *testing.T) {
	f := newSite(t)
	made := f.as(t, "member").post("/tokens", "api", "articles", "name", "one", "type", "read-only", "duration", "7d").is(http.StatusOK)
	events, err := f.Events(t.Context(), operator, admin.EventQuery{Action: "token.create"}, admin.Paging{})
	if err != nil || len(events.Items) != 1 || events.Items[0].Actor != "member" || events.Items[0].Via != "page" {
		t.Fatalf("%+v, %v", events, err)
	}
	text, err := json.Marshal(events)
	if err != nil || strings.Contains(string(text), secrets.FindString(made.text)) {
		t.Errorf("%s, %v", text, err)
	}
}

// Grants for certain values come out of the form as they went in, whatever else is saved.
func TestEditKeepsGrantsOfOneValue(t *testing.T) {
	f := newSite(t)
	op, err := permission.ParseOperation("GET /stock?shop={shop}")
	if err != nil {
		t.Fatal(err)
	}
	catalog := store.Catalog{API: "shop", Permissions: []permission.Permission{{Name: "stock.view", Operations: []permission.Operation{op}}}}
	save := func() {
		t.Helper()
		if err := f.store.Change(t.Context(), func(tx store.Tx) error { return tx.SaveCatalog(t.Context(), catalog) }); err != nil {
			t.Fatal(err)
		}
	}
	save()
	held := []string{"stock.view shop=7", "stock.view shop=<b>8", "GET /free"}
	made := f.token(t, "seven", "owner", func(d *admin.NewToken) { d.API = "shop"; custom(held...)(d) })
	b := f.as(t, "owner")
	kept := func(name string) {
		t.Helper()
		form := b.get("/tokens/" + made.ID + "/edit").saysAll().is(http.StatusOK)
		text := regexp.MustCompile(`(?s)<textarea id="written"[^>]*>(.*?)</textarea>`).FindStringSubmatch(form.text)
		fields := url.Values{"version": {form.version()}, "name": {name}, "type": {"custom"}, "duration": {"keep"}, "written": {html.UnescapeString(text[1])}}
		for _, box := range regexp.MustCompile(`name="grant" value="([^"]*)" checked`).FindAllStringSubmatch(form.text, -1) {
			fields.Add("grant", html.UnescapeString(box[1]))
		}
		b.do(http.MethodPost, "/tokens/"+made.ID+"/edit", fields).leads("/tokens/" + made.ID + "?notice=token-saved")
		got := f.tokens(t)[name].Grants
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(made.Grants)); !slices.Equal(got, want) {
			t.Errorf("%s has %q; want %q", name, got, want)
		}
	}
	kept("renamed")
	catalog.Permissions = nil // the grants are gone, and kept until they are unticked
	save()
	kept("renamed again")
}
