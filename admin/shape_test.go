package admin

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// randomGrant returns a grant that is like others in many ways.
func randomGrant(random *rand.Rand) string {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	if random.IntN(12) == 0 {
		return pick("query ", "mutation ") + pick("*", "articles", "__schema", "__type")
	}
	if random.IntN(8) == 0 {
		return pick("thing.one", "thing.two", "thing.*", "other.deep", "other.*") + pick("", " x=a", " y=b", " app=7")
	}
	var path strings.Builder
	names := "xyzw"
	for i := range random.IntN(5) {
		path.WriteString(pick("/a", "/b", "/%62", "/{"+names[i:i+1]+"}", "/{"+names[i:i+1]+"}"))
	}
	text := path.String() + pick("", "", "/", "/*", "/*")
	if text == "" {
		text = "/"
	}
	text = pick("GET", "GET", "HEAD", "POST") + " " + text
	if random.IntN(6) == 0 {
		text += "?app={app}"
	}
	for _, name := range []string{"x", "y", "app"} {
		if strings.Contains(text, "{"+name+"}") && random.IntN(3) == 0 {
			text += " " + name + "=" + pick("a", "b", "%62", "7", "a%2Fb")
		}
	}
	return text
}

func randomCatalog(t *testing.T) *permission.Catalog {
	t.Helper()
	var permissions []permission.Permission
	for name, operations := range map[string][]string{
		"thing.one": {"GET /a/{x}", "GET /{y}/b?app={app}", "query articles"}, "thing.two": {"GET /{x}/{y}/*", "POST /a/*"},
		"other.deep": {"GET /a/b/{x}/", "HEAD /*", "query *", "mutation __type"},
	} {
		p := permission.Permission{Name: name}
		for _, text := range operations {
			op, err := permission.ParseOperation(text)
			if err != nil {
				t.Fatal(err)
			}
			p.Operations = append(p.Operations, op)
		}
		permissions = append(permissions, p)
	}
	catalog, err := permission.NewCatalog(permissions)
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

func readable(grant string) bool {
	_, err := permission.WrittenOut(grant)
	return err == nil
}

// What is said of an operation to be matched by a list is what the gate allows by it, neither
// more nor less.
func TestCoverMatchesWhatTheGateAllows(t *testing.T) {
	random, catalog := rand.New(rand.NewPCG(3, 4)), randomCatalog(t)
	together, matched := 0, 0
	for range 12000 {
		var list []string
		for range 1 + random.IntN(8) {
			list = append(list, randomGrant(random))
		}
		base, _ := permission.CutFixes(randomGrant(random))
		op, err := permission.ParseOperation(base)
		if err != nil {
			continue
		}
		if above, tail := strings.CutSuffix(base, "/*"); tail && random.IntN(2) == 0 { // most of what together is the same
			for _, part := range []string{"/{p}", "/{p}/", "/{p}/{q}", "/{p}/{q}/", "/{p}/*", "/{p}/{q}/*", "/"} {
				if random.IntN(8) > 0 {
					list = append(list, above+part)
				}
			}
			list = slices.DeleteFunc(list, func(grant string) bool { return !readable(grant) })
		}
		grants, err := catalog.Compile(list)
		if err != nil {
			t.Fatal(err)
		}
		want := !slices.ContainsFunc(paths(op, 12), func(path string) bool { return !grants.Allow(catalog.Find(op.Method, path)) })
		shape := newShape(op)
		if got := newCover(catalog, list).matches(&shape, &steps{left: coverSteps}); got != want {
			t.Fatalf("%q matches %s: %v; by the gate: %v", list, op, got, want)
		}
		alone := slices.ContainsFunc(list, func(grant string) bool {
			return newCover(catalog, []string{grant}).matches(&shape, &steps{left: coverSteps})
		})
		if want {
			matched++
		}
		if want && !alone {
			together++
		}
	}
	if matched < 1000 || together < 30 {
		t.Errorf("%d were matched, %d by several together; that proves little", matched, together)
	}
}

// Sorted shapes overlap as each with each does.
func TestOverlappingIsAsEachWithEach(t *testing.T) {
	random, catalog := rand.New(rand.NewPCG(5, 6)), randomCatalog(t)
	found := 0
	for range 20000 {
		var list []string
		for range 1 + random.IntN(8) {
			list = append(list, randomGrant(random))
		}
		base, fixes := permission.CutFixes(randomGrant(random))
		op, err := permission.ParseOperation(base)
		if err != nil {
			continue
		}
		shape := newShape(op)
		var want, got []int
		for i, grant := range list {
			base, its := permission.CutFixes(grant)
			if slices.ContainsFunc(operationsOf(catalog, base), func(e *entry) bool { return overlap(&e.shape, its, &shape, fixes) }) {
				want = append(want, i)
			}
		}
		newCover(catalog, list).allowed.overlapping(&shape, fixes, &steps{left: coverSteps}, func(_ *entry, h *holding) bool {
			got = append(got, h.grant)
			return false
		})
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Fatalf("%s %q overlaps of %q: %d; each with each: %d", op, fixes, list, got, want)
		}
		found += len(want)
	}
	if found < 10000 {
		t.Errorf("%d overlap; that proves little", found)
	}
}

