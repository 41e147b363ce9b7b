package ui_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin/rest"
)

// Who asks too often is refused before the store is read, by account where there is
// one, so that strangers behind the same address lock out nobody who is signed in.
func TestRateLimit(t *testing.T) {
	slow := func(burst int) rest.Rate { return rest.Rate{PerSecond: 0.001, Burst: burst} }
	f := newLimitedSite(t, slow(3), slow(4))
	member, manager := f.as(t, "member"), f.as(t, "manager")
	for range 3 {
		if got := member.get("/account"); got.status != http.StatusOK {
			t.Fatal(got.status, got.text)
		}
	}
	if got := member.get("/account"); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d", got.status)
	}
	stranger := &browser{t: t, f: f}
	for _, path := range []string{"/sign-in", "/set-up", "/tokens", "/audit/export"} {
		stranger.get(path)
	}
	for _, path := range []string{"/sign-in", "/set-up", "/tokens", "/audit/export"} {
		if got := stranger.get(path); got.status != http.StatusTooManyRequests {
			t.Errorf("%s as often as one likes: %d", path, got.status)
		}
	}
	if got := manager.get("/account"); got.status != http.StatusOK {
		t.Errorf("another account of the address got %d", got.status)
	}
}

// A document of a few kilobytes has thousands of root fields, and each would be a
// decision of its own; a form of a megabyte has tens of thousands of grants to look at.
func TestWorkIsBounded(t *testing.T) {
	f := newSite(t)
	mine := f.token(t, "mine", "member", nil)
	member := f.as(t, "member")
	var document strings.Builder
	for i := range 51 {
		fmt.Fprintf(&document, "a%d ", i)
	}
	try := func(document string) seen {
		return member.post("/try", "token", mine.ID, "kind", "graphql", "document", "{"+document+"}")
	}
	if got := try(document.String()); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.text, "51 different root fields") {
		t.Errorf("51 root fields got %d", got.status)
	}
	if got := try(strings.Repeat("b: articles ", 60)); got.status != http.StatusOK {
		t.Errorf("one root field, 60 times, got %d", got.status)
	}
	if got := member.post("/try", "token", mine.ID, "method", strings.Repeat("M", 900), "path", "/api/articles"); strings.Count(got.text, "MMMM") > 500 {
		t.Error("a method of 900 letters is told more than once")
	}
	written := strings.Repeat("GET /a\n", 501)
	for _, path := range []string{"/tokens", "/tokens/" + mine.ID + "/edit"} {
		got := member.post(path, "api", "articles", "name", "x", "type", "custom", "duration", "30d", "version", "1", "written", written)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.text, "has 501 lines") {
			t.Errorf("%s with 501 lines got %d", path, got.status)
		}
	}
}

// What is pasted where one searches or tries would be in the history of the
// browser, and in the page.
func TestSecretsAreNotRepeated(t *testing.T) {
	f := newSite(t)
	mine := f.token(t, "mine", "member", nil)
	member := f.as(t, "member")
	const secret = "trv_0123456789abcdefghijABCDEFGHIJ0123456789"
	for name, got := range map[string]seen{
		"search": member.get("/tokens?search=" + secret),
		"path":   member.post("/try", "token", mine.ID, "method", "GET", "path", "/api/articles?api_token="+secret),
		"token":  member.post("/try", "token", secret, "method", "GET", "path", "/api/articles"),
		"script": member.post("/try", "token", mine.ID, "kind", "graphql", "document", `{ article(id: "`+secret+`") { id } }`),
	} {
		if strings.Contains(got.text, secret) || strings.Contains(got.header.Get("Hx-Push-Url"), secret) {
			t.Errorf("%s: the page has the secret", name)
		}
	}
}

// Without the version that it began with, an edit would go over what others did.
func TestEditNeedsItsVersion(t *testing.T) {
	f := newSite(t)
	mine := f.token(t, "mine", "member", nil)
	member := f.as(t, "member")
	for _, version := range []string{"", "0", "abc", "-1"} {
		got := member.post("/tokens/"+mine.ID+"/edit", "name", "other", "type", "read-only", "duration", "keep", "version", version)
		if got.status != http.StatusBadRequest {
			t.Errorf("version %q got %d", version, got.status)
		}
	}
}
