package gate

import (
	"net/url"
	"strings"
	"testing"
)

// half is the beginning of no real secret.
const half = "trv_0123456789abcdefghij"

func testRedactor(tb testing.TB) *Redactor {
	tb.Helper()
	var r *Redactor
	for _, list := range [][]Source{
		{{Place: Authorization, Name: "Bearer"}, {Place: Header, Name: "X-API-Key"}, {Place: Query, Name: "api_token"}},
		{{Place: Authorization, Name: "apiToken"}, {Place: Header, Name: "X-Cybozu-API-Token", List: true}, {Place: Query, Name: "key"}},
	} {
		s, err := NewSources(list, DefaultMaxTokens)
		if err != nil {
			tb.Fatal(err)
		}
		r = r.With(s)
	}
	return r
}

func TestRedactText(t *testing.T) {
	r := testRedactor(t)
	for in, want := range map[string]string{
		"":                       "",
		"nothing":                "nothing",
		"the hint trv_…Yt3d":     "the hint trv_…Yt3d",
		"the prefix trv_ alone":  "the prefix trv_ alone",
		"trv_1234567":            "trv_1234567",
		"srv_0123456789abcdef":   "srv_0123456789abcdef",
		"secret " + half + ".":   "secret REDACTED.",
		half + half:              "REDACTED",
		"a=" + half + "," + half: "a=REDACTED,REDACTED",
		strings.ToUpper(half):    "REDACTED",
		"/a/%74rv_0123456789":    "/a/REDACTED",
		"/a/trv%5F0123456789":    "/a/REDACTED",
		"/a/trv%5f012345%367":    "/a/REDACTED",
		"/a/trv%255F0123456789":  "/a/REDACTED",
		"/a/%2574rv_0123456789%": "/a/REDACTED%",
		"/a/%zztrv_0123456789":   "/a/%zzREDACTED",
		"/a/%":                   "/a/%",

		"/a?api_token=foreign":                      "/a?api_token=REDACTED",
		"/a?b=1&api_token=foreign&c=2":              "/a?b=1&api_token=REDACTED&c=2",
		"/a?api_token=REDACTED&key=foreign":         "/a?api_token=REDACTED&key=REDACTED",
		"/a?API.Token=foreign&api%5Ftoken=foreign":  "/a?API.Token=REDACTED&api%5Ftoken=REDACTED",
		"/a?+api_token=foreign&%20api_token=x":      "/a?+api_token=REDACTED&%20api_token=REDACTED",
		"/a?api_token[]=foreign&api[token=foreign":  "/a?api_token[]=REDACTED&api[token=REDACTED",
		"/a?api_token%5B%5D=foreign":                "/a?api_token%5B%5D=REDACTED",
		"/a?api_token%00x=foreign":                  "/a?api_token%00x=REDACTED",
		"/a?%61pi_token=foreign":                    "/a?%61pi_token=REDACTED",
		"/a?a=1;api_token=for;eign&b=2":             "/a?a=1;api_token=REDACTED&b=2",
		"/a?api_token=&b=1":                         "/a?api_token=&b=1",
		"/a?api_token&b=1":                          "/a?api_token&b=1",
		"/a?my_api_token=mine&token=theirs":         "/a?my_api_token=mine&token=theirs",
		"/a?monkey=see":                             "/a?monkey=see",
		"api_token=foreign&a=b":                     "api_token=REDACTED&a=b",
		"/l?next=%2Fa%3Fapi_token%3Dforeign&b=1":    "/l?next=%2Fa%3Fapi_token%3DREDACTED&b=1",
		"/l?n=%252Fa%253Fapi_token%253Dforeign":     "/l?n=%252Fa%253Fapi_token%253DREDACTED",
		`Get "http://x/?api_token=foreign": EOF`:    `Get "http://x/?api_token=REDACTED": EOF`,
		"/a?[api_token]=foreign&]api_token=foreign": "/a?[api_token]=REDACTED&]api_token=REDACTED",
		"/a?%09api_token%20=foreign&key+=foreign":   "/a?%09api_token%20=REDACTED&key+=REDACTED",
		"/a?%u005Bapi%u005ftoken=foreign&b=1":       "/a?%u005Bapi%u005ftoken=REDACTED&b=1",
		"/l?n=%25u005Bapi%25u005ftoken%253Dfor":     "/l?n=%25u005Bapi%25u005ftoken%253DREDACTED",
		"/a?trv%u005F0123456789&trv%25u005F%uxyz":   "/a?REDACTED&trv%25u005F%uxyz",
		"/a?%5Bapi_token%5D=foreign&b=1":            "/a?%5Bapi_token%5D=REDACTED&b=1",
		"/a?[[api_token]]x=foreign&%5dKEY%5dx=y":    "/a?[[api_token]]x=REDACTED&%5dKEY%5dx=REDACTED",
		"/l?n=%252Fa%253F%255Bkey%255D%253Dforeign": "/l?n=%252Fa%253F%255Bkey%255D%253DREDACTED",
		"/a?api_token[key[=REDACTED&key[b=foreign":  "/a?api_token[key[=REDACTED&key[b=REDACTED",
		"/a?api_token[key[=&key[api_token==foreign": "/a?api_token[key[=&key[api_token=REDACTED",
		"/a?api_token[key%5B%3Dfor%3Deign":          "/a?api_token[key%5B%3DREDACTED",

		`{"api_token":"foreign","a":"b"}`:          `{"api_token":"REDACTED","a":"b"}`,
		`{"a":{"X-API-Key" : "foreign"}}`:          `{"a":{"X-API-Key" : "REDACTED"}}`,
		`{"x_api_key": "for\"eign\\", "a": "b"}`:   `{"x_api_key": "REDACTED"a": "b"}`,
		`{"x_api_key": "for\"eign", "a": ""}`:      `{"x_api_key": "REDACTED", "a": ""}`,
		`{"api_token":"","key":null,"a":"key"}`:    `{"api_token":"","key":null,"a":"key"}`,
		`{"api_token":"cut of`:                     `{"api_token":"REDACTED`,
		"/a?f=%7B%22key%22%3A%22foreign%22%7D&b=1": "/a?f=%7B%22key%22%3A%22REDACTED%22%7D&b=1",
		"/a?f=%7B%22key%22:+%22foreign%22":         "/a?f=%7B%22key%22:+%22REDACTED%22",

		"map[Accept:[*/*] X-Api-Key:[foreign] Z:[1]]":      "map[Accept:[*/*] X-Api-Key:[REDACTED] Z:[1]]",
		"map[X-Api-Key:[foreign]]":                         "map[X-Api-Key:[REDACTED]]",
		"map[Authorization:[Bearer foreign] Z:[1]]":        "map[Authorization:[REDACTED] Z:[1]]",
		"map[Authorization:[Basic theirs] Z:[1]]":          "map[Authorization:[Basic theirs] Z:[1]]",
		"GET / HTTP/1.1\r\nx_api_key: foreign\r\nA: b\r\n": "GET / HTTP/1.1\r\nx_api_key: REDACTED\r\nA: b\r\n",
		"header X-API-Key: is missing":                     "header X-API-Key: is missing",
		"loading the key: no such file":                    "loading the key: no such file",
	} {
		if got := r.Text(in); got != want {
			t.Errorf("%q: got %q; want %q", in, got, want)
		}
		if got := r.Text(want); got != want {
			t.Errorf("%q again: got %q", want, got)
		}
	}
	var none *Redactor
	if got := none.Text("a=1&api_token=foreign&b=" + half); got != "a=1&api_token=foreign&b=REDACTED" {
		t.Errorf("without sources: %q", got)
	}
}

