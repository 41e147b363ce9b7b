package gate

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Security rule 5: what stands in a configured place goes, whatever its spelling; all
// other bytes of the query stay where they are.
func TestStripQuery(t *testing.T) {
	s := newSources(t, Source{Place: Query, Name: "api_token"}, Source{Place: Query, Name: "key"})
	for _, test := range []struct{ query, want string }{
		{"", ""},
		{"&", "&"},
		{"a=1&b=%20x+y&c", "a=1&b=%20x+y&c"},
		{"api_token=x", ""},
		{"api_token", ""},
		{"api_token=x&a=1", "a=1"},
		{"a=1&api_token=x", "a=1"},
		{"a=1&api_token=x&b=%20x+y&c", "a=1&b=%20x+y&c"},
		{"a=1&&api_token=x&&b", "a=1&&&b"},
		{"a&api_token=1&api_token=2&b&key=3&c", "a&b&c"},
		{"api_token=1&a&key=2", "a"},
		{"api%5Ftoken=x&a", "a"},
		{"%61%70%69_token=x&a", "a"},
		{"API_Token=x&a", "a"},
		{"api.token=x&api+token=x&api%20token=x&api[token=x&a", "a"},
		{"++%20api_token=x&a", "a"},
		{"api_token[]=x&api_token[0][b]=x&api_token%5B%5D=x&a", "a"},
		{"api_token%00z=x&a", "a"},
		{"[api_token]=x&%5Bapi_token%5D=x&]api_token=x&%00%0b[%5b+api_token%5D[x]=x&a", "a"},
		{"%u0061pi%U005Ftoken=x&api_token%20=x&a", "a"},
		{"?api_token=x&%3f%3Fapi_token=x&%EF%BB%BFapi_token=x&\ufeff %uFEFFapi_token\ufeff=x&a", "a"},
		{"a[api_token]=x&[]=x&[a", "a[api_token]=x&[]=x&[a"},
		{"redirect=/x?api_token=y", "redirect=/x?api_token=y"},
		{"api_token2=x&xapi_token=x&ke=y&keys=z", "api_token2=x&xapi_token=x&ke=y&keys=z"},
		{"a=1;api_token=x", "a=1;"},
		{"api_token=x;a=1", "a=1"},
		{"%zz=1&api_token=%zz&b", "%zz=1&b"},
		{"api%255Ftoken=x", "api%255Ftoken=x"},
		{"=api_token&a", "=api_token&a"},
	} {
		if got := s.StripQuery(test.query); got != test.want {
			t.Errorf("%q became %q, want %q", test.query, got, test.want)
		}
	}
}

// A client can repeat an alias as often as a URL is long. That must not cost
// the square of it.
func TestStripQueryIsLinear(t *testing.T) {
	s := newSources(t, Source{Place: Query, Name: "k"})
	cost := func(n int) float64 {
		query := strings.Repeat("k=&a&", n)
		return testing.AllocsPerRun(3, func() { s.StripQuery(query) })
	}
	if few, many := cost(100), cost(100_000); many > few+40 {
		t.Errorf("%v allocations for 100 parameters, %v for 100,000", few, many)
	}
}

func TestStripQueryNeedsNoMemory(t *testing.T) {
	s := newSources(t, Source{Place: Query, Name: "api_token"})
	for _, query := range []string{"api_token=x", "api_token=x&a=1&b=2", "a=1&b=2&api_token=x", "api_token=1&a=1&API_TOKEN=2", "a=1"} {
		if n := testing.AllocsPerRun(100, func() { s.StripQuery(query) }); n != 0 {
			t.Errorf("%q: %v allocations", query, n)
		}
	}
}

