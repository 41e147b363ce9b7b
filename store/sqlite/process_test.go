package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

const (
	jobVariable  = "TOKENREEVE_SQLITE_JOB"
	pathVariable = "TOKENREEVE_SQLITE_PATH"
	nameVariable = "TOKENREEVE_SQLITE_NAME"
)

// jobs are what another process does in a test.
var jobs = map[string]func(ctx context.Context, s *Store, name string) error{
	// add adds one token.
	"add": func(ctx context.Context, s *Store, name string) error { return add(ctx, s, name) },
	// disable disables one token.
	"disable": func(ctx context.Context, s *Store, name string) error {
		return s.Change(ctx, func(tx store.Tx) error {
			t, err := tx.Token(ctx, name)
			if err != nil {
				return err
			}
			t.Enabled = false
			return tx.UpdateToken(ctx, t)
		})
	},
	// flood adds tokens until it is killed, and names each one that is committed.
	"flood": func(ctx context.Context, s *Store, name string) error {
		for i := 0; ; i++ {
			one := fmt.Sprint(name, "-", i)
			if err := add(ctx, s, one); err != nil {
				return err
			}
			fmt.Println(one)
		}
	},
}

// runJob is the main function of the other process.
func runJob(job string) int {
	ctx := context.Background()
	s, err := Open(ctx, os.Getenv(pathVariable))
	if err == nil {
		err = jobs[job](ctx, s, os.Getenv(nameVariable))
		err = errors.Join(err, s.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func command(t *testing.T, program, job, path, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), jobVariable+"="+job, pathVariable+"="+path, nameVariable+"="+name)
	return cmd
}

func thisProgram(t *testing.T) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestProcessesStartAtOnce(t *testing.T) {
	const processes = 6
	path, program := filepath.Join(t.TempDir(), "new", "tokens.db"), thisProgram(t)
	ended := make(chan error, processes)
	for i := range processes {
		cmd := command(t, program, "add", path, fmt.Sprint("process-", i))
		go func() {
			out, err := cmd.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			ended <- err
		}()
	}
	for range processes {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	s := open(t, path)
	for i := range processes {
		mustFind(t, s, fmt.Sprint("process-", i))
	}
}

func TestStoresOpenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	ended := make(chan error)
	const stores = 6
	for i := range stores {
		go func() {
			s, err := Open(t.Context(), path)
			if err == nil {
				err = errors.Join(add(t.Context(), s, fmt.Sprint("store-", i)), s.Close())
			}
			ended <- err
		}()
	}
	for range stores {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	s := open(t, path)
	for i := range stores {
		mustFind(t, s, fmt.Sprint("store-", i))
	}
}

// A command that only reads waits for no other process that writes, not even to open the
// store: list waited 10 seconds for an import, and failed then.
func TestOpensWhileAnotherWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	writes := open(t, path)
	mustAdd(t, writes, "ci")
	holder, err := writes.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback()
	reads, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer reads.Close()
	mustFind(t, reads, "ci")
}

// A change by the command line reaches a running gateway (invariant 4).
func TestChangeByAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	s := open(t, path)
	mustAdd(t, s, "ci")
	told := listen(t, s)

	out, err := command(t, thisProgram(t), "disable", path, "ci").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	await(t, told, func(changed store.Changed) bool {
		if changed.All {
			t.Error("everything was told, for no reason")
		}
		return slices.Contains(changed.Digests, token.Hash("ci"))
	})
	found, err := s.Lookup(t.Context(), token.Hash("ci"))
	if err != nil || found.Token.Enabled {
		t.Errorf("the token is still %+v, %v", found.Token, err)
	}
}

// What was answered is there after a kill -9, at whatever moment.
func TestKilledWhileWriting(t *testing.T) {
	const kills = 20
	path, program := filepath.Join(t.TempDir(), "tokens.db"), thisProgram(t)
	s := open(t, path)
	for i := range kills {
		for _, name := range floodAndKill(t, program, path, fmt.Sprint("flood-", i), 1+i) {
			mustFind(t, s, name)
		}
		mustAdd(t, s, fmt.Sprint("after-", i)) // and others go on
	}
	var result string
	if err := s.writer.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&result); err != nil || result != "ok" {
		t.Errorf("the file is damaged: %s, %v", result, err)
	}
}

// floodAndKill kills a writing process after it committed a number of changes,
// and returns all that it committed.
func floodAndKill(t *testing.T, program, path, name string, after int) []string {
	t.Helper()
	cmd := command(t, program, "flood", path, name)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	var committed []string
	for err == nil {
		if len(committed) == after {
			cmd.Process.Signal(syscall.SIGKILL)
		}
		var line string
		if line, err = lines.ReadString('\n'); err == nil {
			committed = append(committed, strings.TrimSpace(line))
		}
	}
	if !errors.Is(err, io.EOF) || len(committed) < after {
		t.Fatalf("the process ended after %d changes: %v", len(committed), err)
	}
	cmd.Wait()
	return committed
}

// A file that only others may write is an error that says so. As root, who may
// do anything, this needs another user.
func TestNoAccess(t *testing.T) {
	folder := shared(t)
	path := filepath.Join(folder, "tokens.db")
	s := open(t, path)
	mustAdd(t, s, "ci")
	s.Close()
	program := copyProgram(t, folder)
	before := contents(t, path)

	for _, c := range []struct {
		name         string
		file, folder os.FileMode
		want         string
	}{
		{"file can't be written", 0o444, 0o777, "can't be written; the user that runs this needs write access"},
		{"file can't be read", 0o000, 0o755, "can't be opened; the user that runs this needs read and write access"},
		{"folder can't be entered", 0o644, 0o000, "the user that runs this needs access to the file and its folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := errors.Join(os.Chmod(path, c.file), os.Chmod(filepath.Dir(path), c.folder)); err != nil {
				t.Fatal(err)
			}
			defer os.Chmod(filepath.Dir(path), 0o755)
			cmd := command(t, program, "add", path, "other")
			if os.Geteuid() == 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			}
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.want) || !strings.Contains(string(out), path) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	os.Chmod(path, 0o644)
	if contents(t, path) != before {
		t.Error("the file changed")
	}
}

// shared returns a folder inside one that every user may enter.
func shared(t *testing.T) string {
	t.Helper()
	outer, err := os.MkdirTemp("", "tokenreeve") //nolint:usetesting // t.TempDir is in a folder that others may not enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(outer) })
	inner := filepath.Join(outer, "data")
	if err := errors.Join(os.Chmod(outer, 0o755), os.Mkdir(inner, 0o755)); err != nil {
		t.Fatal(err)
	}
	return inner
}

// copyProgram puts this program where every user may run it, beside the folder.
func copyProgram(t *testing.T, folder string) string {
	t.Helper()
	text, err := os.ReadFile(thisProgram(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(filepath.Dir(folder), "program")
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// SQLite refuses at once, rather than waits, where it fears a deadlock: a new
// file that several processes opened together was told to be locked for good.
func TestRefusedAtOnceIsTriedAgain(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "tokens.db")
	holds, atOnce := open(t, path).writer, open(t, path).writer
	holder, err := holds.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback()
	if _, err := atOnce.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	attempts := 0
	err = retryBusy(ctx, func() error {
		if attempts++; attempts == 100 {
			if err := holder.Rollback(); err != nil {
				return err
			}
		}
		tx, err := atOnce.BeginTx(ctx, nil)
		if err == nil {
			err = tx.Rollback()
		}
		return err
	})
	if err != nil || attempts != 100 {
		t.Errorf("after %d attempts: %v", attempts, err)
	}
}
