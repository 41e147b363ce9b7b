package caddymodule

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
)

var (
	curlLine   = regexp.MustCompile(`<code id="curl"[^>]*>(.*?)</code>`)
	curlMethod = regexp.MustCompile(`-X (\w+)`)
	curlOption = regexp.MustCompile(`-([Hd]) "([^"]*)"`)
	curlTarget = regexp.MustCompile(`"http://[^/"]+([^"]*)"$`)
)

// Whatever a token of the management API may do, the lines that come with its secret are a
// request that it takes: at most what they name is not there, does not hold, or needs its version.
func TestExamplesOfManagementTokens(t *testing.T) {
	g := newManagement(t, nil)
	g.account("ann", admin.RoleOwner, adminPassword)
	ann := g.signIn("ann")
	for _, p := range admin.ManagementPermissions() {
		form := url.Values{"api": {admin.ManagementAPI}, "name": {p.Name}, "type": {"custom"}, "duration": {"7d"}, "grant": {p.Name}, "owner": {"ann"}}
		made := g.askWith("POST", "/tokens", form.Encode(), append(ann.headers, "Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: same-origin")...)
		found := curlLine.FindStringSubmatch(made.body)
		if made.status != http.StatusOK || found == nil {
			t.Fatalf("%s: no lines: %v", p.Name, made)
		}
		line := html.UnescapeString(found[1])
		method, body, headers := "GET", "", []string(nil)
		if m := curlMethod.FindStringSubmatch(line); m != nil {
			method = m[1]
		}
		for _, option := range curlOption.FindAllStringSubmatch(line, -1) {
			if option[1] == "d" {
				body = option[2]
			} else {
				headers = append(headers, option[2])
			}
		}
		a := g.askWith(method, curlTarget.FindStringSubmatch(line)[1], body, headers...)
		if !slices.Contains([]int{http.StatusOK, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusPreconditionRequired}, a.status) {
			t.Errorf("%s: %s %s got %v", p.Name, method, curlTarget.FindStringSubmatch(line)[1], a)
		}
		if deletes := strings.Contains(made.body, "These lines delete"); deletes != (method == "DELETE") {
			t.Errorf("%s: %s, and it says that it deletes: %t", p.Name, method, deletes)
		}
	}
}
