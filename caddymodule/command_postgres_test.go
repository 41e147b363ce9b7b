package caddymodule

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/postgres"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
)

// shell runs commands in a folder.
type shell struct {
	t   *testing.T
	dir string
	env []string
}

func (s *shell) run(args ...string) (out, notes string, ok bool) {
	s.t.Helper()
	cmd := exec.Command("caddy", append([]string{"api-tokens"}, args...)...)
	cmd.Dir = s.dir
	cmd.Env = append(append(os.Environ(), "HOME="+s.dir, "XDG_DATA_HOME="+s.dir+"/data"), s.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if strings.Contains(stdout.String()+stderr.String(), pgtest.Password) {
		s.t.Errorf("%v shows the password: %s%s", args, &stdout, &stderr)
	}
	return stdout.String(), stderr.String(), err == nil
}

// works runs a command that must succeed and returns its output.
func (s *shell) works(args ...string) string {
	s.t.Helper()
	out, notes, ok := s.run(args...)
	if !ok {
		s.t.Fatalf("%v: %s%s", args, out, notes)
	}
	return out
}

// fails runs a command that must fail with one line that says so.
func (s *shell) fails(says string, args ...string) {
	s.t.Helper()
	out, notes, ok := s.run(args...)
	if ok || out != "" || strings.Count(notes, "\n") != 1 || !strings.HasPrefix(notes, "Error: ") || !strings.Contains(notes, says) {
		s.t.Errorf("%v: %s%q; want an error with %q", args, out, notes, says)
	}
}

// says runs a command that must succeed and say this.
func (s *shell) says(want string, args ...string) {
	s.t.Helper()
	if out := s.works(args...); out != want {
		s.t.Errorf("%v says %q; want %q", args, out, want)
	}
}

const postgresCaddyfile = `{
	api_tokens {
		store postgres {env.DATABASE_URL}
	}
}
:0 {
	api_tokens articles {
		resource article /api/articles
	}
}
`

func newShell(t *testing.T, server *pgtest.Server) (s *shell, database string) {
	t.Helper()
	database = server.Database(t)
	s = &shell{t: t, dir: t.TempDir()}
	s.env = []string{"DATABASE_URL=" + server.DSN(database, pgtest.Superuser)}
	write(t, filepath.Join(s.dir, "Caddyfile"), postgresCaddyfile)
	return s, database
}

// The commands of docs/command-line.md that need Postgres.
func TestMigrateAndCopy(t *testing.T) {
	server := pgtest.Shared(t)
	s, database := newShell(t, server)
	write(t, filepath.Join(s.dir, "bare"), "{\n\tapi_tokens {\n\t\tstore postgres {file."+s.dir+"/dsn}\n\t}\n}\n")
	write(t, filepath.Join(s.dir, "dsn"), server.DSN(database, pgtest.Superuser)+"\n\n")

	// An empty database: nothing is made by looking, nor by what is refused.
	s.fails("there is no token store in the Postgres database", "list")
	s.fails("is not known", "create", "--name", "a", "--api", "nothing")
	if out := s.works("migrate", "--status"); !strings.HasPrefix(out, "not there: ") {
		t.Errorf("the status is %q", out)
	}
	if out := s.works("migrate"); !strings.HasPrefix(out, "migrated: the tables have version ") {
		t.Errorf("it says %q", out)
	}
	if out := s.works("migrate"); !strings.HasPrefix(out, "up to date: ") {
		t.Errorf("the second time it says %q", out)
	}
	var status map[string]any
	if err := json.Unmarshal([]byte(s.works("migrate", "--status", "--json")), &status); err != nil || status["up_to_date"] != true || status["migrated"] != false || status["version"] != status["needed"] {
		t.Errorf("the status is %v, %v", status, err)
	}
	s.works("list", "--config", "bare", "--adapter", "caddyfile")

	// A store grew in a file.
	old := "sqlite:" + filepath.Join(s.dir, "old.db")
	secrets := fillOld(t, filepath.Join(s.dir, "old.db"))
	s.fails("--from takes a store, written sqlite:<path> or postgres:<dsn>", "copy", "--to", old)
	s.fails("--to takes a store", "copy", "--from", old, "--to", "mysql:x")
	s.fails("--to has a password in it, which shows in process lists", "copy", "--from", old, "--to", "postgres:"+server.DSN(database, pgtest.Superuser))
	s.fails("--to has a password in it", "copy", "--from", old, "--to", server.DSN(database, pgtest.Superuser))
	s.fails("there is no token store at", "copy", "--from", "sqlite:nowhere.db", "--to", "postgres:{env.DATABASE_URL}")
	s.fails("NOT_SET", "copy", "--from", old, "--to", "postgres:{env.NOT_SET}")
	out, notes, ok := s.run("copy", "--from", old, "--to", "postgres:{env.DATABASE_URL}")
	if !ok || out != "copied: 3 tokens\n" || !strings.HasPrefix(notes, "Changes and uses that gateways or commands make in the old store") {
		t.Errorf("copy says %q, %q", out, notes)
	}
	s.fails("--to: store is not empty: it has tokens already, and nothing was copied; use a new one", "copy", "--from", old, "--to", "postgres:{env.DATABASE_URL}")
	want := s.works("list", "--config", "old.json")
	s.says(want, "list")
	s.says("{\n  \"copied\": 3\n}\n", "copy", "--from", "postgres:{file."+s.dir+"/dsn}", "--to", "sqlite:back.db", "--json")
	back, err := sqlite.Open(t.Context(), filepath.Join(s.dir, "back.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	for name, secret := range secrets {
		if found, err := back.Lookup(t.Context(), secret.Digest); err != nil || found.Token.Name != name {
			t.Errorf("there and back, %s is %+v, %v", name, found, err)
		}
	}

	// A newer version is left alone.
	if err := server.Exec(database, "UPDATE schema_version SET tokenreeve = 999"); err != nil {
		t.Fatal(err)
	}
	if out := s.works("migrate", "--status"); !strings.HasPrefix(out, "too new: the tables have version 999") {
		t.Errorf("the status is %q", out)
	}
	s.fails("newer Tokenreeve", "migrate")
	s.fails("newer Tokenreeve", "list")
	s.fails("migrate is for store postgres; a SQLite file is brought up to date by whatever opens it", "migrate", "--store", old)
	s.fails("--store has a password in it", "migrate", "--store", server.DSN(database, pgtest.Superuser))
}

// fillOld makes a store with three tokens, and a configuration for it.
func fillOld(t *testing.T, path string) map[string]store.Secret {
	t.Helper()
	write(t, filepath.Join(filepath.Dir(path), "old.json"), `{"apps": {"api_tokens": {"store": {"driver": "sqlite", "source": "`+path+`"}}}}`)
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	service := admin.New(s, time.Now, rand.Reader, store.Catalog{API: "articles"})
	secrets := map[string]store.Secret{}
	for _, name := range []string{"ci", "reader", "legacy"} {
		_, secret, err := service.Create(t.Context(), operator, admin.NewToken{API: "articles", Name: name, Type: "read-only", Duration: "7d"})
		if err != nil {
			t.Fatal(err)
		}
		secrets[name] = store.Secret{Digest: secret.Digest()}
	}
	return secrets
}

// stuckStore exports one token, and nothing more.
type stuckStore struct{ store.Store }

func (stuckStore) Catalogs(context.Context) ([]store.Catalog, error) { return nil, nil }

func (stuckStore) Export(ctx context.Context, yield func(store.Record) error) error {
	time.Sleep(copyPatience - time.Second)
	if err := yield(store.Record{}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (stuckStore) Import(_ context.Context, records iter.Seq2[store.Record, error]) error {
	for _, err := range records {
		if err != nil {
			return err
		}
	}
	return nil
}

// A copy takes as long as it moves, and no longer.
func TestCopyThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := copyMoving(t.Context(), stuckStore{}, stuckStore{})
		if took := time.Since(began); !errors.Is(err, errStalled) || took != 2*copyPatience-time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// Commands work behind a pooler, as gateways do with `invalidation poll`.
func TestCommandsBehindAPooler(t *testing.T) {
	server := pgtest.Shared(t)
	s, database := newShell(t, server)
	s.env = []string{"DATABASE_URL=" + server.Bouncer(t, database), "DIRECT_URL=" + server.DSN(database, pgtest.Superuser)}
	write(t, filepath.Join(s.dir, "Caddyfile"), strings.Replace(postgresCaddyfile, "store postgres {env.DATABASE_URL}", "store postgres {env.DATABASE_URL}\n\t\tinvalidation poll 1s", 1))
	s.fails("there is no token store in the Postgres database", "list")
	if out := s.works("create", "--api", "articles", "--name", "first"); !strings.HasPrefix(out, "trv_") {
		t.Errorf("create printed %q", out)
	}
	for _, args := range [][]string{{"migrate"}, {"migrate", "--status"}, {"migrate", "--store", "postgres:{env.DATABASE_URL}"}, {"migrate", "--status", "--store", "postgres:{env.DATABASE_URL}"}} {
		if out := s.works(args...); !strings.HasPrefix(out, "up to date: ") {
			t.Errorf("%v says %q", args, out)
		}
	}
	s.works("update", "first", "--duration", "unlimited")
	s.works("disable", "first")
	if out := s.works("show", "first"); !strings.Contains(out, "disabled") {
		t.Errorf("show printed %q", out)
	}
	s.says("{\n  \"copied\": 1\n}\n", "copy", "--from", "postgres:{env.DATABASE_URL}", "--to", "sqlite:out.db", "--json")
	s.works("delete", "first", "--yes")
	s.says("{\n  \"copied\": 1\n}\n", "copy", "--from", "sqlite:out.db", "--to", "postgres:{env.DATABASE_URL}", "--json")
	want := s.works("list")
	if !strings.Contains(want, "first") {
		t.Errorf("list printed %q", want)
	}
	write(t, filepath.Join(s.dir, "direct"), strings.Replace(postgresCaddyfile, "DATABASE_URL", "DIRECT_URL", 1))
	s.says(want, "list", "--config", "direct", "--adapter", "caddyfile")
}

// A role that may not make tables can do all that commands do, once they are there.
func TestCommandsOfARoleThatServes(t *testing.T) {
	server := pgtest.Shared(t)
	s, database := newShell(t, server)
	if err := server.CreateRole("tokenreeve_serve"); err != nil {
		t.Fatal(err)
	}
	owner := server.DSN(database, pgtest.Superuser)
	s.env = []string{"DATABASE_URL=" + server.DSN(database, "tokenreeve_serve"), "OWNER_URL=" + owner}
	s.fails("api-tokens migrate", "create", "--api", "articles", "--name", "ci")
	s.works("migrate", "--store", "postgres:{env.OWNER_URL}")
	if err := server.Exec(database, postgres.GrantsToServe); err != nil {
		t.Fatal(err)
	}
	if out := s.works("create", "--api", "articles", "--name", "ci"); !strings.HasPrefix(out, "trv_") {
		t.Errorf("create printed %q", out)
	}
	s.works("update", "ci", "--duration", "unlimited")
	s.works("disable", "ci")
	if out := s.works("show", "ci"); !strings.Contains(out, "disabled") {
		t.Errorf("show printed %q", out)
	}
	s.works("delete", "ci", "--yes")
	if out := s.works("migrate"); !strings.HasPrefix(out, "up to date: ") {
		t.Errorf("migrate says %q", out)
	}
}
