package graphql_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission/graphql"
)

// reader has the default limits, changed as the functions say.
func reader(tb testing.TB, change ...func(*graphql.Limits)) *graphql.Reader {
	tb.Helper()
	limits := graphql.DefaultLimits
	for _, c := range change {
		c(&limits)
	}
	r, err := graphql.New(limits)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// does writes the fields of a request as "query a, mutation b".
func does(r graphql.Request) string {
	var all []string
	for _, f := range r.Fields {
		all = append(all, f.String())
	}
	return strings.Join(all, ", ")
}

// expectRefusal fails if err is not one with the code and the words.
func expectRefusal(tb testing.TB, input string, r graphql.Request, err error, code graphql.Code, words string) {
	tb.Helper()
	var refusal *graphql.Error
	switch {
	case err == nil:
		tb.Errorf("%.200q is read as %q; want an error with %q", input, does(r), words)
	case !errors.As(err, &refusal) || refusal.Code != code || !strings.Contains(refusal.Problem, words):
		tb.Errorf("%.200q: got %#v; want %s with %q", input, err, code, words)
	case len(r.Fields) > 0:
		tb.Errorf("%.200q is refused with the fields %q", input, does(r))
	case len(refusal.Problem) > 600:
		tb.Errorf("%.200q: the problem has %d bytes: %.700s", input, len(refusal.Problem), refusal.Problem)
	}
}

// expectFields fails if the request is refused or does something else.
func expectFields(tb testing.TB, input string, r graphql.Request, err error, want string) {
	tb.Helper()
	if err != nil || does(r) != want {
		tb.Errorf("%.200q: got %q, %v; want %q", input, does(r), err, want)
	}
}

// covers reports whether the fields of a request have all that are wanted.
func covers(r graphql.Request, want []graphql.Field) bool {
	return !slices.ContainsFunc(want, func(f graphql.Field) bool { return !slices.Contains(r.Fields, f) })
}
