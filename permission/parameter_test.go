package permission

import (
	"slices"
	"strings"
	"testing"
)

func TestParseParameters(t *testing.T) {
	for _, text := range []string{
		"GET /k/v1/record.json?app={app}", "GET /records?app={app}&space={space}", "POST /k/v1/record.json json:app={app}",
		"PUT /orgs/{org}/records?kind={kind} json:id={id}", "DELETE /records/*?app={app}",
	} {
		op, err := ParseOperation(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if op.String() != text {
			t.Errorf("%s became %s", text, op)
		}
	}
	for text, says := range map[string]string{
		"GET /a?":                          `"" is not a parameter`,
		"GET /a?app":                       `"app" is not a parameter`,
		"GET /a?app=7":                     `"app=7" is not a parameter`,
		"GET /a?app={}":                    "is not a parameter",
		"GET /a?app={app}&":                `"" is not a parameter`,
		"GET /a?a[b]={b}":                  "is not a parameter",
		"HEAD /a json:app={app}":           "has no JSON body",
		"POST /a json:app":                 `"app" is not a parameter`,
		"POST /a form:app={app}":           `"form:app={app}" is surplus`,
		"POST /a, POST /b":                 "is surplus",
		"POST /{app} json:app={app}":       "{app} stands in",
		"POST /a?app={app} json:App={app}": "stands in",
		"POST /a?x={app} json:y={app}":     "{app} stands in",
		"POST /a?app={x} json:App={y}":     "App stands in",
		"GET /a?a={a}&b={b}&c={c}&d={d}&e={e}&f={f}&g={g}&h={h}&i={i}": "8 parameters, not more",
		"query articles?app={app}":                                     "is not the name of a root field",
	} {
		if _, err := ParseOperation(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; want %s", text, err, says)
		}
	}
}

func parameterCatalog(t *testing.T) *Catalog {
	t.Helper()
	define := func(name string, operations ...string) Permission {
		p := Permission{Name: name}
		for _, text := range operations {
			op, err := ParseOperation(text)
			if err != nil {
				t.Fatal(err)
			}
			p.Operations = append(p.Operations, op)
		}
		return p
	}
	edit := define("record.edit", "PUT /k/v1/record.json json:app={app}")
	edit.Requires = []string{"record.view"}
	c, err := NewCatalog([]Permission{
		define("record.view", "GET /k/v1/record.json?app={app}"), define("record.add", "POST /k/v1/record.json json:app={app}"), edit,
		define("org.read", "GET /orgs/{org}/*", "GET /orgs/{org}?part={part}"), define("any.read", "GET /k/*"), define("plain.read", "GET /plain"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func query(pairs ...string) (values []Value) {
	for _, pair := range pairs {
		name, text, _ := strings.Cut(pair, "=")
		values = append(values, Value{InQuery, name, text})
	}
	return values
}

func inJSON(name, text string) []Value { return []Value{{InJSON, name, text}} }

// A grant that fixes a value allows requests with this value and no other.
func TestGrantsFixValues(t *testing.T) {
	c := parameterCatalog(t)
	for _, test := range []struct {
		grants       string // separated by ;
		method, path string
		values       []Value
		allowed      bool
	}{
		{"record.view", "GET", "/k/v1/record.json", query("app=7"), true},
		{"record.view", "HEAD", "/k/v1/record.json", query("app=7"), true},
		{"record.view", "GET", "/k/v1/record.json", nil, false}, // the parameter is part of the operation
		{"record.view", "GET", "/k/v1/record.json", query("App=7"), false},
		{"record.view", "GET", "/k/v1/record.json", inJSON("app", "7"), false}, // another place
		{"record.view app=7", "GET", "/k/v1/record.json", query("app=7"), true},
		{"record.view app=7", "GET", "/k/v1/record.json", query("app=8"), false},
		{"record.view app=7", "GET", "/k/v1/record.json", query("app=07"), false},
		{"record.view app=7", "GET", "/k/v1/record.json", query("app="), false},
		{"record.view app=7", "GET", "/k/v1/record.json", nil, false},
		{"record.view app=7;record.view app=8", "GET", "/k/v1/record.json", query("app=8"), true},
		{"record.view app=7", "POST", "/k/v1/record.json", inJSON("app", "7"), false},
		{"record.* app=7", "POST", "/k/v1/record.json", inJSON("app", "7"), true},
		{"record.* app=7", "POST", "/k/v1/record.json", inJSON("app", "9"), false},
		{"org.read org=acme", "GET", "/orgs/acme/x", nil, true},
		{"org.read org=acme", "GET", "/orgs/acme2/x", nil, false},
		{"org.read org=acme", "GET", "/orgs/ACME/x", nil, false},
		{"org.read org=a%20b", "GET", "/orgs/a b/x", nil, true},
		{"org.read part=x org=acme", "GET", "/orgs/acme", query("part=x"), true},
		{"org.read part=x org=acme", "GET", "/orgs/acme", query("part=y"), false},
		{"org.read part=x org=acme", "GET", "/orgs/acme/x", query("part=x"), false}, // that operation has no part
		{"org.read part=x", "GET", "/orgs/acme", query("part=x"), true},
		{"plain.read org=acme", "GET", "/plain", nil, false}, // nothing there to hold against
		{"GET /k/v1/record.json?app={app}", "GET", "/k/v1/record.json", query("app=3"), true},
		{"GET /k/v1/record.json?app={app}", "GET", "/k/v1/record.json", nil, false},
		{"GET /k/v1/record.json?app={app} app=3", "GET", "/k/v1/record.json", query("app=3"), true},
		{"GET /k/v1/record.json?app={app} app=3", "GET", "/k/v1/record.json", query("app=4"), false},
		{"GET /orgs/{o}/* o=acme", "GET", "/orgs/acme/x", nil, true},
		{"GET /orgs/{o}/* o=acme", "GET", "/orgs/other/x", nil, false},
		{"any.read", "GET", "/k/v1/record.json", nil, true},
		{"any.read", "GET", "/k/v1/record.json", query("app=7"), true},
	} {
		grants, err := c.Compile(strings.Split(test.grants, ";"))
		if err != nil {
			t.Fatalf("%s: %v", test.grants, err)
		}
		m := c.With(c.Find(test.method, test.path), test.values)
		if allowed := grants.Allow(m); allowed != test.allowed {
			t.Errorf("%s: %s %s with %v is allowed: %v", test.grants, test.method, test.path, test.values, allowed)
		}
		if test.values != nil && len(c.Parameters(c.Find(test.method, test.path)))+len(grants.Parameters(m)) == 0 && strings.Contains(test.grants, "record.") {
			t.Errorf("%s %s: nobody asks for its parameters", test.method, test.path)
		}
	}
}

// Until its values are known a request is none of an operation with parameters.
func TestNothingAllowsUnreadParameters(t *testing.T) {
	c := parameterCatalog(t)
	grants, err := c.Compile([]string{"record.view", "record.view app=7"})
	if err != nil {
		t.Fatal(err)
	}
	if m := c.Find("GET", "/k/v1/record.json"); grants.Allow(m) || slices.Contains(c.Names(m), "record.view") {
		t.Error("a request is allowed whose parameters nobody read")
	}
}

// The gate asks for values only where this says that they can decide: one that is
// forgotten here lets a token held to one app into all of them.
func TestPathsDecide(t *testing.T) {
	operation := func(text string) []Operation {
		op, err := ParseOperation(text)
		if err != nil {
			t.Fatal(err)
		}
		return []Operation{op}
	}
	plain := Permission{Name: "plain.read", Operations: operation("GET /orgs/{org}/*")}
	for _, c := range []struct {
		name   string
		other  Permission
		grants []string
		want   bool
	}{
		{"a path", Permission{Operations: operation("GET /x")}, []string{"plain.read", "plain.read org=acme", "GET /a/*"}, true},
		{"a query parameter", Permission{Operations: operation("GET /x?app={app}")}, nil, false},
		{"a member", Permission{Operations: operation("POST /x json:app={app}")}, nil, false},
		{"a required permission", Permission{Operations: operation("GET /x"), Requires: []string{"plain.read"}}, nil, false},
		{"one required at times", Permission{Operations: operation("GET /x"), Requires: []string{"plain.read if json:upsert"}}, nil, false},
		{"bulk requests", Permission{Operations: operation("GET /x"), Bulk: []Pattern{operation("POST /bulk")[0].Pattern}}, nil, false},
		{"a query parameter written out", Permission{Operations: operation("GET /x")}, []string{"GET /a?b={b}"}, false},
		{"a member written out", Permission{Operations: operation("GET /x")}, []string{"plain.read", "POST /a json:b={b}"}, false},
		{"a value of a path written out", Permission{Operations: operation("GET /x")}, []string{"GET /a/{b} b=1"}, false},
	} {
		c.other.Name = "other.do"
		catalog, err := NewCatalog([]Permission{plain, c.other})
		if err != nil {
			t.Fatal(c.name, err)
		}
		grants, err := catalog.Compile(c.grants)
		if err != nil {
			t.Fatal(c.name, err)
		}
		if got := catalog.PathsDecide() && grants.PathsDecide(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Who may edit but not view what an edit answers with may not edit; and the values are the same.
func TestRequired(t *testing.T) {
	c := parameterCatalog(t)
	m := c.With(c.Find("PUT", "/k/v1/record.json"), inJSON("app", "7"))
	required := c.Required(m)
	if len(required) != 1 {
		t.Fatalf("%d are required", len(required))
	}
	for grant, allowed := range map[string]bool{
		"record.view": true, "record.view app=7": true, "record.view app=8": false, "record.edit": false, "record.* app=7": true,
	} {
		grants, err := c.Compile([]string{grant})
		if err != nil {
			t.Fatal(err)
		}
		if got := grants.Allow(required[0]); got != allowed {
			t.Errorf("%s: %v", grant, got)
		}
	}
	if _, err := NewCatalog([]Permission{{Name: "a.b", Operations: c.permissions[0].Operations, Requires: []string{"a.c"}}}); err == nil {
		t.Error("a permission that is not there can be required")
	}
}

func TestCheckFixes(t *testing.T) {
	c := parameterCatalog(t)
	for grant, says := range map[string]string{
		"record.view app=7": "", "record.* app=7": "", "org.read org=acme part=x": "",
		"record.view ap=7":             "have app in braces",
		"plain.read app=7":             "have nothing in braces",
		"record.veiw app=7":            "did you mean record.view?",
		"record.view app=7,record.add": "a grant for each", "record.view app=7,8": "a grant for each", "record.view app=*": "none for all values",
		"record.view app=7%2C8": "", "record.view app=%2A": "",
		"record.view app=":        "fixes no value",
		"record.view app=%zz":     "fixes no value",
		"record.view app=%01":     "fixes no value",
		"record.view app=7 app=8": "twice",
		"GET /a?app={app} org=7":  "does not have in braces",
		"GET /a app=7":            "does not have in braces",
		"record.view app=7 ":      "is not a grant",
		"record.view  app=7":      "is not a grant",
		"query articles app=7":    "does not have in braces",
	} {
		err := c.CheckGrant(grant)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v; want %q", grant, err, says)
		}
	}
}

// A value is fixed for the permission that it stands behind, and for no other of the token.
func TestFixesHoldForTheirPermissionAlone(t *testing.T) {
	c := parameterCatalog(t)
	views := func(app string) Match { return c.With(c.Find("GET", "/k/v1/record.json"), query("app="+app)) }
	adds := func(app string) Match { return c.With(c.Find("POST", "/k/v1/record.json"), inJSON("app", app)) }
	for _, x := range []struct {
		grants []string
		allows bool // at all: no request names a space
	}{
		{[]string{"record.view app=7", "record.add app=8"}, true},
		{[]string{"record.add app=8", "record.view app=7"}, true},
		{[]string{"record.view app=7 space=1", "record.add app=8 space=1"}, false},
	} {
		g, err := c.Compile(x.grants)
		if err != nil {
			t.Fatal(err)
		}
		if g.Allow(views("7")) != x.allows || g.Allow(adds("8")) != x.allows {
			t.Errorf("%q: refused, or allowed without a space", x.grants)
		}
		if g.Allow(views("8")) || g.Allow(adds("7")) {
			t.Errorf("%q: the app of the other permission is allowed", x.grants)
		}
	}
}

// A value is compared letter by letter, be it one, one of several, or written out.
func TestFixesAreExact(t *testing.T) {
	c := parameterCatalog(t)
	for _, grant := range []string{"org.read org=acme part=x", "org.read part=x", "GET /orgs/{org}?part={part} part=x"} {
		g, err := c.Compile([]string{grant})
		if err != nil {
			t.Fatal(err)
		}
		if !g.Allow(c.With(c.Find("GET", "/orgs/acme"), query("part=x"))) || g.Allow(c.With(c.Find("GET", "/orgs/acme"), query("part=X"))) {
			t.Error(grant)
		}
	}
}
