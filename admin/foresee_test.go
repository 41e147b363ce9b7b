package admin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// answersCatalog is that of the table below.
func answersCatalog(t *testing.T) store.Catalog {
	t.Helper()
	c := catalog(t, "articles") // article.find, find_one, create, update, delete
	add := func(name string, mark permission.Mark, requires string, operations ...string) {
		p := permission.Permission{Name: name, Mark: mark}
		if requires != "" {
			p.Requires = []string{requires}
		}
		for _, text := range operations {
			op, err := permission.ParseOperation(text)
			if err != nil {
				t.Fatal(err)
			}
			p.Operations = append(p.Operations, op)
		}
		c.Permissions = append(c.Permissions, p)
	}
	add("search.run", permission.Read, "", "POST /api/search")
	add("legacy.delete", permission.Write, "", "GET /delete")
	add("mixed.both", "", "", "GET /mixed", "POST /mixed")
	add("record.view", "", "", "GET /record.json?app={app}")
	add("record.edit", "", "record.view", "PUT /record.json?app={app}")
	add("record.add", "", "", "POST /record.json json:app={app}", "GET /form.json?app={app}")
	add("record.delete", "", "", "DELETE /record.json?app={app}")
	add("app.form", "", "", "GET /form.json?app={app}", "GET /apps.json")
	add("record.put", "", "record.add if json:upsert", "PUT /put.json")
	add("at.first", "", "", "GET /at/{app}/{id}")
	add("at.second", "", "", "GET /at/{id}/{app}")
	add("query.articles", "", "", "query articles")
	add("near.any", "", "", "GET /near/{id}")
	add("near.one", "", "", "GET /near/one")
	add("form.view", "", "", "GET /form/{id}")
	add("form.send", permission.Read, "form.view", "POST /form")
	add("form.clear", "", "form.send", "DELETE /form")
	add("pair.view", "", "", "GET /app/{app}", "GET /space/{space}")
	add("pair.edit", "", "pair.view", "POST /pair/{app}/{space}")
	add("two.view", "", "", "GET /two/{app}")
	add("two.edit", "", "two.view", "POST /two/{app}/{id}", "POST /two/{id}/{app}")
	add("note.write", "", "", "PUT /note")
	add("note.show", "", "note.write", "GET /note")
	return c
}