// FuzzExtractYieldsNoCredentialTwiceAndStripLeavesNone: whatever the headers
// and the query are, each credential is found once, and after Strip nothing is
// left in any of the places.
func FuzzExtractYieldsNoCredentialTwiceAndStripLeavesNone(f *testing.F) {
	f.Add("Bearer abc", "", "", "a=1&api_token=x&b", "x-cybozu_api.token")
	f.Add("", "a,b,,a", "b", "api%5Ftoken=x;y", "authorization")
	f.Add("", "a,b,b", "b", "key", "")
	f.Add(" apitoken\tx", ",", "", "API_TOKEN[]=1&key=2&&", "X-Token-Id")
	f.Add("Bearer:x", "a", "a", "+api.token=%zz&key", "X_TOKEN")
	f.Add("Bearer a, Bearer b", strings.Repeat("a,", 10), "\xff", "%", "")
	sources := newSources(f,
		Source{Place: Header, Name: "X-Cybozu-API-Token", List: true}, Source{Place: Header, Name: "X-API-Key"},
		Source{Place: Authorization, Name: "Bearer"}, Source{Place: Authorization, Name: "apiToken"},
		Source{Place: Query, Name: "api_token"}, Source{Place: Query, Name: "key"},
	)
	forwarder := NewForwarder(sources, DefaultIdentityPrefix, nil)
	f.Fuzz(func(t *testing.T, authorization, line1, line2, query, alias string) {
		r := &http.Request{Method: "GET", URL: &url.URL{Path: "/a", RawQuery: query}, Header: http.Header{}}
		set := func(name string, values ...string) {
			if values = slices.DeleteFunc(values, func(v string) bool { return v == "" }); len(values) > 0 {
				r.Header[name] = values
			}
		}
		set("Authorization", authorization)
		set("X-Cybozu-Api-Token", line1, line2)
		set("X-Api-Key", alias)
		set(alias, line1)
		found, reason := sources.Extract(r)
		if all := found.all(); reason == "" {
			slices.Sort(all)
			if len(all) == 0 || len(slices.Compact(slices.Clone(all))) != len(all) || len(all) > DefaultMaxTokens || slices.Contains(all, "") {
				t.Errorf("found %q", all)
			}
		}
		forwarder.Strip(r, false)
		if again, reason := sources.Extract(r); reason != NoCredential {
			t.Errorf("after Strip there are %v, %q in %q and %q", again, reason, r.Header, r.URL.RawQuery)
		}
		if !strings.Contains(query, ";") {
			if want := stripSlowly(sources, query); r.URL.RawQuery != want {
				t.Errorf("%q became %q, want %q", query, r.URL.RawQuery, want)
			}
		}
		values, _ := url.ParseQuery(r.URL.RawQuery)
		for name := range values {
			if lowerASCII(name) == "api_token" || lowerASCII(name) == "key" {
				t.Errorf("a server finds %q in %q", name, r.URL.RawQuery)
			}
		}
	})
}

// stripSlowly does what StripQuery does in the plainest way.
func stripSlowly(s *Sources, query string) string {
	kept := slices.DeleteFunc(strings.Split(query, "&"), func(p string) bool {
		name, _, _ := strings.Cut(p, "=")
		name = lowerASCII(unescapeLeniently(name))
		lead := len(name) - len(strings.TrimLeft(name, skipped+"[]"))
		for from := range lead + 1 { // any of what stands in front may be part of the name
			for _, want := range s.queries {
				if foldsToSlowly(name[from:], want) {
					return true
				}
			}
		}
		return false
	})
	return strings.Join(kept, "&")
}

// skipped are the blanks and control characters.
var skipped = func() string {
	b := []byte{0x7f}
	for c := range byte(' ' + 1) {
		b = append(b, c)
	}
	return string(b)
}()

// foldsToSlowly is as PHP: '.', ' ' and '[' for '_', and an array or a NUL behind the name.
func foldsToSlowly(name, want string) bool {
	if len(name) < len(want) || strings.NewReplacer(".", "_", " ", "_", "[", "_").Replace(name[:len(want)]) != want {
		return false
	}
	rest := name[len(want):]
	return rest == "" || rest[0] == '[' || rest[0] == ']' || rest[0] <= ' '
}

var unicodeEscape = regexp.MustCompile(`^%[uU]00([0-9a-fA-F]{2})`)

// unescapeLeniently decodes what can be decoded and leaves the rest.
func unescapeLeniently(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '+' {
			out.WriteByte(' ')
			continue
		}
		if code := unicodeEscape.FindStringSubmatch(s[i:]); code != nil {
			c, _ := url.PathUnescape("%" + code[1])
			out.WriteString(c)
			i += len(code[0]) - 1
			continue
		}
		if i+2 < len(s) {
			if c, err := url.PathUnescape(s[i : i+3]); err == nil && s[i] == '%' {
				out.WriteString(c)
				i += 2
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
