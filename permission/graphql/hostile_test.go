package graphql_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/textproto"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission/graphql"
)

// elsewhere are the hostile requests that never come to reading: their path, their
// coding or their type is refused before.
var elsewhere = regexp.MustCompile(`^graphql-(path-.*|framing-.*|ctype-00[24]|ctype-01[4-7]|ctype-02[1-4])$`)

type hostile struct {
	ID, Class, Token, Expect string
	Raw                      string   `json:"raw_request"`
	AlsoOK                   []string `json:"also_ok"`
}

var repeat = regexp.MustCompile(`<<REPEAT (\d+) (.*?)>>`)

// split returns the method, the query string, the type and the body of a request,
// whose code points are bytes.
func (h hostile) split() (method, query, contentType string, body []byte) {
	text := repeat.ReplaceAllStringFunc(h.Raw, func(s string) string {
		m := repeat.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[1])
		return strings.Repeat(m[2], n)
	})
	head, rest, _ := strings.Cut(text, "\r\n\r\n")
	line, headers, _ := strings.Cut(head, "\r\n")
	for h := range strings.SplitSeq(headers, "\r\n") {
		if name, value, _ := strings.Cut(h, ": "); textproto.CanonicalMIMEHeaderKey(name) == "Content-Type" {
			contentType = value
		}
	}
	method, line, _ = strings.Cut(line, " ")
	_, query, _ = strings.Cut(strings.TrimSuffix(line, " HTTP/1.1"), "?")
	for _, r := range rest {
		body = append(body, byte(r))
	}
	return method, query, contentType, body
}

// read reads the request as the gate does.
func (h hostile) read(r *graphql.Reader) (graphql.Request, error) {
	method, query, contentType, body := h.split()
	if method != "POST" {
		got, found, err := r.ReadQuery(query)
		if err == nil && (!found || len(body) > 0) {
			err = fmt.Errorf("found is %t, with %d bytes of body", found, len(body))
		}
		return got, err
	}
	if err := r.CheckPostQuery(query); err != nil {
		return graphql.Request{}, err
	}
	switch mediaType, _, _ := strings.Cut(strings.ToLower(contentType), ";"); mediaType {
	case "application/graphql":
		return r.ReadDocument(body)
	case "multipart/form-data":
		return r.ReadMultipart(contentType, body)
	}
	return r.ReadJSON(body)
}

// The requests that were made to get a change past a gateway: none of them is taken
// for one that only reads, and those that only read are not refused.
func TestHostileRequestsHideNoMutation(t *testing.T) {
	file, err := os.Open("../../caddymodule/testdata/hostile-requests.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := reader(t)
	count := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var h hostile
		if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(h.Class, "graphql") || h.Token != "readonly" || elsewhere.MatchString(h.ID) {
			continue
		}
		count++
		got, err := h.read(r)
		changes := slices.ContainsFunc(got.Fields, func(f graphql.Field) bool { return f.Kind != graphql.Query })
		switch {
		case h.Expect == "forward" && (err != nil || changes):
			t.Errorf("%s only reads: got %q, %v", h.ID, does(got), err)
		case h.Expect == "reject403" && !slices.Contains(h.AlsoOK, "reject400") && err != nil:
			t.Errorf("%s has one reading, but is refused: %v", h.ID, err)
		case h.Expect != "forward" && !slices.Contains(h.AlsoOK, "forward") && err == nil && !changes:
			t.Errorf("%s is taken for a request that only reads: %q", h.ID, does(got))
		// Two are refused for their type unless the site opens it, and then they change.
		case h.Expect == "reject400" && err == nil && h.ID != "graphql-ctype-001" && h.ID != "graphql-ctype-006":
			t.Errorf("%s is not refused: %q", h.ID, does(got))
		}
	}
	if count < 50 {
		t.Errorf("only %d requests are replayed", count)
	}
}