func TestRedactValue(t *testing.T) {
	r := testRedactor(t)
	for _, test := range []struct{ name, value, want string }{
		{"X-Api-Key", "foreign", "REDACTED"},
		{"x_api.KEY", "foreign", "REDACTED"},
		{"X-Api-Key", "", ""},
		{"X-Api-Keys", "theirs", "theirs"},
		{"X-Cybozu-Api-Token", "foreign, foreign", "REDACTED"},
		{"Authorization", "Bearer foreign", "Bearer REDACTED"},
		{"Authorization", "bEARER:foreign", "bEARER REDACTED"},
		{"Authorization", "  apitoken foreign", "  apitoken REDACTED"},
		{"Proxy-Authorization", "Bearer foreign", "Bearer REDACTED"},
		{"Authorization", "Basic theirs", "Basic theirs"},
		{"Authorization", "Basic " + half, "Basic REDACTED"},
		{"Cookie", "a=1; api_token=foreign; b=2", "a=1; api_token=REDACTED; b=2"},
		{"Referer", "http://x/?api_token=foreign", "http://x/?api_token=REDACTED"},
		{"api_token", "foreign", "REDACTED"},
		{"key", "tok_0123456789abcdef", "tok_0123456789abcdef"},
		{"other", half, "REDACTED"},
	} {
		if got := r.Value(test.name, test.value); got != test.want {
			t.Errorf("%s: %s: got %q; want %q", test.name, test.value, got, test.want)
		}
	}
}

