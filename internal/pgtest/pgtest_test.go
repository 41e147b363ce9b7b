package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// folderVariable makes this program start a server, print its folder and wait.
const folderVariable = "TOKENREEVE_PGTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(folderVariable) != "" {
		s, err := New("")
		if err != nil {
			panic(err)
		}
		if _, err := s.BouncerDSN("postgres"); err != nil {
			panic(err)
		}
		os.Stdout.WriteString(s.dir + "\n")
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

func TestServerLives(t *testing.T) {
	s := Start(t)
	database := s.Database(t)
	must(t, s.Exec(database, "CREATE TABLE kept (x int)"))
	for name, step := range map[string]func() error{
		"restart": s.Restart,
		"kill":    func() error { return join(s.Kill(), s.Start()) },
		"quit":    func() error { return join(s.Stop(syscall.SIGQUIT), s.Start()) },
		"halt":    func() error { return join(s.Signal(syscall.SIGSTOP), s.Signal(syscall.SIGCONT)) },
	} {
		must(t, step())
		if err := s.Exec(database, "INSERT INTO kept VALUES (1)"); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
}

// A program that is killed leaves no server behind, not even one that hangs.
func TestNothingIsLeft(t *testing.T) {
	if _, err := programs(); err != nil {
		needed(t, err)
	}
	program, err := os.Executable()
	must(t, err)
	child := exec.Command(program)
	child.Env = append(os.Environ(), folderVariable+"=1")
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	text := make([]byte, 200)
	n, err := out.Read(text)
	must(t, err)
	s := &Server{dir: strings.TrimSpace(string(text[:n]))}
	var pids []int
	for _, file := range []string{"data/postmaster.pid", "bouncer.pid"} {
		pid, err := s.pidFile(file)
		must(t, err)
		children, err := childrenOf(pid)
		must(t, err)
		pids = append(append(pids, pid), children...)
	}
	if len(pids) < 5 {
		t.Fatalf("only %d processes", len(pids))
	}
	for _, pid := range pids {
		must(t, syscall.Kill(pid, syscall.SIGSTOP))
	}
	must(t, child.Process.Kill())
	child.Wait()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		_, err := os.Stat(s.dir)
		if left := alive(pids); left == 0 && os.IsNotExist(err) {
			return
		} else if time.Now().After(end) {
			t.Fatalf("%d of %d processes are left, folder: %v", left, len(pids), err)
		}
	}
}

func alive(pids []int) (n int) {
	for _, pid := range pids {
		text, err := os.ReadFile("/proc/" + itoa(pid) + "/stat")
		if err == nil && !strings.Contains(string(text), ") Z ") {
			n++
		}
	}
	return n
}

func itoa(n int) string { return strconv.Itoa(n) }

func join(errs ...error) error { return errors.Join(errs...) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
