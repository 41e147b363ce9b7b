package admin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// stage says whether what changes in the API articles is a draft first.
func (f *fixture) stage(t *testing.T, staged bool) {
	t.Helper()
	c := catalog(t, "articles")
	c.Staged = staged
	saveCatalog(t, f.store, c)
}

func (f *fixture) drafts(t *testing.T, a admin.Actor) admin.Drafts {
	t.Helper()
	drafts, err := f.Drafts(t.Context(), a, "articles", 0)
	if err != nil {
		t.Fatal(err)
	}
	return drafts
}

// update puts all drafts in force that the actor sees.
func (f *fixture) update(t *testing.T, a admin.Actor) admin.Updated {
	t.Helper()
	done, err := f.UpdateAPI(t.Context(), a, "articles", f.drafts(t, a).Seen)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// discard drops all drafts.
func (f *fixture) discard(t *testing.T) {
	t.Helper()
	if _, err := f.DiscardAPI(t.Context(), operator, "articles", f.drafts(t, operator).Seen); err != nil {
		t.Fatal(err)
	}
}

// gated is what a gate finds for a secret: its token without the times, or nothing.
func (f *fixture) gated(t *testing.T, secret token.Secret) string {
	t.Helper()
	found, err := f.store.Lookup(t.Context(), secret.Digest())
	if errors.Is(err, store.ErrNotFound) {
		return "unknown"
	}
	if err != nil {
		t.Fatal(err)
	}
	if !found.SecretExpiry.IsZero() && !f.now.Before(found.SecretExpiry) {
		return "ended"
	}
	return fmt.Sprint(found.Token.Name, " ", found.Token.Type, " ", found.Token.Grants, " ", found.Token.Status(f.now))
}

// For a gate, nothing that is drafted is there until the API is updated; then all of it is.
func TestDraftsChangeNothingUntilTheUpdate(t *testing.T) {
	const before = "ci custom [article.find POST /api/search] active"
	var made token.Secret // by the change
	for _, test := range []struct {
		name        string
		change      func(t *testing.T, f *fixture, id string) (token.Token, error)
		kind        token.Draft
		old, fresh  string // what a gate finds then; fresh by the secret that was made
		event, diff string
	}{
		{"create", func(t *testing.T, f *fixture, _ string) (n token.Token, err error) {
			n, made, err = f.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Name = "second" }))
			return n, err
		}, token.DraftCreate, before, "second custom [article.find POST /api/search] active", "token.create", `"name":"second"`},
		{"import", func(t *testing.T, f *fixture, _ string) (token.Token, error) {
			made, _ = token.Import(foreign)
			return f.Import(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Name = "second" }), foreign)
		}, token.DraftCreate, before, "second custom [article.find POST /api/search] active", "token.create", `"name":"second"`},
		{"take over", func(t *testing.T, f *fixture, _ string) (token.Token, error) {
			made, _ = token.Import(foreign)
			asked := newToken(func(d *admin.NewToken) { d.Name = "second" })
			taken, err := f.TakeOver(t.Context(), operator, []admin.Foreign{{NewToken: asked, Secret: foreign}}, true)
			return taken[0].Token, err
		}, token.DraftCreate, before, "second custom [article.find POST /api/search] active", "token.create", `"name":"second"`},
		{"edit", func(t *testing.T, f *fixture, id string) (token.Token, error) {
			change, err := f.Update(t.Context(), operator, id, admin.Edit{Name: new("renamed"), Grants: &[]string{"article.delete"}})
			return change.Token, err
		}, token.DraftUpdate, "renamed custom [article.delete] active", "", "token.update", `"name":"renamed"`},
		{"disable", func(t *testing.T, f *fixture, id string) (token.Token, error) {
			return f.SetEnabled(t.Context(), operator, id, 0, false)
		}, token.DraftUpdate, "ci custom [article.find POST /api/search] disabled", "", "token.disable", `"enabled":false`},
		{"regenerate", func(t *testing.T, f *fixture, id string) (n token.Token, err error) {
			n, made, err = f.Regenerate(t.Context(), operator, id, 0, 0)
			return n, err
		}, token.DraftUpdate, "unknown", before, "token.regenerate", `"hint":`},
		{"regenerate with overlap", func(t *testing.T, f *fixture, id string) (n token.Token, err error) {
			n, made, err = f.Regenerate(t.Context(), operator, id, 0, time.Hour)
			return n, err
		}, token.DraftUpdate, before, before, "token.regenerate", `"hint":`},
		{"delete", func(t *testing.T, f *fixture, id string) (token.Token, error) {
			return f.Delete(t.Context(), operator, id, 0)
		}, token.DraftDelete, "unknown", "", "token.delete", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t)
			live, secret := f.create(t, nil)
			f.stage(t, true)
			f.now = f.now.Add(time.Hour)
			made = token.Secret{}
			changed, err := test.change(t, f, live.ID)
			if err != nil {
				t.Fatal(err)
			}
			if changed.Draft != test.kind && test.kind != token.DraftDelete {
				t.Errorf("it came back as %+v", changed)
			}
			if test.fresh != "" && f.gated(t, made) != "unknown" || f.gated(t, secret) != before {
				t.Errorf("a gate finds %s, and for what is new %s", f.gated(t, secret), f.gated(t, made))
			}
			list := f.drafts(t, operator)
			if len(list.Drafts) != 1 || list.Drafts[0].Kind != test.kind || !strings.Contains(string(list.Drafts[0].After), test.diff) || !list.Staged {
				t.Fatalf("drafts are %+v", list)
			}
			if last := f.events(t)[0]; !strings.HasSuffix(last.Action, ".drafted") {
				t.Errorf("the last event is %s", last.Action)
			}
			f.now = f.now.Add(time.Hour)
			if done := f.update(t, operator); done.Drafts != 1 {
				t.Errorf("%d drafts are in force", done.Drafts)
			}
			if test.fresh != "" && f.gated(t, made) != test.fresh || f.gated(t, secret) != test.old {
				t.Errorf("then a gate finds %s, and for what is new %s", f.gated(t, secret), f.gated(t, made))
			}
			events := f.events(t)
			if events[0].Action != "api.update" || string(events[0].After) != `{"drafts":1}` || events[1].Action != test.event {
				t.Errorf("the last events are %s %s, %s", events[0].Action, events[0].After, events[1].Action)
			}
			if !strings.Contains(string(events[1].Before)+string(events[1].After), `"drafted_by":"root"`) {
				t.Errorf("the event does not say who drafted it: %s", events[1].After)
			}
			if len(f.drafts(t, operator).Drafts) != 0 {
				t.Error("there are drafts left")
			}
		})
	}
}

