package caddymodule

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// judge notes every fault of what happened to a row.
func judge(r *row, res *result, tokens map[string]testToken) {
	fault := func(format string, args ...any) { res.faults = append(res.faults, fmt.Sprintf(format, args...)) }
	if res.outcome != "" && res.outcome != r.Expect && !slices.Contains(r.AlsoOK, res.outcome) {
		fault("%s; want %s or one of %v", res.outcome, r.Expect, r.AlsoOK)
	}
	if len(res.forwarded) > 0 && !r.mayForward() {
		fault("reached the backend: %q", res.forwarded[0].raw)
	}
	if res.outcome == forward && len(res.forwarded) == 0 {
		fault("the backend's answer, but nothing reached it")
	}
	if allows := countForwards(res.answers); len(res.forwarded) > max(allows, 1) {
		fault("the backend got %d requests, for %d answers of its own", len(res.forwarded), allows)
	}
	for i := range res.forwarded {
		everyForward(r, &res.forwarded[i], tokens, fault)
	}
	if res.outcome == forward && len(res.forwarded) > 0 {
		firstForward(r, res, fault)
	}
	for _, a := range res.answers {
		if secret := findSecret(fmt.Sprint(a), tokens); secret != "" {
			fault("an answer holds the secret of %s: %v", secret, a)
		}
	}
}

func countForwards(answers []answer) (n int) {
	for _, a := range answers {
		if a.header.Get("X-Backend") != "" {
			n++
		}
	}
	return n
}

// everyForward checks what must hold of anything that reaches the backend.
func everyForward(r *row, got *recorded, tokens map[string]testToken, fault func(string, ...any)) {
	if kind := findSecret(got.raw, tokens); kind != "" {
		fault("the backend got the secret of %s: %q", kind, got.raw)
	}
	seen := map[string]bool{}
	for _, f := range got.fields() {
		if !identityLike.MatchString(f[0]) {
			continue
		}
		want, ours := identityOf(r, f[0], tokens)
		if !ours || f[1] != want || seen[f[0]] {
			fault("the backend got %s: %s; want %q, once", f[0], f[1], want)
		}
		seen[f[0]] = true
	}
	if len(seen) != 4 {
		fault("the backend got %d identity headers; want 4", len(seen))
	}
	if names := got.header("Connection"); len(names) > 0 && !slices.ContainsFunc([]string{"close", "keep-alive", "Upgrade"}, func(s string) bool { return strings.EqualFold(s, names[0]) }) {
		fault("the backend got Connection: %s", names[0])
	}
}

// identityLike finds headers that a backend may take for an identity header:
// CGI and others see no difference between the marks.
var identityLike = regexp.MustCompile(`(?i)^x[^a-z0-9]token[^a-z0-9]`)

// identityOf returns what an identity header must say for the tokens of a row.
func identityOf(r *row, name string, tokens map[string]testToken) (string, bool) {
	var values []string
	for _, kind := range usedKinds(r, tokens) {
		value, ok := map[string]string{
			"X-Token-Id":    tokens[kind].id,
			"X-Token-Name":  kind,
			"X-Token-Type":  map[string]string{"full": "full-access", "readonly": "read-only", "custom": "custom"}[kind],
			"X-Token-Owner": map[string]string{"full": "Zo%C3%AB"}[kind],
		}[name]
		if !ok {
			return "", false
		}
		values = append(values, value)
	}
	return strings.Join(values, ","), true
}

// usedKinds returns the kinds of the tokens that stand in the credential places
// of a row that was forwarded, each once, in their order. All tokens of a list
// that reaches the backend in these rows have the right to the request.
func usedKinds(r *row, tokens map[string]testToken) (kinds []string) {
	type place struct {
		at   int
		kind string
	}
	var places []place
	head, _, _ := strings.Cut(r.bytes, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	for i, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		header := strings.EqualFold(name, "X-Cybozu-API-Token") || strings.EqualFold(name, "Authorization")
		if i > 0 && !header && (!strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t")) {
			continue
		}
		if i == 0 {
			line = plainTokens(line)
		}
		for kind, tok := range tokens {
			if at := strings.Index(line, tok.secret); at >= 0 {
				places = append(places, place{i<<20 + at, kind})
			}
		}
	}
	slices.SortFunc(places, func(a, b place) int { return a.at - b.at })
	for _, p := range places {
		if !slices.Contains(kinds, p.kind) {
			kinds = append(kinds, p.kind)
		}
	}
	return kinds
}

// plainTokens leaves of a request line the parameters that are a source of the
// gate by their very name.
func plainTokens(line string) string {
	_, query, _ := strings.Cut(line, "?")
	return strings.Join(slices.DeleteFunc(strings.Split(query, "&"), func(p string) bool {
		name, _, _ := strings.Cut(p, "=")
		name, err := url.QueryUnescape(name)
		return err != nil || name != "api_token"
	}), "&")
}