// What was counted of a token tells what its draft changes for its clients. Each permission
// was allowed 10 times and refused once.
func TestForeseenAnswers(t *testing.T) {
	edit := func(kind token.Type, grants ...string) admin.Edit {
		e := admin.Edit{Type: &kind}
		if kind == token.Custom {
			e.Grants = &grants
		}
		return e
	}
	for _, test := range []struct {
		name   string
		kind   token.Type
		grants string // separated by commas
		edit   admin.Edit
		used   string // permissions, separated by commas
		want   string // answers: refused, allowed, unsure of each
	}{
		{"nothing that counts", token.Custom, "article.find", admin.Edit{Description: new("x")}, "article.find", ""},
		{"gained", token.Custom, "article.find", edit(token.Custom, "article.find", "article.create"), "article.find,article.create", "article.create 0 1 0"},
		{"lost", token.Custom, "article.find,article.create", edit(token.Custom, "article.find"), "article.find,article.create", "article.create 10 0 0"},
		{"by the resource", token.Custom, "article.find,article.create", edit(token.Custom, "article.*"), "article.create,article.delete", "article.delete 0 1 0"},
		{"the same written out", token.Custom, "article.find", edit(token.Custom, "GET /api/articles"), "article.find", ""},
		{"some of it written out", token.Custom, "article.find_one", edit(token.Custom, "GET /api/articles/7"), "article.find_one", "article.find_one 0 0 10"},
		{"some of it gained", token.Custom, "article.find", edit(token.Custom, "article.find", "GET /api/articles/7"), "article.find_one", "article.find_one 0 0 1"},
		{"other method written out", token.Custom, "article.find_one", edit(token.Custom, "DELETE /api/articles/{id}"), "article.find_one", "article.find_one 10 0 0"},
		{"a grant written out", token.Custom, "POST /api/x", edit(token.Custom, "article.find"), "POST /api/x", "POST /api/x 10 0 0"},
		{"for fewer values", token.Custom, "record.view", edit(token.Custom, "record.view app=7"), "record.view", "record.view 0 0 10"},
		{"for other values", token.Custom, "record.view app=7", edit(token.Custom, "record.view app=8"), "record.view app=7,record.view", "record.view 0 0 11,record.view app=7 10 0 0"},
		{"for more values", token.Custom, "record.view app=7", edit(token.Custom, "record.view app=7", "record.view app=8"), "record.view app=7,record.view", "record.view 0 0 1"},
		{"for all values", token.Custom, "record.view app=7", edit(token.Custom, "record.view"), "record.view app=7,record.view", "record.view 0 1 0"},
		{"one more for a value", token.Custom, "record.view app=7,record.add app=7", edit(token.Custom, "record.view app=7", "record.add app=7", "record.delete app=7"), "record.view,record.add,record.delete", "record.delete 0 0 1"},
		{"one for another value", token.Custom, "record.delete app=7,record.add app=7", edit(token.Custom, "record.delete app=8", "record.add app=7"), "record.delete,record.add", "record.delete 0 0 11"},
		{"what counts for a nearer one", token.Custom, "record.add app=7,record.delete app=7", edit(token.Custom, "record.add app=7", "record.delete app=7", "app.form app=8"), "record.add,record.delete,app.form", "app.form 0 0 1"},
		{"what is for no value", token.Custom, "app.form", edit(token.Custom, "app.* app=7"), "GET /apps.json", "GET /apps.json 10 0 0"},
		{"at another place", token.Custom, "at.second app=7", edit(token.Custom, "at.first app=8"), "at.second app=7", "at.second app=7 0 0 10"},
		{"what it may require", token.Custom, "record.put", edit(token.Custom, "article.find"), "record.put", "record.put 10 0 0"},
		{"what may require more", token.Custom, "record.put", edit(token.Custom, "record.add"), "record.add", "record.add 0 0 1"},
		{"what it requires", token.Custom, "record.edit,record.view", edit(token.Custom, "record.edit"), "record.edit,record.view", "record.edit 10 0 0,record.view 10 0 0"},
		{"what is lacked beside another", token.Custom, "form.send,GET /form/{id}", edit(token.Custom, "form.send", "form.view"), "form.view", "form.view 0 0 1"},
		{"what is lacked, in another way", token.Custom, "form.send,GET /form/{id}", edit(token.Custom, "form.send", "GET /form/*"), "form.view", ""},
		{"what another requires", token.Custom, "form.clear,form.send,form.view", edit(token.Custom, "form.clear", "form.send"), "form.send,form.clear", "form.send 0 0 10"},
		{"what another requires, alone", token.Custom, "form.clear", edit(token.Custom, "form.clear", "form.send"), "form.send", "form.send 0 0 1"},
		{"what another requires, for another value", token.Custom, "pair.edit,pair.view app=7", edit(token.Custom, "pair.edit", "pair.view space=7"), "pair.view app=7", "pair.view app=7 0 0 10"},
		{"what another requires, at two places", token.Custom, "two.edit,two.view app=7", edit(token.Custom, "two.edit", "two.view app=8"), "two.view app=7", "two.view app=7 0 0 10"},
		{"what another that reads requires", token.FullAccess, "", edit(token.ReadOnly), "note.write", "note.write 0 0 10"},
		{"what reads and requires more", token.FullAccess, "", edit(token.ReadOnly), "form.send,form.view", "form.send 0 0 10"},
		{"by another permission", token.Custom, "near.one", edit(token.Custom, "near.any"), "near.one", ""},
		{"GraphQL", token.Custom, "query.articles", edit(token.Custom, "article.find"), "query.articles", "query.articles 10 0 0"},
		{"all fields", token.Custom, "query.articles", edit(token.Custom, "query *"), "query.articles", ""},
		{"gone permission", token.Custom, "article.find", edit(token.Custom, "article.create"), "gone.away", "gone.away 0 0 11"},
		{"to read-only", token.FullAccess, "", edit(token.ReadOnly), "article.find,article.create,search.run,legacy.delete,mixed.both,query.articles,", " 0 0 10,article.create 10 0 0,legacy.delete 10 0 0,mixed.both 0 0 10"},
		{"from read-only", token.ReadOnly, "", edit(token.FullAccess), "article.find,article.create,search.run,mixed.both,", " 0 1 0,article.create 0 1 0,mixed.both 0 1 0"},
		{"to custom", token.FullAccess, "", edit(token.Custom, "article.find"), "article.find,article.create,", " 0 0 10,article.create 10 0 0"},
		{"from read-only to custom", token.ReadOnly, "", edit(token.Custom, "article.create"), "article.find,article.create", "article.create 0 1 0,article.find 10 0 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t)
			c := answersCatalog(t)
			saveCatalog(t, f.store, c)
			made, _ := f.create(t, func(d *admin.NewToken) {
				if d.Type, d.Grants = test.kind, nil; test.kind == token.Custom {
					d.Grants = strings.Split(test.grants, ",")
				}
			})
			f.count(t, made.ID, test.used)
			c.Staged = true
			saveCatalog(t, f.store, c)
			if _, err := f.Update(t.Context(), operator, made.ID, test.edit); err != nil {
				t.Fatal(err)
			}
			answers := f.drafts(t, operator).Drafts[0].Answers
			var got []string
			for _, p := range answers.Permissions {
				got = append(got, fmt.Sprint(p.Permission, " ", p.Refused, " ", p.Allowed, " ", p.Unsure))
			}
			if text := strings.Join(got, ","); text != test.want {
				t.Errorf("got  %s\nwant %s", text, test.want)
			}
		})
	}
}

