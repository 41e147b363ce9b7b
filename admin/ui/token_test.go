package ui_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// custom makes what is asked for a custom token.
func custom(grants ...string) func(*admin.NewToken) {
	return func(d *admin.NewToken) { d.Type, d.Grants = token.Custom, grants }
}

// use records what a token did so many days ago.
func (f *site) use(t *testing.T, made *token.Token, ago int, allowed, refused uint64) {
	t.Helper()
	at := f.now().UTC().AddDate(0, 0, -ago)
	err := f.store.RecordUse(t.Context(), []token.Use{{
		TokenID: made.ID, Day: at.Truncate(24 * time.Hour), Last: at, Allowed: allowed, Refused: refused,
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// saveAPI replaces an API by one of these resources.
func (f *site) saveAPI(t *testing.T, api string, resources ...string) {
	t.Helper()
	c := store.Catalog{API: api, Updated: f.now().UTC().Truncate(time.Millisecond)}
	for _, name := range resources {
		permissions, err := permission.ForResource(name, "/api/"+name+"s", false)
		if err != nil {
			t.Fatal(err)
		}
		c.Permissions = append(c.Permissions, permissions...)
	}
	if err := f.store.Change(t.Context(), func(tx store.Tx) error { return tx.SaveCatalog(t.Context(), c) }); err != nil {
		t.Fatal(err)
	}
}

// execute changes the store as no Tokenreeve would.
func (f *site) execute(t *testing.T, statement string, args ...any) {
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

func TestTokenPage(t *testing.T) {
	f := newSite(t)
	f.saveAPI(t, "articles", "article", "comment")
	made := f.token(t, "ci", "member", func(d *admin.NewToken) {
		custom("article.find", "comment.*", "PUT /api/cover/{id}")(d)
		d.Description, d.Duration = "builds at night", "10d"
	})
	f.use(t, &made, 1, 1200, 3)
	b := f.as(t, "member")
	b.get("/tokens/"+made.ID).saysAll().is(http.StatusOK,
		"ci", "builds at night", "Active", "expires in", "Custom", made.ID, "member", made.Hint,
		"GET /api/articles", "comment all of it", "DELETE /api/comments/{id}", "PUT /api/cover/{id}",
		"Allowed: 1,200", "Refused: 3", "token created root command line",
		`href="/apis/articles"`, `href="/tokens/`+made.ID+`/edit"`, `href="/try?token=`+made.ID+`"`,
	).lacks("DELETE /api/articles/{id}", "Gone", "Grants: −")

	f.saveAPI(t, "articles", "article")
	b.get("/tokens/"+made.ID).saysAll().is(http.StatusOK, "Gone", "comment.* gone", "GET /api/articles").lacks("DELETE /api/comments/{id}")

	for kind, says := range map[token.Type]string{token.ReadOnly: "It may read everything", token.FullAccess: "It may do everything"} {
		other := f.token(t, string(kind), "member", func(d *admin.NewToken) { d.Type = kind })
		b.get("/tokens/"+other.ID).saysAll().is(http.StatusOK, says, "No request has come with it yet")
	}
}

// A token may be named anything, and its page shows that as it is.
func TestTokenPageEscapes(t *testing.T) {
	f := newSite(t)
	const name = `<script>alert(1)</script>`
	made := f.token(t, name, "member", func(d *admin.NewToken) { d.Description = `"><img src=x onerror=alert(2)>` })
	b := f.as(t, "owner")
	for _, path := range []string{"", "/regenerate", "/delete"} {
		b.get("/tokens/"+made.ID+path).is(http.StatusOK, name).lacks("<script>alert", "<img src=x")
	}
	b.get("/try?token=" + made.ID + "&path=%22%3E%3Cscript%3E").is(http.StatusUnprocessableEntity).lacks("<script>")
	b.get("/tokens").is(http.StatusOK, name).lacks("<script>alert")
}

func TestChart(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", nil)
	for ago, counts := range map[int][2]uint64{0: {10, 0}, 29: {7, 1}, 30: {100, 0}, 89: {1000, 50}, 90: {5000, 0}} {
		f.use(t, &made, ago, counts[0], counts[1])
	}
	b := f.as(t, "member")
	bars := regexp.MustCompile(`(?s)<g>.*?</g>`)
	for days, want := range map[string]struct {
		bars     int
		allowed  string
		refused  string
		selected string
	}{
		"":   {30, "17", "1", "30 days"},
		"30": {30, "17", "1", "30 days"},
		"90": {90, "1,117", "51", "90 days"},
		"7":  {30, "17", "1", "30 days"},
	} {
		page := b.get("/tokens/" + made.ID + "?days=" + days).is(http.StatusOK)
		page.has("Allowed: "+want.allowed, "Refused: "+want.refused, "Requests per day in the last "+want.selected)
		if got := len(bars.FindAllString(page.text, -1)); got != want.bars {
			t.Errorf("%q days: %d bars; want %d", days, got, want.bars)
		}
	}
	page := b.get("/tokens/" + made.ID)
	for _, day := range []int{0, 29} { // the same numbers as a table
		page.has(f.now().UTC().AddDate(0, 0, -day).Format("2 Jan 2006"))
	}
	if strings.Contains(page.text, "style=") {
		t.Error("the policy has no place for styles in attributes")
	}
}

func TestTokenPageByRole(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", nil)
	others := f.token(t, "deploy", "manager", nil)
	paths := []string{"", "/regenerate", "/delete"}
	for _, test := range []struct {
		who   string
		made  []int // statuses of the paths for the member's token
		other []int
	}{
		{"owner", []int{200, 200, 200}, []int{200, 200, 200}},
		{"manager", []int{200, 200, 200}, []int{200, 200, 200}},
		{"member", []int{200, 200, 200}, []int{404, 404, 404}},
		{"auditor", []int{200, 403, 403}, []int{200, 403, 403}},
	} {
		b := f.as(t, test.who)
		for i, path := range paths {
			b.get("/tokens/" + made.ID + path).saysAll().is(test.made[i])
			b.get("/tokens/" + others.ID + path).saysAll().is(test.other[i])
		}
	}
	f.as(t, "auditor").get("/tokens/"+made.ID).has("Try it").lacks("<form method=\"post\" action=\"/tokens", "Regenerate", "Edit", "Delete")
	f.as(t, "owner").get("/tokens/tok_0123456789abcdef").is(http.StatusNotFound)
	f.as(t, "owner").get("/tokens/ci").is(http.StatusNotFound)

	own := f.token(t, "script", "manager", func(d *admin.NewToken) { d.API, d.Type = admin.ManagementAPI, token.FullAccess })
	f.as(t, "owner").get("/tokens/" + own.ID).is(http.StatusOK).lacks("Regenerate") // it would be the manager
	f.as(t, "manager").get("/tokens/"+own.ID).is(http.StatusOK, "Regenerate")
	if f.failed.Load() > 0 {
		t.Errorf("%d technical failures", f.failed.Load())
	}
}

func TestSwitchToken(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", nil)
	b := f.as(t, "member")
	b.post("/tokens/" + made.ID + "/disable").leads("/tokens/" + made.ID + "?notice=token-disabled")
	b.get("/tokens/"+made.ID+"?notice=token-disabled").is(http.StatusOK, "Disabled", "The token is disabled", "Enable")
	b.post("/tokens/" + made.ID + "/enable").leads("/tokens/" + made.ID + "?notice=token-enabled")
	b.get("/tokens/"+made.ID).is(http.StatusOK, "token enabled member these pages", "token disabled member these pages")
	f.as(t, "auditor").post("/tokens/" + made.ID + "/disable").is(http.StatusForbidden)

	// Who comes back to the address of a notice reads it only as long as it is so.
	b.get("/tokens/"+made.ID+"?notice=token-disabled").is(http.StatusOK, "Active").lacks("The token is disabled")
	b.get("/tokens/"+made.ID+"?notice=token-off").is(http.StatusOK, "Active").lacks("The token is disabled")
	b.get("/tokens/"+made.ID+"?notice=token-saved").is(http.StatusOK, "It holds from now on")
	b.post("/tokens/" + made.ID + "/disable")
	b.get("/tokens/"+made.ID+"?notice=token-enabled").is(http.StatusOK, "Disabled").lacks("The token is enabled")
	b.get("/tokens/" + made.ID + "?notice=draft-saved").is(http.StatusOK).lacks("Saved as a draft")
	b.get("/tokens/" + made.ID + "?notice=draft-deletion").is(http.StatusOK).lacks("Saved as a draft")
}

var versionField = regexp.MustCompile(`name="version" value="(\d+)"`)

// version is the one that the form of a page has.
func (s seen) version() string {
	s.t.Helper()
	found := versionField.FindStringSubmatch(s.text)
	if found == nil {
		s.t.Fatalf("%s has no version", s.what)
	}
	return found[1]
}

var secretText = regexp.MustCompile(`trv_[0-9A-Za-z]{20,}`)

func TestRegenerateToken(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", nil)
	b := f.as(t, "member")
	path := "/tokens/" + made.ID + "/regenerate"
	form := b.get(path).saysAll().is(http.StatusOK, made.Hint, "never used", "At once")
	b.post(path, "version", form.version()).saysAll().is(http.StatusUnprocessableEntity, "Choose when")
	b.post(path, "version", form.version(), "overlap", "9999h").is(http.StatusUnprocessableEntity)
	b.post(path, "overlap", "now").is(http.StatusBadRequest)

	first := b.post(path, "version", form.version(), "overlap", "24h").saysAll().is(http.StatusOK, "New secret")
	secret := secretText.FindString(first.text)
	if secret == "" || first.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("no secret, or one that may be kept: %v", first.header)
	}
	b.get("/tokens/"+made.ID).is(http.StatusOK, made.Hint+" made 2", "(in 1 day)", "(in 30 days)", "data-exact>").lacks(secret)

	// The same form once more makes no other secret, and shows none.
	again := b.post(path, "version", form.version(), "overlap", "now").saysAll().is(http.StatusConflict, "Nothing was done just now")
	if secretText.MatchString(again.text) {
		t.Error("a form that was sent again shows a secret")
	}
	secrets, err := f.Secrets(t.Context(), operator, made.ID)
	if err != nil || len(secrets) != 2 {
		t.Errorf("%d secrets work, %v; want the old one and the new one", len(secrets), err)
	}
	b.post(path, "version", again.version(), "overlap", "now").is(http.StatusOK, "New secret")
	if secrets, err = f.Secrets(t.Context(), operator, made.ID); err != nil || len(secrets) != 1 {
		t.Errorf("%d secrets work, %v; want the newest", len(secrets), err)
	}
	f.as(t, "auditor").post(path, "version", "3", "overlap", "now").is(http.StatusForbidden)
}

// A new secret of a token that is off, or past its end, works no more than the old one.
func TestRegenerateStoppedToken(t *testing.T) {
	f := newSite(t)
	off := f.token(t, "off", "member", nil)
	over := f.token(t, "over", "member", func(d *admin.NewToken) { d.Duration = "1h" })
	b := f.as(t, "member")
	b.post("/tokens/" + off.ID + "/disable").leads("/tokens/" + off.ID + "?notice=token-disabled")
	f.past.Store(int64(2 * time.Hour))
	b = f.as(t, "member") // the session ended
	const saysOff, saysOver = "The token is disabled. No secret of it works", "The token has been expired since"
	for _, test := range []struct {
		token     token.Token
		says, not string
		helps     string
	}{
		{off, saysOff, saysOver, `<a href="/tokens/` + off.ID + `">Enable it`},
		{over, saysOver, saysOff, `<a href="/tokens/` + over.ID + `/edit#duration">Edit its end`},
	} {
		page := "/tokens/" + test.token.ID
		b.get(page).is(http.StatusOK, `>Secrets</h3>`).lacks("Secrets that work")
		form := b.get(page+"/regenerate").is(http.StatusOK, test.says, test.helps, `type="hidden" name="overlap" value="now"`).
			lacks(test.not, "In 24 hours", "Programs with these secrets")
		b.post(page+"/regenerate", "version", form.version(), "overlap", "now").is(http.StatusOK, "New secret", test.says, test.helps).lacks(test.not)
	}
	works := f.token(t, "ci", "member", nil)
	b.get("/tokens/"+works.ID).is(http.StatusOK, "Secrets that work")
	b.get("/tokens/"+works.ID+"/regenerate").is(http.StatusOK, "In 24 hours").lacks(saysOff, saysOver)
}

func TestDeleteToken(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", nil)
	b := f.as(t, "member")
	path := "/tokens/" + made.ID + "/delete"
	b.get(path).saysAll().is(http.StatusOK, "To delete it, type ci", "never used")
	for _, typed := range []string{"", "CI", "deploy", made.ID} {
		b.post(path, "name", typed).saysAll().is(http.StatusUnprocessableEntity, "is not the name")
	}
	f.as(t, "auditor").post(path, "name", "ci").is(http.StatusForbidden)
	b.post(path, "name", " ci ").leads("/tokens?notice=token-deleted")
	b.get("/tokens/" + made.ID).is(http.StatusNotFound)
	b.post(path, "name", "ci").is(http.StatusNotFound)
}

// A record that nobody can read can still be deleted, by whoever may delete all.
func TestUnreadableToken(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", nil)
	f.execute(t, `UPDATE tokens SET type = 'scoped' WHERE id = ?`, made.ID)
	owner := f.as(t, "owner")
	owner.get("/tokens/"+made.ID).is(http.StatusInternalServerError, "can't be understood", `href="/tokens/`+made.ID+`/delete"`)
	f.as(t, "member").get("/tokens/" + made.ID).is(http.StatusNotFound)
	f.as(t, "member").get("/tokens/" + made.ID + "/delete").is(http.StatusNotFound)
	owner.get("/tokens/"+made.ID+"/delete").saysAll().is(http.StatusOK, "To delete it, type "+made.ID)
	owner.post("/tokens/"+made.ID+"/delete", "name", made.ID).leads("/tokens?notice=token-deleted")
}

func TestHistory(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", custom("article.find", "article.create"))
	b := f.as(t, "member")
	version := made.Version
	for i := range 12 {
		grants := []string{"article.find", fmt.Sprintf("GET /%d", i)}
		edit := admin.Edit{Version: version, Description: new(fmt.Sprintf("edit %d", i)), Grants: &grants}
		if _, err := f.Update(t.Context(), operator, made.ID, edit); err != nil {
			t.Fatal(err)
		}
		version++
	}
	newest := b.get("/tokens/"+made.ID).saysAll().is(http.StatusOK, "edit 11", "edit 3", "removed − GET /9", "added + GET /10", "edit 9 → became edit 10")
	newest.lacks("token created", "edit 0 →")
	next := regexp.MustCompile(`href="(/tokens/[^"]*\?events=\d+)#history"`).FindStringSubmatch(newest.text)
	if next == nil {
		t.Fatalf("nothing leads to older events: %s", newest.text)
	}
	b.get(next[1]).is(http.StatusOK, "token created", "removed − article.create", "Newest").lacks("edit 5", "Older")
	b.get("/tokens/" + made.ID + "?events=x").is(http.StatusBadRequest)
}

// Of others' changes, only those who read the audit trail see the address.
func TestHistoryAddresses(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", nil)
	f.as(t, "manager").post("/tokens/" + made.ID + "/disable")
	for who, sees := range map[string]bool{"owner": true, "auditor": true, "manager": true, "member": false} {
		page := f.as(t, who).get("/tokens/"+made.ID).is(http.StatusOK, "manager")
		if got := strings.Contains(page.plain(), "192.0.2.1"); got != sees {
			t.Errorf("%s sees the address: %v; want %v", who, got, sees)
		}
	}
}

// What a token asked for in vain can be granted, by those who may; what it was
// granted and never used is named.
func TestWanted(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", custom("article.find", "article.create", "GET /api/feed"))
	b := f.as(t, "member")
	b.get("/tokens/"+made.ID).is(http.StatusOK).lacks("in vain", "never used")
	at := f.now().UTC()
	record := func(ago int, address string, permissions ...token.PermissionUse) {
		t.Helper()
		last := at.AddDate(0, 0, -ago)
		use := token.Use{TokenID: made.ID, Day: last.Truncate(24 * time.Hour), Last: last, Address: address, Permissions: permissions}
		for _, p := range permissions {
			use.Allowed += p.Allowed
			use.Refused += p.Refused
		}
		if err := f.store.RecordUse(t.Context(), []token.Use{use}); err != nil {
			t.Fatal(err)
		}
	}
	record(0, "192.0.2.77", token.PermissionUse{Permission: "article.find", Allowed: 1500}, token.PermissionUse{Permission: "article.delete", Refused: 31})
	record(1, "192.0.2.9", token.PermissionUse{Permission: "article.update", Refused: 1}, token.PermissionUse{Refused: 2})
	record(60, "192.0.2.9", token.PermissionUse{Permission: "article.create", Allowed: 1})

	grant := `href="/tokens/` + made.ID + `/edit?grant=article.delete"`
	b.get("/tokens/"+made.ID).saysAll().is(http.StatusOK,
		"asked for article.delete 31 times", "asked for article.update once", "asked for what no permission names 2 times", grant,
		"(just now) from 192.0.2.77", "article.find 1,500 0", "Granted and never used GET /api/feed Take away").lacks("/edit?grant=\"")
	b.get("/tokens/"+made.ID+"/edit?grant=article.delete").is(http.StatusOK, "article.delete is chosen because you followed a link",
		`value="article.delete" checked`)
	b.get("/tokens/"+made.ID+"/regenerate").is(http.StatusOK, "(just now) from 192.0.2.77")
	f.as(t, "auditor").get("/tokens/"+made.ID).is(http.StatusOK, "asked for article.delete 31 times").lacks(grant, `/edit"`)

	record(0, "", token.PermissionUse{Allowed: 1})
	b.get("/tokens/"+made.ID).is(http.StatusOK, "That can’t be told")

	reader := f.token(t, "reader", "member", nil)
	f.use(t, &reader, 0, 1, 0)
	b.get("/tokens/"+reader.ID).saysAll().is(http.StatusOK, "It asked for nothing that it may not do.").lacks("never used")
}

// A token of the management API acts for its owner: others can't have its secret,
// and read why.
func TestRegenerateForOthers(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "deploy", "member", func(d *admin.NewToken) {
		d.API, d.Type, d.Grants = admin.ManagementAPI, token.Custom, []string{"token.read"}
	})
	path := "/tokens/" + made.ID
	f.as(t, "manager").get(path).is(http.StatusOK, "Only member can regenerate it: it acts for member.").lacks(path + "/regenerate")
	f.as(t, "member").get(path).is(http.StatusOK, path+"/regenerate").lacks("can regenerate it")
	f.as(t, "auditor").get(path).is(http.StatusOK).lacks("can regenerate it")
}

// What people look for comes first, what is empty says so, and times are in the
// zone of the reader.
func TestHistoryOfFields(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", func(d *admin.NewToken) { d.Description = "gone soon" })
	empty, duration := "", "unlimited"
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Description: &empty, Duration: &duration}); err != nil {
		t.Fatal(err)
	}
	page := f.as(t, "member").get("/tokens/" + made.ID)
	_, history, _ := strings.Cut(page.text, `id="history"`)
	at := -1
	for _, want := range []string{
		"Description:", "gone soon", "(empty)", "Expires:", `<time datetime="` + made.Expiry.UTC().Format(time.RFC3339) + `" data-exact>`, "never",
		"Name:", "Description:", "API:", "Type:", "Owner:", "Expires:", `<time datetime="`, "Enabled:", "Secret:",
	} {
		i := strings.Index(history[at+1:], want)
		if i < 0 {
			t.Fatalf("there is no %q behind %q in %s", want, history[:at+1], history)
		}
		at += 1 + i
	}
}
