package caddymodule

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// row is one hostile request and what may happen to it. testdata has two files
// of them; the first came from outside and stays as it is.
type row struct {
	ID          string      `json:"id"`
	Class       string      `json:"class"`
	Token       string      `json:"token"` // the kind that {TOKEN} stands for
	Raw         string      `json:"raw_request"`
	Expect      string      `json:"expect"`
	AlsoOK      []string    `json:"also_ok"`
	IfForwarded *conditions `json:"if_forwarded"`
	Why         string      `json:"why"`
	Ref         any         `json:"ref"`

	bytes string // Raw as it is sent
}

// conditions are what must hold of the request that the backend gets.
type conditions struct {
	AbsentHeaders     []string          `json:"absent_headers"`
	AbsentBytes       []string          `json:"absent_bytes"`
	PresentHeaders    []string          `json:"present_headers"`
	ClientHeadersGone []string          `json:"client_headers_gone"` // ours of that name may stand there
	HeaderNot         map[string]string `json:"header_not"`
	RequestTarget     string            `json:"request_target"`
	NotBothHeaders    []string          `json:"not_both_headers"`
	SecondResponse    int               `json:"second_response"` // to the second request on the connection
	BodyUnchanged     bool              `json:"body_unchanged"`
	Note              string            `json:"note"`
}

const forward = "forward"

// outcomes are what Expect and AlsoOK can say, beside rejectNNN.
var outcomes = regexp.MustCompile(`^(forward|reject[45]\d\d|timeout|answered-by-server|answered-by-cors)$`)

// readRows reads a file of rows.
func readRows(t *testing.T, file string) []row {
	t.Helper()
	return decodeRows(t, file, outcomes, func(r *row) *row { return r })
}

// decodeRows reads a file of rows of any kind that has a row in it. A field or
// an outcome that the harness does not know is an error: it would go unchecked.
func decodeRows[T any](t *testing.T, file string, outcomes *regexp.Regexp, inside func(*T) *row) []T {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rows []T
	ids := map[string]bool{}
	for line := range bytes.Lines(text) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var whole T
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&whole); err != nil {
			t.Fatalf("%s: %v in %.80s", file, err, line)
		}
		r := inside(&whole)
		for _, outcome := range append([]string{r.Expect}, r.AlsoOK...) {
			if !outcomes.MatchString(outcome) {
				t.Fatalf("%s: %s: unknown outcome %q", file, r.ID, outcome)
			}
		}
		if ids[r.ID] {
			t.Fatalf("%s: %s is there twice", file, r.ID)
		}
		ids[r.ID] = true
		rows = append(rows, whole)
	}
	return rows
}

// mayForward reports whether the row may reach the backend.
func (r *row) mayForward() bool { return r.Expect == forward || slices.Contains(r.AlsoOK, forward) }

var (
	tokenTemplate = regexp.MustCompile(`\{TOKEN(?::([a-z]+))?\}`)
	// An argument holds no other template: the innermost are replaced first.
	template = regexp.MustCompile(`(?s)<<(REPEAT|CHUNKED|SHA256|UPPER|PREFIX|BASE64|BADCRC) ((?:[^<>]|<[^<]|>[^>])*?)>>`)
)

// expand replaces the templates of a text. secrets are by kind.
func (r *row) expand(text string, secrets map[string]testToken) (string, error) {
	var failure error
	text = tokenTemplate.ReplaceAllStringFunc(text, func(s string) string {
		kind := tokenTemplate.FindStringSubmatch(s)[1]
		if kind == "" {
			kind = r.Token
		}
		if secrets[kind].secret == "" {
			failure = fmt.Errorf("%s: there is no token %q", r.ID, kind)
		}
		return secrets[kind].secret
	})
	for template.MatchString(text) && failure == nil {
		text = template.ReplaceAllStringFunc(text, func(s string) string {
			parts := template.FindStringSubmatch(s)
			out, err := expandTemplate(parts[1], parts[2])
			if err != nil {
				failure = fmt.Errorf("%s: %w", r.ID, err)
			}
			return out
		})
	}
	if head, body, ok := strings.Cut(text, "\r\n\r\n"); ok {
		text = strings.ReplaceAll(head, "<<CL>>", strconv.Itoa(len(latin1(body)))) + "\r\n\r\n" + body
	}
	if failure == nil && regexp.MustCompile(`<<[A-Z]`).MatchString(text) {
		failure = fmt.Errorf("%s: a template was not replaced", r.ID)
	}
	return text, failure
}