// An overlap begins when the new secret begins to work.
func TestOverlapBeginsWithTheUpdate(t *testing.T) {
	f := newFixture(t)
	live, secret := f.create(t, nil)
	f.stage(t, true)
	_, fresh, err := f.Regenerate(t.Context(), operator, live.ID, 0, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(48 * time.Hour)
	if !f.works(t, secret) || f.works(t, fresh) {
		t.Error("the overlap began with the draft")
	}
	if list := f.drafts(t, operator); list.Drafts[0].Overlap != 3600 || list.Drafts[0].NewSecret != fresh.Hint() {
		t.Errorf("got %+v", list.Drafts[0])
	}
	f.update(t, operator)
	f.now = f.now.Add(59 * time.Minute)
	if !f.works(t, secret) || !f.works(t, fresh) {
		t.Error("both should work in the overlap")
	}
	f.now = f.now.Add(time.Minute)
	if f.works(t, secret) || !f.works(t, fresh) {
		t.Error("the new one alone should work after it")
	}
}

// One draft that can't be put in force keeps all from it, and is named.
func TestUpdateIsAllOrNothing(t *testing.T) {
	f := newFixture(t)
	live, secret := f.create(t, nil)
	doomed, doomedSecret := f.create(t, func(d *admin.NewToken) { d.Name = "doomed" })
	f.stage(t, true)
	if _, err := f.Update(t.Context(), operator, live.ID, admin.Edit{Grants: &[]string{"article.delete"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Delete(t.Context(), operator, doomed.ID, 0); err != nil {
		t.Fatal(err)
	}
	_, fresh, err := f.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Name = "second" }))
	if err != nil {
		t.Fatal(err)
	}
	smaller := catalog(t, "articles")
	smaller.Staged, smaller.Permissions = true, smaller.Permissions[:1]
	saveCatalog(t, f.store, smaller)
	_, err = f.UpdateAPI(t.Context(), operator, "articles", f.drafts(t, operator).Seen)
	failed, ok := errors.AsType[admin.DraftErrors](err)
	if !ok || !strings.Contains(err.Error(), `token "ci": grants`) {
		t.Fatalf("got %v", err)
	}
	for _, one := range failed {
		if problems(t, one) != "grants" || one.Name == "doomed" {
			t.Errorf("got %v", one)
		}
	}
	if f.gated(t, secret) != "ci custom [article.find POST /api/search] active" || !f.works(t, doomedSecret) || f.works(t, fresh) {
		t.Error("some of it is in force")
	}
	if n := len(f.drafts(t, operator).Drafts); n != 3 {
		t.Errorf("%d drafts are left", n)
	}
	f.stage(t, true)
	f.update(t, operator)
	if f.gated(t, secret) != "ci custom [article.delete] active" || f.works(t, doomedSecret) || !f.works(t, fresh) {
		t.Error("some of it is not in force")
	}
}

// Names count as they are drafted: those that are let go of are free, and others are taken.
func TestNamesOfDrafts(t *testing.T) {
	f := newFixture(t)
	one, _ := f.create(t, func(d *admin.NewToken) { d.Name = "one" })
	two, _ := f.create(t, func(d *admin.NewToken) { d.Name = "two" })
	gone, _ := f.create(t, func(d *admin.NewToken) { d.Name = "gone" })
	f.stage(t, true)
	rename := func(id, name string) string {
		_, err := f.Update(t.Context(), operator, id, admin.Edit{Name: &name})
		return outcome(err)
	}
	create := func(name string) string {
		_, _, err := f.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Name = name }))
		return outcome(err)
	}
	if _, err := f.Delete(t.Context(), operator, gone.ID, 0); err != nil {
		t.Fatal(err)
	}
	for i, step := range [][2]string{
		{rename(one.ID, "two"), "invalid"},
		{create("one"), "invalid"},
		{rename(one.ID, "three"), "yes"},
		{rename(two.ID, "one"), "yes"},
		{rename(one.ID, "two"), "yes"}, // they swap
		{create("three"), "yes"},
		{create("three"), "invalid"},
		{create("gone"), "yes"},
		{create("one"), "invalid"},
		{rename(two.ID, "gone"), "invalid"},
	} {
		if step[0] != step[1] {
			t.Errorf("step %d: %s; want %s", i, step[0], step[1])
		}
	}
	if found, err := f.Find(t.Context(), operator, "articles", "three"); err != nil || found.Status(f.now) != token.Drafted {
		t.Errorf("found %+v, %v", found, err)
	}
	if found, err := f.Find(t.Context(), operator, "articles", "one"); err != nil || found.ID != one.ID || found.Draft != token.DraftUpdate {
		t.Errorf("found %+v, %v", found, err)
	}
	f.update(t, operator)
	for name, id := range map[string]string{"two": one.ID, "one": two.ID} {
		if found, err := f.Find(t.Context(), operator, "articles", name); err != nil || found.ID != id {
			t.Errorf("%s is %+v, %v", name, found, err)
		}
	}
	if found, err := f.Find(t.Context(), operator, "articles", "gone"); err != nil || found.ID == gone.ID {
		t.Errorf("found %+v, %v", found, err)
	}
}

