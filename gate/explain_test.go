package gate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// Explain reads the parameters that decide as the gate does.
func TestExplainParameters(t *testing.T) {
	g := newKintone(t)
	now := time.Now()
	for _, test := range []struct {
		grant, method, target, body string
		want                        Reason
		lacks                       string
	}{
		{"record.view app=7", "GET", "/k/v1/record.json?app=7", "", Allow, ""},
		{"record.view app=7", "GET", "/k/v1/record.json?app=8", "", MissingPermission, "record.view app=8"},
		{"record.view app=7", "GET", "/k/v1/record.json?app=8%209", "", MissingPermission, "record.view app=8%209"},
		{"record.add app=7", "GET", "/k/v1/record.json?app=7", "", MissingPermission, "record.view app=7"},
		{"record.add", "GET", "/k/v1/record.json?app=7", "", MissingPermission, "record.view"},
		{"record.view space=3", "GET", "/k/guest/4/v1/record.json?app=7", "", MissingPermission, "record.view space=4"},
		{"record.view app=7", "GET", "/k/v1/file.json?fileKey=x", "", MissingPermission, "file.download"},
		{"record.view app=7", "GET", "/k/v1/record.json?app=" + strings.Repeat("8", 300), "", MissingPermission, "record.view"},
		{"record.view app=7", "GET", "/k/v1/app/form/fields.json?app=8", "", MissingPermission, "app.manage app=8 record.add app=8 record.view app=8"},
		{"record.view app=7", "GET", "/k/v1/record.json", "", MissingPermission, ""},
		{"record.add app=7", "POST", "/k/v1/record.json", `{"app":7}`, Allow, ""},
		{"record.add app=7", "POST", "/k/v1/record.json", `{"app":8}`, MissingPermission, "record.add app=8"},
		{"record.add app=7", "POST", "/k/v1/record.json", `{"app":7,"app":8}`, AmbiguousRequest, ""},
		{"record.edit app=7", "PUT", "/k/v1/record.json", `{"app":7}`, MissingPermission, "record.view app=7"},
		{"record.edit", "PUT", "/k/v1/record.json", `{"app":7}`, MissingPermission, "record.view"},
		{"record.* app=7", "PUT", "/k/v1/records.json", `{"app":7,"upsert":true}`, Allow, ""},
		{"PUT /k/v1/records.json", "PUT", "/k/v1/records.json", `{"app":8,"upsert":true}`, MissingPermission, "record.view"},
	} {
		e, err := Explain(newToken("x", token.Custom, test.grant), g.Catalog, nil, Asked{test.method, test.target, test.body}, now)
		if err != nil || e.Reason != test.want || strings.Join(e.Lacks, " ") != test.lacks || (e.Reason == Allow) != (len(e.Grants) > 0 && test.want == Allow) {
			t.Errorf("%s: %s %s %s: %+v, %v", test.grant, test.method, test.target, test.body, e, err)
		}
	}
}

// Explain says why a request is refused that asks for another method, and of no other.
func TestExplainMethodOverride(t *testing.T) {
	for target, want := range map[string]error{
		"/api/articles?_method=DELETE":    errOverride,
		"/api/articles?rest_route=/wp/v2": errOverride,
		"/api/articles?_method=GET":       nil,
		"/api/articles":                   nil,
	} {
		e, err := Explain(newToken("x", token.ReadOnly), articles(t), nil, Asked{Method: "GET", Target: target}, time.Now())
		if err != nil || !errors.Is(e.Err, want) || (e.Reason == MethodOverride) != (want != nil) || (e.Reason == Allow) != (want == nil) {
			t.Errorf("%s: %s (%v), %v; want %v", target, e.Reason, e.Err, err, want)
		}
	}
}

// A request that no permission has, for want of a parameter, is told which would have
// it with that.
func TestExplainSaysWhatIsNotThere(t *testing.T) {
	g := newKintone(t)
	for _, test := range []struct{ grant, method, target, body, want string }{
		{"record.* app=7", "PUT", "/k/v1/record.json", "", "record.edit has it with app in the JSON body"},
		{"record.* app=7", "PUT", "/k/v1/record.json?app=7", "{}", "record.edit has it with app in the JSON body"},
		{"record.* app=7", "GET", "/k/v1/record.json", "", "record.view has it with app in the JSON body or app in the query"},
		{"record.* app=7", "GET", "/k/v1/app.json?app=7", "", ""}, // app.manage has it without any
		{"record.* app=7", "GET", "/k/v1/none.json", "", ""},
		{"record.* app=7", "GET", "/k/v1/record.json?app=8", "", ""},
	} {
		e, err := Explain(newToken("x", token.Custom, test.grant), g.Catalog, nil, Asked{test.method, test.target, test.body}, time.Now())
		if err != nil || e.Reason != MissingPermission || e.Almost != test.want {
			t.Errorf("%s %s %s: %q (%s, %v), want %q", test.method, test.target, test.body, e.Almost, e.Reason, err, test.want)
		}
	}
}

