package admin_test

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// takeOverOne takes one token over and fails on problems.
func (f *fixture) takeOverOne(t *testing.T, foreign admin.Foreign) admin.TakenOver {
	t.Helper()
	got, err := f.TakeOver(t.Context(), operator, []admin.Foreign{foreign}, true)
	if err != nil || len(got) != 1 || got[0].Problems != nil {
		t.Fatal(got, err)
	}
	return got[0]
}

// A secret that was revoked here stays so, whatever is imported again, unless somebody
// asks for it.
func TestTakeOverBringsNothingBack(t *testing.T) {
	minted, err := token.Mint(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, foreign := range map[string]admin.Foreign{
		"text":   foreignToken("a", nil),
		"hash":   foreignToken("a", func(f *admin.Foreign) { f.Secret, f.Hash, f.Scheme = "", firstDigest, token.SHA256 }),
		"salted": foreignToken("a", func(f *admin.Foreign) { f.Secret, f.Hash, f.Scheme = "", strapiHash("a"), token.HMACSHA512 }),
		"minted": foreignToken("a", func(f *admin.Foreign) { f.Secret = minted.Reveal() }),
	} {
		for way, end := range map[string]func(f *fixture, id string) error{
			"deleted": func(f *fixture, id string) error { _, err := f.Delete(t.Context(), operator, id, 0); return err },
			"replaced": func(f *fixture, id string) error {
				_, _, err := f.Regenerate(t.Context(), operator, id, 0, 0)
				return err
			},
		} {
			f := newFixture(t)
			made := f.takeOverOne(t, foreign)
			if err := end(f, made.Token.ID); err != nil {
				t.Fatal(err)
			}
			before := f.names(t)
			other := foreign
			other.Name = "" // nobody minds: it is left out
			for _, again := range []admin.Foreign{foreign, other} {
				if got := f.takeOverOne(t, again); !got.Gone || got.There {
					t.Errorf("%s, %s: %+v", name, way, got)
				}
			}
			if names := f.names(t); !slices.Equal(names, before) {
				t.Errorf("%s, %s: there are %q", name, way, names)
			}
			other.Name, other.Again = "b", true
			if got := f.takeOverOne(t, other); got.Gone || !slices.Contains(f.names(t), "b") {
				t.Errorf("%s, %s, asked for: %+v", name, way, got)
			}
		}
	}
}

// A token that is here stays as it is, and what differs is told.
func TestTakeOverTellsWhatDiffers(t *testing.T) {
	there := func(change func(*admin.Foreign)) admin.Foreign { return foreignToken("a", change) }
	end := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	for name, test := range map[string]struct {
		first, again admin.Foreign
		want         []string
	}{
		"nothing":      {there(nil), there(nil), nil},
		"other name":   {there(nil), there(func(f *admin.Foreign) { f.Name, f.Owner = "b", "bob" }), nil},
		"no fit name":  {there(nil), there(func(f *admin.Foreign) { f.Name = "" }), nil},
		"type":         {there(nil), there(func(f *admin.Foreign) { f.Type, f.Grants = token.ReadOnly, nil }), []string{"type is custom here, read-only there", "granted here alone: article.find"}},
		"grants":       {there(nil), there(func(f *admin.Foreign) { f.Grants = []string{"article.find", "article.create", "GET /x"} }), []string{"not granted here: article.create, GET /x"}},
		"other order":  {there(func(f *admin.Foreign) { f.Grants = []string{"article.create", "article.find"} }), there(func(f *admin.Foreign) { f.Grants = []string{"article.find", "article.create"} }), nil},
		"expiry":       {there(nil), there(func(f *admin.Foreign) { f.Expiry = end }), []string{"expiry is unlimited here, 2031-02-03T04:05:06Z there"}},
		"no expiry":    {there(func(f *admin.Foreign) { f.Expiry = end }), there(nil), []string{"expiry is 2031-02-03T04:05:06Z here, unlimited there"}},
		"no time":      {there(nil), there(func(f *admin.Foreign) { f.Unread = `"soon"` }), []string{`expiry is unlimited here, "soon" there`}},
		"duration":     {there(func(f *admin.Foreign) { f.Duration = "30d" }), there(func(f *admin.Foreign) { f.Duration = "7d" }), nil},
		"disabled":     {there(nil), there(func(f *admin.Foreign) { f.Disabled = true }), []string{"it is enabled here, disabled there"}},
		"description":  {there(nil), there(func(f *admin.Foreign) { f.Description = "what for" }), []string{"the descriptions differ"}},
		"also off":     {there(func(f *admin.Foreign) { f.Disabled = true }), there(func(f *admin.Foreign) { f.Disabled = true }), nil},
		"same instant": {there(func(f *admin.Foreign) { f.Expiry = end }), there(func(f *admin.Foreign) { f.Expiry = end.Add(time.Microsecond) }), nil},
	} {
		f := newFixture(t)
		made := f.takeOverOne(t, test.first)
		before, err := f.store.Token(t.Context(), made.Token.ID)
		if err != nil {
			t.Fatal(err)
		}
		got := f.takeOverOne(t, test.again)
		if !got.There || !slices.Equal(got.Differs, test.want) {
			t.Errorf("%s: differs in %q; want %q", name, got.Differs, test.want)
		}
		after, err := f.store.Token(t.Context(), made.Token.ID)
		if err != nil || after.Version != before.Version || after.Enabled == test.first.Disabled {
			t.Errorf("%s: %+v became %+v, %v", name, before, after, err)
		}
	}
}
