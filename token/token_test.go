package token_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// Security rule 19: refused at now >= expiry, so at the exact moment too.
func TestStatusAtEveryMoment(t *testing.T) {
	expiry := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name    string
		enabled bool
		expiry  time.Time
		now     time.Time
		want    token.Status
	}{
		{"long before", true, expiry, expiry.AddDate(-1, 0, 0), token.Active},
		{"the last nanosecond", true, expiry, expiry.Add(-1), token.Active},
		{"the exact moment", true, expiry, expiry, token.Expired},
		{"the exact moment on another zone's clock", true, expiry, expiry.In(time.FixedZone("JST", 9*3600)), token.Expired},
		{"a nanosecond later", true, expiry, expiry.Add(1), token.Expired},
		{"long after", true, expiry, expiry.AddDate(300, 0, 0), token.Expired},
		{"unlimited", true, time.Time{}, expiry, token.Active},
		{"unlimited, in the far future", true, time.Time{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), token.Active},
		{"disabled", false, expiry, expiry.Add(-1), token.Disabled},
		{"disabled and expired", false, expiry, expiry, token.Disabled},
		{"disabled and unlimited", false, time.Time{}, expiry, token.Disabled},
	} {
		t.Run(test.name, func(t *testing.T) {
			tok := token.Token{Enabled: test.enabled, Expiry: test.expiry}
			if got := tok.Status(test.now); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	if got := new(token.Token).Status(expiry); got != token.Disabled {
		t.Errorf("a zero Token is %s; a record that was never filled in must not work", got)
	}
}

func TestParseTypeKnowsTheClosedList(t *testing.T) {
	for _, want := range token.Types() {
		if got, err := token.ParseType(string(want)); got != want || err != nil {
			t.Errorf("%s: got %q, %v", want, got, err)
		}
	}
	for _, s := range []string{"", "custom ", "Custom", "full", "readonly", "full-access\n"} {
		got, err := token.ParseType(s)
		wantInvalid(t, err, "type", "read-only, full-access or custom")
		if got != "" {
			t.Errorf("%q gives the type %q with the error", s, got)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, test := range []struct{ name, text, problem string }{
		{"a word", "ci", ""},
		{"words", "nightly build (EU) #2", ""},
		{"one character", "x", ""},
		{"other scripts", "毎晩のビルド", ""},
		{"a right-to-left script, without controls", "אסימון", ""},
		{"an emoji of several code points", "👩‍💻", ""},
		{"combining marks", "e\u0301", ""},
		{"100 characters", strings.Repeat("x", 100), ""},
		{"100 characters of four bytes", strings.Repeat("😀", 100), ""},
		{"something like an id inside", "my tok_1", ""},
		{"almost an id's beginning", "tok", ""},
		{"nothing", "", "needs a name"},
		{"101 characters", strings.Repeat("x", 101), "101 characters; at most 100"},
		{"101 characters of four bytes", strings.Repeat("😀", 101), "101 characters; at most 100"},
		// A name that is an id could make a command hit another token.
		{"an id", "tok_0123456789ABCDEF", "token id"},
		{"an id's beginning", "tok_x", "token id"},
		{"a blank at the beginning", " ci", "blank"},
		{"a blank at the end", "ci ", "blank"},
		{"blanks alone", "   ", "blank"},
		{"a no-break space at the end", "ci\u00a0", "blank"},
		{"an ideographic space at the end", "ci\u3000", "blank"},
		{"a line separator at the end", "ci\u2028", "blank"},
		{"a line break inside", "c\ni", "control"},
		{"a carriage return inside", "c\ri", "control"},
		{"a tab inside", "c\ti", "control"},
		{"NUL", "c\x00i", "control"},
		{"ESC, for a terminal", "c\x1b[2Ji", "control"},
		{"DEL", "c\x7fi", "control"},
		{"a C1 control", "c\u0085i", "control"},
		{"a C1 control sequence introducer", "c\u009bi", "control"},
		// Bidirectional controls make a name show as another.
		{"right-to-left override", "c\u202ei", "control"},
		{"left-to-right embedding", "c\u202ai", "control"},
		{"right-to-left isolate", "c\u2067i", "control"},
		{"pop directional isolate", "c\u2069i", "control"},
		{"left-to-right mark", "c\u200ei", "control"},
		{"Arabic letter mark", "c\u061ci", "control"},
		{"broken UTF-8", "c\xffi", "UTF-8"},
		{"half a character at the end", "ci\xe3\x81", "UTF-8"},
		{"an encoded surrogate", "c\xed\xa0\x80i", "UTF-8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, token.CheckName(test.text), "name", test.problem)
		})
	}
}

func TestCheckDescription(t *testing.T) {
	for _, test := range []struct{ name, text, problem string }{
		{"nothing", "", ""},
		{"lines", "for the nightly build\nask ann", ""},
		{"200 characters", strings.Repeat("x", 200), ""},
		{"200 characters of three bytes", strings.Repeat("語", 200), ""},
		{"200 characters, some of them line breaks", strings.Repeat("語\n", 100), ""},
		{"201 characters", strings.Repeat("x", 201), "201 characters; at most 200"},
		{"201 characters of three bytes", strings.Repeat("語", 201), "201 characters; at most 200"},
		{"201 line breaks", strings.Repeat("\n", 201), "201 characters; at most 200"},
		{"a tab", "a\tb", "control"},
		{"a carriage return", "a\r\nb", "control"},
		{"ESC", "a\x1bb", "control"},
		{"right-to-left override", "a\u202eb", "control"},
		{"broken UTF-8", "a\xc3", "UTF-8"},
		{"a blank at the end", "a ", "blank"},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, token.CheckDescription(test.text), "description", test.problem)
		})
	}
}

