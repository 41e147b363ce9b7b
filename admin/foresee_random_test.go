package admin

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// What is foreseen of a draft is never wrong, whatever tokens are granted and requests ask
// for: requests that are told to be refused all are, and none that is answered otherwise is
// left out.
func TestForeseenIsNeverWrong(t *testing.T) {
	kintone, err := permission.ForKintone()
	if err != nil {
		t.Fatal(err)
	}
	for name, permissions := range map[string][]permission.Permission{"kintone": kintone, "overlapping": overlappingPermissions(t)} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(4) {
				f := newForeseeing(t, permissions, seed)
				for range max(10, 5_000/len(f.ops)) {
					was, will := f.drafted()
					f.check(t, was, will)
				}
			}
		})
	}
}

// drafted returns a token, and what a draft makes of it.
func (f *foreseeing) drafted() (was, will token.Token) {
	was, will = f.token(), f.token()
	if f.rand.IntN(2) == 0 && was.Type == token.Custom { // one grant more or less, as drafts are
		will = was
		will.Grants = append(slices.Clone(was.Grants), f.grant())
	}
	if f.rand.IntN(2) == 0 {
		was, will = will, was
	}
	return was, will
}

// overlappingPermissions have requests that are of several of them, in the ways that permissions can have.
func overlappingPermissions(t *testing.T) (permissions []permission.Permission) {
	t.Helper()
	for _, text := range []string{
		"near.any||GET /near/{id}", "near.one|place.first|GET /near/one", "near.below||GET /near/*,POST /near/*",
		"place.first||GET /place/{app}/{id}", "place.second||GET /place/{id}/{app}",
		"record.view||GET /record.json?app={app},POST /search.json json:app={app},GET /space/{space}",
		"record.edit|record.view|PUT /record.json json:app={app},PATCH /space/{space} json:app={app}", "record.add||POST /record.json json:app={app},GET /record.json?app={app}",
		"record.put|record.edit if json:force|PUT /record.json json:app={app},PUT /plain.json",
		"field.read||query articles,query *", "field.write|field.read|mutation createArticle", "field.one||query articles",
		"search.run|record.view|POST /run.json,GET /run.json", "near.two|near.one|POST /near/{id},PATCH /two", "search.read|near.below|POST /read.json",
	} {
		parts := strings.Split(text, "|")
		p := permission.Permission{Name: parts[0]}
		if parts[1] != "" {
			p.Requires = []string{parts[1]}
		}
		for operation := range strings.SplitSeq(parts[2], ",") {
			op, err := permission.ParseOperation(operation)
			if err != nil {
				t.Fatal(err)
			}
			p.Operations = append(p.Operations, op)
		}
		permissions = append(permissions, p)
	}
	for i := range permissions {
		switch permissions[i].Name {
		case "near.one":
			permissions[i].Mark = permission.Write
		case "near.below", "search.run", "search.read":
			permissions[i].Mark = permission.Read
		}
	}
	return permissions
}

// foreseeing makes tokens and requests by chance, the same each time.
type foreseeing struct {
	rand    *rand.Rand
	few     *rand.Rand // for when there are few steps
	catalog *permission.Catalog
	surface *surface
	grants  []string
	ops     []permission.Operation
}

func newForeseeing(t *testing.T, permissions []permission.Permission, seed uint64) *foreseeing {
	t.Helper()
	catalog, err := permission.NewCatalog(permissions)
	if err != nil {
		t.Fatal(err)
	}
	f := &foreseeing{rand: rand.New(rand.NewPCG(seed, 8)), few: rand.New(rand.NewPCG(seed, 9)), catalog: catalog, surface: newSurface(catalog)}
	bases := []string{
		"GET /near/one", "GET /near/*", "GET /place/{app}/{id}", "POST /near/one", "GET /record.json", "GET /record.json?app={app}",
		"PUT /record.json json:app={app}", "query *", "query articles", "mutation *", "GET /k/v1/*", "PUT /k/v1/record.json json:app={app}", "GET /{root}/v1/app.json",
	}
	for _, p := range permissions {
		bases = append(bases, p.Name, permission.Resource(p.Name)+".*")
		f.ops = append(f.ops, p.Operations...)
	}
	for _, base := range bases {
		for _, fixes := range []string{"", " app=7", " app=8", " space=7", " app=7 space=8"} {
			if catalog.CheckGrant(base+fixes) == nil && !slices.Contains(f.grants, base+fixes) {
				f.grants = append(f.grants, base+fixes)
			}
		}
	}
	return f
}

func (f *foreseeing) grant() string { return pick(f, f.grants) }

