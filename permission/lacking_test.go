package permission

import (
	"slices"
	"testing"
)

// What is lacking can be granted as it is told, and then allows the request.
func TestLacking(t *testing.T) {
	c := parameterCatalog(t)
	for _, test := range []struct {
		grants       []string
		method, path string
		values       []Value
		want         string
	}{
		{[]string{"record.view app=7"}, "GET", "/k/v1/record.json", query("app=8"), "record.view app=8"},
		{[]string{"record.view"}, "POST", "/k/v1/record.json", inJSON("app", "8"), "record.add"},
		{nil, "GET", "/k/v1/record.json", query("app=8"), "record.view"},
		{[]string{"record.view app=7"}, "GET", "/k/v1/record.json", query("app=a b,*/%=c"), "record.view app=a%20b%2C%2A%2F%25=c"},
		{[]string{"org.read org=acme"}, "GET", "/orgs/other/x", nil, "org.read org=other"},
		{[]string{"org.read part=x org=acme"}, "GET", "/orgs/other", query("part=y"), "org.read org=other part=y"},
		{[]string{"org.read org=acme"}, "GET", "/orgs/a\tb/x", nil, "org.read"},
	} {
		m := c.With(c.Find(test.method, test.path), test.values)
		got := c.Lacking(m, test.grants)
		if len(got) == 0 || got[0] != test.want {
			t.Errorf("%q: %s %s with %v lacks %q, want %q", test.grants, test.method, test.path, test.values, got, test.want)
			continue
		}
		if grants, err := c.Compile(got[:1]); err != nil || !grants.Allow(m) || c.CheckGrant(got[0]) != nil {
			t.Errorf("%s does not allow it: %v, %v", got[0], err, c.CheckGrant(got[0]))
		}
	}
	m := c.With(c.Find("PUT", "/k/v1/record.json"), inJSON("app", "8"))
	if got := c.Lacking(c.Required(m)[0], []string{"record.edit app=7"}); !slices.Equal(got, []string{"record.view app=8"}) {
		t.Errorf("what is required is told as %q", got)
	}
}

// What has a request but for its parameters says which: nothing else does.
func TestAlmost(t *testing.T) {
	c := parameterCatalog(t)
	for _, test := range []struct {
		method, path string
		values       []Value
		want         string
	}{
		{"GET", "/k/v1/record.json", nil, "record.view has it with app in the query"},
		{"PUT", "/k/v1/record.json", query("app=7"), "record.edit has it with app in the JSON body"},
		{"GET", "/k/v1/record.json", query("app=7"), ""}, // has it
		{"GET", "/plain", nil, ""},
		{"GET", "/nowhere", nil, ""},
	} {
		if got := c.Almost(c.With(c.Find(test.method, test.path), test.values)); got != test.want {
			t.Errorf("%s %s with %v: got %q, want %q", test.method, test.path, test.values, got, test.want)
		}
	}
}
