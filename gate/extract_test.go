package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// Security rule 4: one source a request, lists only where the source allows them, at
// most nine. What each source takes for a credential, before any look-up.
func TestExtract(t *testing.T) {
	defaults := newSources(t, DefaultSources()...)
	hostile := hostileSources(t)
	several := newSources(t, Source{Place: Query, Name: "key"}, Source{Place: Query, Name: "api_token"}, Source{Place: Authorization, Name: "Api"}, Source{Place: Authorization, Name: "Api-Token"})
	nine := strings.TrimSuffix(strings.Repeat("x,", 9), ",")
	for _, test := range []struct {
		name    string
		sources *Sources
		target  string
		lines   []string
		want    []string
		reason  Reason
	}{
		{"nothing", defaults, "/a", nil, nil, NoCredential},
		{"bearer", defaults, "/a", []string{"Authorization: Bearer abc"}, []string{"abc"}, ""},
		{"header", defaults, "/a", []string{"x-api-key: abc"}, []string{"abc"}, ""},
		{"no query source by default", defaults, "/a?X-API-Key=abc&Bearer=abc&api_token=abc", nil, nil, NoCredential},
		{"no lists by default", defaults, "/a", []string{"X-API-Key: a,b"}, []string{"a,b"}, ""},
		{"no repeated lines by default", defaults, "/a", []string{"X-API-Key: a", "X-API-Key: a"}, nil, AmbiguousCredential},
		{"both sources", defaults, "/a", []string{"X-API-Key: a", "Authorization: Bearer b"}, nil, AmbiguousCredential},
		{"both sources, same value", defaults, "/a", []string{"X-API-Key: a", "Authorization: Bearer a"}, nil, AmbiguousCredential},
		{"two Authorization lines", defaults, "/a", []string{"Authorization: Bearer a", "Authorization: Bearer a"}, nil, AmbiguousCredential},
		{"two Authorization lines, one foreign", defaults, "/a", []string{"Authorization: Basic a", "Authorization: Bearer a"}, nil, AmbiguousCredential},
		{"foreign scheme alone", defaults, "/a", []string{"Authorization: Basic dTpw"}, nil, NoCredential},
		{"scheme that begins like ours", defaults, "/a", []string{"Authorization: Bearer2 a"}, nil, NoCredential},
		{"scheme that begins like ours, with -", defaults, "/a", []string{"Authorization: Bearer-x a"}, nil, NoCredential},
		{"scheme and control", defaults, "/a", []string{"Authorization: Bearer=a"}, nil, MalformedCredential},
		{"longest allowed", defaults, "/a", []string{"X-API-Key: " + strings.Repeat("a", 512)}, []string{strings.Repeat("a", 512)}, ""},
		{"too long", defaults, "/a", []string{"X-API-Key: " + strings.Repeat("a", 513)}, nil, MalformedCredential},
		{"too long in Authorization", defaults, "/a", []string{"Authorization: Bearer " + strings.Repeat("a", 513)}, nil, MalformedCredential},
		{"list", hostile, "/a", []string{"X-Cybozu-API-Token: a, b\t,,c"}, []string{"a", "b", "c"}, ""},
		{"list in lines", hostile, "/a", []string{"X-Cybozu-API-Token: a", "X-Cybozu-API-Token: b,a"}, []string{"a", "b"}, ""},
		{"list with repeated members", hostile, "/a", []string{"X-Cybozu-API-Token: a,b,b,a,b"}, []string{"a", "b"}, ""},
		{"list of only empty members", hostile, "/a", []string{"X-Cybozu-API-Token: ,,", "X-Cybozu-API-Token: "}, nil, NoCredential},
		{"nine", hostile, "/a", []string{"X-Cybozu-API-Token: " + nine}, []string{"x"}, ""},
		{"ten", hostile, "/a", []string{"X-Cybozu-API-Token: " + nine + ",x"}, nil, TooManyCredentials},
		{"ten in lines", hostile, "/a", []string{"X-Cybozu-API-Token: " + nine, "X-Cybozu-API-Token: x"}, nil, TooManyCredentials},
		{"too long in a list", hostile, "/a", []string{"X-Cybozu-API-Token: a," + strings.Repeat("a", 513)}, nil, MalformedCredential},
		{"list and Authorization", hostile, "/a", []string{"X-Cybozu-API-Token: a", "Authorization: apitoken b"}, nil, AmbiguousCredential},
		{"list and query", hostile, "/a?api_token=b", []string{"X-Cybozu-API-Token: a"}, nil, AmbiguousCredential},
		{"empty list and Authorization", hostile, "/a", []string{"X-Cybozu-API-Token: ,", "Authorization: apitoken b"}, []string{"b"}, ""},
		{"behind what servers take off or skip", hostile, "/a", []string{"Authorization: \xa0, \"Bearer a"}, nil, MalformedCredential},
		{"behind another scheme in a list", hostile, "/a", []string{`Authorization: Digest a="b,c",d=e , bearer a`}, nil, AmbiguousCredential},
		{"behind a comma and a tab", hostile, "/a", []string{"Authorization: Basic x,\tBearer\ta"}, nil, AmbiguousCredential},
		{"behind a semicolon", hostile, "/a", []string{"Authorization: Basic x; Bearer a"}, nil, AmbiguousCredential},
		{"another scheme with our name in it", hostile, "/a", []string{"Authorization: Digest realm=x,bearer=y", "X-Cybozu-API-Token: a"}, []string{"a"}, ""},
		{"query", hostile, "/a?x=1&api_token=a%2Bb+c&y", nil, []string{"a+b c"}, ""},
		{"query, encoded name", hostile, "/a?%61pi%5ftoken=a", nil, []string{"a"}, ""},
		{"query, empty and full", hostile, "/a?api_token=&api_token=a", nil, []string{"a"}, ""},
		{"query, twice", hostile, "/a?api_token=a&api_token=a", nil, nil, AmbiguousCredential},
		{"query, twice by encoding", hostile, "/a?api_token=a&api%5Ftoken=b", nil, nil, AmbiguousCredential},
		{"query, other spellings are not ours", hostile, "/a?API_TOKEN=a&api.token=b&api_token[]=c", nil, nil, NoCredential},
		{"query, ; behind", hostile, "/a?api_token=a;b=1", nil, nil, AmbiguousCredential},
		{"query, ; before", hostile, "/a?b=1;api_token=a", nil, nil, AmbiguousCredential},
		{"query, ; before another spelling", hostile, "/a?b=1;API_TOKEN=a", []string{"X-Cybozu-API-Token: a"}, nil, AmbiguousCredential},
		{"query, ; far away", hostile, "/a?b=1;c&api_token=a", nil, []string{"a"}, ""},
		{"query, bad escape", hostile, "/a?api_token=%zz", nil, nil, MalformedCredential},
		{"query, bad escape elsewhere", hostile, "/a?api_token=a&b=%zz", nil, []string{"a"}, ""},
		{"query, behind 20,000 parameters", hostile, "/a?" + strings.Repeat("a&", 20000) + "api_token=a", nil, []string{"a"}, ""},
		{"two query sources at once", several, "/a?key=a&api_token=b", nil, nil, AmbiguousCredential},
		{"scheme with another as its prefix", several, "/a", []string{"Authorization: api-token a"}, []string{"a"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, reason := test.sources.Extract(mustParse(t, test.target, test.lines...))
			if reason != test.reason || reason == "" && !slices.Equal(got.all(), test.want) {
				t.Errorf("got %v, %q; want %q, %q", got, reason, test.want, test.reason)
			}
			if inQuery := strings.Contains(test.target, "=a") && test.lines == nil; reason == "" && inQuery != got.FromQuery {
				t.Errorf("FromQuery is %v", got.FromQuery)
			}
		})
	}
}

