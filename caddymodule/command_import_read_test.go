package caddymodule

import (
	"io"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
)

// What stands in a line has one reading, or none. Errors name the place and no secret.
func TestReadForeign(t *testing.T) {
	const secret = "the-secret-of-a-0123456789"
	read := map[string]func(io.Reader) ([]admin.Foreign, error){"csv": readCSV, "jsonl": readJSONL}
	for _, test := range []struct{ kind, text, want string }{
		{"jsonl", `{"name": "a", "secret": "SECRET"}`, ""},
		{"jsonl", "\ufeff" + `{"name": "a", "secret": "SECRET"}` + "\r\n", ""},
		{"jsonl", `{"name": "a", "secret": "SECRET", "expiry": null, "grants": null, "enabled": null}`, ""},
		{"jsonl", `{"name": "a", "secret": "SECRET", "type": "read-only", "TYPE": "full-access"}`, `line 1: field "TYPE" is none of name, description, type`},
		{"jsonl", `{"name": "a", "secret": "SECRET", "type": "read-only", "type": "full-access"}`, "line 1: field type stands there twice"},
		{"jsonl", `{"name": "a", "secret": "SECRET", "type": "read-only", "t\u0079pe": "full-access"}`, "line 1: field type stands there twice"},
		{"jsonl", `{"name": "a", "secret": "SECRET", "api": "articles"}`, `line 1: field "api" is none of name`},
		{"jsonl", `{"SECRET": "a"}`, "line 1: field 1 is none of name"},
		{"jsonl", `{"name": "a", "secret": "SECRET"}}`, "line 1: this is not a JSON object, or more than one"},
		{"jsonl", `{"name": "a", "secret": "SECRET"} {}`, "line 1: this is not a JSON object, or more than one"},
		{"jsonl", `{"name": "a", "secret": "SECRET"`, "line 1: this is not a JSON object"},
		{"jsonl", `{"name": "a", "secret": "SECRET" "type": "custom"}`, "line 1: this is not a JSON object"},
		{"jsonl", `{"name": "a", "secret": SECRET}`, "line 1: this is not a JSON object"},
		{"jsonl", `["name", "secret"]`, "line 1: this is not a JSON object"},
		{"jsonl", `"SECRET"`, "line 1: this is not a JSON object"},
		{"jsonl", "\n" + `{"name": "a", "secret": ["SECRET"]}`, "line 2: secret is not a text"},
		{"jsonl", `{"name": "a", "secret": "SECRET", "grants": "article.find"}`, "line 1: grants is not a list of texts"},
		{"jsonl", `{"name": "a", "secret": "SECRET", "enabled": "false"}`, "line 1: enabled is not true or false"},
		{"csv", "name,secret\na,SECRET\n", ""},
		{"csv", "\ufeffname,secret\na,SECRET\n", ""},
		{"csv", "\ufeff\"name\",\"secret\"\r\n\"a\",\"SECRET\"\r\n", ""},
		{"csv", "name,\ufeffsecret\na,SECRET\n", "line 1: column 2 is none of name"},
		{"csv", "\ufeff", "there is no line that names the columns"},
	} {
		text := strings.ReplaceAll(test.text, "SECRET", secret)
		list, err := read[test.kind](strings.NewReader(text))
		switch {
		case test.want == "" && (err != nil || len(list) != 1 || list[0].Name != "a" || list[0].Secret != secret || list[0].Disabled || !list[0].Expiry.IsZero()):
			t.Errorf("%s: %+v, %v", test.text, list, err)
		case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), secret)):
			t.Errorf("%s: %v; want %s", test.text, err, test.want)
		}
	}
}