// overlap compares two operations alone, segment by segment.
func overlap(a *shape, some []string, b *shape, others []string) bool {
	if a.method() != b.method() || !a.takes(some) || !b.takes(others) || apart(a, some, b, others) {
		return false
	}
	x, y := a.segments, b.segments
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] && x[i] != anySegment && y[i] != anySegment {
			return false
		}
	}
	return len(x) == len(y) || len(x) > len(y) && b.more || len(y) > len(x) && a.more
}

// deep returns grants as deep as they may be, of which only the end is another.
func deep(begin string, n int) (grants []string) {
	for i := range n {
		grants = append(grants, fmt.Sprintf("%s%s%d/*", begin, strings.Repeat("a/", (480-len(begin))/2), i))
	}
	return grants
}

// masked returns grants of which each begins like the operation, and no two alike: what
// compares worst.
func masked(method string, n int) (grants []string) {
	random := rand.New(rand.NewPCG(9, 10))
	for range n {
		text := method + " "
		for i := range 80 {
			if random.IntN(2) == 0 {
				text += "/a"
			} else {
				text += fmt.Sprintf("/{%d}", i)
			}
		}
		grants = append(grants, text+"/b/*")
	}
	return grants
}

// An attack: somebody makes a token of ManagementAPI with 500 deep grants, and with that others
// with as many more as a request can hold. All of them were compared segment by segment, for all
// paths up to the depth of the deepest, in the transaction that everybody's changes wait for.
func TestDeepGrantsAreComparedInFewSteps(t *testing.T) {
	catalog, err := managementCatalog()
	if err != nil {
		t.Fatal(err)
	}
	held := append(deep("GET /", 497), "GET /api/v1/*", "POST /api/v1/*")
	for name, test := range map[string]struct {
		held, asked []string
		want, most  int
	}{
		"below another": {held, deep("GET /api/v1/", 130), 130, 130 * 30},
		"alike":         {held, deep("GET /a/a/a/", 130), 13, 130 * 500},
		"not there":     {held, deep("GET /b/", 130), 0, 130 * 30},
		"worst":         {masked("GET", 500), deep("GET /a/a/", 130), 0, coverSteps + 10_000}, // it ends soon after
	} {
		cover, left, n := newCover(catalog, test.held), &steps{left: coverSteps}, 0
		for _, grant := range test.asked {
			if cover.has(grant, left) {
				n++
			}
		}
		if n != test.want && name != "alike" || coverSteps-left.left > test.most {
			t.Errorf("%s: %d are included, in %d steps; want %d in at most %d", name, n, coverSteps-left.left, test.want, test.most)
		}
	}
}

// What was found out about grants counts for these alone, and only who may give any costs that much.
func TestMatchingIsOfTheSameGrantsOnly(t *testing.T) {
	bad := []string{"GET /a", "nonsense"}
	m := newMatching(new(Operator("root")), TokenCreate, bad)
	if m == nil || m.of(bad) == nil || m.of([]string{"GET /a"}) != nil || (*matching)(nil).of(bad) == nil {
		t.Error("it says of others what it was made of, or nothing of these")
	}
	m.err = errors.New("as before")
	if !errors.Is(m.of(bad), m.err) {
		t.Error("it is found out again")
	}
	if newMatching(&Actor{}, TokenCreate, bad) != nil {
		t.Error("it is found out for somebody who may create none")
	}
	for _, grants := range [][]string{
		make([]string, token.MaxGrants+1),
		{strings.Repeat("x", token.MaxGrant+1)},
		slices.Repeat([]string{strings.Repeat("x", token.MaxGrant)}, token.MaxGrantBytes/token.MaxGrant+1),
	} {
		if newMatching(new(Operator("root")), TokenCreate, grants) != nil {
			t.Errorf("it is found out for %d grants, which is more than is allowed", len(grants))
		}
	}
}