// firstForward checks what must hold of the row's own request.
func firstForward(r *row, res *result, fault func(string, ...any)) {
	got, c := res.forwarded[0], r.IfForwarded
	if want := wantTarget(r.bytes); got.target() != want {
		fault("forwarded as %q; want %q", got.target(), want)
	}
	if sent, _, _ := strings.Cut(r.bytes, " "); !strings.HasPrefix(got.raw, sent+" ") {
		fault("forwarded with another method: %q", got.line())
	}
	if c.RequestTarget != "" && got.target() != c.RequestTarget {
		fault("forwarded as %q; want %q", got.target(), c.RequestTarget)
	}
	for _, name := range c.AbsentHeaders {
		if values := got.header(name); len(values) > 0 {
			fault("the backend got %s: %q", name, values)
		}
	}
	for _, name := range c.PresentHeaders {
		if len(got.header(name)) == 0 {
			fault("the backend did not get %s", name)
		}
	}
	for _, s := range c.AbsentBytes {
		if strings.Contains(got.raw, s) {
			fault("the backend got %q", s)
		}
	}
	for name, value := range c.HeaderNot {
		for _, f := range got.fields() {
			if strings.EqualFold(f[0], name) && strings.EqualFold(f[1], value) {
				fault("the backend got %s: %s", f[0], f[1])
			}
		}
	}
	clientHeadersGone(r, got, fault)
	if both := c.NotBothHeaders; len(both) == 2 && len(got.header(both[0])) > 0 && len(got.header(both[1])) > 0 {
		fault("the backend got both %s", strings.Join(both, " and "))
	}
	if _, body, _ := strings.Cut(r.bytes, "\r\n\r\n"); c.BodyUnchanged && got.body != body {
		fault("the backend got the body %q; want %q", got.body, body)
	}
	if c.SecondResponse != 0 && (len(res.answers) < 2 || res.answers[1].status != c.SecondResponse) {
		fault("the second request got %v; want %d", res.answers[1:], c.SecondResponse)
	}
}

// clientHeadersGone checks that no value that the client sent under these names
// arrives under any name like them.
func clientHeadersGone(r *row, got recorded, fault func(string, ...any)) {
	head, _, _ := strings.Cut(r.bytes, "\r\n\r\n")
	_, lines, _ := strings.Cut(head, "\r\n")
	for _, name := range r.IfForwarded.ClientHeadersGone {
		for _, sent := range splitFields(lines) {
			if !strings.EqualFold(sent[0], name) {
				continue
			}
			for _, f := range got.fields() {
				if foldName(f[0]) == foldName(name) && f[1] == sent[1] {
					fault("the client's own %s: %s reached the backend", f[0], f[1])
				}
			}
		}
	}
}

func foldName(name string) string {
	return regexp.MustCompile(`[^a-z0-9]`).ReplaceAllString(strings.ToLower(name), "-")
}

// wantTarget returns the request-target that must be forwarded: the one that
// was sent, without scheme and host, and without any parameter that a lenient
// server could take for the token.
func wantTarget(request string) string {
	line, _, _ := strings.Cut(request, "\r\n")
	_, target, _ := strings.Cut(line, " ")
	target = target[:max(0, strings.LastIndexByte(target, ' '))]
	if m := regexp.MustCompile(`^(?i)https?://[^/?]*(.*)$`).FindStringSubmatch(target); m != nil {
		target = m[1]
	}
	path, query, ok := strings.Cut(target, "?")
	if !ok || query == "" {
		return target
	}
	kept := slices.DeleteFunc(strings.Split(query, "&"), func(p string) bool {
		name, _, _ := strings.Cut(p, "=")
		name, err := url.QueryUnescape(name)
		return err == nil && tokenLike.MatchString(name)
	})
	if len(strings.Join(kept, "")) == 0 && len(kept) < 2 {
		return path
	}
	return path + "?" + strings.Join(kept, "&")
}

// tokenLike finds names that some server takes for api_token: without regard to
// case, or as PHP folds them.
var tokenLike = regexp.MustCompile(`(?is)^ *api[_. \[]token(\[.*|\x00.*)?$`)

// findSecret returns the kind of a token whose secret, or most of it, stands in a
// text in any usual form.
func findSecret(text string, tokens map[string]testToken) string {
	for kind, tok := range tokens {
		random := tok.secret[4:]
		for _, form := range []string{random, random[:20], random[len(random)-20:], base64.StdEncoding.EncodeToString([]byte(tok.secret))[:40]} {
			if strings.Contains(text, form) {
				return kind
			}
		}
		if unescaped, err := url.QueryUnescape(text); err == nil && strings.Contains(unescaped, random) {
			return kind
		}
	}
	return ""
}

func TestWantTarget(t *testing.T) {
	for in, want := range map[string]string{
		"/a":                           "/a",
		"/a?":                          "/a?",
		"/a?api_token=x":               "/a",
		"/a?b=1&api%5Ftoken=x&c;d=%zz": "/a?b=1&c;d=%zz",
		"/a?API.token[]=x&&b":          "/a?&b",
		"http://u.test/a?b":            "/a?b",
		"/a?my_api_token=x":            "/a?my_api_token=x",
	} {
		if got := wantTarget("GET " + in + " HTTP/1.1\r\n"); got != want {
			t.Errorf("%s: got %q; want %q", in, got, want)
		}
	}
}
