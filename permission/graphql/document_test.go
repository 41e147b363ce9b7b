package graphql_test

import (
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission/graphql"
)

func TestReadDocument(t *testing.T) {
	r := reader(t)
	for _, test := range []struct{ document, want string }{
		{"{a}", "query a"},
		{"query { a b }", "query a, query b"},
		{"subscription S { a }", "subscription a"},
		// All operations count, whichever is selected.
		{"query A { a } mutation B { deleteAll }", "query a, mutation deleteAll"},
		{"subscription A { a } mutation B { deleteAll } query C { c }", "subscription a, mutation deleteAll, query c"},
		// Aliases hide no field, keywords are names like others.
		{"mutation { query: deleteAll }", "mutation deleteAll"},
		{"{ a: deleteArticle b: deleteArticle }", "query deleteArticle"},
		{"{ query mutation: subscription on: fragment { deleteAll } }", "query query, query subscription, query fragment"},
		{"query query{ query: a } mutation,mutation{ mutation: b }", "query a, mutation b"},
		// Directives switch nothing off.
		{"mutation M @include(if: false) { deleteAll @skip(if: true) }", "mutation deleteAll"},
		{"{ ...F @include(if: false) ... @skip(if: true) { b } } fragment F on Q @x { a }", "query a, query b"},
		// Fragments, in any order, whatever their type; those not used do nothing.
		{"mutation { ...F } fragment F on Mutation { deleteAll }", "mutation deleteAll"},
		{"fragment F on Query { ...G a } query { ...F ...F } fragment G on T { g } fragment H on T { h }", "query g, query a"},
		{"query A { ...F } mutation B { ...F } fragment F on T { a }", "query a, mutation a"},
		{"{ a { ...F } } fragment F on T { b }", "query a"},
		{"{ ... on Mutation { deleteAll } ... { b ... on Q { c } } }", "query deleteAll, query b, query c"},
		{"{ ...on on { a } }", "query a"},
		{"{ __typename __schema { types { name } } __type(name: \"Q\") { name } }", "query __typename, query __schema, query __type"},
		// Words in strings and comments are none.
		{`{ a(x: "mutation { deleteAll }", y: """} mutation { deleteAll }""") }`, "query a"},
		{`{ a(x: """\""" } mutation { deleteAll } \""" """) }`, "query a"},
		{"# query {\nmutation { deleteAll }", "mutation deleteAll"},
		// A carriage return ends a comment.
		{"#\rmutation { deleteAll }", "mutation deleteAll"},
		{"{ a #\r deleteAll #\r\n }", "query a, query deleteAll"},
		{",,,mutation,,,{,deleteAll,}", "mutation deleteAll"},
		{"query ($x: Int = " + strings.Repeat("9", 30_000) + ") { a }", "query a"},
		{"query ($a: [[Int!]]! = [[1]], $b: T = {x: [{y: -1.5e3}]}) { a(x: [$a {y: $b}]) }", "query a"},
		{`{ a(x: "\u{1F600} \ud83d\ude00 \u00e9 日本 ` + "\uFEFF\uFFFD" + `") }`, "query a"},
	} {
		got, err := r.ReadDocument([]byte(test.document))
		expectFields(t, test.document, got, err, test.want)
	}
}