// count notes that a token was allowed each permission 10 times, and refused once.
func (f *fixture) count(t *testing.T, id, permissions string) {
	t.Helper()
	use := token.Use{TokenID: id, Day: f.now.UTC().Truncate(24 * time.Hour), Last: f.now.UTC().Truncate(time.Millisecond)}
	for name := range strings.SplitSeq(permissions, ",") {
		use.Permissions = append(use.Permissions, token.PermissionUse{Permission: name, Allowed: 10, Refused: 1})
		use.Allowed, use.Refused = use.Allowed+10, use.Refused+1
	}
	if err := f.store.RecordUse(t.Context(), []token.Use{use}); err != nil {
		t.Fatal(err)
	}
}

// What switches a token, or takes its secret, is told from all of its requests.
func TestForeseenAnswersOfSwitches(t *testing.T) {
	for name, test := range map[string]struct {
		before bool // enabled
		draft  func(t *testing.T, f *fixture, id string) error
		want   string // refused, allowed, unsure, by the old secret
	}{
		"disable": {true, func(t *testing.T, f *fixture, id string) error {
			_, err := f.SetEnabled(t.Context(), operator, id, 0, false)
			return err
		}, "10 0 0 0"},
		"delete": {true, func(t *testing.T, f *fixture, id string) error {
			_, err := f.Delete(t.Context(), operator, id, 0)
			return err
		}, "10 0 0 0"},
		"regenerate": {true, func(t *testing.T, f *fixture, id string) error {
			_, _, err := f.Regenerate(t.Context(), operator, id, 0, 0)
			return err
		}, "0 0 0 10"},
		"regenerate a disabled one": {false, func(t *testing.T, f *fixture, id string) error {
			_, _, err := f.Regenerate(t.Context(), operator, id, 0, 0)
			return err
		}, "0 0 0 0"},
		"regenerate and disable": {true, func(t *testing.T, f *fixture, id string) error {
			if _, err := f.SetEnabled(t.Context(), operator, id, 0, false); err != nil {
				return err
			}
			_, _, err := f.Regenerate(t.Context(), operator, id, 0, 0)
			return err
		}, "10 0 0 0"},
		"enable": {false, func(t *testing.T, f *fixture, id string) error {
			_, err := f.SetEnabled(t.Context(), operator, id, 0, true)
			return err
		}, "0 1 0 0"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			made, _ := f.create(t, nil)
			f.count(t, made.ID, "article.find")
			if _, err := f.SetEnabled(t.Context(), operator, made.ID, 0, test.before); err != nil {
				t.Fatal(err)
			}
			f.stage(t, true)
			if err := test.draft(t, f, made.ID); err != nil {
				t.Fatal(err)
			}
			a := f.drafts(t, operator).Drafts[0].Answers
			if got := fmt.Sprint(a.Refused, a.Allowed, a.Unsure, a.OldSecret); got != test.want {
				t.Errorf("got %s; want %s", got, test.want)
			}
		})
	}
}

