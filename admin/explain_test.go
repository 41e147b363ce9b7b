package admin_test

import (
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/token"
)

func TestExplain(t *testing.T) {
	f := newFixture(t)
	custom, _ := f.create(t, nil)
	reader, _ := f.create(t, func(d *admin.NewToken) { d.Name, d.Type, d.Grants = "reader", token.ReadOnly, nil })
	for _, test := range []struct {
		token                      token.Token
		method, path               string
		reason                     gate.Reason
		operations, grants, missed string
	}{
		{custom, "GET", "/api/articles", gate.Allow, "GET /api/articles", "article.find", "article.find"},
		{custom, "POST", "/api/search", gate.Allow, "", "POST /api/search", ""},
		{custom, "PATCH", "/api/articles/1", gate.MissingPermission, "PATCH /api/articles/{id}", "", "article.update"},
		{reader, "GET", "/api/articles/1", gate.Allow, "GET /api/articles/{id}", "", "article.find_one"},
		{reader, "DELETE", "/api/articles/1", gate.MissingPermission, "DELETE /api/articles/{id}", "", "article.delete"},
	} {
		e, err := f.Explain(t.Context(), operator, test.token.ID, gate.Asked{Method: test.method, Target: test.path})
		switch {
		case err != nil || e.Reason != test.reason:
			t.Errorf("%s %s: %s, %v; want %s", test.method, test.path, e.Reason, err, test.reason)
		case strings.Join(e.Operations, ", ") != test.operations || strings.Join(e.Grants, ", ") != test.grants ||
			strings.Join(e.Permissions, ", ") != test.missed:
			t.Errorf("%s %s: operations %q, grants %q, permissions %q", test.method, test.path, e.Operations, e.Grants, e.Permissions)
		}
	}
	for method, path := range map[string]string{"get": "/api/articles", "GET": "articles"} {
		_, err := f.Explain(t.Context(), operator, custom.ID, gate.Asked{Method: method, Target: path})
		if fields := problems(t, err); fields != "method" && fields != "path" {
			t.Errorf("%s %s: got %v", method, path, err)
		}
	}
}
