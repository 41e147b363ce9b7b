package storetest

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var pageTests = []test{
	{"pages of any query have its tokens in order, each once", testPages},
	{"an empty store has an empty page", func(s *suite) {
		equal(s, s.page(store.TokenQuery{Limit: 10}), store.TokenPage{})
	}},
	{"a page that holds all has no next", func(s *suite) {
		s.create("a")
		s.create("b")
		equal(s, s.page(store.TokenQuery{Limit: 2}).Next, "")
		equal(s, s.page(store.TokenQuery{Limit: 1}).Next != "", true)
	}},
	{"searching finds text as it stands, whatever its case", testSearch},
	{"searching finds what an update and a new secret wrote", func(s *suite) {
		t, _ := s.create("before")
		s.update(t.ID, func(t *token.Token) { t.Name, t.Description, t.Owner = "Ärger", "Öl", "Übel" })
		s.change(func(tx store.Tx) error { return tx.AddSecret(s.ctx, t.ID, newSecret("NEWEST")) })
		for search, want := range map[string]int{"ärg": 1, "öL": 1, "üBE": 1, "newest": 1, "before": 0, "ada": 0} {
			s.Log(search)
			equal(s, len(s.page(store.TokenQuery{Search: search, Limit: 2}).Tokens), want)
		}
		s.update(t.ID, func(t *token.Token) { t.Hint = "other" }) // not for an update to write
		equal(s, len(s.page(store.TokenQuery{Search: "newest", Limit: 2}).Tokens), 1)
	}},
	{"a page ends where it has enough bytes, whatever its limit", testLargePages},
	{"a cursor that isn't one, or is of another order, is refused", testCursors},
	{"pages have only the id of what can't be understood", func(s *suite) {
		good, _ := s.create("good")
		bad, _ := s.create("bad")
		s.Spoil(s.T, bad.ID)
		equal(s, s.page(store.TokenQuery{Limit: 2}), store.TokenPage{Tokens: []token.Token{good}, Unreadable: []string{bad.ID}})
		first := s.page(store.TokenQuery{Limit: 1})
		equal(s, first.Tokens, nil)
		equal(s, first.Unreadable, []string{bad.ID})
		equal(s, s.page(store.TokenQuery{Limit: 1, After: first.Next}).Tokens, []token.Token{good})
	}},
	{"pages are the same inside a transaction, and have what it wrote", func(s *suite) {
		s.create("a")
		s.change(func(tx store.Tx) error {
			s.ok(tx.CreateToken(s.ctx, s.sample("b")))
			page, err := tx.TokenPage(s.ctx, store.TokenQuery{Limit: 5, Sort: store.ByLastUsed})
			s.ok(err)
			equal(s, len(page.Tokens), 2)
			return nil
		})
	}},
	{"tokens that come and go between pages move no others", func(s *suite) {
		for _, name := range []string{"b", "d", "f", "h"} {
			s.create(name)
		}
		q := store.TokenQuery{Limit: 2}
		first := s.page(q)
		s.create("a")
		s.create("e")
		s.change(func(tx store.Tx) error { return tx.DeleteToken(s.ctx, first.Tokens[1].ID) })
		q.After = first.Next
		var names []string
		for _, t := range s.page(q).Tokens {
			names = append(names, t.Name)
		}
		equal(s, names, []string{"e", "f"})
	}},
}

func (s *suite) page(q store.TokenQuery) store.TokenPage {
	s.Helper()
	page, err := s.Store.TokenPage(s.ctx, q)
	s.ok(err)
	return page
}

var pageOrders = []store.TokenOrder{"", store.ByName, store.ByAPI, store.ByOwner, store.ByCreated, store.ByLastUsed, store.ByExpiry}

// testPages compares pages with a filter and a sort in memory.
func testPages(s *suite) {
	all := s.manyTokens()
	rapid.Check(s.T, func(r *rapid.T) {
		q := drawQuery(r)
		want := slices.DeleteFunc(slices.Clone(all), func(t token.Token) bool { return !picks(q, t) })
		slices.SortFunc(want, func(a, b token.Token) int { return compareTokens(q, a, b) })
		var got []token.Token
		for pages := 0; ; pages++ {
			page, err := s.Store.TokenPage(s.ctx, q)
			s.ok(err)
			got = append(got, page.Tokens...)
			if page.Next == "" {
				break
			}
			if len(page.Tokens) != q.Limit || pages > len(all) {
				r.Fatalf("page %d of %+v has %d tokens, and a next", pages, q, len(page.Tokens))
			}
			q.After = page.Next
		}
		if !slices.EqualFunc(got, want, func(a, b token.Token) bool { return a.ID == b.ID && a.LastUsed.Equal(b.LastUsed) }) {
			r.Fatalf("%+v\ngot  %s\nwant %s", q, names(got), names(want))
		}
	})
}

