package permission

import (
	"slices"
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

// What Unmet names is what gates refuse requests for, and nothing else is.
func TestUnmet(t *testing.T) {
	operation := func(text string) []Operation {
		op, err := ParseOperation(text)
		if err != nil {
			t.Fatal(err)
		}
		return []Operation{op}
	}
	edit := Permission{Name: "record.edit", Operations: operation("PUT /records/{app}"), Requires: []string{"record.view", "app.see", "record.add if json:upsert"}}
	c, err := NewCatalog([]Permission{
		edit,
		{Name: "record.view", Operations: operation("GET /records/{app}")},
		{Name: "record.add", Operations: operation("POST /records/{app}")},
		{Name: "app.see", Operations: operation("GET /apps/{app}")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		own, others, unmet string // others with commas
	}{
		{"record.edit", "", "record.view app.see"},
		{"record.edit", "record.view", "app.see"},
		{"record.edit", "record.view,app.see", ""},
		{"record.edit", "record.view,app.*", ""},
		{"record.*", "", "app.see"},
		{"record.*", "app.see", ""},
		{"record.edit app=7", "record.view app=7,app.see", ""},
		{"record.edit app=7", "record.view app=8,app.see", "record.view"},
		{"record.edit app=7", "record.view app=8,record.view app=%37,app.* app=7", ""},
		{"record.edit app=7", "app.see app=7,PUT /records/{app},GET /records/{app}", "record.view"},
		{"record.edit app=7", "apps.*,record.viewer", "record.view app.see"},
	} {
		grants := append([]string{test.own}, strings.FieldsFunc(test.others, func(r rune) bool { return r == ',' })...)
		got := strings.Join(edit.Unmet(test.own, grants), " ")
		if got != test.unmet {
			t.Errorf("%v: %q is unmet; want %q", grants, got, test.unmet)
		}
		compiled, err := c.Compile(grants)
		if err != nil {
			t.Fatal(err)
		}
		m := c.Find("PUT", "/records/7")
		refused := slices.ContainsFunc(c.Required(m), func(required Match) bool { return !compiled.Allow(required) })
		if !compiled.Allow(m) || refused != (got != "") {
			t.Errorf("%v: %q is unmet, but it is %v that the gate refuses", grants, got, refused)
		}
	}
}
