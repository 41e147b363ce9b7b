package caddymodule

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tokenreeve/tokenreeve/token"
)

// TestMain makes the test binary a Caddy with this module when it is called by
// that name, so that the scripts run what users run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"caddy": caddycmd.Main})
}

// gatewayJSON protects two APIs; one handler is nested, as a Caddyfile makes it.
const gatewayJSON = `{"apps": {
	"api_tokens": {"store": {"driver": "sqlite", "source": "tokens.db"}},
	"http": {"servers": {"srv0": {"listen": [":0"], "routes": [
		{"handle": [{"handler": "subroute", "routes": [{"handle": [
			{"handler": "api_tokens", "api": "articles", "permissions": [
				{"name": "article.find", "operations": ["GET /api/articles", "GET /api/articles/{id}"]},
				{"name": "article.create", "operations": ["POST /api/articles"]},
				{"name": "search.run", "mark": "read", "operations": ["POST /api/search"]}
			]}
		]}]}]},
		{"handle": [{"handler": "api_tokens"}]}
	]}}}
}}`

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_DATA_HOME", filepath.Join(env.WorkDir, "data"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			return os.WriteFile(filepath.Join(env.WorkDir, "gateway.json"), []byte(gatewayJSON), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"json": scriptJSON, "sqlite": scriptSQLite},
	})
}

// scriptJSON is the script command "json VAR field.field": it sets a variable to
// a field of the JSON object that the last command printed.
func scriptJSON(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: json VAR field.field")
	}
	var value any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &value))
	for field := range strings.SplitSeq(args[1], ".") {
		object, _ := value.(map[string]any)
		value = object[field]
	}
	text, ok := value.(string)
	if !ok {
		ts.Fatalf("%s is not a text", args[1])
	}
	ts.Setenv(args[0], text)
}

// scriptSQLite is the script command "sqlite FILE STATEMENTS": it runs what a file
// holds on a database.
func scriptSQLite(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sqlite FILE STATEMENTS")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.ExecContext(context.Background(), ts.ReadFile(args[1]))
	ts.Check(errors.Join(err, db.Close()))
}

// Whatever is stored or typed, a terminal must see it as text on one line: an
// escape sequence in a name could rewrite what the list shows.
func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"ci":          "ci",
		"Bücher-日本 ✓": "Bücher-日本 ✓",
		`a "b" \c`:    `a "b" \c`,
		"a\x1b[2Jb":   `"a\x1b[2Jb"`,
		"a\tb\nc":     `"a\tb\nc"`,
		"a\u202eb":    `"a\u202eb"`,
		"a\xffb":      `"a\xffb"`,
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %s; want %s", in, got, want)
		}
	}
}

func TestErrorsAreOneLine(t *testing.T) {
	err := oneLine(errors.Join(errors.New("one\x1b[2J"), errors.New("two\r")))
	if got, want := err.Error(), `one\x1b[2J; two\r`; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	secret := "trv_" + strings.Repeat("a", 38)
	if got := oneLine(fmt.Errorf("api: %q is not known", secret)).Error(); strings.Contains(got, secret) || !strings.Contains(got, "that is a secret") {
		t.Errorf("got %q", got)
	}
	if oneLine(nil) != nil {
		t.Error("no error became one")
	}
}

func TestDescribeEscapes(t *testing.T) {
	if got, want := describe(&token.Token{Name: "a\x1bb", API: "x\ny"}), `"a\x1bb" of API "x\ny"`; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}
