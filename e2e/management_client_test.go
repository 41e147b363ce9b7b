package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// managementCaddyfile has an API and the management of its tokens.
const managementCaddyfile = `{
	admin %ADMIN%
	api_tokens {
		store sqlite tokens.db
	}
}

http://%API% {
	api_tokens articles {
		resource article /api/articles
	}
	respond "the backend"
}

http://%MANAGEMENT% {
	api_tokens_admin
}
`

// newManagement starts a gateway with its management, and returns where that is.
func newManagement(t *testing.T) (g *gateway, address string) {
	t.Helper()
	g, address = newGateway(t, readyBinary(t), ""), freeAddress(t)
	text := strings.NewReplacer("%ADMIN%", g.admin, "%API%", g.addr, "%MANAGEMENT%", address).Replace(managementCaddyfile)
	g.config = filepath.Join(g.dir, "Caddyfile")
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g.start()
	g.process.answersOn(address)
	return g, address
}

// A client that is generated from the document of a running gateway fits what
// the gateway does: its types are those of what a script writes, and what it
// answers is what they say.
func TestGeneratedClient(t *testing.T) {
	node := installed(t)
	g, address := newManagement(t)
	g.command("account", "create", "deployer", "--role", "manager")
	g.keep("script", g.command("create", "--api", "tokenreeve", "--name", "script", "--owner", "deployer", "--type", "full-access"))

	dir := generateClient(t, node, send(t, http.MethodGet, "http://"+address+"/api/v1/openapi.yaml"))
	env := append(os.Environ(), "MANAGEMENT=http://"+address, "BACKEND=http://"+g.addr, "TOKEN="+g.secrets["script"])
	stdout, stderr, code := run(t, dir, env, node, "client.js")
	if code != 0 {
		t.Fatalf("code %d: %s%s", code, stdout, stderr)
	}
	checkSeen(t, stdout, generatedClientSees)
}

var generatedClientSees = map[string]string{
	"account":         `"deployer, manager, all"`,
	"created":         `[201,200,true,null]`,
	"created another": `"422 idempotency_key_reused"`,
	"invalid":         `["422 invalid_fields",["duration","name"]]`,
	"listed":          `["shop","second"]`,
	"found":           `["second"]`,
	"updated":         `"the shop"`,
	"updated by two":  `"412 version_mismatch"`,
	"both work":       `[200,200]`,
	"secrets":         `[false,true]`,
	"explained":       `[false,"missing_permission","article.delete"]`,
	"disabled":        `401`,
	"enabled":         `"active"`,
	"deleted":         `[204,401]`,
	"gone":            `"404 not_found"`,
	"audit":           `"403 forbidden"`,
}

// generateClient makes types of the document, checks e2e/management/client.ts
// against them, and returns the folder with what comes out.
func generateClient(t *testing.T, node string, document answer) string {
	t.Helper()
	inRepository, err := os.ReadFile(filepath.Join(root, "admin", "rest", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if document.status != http.StatusOK || document.body != string(inRepository) {
		t.Fatalf("the gateway answers %d and another document than admin/rest/openapi.yaml", document.status)
	}
	script, err := os.ReadFile(filepath.Join(root, "e2e", "management", "client.ts"))
	if err != nil {
		t.Fatal(err)
	}
	dir, packages := t.TempDir(), filepath.Join(root, "e2e", "node_modules")
	for name, text := range map[string]string{
		"openapi.yaml": document.body, "client.ts": string(script), "package.json": `{"type": "module"}`,
		"tsconfig.json": `{"files": ["client.ts"], "compilerOptions": {
			"strict": true, "noUncheckedIndexedAccess": true, "target": "es2022", "module": "nodenext", "lib": ["es2023", "dom"], "types": []
		}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(packages, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"openapi-typescript/bin/cli.js", "openapi.yaml", "--output", "schema.d.ts"},
		{"typescript/bin/tsc"},
	} {
		args[0] = filepath.Join(packages, filepath.FromSlash(args[0]))
		if stdout, stderr, code := run(t, dir, os.Environ(), node, args...); code != 0 {
			t.Fatalf("%v: code %d: %s%s", args, code, stdout, stderr)
		}
	}
	return dir
}

// A linter of others has nothing to say about the document, by its recommended
// rules. It would have, of one that is not as it should be.
func TestDocumentIsLinted(t *testing.T) {
	node := installed(t)
	lint := func(path string) (string, int) {
		env := append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true")
		stdout, stderr, code := run(t, filepath.Dir(path), env, node, filepath.Join(root, "e2e", "node_modules", "@redocly", "cli", "bin", "cli.js"),
			"lint", filepath.Base(path), "--extends=recommended", "--format=json")
		return stdout + stderr, code
	}
	path := filepath.Join(root, "admin", "rest", "openapi.yaml")
	if says, code := lint(path); code != 0 || !strings.Contains(says, `"problems": []`) {
		t.Errorf("code %d: %s", code, says)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "openapi.yaml")
	if err := os.WriteFile(broken, []byte(strings.Replace(string(text), "operationId: listTokens", "operationId: createToken", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if says, code := lint(broken); code == 0 || !strings.Contains(says, "operation-operationId-unique") {
		t.Errorf("of a broken document it says code %d: %s", code, says)
	}
}

// checkSeen holds what a client printed against what it should have seen, as JSON by
// what it did.
func checkSeen(t *testing.T, printed string, want map[string]string) {
	t.Helper()
	var saw map[string]json.RawMessage
	if err := json.Unmarshal([]byte(printed), &saw); err != nil {
		t.Fatalf("%v: %s", err, printed)
	}
	for what, want := range want {
		if got := string(saw[what]); got != want {
			t.Errorf("%s:\n got %s\nwant %s", what, got, want)
		}
		delete(saw, what)
	}
	for what, got := range saw {
		t.Errorf("%s: nothing is expected of %s", what, got)
	}
}