// HTTP/2 and HTTP/3 servers don't trim values as HTTP/1 servers do, but the way
// on to an HTTP/1 backend does: a blank in front must not hide a credential.
func TestBlanksHideNoCredential(t *testing.T) {
	sources := newSources(t, DefaultSources()...)
	forwarder := NewForwarder(sources, DefaultIdentityPrefix, nil)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, reason := sources.Extract(r)
		forwarder.Strip(r, false)
		fmt.Fprintf(w, "%s %s %q", r.Proto, reason, r.Header["Authorization"])
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for _, test := range []struct {
		authorization, key string
		want               Reason
	}{
		{" Bearer " + mint(1), mint(2), AmbiguousCredential},
		{"\tBearer " + mint(1), mint(2), AmbiguousCredential},
		{"Bearer " + mint(1) + " ", mint(2), AmbiguousCredential},
		{" Bearer " + mint(1), "", ""},
	} {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
		r.Header.Set("Authorization", test.authorization)
		r.Header.Set("X-API-Key", test.key)
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if want := fmt.Sprintf("HTTP/2.0 %s []", test.want); string(got) != want {
			t.Errorf("%.9q: got %s, want %s", test.authorization, got, want)
		}
	}
}

func TestNewSourcesRefuses(t *testing.T) {
	for _, test := range []struct {
		why  string
		list []Source
	}{
		{"no name", []Source{{Place: Header}}},
		{"blank in a name", []Source{{Place: Header, Name: "X Key"}}},
		{"a name beyond what is compared with request headers", []Source{{Place: Header, Name: "X-" + strings.Repeat("a", 63)}}},
		{"unknown place", []Source{{Place: "cookie", Name: "a"}}},
		{"list of a scheme", []Source{{Place: Authorization, Name: "Bearer", List: true}}},
		{"list in the query", []Source{{Place: Query, Name: "a", List: true}}},
		{"Authorization as a header", []Source{{Place: Header, Name: "authorization"}}},
		{"Host is never in the header map", []Source{{Place: Header, Name: "HOST"}}},
		{"same header twice", []Source{{Place: Header, Name: "X-Key"}, {Place: Header, Name: "x-key", List: true}}},
		{"same scheme twice", []Source{{Place: Authorization, Name: "A"}, {Place: Authorization, Name: "a"}}},
	} {
		if _, err := NewSources(test.list, 9); err == nil {
			t.Errorf("%s: accepted", test.why)
		}
	}
}

