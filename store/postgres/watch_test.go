package postgres

import (
	"context"
	"errors"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// listener is a running Watch and what it was told.
type listener struct {
	mu      sync.Mutex
	changes []store.Changed
}

// listen starts a Watch and waits until it listens.
func listen(t *testing.T, s *Store) *listener {
	t.Helper()
	l, ended := &listener{}, make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(ended)
		s.Watch(ctx, func(changed store.Changed) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.changes = append(l.changes, changed)
		})
	}()
	t.Cleanup(func() { cancel(); <-ended })
	eventually(t, "it listens", l.all)
	l.forget()
	return l
}

func (l *listener) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes = nil
}

func (l *listener) all() bool {
	return l.has(func(c store.Changed) bool { return c.All })
}

// lost returns why nothing is heard, and how often that was told.
func (l *listener) lost() (times int, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, changed := range l.changes {
		if changed.Lost != nil {
			times, why = times+1, changed.Lost
		}
	}
	return times, why
}

func (l *listener) named(name string) bool {
	return l.has(func(c store.Changed) bool { return slices.Contains(c.Digests, token.Hash(name)) })
}

func (l *listener) has(what func(store.Changed) bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.changes, what)
}

// toldAlone fails if the change is not told, or everything is though nothing was lost,
// as it is on a machine that stands still for a second.
func (l *listener) toldAlone(t *testing.T, name string) {
	t.Helper()
	eventually(t, "the change is told", func() bool { return l.named(name) || l.all() })
	if times, _ := l.lost(); l.all() && times == 0 {
		t.Error("everything was told, for no reason")
	}
}

// Others hear of a change by a notification, within some milliseconds; here they would
// not look by themselves for an hour.
func TestNotificationsAreHeard(t *testing.T) {
	s, c := fresh(t, pgtest.Shared(t))
	mustAdd(t, s, "ci")
	other := open(t, c)
	other.settings.heartbeat = time.Hour
	told := listen(t, other)
	var longest time.Duration
	for i := range 20 {
		told.forget()
		began := time.Now()
		check(t, s.Change(t.Context(), func(tx store.Tx) error {
			return tx.EndSecrets(t.Context(), "ci", now, now.Add(time.Duration(100-i)*time.Hour))
		}))
		told.toldAlone(t, "ci")
		longest = max(longest, time.Since(began))
	}
	t.Log("the longest took", longest)
}

func TestWatchTellsOfEverything(t *testing.T) {
	server := pgtest.Shared(t)
	for name, statement := range map[string]string{
		"after a row for all":        `INSERT INTO changes (revision) SELECT max(revision) + 1 FROM changes`,
		"after its row was pruned":   `DELETE FROM changes; INSERT INTO changes VALUES (900, NULL)`,
		"after all rows were lost":   `DELETE FROM changes`,
		"after rows that came again": `UPDATE changes SET revision = revision - 1`,
		"after another table":        `ALTER TABLE changes RENAME TO old; CREATE TABLE changes (LIKE old INCLUDING ALL); INSERT INTO changes SELECT * FROM old`,
		"after its connection ended": `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT ''changes''%' AND pid <> pg_backend_pid()`,
	} {
		for how, poll := range map[string]time.Duration{"": 0, ", polling": 50 * time.Millisecond} {
			t.Run(name+how, func(t *testing.T) {
				database := server.Database(t)
				s := open(t, Config{DSN: server.DSN(database, pgtest.Superuser), Poll: poll})
				told := listen(t, s)
				execute(t, server, database, statement)
				eventually(t, "everything is told", told.all)
			})
		}
	}
}

// The table changes doesn't grow without end; who reads it too slowly is told
// of everything, once.
func TestChangesArePruned(t *testing.T) {
	s, c := fresh(t, pgtest.Shared(t))
	told := listen(t, open(t, c))
	check(t, s.Change(t.Context(), func(pending store.Tx) error {
		_, err := pending.(*tx).exec(t.Context(), `INSERT INTO changes SELECT 1 + n, decode(lpad(to_hex(n), 64, '0'), 'hex') FROM generate_series(1, 11000) n`)
		pending.(*tx).touched[token.Hash("marker")] = struct{}{}
		return err
	}))
	eventually(t, "everything is told", told.all)
	if rows := query[int](t, c, `SELECT count(*) FROM changes`); rows != store.KeptChanges {
		t.Errorf("%d rows are kept", rows)
	}
	told.forget()
	mustAdd(t, s, "later")
	told.toldAlone(t, "later")
}

