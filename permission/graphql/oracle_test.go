package graphql

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
	gqlparser "github.com/vektah/gqlparser/v2/parser"
)

// oracle reads the root fields of a document from the tree that gqlparser makes of
// it. It is as strict as parse.
func oracle(text string, limits *Limits) ([]Field, error) {
	if _, err := (&lexer{text: text}).all(limits); err != nil {
		return nil, err
	}
	parsed, err := gqlparser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		return nil, err
	}
	o := tree{fragments: map[string]ast.SelectionSet{}, depths: map[string]int{}}
	for _, f := range parsed.Fragments {
		if o.fragments[f.Name] != nil || len(f.VariableDefinition) > 0 {
			return nil, errors.New("a fragment twice, or with variables")
		}
		o.fragments[f.Name] = f.SelectionSet
	}
	names := map[string]bool{}
	for _, op := range parsed.Operations {
		if names[op.Name] || op.Name == "" && len(parsed.Operations) > 1 {
			return nil, errors.New("two operations of one name, or one without")
		}
		names[op.Name] = true
	}
	deepest := 0
	for _, f := range parsed.Fragments {
		deepest = max(deepest, o.depth(f.SelectionSet, len(parsed.Fragments)))
	}
	for _, op := range parsed.Operations {
		deepest = max(deepest, o.depth(op.SelectionSet, len(parsed.Fragments)))
	}
	if o.bad || deepest > limits.Depth || len(parsed.Operations) == 0 || len(parsed.Operations) > limits.Operations {
		return nil, errors.New("a fragment that is missing or in itself, or a limit")
	}
	if o.aliases = 0; o.countAliases(parsed) > limits.Aliases {
		return nil, errors.New("too many aliases")
	}
	for _, op := range parsed.Operations {
		o.seen = nil
		o.collect(Kind(op.Operation), op.SelectionSet)
	}
	return o.roots, nil
}

type tree struct {
	fragments map[string]ast.SelectionSet
	depths    map[string]int
	seen      []string
	roots     []Field
	aliases   int
	bad       bool
}

// depth follows at most so many fragments into each other: more are a circle.
func (o *tree) depth(set ast.SelectionSet, budget int) int {
	deepest := 0
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			deepest = max(deepest, o.depth(s.SelectionSet, budget))
		case *ast.InlineFragment:
			deepest = max(deepest, o.depth(s.SelectionSet, budget)-1)
		case *ast.FragmentSpread:
			if o.fragments[s.Name] == nil || budget == 0 {
				o.bad = true
				return 0
			}
			if _, known := o.depths[s.Name]; !known {
				depth := o.depth(o.fragments[s.Name], budget-1)
				if o.bad {
					return 0
				}
				o.depths[s.Name] = depth
			}
			deepest = max(deepest, o.depths[s.Name]-1)
		}
	}
	if len(set) == 0 {
		return 0
	}
	return deepest + 1
}

func (o *tree) countAliases(parsed *ast.QueryDocument) int {
	var count func(set ast.SelectionSet)
	count = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch s := selection.(type) {
			case *ast.Field:
				if s.Alias != s.Name {
					o.aliases++
				}
				count(s.SelectionSet)
			case *ast.InlineFragment:
				count(s.SelectionSet)
			}
		}
	}
	for _, op := range parsed.Operations {
		count(op.SelectionSet)
	}
	for _, f := range parsed.Fragments {
		count(f.SelectionSet)
	}
	return o.aliases
}

func (o *tree) collect(kind Kind, set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if f := (Field{kind, s.Name}); !slices.Contains(o.roots, f) {
				o.roots = append(o.roots, f)
			}
		case *ast.InlineFragment:
			o.collect(kind, s.SelectionSet)
		case *ast.FragmentSpread:
			if !slices.Contains(o.seen, s.Name) {
				o.seen = append(o.seen, s.Name)
				o.collect(kind, o.fragments[s.Name])
			}
		}
	}
}

