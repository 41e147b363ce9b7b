package ui_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func TestAuditInWords(t *testing.T) {
	f := newSite(t)
	b := f.as(t, "owner")
	made := f.token(t, "<b>ci</b>", "member", nil)
	ctx := t.Context()
	name, owner, duration := "ci", "manager", "unlimited"
	_, err := f.Update(ctx, operator, made.ID, admin.Edit{Name: &name, Duration: &duration})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Update(ctx, operator, made.ID, admin.Edit{Owner: &owner}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.SetEnabled(ctx, operator, made.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Delete(ctx, operator, made.ID, 0); err != nil {
		t.Fatal(err)
	}
	b.post("/accounts", "name", "ann", "role", "member").leads("/accounts/ann?notice=account-made")
	b.post("/accounts/ann/disable")
	b.post("/accounts/ann", "version", "2", "role", "auditor", "subject", "")
	b.post("/sign-in", "name", "ann", "password", "not this")
	b.post("/accounts", "name", "gone", "role", "member")
	b.post("/accounts/gone/delete")
	page := f.as(t, "auditor").get("/audit").saysAll().is(http.StatusOK,
		"changed the token", "handed the token", "over to", "disabled the token", "deleted the token",
		"owner made the account", "disabled the account", "the role auditor", "signed in by password",
		"Somebody could not sign in as", "wrong password", "command line", "192.0.2.1", "&lt;b&gt;ci&lt;/b&gt;",
		`<a href="/accounts/ann">ann</a>`, "/audit?subject="+made.ID, "made the account <a href=\"/accounts/gone\">gone</a>", "deleted the account <strong>gone</strong>").lacks("<b>ci")
	for _, change := range []string{"Expires", "Name", "never", "Owner"} {
		page.has(change)
	}
	for _, action := range admin.Actions() {
		if !texts.Has("event."+action) || !texts.Has("action."+action) {
			t.Errorf("there are no words for %s", action)
		}
	}
}

func TestAuditFilter(t *testing.T) {
	f := newSite(t)
	f.token(t, "one token", "member", nil)
	f.past.Store(int64(48 * time.Hour))
	f.token(t, "another token", "member", func(d *admin.NewToken) { d.API = "orders" })
	b := f.as(t, "auditor")
	day := func(ago int) string { return f.now().UTC().AddDate(0, 0, -ago).Format(time.DateOnly) }
	for _, test := range []struct{ query, has, lacks string }{
		{"actor=root", "one token", "signed in by"},
		{"action=token.create", "another token", "signed in by"},
		{"api=orders", "another token", "one token"},
		{"from=" + day(0), "another token", "one token"},
		{"until=" + day(2), "one token", "another token"},
		{"from=" + day(2) + "&until=" + day(0), "one token", "nothing of this"},
		{"actor=nobody", "No entry matches. Names have to be complete.", "one token"},
	} {
		page := b.get("/audit?"+test.query).saysAll().is(http.StatusOK, test.has)
		if _, list, _ := strings.Cut(page.plain(), "Show all"); strings.Contains(list, test.lacks) {
			t.Errorf("%s has %q", test.query, test.lacks)
		}
	}
	b.get("/audit?action=x&from=soon&until=2026-13-01").saysAll().
		is(http.StatusUnprocessableEntity, "choose one of the list", "is not a day", `value="soon"`).lacks("one token")
	b.get("/audit/export?from=soon").is(http.StatusBadRequest)
	b.get("/audit?after=x").is(http.StatusBadRequest)
}

func TestAuditTellsWhichPermissionsChanged(t *testing.T) {
	f := newSite(t)
	made := f.token(t, "ci", "member", func(d *admin.NewToken) { d.Type, d.Grants = token.Custom, []string{"article.find", "GET /kept"} })
	for _, grants := range [][]string{{"GET /kept", "article.find", "GET /new"}, {"GET /kept", "GET /new"}, {"GET /new", "GET /kept"}} {
		if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Grants: &grants}); err != nil {
			t.Fatal(err)
		}
	}
	b := f.as(t, "owner")
	for _, path := range []string{"/audit?action=token.update", "/tokens/" + made.ID} {
		page := b.get(path).is(http.StatusOK, "</span> GET /new</span>", "</span> article.find</span>", "the same, in another order")
		if strings.Contains(page.text, "</span> GET /kept</span>") {
			t.Errorf("%s tells of what stayed", path)
		}
	}
}