func TestReadDocumentRefuses(t *testing.T) {
	r := reader(t)
	for _, test := range []struct{ document, problem string }{
		{"", "no operation"},
		{" ,\n# a", "no operation"},
		{"fragment F on Mutation { deleteAll }", "no operation"},
		{"{", "ends at line 1, column 2, where a field should be"},
		{"{}", `has "}" at line 1, column 2, where a field should be`},
		{"{ a } }", `has "}" at line 1, column 7, where an operation or a fragment should be`},
		{"}{ a }", "an operation or a fragment should be"},
		{"{ a ] }", `"]" at line 1, column 5`},
		{"mutation", "a selection of fields should be"},
		{"Mutation { a }", `has "Mutation" at line 1, column 1`},
		// Definitions of types, alone and beside an operation.
		{"extend type Mutation { x: Int } { a }", `has "extend"`},
		{"type Q { a: Int }", `has "type"`},
		{"schema { query: Q }", `has "schema"`},
		{"{ a } directive @d on FIELD", `has "directive"`},
		{`"""text""" type Q { a: Int }`, `has "type"`},
		// Which of two is run depends on the server.
		{"query A { a } mutation A { deleteAll }", "two operations A"},
		{"{ a } mutation { deleteAll }", "without a name among others"},
		{"{ a } mutation B { deleteAll }", "without a name among others"},
		{"{ a } { deleteAll }", "without a name among others"},
		{"{ ...F } fragment F on Q { a } fragment F on Q { deleteAll }", "two fragments F"},
		{"{ ...F }", "no fragment F"},
		{"{ a } fragment F on Q { ...G }", "no fragment G"},
		{"{ ...F } fragment F on Q { a { ...F } }", "contains itself"},
		{"{ a } fragment F on Q { ...G } fragment G on Q { ... { ...F } }", "contains itself"},
		{"{ a { b { ...F } } } fragment F on Q { ...G } fragment G on Q { ...H } fragment H on Q { ...G }", "contains itself"},
		{"fragment F($x: Int) on Q { a } { ...F }", "has variables"},
		{"fragment on on, Q { a } { ...on }", "where the name of a fragment should be"},
		// Characters that some lexers pass over.
		{"\uFEFF{ a }", "byte order mark (leave it out) at line 1, column 1"},
		{"muta\uFEFFtion { deleteAll }", "byte order mark"},
		{"{ a } \x00 mutation { deleteAll }", "control character"},
		{"{ a #\x00\n deleteAll }", "control character"},
		{"{ a(x: \"\x00\") }", "control character"},
		{"{ a(x: \"\"\"\x00\"\"\") }", "control character"},
		{"{\va }", "control character"},
		{"{\u00A0a }", "the invisible character U+00A0"},
		{"{ é }", "the character é"},
		{"{ a\u200B }", "U+200B"},
		{"{ a \x7f }", "control character"},
		// Ends of comments to lexers of the first drafts.
		{"{ a } #\u2028 mutation { deleteAll }", "end of line"},
		{"{ a } #\u2029 mutation { deleteAll }", "end of line"},
		{"{ a } #\u0085 mutation { deleteAll }", "end of line"},
		// graphql-ruby's comments end at line feeds alone: the first goes on over the beginning of the string.
		{"query A { a #\r(x:\"\"\"\n } mutation B { deleteAll #\r\"\"\")\n}", "end of line that some servers don't know as one (use a line feed) at line 1, column 14"},
		{"{ a #\r(x:\"\"\"\n deleteAll #\r\"\"\")\n}", "end of line"},
		{"{ a #\r { #\n deleteAll #\r } #\n }", "end of line"},
		{"{ a #\r }", "end of line"}, // to which nothing closes
		{"{ a #\r{#\n deleteAll #\x00\r}#\n }", "control character"},
		// Where a string ends decides what the document does.
		{`{ a(x: ["""x"""" ]) deleteAll(y: " ]) }`, "a quote right behind a string"},
		{"{ a(x: [\"\"\"x\"\"\"\" \" ]) deleteAll(y: [\"#\"\n]) }", "a quote right behind a string"},
		{`{ a(x: """"""" ) b(y: " ) deleteAll }`, "a quote right behind a string"},
		{`{ a(x: ["x""y"]) }`, "a quote right behind a string"},
		{"{ a(x:\"\"\"x\\\"\"\"\"\") deleteAll #\"\"\")\n}", "a quote right behind a string"}, // graphql-ruby ends it at the five quotes
		{"{ a(x: \"\"\"\\\"\"\"\"\"\"\") }", "a quote right behind a string"},
		{"{ a(x: \"\n\") }", "without its closing quote"},
		{"{ a(x: \"\r\") }", "without its closing quote"},
		{`{ a(x: "`, "without its closing quote"},
		{`{ a(x: "\`, "invalid escape"},
		{`{ a(x: """x""`, "without its closing quotes"},
		{`{ a(x: """\"""`, "without its closing quotes"},
		{`{ a(x: '1') }`, "the character '"},
		{`{ ... "on" T { a } }`, "a string behind three dots"},
		{`{ a(x: "\x41") }`, "invalid escape"},
		{`{ a(x: "\u004") }`, "invalid escape"},
		{`{ a(x: "\ud800") }`, "invalid escape"},
		{`{ a(x: "\ud800\u0041") }`, "invalid escape"},
		{`{ a(x: "\udc00") }`, "invalid escape"},
		{`{ a(x: "\u{}") }`, "invalid escape"},
		{`{ a(x: "\u{D800}") }`, "invalid escape"},
		{`{ a(x: "\u{110000}") }`, "invalid escape"},
		{`{ a(x: "\u`, "invalid escape"},
		{`{ a(x: "\u{`, "invalid escape"},
		// One token or two.
		{"{ a(x: 00) }", "a number"},
		{"{ a(x: 1.) }", "a number"},
		{"{ a(x: .5) }", "a stray dot"},
		{"{ a(x: 1b: 2) }", "a number"},
		{"{ a(x: 0x1) }", "a number"},
		{"{ a(x: [1-2]) }", "a number"},
		{"{ a(x: -) }", "a number"},
		{"{ a(x: 1e) }", "a number"},
		{"{ a(x: 1.5.5) }", "a number"},
		{"{ ..F }", "a stray dot"},
		{"{ ....F }", "a stray dot"},
		{"{ a & b }", `has "&"`},
		{"{ a | b }", `has "|"`},
		{"query ($x: Int = $y) { a }", "where a value should be"},
		{"\r\n\r\r\n\n{\n  a ; }", "line 6, column 5"},
		{strings.Repeat("x", 10_000), "an operation or a fragment should be"},
		{"query " + strings.Repeat("x", 10_000) + "{a} query " + strings.Repeat("x", 10_000) + "{a}", "two operations"},
	} {
		got, err := r.ReadDocument([]byte(test.document))
		expectRefusal(t, test.document, got, err, graphql.Unreadable, test.problem)
	}
	got, err := r.ReadDocument([]byte("{ a(x: \"\xff\") }"))
	expectRefusal(t, "bad UTF-8", got, err, graphql.Malformed, "not valid UTF-8")
}

// A parser that recurses once a level runs out of stack, which nothing can catch.
func TestDeepNestingIsRefusedBeforeTheParser(t *testing.T) {
	const deep = 100_000
	r := reader(t, func(l *graphql.Limits) { l.Tokens = 10 * deep })
	for _, document := range []string{
		strings.Repeat("{", deep),
		strings.Repeat("{a", deep) + strings.Repeat("}", deep),
		"{a(x:" + strings.Repeat("[", deep) + strings.Repeat("]", deep) + ")}",
		"{a(x:" + strings.Repeat("{a:", deep) + "1" + strings.Repeat("}", deep) + ")}",
		"query($x:" + strings.Repeat("[", deep) + "Int" + strings.Repeat("]", deep) + "){a}",
		"{" + strings.Repeat("...{", deep) + "a" + strings.Repeat("}", deep) + "}",
		"{a" + strings.Repeat("(", deep),
	} {
		got, err := r.ReadDocument([]byte(document))
		expectRefusal(t, document, got, err, graphql.TooLarge, "the limit max_depth")
	}
	got, err := r.ReadDocument([]byte(strings.Repeat("}", deep) + strings.Repeat("{", deep+50)))
	expectRefusal(t, "closing brackets first", got, err, graphql.Unreadable, `has "}"`)
}