func pick[T any](f *foreseeing, list []T) T { return list[f.rand.IntN(len(list))] }

func (f *foreseeing) token() token.Token {
	t := token.Token{Type: token.Custom, Enabled: true}
	switch f.rand.IntN(20) {
	case 0:
		t.Type = token.FullAccess
	case 1:
		t.Type = token.ReadOnly
	default:
		for range 1 + f.rand.IntN(4) {
			t.Grants = append(t.Grants, f.grant())
		}
	}
	return t
}

// request returns what a request does that is of some operation, with what that requires.
func (f *foreseeing) request() gate.Matches {
	op := pick(f, f.ops)
	value := func() string { return pick(f, []string{"7", "8", "one"}) }
	var m permission.Match
	if permission.IsKind(op.Method) {
		m = f.catalog.FindField(op.Method, pick(f, []string{"articles", "createArticle", "other"}))
	} else {
		var segments []string
		for segment := range strings.SplitSeq(op.Pattern.String(), "/") {
			switch {
			case segment == "*":
				segment = pick(f, []string{"7", "one", "7/8"})
			case strings.HasPrefix(segment, "{"):
				segment = value()
			}
			segments = append(segments, segment)
		}
		method := op.Method
		if method == http.MethodGet && f.rand.IntN(4) == 0 {
			method = http.MethodHead
		}
		var values []permission.Value
		for _, p := range op.Parameters {
			values = append(values, permission.Value{Place: p.Place, Name: p.Name, Text: value()})
		}
		if f.rand.IntN(3) == 0 {
			values = append(values, permission.Value{Place: permission.Flag, Name: pick(f, []string{"upsert", "force"})})
		}
		m = f.catalog.With(f.catalog.Find(method, strings.Join(segments, "/")), values)
	}
	return gate.Matches{First: m, Rest: f.catalog.Required(m)}
}

// decide says what a request of a token counts for, as the gate counts it.
func (f *foreseeing) decide(t token.Token, does *gate.Matches) (names []string, allowed bool) {
	tokens := gate.Tokens{First: &gate.Known{Token: t}}
	_, lacked, _, reason := gate.Decide(tokens, f.catalog, does)
	if reason != gate.Allow {
		return []string{f.catalog.Name(lacked)}, false
	}
	for _, m := range append([]permission.Match{does.First}, does.Rest...) {
		_, _, by, _ := gate.Decide(tokens, f.catalog, &gate.Matches{First: m})
		if !slices.Contains(names, by) {
			names = append(names, by)
		}
	}
	return names, true
}

// seen is a request that was counted, and how it is answered now and with the draft.
type seen struct {
	does      gate.Matches
	names     []string
	was, will bool
}

func (f *foreseeing) check(t *testing.T, was, will token.Token) {
	t.Helper()
	var all []seen
	left := &steps{left: foreseeSteps}
	if f.few.IntN(4) == 0 { // which makes what is told careful, and not wrong
		left.left = f.few.IntN(3000)
	}
	before, after := newAllowance(f.surface, &was, time.Now(), left), newAllowance(f.surface, &will, time.Now(), left)
	told := map[string]Answers{} // by what counts
	for range 30 {
		s := seen{does: f.request()}
		s.names, s.was = f.decide(was, &s.does)
		_, s.will = f.decide(will, &s.does)
		all = append(all, s)
		for _, name := range s.names {
			var a Answers
			use := token.PermissionUse{Permission: name, Allowed: 1}
			if !s.was {
				use.Allowed, use.Refused = 0, 1
			}
			a.add(use, before, after)
			told[key(&s, name)] = a
		}
	}
	for i := range all {
		s := &all[i]
		var sum Answers
		for _, name := range s.names {
			a := told[key(s, name)]
			sum.Refused, sum.Allowed, sum.Unsure = sum.Refused+a.Refused, sum.Allowed+a.Allowed, sum.Unsure+a.Unsure
		}
		wrong := sum.Refused > 0 && s.will || sum.Allowed > 0 && !s.will || s.was != s.will && sum.Refused+sum.Allowed+sum.Unsure == 0
		if wrong {
			t.Fatalf("%s, counted for %q, is allowed: %v by %v, %v by %v; told is refused %d, allowed %d, unsure %d",
				s.does.First, s.names, s.was, described(was), s.will, described(will), sum.Refused, sum.Allowed, sum.Unsure)
		}
	}
}

func key(s *seen, name string) string { return fmt.Sprint(s.was, name) }

func described(t token.Token) string { return fmt.Sprint(t.Type, " ", strings.Join(t.Grants, ", ")) }
