package ui_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// saveShop adds an API with fields of GraphQL and a permission that is marked.
func (f *site) saveShop(t *testing.T) {
	t.Helper()
	c := store.Catalog{API: "shop"}
	for _, p := range []struct {
		name       string
		mark       permission.Mark
		operations []string
	}{
		{"order.find", permission.Unmarked, []string{"GET /orders", "query orders"}},
		{"order.cancel", permission.Unmarked, []string{"mutation cancelOrder"}},
		{"search.run", permission.Read, []string{"POST /search"}},
	} {
		named := permission.Permission{Name: p.name, Mark: p.mark}
		for _, text := range p.operations {
			op, err := permission.ParseOperation(text)
			if err != nil {
				t.Fatal(err)
			}
			named.Operations = append(named.Operations, op)
		}
		c.Permissions = append(c.Permissions, named)
	}
	path, err := permission.ParsePattern("/graphql")
	if err != nil {
		t.Fatal(err)
	}
	c.GraphQL = []store.GraphQL{{Paths: []permission.Pattern{path}, Introspection: "deny"}}
	if err := f.store.Change(t.Context(), func(tx store.Tx) error { return tx.SaveCatalog(t.Context(), c) }); err != nil {
		t.Fatal(err)
	}
}

func TestTry(t *testing.T) {
	f := newSite(t)
	f.saveShop(t)
	shop := func(kind token.Type, grants ...string) func(*admin.NewToken) {
		return func(d *admin.NewToken) { d.API, d.Type, d.Grants = "shop", kind, grants }
	}
	made := f.token(t, "ci", "member", shop(token.Custom, "order.find"))
	f.token(t, "reader", "member", shop(token.ReadOnly))
	f.token(t, "all", "member", shop(token.FullAccess))
	off := f.token(t, "off", "member", shop(token.ReadOnly))
	if _, err := f.SetEnabled(t.Context(), operator, off.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	b := f.as(t, "member")
	grant := func(what string) string { return `href="/tokens/` + made.ID + "/edit?grant=" + what + `"` }
	for _, test := range []struct {
		name, token, method, path string
		says                      []string
	}{
		{"granted", "ci", "GET", "/orders", []string{"✓ Allowed", "The token was granted order.find.", "It is: GET /orders in order.find"}},
		{"by id", made.ID, "GET", "/orders", []string{"✓ Allowed", `value="ci"`}},
		{"whole address", "ci", "GET", "https://shop.example.com/orders?page=2", []string{"✓ Allowed", `value="/orders?page=2"`}},
		{"not granted", "ci", "POST", "/search", []string{"✕ Refused", "The token has no grant of search.run.", grant("search.run")}},
		{"no permission", "ci", "DELETE", "/orders/1", []string{"✕ Refused", "No permission has DELETE /orders/1.", grant("DELETE%20%2forders%2f1")}},
		{"field", "ci", "mutation", "cancelOrder", []string{"✕ Refused", "no grant of order.cancel"}},
		{"reads by its mark", "reader", "POST", "/search", []string{"✓ Allowed", "POST /search reads, which a read-only token may."}},
		{"writes", "reader", "POST", "/orders", []string{"✕ Refused", "POST /orders counts as writing"}},
		{"everything", "all", "DELETE", "/anything", []string{"✓ Allowed", "A full-access token may do everything."}},
		{"never forwarded", "all", "TRACE", "/orders", []string{"✕ Refused", "Requests of this method are never forwarded"}},
		{"ambiguous", "all", "GET", "/a/%2e%2e/b", []string{"✕ Refused"}},
		{"opened", "all", "GET", "/a%2Fb", []string{"✕ Refused", "Where a gate opens encoded_slash"}},
		{"disabled", "off", "GET", "/orders", []string{"✕ Refused", "The token is disabled."}},
	} {
		t.Run(test.name, func(t *testing.T) {
			page := b.post("/try", "token", test.token, "method", test.method, "path", test.path, "kind", "rest")
			page.saysAll().is(http.StatusOK, append(test.says, `role="status"`, "Nothing was sent.")...)
		})
	}
	f.as(t, "auditor").post("/try", "token", "ci", "method", "POST", "path", "/search").is(http.StatusOK, "✕ Refused").lacks(`/edit?grant=search.run"`)
	b.get("/try?token="+made.ID+"&method=GET&path=/orders").is(http.StatusOK, "✓ Allowed")
	b.get("/try?token="+made.ID).is(http.StatusOK, `value="ci"`, "<option selected>shop").lacks("Allowed", "Refused")
	if uses, err := f.Usage(t.Context(), operator, made.ID, f.now().AddDate(0, 0, -1)); err != nil || len(uses) > 0 {
		t.Errorf("trying counts as use: %v, %v", uses, err)
	}
}

func TestTryGraphQL(t *testing.T) {
	f := newSite(t)
	f.saveShop(t)
	f.token(t, "ci", "member", func(d *admin.NewToken) { d.API, d.Type, d.Grants = "shop", token.Custom, []string{"order.find"} })
	b := f.as(t, "member")
	for document, says := range map[string][]string{
		`{ orders { id } }`: {"✓ Allowed", "query orders", "granted order.find"},
		`query($n: Int) { o: orders(first: $n) { id } __typename}`: {"✓ Allowed"},
		`{"query": "{ orders { id } }", "variables": {}}`:          {"✓ Allowed"},
		`[{"query": "{ orders { id } }"}]`:                         {"✓ Allowed"},
		`query A { orders { id } } mutation B { cancelOrder }`:     {"✕ Refused", "query orders Allowed", "mutation cancelOrder Refused", "no grant of order.cancel"},
		`{ __schema { types { name } } }`:                          {"✕ Refused", "query __schema Nobody may ask for the schema"},
		`{ __typename }`:                                           {"✓ Allowed", "Every token that works may."},
	} {
		b.post("/try", "token", "ci", "kind", "graphql", "document", document).saysAll().is(http.StatusOK, says...)
	}
	for _, document := range []string{"", "{ orders", "nonsense", `{"variables": {}}`} {
		b.post("/try", "token", "ci", "kind", "graphql", "document", document).saysAll().
			is(http.StatusUnprocessableEntity, `id="document-problem"`).lacks("Allowed", "Refused")
	}
}

// A path of GraphQL is decided on by the document, as at a gate.
func TestTryPathOfGraphQL(t *testing.T) {
	f := newSite(t)
	f.saveShop(t)
	f.token(t, "ci", "member", func(d *admin.NewToken) {
		d.API, d.Type, d.Grants = "shop", token.Custom, []string{"order.find", "POST /graphql", "GET /graphql"}
	})
	b := f.as(t, "member")
	for _, test := range []struct {
		method, path, body string
		says               []string
	}{
		{"POST", "/graphql", `{"query":"{ orders { id } }"}`, []string{"✓ Allowed", "query orders", "granted order.find"}},
		{"POST", "/GraphQL/", `{"query":"{ orders { id } payments { id } }"}`, []string{"✕ Refused", "query orders Allowed", "query payments Refused", "Grant query payments"}},
		{"GET", "/graphql?query=mutation%7BcancelOrder%7D", "", []string{"✕ Refused", "no grant of order.cancel"}},
		{"POST", "/graphql", "", []string{"✕ Refused", "The path is one of GraphQL, where the document decides"}},
		{"GET", "/graphql", "", []string{"✓ Allowed", "this is a request without a document"}},
	} {
		b.post("/try", "token", "ci", "kind", "rest", "method", test.method, "path", test.path, "body", test.body).saysAll().is(http.StatusOK, test.says...)
	}
}

func TestTryRefusesForms(t *testing.T) {
	f := newSite(t)
	const secret = "trv_0123456789012345678901234567890123456789"
	f.token(t, "ci", "member", nil)
	f.token(t, "ci", "member", func(d *admin.NewToken) { d.API = "orders" })
	theirs := f.token(t, "theirs", "manager", nil)
	b := f.as(t, "member")
	for _, test := range []struct {
		name, token, api, method, path, field, says string
	}{
		{"no token", "", "", "GET", "/x", "token", "Token: enter its name or its id"},
		{"unknown", "nothing", "", "GET", "/x", "token", "You can see no such token."},
		{"of another API", "ci", "tokenreeve", "GET", "/x", "token", "You can see no such token of API tokenreeve."},
		{"of somebody else", theirs.ID, "", "GET", "/x", "token", "You can see no such token."},
		{"two of a name", "ci", "", "GET", "/x", "api", "say which"},
		{"a secret", secret, "", "GET", "/x", "token", "that is a secret"},
		{"no path", "ci", "orders", "GET", "", "path", "Path: enter one, such as /api/articles/42"},
		{"no such path", "ci", "orders", "GET", "x", "path", "is not a path"},
		{"lower case", "ci", "orders", "get", "/x", "method", "write GET"},
	} {
		t.Run(test.name, func(t *testing.T) {
			page := b.post("/try", "token", test.token, "api", test.api, "method", test.method, "path", test.path)
			page.saysAll().is(http.StatusUnprocessableEntity, `id="`+test.field+`-problem"`, test.says).lacks(`value="` + secret)
		})
	}
	b.post("/try", "token", "ci", "api", "orders", "method", "GET", "path", "/x").is(http.StatusOK, "✓ Allowed")
}

func TestSuggestTokens(t *testing.T) {
	f := newSite(t)
	f.token(t, "Nightly build", "member", nil)
	f.token(t, "Web site", "member", nil)
	f.token(t, "Nightly report", "manager", nil)
	f.as(t, "member").get("/try/tokens?token=night").is(http.StatusOK, `<datalist id="tokens">`, `value="Nightly build"`).
		lacks(`value="Web site"`, `value="Nightly report"`, "<html")
	f.as(t, "owner").get("/try/tokens?token=night").is(http.StatusOK, `value="Nightly build"`, `value="Nightly report"`)
}

// Of a bulk request each request has its verdict. The body is shown again, without a
// secret that somebody pasted with it.
func TestTryBulk(t *testing.T) {
	f := newSite(t)
	permissions, err := permission.ForKintone()
	if err != nil {
		t.Fatal(err)
	}
	shop := store.Catalog{API: "shop", Permissions: permissions}
	if err := f.store.Change(t.Context(), func(tx store.Tx) error { return tx.SaveCatalog(t.Context(), shop) }); err != nil {
		t.Fatal(err)
	}
	b := f.as(t, "owner")
	b.post("/tokens", "api", "shop", "name", "seven", "type", "custom", "duration", "7d", "written", "record.* app=7").saysAll().is(http.StatusOK, "seven")
	const secret = "trv_0123456789012345678901234567890123456789"
	part := func(app string) string {
		return `{"method": "POST", "api": "/k/v1/record.json", "payload": {"app": ` + app + `}}`
	}
	ask := func(parts ...string) seen {
		return b.post("/try", "token", "seven", "kind", "rest", "method", "POST", "path", "/k/v1/bulkRequest.json", "body", `{"requests": [`+strings.Join(parts, ",")+`]}`).saysAll()
	}
	ask(part("7"), part("8")).is(http.StatusOK, "✕ Refused", "The token was granted record.* app=7.", "The token has no grant of record.add app=8.")
	ask(part("7"), part(`"7"`)).is(http.StatusOK, "✓ Allowed")
	ask(part(`"`+secret+`"`)).is(http.StatusOK, "✕ Refused").lacks(secret)
}

// A token that is held to a value: written into the text area, shown in words, and
// tried with a query and with a body.
func TestGrantsOfOneValue(t *testing.T) {
	f := newSite(t)
	catalog := store.Catalog{API: "shop"}
	for name, text := range map[string]string{"stock.view": "GET /stock?shop={shop}", "stock.add": "POST /stock json:shop={shop}"} {
		op, err := permission.ParseOperation(text)
		if err != nil {
			t.Fatal(err)
		}
		catalog.Permissions = append(catalog.Permissions, permission.Permission{Name: name, Operations: []permission.Operation{op}})
	}
	if err := f.store.Change(t.Context(), func(tx store.Tx) error { return tx.SaveCatalog(t.Context(), catalog) }); err != nil {
		t.Fatal(err)
	}
	b := f.as(t, "owner")
	b.post("/tokens", "api", "shop", "name", "bad", "type", "custom", "duration", "7d", "written", "stock.add\nstock.view store=7").saysAll().
		is(http.StatusUnprocessableEntity, "Line 2: store=7 fixes nothing: the operations of stock.view have shop in braces")
	b.post("/tokens", "api", "shop", "name", "seven", "type", "custom", "duration", "7d", "written", "stock.view shop=7\nstock.add shop=7 ").saysAll().
		is(http.StatusOK, "Your new token: seven")
	made := f.tokens(t)["seven"]
	b.get("/tokens/"+made.ID).saysAll().is(http.StatusOK, "For certain values", "stock.view", "only where shop=7")
	b.get("/tokens/"+made.ID+"/edit").saysAll().is(http.StatusOK, "stock.view shop=7\nstock.add shop=7</textarea>")
	for _, test := range []struct{ method, path, body, says string }{
		{"GET", "/stock?shop=7", "", "✓ Allowed"},
		{"GET", "/stock?shop=8", "", "The token has no grant of stock.view shop=8."},
		{"GET", "/stock", "", "No permission has GET /stock as it is: stock.view has it with shop in the query."},
		{"POST", "/stock", `{"shop": 7}`, "✓ Allowed"},
		{"POST", "/stock", `{"shop": 8}`, "The token has no grant of stock.add shop=8."},
		{"POST", "/stock", `{"shop": 7, "shop": 8}`, "which decides, stands in the request more than once"},
	} {
		b.post("/try", "token", "seven", "kind", "rest", "method", test.method, "path", test.path, "body", test.body).saysAll().is(http.StatusOK, test.says)
	}

	// A link grants for the value that was asked for, and there is none where that is not known.
	edit := "/tokens/" + made.ID + "/edit?grant="
	b.post("/try", "token", "seven", "method", "GET", "path", "/stock?shop=8").is(http.StatusOK, `href="`+edit+`stock.view%20shop%3d8"`)
	b.get(edit+"stock.view%20shop%3D8").saysAll().is(http.StatusOK, "stock.view shop=7\nstock.add shop=7\nstock.view shop=8</textarea>", "stock.view shop=8 is chosen because")
	b.post("/try", "token", "seven", "method", "GET", "path", "/stock?shop="+strings.Repeat("8", 300)).saysAll().
		is(http.StatusOK, "The token has no grant of stock.view.").lacks("edit?grant=")
	b.post("/try", "token", "seven", "method", "GET", "path", "/stock").is(http.StatusOK, "✕ Refused").lacks("edit?grant=")
	use := token.Use{TokenID: made.ID, Day: f.now().UTC().Truncate(24 * time.Hour), Last: f.now().UTC(), Refused: 1, Permissions: []token.PermissionUse{{Permission: "stock.view", Refused: 1}}}
	if err := f.store.RecordUse(t.Context(), []token.Use{use}); err != nil {
		t.Fatal(err)
	}
	b.get("/tokens/"+made.ID).saysAll().is(http.StatusOK, "asked for stock.view once").lacks("edit?grant=")
}
