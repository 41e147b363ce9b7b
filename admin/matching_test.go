package admin_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// allocating notes how much memory is asked for in transactions.
type allocating struct {
	store.Store

	bytes uint64
}

func (a *allocating) Change(ctx context.Context, fn func(store.Tx) error) error {
	return a.Store.Change(ctx, func(tx store.Tx) (err error) {
		a.bytes += allocated(func() { err = fn(tx) })
		return err
	})
}

func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// An attack: hundreds of long grants that part at their first segment take long to be made ready
// for matching, and everybody's changes wait for a transaction. It is done in front of that.
func TestGrantsAreMatchedBeforeTheTransaction(t *testing.T) {
	grants := func(method, separator string) (grants []string) {
		for i := range 450 {
			grants = append(grants, fmt.Sprintf("%s /s%03d%s", method, i, strings.Repeat(separator+"a", permission.MaxSegments-1)))
		}
		return grants
	}
	f := newFixture(t)
	watched := &allocating{Store: f.store}
	service := admin.New(watched, time.Now, rand.Reader)
	// inTransaction returns what it takes there to make and to edit a token.
	inTransaction := func(name, separator string) (bytes uint64) {
		watched.bytes = 0
		made, _, err := service.Create(t.Context(), operator, newToken(func(d *admin.NewToken) {
			d.Name, d.Type, d.Grants = name, token.Custom, grants("GET", separator)
		}))
		if err == nil {
			_, err = service.Update(t.Context(), operator, made.ID, admin.Edit{Grants: new(grants("PUT", separator))})
		}
		if err != nil {
			t.Fatal(err)
		}
		return watched.bytes
	}
	matching := allocated(func() { _ = permission.CheckTogether(grants("GET", "/")) })
	// As many and as long, with nothing to match but one segment.
	plain, parting := inTransaction("plain", "-"), inTransaction("parting", "/")
	if parting > plain+2*matching {
		t.Errorf("in two transactions: %d bytes, %d if there is nothing to match; to match the grants takes %d twice", parting, plain, matching)
	}
}

// Grants that are too much together are refused as they ever were, also where some are held.
func TestGrantsThatAreTooMuchTogether(t *testing.T) {
	const want = "the patterns overlap in too many ways; use fewer captures in front of literal segments"
	var grants []string
	for i := range 24 {
		segments := strings.Split(strings.Repeat("/{x}", 24), "/")[1:]
		for j := range segments {
			segments[j] = fmt.Sprintf("{c%d}", j)
		}
		segments[i] = "a"
		grants = append(grants, "GET /"+strings.Join(segments, "/"))
	}
	f := newFixture(t)
	_, _, err := f.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Type, d.Grants = token.Custom, grants }))
	if problems(t, err) != "grants" || !strings.Contains(err.Error(), want) {
		t.Errorf("to create: %v", err)
	}
	made, _ := f.create(t, func(d *admin.NewToken) { d.Type, d.Grants = token.Custom, grants[:2] })
	_, err = f.Update(t.Context(), operator, made.ID, admin.Edit{Grants: &grants})
	if problems(t, err) != "grants" || !strings.Contains(err.Error(), want) {
		t.Errorf("to update: %v", err)
	}
}

// What every gateway keeps of a token is bounded: its grants have so many bytes together, and each
// path so many segments, however the token is made or edited.
func TestGrantsHaveABoundTogether(t *testing.T) {
	f := newFixture(t)
	path := func(segments int) string { return strings.Repeat("/a", segments-1) }
	var fit []string
	for i := 0; token.GrantBytes(fit) <= token.MaxGrantBytes-80; i++ {
		fit = append(fit, fmt.Sprintf("GET /s%03d%s", i, path(permission.MaxSegments)))
	}
	fill := func(n int) string {
		return "GET /" + strings.Repeat("b", token.MaxGrantBytes-token.GrantBytes(fit)-len("GET /")+n)
	}
	for _, test := range []struct {
		grants []string
		want   string
	}{
		{append(slices.Clip(fit), fill(0)), ""},
		{append(slices.Clip(fit), fill(1)), "have 32769 bytes together; at most 32768 are allowed"},
		{[]string{"GET /a/*", "GET " + path(permission.MaxSegments+1) + " x=1"}, "fixes x"}, // what else is wrong comes first
		{[]string{"POST " + path(permission.MaxSegments+2) + "/*"}, "at most 32 segments are allowed in a path, and there are 33 in POST /a/"},
		{[]string{"GET " + path(permission.MaxSegments) + "/{x} x=1"}, ""},
		{[]string{"GET " + path(permission.MaxSegments+1) + "/{x} x=1"}, "and there are 33 in GET /a/"},
	} {
		for name, try := range waysToGrant(t, f) {
			err := try(test.grants)
			if test.want == "" && err != nil || test.want != "" && (problems(t, err) != "grants" || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("to %s %d grants: %v; want %q", name, len(test.grants), err, test.want)
			}
		}
	}
}

// waysToGrant are the ways in which a token gets grants.
func waysToGrant(t *testing.T, f *fixture) map[string]func(grants []string) error {
	n := 0
	name := func() string { n++; return fmt.Sprintf("ci-%d-%s", n, rand.Text()) }
	made, _ := f.create(t, func(d *admin.NewToken) { d.Name = name() })
	return map[string]func(grants []string) error{
		"create": func(grants []string) error {
			_, _, err := f.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Name, d.Grants = name(), grants }))
			return err
		},
		"import": func(grants []string) error {
			_, err := f.Import(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Name, d.Grants = name(), grants }), rand.Text())
			return err
		},
		"update": func(grants []string) error {
			_, err := f.Update(t.Context(), operator, made.ID, admin.Edit{Grants: &grants})
			return err
		},
		"draft": func(grants []string) error {
			f.stage(t, true)
			defer f.stage(t, false)
			_, _, err := f.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Name, d.Grants = name(), grants }))
			return err
		},
	}
}

// A token that had more before there was a bound stays as it is, whatever else of it is edited.
// It can get less, and no more.
func TestGrantsBeyondTheBoundStay(t *testing.T) {
	f := newFixture(t)
	old, _ := f.create(t, nil)
	old.Grants = nil
	for i := range token.MaxGrants {
		old.Grants = append(old.Grants, fmt.Sprintf("GET /s%03d%s", i, strings.Repeat("/a", 240)))
	}
	if err := f.store.Change(t.Context(), func(tx store.Tx) error { return tx.UpdateToken(t.Context(), old) }); err != nil {
		t.Fatal(err)
	}
	for _, edit := range []admin.Edit{{Name: new("renamed")}, {Grants: new(old.Grants)}, {Grants: new(old.Grants[:400])}} {
		if _, err := f.Update(t.Context(), operator, old.ID, edit); err != nil {
			t.Errorf("%+v: %v", edit, err)
		}
	}
	_, err := f.Update(t.Context(), operator, old.ID, admin.Edit{Grants: new(append(old.Grants[:399:399], "article.find"))})
	if problems(t, err) != "grants" || !strings.Contains(err.Error(), "bytes together") {
		t.Errorf("with one more: %v", err)
	}
	if _, err := f.Update(t.Context(), operator, old.ID, admin.Edit{Grants: new(append(old.Grants[:60:60], "article.find"))}); err != nil {
		t.Errorf("with few enough: %v", err)
	}
	e, err := f.Explain(t.Context(), operator, old.ID, gate.Asked{Method: "GET", Target: "/s000" + strings.Repeat("/a", 240)})
	if err != nil || e.Reason != gate.Allow {
		t.Errorf("what it is granted: %+v, %v", e, err)
	}
}