func expandTemplate(name, arg string) (string, error) {
	n := 0
	if name == "REPEAT" || name == "PREFIX" {
		number, rest, ok := strings.Cut(arg, " ")
		var err error
		if n, err = strconv.Atoi(number); err != nil || !ok {
			return "", fmt.Errorf("%s needs a number and a text", name)
		}
		arg = rest
	}
	switch name {
	case "REPEAT":
		return strings.Repeat(arg, n), nil
	case "PREFIX":
		return arg[:min(n, len(arg))], nil
	case "SHA256":
		sum := sha256.Sum256([]byte(latin1(arg)))
		return hex.EncodeToString(sum[:]), nil
	case "BASE64":
		return base64.StdEncoding.EncodeToString([]byte(latin1(arg))), nil
	case "UPPER":
		return strings.Map(swapCase, arg), nil
	case "BADCRC":
		last := arg[len(arg)-1]
		return arg[:len(arg)-1] + string('0'+(last-'0'+1)%10), nil
	}
	var b strings.Builder // CHUNKED
	for part := range slices.Chunk([]rune(arg), 7) {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(part), string(part))
	}
	return b.String() + "0\r\n\r\n", nil
}

func swapCase(r rune) rune {
	if unicode.IsUpper(r) {
		return unicode.ToLower(r)
	}
	return unicode.ToUpper(r)
}

// latin1 turns code points into the bytes of the same number.
func latin1(s string) string {
	out := make([]byte, 0, len(s))
	for _, c := range s {
		out = append(out, byte(c))
	}
	return string(out)
}

// prepare fills in the row's templates.
func (r *row) prepare(secrets map[string]testToken) error {
	text, err := r.expand(r.Raw, secrets)
	if err != nil {
		return err
	}
	r.bytes = latin1(text)
	return r.prepareConditions(secrets)
}

func (r *row) prepareConditions(secrets map[string]testToken) error {
	if r.IfForwarded == nil {
		r.IfForwarded = &conditions{}
	}
	for i, s := range r.IfForwarded.AbsentBytes {
		s, err := r.expand(s, secrets)
		if err != nil {
			return err
		}
		r.IfForwarded.AbsentBytes[i] = latin1(s)
	}
	return nil
}

func TestTemplates(t *testing.T) {
	secrets := map[string]testToken{"full": {secret: "aB9"}, "custom": {secret: "xyz"}}
	r := row{ID: "x", Token: "full"}
	for in, want := range map[string]string{
		"{TOKEN} {TOKEN:custom}":               "aB9 xyz",
		"<<REPEAT 3 {a>><<REPEAT 2 }>>":        "{a{a{a}}",
		"<<PREFIX 2 {TOKEN}>>":                 "aB",
		"<<UPPER {TOKEN}>>":                    "Ab9",
		"<<BASE64 {TOKEN}>>":                   "YUI5",
		"<<BADCRC {TOKEN}>>":                   "aB0",
		"<<CHUNKED 123456789>>":                "7\r\n1234567\r\n2\r\n89\r\n0\r\n\r\n",
		"<<BASE64 <<UPPER {TOKEN}>>>>":         "QWI5",
		"Length: <<CL>>\r\n\r\n\u00ff1":        "Length: 2\r\n\r\n\u00ff1",
		"<<SHA256 abc>>":                       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"Length: <<CL>>\r\n\r\n<<REPEAT 9 x>>": "Length: 9\r\n\r\nxxxxxxxxx",
	} {
		if got, err := r.expand(in, secrets); got != want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"{TOKEN:nobody}", "<<REPEAT x>>", "<<NEW x>>"} {
		if got, err := r.expand(in, secrets); err == nil {
			t.Errorf("%s: got %q; want an error", in, got)
		}
	}
}