// The classes auth-header, token-header, multi-token, query-token, multi-source
// and token-value of hostile-requests.jsonl, from the bytes to the decision.
func TestHostileCredentials(t *testing.T) {
	custom, readOnly, full, expired, unknown := mint(1), mint(2), mint(3), mint(4), mint(5)
	store := newMemoryStore()
	store.put(custom, newToken("custom", token.Custom, "GET /api/articles/{id}"))
	store.put(readOnly, newToken("readonly", token.ReadOnly))
	store.put(full, newToken("full", token.FullAccess))
	old := newToken("expired", token.FullAccess)
	old.Expiry = time.Now().Add(-time.Hour)
	store.put(expired, old)
	g := newGate(t, store, hostileSources(t), articles(t))
	hash := sha256.Sum256([]byte(custom))
	values := strings.NewReplacer(
		"{T}", custom, "{RO}", readOnly, "{FULL}", full, "{EXPIRED}", expired, "{UNKNOWN}", unknown,
		"{HASH}", hex.EncodeToString(hash[:]), "{SWAPPED}", swapCase(custom), "{PREFIX}", custom[:8],
		"{LONG}", strings.Repeat("a", 15000), "{TEN}", strings.TrimSuffix(strings.Repeat("X-Cybozu-API-Token: "+custom+"\r\n", 10), "\r\n"),
	)
	const unparsable = Reason("refused by Go's server")
	for _, test := range hostileCredentials(unparsable) {
		t.Run(test.id, func(t *testing.T) {
			var lines []string
			if test.lines != "" {
				lines = []string{values.Replace(test.lines)}
			}
			r, err := parse("/api/articles/42"+values.Replace(test.query), lines...)
			if err != nil {
				if test.want != unparsable {
					t.Fatal(err)
				}
				return
			}
			if d := g.Check(r); d.Reason != test.want {
				t.Errorf("decided %q, want %q", d.Reason, test.want)
			}
		})
	}
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 32
		case r >= 'A' && r <= 'Z':
			return r + 32
		}
		return r
	}, s)
}

type hostileCredential struct {
	id, lines, query string
	want             Reason
}

