package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

const kintoneSite = `http://GATE {
	bind 127.0.0.1
	log {
		output file DIR/access.log
		format api_tokens
	}
	api_tokens articles {
		dialect kintone MORE
		permission other.get {
			GET /other
		}
	}
	reverse_proxy BACKEND
}
`

func newKintone(t *testing.T, b *backend, more string) *gateway {
	t.Helper()
	g := newGateway(t, map[string]string{"BACKEND": b.addr(), "MORE": more, "level DEBUG": "level debug\n\t\tformat api_tokens"})
	s, err := sqlite.Open(context.Background(), filepath.Join(g.dir, "tokens.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tok := range []token.Token{
		{Name: "seven", Enabled: true, Grants: []string{"record.* app=7", "other.get"}},
		{Name: "viewer", Enabled: true, Grants: []string{"record.view app=7"}},
		{Name: "editor", Enabled: true, Grants: []string{"record.edit app=7"}},
		{Name: "eight", Enabled: true, Grants: []string{"record.* app=8"}},
		{Name: "disabled", Grants: []string{"record.* app=9"}},
		{Name: "ended", Enabled: true, Grants: []string{"record.* app=9"}, Expiry: time.Now().UTC().Truncate(time.Second).Add(-time.Hour)},
	} {
		tok.Type = token.Custom
		g.tokens[tok.Name] = putToken(t, s, tok)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	g.mustLoad(kintoneSite)
	return g
}

// The table of kintone's answers: status and code, always JSON of these three members,
// and a message without a secret.
func TestKintoneAnswers(t *testing.T) {
	b := startBackend(t, "")
	g := newKintone(t, b, "")
	for name, test := range map[string]struct {
		method, target string
		tokens         []string
		headers        []string
		body           string
		status         int
		code           string
	}{
		"no credential":             {"GET", "/k/v1/record.json?app=7", nil, nil, "", 401, "CB_AU01"},
		"empty":                     {"GET", "/k/v1/record.json?app=7", nil, []string{"X-Cybozu-API-Token: "}, "", 401, "CB_AU01"},
		"another header":            {"GET", "/k/v1/record.json?app=7", nil, []string{"Authorization: Bearer " + g.tokens["seven"].secret}, "", 401, "CB_AU01"},
		"no token at all":           {"GET", "/k/v1/record.json?app=7", nil, []string{"X-Cybozu-API-Token: x"}, "", 400, "GAIA_IA02"},
		"unknown":                   {"GET", "/k/v1/record.json?app=7", []string{"unknown"}, nil, "", 400, "GAIA_IA02"},
		"disabled":                  {"GET", "/k/v1/record.json?app=9", []string{"disabled"}, nil, "", 400, "GAIA_IA02"},
		"expired":                   {"GET", "/k/v1/record.json?app=9", []string{"ended"}, nil, "", 400, "GAIA_IA02"},
		"of another API":            {"GET", "/k/v1/record.json?app=9", []string{"other"}, nil, "", 400, "GAIA_IA02"},
		"one bad of several":        {"GET", "/k/v1/record.json?app=7", []string{"seven", "unknown"}, nil, "", 400, "GAIA_IA02"},
		"one disabled of several":   {"GET", "/k/v1/record.json?app=7", []string{"seven", "disabled"}, nil, "", 400, "GAIA_IA02"},
		"ten tokens":                {"GET", "/k/v1/record.json?app=7", nil, []string{"X-Cybozu-API-Token: " + strings.Repeat(g.tokens["seven"].secret+",", 10)}, "", 400, "GAIA_IA02"},
		"permission missing":        {"POST", "/k/v1/record.json", []string{"viewer"}, []string{"Content-Type: application/json"}, `{"app":7}`, 403, "GAIA_NO01"},
		"app of another token":      {"GET", "/k/v1/record.json?app=8", []string{"seven"}, nil, "", 403, "GAIA_NO01"},
		"a route of nobody":         {"GET", "/k/v1/none.json", []string{"seven"}, nil, "", 403, "GAIA_NO01"},
		"two tokens of one app":     {"GET", "/k/v1/record.json?app=7", []string{"seven", "viewer"}, nil, "", 400, "GAIA_DA03"},
		"two apps":                  {"GET", "/k/v1/record.json?app=7&app=8", []string{"seven"}, nil, "", 400, "CB_VA01"},
		"a bulk request of nothing": {"POST", "/k/v1/bulkRequest.json", []string{"seven"}, []string{"Content-Type: application/json"}, `{}`, 400, "CB_VA01"},
		"a password":                {"GET", "/k/v1/record.json?app=7", nil, []string{"X-Cybozu-Authorization: YTpi"}, "", 401, "CB_AU01"},
		"a password and a token":    {"GET", "/k/v1/record.json?app=7", []string{"seven"}, []string{"X-Cybozu-Authorization: YTpi"}, "", 400, "GAIA_IA02"},
		"another method":            {"GET", "/k/v1/record.json?app=7", []string{"seven"}, []string{"X-HTTP-Method-Override: DELETE"}, "", 403, "GAIA_NO01"},
	} {
		t.Run(name, func(t *testing.T) {
			headers := test.headers
			for _, kind := range test.tokens {
				headers = append(headers, "X-Cybozu-API-Token: "+g.tokens[kind].secret)
			}
			a := g.askWith(test.method, test.target, test.body, headers...)
			var told map[string]string
			if err := json.Unmarshal([]byte(a.body), &told); err != nil || len(told) != 3 || told["id"] == "" || told["message"] == "" {
				t.Errorf("%v: %s", err, a.body)
			}
			if a.status != test.status || told["code"] != test.code || test.code == "CB_AU01" && told["message"] != "Please login." {
				t.Errorf("got %d %s; want %d %s", a.status, a.body, test.status, test.code)
			}
			if kind := a.header.Get("Content-Type"); kind != "application/json; charset=utf-8" || a.header.Get("WWW-Authenticate") != "" {
				t.Errorf("%s, %v", kind, a.header)
			}
			if findSecret(a.body, g.tokens) != "" {
				t.Errorf("the answer holds a secret: %s", a.body)
			}
		})
	}
	if got := b.take(); len(got) > 0 {
		t.Errorf("the backend got %q", got[0].raw)
	}
}

// A bulk request is refused as kintone does it: with the error at the index of the first
// request that is not allowed, or that lacks what it requires, and nothing for the others.
// What is wrong with the whole has no index.
func TestKintoneBulkAnswers(t *testing.T) {
	b := startBackend(t, "")
	g := newKintone(t, b, "")
	part := func(method, path string, app int) string {
		return fmt.Sprintf(`{"method":%q,"api":"/k/v1/%s.json","payload":{"app":%d,"ids":[1]}}`, method, path, app)
	}
	add, remove, edit, other := part("POST", "record", 7), part("DELETE", "records", 7), part("PUT", "record", 7), part("POST", "record", 8)
	for name, test := range map[string]struct {
		token string
		parts []string
		index int // of the error, or -1 if there are no results
		says  string
	}{
		"one":                           {"seven", []string{other}, 0, "record.add for app=8"},
		"in the middle":                 {"seven", []string{add, other, remove}, 1, "record.add for app=8"},
		"the last":                      {"seven", []string{add, remove, edit, other}, 3, "record.add for app=8"},
		"the first of several":          {"viewer", []string{remove, add, other}, 0, "record.delete"},
		"two alike":                     {"seven", []string{add, add, other, other}, 2, "record.add for app=8"},
		"what one requires":             {"editor", []string{edit, remove}, 0, "record.view for app=7"},
		"what one requires, behind one": {"editor", []string{remove, edit}, 0, "record.delete"},
		"read-only":                     {"readonly", []string{edit}, 0, "may only read"},
		"an unknown token":              {"unknown", []string{other}, -1, "A valid API token"},
		"in two ways":                   {"seven", []string{other, `{"method":"POST","method":"PUT","api":"/k/v1/record.json"}`}, -1, "more than one way"},
	} {
		body := `{"requests":[` + strings.Join(test.parts, ",") + `]}`
		a := g.askWith("POST", "/k/v1/bulkRequest.json", body, "Content-Type: application/json", "X-Cybozu-API-Token: "+g.tokens[test.token].secret)
		if test.index < 0 {
			if a.status != 400 || strings.Contains(a.body, "results") || !strings.Contains(a.body, test.says) {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
			continue
		}
		var told struct{ Results []map[string]string }
		if err := json.Unmarshal([]byte(a.body), &told); err != nil || a.status != 403 || len(told.Results) != len(test.parts) {
			t.Errorf("%s: %d %s, %v", name, a.status, a.body, err)
			continue
		}
		for i, result := range told.Results {
			if i != test.index && len(result) != 0 || i == test.index && (len(result) != 3 || result["code"] != "GAIA_NO01" || !strings.Contains(result["message"], test.says)) {
				t.Errorf("%s: %s", name, a.body)
			}
		}
		if id := told.Results[test.index]["id"]; id == "" || strings.HasPrefix(a.body, `{"code"`) {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	if got := b.take(); len(got) > 0 {
		t.Errorf("the backend got %q", got[0].raw)
	}
}

// What goes on arrives byte for byte, without the tokens and with the names of those
// that allowed it.
func TestKintoneForwards(t *testing.T) {
	b := startBackend(t, "")
	g := newKintone(t, b, "")
	seven, eight := g.tokens["seven"], g.tokens["eight"]
	const bulk = `{"requests": [{"method":"PUT","api":"/k/v1/record.json","payload":{"app":7}}, {"api":"/k/v1/records.json","method":"DELETE","payload":{"app":"8","ids":[1]}}]}`
	for _, test := range []struct {
		method, target, body string
		headers              []string
		ids                  string
		override             string
	}{
		{"GET", "/k/v1/record.json?app=7&id=1", "", []string{"X-Cybozu-API-Token: " + seven.secret + " , " + eight.secret}, seven.id, ""},
		{"POST", "/k/v1/bulkRequest.json", bulk, []string{"Content-Type: application/json", "X-Cybozu-API-Token: " + seven.secret, "X-Cybozu-API-Token: " + eight.secret}, seven.id + "," + eight.id, ""},
		{"POST", "/k/v1/records.json", `{"app":7}`, []string{"Content-Type: application/json", "X-HTTP-Method-Override: GET", "X-Cybozu-API-Token: " + seven.secret}, seven.id, "GET"},
		{"POST", "/k/v1/records.json", `app=7&query=a%3D1`, []string{"Content-Type: application/x-www-form-urlencoded", "X-HTTP-Method-Override: GET", "X-Cybozu-API-Token: " + seven.secret}, seven.id, "GET"},
		{"GET", "/other", "", []string{"X-Cybozu-API-Token: " + seven.secret}, seven.id, ""},
	} {
		if a := g.askWith(test.method, test.target, test.body, test.headers...); a.status != 200 {
			t.Errorf("%s %s: %v", test.method, test.target, a)
			continue
		}
		got := b.only(t)
		if got.line() != test.method+" "+test.target+" HTTP/1.1" || got.body != test.body || findSecret(got.raw, g.tokens) != "" {
			t.Errorf("%s %s arrived as %q", test.method, test.target, got.raw)
		}
		if ids := strings.Join(got.header("X-Token-Id"), "|"); ids != test.ids {
			t.Errorf("%s %s is of %s; want %s", test.method, test.target, ids, test.ids)
		}
		if override := strings.Join(got.header("X-HTTP-Method-Override"), "|"); override != test.override {
			t.Errorf("%s %s asks for %q", test.method, test.target, override)
		}
	}
}

// The message says what is missing in the request, or for which app a permission is. A
// value of the client's is neither repeated at length nor if it is a secret.
func TestKintoneSaysWhatIsMissing(t *testing.T) {
	b := startBackend(t, "")
	g := newKintone(t, b, "")
	secret := g.tokens["eight"].secret
	for _, test := range []struct{ method, target, body, says string }{
		{"GET", "/k/v1/record.json?app=8", "", "The API token has no grant of the permission record.view for app=8."},
		{"PUT", "/k/v1/record.json", `{"app":8}`, "The API token has no grant of the permission record.edit for app=8."},
		{"PUT", "/k/v1/record.json", "", "The API token has no grant for this operation as it is: record.edit has it with app in the JSON body."},
		{"GET", "/k/v1/file.json", "", "The API token has no grant of the permission file.download."},
		{"GET", "/k/v1/none.json", "", "The API token has no grant for this operation, and no permission includes it."},
		{"GET", "/k/v1/record.json?app=" + strings.Repeat("8", 300), "", "The API token has no grant of the permission record.view."},
		{"GET", "/k/v1/record.json?app=" + secret, "", "The API token has no grant of the permission record.view."},
	} {
		a := g.askWith(test.method, test.target, test.body, "Content-Type: application/json", "X-Cybozu-API-Token: "+g.tokens["seven"].secret)
		var told map[string]string
		if err := json.Unmarshal([]byte(a.body), &told); err != nil || a.status != 403 || told["message"] != test.says {
			t.Errorf("%s %s %s: %d %s, want %q", test.method, test.target, test.body, a.status, a.body, test.says)
		}
		id := `"answer":"` + told["id"] + `"`
		eventually(t, "the log has the id of the answer", func() bool { return told["id"] != "" && strings.Contains(g.log(), id) })
	}
}

// Bodies that decide may be as long as kintone's client makes them, or as it is
// configured; the refusal names what to configure.
func TestKintoneLongBodies(t *testing.T) {
	b := startBackend(t, "")
	for more, test := range map[string]struct {
		size, status int
		says         string
	}{
		"":                              {5 << 20, 200, ""},
		"{\n\t\t}\n\t\tmax_body 1KiB":   {1025, 413, "max_body of api_tokens, 1024 bytes"},
		"{\n\t\t}\n\t\tmax_body 1KiB\n": {1024, 200, ""},
	} {
		g := newKintone(t, b, more)
		body := `{"app":7,"x":"` + strings.Repeat("x", test.size-len(`{"app":7,"x":""}`)) + `"}`
		a := g.askWith("POST", "/k/v1/record.json", body, "Content-Type: application/json", "X-Cybozu-API-Token: "+g.tokens["seven"].secret)
		if a.status != test.status || !strings.Contains(a.body, test.says) || test.status != 200 && !strings.Contains(a.body, "CB_VA01") {
			t.Errorf("%q, %d bytes: %d %.300s", more, test.size, a.status, a.body)
		}
		if got := b.take(); len(got) != 0 && got[0].body != body {
			t.Errorf("%q: another body arrived", more)
		}
	}
	for _, size := range []int64{-1, maxBody + 1} {
		h := Handler{MaxBody: size}
		if err := h.setDefaults(); err == nil || !strings.Contains(err.Error(), "max_body is") {
			t.Errorf("max_body %d in JSON: %v", size, err)
		}
	}
}

// With password pass the backend checks passwords; what comes without one is held to
// tokens as before.
func TestKintonePasswordPass(t *testing.T) {
	b := startBackend(t, "")
	g := newKintone(t, b, "{\n\t\t\tpassword pass\n\t\t}")
	const password = "YW5uOnNlY3JldC1vZi1hbm4="
	a := g.askWith("POST", "/k/v1/record.json", `{"app":9}`, "Content-Type: application/json", "X-Cybozu-Authorization: "+password, "X-Cybozu-API-Token: "+g.tokens["seven"].secret, "X-Token-Id: forged")
	got := b.only(t)
	if a.status != 200 || got.body != `{"app":9}` || strings.Join(got.header("X-Cybozu-Authorization"), "|") != password ||
		findSecret(got.raw, g.tokens) != "" || got.header("X-Token-Id") != nil {
		t.Errorf("%v, %q", a, got.raw)
	}
	if a := g.ask("GET", "/k/v1/record.json?app=7"); a.status != 401 {
		t.Errorf("without anything: %v", a)
	}
	if a := g.ask("GET", "/k/v1/record.json?app=7", "X_Cybozu_Authorization: "+password); a.status != 401 {
		t.Errorf("in another spelling: %v", a)
	}
	var access string
	eventually(t, "all requests are logged", func() bool {
		text, err := os.ReadFile(filepath.Join(g.dir, "access.log"))
		access = string(text)
		return err == nil && strings.Count(access, "\n") == 3
	})
	if !strings.Contains(access, `"X-Cybozu-Authorization":["REDACTED"]`) || strings.Contains(access+g.log(), password) {
		t.Errorf("the logs have the password: %s", access)
	}
}
