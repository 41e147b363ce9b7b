package graphql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission/graphql"
)

// Each limit holds at n, refuses n+1 and is named with its value.
func TestLimits(t *testing.T) {
	fragments := func(n int) string { // nests n deep in n fragments
		text := "{ ...F0 }"
		for i := range n - 2 {
			text += fmt.Sprintf(" fragment F%d on T { a { ...F%d } }", i, i+1)
		}
		return text + fmt.Sprintf(" fragment F%d on T { a { b } }", n-2)
	}
	document := func(text string) string { return `{"query":"` + text + `"}` }
	for _, test := range []struct {
		name   string
		change func(*graphql.Limits)
		n      int
		body   func(n int) string
	}{
		{"body", func(l *graphql.Limits) { l.Body = 100 }, 100, func(n int) string { return document("{ a" + strings.Repeat(" ", n-18) + "}  ") }},
		{"tokens", func(l *graphql.Limits) { l.Tokens = 10 }, 10, func(n int) string { return document("{" + strings.Repeat("a,", n-2) + "}") }},
		{"tokens", func(l *graphql.Limits) { l.Tokens = 10 }, 10, func(n int) string { return document("{ a }" + strings.Repeat(`#\n`, n-3)) }},
		{"tokens", func(l *graphql.Limits) {}, graphql.DefaultLimits.Tokens, func(n int) string {
			return document("{ a" + strings.Repeat("@d", (n-3)/2) + strings.Repeat(" b", (n-3)%2) + "}")
		}},
		{"depth", func(l *graphql.Limits) { l.Depth = 10 }, 10, func(n int) string { return document(strings.Repeat("{a", n) + strings.Repeat("}", n)) }},
		{"depth", func(l *graphql.Limits) { l.Depth = 10 }, 10, func(n int) string {
			return document("{a(x:" + strings.Repeat("[", n-2) + strings.Repeat("]", n-2) + ")}")
		}},
		{"depth", func(l *graphql.Limits) { l.Depth = 10 }, 10, func(n int) string { return document(fragments(n)) }},
		{"aliases", func(l *graphql.Limits) { l.Aliases = 10 }, 10, func(n int) string { return document("{" + strings.Repeat("x:a,", n) + "}") }},
		{"aliases", func(l *graphql.Limits) { l.Aliases = 10 }, 10, func(n int) string {
			return document("{ a { ...F } ...F ...{" + strings.Repeat("x:a,", n-1) + "} b } fragment F on T { x: a }")
		}},
		{"batch", func(l *graphql.Limits) { l.Batch = 3 }, 3, func(n int) string {
			return "[" + strings.Repeat(document("{a}")+",", n-1) + document("{a}") + "]"
		}},
		{"operations", func(l *graphql.Limits) { l.Operations = 3 }, 3, func(n int) string {
			var text strings.Builder
			for i := range n {
				fmt.Fprintf(&text, "query Q%d {a} ", i)
			}
			return document(text.String())
		}},
	} {
		r := reader(t, test.change)
		if got, err := r.ReadJSON([]byte(test.body(test.n))); err != nil || len(got.Fields) == 0 {
			t.Errorf("%s at its limit: %v", test.name, err)
		}
		got, err := r.ReadJSON([]byte(test.body(test.n + 1)))
		expectRefusal(t, test.body(test.n+1), got, err, graphql.TooLarge, fmt.Sprintf("more than %d ", test.n))
		expectRefusal(t, test.body(test.n+1), got, err, graphql.TooLarge, "the limit max_"+test.name+";")
	}
}

// Fragments that fan out would be read 2^1000 times by who follows each spread.
func TestFanOfFragmentsIsReadOnce(t *testing.T) {
	r := reader(t, func(l *graphql.Limits) { l.Tokens, l.Depth = 100_000, 2000 })
	var text strings.Builder
	text.WriteString("query { ...F0 } mutation M { ...F0 }")
	for i := range 1000 {
		fmt.Fprintf(&text, " fragment F%d on T { ...F%d ... { ...F%d } a%d }", i, i+1, i+1, i%40)
	}
	document := strings.Replace(text.String(), "query {", "query Q {", 1) + " fragment F1000 on T { z }"
	got, err := r.ReadDocument([]byte(document))
	if err != nil || len(got.Fields) != 82 {
		t.Errorf("%d fields, %v", len(got.Fields), err)
	}
}