// Requests of before the oldest secret that still works was made came with none that ends.
func TestForeseenAnswersOfOldSecrets(t *testing.T) {
	f := newFixture(t)
	made, _ := f.create(t, nil)
	regenerate := func(overlap time.Duration) {
		t.Helper()
		if _, _, err := f.Regenerate(t.Context(), operator, made.ID, 0, overlap); err != nil {
			t.Fatal(err)
		}
	}
	f.count(t, made.ID, "article.find")
	f.now = f.now.AddDate(0, 0, 1)
	regenerate(0)
	f.count(t, made.ID, "article.find")
	f.now = f.now.AddDate(0, 0, 1)
	regenerate(48 * time.Hour) // the one of yesterday works on
	f.count(t, made.ID, "article.find")
	f.stage(t, true)
	regenerate(0)
	for _, want := range []uint64{20, 10} {
		if got := f.drafts(t, operator).Drafts[0].Answers.OldSecret; got != want {
			t.Errorf("%d requests came with secrets that end; want %d", got, want)
		}
		f.now = f.now.AddDate(0, 0, 2)
	}
}

func TestForeseenDays(t *testing.T) {
	f := newFixture(t)
	made, _ := f.create(t, nil)
	f.count(t, made.ID, "article.find")
	f.now = f.now.AddDate(0, 0, 29)
	f.stage(t, true)
	if _, err := f.Delete(t.Context(), operator, made.ID, 0); err != nil {
		t.Fatal(err)
	}
	for days, want := range map[int]uint64{0: 10, 30: 10, 29: 0, 1: 0, 90: 10} {
		list, err := f.Drafts(t.Context(), operator, "articles", days)
		if err != nil || list.Drafts[0].Answers.Refused != want {
			t.Errorf("of %d days: %+v, %v; want %d", days, list.Drafts[0].Answers, err, want)
		}
	}
	for _, days := range []int{-1, 91} {
		if _, err := f.Drafts(t.Context(), operator, "articles", days); problems(t, err) != "days" {
			t.Errorf("of %d days: %v", days, err)
		}
	}
}

// An attack: the draft of somebody who has hundreds of long grants, from before there was a bound,
// takes all that may be compared for one look. It is told carefully then, and the drafts of others as ever.
func TestForeseenAnswersOfOthersThanTheDeepest(t *testing.T) {
	f := newFixture(t)
	saveCatalog(t, f.store, answersCatalog(t))
	deep := func(name string) (grants []string) {
		for i := range 250 {
			grants = append(grants, fmt.Sprintf("GET /{%s}/%s%d", name, strings.Repeat("a/", 230), i))
		}
		return grants
	}
	first, _ := f.create(t, func(d *admin.NewToken) { d.Name = "a" })
	first.Type, first.Grants = token.Custom, append(deep("x"), deep("y")...)
	if err := f.store.Change(t.Context(), func(tx store.Tx) error { return tx.UpdateToken(t.Context(), first) }); err != nil {
		t.Fatal(err)
	}
	other, _ := f.create(t, func(d *admin.NewToken) {
		d.Name, d.Type, d.Grants = "b", token.Custom, []string{"article.find", "article.create"}
	})
	f.count(t, first.ID, strings.Join(first.Grants, ","))
	f.count(t, other.ID, "article.find,article.create")
	f.stage(t, true)
	for id, grants := range map[string][]string{first.ID: deep("y"), other.ID: {"article.find"}} {
		if _, err := f.Update(t.Context(), operator, id, admin.Edit{Grants: &grants}); err != nil {
			t.Fatal(err)
		}
	}
	list := f.drafts(t, operator).Drafts
	if deepest := list[0].Answers; deepest.Refused+deepest.Allowed > 0 || deepest.Unsure == 0 {
		t.Errorf("of the deepest %d are told to be refused, %d to be allowed, %d may be either", deepest.Refused, deepest.Allowed, deepest.Unsure)
	}
	if a := list[1].Answers; a.Refused != 10 || a.Allowed+a.Unsure > 0 {
		t.Errorf("of the other %d are told to be refused, %d to be allowed, %d may be either", a.Refused, a.Allowed, a.Unsure)
	}
}
