package caddymodule

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestStartErrors(t *testing.T) {
	b := startBackend(t, "")
	for name, test := range map[string]struct {
		store   string
		prepare func(t *testing.T, dir string)
		says    []string
	}{
		"a folder that is a file": {"DIR/file/tokens.db", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "file"), "x")
		}, []string{"/file/tokens.db", "looking for the database"}},
		"a folder that can't be made": {"/proc/none/tokens.db", func(*testing.T, string) {}, []string{"/proc/none", "making the folder of the database"}},
		"a folder in its place": {"DIR/folder", func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, []string{"/folder", "can't be opened"}},
		"a newer version": {"DIR/tokens.db", func(t *testing.T, dir string) {
			execute(t, filepath.Join(dir, "tokens.db"), "PRAGMA user_version = 999")
		}, []string{"/tokens.db", "newer Tokenreeve", "999"}},
		"another program's": {"DIR/foreign.db", func(t *testing.T, dir string) {
			execute(t, filepath.Join(dir, "foreign.db"), "CREATE TABLE x (y)")
		}, []string{"/foreign.db", "another program"}},
		"no database": {"DIR/text.db", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "text.db"), strings.Repeat("This is no database. ", 500))
		}, []string{"/text.db", "not a SQLite database"}},
		"a variable that is not set": {"{env.TOKENREEVE_NOT_SET}/tokens.db", func(*testing.T, string) {}, []string{"env.TOKENREEVE_NOT_SET"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, map[string]string{"BACKEND": b.addr(), "MORE": "", "REST": "", "STORE": test.store})
			test.prepare(t, g.dir)
			err := g.load(articlesSite)
			if err == nil {
				t.Fatal("it started")
			}
			for _, want := range append(test.says, ", at Caddyfile:") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("it says %q; want %q in it", err, want)
				}
			}
			if n := runtimeCount(); n != 0 {
				t.Errorf("%d runtimes are left", n)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// A token of an API may do the same on all its sites.
func TestSitesOfOneAPI(t *testing.T) {
	b := startBackend(t, "")
	g := newArticles(t, b, nil)
	second := strings.Replace(articlesSite, "http://GATE", "http://other.test"+anyHost(g.addr), 1)
	err := g.load(articlesSite + strings.Replace(second, "GET /api/articles\n", "GET /api/all\n", 1))
	if err == nil || !strings.Contains(err.Error(), `API "articles" is configured twice with different permissions`) {
		t.Errorf("different permissions: %v", err)
	}
	if err := g.load(articlesSite + second); err != nil {
		t.Errorf("the same permissions: %v", err)
	}
	if a := g.ask("GET", "/api/articles", g.bearer("finder")); a.status != 200 {
		t.Errorf("got %v", a)
	}
}

// validate checks the words and opens no store: it may run beside a gateway, as
// another user, or on another machine.
func TestValidateOpensNoStore(t *testing.T) {
	dir := t.TempDir()
	for name, store := range map[string]string{"new": filepath.Join(dir, "new", "tokens.db"), "not possible": "/proc/none/tokens.db"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, "Caddyfile")
			write(t, file, "{\n\tadmin off\n\tapi_tokens {\n\t\tstore sqlite "+store+"\n\t}\n}\nhttp://:1 {\n\tapi_tokens articles\n}\n")
			cmd := exec.Command("caddy", "validate", "--config", file)
			cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir+"/data", "XDG_CONFIG_HOME="+dir+"/config")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			if _, err := os.Stat(filepath.Dir(store)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the folder of the store was made: %v", err)
			}
		})
	}
	if runtimeCount() != 0 {
		t.Error("a runtime is left")
	}
}