func hostileCredentials(unparsable Reason) []hostileCredential {
	const name = "X-Cybozu-API-Token: "
	return []hostileCredential{
		{"auth-header-004", "Authorization: APITOKEN {T}", "", Allow},
		{"auth-header-006", "Authorization: Bearer  {T}", "", Allow},
		{"auth-header-007", "Authorization: Bearer\t{T}", "", MalformedCredential},
		{"auth-header-009", "Authorization: Bearer{T}", "", NoCredential},
		{"auth-header-010", "Authorization: Bearer:{T}", "", MalformedCredential},
		{"auth-header-011", "Authorization: {T}", "", NoCredential},
		{"auth-header-013", "Authorization: Bearer ", "", NoCredential},
		{"auth-header-014", "Authorization:", "", NoCredential},
		{"auth-header-015", "Authorization: Bearer \"{T}\"", "", UnknownToken},
		{"auth-header-017", "Authorization: Bearer {T}, Bearer {FULL}", "", MalformedCredential},
		{"auth-header-018", "Authorization: Bearer bearer {T}", "", MalformedCredential},
		{"auth-header-020", "Authorization: Token {T}", "", NoCredential},
		{"auth-header-025", name + "{T}\r\nAuthorization: Basic dTpw", "", Allow},
		{"auth-header-026", name + "{T}\r\nAuthorization: Bearer not-a-gateway-token", "", AmbiguousCredential},
		{"auth-header-027", "Proxy-Authorization: Bearer {T}", "", NoCredential},
		{"auth-header-028", "Authorization: Bearer\r\n {T}", "", Allow},
		{"auth-header-029", "Authorization : Bearer {T}", "", unparsable},
		{"token-header-002", "X-CYBOZU-API-TOKEN: {T}", "", Allow},
		{"token-header-005", name + "{T}\r\nX_Cybozu_API_Token: {FULL}", "", Allow},
		{"token-header-006", "X-Cybozu-API-Token : {T}", "", unparsable},
		{"token-header-009", name + "Bearer {T}", "", MalformedCredential},
		{"token-header-010", "X-Api-Token: {T}", "", NoCredential},
		{"token-header-011", "Cookie: X-Cybozu-API-Token={T}; api_token={T}", "", NoCredential},
		{"token-header-013", name + "{T};{FULL}", "", MalformedCredential},
		{"token-header-014", name + "{T}\x00", "", unparsable},
		{"token-header-015", name + "{T}\x0b", "", unparsable},
		{"token-header-016", name + "{T}\rX-Token-Id: admin", "", unparsable},
		{"token-header-018", "X-Cybozu-API-Token", "", unparsable},
		{"multi-token-001", name + "{T},{RO}", "", Allow},
		{"multi-token-003", name + "{T}\r\n" + name + "{RO}", "", Allow},
		{"multi-token-004", name + "{T},{UNKNOWN}", "", UnknownToken},
		{"multi-token-007", name + "{T},{EXPIRED}", "", ExpiredToken},
		{"multi-token-008", name + "{T},{T}", "", Allow},
		{"multi-token-009", name + "{T},", "", Allow},
		{"multi-token-010", name + ",{T}", "", Allow},
		{"multi-token-011", name + ",,,,", "", NoCredential},
		{"multi-token-015", "{TEN}", "", TooManyCredentials},
		{"multi-token-017", name + "{RO}\uff0c{FULL}", "", MalformedCredential},
		{"multi-token-019", name + "\"{RO},{FULL}\"", "", UnknownToken},
		{"query-token-002", "", "?a=1&api_token={T}&b=%20x+y&c", Allow},
		{"query-token-003", "", "?api_token={RO}&api_token={FULL}", AmbiguousCredential},
		{"query-token-005", "", "?api%5Ftoken={T}", Allow},
		{"query-token-006", name + "{T}", "?api%5Ftoken={FULL}", AmbiguousCredential},
		{"query-token-009", name + "{T}", "?api.token={T}", Allow},
		{"query-token-011", "", "?api_token", NoCredential},
		{"query-token-012", "", "?api_token=%00{T}", MalformedCredential},
		{"query-token-013", "", "?api_token={T}%0d%0aX-Token-Id:%20admin", MalformedCredential},
		{"query-token-014", "", "?api_token={T};x=1", AmbiguousCredential},
		{"query-token-015", name + "{T}", "?x=1;api_token={FULL}", AmbiguousCredential},
		{"query-token-017", "", "?api_token=%zz{T}", MalformedCredential},
		{"query-token-020", "", "?redirect=/x?api_token={T}", NoCredential},
		{"query-token-022", "", "?api_token={RO},{FULL}", MalformedCredential},
		{"query-token-023", "", "?api_token=+{T}", MalformedCredential},
		{"query-token-024", "Content-Type: application/x-www-form-urlencoded", "", NoCredential},
		{"multi-source-002", name + "{T}", "?api_token={T}", AmbiguousCredential},
		{"multi-source-003", name + "{FULL}", "?api_token=garbage", AmbiguousCredential},
		{"multi-source-005", name + "\r\nAuthorization: Bearer {T}", "", Allow},
		{"token-value-001", name + "{HASH}", "", UnknownToken},
		{"token-value-002", name + "{SWAPPED}", "", UnknownToken},
		{"token-value-003", name + "{T}x", "", MalformedCredential},
		{"token-value-004", name + "{PREFIX}", "", MalformedCredential},
		{"token-value-006", name + "' OR '1'='1", "", MalformedCredential},
		{"token-value-009", name + "undefined", "", MalformedCredential},
		{"token-value-010", name + "${jndi:ldap://x}", "", MalformedCredential},
		{"token-value-011", name + "{http.request.header.Authorization}", "", UnknownToken},
		{"token-value-013", name + "\u30c8\u30fc\u30af\u30f3", "", MalformedCredential},
		{"token-value-014", name + "\xff\xfe\x80", "", MalformedCredential},
		{"token-value-016", name + "{LONG}", "", MalformedCredential},
		{"token-value-019", name + "%74oken", "", MalformedCredential},
	}
}
