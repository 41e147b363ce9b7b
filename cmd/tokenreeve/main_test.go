package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asCommand makes the test binary the command itself, so that tests run what
// users run, under the race detector if the tests are.
const asCommand = "TOKENREEVE_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what must happen. Nothing is decided by
// it but that it never happened.
const patience = 60 * time.Second

// command is a run of the command in a process of its own.
type command struct {
	t    *testing.T
	cmd  *exec.Cmd
	temp string // its folder for temporary files
	out  output // both streams
	done chan struct{}
}

// start starts the command. It ends with the test at the latest.
func start(t *testing.T, args ...string) *command {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	c := &command{t: t, cmd: exec.Command(binary, args...), temp: t.TempDir(), done: make(chan struct{})}
	c.cmd.Dir = home
	c.cmd.Env = []string{
		asCommand + "=1", "PATH=" + os.Getenv("PATH"), "TMPDIR=" + c.temp,
		"HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home,
	}
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
	c.cmd.WaitDelay = patience
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = c.cmd.Wait() // the exit code is in the process state
		close(c.done)
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it may have ended
		<-c.done
		if t.Failed() {
			t.Logf("it printed:\n%s", c.out.String())
		}
	})
	return c
}

// prints waits until the command has printed a text, and returns all so far.
func (c *command) prints(text string) string {
	c.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		out := c.out.String()
		if strings.Contains(out, text) {
			return out
		}
		select {
		case <-c.done:
			c.t.Fatalf("it ended without printing %q", text)
		default:
		}
		if time.Now().After(end) {
			c.t.Fatalf("it did not print %q within %v", text, patience)
		}
	}
}

// wait waits for the end and returns the exit code.
func (c *command) wait() int {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		c.t.Fatalf("it did not end within %v", patience)
	}
	return c.cmd.ProcessState.ExitCode()
}

// stop sends a signal and returns the exit code.
func (c *command) stop(signal syscall.Signal) int {
	c.t.Helper()
	if err := c.cmd.Process.Signal(signal); err != nil {
		c.t.Fatal(err)
	}
	return c.wait()
}

// output keeps what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
