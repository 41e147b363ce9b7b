package admin_test

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// strapiHash is what Strapi stores of a secret.
func strapiHash(secret string) string {
	mac := hmac.New(sha512.New, []byte("salt"))
	mac.Write([]byte(secret))
	return hex.EncodeToString(mac.Sum(nil))
}

func foreignToken(name string, change func(*admin.Foreign)) admin.Foreign {
	f := admin.Foreign{
		NewToken: admin.NewToken{API: "articles", Name: name, Type: token.Custom, Grants: []string{"article.find"}, Duration: "unlimited", Owner: "ann"},
		Where:    "the line of " + name, Secret: "the-foreign-secret-of-" + name,
	}
	if change != nil {
		change(&f)
	}
	return f
}

// tokens returns the names of all tokens of the store.
func (f *fixture) names(t *testing.T) (names []string) {
	t.Helper()
	all, err := f.store.Tokens(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, made := range all {
		names = append(names, made.Name)
	}
	return names
}

func TestTakeOver(t *testing.T) {
	f := newFixture(t)
	salted := foreignToken("salted", func(f *admin.Foreign) {
		f.Secret, f.Hash, f.Scheme = "", strapiHash("the-secret-of-salted"), token.HMACSHA512
	})
	past := f.now.Add(-24 * time.Hour).UTC().Truncate(time.Millisecond)
	list := []admin.Foreign{
		foreignToken("plain", nil), salted,
		foreignToken("expired", func(f *admin.Foreign) { f.Expiry = past }),
	}
	for _, apply := range []bool{false, true, false, true} {
		got, err := f.TakeOver(t.Context(), operator, list, apply)
		if err != nil || len(got) != len(list) {
			t.Fatal(got, err)
		}
		for i := range got {
			if got[i].Where != list[i].Where || got[i].Token.Name != list[i].Name || got[i].Problems != nil {
				t.Errorf("%+v", got[i])
			}
		}
		if names := f.names(t); !apply && got[0].There != (len(names) > 0) || apply && len(names) != 3 {
			t.Errorf("apply %t: %+v, and there are %q", apply, got[0], names)
		}
	}
	found, err := f.store.Lookup(t.Context(), token.HashSalted("salt", "the-secret-of-salted"))
	if err != nil || found.Token.Name != "salted" || found.Token.Hint != "…????" {
		t.Errorf("%+v, %v", found, err)
	}
	secrets, err := f.store.Secrets(t.Context(), found.Token.ID, f.now)
	if err != nil || len(secrets) != 1 || secrets[0].Scheme != token.HMACSHA512 || secrets[0].Created.IsZero() {
		t.Errorf("%+v, %v", secrets, err)
	}
	expired, err := f.store.TokenByName(t.Context(), "articles", "expired")
	if err != nil || !expired.Expiry.Equal(past) || expired.Status(f.now) != token.Expired {
		t.Errorf("%+v, %v", expired, err)
	}
	events, err := f.store.Events(t.Context(), store.EventQuery{Action: "token.import"})
	if err != nil || len(events) != 3 {
		t.Errorf("%d events, %v; want one for each token, once", len(events), err)
	}
	for _, e := range events {
		if strings.Contains(string(e.After), "foreign-secret") || strings.Contains(string(e.After), strapiHash("the-secret-of-salted")[:20]) {
			t.Errorf("the trail has a secret: %s", e.After)
		}
	}
}

// One line with a problem, and nothing is made.
func TestTakeOverIsAllOrNothing(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*admin.Foreign)
		fields string
	}{
		"name of another":    {func(f *admin.Foreign) { f.Name = "first" }, "name"},
		"secret of another":  {func(f *admin.Foreign) { f.Secret = "the-foreign-secret-of-first" }, "secret"},
		"its hash":           {func(f *admin.Foreign) { f.Secret, f.Hash, f.Scheme = "", firstDigest, token.SHA256 }, "secret"},
		"short":              {func(f *admin.Foreign) { f.Secret = "short" }, "secret"},
		"no secret":          {func(f *admin.Foreign) { f.Secret = "" }, "secret"},
		"no hash":            {func(f *admin.Foreign) { f.Hash, f.Scheme = "beef", token.SHA256 }, "secret"},
		"no such scheme":     {func(f *admin.Foreign) { f.Hash, f.Scheme = firstDigest, "md5" }, "secret"},
		"no such grant":      {func(f *admin.Foreign) { f.Grants = []string{"article.nothing"} }, "grants"},
		"no grants":          {func(f *admin.Foreign) { f.Grants = nil }, "grants"},
		"no such API":        {func(f *admin.Foreign) { f.API = "nowhere" }, "api"},
		"no such type":       {func(f *admin.Foreign) { f.Type, f.Grants = "mighty", nil }, "type"},
		"no time":            {func(f *admin.Foreign) { f.Unread = `"soon"` }, "expiry"},
		"a duration of past": {func(f *admin.Foreign) { f.Duration = "2001-01-01" }, "duration"},
		"several":            {func(f *admin.Foreign) { f.Name, f.Secret = "", "short" }, "secret name"},
		"token of elsewhere": {func(f *admin.Foreign) { f.Secret = "the-foreign-secret-of-elsewhere" }, "secret"},
	} {
		f := newFixture(t)
		other := newToken(func(d *admin.NewToken) { d.API, d.Name, d.Grants, d.Type = "orders", "elsewhere", nil, token.ReadOnly })
		if _, err := f.Import(t.Context(), operator, other, "the-foreign-secret-of-elsewhere"); err != nil {
			t.Fatal(err)
		}
		list := []admin.Foreign{foreignToken("first", nil), foreignToken("second", test.change), foreignToken("third", nil)}
		got, err := f.TakeOver(t.Context(), operator, list, true)
		if err != nil || len(got) != 3 || got[0].Problems != nil || got[2].Problems != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		if fields := problems(t, got[1].Problems); fields != test.fields {
			t.Errorf("%s: problems with %q; want %q: %v", name, fields, test.fields, got[1].Problems)
		}
		if strings.Contains(got[1].Problems.Error(), "foreign-secret") {
			t.Errorf("%s: the problem shows the secret: %v", name, got[1].Problems)
		}
		if names := f.names(t); !slices.Equal(names, []string{"elsewhere"}) {
			t.Errorf("%s: there are %q", name, names)
		}
	}
}