// Who wrote more than can be compared is refused, and told that, not that the grants are missing.
func TestWhatIsTooMuchToCompareIsTold(t *testing.T) {
	catalog, err := managementCatalog()
	if err != nil {
		t.Fatal(err)
	}
	const tooMany, tooMuch = "too many and too alike to be compared with those ", "; write fewer, or shorter ones"
	for _, test := range []struct {
		name        string
		held, asked []string
		role, token string
	}{
		{"too many", masked("GET", 500), deep("GET /a/a/", 130), tooMany + "that your role team may hand out" + tooMuch, tooMany + "of the token that you use" + tooMuch},
		{"one that isn't there", []string{"GET /a"}, []string{"GET /b"}, "your role team may not hand out GET /b", "the token that you use lacks GET /b itself"},
	} {
		held := newCover(catalog, test.held)
		for want, j := range map[string]*judge{
			test.role:  {role: store.Role{Name: "team", Ceiling: store.Ceiling{Grants: test.held}}, covers: map[string]*cover{ManagementAPI: held}},
			test.token: {through: &acting{token: token.Token{Type: token.Custom}, cover: held}},
		} {
			excess, err := j.excess(t.Context(), &token.Token{API: ManagementAPI, Type: token.Custom, Grants: test.asked})
			if err != nil {
				t.Fatal(err)
			}
			if last := excess[len(excess)-1].Problem; !strings.Contains(last, want) || test.name == "one that isn't there" && len(excess) != 1 {
				t.Errorf("%s: got %v; want %s", test.name, excess, want)
			}
		}
	}
}

// Without steps what is said is careful: nothing is included, and whatever may overlap does.
func TestWithoutStepsNothingIsSure(t *testing.T) {
	catalog := articleCatalog(t)
	c := newCover(catalog, []string{"GET /api/*", "article.create"})
	for n := range 3 {
		left := &steps{left: n}
		if c.has("GET /api/articles/7/8", left) || !left.gone() {
			t.Errorf("with %d steps it is included", n)
		}
	}
	op, err := permission.ParseOperation("POST /elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	shape, never := newShape(op), func(*entry, *holding) bool { return false }
	if !c.allowed.overlapping(&shape, nil, &steps{}, never) || c.allowed.overlapping(&shape, nil, &steps{left: 100}, never) {
		t.Error("without steps nothing overlaps, or with steps something does")
	}
}

// What a token allows is found out once, in front of the transaction, and anew if its grants
// are others in it.
func TestActingIsOfTheSameGrantsOnly(t *testing.T) {
	mighty := &token.Token{Type: token.Custom, Grants: []string{"token.create", "GET /api/v1/*"}}
	x, err := actingThrough(mighty)
	if err != nil {
		t.Fatal(err)
	}
	if !x.is(mighty) || (*acting)(nil).is(mighty) {
		t.Error("it is not the same for the same, or is so for none")
	}
	for _, other := range []token.Token{
		{Type: token.Custom, Grants: []string{"token.create"}},
		{Type: token.Custom, Grants: []string{"token.create", "GET /api/*"}},
		{Type: token.ReadOnly, Grants: mighty.Grants},
		{Type: token.FullAccess},
	} {
		if x.is(&other) {
			t.Errorf("it is the same for %v", other)
		}
	}
	if _, err := actingThrough(&token.Token{Type: token.Custom, Grants: []string{"token.create", "nonsense"}}); err == nil {
		t.Error("a token whose grants can't be read has rights")
	}
}

// An attack: a draft changes 500 deep grants to others, and the token was used for many of them.
// Whoever looked at the drafts of its API, everybody who could put them in force among them,
// waited for all of them to be compared with all others, for every use.
func TestDeepDraftsAreForeseenInFewSteps(t *testing.T) {
	surface := newSurface(articleCatalog(t))
	see := func(ctx context.Context, was, will []string, used, left int) (a Answers, more *steps, err error) {
		more = &steps{left: left}
		var uses []token.PermissionUse
		for _, grant := range was[:used] {
			uses = append(uses, token.PermissionUse{Permission: grant, Allowed: 1})
		}
		now := func(grants []string) *token.Token {
			return &token.Token{Type: token.Custom, Enabled: true, Grants: grants}
		}
		err = a.foresee(ctx, &foreseen{surface, now(was), now(will), time.Time{}, more}, uses, token.PermissionUse{Allowed: uint64(used)})
		return a, more, err
	}
	was, will := deep("GET /{x}/", 490), deep("GET /{y}/", 490)
	for _, test := range []struct {
		will    []string
		left    int
		sure    bool
		refused uint64
	}{
		{will, foreseeSteps, true, 0},
		{deep("GET /{y}/b/", 490), foreseeSteps, true, 120},
		{will, foreseeSteps / 10, false, 0}, // among others there are fewer steps
		{deep("GET /{y}/b/", 490), foreseeSteps / 10, false, 0},
	} {
		a, left, err := see(t.Context(), was, test.will, 120, test.left)
		switch {
		case err != nil:
			t.Fatal(err)
		case left.gone() == test.sure:
			t.Errorf("the steps are gone: %v", left.gone())
		case test.sure && (a.Refused != test.refused || a.Allowed+a.Unsure != 0), !test.sure && (a.Refused+a.Allowed != 0 || a.Unsure != 120):
			t.Errorf("refused %d, allowed %d, unsure %d of 120; sure: %v", a.Refused, a.Allowed, a.Unsure, test.sure)
		}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := see(gone, was, will, 120, foreseeSteps); !errors.Is(err, context.Canceled) {
		t.Errorf("for nobody: %v", err)
	}
}
