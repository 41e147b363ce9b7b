package ui_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// swap asks for a part of a page as a script does.
func (b *browser) swap(method, path, target string, form url.Values) seen {
	b.t.Helper()
	b.Transport = hx(target)
	defer func() { b.Transport = nil }()
	return b.do(method, path, form)
}

type hx string

func (target hx) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("HX-Request", "true")
	r.Header.Set("HX-Target", string(target))
	return http.DefaultTransport.RoundTrip(r)
}

var rowNames = regexp.MustCompile(`<th scope="row" class="name"><a href="/tokens/tok_\w+"><bdi>([^<]*)</bdi></a>`)

// rows are the names in the table, in its order.
func (s seen) rows() string {
	var names []string
	for _, match := range rowNames.FindAllStringSubmatch(s.text, -1) {
		names = append(names, html.UnescapeString(match[1]))
	}
	return strings.Join(names, " ")
}

// link returns the address behind a word.
func (s seen) link(word string) string {
	s.t.Helper()
	match := regexp.MustCompile(`<a [^>]*href="([^"]*)"[^>]*>` + regexp.QuoteMeta(word)).FindStringSubmatch(s.text)
	if match == nil {
		s.t.Fatalf("%s has no link %q: %s", s.what, word, s.plain())
	}
	return html.UnescapeString(match[1])
}

func (s seen) listed(want string) seen {
	s.t.Helper()
	if got := s.rows(); got != want {
		s.t.Errorf("%s lists %q; want %q", s.what, got, want)
	}
	return s
}

func TestListByRole(t *testing.T) {
	f := newSite(t)
	f.role(t, store.Role{Name: "makers", Accounts: true})
	f.account(t, "maker", "makers")
	f.token(t, "hers", "member", nil)
	f.token(t, "his", "manager", nil)
	for _, who := range []string{"owner", "manager"} {
		f.as(t, who).get("/tokens").saysAll().is(http.StatusOK, "New token", "All tokens", "My tokens", `name="id"`, `value="delete"`, `<option value="member">`).listed("hers his")
	}
	f.as(t, "manager").get("/tokens?owner=manager").is(http.StatusOK, `aria-current="true">My tokens`).listed("his")
	f.as(t, "auditor").get("/tokens").saysAll().is(http.StatusOK, "All tokens", `name="owner"`).listed("hers his").
		lacks("New token", `name="id"`, `name="action"`, "<datalist")
	f.as(t, "member").get("/tokens").saysAll().is(http.StatusOK, "New token", `name="id"`).listed("hers").
		lacks("All tokens", `name="owner"`)
	f.as(t, "member").get("/tokens?owner=manager").is(http.StatusOK).listed("")
	f.as(t, "maker").get("/tokens").is(http.StatusForbidden)
	f.as(t, "maker").get("/").leads("/apis")
	f.as(t, "member").get("/").leads("/tokens")
}

func TestListEscapes(t *testing.T) {
	f := newSite(t)
	for i, name := range []string{"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "{{.}} javascript:alert(1)"} {
		f.token(t, name, "member", func(d *admin.NewToken) { d.Description = fmt.Sprint("<b>", i) })
	}
	b := f.as(t, "owner")
	b.get("/tokens").is(http.StatusOK, "<script>alert(1)</script>").lacks("<script>a", `"><img src=x`, `<b>0`)
	b.get("/tokens?"+url.Values{"search": {`"><script>`}}.Encode()).is(http.StatusOK, "No token matches").lacks(`"><script>`)
	if f.failed.Load() > 0 {
		t.Error("it failed")
	}
}

