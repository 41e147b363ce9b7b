package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// rest is a gateway in front of json-server, and the wire between the two.
type rest struct {
	*gateway
	wire *wire
}

func newREST(t *testing.T, binary string, changes ...string) *rest {
	t.Helper()
	w := tap(t, startJSONServer(t))
	return &rest{newGateway(t, binary, w.addr(), changes...), w}
}

// TestRESTBackend protects a backend that nobody here wrote, with the shape of
// Caddyfile.example, the real command line, and processes for all of them.
func TestRESTBackend(t *testing.T) {
	onBothBinaries(t, func(t *testing.T, binary string) {
		r := newREST(t, binary, slices.Concat(fromQuery, flushOften)...)
		r.start()
		for _, test := range []struct {
			name string
			run  func(*rest, *testing.T)
		}{
			{"every source, and what comes of the credential", (*rest).sources},
			{"read-only reads and nothing else", (*rest).readOnly},
			{"full access does everything", (*rest).fullAccess},
			{"custom does exactly its grants", (*rest).custom},
			{"the backend is not talked into another method", (*rest).override},
			{"last use shows up", (*rest).lastUse},
			{"expired", (*rest).expired},
			{"disabled, and enabled again", (*rest).disabled},
			{"regenerated", (*rest).regenerated},
			{"regenerated with an overlap", (*rest).overlap},
			{"changed grants", (*rest).changed},
			{"deleted", (*rest).deleted},
		} {
			t.Run(test.name, func(t *testing.T) {
				r.t = t // helpers report to the test that calls them
				test.run(r, t)
			})
		}
		r.t = t
		r.hasNoSecret("what the backend got", r.wire.bytes())
		r.filesHaveNoSecret()
		if code := r.process.stop(interrupt); code != 0 {
			t.Errorf("the gateway ended with code %d", code)
		}
		r.hasNoSecret("the gateway's output", r.process.out.String())
		r.filesHaveNoSecret()
	})
}

func (r *rest) sources(t *testing.T) {
	r.create("sources", "--type", "full-access", "--owner", "ann")
	secret := r.secrets["sources"]
	before := len(r.wire.bytes())
	for _, target := range []string{
		"/api/articles?api_token=" + secret,
		"/api/articles?id=2&api_token=" + secret + "&_sort=title",
		"/api/articles?%61pi%5Ftoken=" + secret,
		"/api/articles?api_token=%74rv_" + strings.TrimPrefix(secret, "trv_"),
	} {
		r.wants(200, "GET", target)
	}
	r.wants(200, "GET", "/api/articles", r.bearer("sources"), "X-Token-Id: tok_forged", "X_Token_Name: forged")
	r.wants(200, "GET", "/api/articles", "Authorization: bEaReR "+secret)
	r.wants(200, "GET", "/api/articles", "X-API-Key: "+secret)
	r.wants(200, "GET", "/api/articles?API_TOKEN="+secret, r.bearer("sources")) // an alias: not used, but not handed on
	got := r.wire.bytes()[before:]
	for text, want := range map[string]int{
		"\r\nX-Token-Name: sources\r\n": 8, "\r\nX-Token-Owner: ann\r\n": 8, "forged": 0, "trv_": 0, "oken=": 0,
		"GET /api/articles HTTP/1.1\r\n": 7, "GET /api/articles?id=2&_sort=title HTTP/1.1\r\n": 1,
	} {
		if n := strings.Count(got, text); n != want {
			t.Errorf("the backend got %q %d times; want %d", text, n, want)
		}
	}

	before = len(r.wire.bytes())
	r.wants(401, "GET", "/api/articles")
	r.wants(401, "GET", "/api/articles", "Authorization: Bearer "+secret+"x")
	r.wants(401, "GET", "/api/articles", "Authorization: Basic "+secret)
	r.wants(400, "GET", "/api/articles?api_token="+secret, "X-API-Key: "+secret)
	r.wants(400, "GET", "/api/articles", r.bearer("sources"), r.bearer("sources"))
	r.wants(400, "GET", "/api/%2e%2e/db", r.bearer("sources"))
	r.wants(403, "TRACE", "/api/articles", r.bearer("sources"))
	if got := r.wire.bytes()[before:]; got != "" {
		t.Errorf("the backend got refused requests: %q", got)
	}
}

func (r *rest) readOnly(t *testing.T) {
	r.create("reader")
	r.wants(200, "GET", "/api/articles", r.bearer("reader"))
	r.wants(200, "HEAD", "/api/articles/1", r.bearer("reader"))
	r.wants(201, "POST", "/api/search", r.bearer("reader")) // marked read
	before := len(r.wire.bytes())
	r.wants(403, "GET", "/api/reports/rebuild", r.bearer("reader")) // marked write
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		r.wants(403, method, "/api/articles/1", r.bearer("reader"))
	}
	r.wants(403, "POST", "/api/articles/1", r.bearer("reader"), "X-HTTP-Method-Override: GET")
	refused := r.ask("POST", "/api/articles", r.bearer("reader"))
	var problem struct{ Code, Permission string }
	if err := json.Unmarshal([]byte(refused.body), &problem); err != nil || refused.status != 403 ||
		problem.Code != "missing_permission" || problem.Permission != "article.create" {
		t.Errorf("got %d %s; want 403 that names article.create", refused.status, refused.body)
	}
	if got := r.wire.bytes()[before:]; got != "" {
		t.Errorf("the backend got refused requests: %q", got)
	}
}

