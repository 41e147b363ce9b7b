package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// kintoneCaddyfile protects kintone over HTTPS, which its client wants.
const kintoneCaddyfile = `{
	admin %ADMIN%
	skip_install_trust
	auto_https disable_redirects
	api_tokens {
		store sqlite tokens.db
	}
}

https://%SITE% {
	tls internal
	api_tokens articles {
		dialect kintone
	}
	reverse_proxy %BACKEND%
}
`

// kintone's own client runs unchanged: what is allowed reaches the backend, and every
// refusal arrives as an error of its own class with the code that kintone has for it.
func TestKintoneClient(t *testing.T) {
	node := installed(t)
	b, backend := startKintone(t)
	g := newGateway(t, readyBinary(t), "")
	site := strings.Replace(g.addr, "127.0.0.1", "localhost", 1)
	text := strings.NewReplacer("%ADMIN%", g.admin, "%SITE%", site, "%BACKEND%", backend).Replace(kintoneCaddyfile)
	g.config = filepath.Join(g.dir, "Caddyfile")
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g.start()
	for name, grants := range map[string]string{
		"seven": "record.* app=7", "eight": "record.* app=8", "viewer": "record.view app=7", "editor": "record.edit app=7",
		"cursors": "record.view app=7,record.cursor", "disabled": "record.* app=9", "manager": "app.manage app=7", "adder": "record.add app=7,file.upload",
		"views": "record.view app=7,record.comment app=7,record.cursor,file.download",
	} {
		var flags []string
		for grant := range strings.SplitSeq(grants, ",") {
			flags = append(flags, "--grant", grant)
		}
		g.create(name, flags...)
	}
	g.command("disable", "disabled")
	g.secrets["gone"] = strings.Repeat("a", 40) // shaped like kintone's own

	secrets, err := json.Marshal(g.secrets)
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "KINTONE_URL=https://"+site, "KINTONE_SECRETS="+string(secrets), "NODE_EXTRA_CA_CERTS="+g.rootCertificate(t))
	stdout, stderr, code := run(t, g.dir, env, node, filepath.Join(root, "e2e", "kintone", "client.mjs"))
	if code != 0 {
		t.Fatalf("code %d: %s%s", code, stdout, stderr)
	}
	checkSeen(t, stdout, kintoneClientSees)
	if asked := b.took(); !slices.Equal(asked, kintoneWasAsked) {
		t.Errorf("the backend was asked %q; want %q", asked, kintoneWasAsked)
	}
	if len(b.secrets) > 0 {
		t.Errorf("the backend got secrets: %q", b.secrets)
	}
}

// rootCertificate returns where the certificate of the gateway's own authority is.
func (g *gateway) rootCertificate(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(g.dir, "*", "pki", "authorities", "local", "root.crt"))
	if err != nil || len(found) != 1 {
		t.Fatalf("root certificates: %q, %v", found, err)
	}
	return found[0]
}

func kintoneRefusal(status, code string) string {
	return `{"class":"KintoneRestAPIError","known":true,"status":` + status + `,"code":"` + code + `"}`
}

// kintoneBulk is the refusal of a bulk request for that of an index.
func kintoneBulk(index int) string {
	return fmt.Sprintf(`{"class":"KintoneRestAPIError","known":true,"status":403,"code":"GAIA_NO01","bulk":%d}`, index)
}

var (
	kintoneBadToken = kintoneRefusal("400", "GAIA_IA02")
	kintoneMissing  = kintoneRefusal("403", "GAIA_NO01")
)

var kintoneClientSees = map[string]string{
	"add":         `{"id":"1","revision":"1"}`,
	"get":         `"one"`,
	"update":      `{"revision":"2"}`,
	"list":        `1`,
	"list, long":  `1`,
	"array":       `["1","two"]`,
	"bulk":        `2`,
	"all records": `2`,
	"comments":    `0`,
	// As the page says: what the check box "View records" is, and as much as 2000 records.
	"all in order": `2`,
	"comment":      `"1"`,
	"many":         `2000`,
	"fields":       `["title"]`,
	"layout":       `1`,
	"delete":       `{}`,
	// What an app is like, for whoever may view or add.
	"app, views": `"app of 7"`, "views, views": `["all"]`, "settings, views": `"settings of 7"`, "process, views": `false`,
	"app, adder": `"app of 7"`, "views, adder": `["all"]`, "settings, adder": `"settings of 7"`, "process, adder": `false`,

	"no token":              kintoneRefusal("401", "CB_AU01"),
	"unknown token":         kintoneBadToken,
	"disabled token":        kintoneBadToken,
	"one of two unknown":    kintoneBadToken,
	"another app":           kintoneMissing,
	"another app, long":     kintoneMissing,
	"view only":             kintoneMissing,
	"edit without view":     kintoneMissing,
	"delete of another app": kintoneMissing,
	"two of one app":        kintoneRefusal("400", "GAIA_DA03"),
	"preview":               kintoneMissing,
	"bulk with another app": kintoneBulk(1),
	"bulk, several":         kintoneBulk(0),

	"bulk of an unknown token": kintoneBadToken,
	"rights of another app":    kintoneRefusal("400", "CB_VA01"),
	"of the backend":           kintoneRefusal("404", "GAIA_RE01"),
}

// kintoneWasAsked are the requests that reach the backend, and whose they are.
var kintoneWasAsked = []string{
	"POST record.json of seven", "GET record.json of viewer", "PUT record.json of seven", "GET records.json of viewer",
	"GET by POST records.json of viewer", "POST record.json of eight", "GET record.json of seven",
	"POST bulkRequest.json of seven,eight", "POST records/cursor.json of cursors", "GET records/cursor.json of cursors",
	"GET record/comments.json of viewer",
	"POST records/cursor.json of views", "GET records/cursor.json of views", "POST record/comment.json of views", "POST bulkRequest.json of eight",
	"GET app/form/fields.json of viewer", "GET app/form/layout.json of viewer",
	"GET app.json of views", "GET app/views.json of views", "GET app/settings.json of views", "GET app/status.json of views",
	"GET app.json of adder", "GET app/views.json of adder", "GET app/settings.json of adder", "GET app/status.json of adder",
	"DELETE records.json of seven", "GET record.json of seven",
}