func TestCheckOwner(t *testing.T) {
	for _, test := range []struct{ name, text, problem string }{
		{"nobody", "", ""},
		{"a name", "ann", ""},
		{"an address", "ann@example.com", ""},
		{"101 characters", strings.Repeat("é", 101), "101 characters"},
		{"a line break, for a header", "ann\r\nX-Admin: 1", "control"},
		{"a blank", " ann", "blank"},
		{"broken UTF-8", "\x80", "UTF-8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, token.CheckOwner(test.text), "owner", test.problem)
		})
	}
}

func TestCheckAPI(t *testing.T) {
	for _, s := range []string{"a", "default", "articles-v2", "a.b_c", "7", strings.Repeat("a", 64)} {
		check(t, token.CheckAPI(s), "api", "")
	}
	for _, s := range []string{
		"", strings.Repeat("a", 65), ".", "..", "-a", "_a", ".a", "a/b", `a\b`, "a b", "a ", " a", "a\n", "a\x00",
		"é", "a\xff", "a:b", "a*", "ａ", "a%2f",
	} {
		if err := token.CheckAPI(s); err == nil {
			t.Errorf("%q is accepted", s)
		} else {
			check(t, err, "api", "not a name for an API")
		}
	}
}

func check(t *testing.T, err error, field, problem string) {
	t.Helper()
	if problem != "" {
		wantInvalid(t, err, field, problem)
	} else if err != nil {
		t.Errorf("it is refused: %v", err)
	}
}

func TestNewIDHasTheShapeOfAnIDAndIsNoName(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id, err := token.NewID(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if !token.IsID(id) || token.CheckName(id) == nil || seen[id] {
			t.Fatalf("%q: is an id %v, as a name %v, seen before %v", id, token.IsID(id), token.CheckName(id), seen[id])
		}
		seen[id] = true
	}
	if id, err := token.NewID(iotest.ErrReader(io.ErrNoProgress)); id != "" || !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a failing source gives %q, %v", id, err)
	}
	if id, err := token.NewID(bytes.NewReader(make([]byte, 15))); id != "" || err == nil {
		t.Errorf("15 bytes give %q, %v", id, err)
	}
}

func TestIsID(t *testing.T) {
	for s, want := range map[string]bool{
		"tok_0123456789ABCDEF": true, "tok_abcdefghijklmnop": true,
		"": false, "tok_": false, "tok_0123456789ABCDE": false, "tok_0123456789ABCDEFG": false,
		"tok-0123456789ABCDEF": false, "TOK_0123456789ABCDEF": false, "tok_0123456789ABCDE/": false,
		"tok_0123456789ABCDE\n": false, "tok_0123456789ABCDé": false, " tok_123456789ABCDEF": false,
	} {
		if got := token.IsID(s); got != want {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
	}
}