// A day is that of the reader's clock: 14 hours ahead of UTC, it begins 14 hours before.
func TestAuditZone(t *testing.T) {
	f := newSite(t)
	today := f.now().UTC().Truncate(24 * time.Hour)
	b := f.as(t, "auditor")
	f.past.Store(int64(time.Until(today.Add(-13 * time.Hour))))
	f.token(t, "late token", "member", nil)
	f.past.Store(0)
	from := "/audit?action=token.create&from=" + today.Format(time.DateOnly)
	b.get(from).lacks("late token")
	b.get(from + "&zone=-840").has("late token")
	b.get(from + "&zone=-99999").lacks("late token")
}

func TestAuditPagesAndExport(t *testing.T) {
	f := newSite(t)
	for i := range 60 {
		f.token(t, "token "+string(rune('A'+i)), "member", func(d *admin.NewToken) { d.Type = token.FullAccess })
	}
	b := f.as(t, "auditor")
	first := b.get("/audit?action=token.create").is(http.StatusOK, "Older").lacks("Newest")
	_, rest, _ := strings.Cut(first.text, `<a class="button" href="/audit?action=token.create&amp;after=`)
	cursor, _, found := strings.Cut(rest, `"`)
	if !found {
		t.Fatal("there is no next page")
	}
	second := b.get("/audit?action=token.create&after="+cursor).is(http.StatusOK, "Newest").lacks("Older")
	if n := strings.Count(first.text, `<li class="event"`) + strings.Count(second.text, `<li class="event"`); n != 60 {
		t.Errorf("%d events on two pages; want 60", n)
	}
	export := b.get("/audit/export?" + url.Values{"action": {"token.create"}}.Encode()).is(http.StatusOK)
	if got := export.header.Get("Content-Disposition"); got != `attachment; filename="events.jsonl"` {
		t.Errorf("got %q", got)
	}
	lines := strings.Split(strings.TrimSpace(export.text), "\n")
	for _, line := range lines {
		var e admin.EventRecord
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Action != "token.create" {
			t.Fatalf("%v: %s", err, line)
		}
	}
	if len(lines) != 60 {
		t.Errorf("%d lines; want 60", len(lines))
	}
	if head := b.do(http.MethodHead, "/audit/export", nil); head.status != http.StatusOK || head.text != "" {
		t.Errorf("HEAD: %d, %q", head.status, head.text)
	}
}

// Tokens and accounts are found by name, as long as they are there.
func TestAuditByName(t *testing.T) {
	f := newSite(t)
	f.token(t, "one token", "member", nil)
	made := f.token(t, "same name", "member", nil)
	f.token(t, "same name", "member", func(d *admin.NewToken) { d.API = "orders" })
	f.account(t, "team", "member")
	f.account(t, "ann", "member")
	f.role(t, store.Role{Name: "team"})
	b := f.as(t, "auditor")
	for _, test := range []struct{ query, has, lacks string }{
		{"subject=one+token", "one token</a>", "same name</a>"},
		{"subject=same+name&api=articles", "same name</a>", "made the account"},
		{"subject=" + made.ID, "same name</a>", "one token</a>"},
		{"subject=ann", "ann</a>", "one token</a>"},
		{"subject=Ann", "ann</a>", "one token</a>"},
		{"subject=team", "made the role", "made the account"},
		{"subject=one", "No entry matches", "one token</a>"},
	} {
		b.get("/audit?"+test.query).is(http.StatusOK, test.has, `<option value="one token">articles</option>`, `<option value="ann">`, `<option>orders`).lacks(test.lacks)
	}
	b.get("/audit?subject=same+name").is(http.StatusUnprocessableEntity, "Several APIs have a token of this name. Choose the API as well.", `value="same name"`)
	if got := b.get("/audit/export?subject=ann"); strings.Count(got.text, "\n") != 1 {
		t.Errorf("the export has %s", got.text)
	}
	b.get("/audit?api=gone").is(http.StatusOK, "<option selected>gone")
}