// testLargePages has tokens of three sizes: of which one fills a page, three do, and many do.
func testLargePages(s *suite) {
	var all []token.Token
	for i := range 12 {
		t := s.sample(fmt.Sprintf("%02d", i))
		t.Grants = []string{"GET /" + strings.Repeat("x", []int{store.PageBytes, store.PageBytes/3 + 1, 10}[i%3])}
		t.Created, t.Expiry = now.Add(time.Duration(i*7%12)*time.Hour), now.Add(time.Duration(i*5%12)*time.Hour)
		all = append(all, t)
		s.change(func(tx store.Tx) error { return tx.CreateToken(s.ctx, t) })
	}
	for _, q := range everyOrder() {
		want := slices.Clone(all)
		slices.SortFunc(want, func(a, b token.Token) int { return compareTokens(q, a, b) })
		var got []token.Token
		for first := true; first || q.After != ""; first = false {
			page := s.page(q)
			size := 0
			for i := range page.Tokens {
				if size >= store.PageBytes {
					s.Fatalf("%+v: a page goes on after %d bytes", q, size)
				}
				size += store.TokenSize(&page.Tokens[i])
			}
			if page.Next != "" && size < store.PageBytes {
				s.Fatalf("%+v: a page ends after %d bytes", q, size)
			}
			got, q.After = append(got, page.Tokens...), page.Next
		}
		equal(s, names(got), names(want))
	}
	s.change(func(tx store.Tx) error { // what ends early leaves the transaction as it was
		page, err := tx.TokenPage(s.ctx, store.TokenQuery{Limit: 50})
		s.ok(err)
		equal(s, len(page.Tokens), 1)
		return tx.CreateToken(s.ctx, s.sample("after"))
	})
}

func everyOrder() (queries []store.TokenQuery) {
	for _, order := range pageOrders {
		queries = append(queries, store.TokenQuery{Sort: order, Limit: 50}, store.TokenQuery{Sort: order, Limit: 50, Descending: true})
	}
	return queries
}

func names(tokens []token.Token) string {
	var b strings.Builder
	for _, t := range tokens {
		fmt.Fprintf(&b, "%s ", t.Name)
	}
	return b.String()
}

// manyTokens adds tokens that share values, so that ties and filters matter.
func (s *suite) manyTokens() []token.Token {
	s.Helper()
	const many = 150
	var all []token.Token
	var uses []token.Use
	for i := range many {
		t := s.sample(fmt.Sprintf("%s %02d", []string{"Alpha", "beta", "ÄÖÜ", "äöü", "50%_off", "ſ"}[i%6], i/6))
		t.API = []string{"articles", "Articles", "invoices"}[i/7%3]
		t.Description = []string{"", "nightly", "Straße\nÉté"}[i%3]
		t.Owner = []string{"ada", "Ada", "bob", "", "Ünal"}[i%5]
		t.Type = token.Types()[i/2%3]
		t.Enabled = i%4 != 0
		t.Expiry = []time.Time{{}, now.Add(time.Hour), now, now.Add(-time.Hour), now.Add(48 * time.Hour)}[i/3%5]
		t.Created = now.Add(-time.Duration(i%11) * 24 * time.Hour)
		if i%3 > 0 {
			t.LastUsed = now.Add(-time.Duration(i%13) * 24 * time.Hour)
			uses = append(uses, token.Use{TokenID: t.ID, Day: t.LastUsed.Truncate(24 * time.Hour), Last: t.LastUsed, Allowed: 1})
		}
		all = append(all, t)
	}
	s.change(func(tx store.Tx) error {
		for _, t := range all {
			s.ok(tx.CreateToken(s.ctx, t))
		}
		return nil
	})
	s.recordUse(uses...)
	return all
}

func drawQuery(r *rapid.T) store.TokenQuery {
	draw := func(name string, of ...string) string {
		if rapid.IntRange(0, 4).Draw(r, "with "+name) > 0 { // few at once, or nothing is left
			return ""
		}
		return rapid.SampledFrom(of).Draw(r, name)
	}
	at := func(name string) time.Time {
		if rapid.IntRange(0, 2).Draw(r, "with "+name) > 0 {
			return time.Time{}
		}
		return now.Add(time.Duration(rapid.IntRange(-12, 3).Draw(r, name))*24*time.Hour + time.Duration(rapid.IntRange(-1, 1).Draw(r, "off"))*time.Microsecond)
	}
	return store.TokenQuery{
		Search:      draw("search", "ALPHA", "äö", "%_", "0", "é", "straße\né", "S", "nobody", "A"),
		API:         draw("API", "articles", "Articles", "nobody"),
		Type:        token.Type(draw("type", "read-only", "full-access", "custom", "nothing")),
		Status:      token.Status(draw("status", "active", "disabled", "expired", "nothing")),
		Owner:       draw("owner", "ada", "Ada", "bob", "nobody"),
		UnusedSince: at("unused"),
		ExpiresBy:   at("expires"),
		Now:         now.Add(time.Duration(rapid.IntRange(-1, 1).Draw(r, "now")) * time.Microsecond),
		Sort:        rapid.SampledFrom(pageOrders).Draw(r, "sort"),
		Descending:  rapid.Bool().Draw(r, "descending"),
		Limit:       rapid.IntRange(1, 60).Draw(r, "limit"),
	}
}

