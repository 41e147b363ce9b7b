package rest_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func TestCursorsWalk(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleManager)
	const many = 23
	for i := range many {
		f.token(t, "ann", fmt.Sprintf("token %02d", i%7*10+i/7))
	}
	for _, query := range []string{"", "sort=created&order=desc", "sort=last_used", "sort=expiry", "sort=owner&order=desc", "sort=api", "search=TOKEN"} {
		seen := map[string]bool{}
		next, pages := "", 0
		for {
			p := read[page[admin.Record]](t, ann.do(t, "GET", "/tokens?limit=5&"+query+"&cursor="+url.QueryEscape(next), nil).want(t, http.StatusOK))
			for _, item := range p.Items {
				if seen[item.ID] {
					t.Errorf("%s: %s came twice", query, item.Name)
				}
				seen[item.ID] = true
			}
			pages++
			if p.Next == nil {
				break
			}
			next = *p.Next
		}
		if len(seen) != many || pages != 5 {
			t.Errorf("%q: %d tokens on %d pages", query, len(seen), pages)
		}
	}
	p := read[page[admin.Record]](t, ann.do(t, "GET", "/tokens?limit=5", nil))
	for _, query := range []string{"sort=created&cursor=" + url.QueryEscape(*p.Next), "cursor=nonsense", "order=desc&cursor=" + url.QueryEscape(*p.Next)} {
		p := ann.do(t, "GET", "/tokens?"+query, nil).refused(t, http.StatusBadRequest, "invalid_cursor")
		if p.Detail != "The cursor is not the next of the last answer to this query. Begin without one." {
			t.Errorf("%s: got %q", query, p.Detail)
		}
	}
	next, names := "", 0
	for {
		p := read[page[admin.RoleRecord]](t, f.signInAs(t, admin.RoleOwner).do(t, "GET", "/roles?limit=1&cursor="+url.QueryEscape(next), nil).want(t, http.StatusOK))
		names += len(p.Items)
		if p.Next == nil {
			break
		}
		next = *p.Next
	}
	if names != 4 {
		t.Errorf("got %d roles", names)
	}
}

// signInAs signs in to an account of the role, named after it.
func (f *fixture) signInAs(t *testing.T, role string) *client {
	t.Helper()
	if _, err := f.Account(t.Context(), operator, role); err != nil {
		return f.member(t, role, role)
	}
	return f.signIn(t, role)
}

