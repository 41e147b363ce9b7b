package postgres

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// No error has the password, whatever is wrong with a connection string.
func TestPasswordsStayInside(t *testing.T) {
	const password = "hunter2secret"
	server := pgtest.Shared(t)
	address := server.Addr()
	host, port, _ := strings.Cut(address, ":")
	for _, dsn := range []string{
		"postgres://postgres:" + password + "@" + address + "/postgres?sslmode=disable",
		"postgres://postgres:" + password + "@" + address + "/nowhere?sslmode=disable",
		"postgres://postgres:" + password + "@127.0.0.1:1/postgres",
		"postgres://postgres:" + password + "@nowhere.invalid/postgres",
		"postgres://postgres:" + password + "%zz@" + address + "/postgres",
		"postgres://postgres:" + password + "@" + address + ":x/postgres?sslmode=nonsense",
		"postgres://postgres:pa/ss " + password + "@[::1/x",
		"host=" + host + " port=" + port + " user=postgres dbname=postgres password=" + password,
		"host=" + host + " password = '" + password + "' port=x",
		"host=" + host + " password='" + password,
		"password=x\\ " + password + " nonsense",
		"mysql://root:" + password + "@localhost/x",
		"postgres://postgres@" + address + "/postgres?password=" + password + "&sslmode=disable",
		"postgres://postgres@" + address + "/postgres?pool_max_conns=0&password=" + password,
		"postgres://postgres:" + password + "@" + address + "/postgres?connect_timeout=x",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err := Open(ctx, Config{DSN: dsn})
		cancel()
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", dsn, err)
		}
		_, err = ReadStatus(t.Context(), Config{DSN: dsn, Poll: time.Second})
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

// What is wrong with a connection string or a server is said at the start.
func TestOpenSays(t *testing.T) {
	server := pgtest.Shared(t)
	good := server.DSN("postgres", pgtest.Superuser)
	for _, c := range []struct {
		name, dsn, want string
		away            bool
	}{
		{"nothing", " ", "needs a connection string", false},
		{"nonsense", "postgres://[", "can't be read", false},
		{"password", strings.ReplaceAll(good, pgtest.Password, "wrong"), "refuses the log-in", false},
		{"role", server.DSN("postgres", "nobody_knows"), "refuses the log-in", false},
		{"database", server.DSN("nowhere", pgtest.Superuser), "doesn't exist; create it", false},
		{"address", "postgres://postgres@127.0.0.1:1/postgres", "can't be reached", true},
	} {
		_, err := Open(t.Context(), Config{DSN: c.dsn})
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, store.ErrUnavailable) != c.away {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// calls makes every kind of call that a server must answer.
func calls(ctx context.Context, s *Store) map[string]error {
	errs := map[string]error{}
	_, errs["Lookup"] = s.Lookup(ctx, token.Hash("ci"))
	_, errs["Token"] = s.Token(ctx, "ci")
	_, errs["Tokens"] = s.Tokens(ctx, "")
	_, errs["Clock"] = s.Clock(ctx)
	errs["RecordUse"] = s.RecordUse(ctx, []token.Use{{TokenID: "ci", Day: now, Last: now, Allowed: 1}})
	errs["PruneUse"] = s.PruneUse(ctx, now)
	errs["Export"] = s.Export(ctx, func(store.Record) error { return nil })
	errs["Change"] = disable(ctx, s, "ci")
	return errs
}

// A server that stops, is killed or restarts: every call says that the store is
// unavailable, and the first one after it is back is answered.
func TestServerAway(t *testing.T) {
	server := pgtest.Start(t)
	s, _ := fresh(t, server)
	mustAdd(t, s, "ci")
	told := listen(t, s)
	for _, c := range []struct {
		name string
		stop func() error
	}{
		{"stopped", func() error { return server.Stop(syscall.SIGINT) }},
		{"killed", server.Kill},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 3 { // fill the pools
				for name, err := range calls(t.Context(), s) {
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				}
			}
			check(t, c.stop())
			for range 2 {
				for name, err := range calls(t.Context(), s) {
					mustBeAway(t, name, err)
				}
			}
			told.forget()
			check(t, server.Start())
			for name, err := range calls(t.Context(), s) {
				if err != nil {
					t.Errorf("%s after it is back: %v", name, err)
				}
			}
			began := time.Now()
			eventually(t, "everything is told", told.all)
			if took := time.Since(began); took > patience {
				t.Errorf("told after %v", took)
			}
		})
	}
	t.Run("restarted", func(t *testing.T) {
		check(t, server.Restart())
		for name, err := range calls(t.Context(), s) { // their connections are dead
			if err != nil && name != "RecordUse" {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A server that hangs: calls end with their contexts, connections and
// goroutines stay few, and all is well soon after it goes on.
func TestServerHangs(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s, c := fresh(t, server)
	mustAdd(t, s, "ci")
	told := listen(t, s)
	before := runtime.NumGoroutine()
	check(t, server.Signal(syscall.SIGSTOP))
	began := time.Now()
	var running sync.WaitGroup
	for range 200 {
		running.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			for range 3 {
				_, err := s.Lookup(ctx, token.Hash("ci"))
				mustBeAway(t, "Lookup", err)
			}
			mustBeAway(t, "RecordUse", s.RecordUse(ctx, []token.Use{{TokenID: "ci", Day: now, Allowed: 1}}))
			mustBeAway(t, "Change", disable(ctx, s, "ci"))
		})
	}
	running.Wait()
	if took := time.Since(began); took > patience {
		t.Errorf("calls took %v", took)
	}
	eventually(t, "few goroutines are left", func() bool { return runtime.NumGoroutine() <= before+100 })
	time.Sleep(2 * lookTimeout) // so that the listener notices too
	told.forget()
	check(t, server.Signal(syscall.SIGCONT))
	began = time.Now()
	eventually(t, "look-ups are answered", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Lookup(ctx, token.Hash("ci"))
		return err == nil
	})
	if took := time.Since(began); took > patience {
		t.Errorf("look-ups took %v to come back", took)
	}
	eventually(t, "everything is told", told.all)
	eventually(t, "few connections are left", func() bool {
		return query[int](t, c, `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tokenreeve'`) <= 10
	})
	check(t, errorOf(calls(t.Context(), s)))
}

// Close doesn't wait for a server that hangs.
func TestCloseWhileServerHangs(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s, _ := fresh(t, server)
	mustAdd(t, s, "ci")
	check(t, server.Signal(syscall.SIGSTOP))
	ended := make(chan error)
	go func() { ended <- disable(t.Context(), s, "ci") }()
	time.Sleep(50 * time.Millisecond)
	began := time.Now()
	check(t, s.Close())
	if took := time.Since(began); took > closePatience+patience {
		t.Errorf("it took %v", took)
	}
	mustBeAway(t, "Change", <-ended)
	check(t, server.Signal(syscall.SIGCONT))
}

// A store that became read-only goes on with look-ups and says why it writes nothing.
func TestReadOnly(t *testing.T) {
	server := pgtest.Shared(t)
	database := server.Database(t)
	s := open(t, Config{DSN: server.DSN(database, pgtest.Superuser)})
	mustAdd(t, s, "ci")
	execute(t, server, "postgres", "ALTER DATABASE "+database+" SET default_transaction_read_only = on")
	for _, pool := range s.pools() {
		pool.Reset()
	}
	mustFind(t, s, "ci")
	if _, err := s.Clock(t.Context()); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"Change":    disable(t.Context(), s, "ci"),
		"RecordUse": s.RecordUse(t.Context(), []token.Use{{TokenID: "ci", Day: now, Allowed: 1}}),
	} {
		if err == nil || !strings.Contains(err.Error(), "is read-only") || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Rule 15: what is a failure of the connection, and what an answer.
func TestAdvice(t *testing.T) {
	for code, away := range map[string]bool{
		"08006": true, "08P01": true, "57P01": true, "57P02": true, "57P03": true, "53100": true, "53200": true, "53300": true,
		"57014": true, "55P03": true, "58030": true, "25P03": true,
		"26000": false, "42P05": false, "25006": false, "28P01": false, "28000": false, "3D000": false, "42501": false, "42P01": false, "XX001": false, "23505": false, "22021": false,
	} {
		if _, got := advice(code); got != away {
			t.Errorf("%s: away is %v", code, got)
		}
	}
}

// A pooler in between, where the configuration doesn't know of it, is no server
// that is away; one whose server is away says so with the same SQLSTATE.
func TestPoolerInBetween(t *testing.T) {
	server := pgtest.Shared(t)
	database := server.Database(t)
	_, err := Open(t.Context(), Config{DSN: server.Bouncer(t, database)})
	if err == nil || !strings.Contains(err.Error(), "a pooler stands in between; write `invalidation poll 1s`") || errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
	away := &pgconn.PgError{Severity: "FATAL", Code: protocolViolation, Message: "server login has been failing, try again later (server_login_retry)"}
	mustBeAway(t, "PgBouncer without a server", failure(t.Context(), away))
	for _, code := range []string{preparedBefore, notPrepared} {
		wantText(t, failure(t.Context(), &pgconn.PgError{Code: code}), poolerAdvice)
	}
}

// Security rule 18: changes are on disk when they are answered, also where the
// server's own default is another.
func TestDurableCommits(t *testing.T) {
	server := pgtest.Shared(t)
	database := server.Database(t)
	s := open(t, Config{DSN: server.DSN(database, pgtest.Superuser)})
	for setting, want := range map[string]string{"off": "on", "on": "on", "remote_apply": "remote_apply"} {
		execute(t, server, "postgres", "ALTER DATABASE "+database+" SET synchronous_commit = "+setting)
		s.changes.Reset()
		err := s.Change(t.Context(), func(pending store.Tx) error {
			var got string
			err := pending.(*tx).sql.QueryRow(t.Context(), `SHOW synchronous_commit`).Scan(&got)
			if got != want {
				t.Errorf("with %s it is %s", setting, got)
			}
			return err
		})
		check(t, err)
	}
}

// Without polling, a connection has limits that the server keeps; behind a
// pooler, which refuses them, each transaction sets its own.
func TestSessionLimits(t *testing.T) {
	server := pgtest.Shared(t)
	s, c := fresh(t, server)
	var limit string
	check(t, s.lookups.QueryRow(t.Context(), `SHOW statement_timeout`).Scan(&limit))
	if limit != "1min" {
		t.Errorf("statement_timeout is %s", limit)
	}
	c.DSN += "&statement_timeout=7s&application_name=mine"
	s = open(t, c)
	check(t, s.lookups.QueryRow(t.Context(), `SELECT current_setting('statement_timeout') || current_setting('application_name')`).Scan(&limit))
	if limit != "7smine" {
		t.Errorf("the connection string's own is %s", limit)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func errorOf(errs map[string]error) error {
	var all []error
	for _, err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

func join(errs ...error) error { return errors.Join(errs...) }