func (r *rest) fullAccess(*testing.T) {
	r.create("full", "--type", "full-access")
	r.wants(200, "GET", "/api/articles", r.bearer("full"))
	r.wants(201, "POST", "/api/articles", r.bearer("full"))
	r.wants(200, "PUT", "/api/articles/2", r.bearer("full"))
	r.wants(200, "PATCH", "/api/articles/2", r.bearer("full"))
	r.wants(200, "DELETE", "/api/articles/2", r.bearer("full"))
	r.wants(404, "GET", "/api/articles/2", r.bearer("full")) // says the backend
	r.wants(200, "GET", "/api/reports/rebuild", r.bearer("full"))
}

// custom tries every method on the collection and on an item with each grant.
func (r *rest) custom(t *testing.T) {
	const collection, item = "/api/articles", "/api/articles/10"
	tried := []string{}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		tried = append(tried, method+" "+collection, method+" "+item)
	}
	tried = append(tried, "POST /api/search", "GET /api/reports/rebuild", "GET /api/articles/10/comments",
		"GET /API/articles/10", "GET /api/articles/", "GET /api", "GET /db")
	r.create("repair", "--type", "full-access")
	for i, c := range []struct {
		grants []string
		allows string
	}{
		{[]string{"article.find"}, "GET " + collection + ", HEAD " + collection},
		{[]string{"article.find_one"}, "GET " + item + ", HEAD " + item},
		{[]string{"article.create"}, "POST " + collection},
		{[]string{"article.update"}, "PUT " + item + ", PATCH " + item},
		{[]string{"article.delete"}, "DELETE " + item},
		{[]string{"article.*"}, "GET " + collection + ", HEAD " + collection + ", GET " + item + ", HEAD " + item +
			", POST " + collection + ", PUT " + item + ", PATCH " + item + ", DELETE " + item},
		{[]string{"search.run", "report.rebuild"}, "POST /api/search, GET /api/reports/rebuild"},
		{[]string{"GET " + item}, "GET " + item + ", HEAD " + item},
		{[]string{"GET /api/articles/{id}", "OPTIONS " + collection}, "GET " + item + ", HEAD " + item + ", OPTIONS " + collection},
		{[]string{"DELETE /api/articles/11"}, ""}, // another item
	} {
		name := fmt.Sprintf("custom-%d", i)
		var flags []string
		for _, grant := range c.grants {
			flags = append(flags, "--grant", grant)
		}
		r.create(name, flags...)
		allowed := strings.Split(c.allows, ", ")
		for _, operation := range tried {
			method, path, _ := strings.Cut(operation, " ")
			before := len(r.wire.bytes())
			got := r.ask(method, path, r.bearer(name))
			reached := len(r.wire.bytes()) > before
			if want := slices.Contains(allowed, operation); want && (!reached || got.status >= 300) || !want && (reached || got.status != 403) {
				t.Errorf("%v: %s: got %d, reached the backend: %v; want allowed: %v", c.grants, operation, got.status, reached, want)
			}
			if operation == "DELETE "+item && got.status == 200 { // for the next in the table
				r.restore(item)
			}
		}
	}
}

// restore makes item 10 again, past the gateway.
func (r *rest) restore(item string) {
	r.t.Helper()
	resp, err := http.Post("http://"+r.wire.backend+"/articles", "application/json", strings.NewReader(`{"id": 10, "title": "Again"}`))
	if err != nil {
		r.t.Fatal(err)
	}
	resp.Body.Close()
	r.wants(200, "GET", item, r.bearer("repair"))
}

// override tries a header by which json-server takes a POST for a DELETE.
func (r *rest) override(t *testing.T) {
	const header = "X-HTTP-Method-Override: DELETE"
	if got := send(t, "POST", "http://"+r.wire.backend+"/articles/12", header); got.status != 200 {
		t.Fatalf("json-server answers %d to a header that it is known to follow; this test shows nothing", got.status)
	}
	if got := send(t, "GET", "http://"+r.wire.backend+"/articles/12"); got.status != 404 {
		t.Fatalf("json-server did not delete: %d; this test shows nothing", got.status)
	}
	r.create("poster", "--grant", "POST /api/articles/{id}")
	r.wants(403, "POST", "/api/articles/13", r.bearer("poster"), header)
	r.create("all", "--type", "full-access")
	r.wants(404, "POST", "/api/articles/13", r.bearer("all"), header) // json-server has no such POST
	r.create("looker")
	r.wants(200, "GET", "/api/articles/13", r.bearer("looker"))
}

func (r *rest) lastUse(t *testing.T) {
	r.create("used")
	if got := r.show("used"); got.LastUsed != nil {
		t.Errorf("a new token was used at %v", got.LastUsed)
	}
	begin := time.Now().Truncate(time.Millisecond)
	r.wants(200, "GET", "/api/articles", r.bearer("used"))
	r.wants(200, "GET", "/api/articles", r.bearer("used"))
	end := time.Now()
	eventually(t, "both uses are counted", func() bool { return r.show("used").allowed() == 2 })
	if last := r.show("used").LastUsed; last == nil || last.Before(begin) || last.After(end) {
		t.Errorf("last used at %v; want from %v to %v", last, begin, end)
	}
	var list []record
	if err := json.Unmarshal([]byte(r.command("list", "--api", "articles", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(one record) bool { return one.Name == "used" })
	if i < 0 || list[i].LastUsed == nil {
		t.Errorf("list does not have the last use: %v", list)
	}
}
