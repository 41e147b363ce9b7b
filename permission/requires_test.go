package permission

import (
	"strings"
	"testing"
)

// What a permission requires is said once: a word that says nothing is a mistake.
func TestRequirementsAreSaidOnce(t *testing.T) {
	op, err := ParseOperation("PUT /x")
	if err != nil {
		t.Fatal(err)
	}
	operations := []Operation{op}
	for _, c := range []struct {
		name, says string
		requires   []string
	}{
		{"different ones", "", []string{"x.c", "x.b"}},
		{"one with several conditions", "", []string{"x.b if json:upsert", "x.b if json:copy"}},
		{"different ones with a condition", "", []string{"x.b if json:upsert", "x.c if json:upsert"}},
		{"one twice", "permission x.a requires x.b twice", []string{"x.b", "x.c", "x.b"}},
		{"one twice with a condition", "permission x.a requires x.b if json:upsert twice", []string{"x.b if json:upsert", "x.b if json:upsert"}},
		{"always, and with a condition", "x.b both always and with a condition", []string{"x.b", "x.b if json:upsert"}},
		{"with conditions, and always", "x.b both always and with a condition", []string{"x.b if json:upsert", "x.b if json:copy", "x.b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewCatalog([]Permission{
				{Name: "x.a", Operations: operations, Requires: c.requires},
				{Name: "x.b", Operations: operations},
				{Name: "x.c", Operations: operations},
			})
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v; want %q in it", err, c.says)
			}
		})
	}
}
