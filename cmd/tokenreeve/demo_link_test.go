package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDemoLink follows the link as a browser does, and looks at what is there.
func TestDemoLink(t *testing.T) {
	_, printed, _ := startDemo(t, "127.0.0.1:0")
	link := regexp.MustCompile(`(?m)^  (http://\S+/demo)#(\S+)$`).FindStringSubmatch(printed)
	if link == nil {
		t.Fatalf("there is no link in:\n%s", printed)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	pages := strings.TrimSuffix(link[1], "/demo")
	get := func(path string) (int, string) {
		resp, err := browser.Get(pages + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	follow := func(secret string) (int, string) {
		resp, err := browser.PostForm(link[1], url.Values{"secret": {secret}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Location")
	}

	if status, text := get("/demo"); status != http.StatusOK || !strings.Contains(text, `src="/demo/js"`) || strings.Contains(text, link[2]) {
		t.Errorf("the link leads to %d %s", status, text)
	}
	if status, text := get("/demo/js"); status != http.StatusOK || !strings.Contains(text, "location.hash") {
		t.Errorf("its script is %d %s", status, text)
	}
	for _, wrong := range []string{"", link[2][1:], link[2] + "A", strings.Repeat("A", 2000)} {
		if status, _ := follow(wrong); status != http.StatusForbidden {
			t.Errorf("the secret %.30q gets %d", wrong, status)
		}
	}
	if status, _ := get("/api/v1/tokens"); status != http.StatusUnauthorized {
		t.Errorf("who has not followed the link gets %d", status)
	}
	for range 2 { // again after signing out, say
		if status, to := follow(link[2]); status != http.StatusSeeOther || to != "/tokens" {
			t.Fatalf("the link leads on with %d to %q", status, to)
		}
	}
	_, text := get("/api/v1/account")
	if !strings.Contains(text, `"name":"demo"`) || !strings.Contains(text, `"owner"`) {
		t.Errorf("it signs in %s", text)
	}
	_, tokens := get("/api/v1/tokens?limit=500")
	lookAtTokens(t, tokens)
	nightly := regexp.MustCompile(`"id":"(tok_\w+)"[^{}]*"name":"Nightly import"`).FindStringSubmatch(tokens)
	if nightly == nil {
		t.Fatalf("there is no nightly import: %s", tokens)
	}
	_, text = get("/api/v1/tokens/" + nightly[1] + "/usage/permissions")
	var use struct{ Since time.Time }
	if err := json.Unmarshal([]byte(text), &use); err != nil || time.Since(use.Since) < 20*24*time.Hour {
		t.Errorf("its use is counted since today, %v: %s", err, text)
	}
	_, events := get("/api/v1/events?limit=500")
	lookAtEvents(t, events)
}

// lookAtTokens wants tokens of all kinds.
func lookAtTokens(t *testing.T, text string) {
	t.Helper()
	var page struct {
		Items []struct {
			Name, API, Type, Status, Owner string
			Expiry                         *time.Time
			LastUsed                       *time.Time `json:"last_used"`
		}
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	saw := map[string]bool{}
	for _, one := range page.Items {
		saw[one.API], saw[one.Type], saw[one.Status], saw[one.Owner] = true, true, true, true
		saw["ends soon"] = saw["ends soon"] || one.Status == "active" && one.Expiry != nil && time.Until(*one.Expiry) < 7*24*time.Hour
		saw["used today"] = saw["used today"] || one.LastUsed != nil && time.Since(*one.LastUsed) < 24*time.Hour
		saw["unused for long"] = saw["unused for long"] || one.LastUsed != nil && time.Since(*one.LastUsed) > 90*24*time.Hour
	}
	for _, want := range []string{
		"articles", "tokenreeve", "read-only", "full-access", "custom", "active", "disabled", "expired", "demo", "ann", "ben",
		"ends soon", "used today", "unused for long",
	} {
		if !saw[want] {
			t.Errorf("no token is %q: %s", want, text)
		}
	}
}

// lookAtEvents wants an audit trail in which time goes one way.
func lookAtEvents(t *testing.T, text string) {
	t.Helper()
	var page struct {
		Items []struct {
			Time   time.Time
			Actor  string
			Action string
		}
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	var actors, actions []string
	for i, e := range page.Items {
		if i > 0 && e.Time.After(page.Items[i-1].Time) {
			t.Errorf("%s of %s at %s is listed as older than what was at %s", e.Action, e.Actor, e.Time, page.Items[i-1].Time)
		}
		actors, actions = append(actors, e.Actor), append(actions, e.Action)
	}
	for _, want := range []string{"ann", "ben", "demo"} {
		if !slices.Contains(actors, want) {
			t.Errorf("nothing is of %s: %s", want, text)
		}
	}
	for _, want := range []string{"account.create", "sign-in", "token.create", "token.update", "token.disable"} {
		if !slices.Contains(actions, want) {
			t.Errorf("there is no %s: %s", want, text)
		}
	}
}