// picks says the same as the contract, in other words than stores.
func picks(q store.TokenQuery, t token.Token) bool {
	found := q.Search == ""
	for _, field := range []string{t.Name, t.Description, t.Owner, t.Hint} {
		found = found || strings.Contains(plain(field), plain(q.Search))
	}
	soon := t.Status(q.Now) == token.Active && !t.Expiry.IsZero() && !t.Expiry.After(q.ExpiresBy)
	unused := t.LastUsed.Before(q.UnusedSince) && t.Created.Before(q.UnusedSince)
	return found && (q.API == "" || q.API == t.API) && (q.Type == "" || q.Type == t.Type) &&
		(q.Status == "" || q.Status == t.Status(q.Now)) && (q.Owner == "" || q.Owner == t.Owner) &&
		(q.UnusedSince.IsZero() || unused) && (q.ExpiresBy.IsZero() || soon)
}

// plain folds the letters of these tests.
func plain(s string) string { return strings.ToLower(strings.ReplaceAll(s, "ſ", "s")) }

func compareTokens(q store.TokenQuery, a, b token.Token) int {
	end := func(t token.Token) int64 {
		if t.Expiry.IsZero() {
			return math.MaxInt64
		}
		return t.Expiry.UnixMilli()
	}
	c := 0
	switch q.Sort {
	case "", store.ByName:
		c = cmp.Compare(plain(a.Name), plain(b.Name))
	case store.ByAPI:
		c = cmp.Compare(a.API, b.API)
	case store.ByOwner:
		c = cmp.Compare(plain(a.Owner), plain(b.Owner))
	case store.ByCreated:
		c = a.Created.Compare(b.Created)
	case store.ByLastUsed:
		c = a.LastUsed.Compare(b.LastUsed)
	case store.ByExpiry:
		c = cmp.Compare(end(a), end(b))
	}
	c = cmp.Or(c, cmp.Compare(a.ID, b.ID))
	if q.Descending {
		return -c
	}
	return c
}

func testSearch(s *suite) {
	for _, name := range []string{"100%", "1000", "a_b", "axb", `a\b`, "ÄÖÜ", "Straße", "Кириллица", "ΣΊΣΥΦΟΣ", "İstanbul", "\u212aelvin", "日本語", "x'y\"z"} {
		s.create(name)
	}
	for search, want := range map[string][]string{
		"%": {"100%"}, "0%": {"100%"}, "a_": {"a_b"}, "a_b": {"a_b"}, `\`: {`a\b`}, "äöü": {"ÄÖÜ"}, "STRAßE": {"Straße"},
		"кирИЛЛ": {"Кириллица"}, "σίσυφος": {"ΣΊΣΥΦΟΣ"}, "istanbul": {"İstanbul"}, "KELVIN": {"\u212aelvin"}, "本": {"日本語"},
		"X'Y\"": {"x'y\"z"}, "*": nil, "a?b": nil, "a\x00b": nil, "\xff": nil,
		"100%\x1f": nil, "100% for the nightly": nil, // no field ends where another begins
	} {
		var got []string
		for _, t := range s.page(store.TokenQuery{Search: search, Limit: 50}).Tokens {
			got = append(got, t.Name)
		}
		s.Logf("%q", search)
		equal(s, got, want)
	}
}

func testCursors(s *suite) {
	for i := range 4 {
		s.create(fmt.Sprint(i))
	}
	cursors := map[store.TokenOrder]string{}
	for _, order := range pageOrders[1:] {
		cursors[order] = s.page(store.TokenQuery{Sort: order, Limit: 2}).Next
	}
	refused := func(q store.TokenQuery) {
		s.Helper()
		q.Limit = 2
		_, err := s.Store.TokenPage(s.ctx, q)
		s.isOnly(err, store.ErrBadCursor)
	}
	for of, cursor := range cursors {
		for _, order := range pageOrders[1:] {
			if order != of {
				refused(store.TokenQuery{Sort: order, After: cursor})
			}
		}
		refused(store.TokenQuery{Sort: of, Descending: true, After: cursor})
		refused(store.TokenQuery{Sort: of, After: cursor[1:]})
		refused(store.TokenQuery{Sort: of, After: cursor + "A"})
		refused(store.TokenQuery{Sort: of, After: cursor + "\n"})
		equal(s, len(s.page(store.TokenQuery{Sort: of, After: cursor, Limit: 2}).Tokens), 2)
	}
	equal(s, len(s.page(store.TokenQuery{After: cursors[store.ByName], Limit: 2}).Tokens), 2) // the default is an order
	for _, text := range []string{`{}`, `null`, `[]`, `{"s":"name"}`, `{"s":"name","i":7}`, `{"s":"name","i":"x"} `, `{"i":"x","s":"name"}`, `{"s":"name","i":"x","z":1}`} {
		refused(store.TokenQuery{After: base64.RawURLEncoding.EncodeToString([]byte(text))})
	}
	for _, text := range []string{"x", "=", "'; --", "\x00", "tok_0000000000000000"} {
		refused(store.TokenQuery{After: text})
	}
}
