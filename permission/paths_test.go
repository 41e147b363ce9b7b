package permission_test

import (
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
)

// All that a lenient server may serve for a path of the set, or below it, is in it.
func TestPathsCover(t *testing.T) {
	for _, test := range []struct {
		pattern string
		inside  []string
		outside []string
	}{
		{"/graphql", []string{"/graphql", "/graphql/", "/GraphQL", "/graphql.json", "/graphql/x", "/GRAPHQL/x/y", "/graphql./x", "/\uff47raphql"}, []string{"/", "/graphqlx", "/api/graphql", "/graph/ql"}},
		{"/graphql/", []string{"/graphql", "/graphql/", "/graphql/x"}, []string{"/", "/x"}},
		{"/", []string{"/", "/x", "/x/y"}, nil},
		{"/*", []string{"/", "/x", "/x/y"}, nil},
		{"/{tenant}/graphql", []string{"/a/graphql", "/b/graphql/x"}, []string{"/graphql", "/a/b/graphql"}},
		{"/api/graphql/*", []string{"/api/graphql/x"}, []string{"/api"}},
	} {
		p, err := permission.ParsePattern(test.pattern)
		if err != nil {
			t.Fatal(err)
		}
		paths, err := permission.NewPaths([]permission.Pattern{p})
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range test.inside {
			if !paths.Cover(path) {
				t.Errorf("%s does not cover %s", test.pattern, path)
			}
		}
		for _, path := range test.outside {
			if paths.Cover(path) {
				t.Errorf("%s covers %s", test.pattern, path)
			}
		}
	}
}
