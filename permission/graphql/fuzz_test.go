package graphql_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tokenreeve/tokenreeve/permission/graphql"
)

var nameFormat = regexp.MustCompile(`^[_A-Za-z][_0-9A-Za-z]*$`)

// check fails if the answer of a reader is not one that it may give.
func check(t *testing.T, r graphql.Request, err error) {
	t.Helper()
	var refusal *graphql.Error
	if err != nil {
		switch {
		case !errors.As(err, &refusal) || refusal == nil || refusal.Code == "" || refusal.Problem == "":
			t.Fatalf("an error without a code or a problem: %#v", err)
		case len(refusal.Problem) > 600 || !utf8.ValidString(refusal.Problem):
			t.Fatalf("a problem nobody can read: %q", refusal.Problem)
		case len(r.Fields) > 0:
			t.Fatalf("refused, with fields: %v", r.Fields)
		}
		return
	}
	if len(r.Fields) == 0 || r.Batch > graphql.DefaultLimits.Batch || len(r.Fields) > max(1, r.Batch)*graphql.DefaultLimits.Tokens {
		t.Fatalf("%d fields, a batch of %d", len(r.Fields), r.Batch)
	}
	seen := map[graphql.Field]bool{}
	for _, f := range r.Fields {
		if seen[f] || !nameFormat.MatchString(f.Name) || !slices.Contains([]graphql.Kind{graphql.Query, graphql.Mutation, graphql.Subscription}, f.Kind) {
			t.Fatalf("the field %q is no field or there twice", f)
		}
		seen[f] = true
	}
}

func FuzzReadNeverPanicsAndStaysWithinLimits(f *testing.F) {
	for _, seed := range []string{
		`{"query":"{ a }"}`, `[{"query":"mutation { a }"},{"query":"query A { b } query B { c }","operationName":"A"}]`,
		`{"query":"{ ...F } fragment F on Q { a(x: \"\\u{41}\", y: \"\"\"z\"\"\") }","variables":{"x":[1]},"extensions":{"persistedQuery":{"version":1,"sha256Hash":""}}}`,
		"query={a}&variables={}&extensions={}", "query=%7Ba%7D&x=%41", "{ a }", "{ a(x: \"\\", "fragment F on Q { ...F }", operations + fileMap + file + formEnd,
		"{a(x:1.5e+3,y:[-0 $z {q:null}])@d}#\r", "subscription S($x:[Int!]!=[1]){a:b}",
	} {
		f.Add([]byte(seed))
	}
	r := reader(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for range 2 { // the second time out of memory
			got, err := r.ReadJSON(data)
			check(t, got, err)
			got, err = r.ReadDocument(data)
			check(t, got, err)
			if got, found, err := r.ReadQuery(string(data)); found || err != nil {
				check(t, got, err)
			}
			got, err = r.ReadMultipart(formType, data)
			check(t, got, err)
			r.CheckPostQuery(string(data))
		}
	})
}

// A mutation that stands behind a query, whatever is in the query, is read or the
// document is refused: the end of the line ends comments and strings. Only a block
// string can go on; what then counts is in TestReadsAllThatGraphQLJSReads.
func FuzzNoMutationHidesInAQuery(f *testing.F) {
	for _, seed := range []string{"a", "a(x: \"\"\"x\"\"\")", "a } #", "a(x: \"\\\"\")", "...F", "a # }\r", "a(x: {y: [1]})", "a } query B { b", "a(x: \"{\")", `a(x: ["""x"""" ])`} {
		f.Add(seed)
	}
	r := reader(f)
	f.Fuzz(func(t *testing.T, inside string) {
		if strings.Contains(inside, "F") || strings.Contains(inside, "hidden") {
			return // it may define or call what stands behind
		}
		closed := "\n }\n mutation Hidden { hidden ...Hidden } fragment Hidden on M { hiddenToo }"
		body, err := json.Marshal(map[string]string{"query": "query A { " + inside + closed})
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.ReadJSON(body)
		if check(t, got, err); err != nil {
			return
		}
		if strings.Contains(inside, `"""`) {
			return
		}
		if !covers(got, []graphql.Field{{Kind: graphql.Mutation, Name: "hidden"}, {Kind: graphql.Mutation, Name: "hiddenToo"}}) {
			t.Fatalf("%q does %q; the mutation is missing", inside, does(got))
		}
	})
}

// Two ways of writing one request, as JSON escapes or not, in a body, a URL or a
// form, do the same.
func FuzzSameDocumentSameFields(f *testing.F) {
	for _, row := range recordings(f)[:200] {
		var text string
		if json.Unmarshal(row.Document, &text) == nil {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		plain, err1 := reader(t).ReadDocument([]byte(text))
		escaped := strings.Builder{}
		for i := range len(text) {
			if text[i] < utf8.RuneSelf {
				escaped.WriteString(`\u00` + string("0123456789abcdef"[text[i]>>4]) + string("0123456789ABCDEF"[text[i]&15]))
			} else {
				escaped.WriteByte(text[i])
			}
		}
		body := `{"query":"` + escaped.String() + `"}`
		inJSON, err2 := reader(t).ReadJSON([]byte(body))
		form := strings.Replace(operations, `{"query":"mutation { upload }"}`, body, 1) + fileMap + file + formEnd
		inForm, err3 := reader(t).ReadMultipart(formType, []byte(form))
		query := "%71uery="
		for i := range len(text) {
			query += "%" + string("0123456789abcdef"[text[i]>>4]) + string("0123456789ABCDEF"[text[i]&15])
		}
		inURL, _, err4 := reader(t).ReadQuery(query)
		want := does(plain)
		if does(inJSON) != want || does(inForm) != want || does(inURL) != want || (err1 == nil) != (err2 == nil) || (err1 == nil) != (err3 == nil) || (err1 == nil) != (err4 == nil) {
			t.Fatalf("%q: document %q %v, JSON %q %v, form %q %v, URL %q %v", text, want, err1, does(inJSON), err2, does(inForm), err3, does(inURL), err4)
		}
	})
}
