package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// valuesPath is where backends answer with the value of the parameter app: of the query
// of a GET, of the JSON of a POST.
const valuesPath = "/public/value"

// TestDifferentialValues looks for a request in which a backend finds another value of a
// parameter, or none, than the gate that held a token to it: app=7 in thousands of
// spellings, with decoys beside it, for what apps read queries and JSON with.
//
//	VALUES_SEED   what the requests are made from (1; others are for long runs, since what a run says must not change by itself)
//	VALUES_COUNT  how many for each backend
func TestDifferentialValues(t *testing.T) {
	seed := uint64(number(t, "VALUES_SEED", 1))
	count := number(t, "VALUES_COUNT", 1000)
	t.Logf("VALUES_SEED=%d VALUES_COUNT=%d", seed, count)

	readers{
		what: "values", seed: seed, count: count,
		token: "seven", grants: []string{"GET /public/{name}?app={app} app=7", "POST /public/{name} json:app={app} app=7"},
		make:  func(m mutator) sample { return m.value() },
		wrong: func(read string) bool { return read != "7" },
	}.run(t)
}

// valued is a request in which some server may find a value of app.
type valued struct {
	query, body string // a body that is empty is that of a GET
	ordinary    bool
}

func (v valued) isOrdinary() bool { return v.ordinary }

func (v valued) bytes(credential string) []byte {
	method, more := "GET", ""
	if v.body != "" {
		method, more = "POST", fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(v.body))
	}
	return fmt.Appendf(nil, "%s %s%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n%s\r\n%s", method, valuesPath, v.query, credential, more, v.body)
}

// value makes one, ordinary ones among them.
func (m mutator) value() valued {
	switch {
	case m.one(8):
		return valued{query: m.pick([]string{"?app=7", "?id=1&app=7&x[]=%C3%A9", "?app=7&apps=8&xapp=8", "?query=app%3D8%26app%3D9&app=%37"}), ordinary: true}
	case m.one(7):
		return valued{body: m.pick([]string{`{"app":7}`, `{"app":"7","record":{"app":8}}`, `{"id":[{"app":8}],"ap\u0070":7,"x":"\ud83d\ude00"}`}), ordinary: true}
	case m.one(2):
		return valued{query: m.queryOfApp()}
	}
	return valued{body: m.jsonOfApp()}
}

var (
	queryStarts = []string{"?", "?", "?", "?", "??", "?&", "?#", "?;", "?=", "?%3F", "#?"}
	queryBreaks = append([]string{"#", "#&", "&#", "%26", "&amp;"}, fieldBreaks...)
	queryOthers = []string{"a=1", "b", "app", "app=", "app.x=8", "app[x]=8", "x[app]=8", "apps=8", "%zz", "a=b?app=8", "[", "app%", "app%00=8"}
)

// queryOfApp makes a query with the value 7 and perhaps another one.
func (m mutator) queryOfApp() string {
	if m.one(20) { // of so many that some leave out the last
		return "?" + strings.Repeat(m.pick([]string{"x&", "x=1&"}), 400+m.IntN(1000)) + "app=7"
	}
	var b strings.Builder
	b.WriteString(m.pick(queryStarts))
	for range m.IntN(3) {
		b.WriteString(m.pick(queryOthers) + m.pick(queryBreaks))
	}
	b.WriteString(m.appIn(m.one(2)) + "=" + m.pick([]string{"7", "7", "7", "%37", "7%00", "+7", "07", "7#", "7;", "7,8", "7%26app=8"}))
	for range m.IntN(3) {
		b.WriteString(m.pick(queryBreaks) + m.pick(m.either([]string{m.appIn(true) + "=8"}, queryOthers)))
	}
	// Written as a request line can have it: what can't be in one shows nothing.
	return strings.NewReplacer(" ", "+", "\t", "%09", "\r", "%0d", "\n", "%0a", "\v", "%0b", "\x01", "%01", "\xa0", "%a0").Replace(b.String())
}

// appIn spells the name of the parameter.
func (m mutator) appIn(odd bool) string {
	if !odd {
		return "app"
	}
	name := m.pick([]string{"app", "app", "App", "APP", "%61pp", "a%70p", "a%50p", "%u0061pp", "a.p", "ap%C5%BF", "%EF%BB%BFapp", "app%EF%BB%BF", "%C2%A0app"})
	return m.pick(fieldLeads) + name + m.pick(fieldTails)
}

var (
	memberNames  = []string{`"app"`, `"app"`, `"App"`, `"APP"`, `"\u0061pp"`, `"app\u0000"`, `"\u0000app"`, `" app"`, `"app "`, `"app[]"`, `"\ufeffapp"`, `"a\u017fp"`, `"app\ud800"`, `"\uD83D\uDE00"`, `""`, `"__proto__"`}
	memberValues = []string{"7", "7", "7", `"7"`, `"\u0037"`, "7.0", "7e0", "70e-1", "07", "+7", "-7", "0x7", "7,", "[7]", `{"id":7}`, "null", "true", `"7 "`, `"7\u0000"`, `"7\ud800"`, "NaN", "7/**/", "7//", "1e999", "18446744073709551623"}
	memberOthers = []string{`"x":1`, `"x":{"app":8}`, `"x":[{"app":8}]`, `"x":"\ud800"`, `"x":"\ude00\ud83d"`, `"\u0000x":1`, `"x":{"\u0000":1}`, `"x":"\"app\":8"`, `"x":1e400`, `"__proto__":{"app":8}`, `"x":"\x01"`, `'app':8`, `app:8`}
	bodyStarts   = []string{"{", "{", "{", "{", "{", "\ufeff{", " {", "\x00{", "[{", ")]}'\n{", "/**/{", "{{", "\xff{", "\x1e{"}
	bodyEnds     = []string{"}", "}", "}", "}", "}", "}\n", "}{\"app\":8}", "} {\"app\":8}", "}x", ",}", "}]", "", "}\x00", "}//"}
)

// jsonOfApp makes JSON, or what some parser takes for it, with the value 7 and perhaps another one.
func (m mutator) jsonOfApp() string {
	var b strings.Builder
	odd := func(from []string) string {
		if m.one(4) {
			return m.pick(from)
		}
		return from[0]
	}
	b.WriteString(odd(bodyStarts))
	if m.one(10) {
		depth := []int{60, 99, 101, 200, 511, 513, 600, 1100}[m.IntN(8)]
		b.WriteString(`"deep":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + ",")
	}
	for range m.IntN(3) {
		b.WriteString(m.pick(memberOthers) + ",")
	}
	b.WriteString(odd(memberNames) + ":" + odd(memberValues))
	for range m.IntN(3) {
		b.WriteString("," + m.pick(m.either([]string{m.pick(memberNames) + ":8"}, memberOthers)))
	}
	return b.String() + odd(bodyEnds)
}