// Names are added and never lost, and a redactor that is in use does not change.
func TestRedactorWith(t *testing.T) {
	r := testRedactor(t)
	s, err := NewSources(DefaultSources(), DefaultMaxTokens)
	if err != nil {
		t.Fatal(err)
	}
	if r.With(s) != r {
		t.Error("sources that are known made another redactor")
	}
	more, err := NewSources([]Source{{Place: Header, Name: "Key-2"}, {Place: Authorization, Name: "Token"}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	with := r.With(more)
	if r.Names("Key-2") || !with.Names("Key-2") || !with.Names("X-API-Key") {
		t.Error("names were lost, or came to the redactor in use")
	}
	if got := with.Value("Authorization", "Token x"); got != "Token REDACTED" {
		t.Error(got)
	}
}

func TestRedactMinted(t *testing.T) {
	for in, want := range map[string]string{
		"":                                    "",
		`{"a":"trv_1234567"}`:                 `{"a":"trv_1234567"}`,
		`{"` + half + `":["` + half + `",1]}`: `{"REDACTED":["REDACTED",1]}`,
		half:                                  "REDACTED",
		"_trv_" + half:                        "_REDACTED",
	} {
		if got := string(Minted([]byte(in))); got != want {
			t.Errorf("%q: got %q; want %q", in, got, want)
		}
	}
}

// hostileTexts are made to be looked at again and again: what is found there at
// each of many places leads to the same place behind them.
var hostileTexts = []struct{ before, part, after string }{
	{"?", "api_token[", "="},
	{"?", "api_token[", "=REDACTED"},
	{"?", "api_token[", "&"},
	{"?", "api_token[", "=)))"},
	{"?", "api_token]", "=" + strings.Repeat(")", 10000)},
	{"?", "api_token%00", "%3D"},
	{"?", "%2526api_token%255B", "="},
	{"?", "%2526api_token%255B", "%253D"},
	{"?", "%26key%5B%00", "%3d"},
	{"?", "key[=&key[==", ""},
	{"?", "key=REDACTED)", "&"},
	{"?", "key=&", ""},
	{"", "=", ""},
	{"key", "=", ""},
	{"", "key[authorization:[key:[%2525trv_", ""},
	{"", "trv_", ""},
	{"", "trv_1234567.", "%"},
	{"", "trv_12345678.", "%"},
	{"", "%74rv_1234567", "."},
	{"", "%252525252525", "trv_"},
	{"", "%25", "74rv_12345678"},
	{"", "\nX-API-Key:", ""},
	{"", "\nX-API-Key:REDACTED", "\n"},
	{"", "X-API-Key:[] ", ""},
	{"", "X-API-Key:[REDACTED ", ""},
	{"", "authorization:[((((", "Bearer"},
	{"", "\nauthorization: \t \t", ""},
	{"", "\nauthorization: Basic ", ""},
	{"", `"key":"`, ""},
	{"", `"key":"REDACTED`, ""},
	{"", `"key":"" `, ""},
	{"", `key": `, `"`},
	{"", `%22key%22%3A%22%5C`, ""},
	{`"key":"`, `\"`, ""},
	{"", "/l?next=%2Fa%3Fkey%3D%26next%3D%252Fa%253Fkey%253D%2526", ""},
}

// Four times as long a text takes four times the work, however a client has
// arranged it. The work is counted and not timed.
func TestRedactIsLinear(t *testing.T) {
	r := testRedactor(t)
	work := func(before, part, after string, length int) (looks, size int) {
		text := before + strings.Repeat(part, (length-len(before)-len(after))/len(part)) + after
		_, looks = r.redact(text)
		return looks, len(text)
	}
	for _, h := range hostileTexts {
		some, size := work(h.before, h.part, h.after, 20_000)
		more, _ := work(h.before, h.part, h.after, 80_000)
		if most := maxLooks * size; some > most || more > 4*most || more > 5*some {
			t.Errorf("%.20q, %q, %.20q: %d looks for 20 kB, %d for 80 kB", h.before, h.part, h.after, some, more)
		}
	}
}

// maxLooks is how often a character is looked at, at most, with the sources of
// testRedactor: twice for each of their names, in each of three ways to read it.
const maxLooks = 36

// What the gate takes for a credential in a query, or takes out of it, is in no
// log: not in the URI, nor in an address within another.
func FuzzRedactedTextHoldsNoSecret(f *testing.F) {
	for _, seed := range []string{
		"api_token=foreign", "a=1&API.token[x]=foreign&b=2", "%20api%5ftoken=a%26b;c=d", "api_token=" + half,
		"+key[=x&key%00=y&key==z", "key+x=y&%u006bey]=z", "u0&Api+token=x", "a=%zz;key=1;api_token=2", "%61pi_token=\"quoted\"&trv%5f0123456789", "api%255ftoken=x&%2525key=1",
	} {
		f.Add(seed)
	}
	r := testRedactor(f)
	s, err := NewSources([]Source{{Place: Query, Name: "api_token"}, {Place: Query, Name: "key"}}, DefaultMaxTokens)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if strings.ContainsFunc(query, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			return // no request has it
		}
		for _, around := range [][2]string{{"", ""}, {"/a?", ""}, {"Referer: http://x/a?", ""}, {`Get "http://x/?`, `": EOF`}} {
			text := around[0] + query + around[1]
			got, looks := r.redact(text)
			if looks > maxLooks*len(text) {
				t.Errorf("%q is looked at %d times", text, looks)
			}
			if again := r.Text(got); again != got {
				t.Errorf("%q becomes %q and then %q", text, got, again)
			}
			if i, end := (&scan{decode: decodeDeeply}).minted(got, 0); end > 0 {
				t.Errorf("%q becomes %q, with a secret at %d", text, got, i)
			}
			if value := shown(s, strings.TrimSuffix(strings.TrimPrefix(got, around[0]), around[1])); value != "" {
				t.Errorf("%q becomes %q, with the value %q", text, got, value)
			}
		}
		nested := "/l?next=" + url.QueryEscape("/a?"+query)
		got, err := url.QueryUnescape(strings.TrimPrefix(r.Text(nested), "/l?next="))
		if value := shown(s, strings.TrimPrefix(got, "/a?")); err == nil && value != "" {
			t.Errorf("%q becomes %q, with the value %q", nested, r.Text(nested), value)
		}
	})
}