// Explain looks at each request that a bulk request holds, and decides about all of
// them as the gate does.
func TestExplainBulk(t *testing.T) {
	g := newKintone(t)
	const path = "/k/v1/bulkRequest.json"
	const add, edit, other = `{"method":"POST","api":"/k/v1/record.json","payload":{"app":7}}`,
		`{"method":"PUT","api":"/k/v1/records.json","payload":{"app":7,"upsert":true}}`, `{"method":"POST","api":"/k/v1/record.json","payload":{"app":8}}`
	secret := mint(50)
	s := newMemoryStore()
	g.Resolver = newResolver(t, s, nil)
	for _, test := range []struct {
		grants []string
		body   string
		parts  []Reason // what is decided about each
		lacks  string
	}{
		{[]string{"record.* app=7"}, add + "," + edit, []Reason{Allow, Allow}, ""},
		{[]string{"record.* app=7"}, add + "," + other, []Reason{Allow, MissingPermission}, "record.add app=8"},
		{[]string{"record.add app=7", "record.edit app=7"}, add + "," + edit + "," + other, []Reason{Allow, MissingPermission, MissingPermission}, "record.view app=7"},
		{[]string{"record.view app=7", "record.edit app=7"}, edit, []Reason{MissingPermission}, "record.add app=7"},
		{[]string{"POST " + path}, add, []Reason{MissingPermission}, "record.add"},
		{[]string{"nonsense"}, add + "," + edit, []Reason{UnreadableToken, UnreadableToken}, ""},
		{[]string{"record.* app=7"}, add + `,{"method":"GET"}`, nil, ""},
	} {
		body := `{"requests":[` + test.body + `]}`
		tok := newToken("x", token.Custom, test.grants...)
		s.put(secret, tok)
		g.Resolver.Invalidate([]token.Digest{token.Hash(secret)})
		e, err := Explain(tok, g.Catalog, nil, Asked{"POST", path, body}, time.Now())
		var parts []Reason
		for _, part := range e.Parts {
			parts = append(parts, part.Reason)
			if (part.Reason == Allow) != (len(part.Grants) > 0) && test.lacks == "" {
				t.Errorf("%q: %+v", test.grants, part)
			}
		}
		if err != nil || !slices.Equal(parts, test.parts) || strings.Join(e.Lacks, " ") != test.lacks || test.parts != nil && e.Operation != "POST "+path {
			t.Errorf("%q, %s: got %q, lacks %q of %q, %v", test.grants, body, parts, e.Lacks, e.Operation, err)
		}
		kintoneRow{[]int{50}, "POST", path, jsonType, body, e.Reason, nil}.decide(t, g)
	}
}

func pick[T any](random *rand.Rand, list ...T) T { return list[random.IntN(len(list))] }

// some returns each of the list with an even chance.
func some[T any](random *rand.Rand, list []T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(T) bool { return random.IntN(2) == 0 })
}

var (
	anyMethods  = []string{"GET", "HEAD", "POST", "DELETE", "OPTIONS", "QUERY", "WEBSOCKET"}
	anyPatterns = []string{"/a", "/a/", "/a/{id}", "/a/b", "/{x}/b", "/a/*", "/*", "/a/{id}/c", "/d%20e"}
	anyTargets  = []string{"/a", "/a/", "/a/b", "/a/x", "/x/b", "/a/x/c", "/A/b", "/a/b.json", "/d%20e", "/?a=1", "/a//b", "/a/../b", "/a/%2f", "//a", "/a;b", "/a?b=%zz"}
)