func TestListFilters(t *testing.T) {
	f := newSite(t)
	f.past.Store(-int64(100 * 24 * time.Hour))
	f.token(t, "old", "member", func(d *admin.NewToken) { d.Duration = "110d" })
	f.token(t, "forgotten", "member", func(d *admin.NewToken) { d.Duration, d.Type = "unlimited", token.FullAccess })
	f.past.Store(0)
	f.token(t, "new", "manager", func(d *admin.NewToken) { d.API, d.Description = "orders", "for the Warehouse" })
	off := f.token(t, "off", "manager", nil)
	if _, err := f.SetEnabled(t.Context(), operator, off.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	b := f.as(t, "owner")
	for query, want := range map[string]string{
		"":                                      "forgotten new off old",
		"search=warehouse":                      "new",
		"search=" + off.Hint[len(off.Hint)-4:]:  "off",
		"api=orders":                            "new",
		"type=full-access":                      "forgotten",
		"status=disabled":                       "off",
		"owner=manager":                         "new off",
		"unused=90":                             "forgotten old",
		"ends=14":                               "old",
		"type=nonsense&status=what&sort=x":      "forgotten new off old",
		"sort=created&order=desc":               "",
		"sort=expiry":                           "",
		"search=ware&api=&type=&status=&owner=": "new",
	} {
		page := b.get("/tokens?" + query).saysAll().is(http.StatusOK)
		if want != "" {
			page.listed(want)
		}
	}
	b.get("/tokens").has("unused for 90 days", "ends soon")
	b.get("/tokens?status=disabled").lacks("unused for 90 days", "ends soon")
	b.get("/tokens?search=old").has(`<time datetime=`)
	if got := b.get("/tokens?sort=created&order=desc").has(`aria-sort="descending"`).rows(); !strings.HasPrefix(got, "off new") && !strings.HasPrefix(got, "new off") {
		t.Errorf("the latest first: %s", got)
	}
	if got := b.get("/tokens?sort=expiry").has(`aria-sort="ascending"`).rows(); !strings.HasPrefix(got, "old") || !strings.HasSuffix(got, "forgotten") {
		t.Errorf("by expiry: %s", got)
	}
	b.get("/tokens?search=e&by=created.desc").has(`aria-sort="descending"`, `<option value="created.desc" selected>Created, latest first`,
		`name="search" value="e"`, `name="sort" value="created"`)
	b.get("/tokens?by=name.desc&sort=created").has(`<option value="name.desc" selected>Name, Z to A`).listed("old off new forgotten")
	b.get("/tokens?by=nonsense").is(http.StatusOK).lacks(`value="created.desc" selected`)
	b.get("/tokens?api=gone").saysAll().is(http.StatusBadRequest, "gone").listed("")
	b.get("/tokens?after=nonsense").is(http.StatusBadRequest, "Begin with the first page")
}

func TestListPages(t *testing.T) {
	f := newSite(t)
	for i := range 120 {
		f.token(t, fmt.Sprintf("ci-%03d", i), "member", nil)
	}
	f.token(t, "other", "manager", nil)
	b := f.as(t, "owner")
	first := b.get("/tokens?search=ci&sort=name&order=desc").is(http.StatusOK, "1–50, more on the next page", "A selection is for one page", `aria-sort="descending"`).lacks("Previous page", "First page")
	second := b.get(first.link("Next page")).is(http.StatusOK, "First page", "51–100, more")
	third := b.get(second.link("Next page")).is(http.StatusOK, "101–120 of 120").lacks("Next page", "other")
	all := strings.Fields(first.rows() + " " + second.rows() + " " + third.rows())
	if len(all) != 120 || all[0] != "ci-119" || all[119] != "ci-000" {
		t.Errorf("got %d: %v", len(all), all)
	}
	b.get(third.link("Previous page")).is(http.StatusOK).listed(second.rows())
	b.get(b.get(third.link("Previous page")).link("Previous page")).is(http.StatusOK).listed(first.rows()).lacks("Previous page")
	b.get(strings.Replace(third.link("Previous page"), "trail=", "trail=x.", 1)).has("50 tokens on this page")
	b.get(third.link("First page")).is(http.StatusOK).listed(first.rows())
	for _, page := range []seen{first, second, third} {
		page.has(`value="ci"`, `name="sort" value=""`, `name="order" value="desc"`)
		if sorted := page.link("Owner"); sorted != "/tokens?search=ci&sort=owner" {
			t.Errorf("sorting by owner leads to %s", sorted)
		}
	}
}

// A script that swaps the table gets that, and the address for the history.
// A page of large tokens ends early, and then nobody knows how many stand before the next.
func TestListOfLargeTokens(t *testing.T) {
	f := newSite(t)
	err := f.store.Change(t.Context(), func(tx store.Tx) error {
		for i := range 3 {
			large := token.Token{
				ID: fmt.Sprintf("tok_%016d", i), API: "articles", Name: fmt.Sprint("large", i), Type: token.Custom, Owner: "owner", Enabled: true,
				Grants: []string{"GET /" + strings.Repeat("x", store.PageBytes/2)}, Created: f.now(), Updated: f.now(), Version: 1,
			}
			if err := tx.CreateToken(t.Context(), large); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b := f.as(t, "owner")
	first := b.get("/tokens").has("large0", "large1").lacks("large2")
	b.get(first.link("Next page")).has("large2", "1 token on this page").lacks("large1", "51")
}

func TestListPart(t *testing.T) {
	f := newSite(t)
	f.token(t, "one", "member", nil)
	f.token(t, "two", "member", nil)
	b := f.as(t, "owner")
	part := b.swap(http.MethodGet, "/tokens?search=tw&api=&type=&status=&sort=&order=", "tokens", nil).is(http.StatusOK, `hx-swap-oob="innerHTML">1 token<`).listed("two").lacks("<html", "<h1")
	if got := part.header.Get("HX-Push-Url"); got != "/tokens?search=tw" {
		t.Errorf("the address becomes %q", got)
	}
	b.swap(http.MethodGet, "/tokens?search=nothing", "tokens", nil).is(http.StatusOK, "No token matches", "Clear the filters")
	b.get("/tokens?search=tw").is(http.StatusOK, "<h1").lacks("hx-swap-oob=\"innerHTML\">1")
}

func TestListEmpty(t *testing.T) {
	f := newSite(t)
	f.as(t, "owner").get("/tokens").saysAll().is(http.StatusOK, "No tokens yet", `class="button main" href="/tokens/new"`).lacks(`id="search"`)
	f.as(t, "auditor").get("/tokens").saysAll().is(http.StatusOK, "No tokens yet").lacks("/tokens/new")

	f.execute(t, `DELETE FROM catalogs WHERE api <> 'tokenreeve'`)
	b := f.as(t, "owner")
	for address, lines := range map[string]string{
		"https://tokens.example.com": "api.example.com {\n\tapi_tokens articles {\n\t\tresource article /api/articles\n\t}\n\treverse_proxy localhost:3000\n}",
		"http://tokens.example.com":  "http://api.example.com {\n\tapi_tokens",
		"https://api.example.com":    "articles.example.com {\n",
		"https://example.com":        "api.example.com {\n",
		"http://gw.internal":         "http://api.gw.internal {\n",
		"https://gateway":            "https://gateway:8443 {\n",
		"http://localhost":           "http://localhost:8080 {\n",
		"http://localhost:8080":      "http://localhost:8081 {\n\tapi_tokens articles {\n",
		"http://localhost:2018":      "http://localhost:2020 {\n",
		"http://localhost:65535":     "http://localhost:65534 {\n",
		"http://a.b.localhost":       "http://a.b.localhost:8080 {\n",
		"http://192.0.2.7":           "http://192.0.2.7:8080 {\n",
		"https://[2001:db8::1]:8443": "https://[2001:db8::1]:8444 {\n",
		"https://a.example.com:8443": "https://a.example.com:8444 {\n",
		"":                           "api.example.com {\n",
	} {
		f.place = ui.Place{Address: address}
		b.get("/tokens").saysAll().is(http.StatusOK, "Protect a first API", "stays as it is", lines).lacks("handle", "\tapi_tokens_admin")
	}
	f.place = ui.Place{Address: "http://localhost:8080", AnyHost: true}
	b.get("/tokens").has("# Another port than that of the token pages", "http://127.0.0.1:8081 {")
	f.as(t, "member").get("/tokens").saysAll().is(http.StatusOK, "No tokens yet").lacks("reverse_proxy")
}

func TestListWithUnreadable(t *testing.T) {
	f := newSite(t)
	bad := f.token(t, "bad", "member", nil)
	f.token(t, "good", "member", nil)
	f.execute(t, `UPDATE tokens SET type = 'scoped' WHERE id = ?`, bad.ID)
	b := f.as(t, "owner")
	b.get("/tokens").is(http.StatusOK).listed("good")
	b.post("/tokens/selected", "action", "disable", "id", bad.ID).is(http.StatusOK, "can't be understood", "can't be done to any")
	b.post("/tokens/selected", "action", "delete", "id", bad.ID, "sure", "yes", "number", "1").is(http.StatusOK, "1 token is deleted")
}

func TestSelected(t *testing.T) {
	f := newSite(t)
	one, two, his := f.token(t, "one", "member", nil), f.token(t, "two", "member", nil), f.token(t, "his", "manager", nil)
	enabled := func(t *testing.T, id string) string {
		t.Helper()
		present, err := f.Find(t.Context(), operator, "", id)
		if err != nil {
			return "gone"
		}
		return map[bool]string{true: "on", false: "off"}[present.Enabled]
	}
	b := f.as(t, "member")
	form := []string{"id", one.ID, "id", two.ID, "id", one.ID, "back", "search=o&sort=created"}
	asked := b.post("/tokens/selected", append(form, "action", "disable")...).saysAll().is(http.StatusOK, "Disable 2 tokens", `name="back" value="search=o&amp;sort=created"`, `href="/tokens?search=o&amp;sort=created"`)
	if strings.Count(asked.text, `name="id"`) != 2 || enabled(t, one.ID) != "on" {
		t.Errorf("it did not just ask: %s", asked.plain())
	}
	form = append(form, "sure", "yes", "id", his.ID, "id", "tok_0000000000000000", "id", "<b>")
	done := b.post("/tokens/selected", append(form, "action", "disable")...).saysAll().
		is(http.StatusOK, "2 tokens are disabled", "The others stay as they were", "not yours to see", `href="/tokens?search=o&amp;sort=created"`).lacks("his", "<b>")
	if strings.Count(done.text, "not yours to see") != 3 || enabled(t, one.ID) != "off" || enabled(t, two.ID) != "off" || enabled(t, his.ID) != "on" {
		t.Errorf("one is %s, two is %s, his is %s: %s", enabled(t, one.ID), enabled(t, two.ID), enabled(t, his.ID), done.plain())
	}
	b.post("/tokens/selected", "action", "enable", "id", two.ID, "sure", "yes").saysAll().is(http.StatusOK, "1 token is enabled")
	b.post("/tokens/selected", "action", "delete", "id", two.ID).saysAll().is(http.StatusOK, "can't be undone", "Delete 1 token")
	if enabled(t, two.ID) != "on" {
		t.Error("two is not there any more")
	}
	for _, typed := range []string{"", "2", "one"} {
		b.post("/tokens/selected", "action", "delete", "id", two.ID, "sure", "yes", "number", typed).saysAll().
			is(http.StatusUnprocessableEntity, "That is not how many are to be deleted.", "Delete 1 token", `value="`+typed+`"`)
	}
	b.post("/tokens/selected", "action", "delete", "id", two.ID, "sure", "yes", "number", "1").saysAll().is(http.StatusOK, "1 token is deleted").lacks(`href="/tokens/` + two.ID)
	b.post("/tokens/selected", "action", "delete", "id", two.ID, "sure", "yes", "number", "1").saysAll().is(http.StatusOK, "0 tokens are deleted")

	f.as(t, "auditor").post("/tokens/selected", "action", "delete", "id", his.ID, "sure", "yes", "number", "1").saysAll().is(http.StatusOK, "You may not do this to this token")
	if enabled(t, his.ID) != "on" {
		t.Error("an auditor deleted")
	}
	b.post("/tokens/selected", "action", "delete", "back", "api=orders").leads("/tokens?api=orders&notice=none-selected")
	b.post("/tokens/selected", "action", "delete", "back", "//evil.example/?%zz").leads("/tokens?notice=none-selected")
	b.post("/tokens/selected", "action", "rename", "id", one.ID).is(http.StatusBadRequest)
	many := []string{"action", "delete"}
	for i := range 501 {
		many = append(many, "id", fmt.Sprintf("tok_%016d", i))
	}
	b.post("/tokens/selected", many...).is(http.StatusBadRequest)
}

// Who may not hand out a token can't bring it back either, and is told so.
func TestSelectedBeyondCeiling(t *testing.T) {
	f := newSite(t)
	f.role(t, store.Role{Name: "readers", Read: store.Own, Update: store.Own, Create: store.Own, Ceiling: store.Ceiling{Types: []token.Type{token.ReadOnly}}})
	f.account(t, "ann", "readers")
	mighty := f.token(t, "mighty", "ann", func(d *admin.NewToken) { d.Type = token.FullAccess })
	b := f.as(t, "ann")
	b.post("/tokens/selected", "action", "disable", "id", mighty.ID, "sure", "yes").is(http.StatusOK, "1 token is disabled")
	b.post("/tokens/selected", "action", "enable", "id", mighty.ID, "sure", "yes").is(http.StatusOK, "0 tokens are enabled", "more than you may hand out")
}