// compare fails if gqlparser reads a document otherwise, or only one of them does.
func compare(t *testing.T, r *Reader, text string) {
	t.Helper()
	want, refused := oracle(text, &r.limits)
	tokens, err := (&lexer{text: text}).all(&r.limits)
	var got []Field
	if err == nil {
		got, err = r.roots(text, tokens)
	}
	switch {
	case (err == nil) != (refused == nil):
		t.Fatalf("%q: we say %v, gqlparser %v", text, err, refused)
	case !slices.Equal(got, want):
		t.Fatalf("%q: we read %q, gqlparser %q", text, got, want)
	}
}

// pieces are what documents are made of.
var pieces = strings.Split(`{ } ( ) [ ] : ! $ @ = ... on query mutation subscription fragment F G a b "s" """b""" 1 -1.5e3 null true `+
	`{a} {a,b} (x:1) ($v:[T!]!=[1]) ($v:T="d"@c(x:$w)) ...F ...{a} ...on@d{b} fragment,F,on,T{a} fragment,G,on,T{...F,c} {x:y} `+
	`query{a} mutation,M{a,...F} @d @d(x:{y:[$z]}) a:b #c & | type`, " ")

// FuzzReadsAsGqlparserDoes holds our parser against a widely used one: it reads
// the same root fields in the same documents, and refuses the same.
func FuzzReadsAsGqlparserDoes(f *testing.F) {
	r, err := New(Limits{Body: 1 << 20, Tokens: 300, Depth: 8, Aliases: 4, Batch: 1, Operations: 3})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"{ a }", `"d" query Q($a: [Int!]! = [1] @d, $b: T = {x: "y"}) @c(x: $a) { b: a(x: $a, y: {z: [$b]}) @d { c } ...F ... on T @e { d } ... { e } }`,
		"fragment F on T @d { ...G a { ...G } } query A { ...F } mutation B { ...F } fragment G on T { g }", "query mutation { subscription } fragment mutation on On { on }",
		"{ a ( ) }", "query () { a }", "{ a(x: []) b(x: {}) }", `"d" { a }`, `"d" fragment F on T { a } { b }`, "{ a: b: c }", "{ a @ }", "fragment F($x: T) on T { a } { a }",
		"{ ...F } fragment F on T { ...F }", "{{{{{{{{{", "{ a { b { c { d { e { f { g { h { i } } } } } } } } }", "query A{a}query B{a}query C{a}query D{a}", "{a:b c:d e:f g:h i:j}", "{ a } 1", "{ ...on }",
	} {
		f.Add(seed, []byte{})
	}
	f.Add("", []byte{28, 2, 3, 12})
	f.Fuzz(func(t *testing.T, text string, composed []byte) {
		if utf8.ValidString(text) {
			compare(t, r, text)
		}
		var b strings.Builder
		for _, c := range composed[:min(len(composed), 60)] {
			b.WriteString(pieces[int(c)%len(pieces)] + "\n")
		}
		compare(t, r, b.String())
	})
}

// The documents that graphql-js was asked about, whole and with a piece cut out.
func TestReadsAsGqlparserDoes(t *testing.T) {
	r, err := New(DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := os.ReadFile("testdata/graphql-js.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for line := range strings.Lines(string(recorded)) {
		var row struct{ Document string }
		if json.Unmarshal([]byte(line), &row) != nil || !utf8.ValidString(row.Document) {
			t.Fatal(line)
		}
		tokens, _ := (&lexer{text: row.Document}).all(&r.limits)
		compare(t, r, row.Document)
		for _, cut := range tokens[:min(len(tokens), 200)] {
			compare(t, r, row.Document[:cut.start]+row.Document[cut.end:])
			compare(t, r, row.Document[:cut.start])
			compared += 2
		}
	}
	if compared < 50_000 {
		t.Fatalf("only %d documents were compared", compared)
	}
}