func randomCatalog(t *testing.T, random *rand.Rand) *permission.Catalog {
	t.Helper()
	var list []permission.Permission
	for _, name := range some(random, []string{"a.find", "a.change", "b.find", "b.watch", "c.all"}) {
		operations := map[string]bool{}
		for range 1 + random.IntN(3) {
			operations[pick(random, anyMethods...)+" "+pick(random, anyPatterns...)] = true
		}
		texts := make([]string, 0, len(operations))
		for text := range operations {
			texts = append(texts, text)
		}
		slices.Sort(texts)
		list = append(list, newPermission(t, name, pick(random, permission.Unmarked, permission.Read, permission.Write), texts...))
	}
	return newCatalog(t, list...)
}

func randomToken(random *rand.Rand, now time.Time) token.Token {
	var grants []string
	for range random.IntN(4) {
		grants = append(grants, pick(random, "a.find", "a.change", "b.*", "c.all", "no.longer", pick(random, anyMethods...)+" "+pick(random, anyPatterns...)))
	}
	if random.IntN(20) == 0 {
		grants = append(grants, "no grant")
	}
	t := newToken("a", pick(random, append(token.Types(), token.Custom, token.Custom, "unknown")...), grants...)
	t.Enabled = random.IntN(10) > 0
	t.Expiry = pick(random, time.Time{}, time.Time{}, time.Time{}, now.Add(time.Hour), now.Add(-time.Hour), now)
	return t
}

// Explain is what people go by when they ask why: it must decide as Check does.
func TestExplainAgreesWithCheck(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s, secret, now := newMemoryStore(), mint(1), time.Now()
	resolver := newResolver(t, s, nil)
	recorder := newRecorder(t, nil)
	reasons := map[Reason]int{}
	for range 300 {
		g := &Gate{API: "default", Catalog: randomCatalog(t, random), Sources: newSources(t, DefaultSources()...), Resolver: resolver, Recorder: recorder, Now: func() time.Time { return now }}
		for range 30 {
			tok := randomToken(random, now)
			s.put(secret, tok)
			resolver.Invalidate([]token.Digest{token.Hash(secret)})
			method, target := pick(random, append(anyMethods, "get", "TRACE", "CONNECT", "FOOBAR")...), pick(random, anyTargets...)
			u, err := url.ParseRequestURI(target)
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{Method: method, URL: u, Header: http.Header{"X-Api-Key": {secret}}, ProtoMajor: 1}
			if method == permission.WebSocket {
				r.Method = "GET"
				r.Header["Connection"], r.Header["Upgrade"] = []string{"keep-alive, upgrade"}, []string{"websocket"}
			}
			d := g.Check(r)
			e, err := Explain(tok, g.Catalog, nil, Asked{Method: method, Target: target}, now)
			what := fmt.Sprintf("%s %s with %s %q", method, target, tok.Type, tok.Grants)
			if err != nil || e.Reason != d.Reason {
				t.Fatalf("%s: explained as %q, decided %q (%v, %v)", what, e.Reason, d.Reason, err, d.Err)
			}
			reasons[d.Reason]++
			checkExplanation(t, what, tok, e, d)
		}
	}
	for _, reason := range []Reason{Allow, MissingPermission, DisabledToken, ExpiredToken, AmbiguousRequest, RefusedMethod, UnreadableToken} {
		if reasons[reason] < 50 {
			t.Errorf("%s was decided %d times only", reason, reasons[reason])
		}
	}
}

func checkExplanation(t *testing.T, what string, tok token.Token, e Explanation, d Decision) {
	t.Helper()
	allowing := d.Reason != Allow || (tok.Type == token.Custom) == (len(e.Grants) > 0) && e.Operation == d.Match.Method+" "+d.Match.Path
	missing := d.Reason != MissingPermission || strings.Join(e.Permissions[:min(1, len(e.Permissions))], "") == d.Permission && len(e.Grants) == 0
	broken := d.Reason != AmbiguousRequest && d.Reason != UnreadableToken || e.Err != nil
	if !allowing || !missing || !broken {
		t.Errorf("%s: %s with permission %q, explained by %+v", what, d.Reason, d.Permission, e)
	}
}

func TestExplainRefusesWhatIsNoPath(t *testing.T) {
	for _, target := range []string{"", "api/articles", "a b", "/a\x00"} {
		if _, err := Explain(newToken("a", token.FullAccess), articles(t), nil, Asked{Method: "GET", Target: target}, time.Now()); err == nil || !strings.Contains(err.Error(), "not a path") {
			t.Errorf("%q: %v", target, err)
		}
	}
}