// shown returns the value of a parameter of a query that Strip would take out,
// if it is not redacted. Marks at its end may stay.
func shown(s *Sources, query string) (value string) {
	parameters(query, func(p parameter) bool {
		if _, alias := p.names(s); alias {
			_, value, _ = strings.Cut(p.raw, "=")
			if value = strings.TrimRight(value, marks); strings.HasPrefix(value, Redacted) {
				value = ""
			}
		}
		return value == ""
	})
	return value
}

func BenchmarkRedact(b *testing.B) {
	r := testRedactor(b)
	for name, text := range map[string]string{
		"nothing":   "/api/articles/42",
		"query":     "/api/articles?page=2&sort=title",
		"agent":     "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"secret":    "/api/articles?page=2&api_token=" + half,
		"long path": "/" + strings.Repeat("api_articles/", 100),
		// Four times as long must take four times as long, not sixteen times.
		"hostile 20 kB":       strings.Repeat("key[authorization:[key:[%2525trv_", 600),
		"hostile 80 kB":       strings.Repeat("key[authorization:[key:[%2525trv_", 2400),
		"one '=' 20 kB":       "?" + strings.Repeat("api_token[", 2000) + "=",
		"one '=' 80 kB":       "?" + strings.Repeat("api_token[", 8000) + "=",
		"one '=' 80 kB, deep": "?" + strings.Repeat("%2526api_token%255B", 4200) + "=",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Text(text)
			}
		})
	}
}