func TestFilters(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleManager)
	_ = f.member(t, "ben", admin.RoleMember)
	f.token(t, "ann", "one")
	off := f.token(t, "ben", "two")
	if _, err := f.SetEnabled(t.Context(), operator, off.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	f.use(t, off.ID, "trv_whatever")
	tomorrow := f.now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	for query, want := range map[string]string{
		"owner=ben": "two", "status=disabled": "two", "status=active": "one", "search=NE": "one", "type=full-access": "",
		"api=orders": "", "api=articles&owner=ann": "one", "unused_since=" + tomorrow: "one two", "unused_since=2001-01-01": "",
		"expires_by=2999-01-01": "one", "expires_by=" + tomorrow: "", "search=&owner=ann": "one",
	} {
		var names []string
		for _, item := range read[page[admin.Record]](t, ann.do(t, "GET", "/tokens?"+query, nil).want(t, http.StatusOK)).Items {
			names = append(names, item.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	for query, field := range map[string]string{
		"api=nothing": "api", "type=x": "type", "status=x": "status", "sort=x": "sort", "order=x": "order", "limit=0": "limit",
		"limit=501": "limit", "limit=x": "limit", "unused_since=yesterday": "unused_since", "expires_by=2027-13-01": "expires_by",
		"nothing=1": "nothing", "owner=": "owner", "owner=a&owner=b": "owner",
	} {
		p := ann.do(t, "GET", "/tokens?"+query, nil).refused(t, http.StatusBadRequest, "invalid_parameter")
		if len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: got %v", query, p.Errors)
		}
	}
	ann.do(t, "GET", "/tokens?a=%zz", nil).refused(t, http.StatusBadRequest, "invalid_parameter")
	ann.do(t, "GET", "/tokens?owner=ann;type=custom", nil).refused(t, http.StatusBadRequest, "invalid_parameter")
}

func TestExplain(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	path := "/tokens/" + f.token(t, "ann", "ci").ID + "/explain"
	for _, test := range []struct {
		method, target string
		allowed        bool
		reason         string
	}{
		{"GET", "/api/articles?page=2", true, "allowed"},
		{"POST", "/api/articles", false, "missing_permission"},
		{"mutation", "createArticle", false, "missing_permission"},
		{"GET", "/api/../x", false, "ambiguous_request"},
	} {
		got := read[struct {
			Allowed bool
			Reason  string
		}](t, ann.do(t, "POST", path, object{"method": test.method, "path": test.target}).want(t, http.StatusOK))
		if got.Allowed != test.allowed || got.Reason != test.reason {
			t.Errorf("%s %s: got %+v", test.method, test.target, got)
		}
	}
	ann.do(t, "POST", path, object{"method": "POST", "path": "/api/articles", "body": `{"app": 7}`}).want(t, http.StatusOK)
	ann.do(t, "POST", path, object{"method": "get", "path": "/"}).refused(t, http.StatusUnprocessableEntity, "invalid_fields")
	ann.do(t, "POST", path, object{"method": "GET", "path": "no path"}).refused(t, http.StatusUnprocessableEntity, "invalid_fields")
}

// saveKintone adds an API with kintone's permissions.
func (f *fixture) saveKintone(t *testing.T) {
	t.Helper()
	permissions, err := permission.ForKintone()
	if err != nil {
		t.Fatal(err)
	}
	c := store.Catalog{API: "shop", Permissions: permissions}
	if err := f.store.Change(t.Context(), func(tx store.Tx) error { return tx.SaveCatalog(t.Context(), c) }); err != nil {
		t.Fatal(err)
	}
}

// Each of the requests that a bulk request holds is explained.
func TestExplainBulk(t *testing.T) {
	f := newFixture(t)
	f.saveKintone(t)
	seven, _, err := f.Create(t.Context(), operator, admin.NewToken{
		API: "shop", Name: "seven", Type: token.Custom, Duration: "30d", Grants: []string{"record.* app=7"}, Owner: "ann",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := read[struct {
		Allowed   bool
		Operation string
		Parts     []struct {
			Allowed                 bool
			Operations, Permissions []string
		}
	}](t, f.member(t, "ann", admin.RoleMember).do(t, "POST", "/tokens/"+seven.ID+"/explain", object{
		"method": "POST", "path": "/k/v1/bulkRequest.json",
		"body": `{"requests": [{"method": "POST", "api": "/k/v1/record.json", "payload": {"app": 7}}, {"method": "PUT", "api": "/k/v1/record.json", "payload": {"app": 8}}]}`,
	}).want(t, http.StatusOK))
	if got.Allowed || got.Operation != "POST /k/v1/bulkRequest.json" || len(got.Parts) != 2 || !got.Parts[0].Allowed || got.Parts[1].Allowed ||
		!slices.Equal(got.Parts[1].Operations, []string{"PUT /k/v1/record.json json:app={app}"}) || !slices.Equal(got.Parts[1].Permissions, []string{"record.edit"}) {
		t.Errorf("got %+v", got)
	}
}

// A permission says what else it takes, and which values grants of it can fix.
func TestCatalogOfParameters(t *testing.T) {
	f := newFixture(t)
	f.saveKintone(t)
	got := read[struct {
		Permissions []struct {
			Name                 string
			Parameters, Requires []string
		}
	}](t, f.member(t, "ann", admin.RoleMember).do(t, "GET", "/apis/shop", nil).want(t, http.StatusOK))
	for _, p := range got.Permissions {
		parameters, requires := "app space", ""
		switch p.Name {
		case "record.edit":
			requires = "record.view, record.add if json:upsert"
		case "record.comment":
			requires = "record.view"
		case "record.cursor", "file.download", "file.upload":
			parameters = "space"
		}
		if p.Requires == nil || strings.Join(p.Parameters, " ") != parameters || strings.Join(p.Requires, ", ") != requires {
			t.Errorf("got %+v; want %s, %s", p, parameters, requires)
		}
	}
	if len(got.Permissions) < 9 {
		t.Errorf("got %+v", got)
	}
}

func TestCatalogs(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	all := read[page[struct {
		Name  string
		Count int `json:"permission_count"`
	}]](t, ann.do(t, "GET", "/apis", nil).want(t, http.StatusOK))
	if len(all.Items) != 3 || all.Items[0].Name != "articles" || all.Items[0].Count == 0 {
		t.Errorf("got %+v", all)
	}
	one := ann.do(t, "GET", "/apis/"+admin.ManagementAPI, nil).want(t, http.StatusOK)
	if !strings.Contains(string(one.body), "GET "+admin.ManagementPath+"/tokens/{id}") {
		t.Errorf("got %s", one.body)
	}
	ann.do(t, "GET", "/apis/nothing", nil).refused(t, http.StatusNotFound, "not_found")
}

// An API that no gateway has had yet has no time: null, not one of the year 1.
func TestCatalogBeforeItsGateway(t *testing.T) {
	f := newFixture(t)
	f.saveCatalogs(t)
	configured := newFixture(t, func(c *rest.Config) {
		c.Service = admin.New(f.store, f.now, rand.Reader, store.Catalog{API: "later"})
		c.Authenticate = f.authenticate
	})
	c := &client{f: configured, cookie: f.member(t, "ann", admin.RoleOwner).cookie}
	for api, known := range map[string]bool{"articles": true, "later": false} {
		got := read[map[string]any](t, c.do(t, "GET", "/apis/"+api, nil).want(t, http.StatusOK))
		if updated, there := got["updated"]; !there || (updated != nil) != known {
			t.Errorf("%s was updated %v", api, updated)
		}
	}
}

func TestGateways(t *testing.T) {
	f := newFixture(t)
	f.token(t, "ann", "hers")
	f.token(t, "ben", "his")
	permissions, err := permission.ForResource("article", "/api/articles", false)
	if err != nil {
		t.Fatal(err)
	}
	fingerprint, err := permission.Fingerprint(permissions)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []store.Gateway{
		{ID: "1", Name: "one", Version: "v1.0.0", Fingerprint: fingerprint}, {ID: "2", Name: "two", Fingerprint: "other"},
	} {
		g.API, g.Started = "articles", f.now()
		if err := f.store.SaveGateway(t.Context(), g.ID, []store.Gateway{g}); err != nil {
			t.Fatal(err)
		}
	}
	type api struct {
		Name     string
		Tokens   *int `json:"token_count"`
		Gateways []struct {
			Name           string
			Version        *string
			Started, Seen  time.Time
			Alive, Current bool
		}
	}
	ann := f.member(t, "ann", admin.RoleMember)
	all := read[page[api]](t, ann.do(t, "GET", "/apis", nil).want(t, http.StatusOK))
	for _, got := range []api{all.Items[0], read[api](t, ann.do(t, "GET", "/apis/articles", nil).want(t, http.StatusOK))} {
		if got.Name != "articles" || got.Tokens == nil || *got.Tokens != 1 || len(got.Gateways) != 2 {
			t.Fatalf("got %+v", got)
		}
		one, two := got.Gateways[0], got.Gateways[1]
		if one.Name != "one" || *one.Version != "v1.0.0" || one.Started.IsZero() || one.Seen.IsZero() || !one.Alive || !one.Current {
			t.Errorf("got %+v", one)
		}
		if two.Name != "two" || two.Version != nil || !two.Alive || two.Current {
			t.Errorf("got %+v", two)
		}
	}
	blind := f.scriptOf(t, "ann", "api.read")
	if got := read[api](t, blind.do(t, "GET", "/apis/orders", nil).want(t, http.StatusOK)); got.Tokens != nil || got.Gateways == nil {
		t.Errorf("got %+v", got)
	}
}