// firstDigest is the SHA-256 of the secret of the token "first".
var firstDigest = func() string {
	digest := token.Hash("the-foreign-secret-of-first")
	return hex.EncodeToString(digest[:])
}()

// Whoever is not allowed to make tokens takes none over, nor more than they may hand out.
func TestTakeOverNeedsRights(t *testing.T) {
	f, _ := newManagement(t)
	if _, err := f.TakeOver(t.Context(), admin.Actor{}, []admin.Foreign{foreignToken("a", nil)}, true); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("nobody: %v", err)
	}
	_, err := f.TakeOver(t.Context(), f.member(t, "eve", "auditor"), []admin.Foreign{foreignToken("a", nil)}, true)
	if _, ok := errors.AsType[*admin.ForbiddenError](err); !ok {
		t.Errorf("an auditor: %v", err)
	}
	if names := f.names(t); names != nil {
		t.Errorf("there are %q", names)
	}
	if _, err := f.TakeOver(t.Context(), operator, make([]admin.Foreign, admin.MaxTakeOver+1), false); err == nil {
		t.Error("too many were taken")
	}
}

// Whose secret it is already is told to those who may see that token.
func TestTakeOverShowsNoTokenOfOthers(t *testing.T) {
	f, _ := newManagement(t)
	f.member(t, "ann", admin.RoleMember)
	if _, err := f.TakeOver(t.Context(), operator, []admin.Foreign{foreignToken("hers", nil)}, true); err != nil {
		t.Fatal(err)
	}
	his := foreignToken("his", func(f *admin.Foreign) { f.Owner, f.Secret = "bob", "the-foreign-secret-of-hers" })
	for name, test := range map[string]struct {
		actor admin.Actor
		sees  bool
	}{
		"who may see it": {operator, true},
		"who may not":    {f.member(t, "bob", admin.RoleMember), false},
	} {
		got, err := f.TakeOver(t.Context(), test.actor, []admin.Foreign{his}, false)
		if err != nil || len(got) != 1 || got[0].There != test.sees || (len(got[0].Problems) == 0) != test.sees {
			t.Errorf("%s: got %+v, %v", name, got, err)
			continue
		}
		if told := got[0].Token.Name + got[0].Problems.Error(); strings.Contains(told, "hers") != test.sees {
			t.Errorf("%s is told %s", name, told)
		}
	}
}