// Numbers follow the commits without gaps, whatever goes on at once.
func TestNumbersHaveNoGaps(t *testing.T) {
	s, c := fresh(t, pgtest.Shared(t))
	other := open(t, c)
	told := listen(t, open(t, c))
	var running sync.WaitGroup
	for i := range 4 {
		running.Go(func() {
			for n := range 10 {
				if err := add(t.Context(), []*Store{s, other}[i%2], string(rune('a'+i))+string(rune('a'+n))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	if gaps := query[bool](t, c, `SELECT max(revision) - min(revision) + 1 <> count(*) FROM changes`); gaps {
		t.Error("there are gaps")
	}
	for i := range 4 {
		for n := range 10 {
			name := string(rune('a'+i)) + string(rune('a'+n))
			eventually(t, name+" is told", func() bool { return told.named(name) })
		}
	}
	if told.all() {
		t.Error("everything was told, for no reason")
	}
}

// Security rule 14: a notification that can't be made doesn't stop a revocation,
// and others learn of it all the same.
func TestNotificationsThatFail(t *testing.T) {
	server := pgtest.Shared(t)
	for name, function := range map[string]string{
		// As a full queue does it: at the commit.
		"at the commit": `CREATE TABLE queue (payload text);
			CREATE FUNCTION overflow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				RAISE EXCEPTION 'too many notifications in the NOTIFY queue' USING ERRCODE = '54000'; END $$;
			CREATE CONSTRAINT TRIGGER overflow AFTER INSERT ON queue DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION overflow();
			CREATE FUNCTION pg_notify(text, text) RETURNS void LANGUAGE sql AS $$ INSERT INTO queue VALUES ($2) $$`,
		"at once": `CREATE FUNCTION pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
				RAISE EXCEPTION 'no' USING ERRCODE = '42501'; END $$`,
	} {
		t.Run(name, func(t *testing.T) {
			database := server.Database(t)
			c := Config{DSN: server.DSN(database, pgtest.Superuser) + "&search_path=public,pg_catalog"}
			execute(t, server, database, function)
			s := open(t, c)
			mustAdd(t, s, "ci")
			told := listen(t, open(t, c))
			runs := 0
			check(t, s.Change(t.Context(), func(tx store.Tx) error {
				runs++
				return tx.EndSecrets(t.Context(), "ci", now, now.Add(time.Hour))
			}))
			if runs != 2 {
				t.Errorf("the change ran %d times: the failure was not staged", runs)
			}
			told.toldAlone(t, "ci")
		})
	}
}

// Changes of this Store are told before Change returns, also while the listener
// has no connection.
func TestOwnChangesWithoutListener(t *testing.T) {
	server := pgtest.Shared(t)
	s, _ := fresh(t, server)
	mustAdd(t, s, "ci")
	s.settings.pool.ConnConfig.Port = 1 // only the listener connects with it from now on
	var l listener
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- s.Watch(ctx, func(changed store.Changed) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.changes = append(l.changes, changed)
		})
	}()
	eventually(t, "it watches", func() bool {
		return s.watchers.Running() == 1
	})
	eventually(t, "it says that it hears nothing", func() bool { times, _ := l.lost(); return times > 0 })
	time.Sleep(5 * shortestPause) // it tries on, and doesn't say so each time
	if times, why := l.lost(); times != 1 || !errors.Is(why, store.ErrUnavailable) {
		t.Errorf("told %d times of the loss: %v", times, why)
	}
	check(t, disable(t.Context(), s, "ci"))
	if !l.named("ci") || l.all() {
		t.Errorf("told of %+v", l.changes)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch ended with %v", err)
	}
}

// Watch goes on through anything that happens to the server.
func TestWatchEndsWithItsContextOnly(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s, _ := fresh(t, server)
	mustAdd(t, s, "ci")
	told := listen(t, s)
	for name, step := range map[string]func() error{ // each with a loss that is told
		"killed": func() error { return join(server.Kill(), server.Start()) },
		"halted": func() error {
			err := server.Signal(syscall.SIGSTOP)
			time.Sleep(2 * lookTimeout)
			return join(err, server.Signal(syscall.SIGCONT))
		},
		"restarted": server.Restart,
	} {
		told.forget()
		check(t, step())
		eventually(t, "everything is told after it was "+name, told.all)
		if times, why := told.lost(); times == 0 || !errors.Is(why, store.ErrUnavailable) {
			t.Errorf("it was %s: told %d times of the loss: %v", name, times, why)
		}
	}
	told.forget()
	mustAdd(t, s, "later")
	if !told.named("later") {
		t.Error("an own change was not told")
	}
}

// Hosts of the connection string that are silent don't take the time of the one
// that answers.
func TestSilentHosts(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	dsn := server.DSN(server.Database(t), pgtest.Superuser)
	hosts := server.Addr()
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0") // connections are made, and nothing is said
		check(t, err)
		t.Cleanup(func() { l.Close() })
		hosts = l.Addr().String() + "," + hosts
	}
	s := open(t, Config{DSN: strings.Replace(dsn, server.Addr(), hosts, 1) + "&connect_timeout=1"})
	listen(t, s)
}

// Whoever may connect may notify, and so must not make a gateway's memory grow.
func TestFloodOfNotifications(t *testing.T) {
	server := pgtest.Start(t)
	database := server.Database(t)
	c := Config{DSN: server.DSN(database, pgtest.Superuser)}
	s := open(t, c)
	mustAdd(t, s, "ci")
	told := listen(t, open(t, c))
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	check(t, server.CreateRole("stranger"))
	stranger := Config{DSN: server.DSN(database, "stranger")}
	for range 6 { // 470 MB
		query[int](t, stranger, `SELECT count(pg_notify('tokenreeve_' || (SELECT oid FROM pg_class WHERE relname = 'changes'), lpad(n::text, 7900, 'x')))
			FROM generate_series(1, 10000) n`)
		if grown := heap() - before; grown > 64<<20 { // what is on its way
			t.Fatalf("the heap grew by %d MB", grown>>20)
		}
	}
	began := time.Now()
	check(t, disable(t.Context(), s, "ci"))
	eventually(t, "the revocation is told", func() bool { return told.named("ci") || told.all() })
	t.Log("it took", time.Since(began))
	time.Sleep(2 * heartbeat) // whatever is left of the flood
	if grown := heap() - before; grown > 10<<20 {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
}
