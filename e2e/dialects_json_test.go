package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// readByJS is what JSON.parse takes for the member app of a body.
type readByJS struct{ Kind, Text string }

// is reports whether it stands for a value, which for a number is its text.
func (r readByJS) is(value string) bool {
	if r.Kind == "number" {
		ours, err1 := strconv.ParseFloat(value, 64)
		theirs, err2 := strconv.ParseFloat(r.Text, 64)
		return err1 == nil && err2 == nil && ours == theirs
	}
	return r.Kind == "string" && r.Text == value
}

// jsonTexts are what the bodies are made of: names and values of members, and what
// stands between them. Some are wrong for one reader or for all.
var (
	jsonNames  = []string{`"app"`, `"app"`, `"app"`, `"app"`, `"app"`, `"\u0061pp"`, `"App"`, `"app "`, `"app\u0000"`, `"ap"`, `"x"`, `"__proto__"`, `"\ud800"`, "\"app\xff\"", `'app'`, `app`, `""`}
	jsonValues = []string{
		`7`, `"7"`, `8`, `"8"`, `7.0`, `7e0`, `70e-1`, `-7`, `-0`, `07`, `+7`, `0x7`, `.7`, `7.`, `1e400`, `100000000000000`, `12345678901234567890`, `"\u0037"`, `"7\u0000"`,
		`"7 "`, `"\ud800"`, `"\ud83d\ude00"`, "\"\xff\"", "\"\xc0\xb7\"", `"\x37"`, `"a\/b"`, "\"a\tb\"", `true`, `null`, `NaN`, `{}`, `{"app":8}`, `[7]`, `"é"`, `"e\u0301"`, `""`,
	}
	jsonBlanks = []string{" ", "\n", "\t", "\u00a0", "\ufeff", "/**/", "\x00", "\v"}
	jsonEnds   = []string{"", "", "", "", "", "", "", "", "", " ", "\n", ",", "}", "x", "\x00", `{"app":8}`, "//", "\ufeff"}
	// jsonGrants are values that grants fix.
	jsonGrants = []string{"7", "8", "7.0", "7e0", "70e-1", "-7", "-0", "100000000000000", "7 ", "😀", "a/b", "é", "e\u0301", "07", "0", "app"}
)

func jsonBody(random *rand.Rand) string {
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	blank := func() string {
		if random.IntN(10) > 0 {
			return ""
		}
		return pick(jsonBlanks)
	}
	var members []string
	for range 1 + random.IntN(2) {
		members = append(members, blank()+pick(jsonNames)+blank()+":"+blank()+pick(jsonValues))
	}
	return blank() + "{" + strings.Join(members, ",") + blank() + "}" + pick(jsonEnds)
}

// What the gate takes for the value of a parameter, JavaScript's JSON.parse takes for it
// as well, in every body that the gate lets pass.
func TestJSONIsReadAsJavaScriptDoes(t *testing.T) {
	const bodies = 4000
	random := rand.New(rand.NewPCG(7, 8))
	texts, lines := make([]string, bodies), make([]string, bodies)
	for i := range texts {
		texts[i] = jsonBody(random)
		lines[i] = base64.StdEncoding.EncodeToString([]byte(texts[i]))
	}
	file := filepath.Join(t.TempDir(), "bodies")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := run(t, t.TempDir(), append(os.Environ(), "BODIES="+file), installed(t), filepath.Join(root, "e2e", "dialects", "json.mjs"))
	var judged []readByJS
	if err := json.Unmarshal([]byte(stdout), &judged); err != nil || code != 0 || len(judged) != bodies {
		t.Fatalf("code %d, %v: %d judged, %s", code, err, len(judged), stderr)
	}
	accepted, captured := 0, 0
	for i, text := range texts {
		values, ok := readByGate(t, text)
		if !ok {
			continue
		}
		accepted++
		captured += len(values)
		if judged[i].Kind != "string" && judged[i].Kind != "number" {
			t.Errorf("%q is let pass; JSON.parse reads %+v", text, judged[i])
		}
		for _, value := range values {
			if !judged[i].is(value) {
				t.Errorf("%q has app %q; JSON.parse reads %+v", text, value, judged[i])
			}
		}
	}
	if accepted < bodies/20 || captured < accepted/2 {
		t.Errorf("%d of %d bodies were let pass, %d with a value that a grant fixes", accepted, bodies, captured)
	}
}

// readByGate returns the values that grants must fix to allow a request with the body,
// and whether a grant that fixes none does.
func readByGate(t *testing.T, body string) (values []string, ok bool) {
	t.Helper()
	op, err := permission.ParseOperation("POST /x json:app={app}")
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := permission.NewCatalog([]permission.Permission{{Name: "x.do", Operations: []permission.Operation{op}}})
	if err != nil {
		t.Fatal(err)
	}
	allowed := func(grant string) bool {
		tok := token.Token{API: "x", Type: token.Custom, Enabled: true, Grants: []string{grant}}
		e, err := gate.Explain(tok, catalog, nil, gate.Asked{Method: "POST", Target: "/x", JSON: body}, time.Now())
		if err != nil || e.Reason == gate.UnreadableToken {
			t.Fatal(grant, e.Err, err)
		}
		return e.Reason == gate.Allow
	}
	if !allowed("x.do") {
		return nil, false
	}
	for _, value := range jsonGrants {
		if allowed(fmt.Sprintf("x.do app=%s", url.PathEscape(value))) {
			values = append(values, value)
		}
	}
	return values, true
}