// Rights are mapped to permissions of the catalog and to nothing more. What is lost
// is told.
func TestFromStrapi(t *testing.T) {
	f := newFixture(t)
	resources := map[string]string{"api::blog.article": "article", "plugin::news.item": "missing"}
	for name, test := range map[string]struct {
		actions   []string
		resources map[string]string
		grants    []string
		lost      int
	}{
		"the usual five": {[]string{
			"api::article.article.find", "api::article.article.findOne", "api::article.article.create", "api::article.article.update", "api::article.article.delete",
		}, nil, []string{"article.find", "article.find_one", "article.create", "article.update", "article.delete"}, 0},
		"an action of its own":        {[]string{"api::article.article.find", "api::article.article.publish"}, nil, []string{"article.find"}, 1},
		"another API's of that name":  {[]string{"api::blog.article.find"}, nil, nil, 2},
		"a plugin's of that name":     {[]string{"plugin::article.article.find"}, nil, nil, 2},
		"an admin's":                  {[]string{"admin::article.article.find"}, nil, nil, 2},
		"a name that was said":        {[]string{"api::blog.article.findOne"}, resources, []string{"article.find_one"}, 0},
		"a name that nothing has":     {[]string{"plugin::news.item.find"}, resources, nil, 2},
		"twice":                       {[]string{"api::article.article.find", "api::blog.article.find"}, resources, []string{"article.find"}, 0},
		"no action":                   {[]string{"find", "", ".", "article.find.x"}, nil, nil, 5},
		"none":                        {nil, nil, nil, 1},
		"what is a permission's name": {[]string{"article.find"}, nil, []string{"article.find"}, 0},
	} {
		plan := admin.StrapiPlan{API: "articles", Owner: "ann", Resources: test.resources}
		read := admin.StrapiToken{Name: "site", Type: "custom", Hash: strapiHash("a"), Actions: test.actions}
		list, lost, err := f.FromStrapi(t.Context(), plan, []admin.StrapiToken{read})
		if err != nil {
			t.Fatal(err)
		}
		var grants []string
		for _, f := range list {
			grants = append(grants, f.Grants...)
		}
		if !reflect.DeepEqual(grants, test.grants) || len(lost) != test.lost || len(list) > 0 != (test.grants != nil) {
			t.Errorf("%s: grants %q, lost %q", name, grants, lost)
		}
	}
	long := admin.StrapiToken{Name: "long", Type: "read-only", Description: strings.Repeat("ü", 201), Hash: strapiHash("a"), Actions: []string{"left.over"}}
	list, lost, err := f.FromStrapi(t.Context(), admin.StrapiPlan{API: "articles"}, []admin.StrapiToken{long})
	if err != nil || len(lost) != 1 || list[0].Description != strings.Repeat("ü", 200) || list[0].Grants != nil {
		t.Errorf("%+v, %q, %v", list, lost, err)
	}
	if _, _, err := f.FromStrapi(t.Context(), admin.StrapiPlan{API: "nowhere"}, nil); err == nil {
		t.Error("an unknown API was taken")
	}
}

// Strapi takes any text for a description; here it must show as it is.
func TestFromStrapiMakesDescriptionsFit(t *testing.T) {
	for there, want := range map[string]struct {
		description string
		lost        int
	}{
		"of the\neditors":                     {"of the\neditors", 0},
		" of the editors\n":                   {"of the editors", 0},
		"of\tthe\r\neditors\r":                {"of the\neditors", 1},
		"\tof\r\nthe editors":                 {"of\nthe editors", 1},
		"\ufeffof \u200bthe \u202eeditors":    {"of the editors", 1},
		"of\u2028the\x00editors":              {"of the editors", 1},
		"of\xffthe editors":                   {"of\ufffdthe editors", 1},
		strings.Repeat("a", 199) + " and on":  {strings.Repeat("a", 199), 1},
		strings.Repeat("a", 199) + "\tand on": {strings.Repeat("a", 199), 2},
		strings.Repeat("\u200b", 200) + "a":   {"a", 1},
	} {
		f := newFixture(t)
		read := admin.StrapiToken{Name: "site", Type: "read-only", Description: there, Hash: strapiHash("a")}
		list, lost, err := f.FromStrapi(t.Context(), admin.StrapiPlan{API: "articles", Owner: "ann"}, []admin.StrapiToken{read})
		if err != nil || len(list) != 1 || list[0].Description != want.description || len(lost) != want.lost {
			t.Errorf("%q: %+v, %q, %v", there, list, lost, err)
			continue
		}
		f.takeOverOne(t, list[0])
	}
}

// Of two of one name the second is told where the first is, not that somebody has it.
func TestTakeOverNamesWhereANameStands(t *testing.T) {
	f := newFixture(t)
	second := foreignToken("a", func(f *admin.Foreign) { f.Where, f.Secret = "line 7", "the-foreign-secret-of-another" })
	elsewhere := foreignToken("a", func(f *admin.Foreign) {
		f.API, f.Type, f.Grants, f.Secret = "orders", token.ReadOnly, nil, "the-foreign-secret-of-orders"
	})
	got, err := f.TakeOver(t.Context(), operator, []admin.Foreign{foreignToken("a", nil), elsewhere, second}, true)
	if err != nil || got[0].Problems != nil || got[1].Problems != nil {
		t.Fatal(got, err)
	}
	if want := "name: is that of the line of a as well; every token needs its own"; got[2].Problems.Error() != want {
		t.Errorf("got %v; want %s", got[2].Problems, want)
	}
	f.takeOverOne(t, foreignToken("a", nil))
	got, err = f.TakeOver(t.Context(), operator, []admin.Foreign{foreignToken("a", nil), second}, true)
	if err != nil || !got[0].There || !strings.Contains(got[1].Problems.Error(), `API articles has a token "a" already`) {
		t.Errorf("%+v, %v", got, err)
	}
}