// Of two who edit a draft, the second is told; and nobody puts in force what they did not see.
func TestTwoEditorsOfADraft(t *testing.T) {
	f := newFixture(t)
	live, secret := f.create(t, nil)
	f.stage(t, true)
	edit := func(version int64, text string) (token.Token, error) {
		change, err := f.Update(t.Context(), operator, live.ID, admin.Edit{Version: version, Description: &text})
		return change.Token, err
	}
	first, err := edit(live.Version, "first")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := edit(live.Version, "second"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("from the live token: %v", err)
	}
	seen := f.drafts(t, operator).Seen
	second, err := edit(first.Version, "second")
	if err != nil || second.Version <= first.Version {
		t.Fatalf("got %+v, %v", second, err)
	}
	if _, err := edit(first.Version, "third"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("from the draft before: %v", err)
	}
	for name, what := range map[string]string{"before": seen, "nothing": "", "something": "x"} {
		if _, err := f.UpdateAPI(t.Context(), operator, "articles", what); !errors.Is(err, store.ErrConflict) {
			t.Errorf("update, having seen %s: %v", name, err)
		}
		if _, err := f.DiscardAPI(t.Context(), operator, "articles", what); !errors.Is(err, store.ErrConflict) {
			t.Errorf("discard, having seen %s: %v", name, err)
		}
	}
	// The same draft again is another one only if it says something else.
	if err := f.DiscardDraft(t.Context(), operator, live.ID, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := edit(live.Version, "other"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.UpdateAPI(t.Context(), operator, "articles", seen); !errors.Is(err, store.ErrConflict) {
		t.Errorf("update, having seen another draft of the same time: %v", err)
	}
	if !f.works(t, secret) {
		t.Error("the token changed")
	}
}

// What was done at once stays when a draft that says nothing of it is put in force.
func TestDraftsAreMergedOverWhatWasDoneAtOnce(t *testing.T) {
	for name, order := range map[string][]string{
		"drafted, disabled":             {"edit", "now"},
		"disabled, drafted":             {"now", "edit"},
		"drafted, disabled, drafted":    {"edit", "now", "edit"},
		"regenerated, disabled":         {"regenerate", "now"},
		"enabling drafted, disabled":    {"now", "enable", "now"},
		"drafted, disabled, not staged": {"edit", "now", "direct"},
		"enabling, not staged":          {"now", "enable", "direct", "now"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			live, secret := f.create(t, nil)
			f.stage(t, true)
			for i, step := range order {
				var err error
				switch step {
				case "edit":
					_, err = f.Update(t.Context(), operator, live.ID, admin.Edit{Description: new(fmt.Sprint("drafted", i)), Name: new("edited")})
				case "regenerate":
					_, secret, err = f.Regenerate(t.Context(), operator, live.ID, 0, 0)
				case "enable":
					_, err = f.SetEnabled(t.Context(), operator, live.ID, 0, true)
				case "now":
					var disabled token.Token
					if disabled, err = f.DisableNow(t.Context(), operator, live.ID, 0); disabled.Enabled {
						t.Errorf("got %+v", disabled)
					}
					if stored, _ := f.store.Token(t.Context(), live.ID); stored.Enabled {
						t.Error("it is enabled for the gate")
					}
				case "direct":
					f.stage(t, false)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			f.update(t, operator)
			if got := f.gated(t, secret); !strings.HasSuffix(got, " disabled") {
				t.Errorf("a gate finds %s", got)
			}
			if strings.Contains(name, "drafted") && !strings.Contains(name, "enabling") && !strings.HasPrefix(f.gated(t, secret), "edited") {
				t.Errorf("the draft is lost: %s", f.gated(t, secret))
			}
		})
	}
}

// A draft of what was done at once meanwhile is none, and an update counts what it did.
func TestDraftsOfWhatIsDone(t *testing.T) {
	f := newFixture(t)
	live, _ := f.create(t, nil)
	f.stage(t, true)
	disable := func() {
		t.Helper()
		if _, err := f.SetEnabled(t.Context(), operator, live.ID, 0, false); err != nil {
			t.Fatal(err)
		}
	}
	disable()
	if _, err := f.DisableNow(t.Context(), operator, live.ID, 0); err != nil {
		t.Fatal(err)
	}
	if n := len(f.drafts(t, operator).Drafts); n != 0 {
		t.Errorf("%d drafts change nothing", n)
	}
	f.stage(t, false)
	if _, err := f.SetEnabled(t.Context(), operator, live.ID, 0, true); err != nil {
		t.Fatal(err)
	}
	f.stage(t, true)
	disable()
	f.stage(t, false)
	disable() // at once
	events := len(f.events(t))
	if done := f.update(t, operator); done.Drafts != 0 || len(f.events(t)) != events || len(f.drafts(t, operator).Drafts) != 0 {
		t.Errorf("%d drafts were put in force: %+v", done.Drafts, f.events(t)[0])
	}
}

// A draft that edits and regenerates is both in the audit trail.
func TestEventsOfAnEditWithASecret(t *testing.T) {
	f := newFixture(t)
	live, _ := f.create(t, nil)
	f.stage(t, true)
	if _, err := f.SetEnabled(t.Context(), operator, live.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	_, fresh, err := f.Regenerate(t.Context(), operator, live.ID, 0, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	f.update(t, operator)
	events := f.events(t)[1:3]
	want := []string{
		fmt.Sprintf(`token.regenerate {"hint":%q} {"drafted_by":"root","hint":%q,"old_secrets_end":"2026-11-22T10:00:00.123Z","secret_by":"root"}`, live.Hint, fresh.Hint()),
		`token.disable {"enabled":true} {"drafted_by":"root","enabled":false}`,
	}
	for i, e := range events {
		if got := fmt.Sprintf("%s %s %s", e.Action, e.Before, e.After); got != want[i] {
			t.Errorf("got  %s\nwant %s", got, want[i])
		}
	}
}

// Without changes staged, drafts of before stay what they are, and edits hold at once.
func TestDraftsThatAreLeft(t *testing.T) {
	f := newFixture(t)
	live, secret := f.create(t, nil)
	f.stage(t, true)
	if _, err := f.Update(t.Context(), operator, live.ID, admin.Edit{Grants: &[]string{"article.delete"}}); err != nil {
		t.Fatal(err)
	}
	made, fresh, err := f.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Name = "second" }))
	if err != nil {
		t.Fatal(err)
	}
	f.stage(t, false)
	if _, err := f.Update(t.Context(), operator, live.ID, admin.Edit{Name: new("now")}); err != nil {
		t.Fatal(err)
	}
	if got := f.gated(t, secret); got != "now custom [article.find POST /api/search] active" {
		t.Errorf("a gate finds %s", got)
	}
	if _, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Name: new("third")}); err != nil {
		t.Fatal(err)
	}
	if list := f.drafts(t, operator); list.Staged || len(list.Drafts) != 2 || f.works(t, fresh) {
		t.Errorf("got %+v", list)
	}
	f.update(t, operator)
	if f.gated(t, secret) != "now custom [article.delete] active" || f.gated(t, fresh) != "third custom [article.find POST /api/search] active" {
		t.Errorf("then a gate finds %s and %s", f.gated(t, secret), f.gated(t, fresh))
	}
}
